"""How a process ends, and what it still sends then."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
from typing import Any

import pytest
from sdk.loopback import Receiver, Run

LATER = {"OTEL_BSP_SCHEDULE_DELAY": "3600000"}


def test_a_script_that_just_ends_has_sent_its_spans(run: Run, collector: Receiver) -> None:
    run("spanledger.instrument(); chat()", OTEL_BSP_SCHEDULE_DELAY="3600000")
    assert len(collector.calls()) == 1


def test_a_script_ends_although_its_collector_accepts_and_never_answers(run: Run) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        run(
            "spanledger.instrument(); chat()",
            SPANLEDGER_ENDPOINT=f"http://127.0.0.1:{deaf.getsockname()[1]}",
            OTEL_EXPORTER_OTLP_TIMEOUT="3600",
            OTEL_BSP_EXPORT_TIMEOUT="3600000",
        )


def test_a_script_that_fails_has_sent_its_spans(run: Run, collector: Receiver) -> None:
    run(
        """
        import subprocess
        code = "import os, openai, spanledger; spanledger.instrument(); " + (
            "openai.OpenAI(base_url=os.environ['PROVIDER'] + '/v1', api_key='k')"
            ".chat.completions.create(model='gpt-4o', messages=[]); raise RuntimeError('the app failed')"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 1 and done.stderr.strip().endswith("RuntimeError: the app failed"), done.stderr
        """,
        **LATER,
    )
    assert len(collector.calls()) == 1


def test_the_last_request_of_an_orderly_end_says_so_and_that_of_an_abrupt_one_does_not(
    run: Run, collector: Receiver
) -> None:
    run("spanledger.instrument(); chat(); spanledger.flush(); chat()", **LATER)
    assert ["final" in stamp for stamp in collector.stamps()] == [False, True]
    collector.posts.clear()
    run("spanledger.instrument(); chat(); spanledger.flush(); chat(); os._exit(0)", **LATER)
    assert ["final" in stamp for stamp in collector.stamps()] == [False]


TERMINATED = """
    import signal, time
    {before}
    spanledger.instrument({arguments})
    {after}
    chat()
    print("READY", flush=True)
    time.sleep(60)
"""


def terminate(script: str, url: str, provider: str, **arguments: str) -> int:
    """The return code of an app that got SIGTERM after its call."""
    prelude = """
        import os, spanledger
        def chat():
            import openai
            openai.OpenAI(base_url=os.environ["PROVIDER"] + "/v1", api_key="k").chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(prelude) + textwrap.dedent(script.format(**arguments))],
        env={**os.environ, "PROVIDER": provider, "SPANLEDGER_ENDPOINT": url, **LATER},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "READY\n"
    process.terminate()
    process.stdout.close()
    return process.wait(30)


def test_by_default_sigterm_ends_the_process_at_once_and_what_was_queued_is_lost(
    collector: Receiver, provider: Any
) -> None:
    assert terminate(TERMINATED, collector.url, provider.url, before="", arguments="", after="") == -signal.SIGTERM
    assert collector.posts == []


def test_where_it_is_asked_for_sigterm_sends_first_and_then_ends_the_process_as_ever(
    collector: Receiver, provider: Any
) -> None:
    code = terminate(TERMINATED, collector.url, provider.url, before="", arguments="sigterm=True", after="")
    assert code == -signal.SIGTERM
    assert len(collector.calls()) == 1
    assert collector.stamps()[-1]["final"] == 1


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_handler_of_the_apps_stays_and_its_exit_sends(collector: Receiver, provider: Any, where: str) -> None:
    handler = {"before": "", "after": ""} | {where: "signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))"}
    script = "    import sys\n" + TERMINATED
    code = terminate(script, collector.url, provider.url, arguments="sigterm=True", **handler)
    assert code == 3
    assert len(collector.calls()) == 1


def test_a_function_that_is_frozen_after_each_answer_has_sent_before_it_answers(run: Run, collector: Receiver) -> None:
    """As docs/production.md shows it for AWS Lambda."""
    answers = run(
        """
        spanledger.instrument(service="resize")

        def handler(event, context):
            try:
                return chat().choices[0].message.content
            finally:
                spanledger.flush(timeout=2)

        answers = [handler({}, None)]
        sent = spanledger.stats().delivered
        os.environ["PROVIDER"] = "http://127.0.0.1:9"
        try:
            handler({}, None)
        except Exception as error:
            answers.append(type(error).__name__)
        answer([answers, sent, spanledger.stats().delivered])
        sys.stdout.flush()
        os._exit(0)
        """,
        **LATER,
    )
    assert answers == [["the secret answer", "APIConnectionError"], 1, 2]
    assert len(collector.calls()) == 2
