"""What was said leaves the process only where that is asked for, and then redacted."""

from __future__ import annotations

from typing import Any

import pytest
import spanledger
from sdk.loopback import Receiver

SAYING = """
        spanledger.instrument({arguments})
        said = [{{"role": "user", "content": "I am bob@example.com, E-123456"}}]
        openai_client().chat.completions.create(model="gpt-4o", messages=said)
        import anthropic
        claude = anthropic.Anthropic(base_url=os.environ["PROVIDER"], api_key="k", max_retries=0)
        claude.messages.create(model="claude-sonnet-4-5", max_tokens=9, messages=said)
        """


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [("capture_content=True", {}), ("", {"SPANLEDGER_CAPTURE_CONTENT": "true"})],
    ids=["by an argument", "by the environment"],
)
def test_what_was_said_is_sent_where_that_is_asked_for_without_addresses(
    run: Any, collector: Receiver, arguments: str, environ: dict[str, str]
) -> None:
    run(SAYING.format(arguments=arguments), **environ)
    for call in collector.calls():
        assert "I am [email], E-123456" in call.attributes["gen_ai.input.messages"]
        assert call.attributes["gen_ai.output.messages"]
    assert len(collector.calls()) == 2
    assert not any(b"bob@example.com" in post.body for post in collector.posts)


def test_what_the_app_names_is_taken_out_too(run: Any, collector: Receiver) -> None:
    run(SAYING.format(arguments='capture_content=True, redact={"employee": r"\\bE-[0-9]{6}\\b"}'))
    for call in collector.calls():
        assert "I am [email], [employee]" in call.attributes["gen_ai.input.messages"]


def test_a_wrong_pattern_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="employee"):
        spanledger.instrument(capture_content=True, redact={"employee": "("})
