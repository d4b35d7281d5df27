"""docs/quickstarts.md: every library has one, of ten lines, and it works."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import pytest
from sdk.loopback import Receiver, Run, Server
from sdk.quickstarts import environment, quickstarts
from spanledger.catalogue import LIBRARIES

CODE = quickstarts()


def test_every_library_of_the_catalogue_has_a_quick_start_of_ten_lines() -> None:
    assert {library.name for library in LIBRARIES} | {"Anything else"} == CODE.keys()
    assert {name: code.count("\n") for name, code in CODE.items() if code.count("\n") > 11} == {}


@pytest.mark.parametrize("name", sorted(CODE.keys() - {"mcp"}))
def test_a_quick_start_makes_one_call(run: Run, collector: Receiver, provider: Server, name: str) -> None:
    if name != "Anything else":
        try:
            version(name)
        except PackageNotFoundError:
            pytest.skip(f"{name} is not installed here: make libraries runs it in an environment of its own")
    run(CODE[name], **environment(provider.url))
    calls = [span for span in collector.calls() if "gen_ai.usage.input_tokens" in span.attributes]
    assert [call.attributes["gen_ai.usage.output_tokens"] > 0 for call in calls] == [True]
    assert calls[0].resource["service.name"] == "shop"
