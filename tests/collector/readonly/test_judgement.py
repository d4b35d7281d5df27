"""Every function of the engine was judged, and the judgement cannot be got round by spelling."""

from __future__ import annotations

import pytest
from collector.readonly.toy import Engine
from spanledger_collector.readonly import functions


@pytest.fixture(scope="module")
def listed(engine: Engine) -> dict[str, bool]:
    """The engine's functions: whether each is an aggregate, by name."""
    rows = engine.open().query("SELECT name, is_aggregate FROM system.functions WHERE origin = 'System'").result_rows
    return {name: bool(aggregate) for name, aggregate in rows}


def test_each_function_of_this_engine_was_judged(listed: dict[str, bool]) -> None:
    unjudged = sorted(name for name in listed if name.lower() not in functions.ALLOWED | functions.DENIED)
    assert not unjudged, "put each in functions_allowed.txt or, with its reason, in functions_denied.txt"


def test_no_function_is_allowed_that_this_engine_does_not_have(listed: dict[str, bool]) -> None:
    assert functions.ALLOWED - {"lambda"} <= {name.lower() for name in listed}


def test_no_function_is_both_allowed_and_denied() -> None:
    assert not functions.ALLOWED & functions.DENIED


def test_a_denied_function_is_denied_in_any_case_and_under_any_combinator() -> None:
    for name in ("file", "FILE", "File", "sleep", "aiGenerate", "AIGENERATE", "groupFormatIf", "flameGraphState"):
        assert not functions.is_allowed(name), name


def test_aggregate_functions_are_allowed_with_their_combinators() -> None:
    for name in ("sum", "SUM", "sumIf", "quantilesDDMergeState", "countDistinct", "sumOrNullIf", "uniqExactArrayIf"):
        assert functions.is_allowed(name), name


def test_the_combinators_are_those_of_this_engine(engine: Engine) -> None:
    rows = engine.open().query("SELECT name FROM system.aggregate_function_combinators").result_rows
    assert {name for (name,) in rows} == set(functions.COMBINATORS)
