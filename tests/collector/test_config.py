"""The configuration file: what it may say, and what is said where it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from spanledger_collector.config import Config, load, load_default
from spanledger_collector.errors import StartError

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(said: str) -> Path:
        path = tmp_path / "spanledger.yaml"
        path.write_text(said)
        return path

    return to_file


def test_what_is_not_said_has_its_default(write: Write) -> None:
    found = load(
        write(
            "slos: [{name: a, indicator: latency, threshold: 2.5s, objective: 99.9}]\n"
            "budgets: [{name: b, amount: 5000, period: month, unpriced_call_usd: 0.02}]"
        )
    )
    [slo], [budget] = found.slos, found.budgets
    assert (slo.period, slo.minimum_calls, slo.ratio, slo.limit) == ("28d", 10, 0.999, Decimal("2.5"))
    assert (budget.time_zone, budget.unpriced_call_usd) == ("UTC", Decimal("0.02"))
    assert found.alerting.platform.price_book_age == timedelta(days=14)
    assert load(write("")) == Config()


def test_a_variable_of_the_environment_is_put_into_the_address_of_a_channel(write: Write) -> None:
    path = write("alerting: {channels: [{name: on-call, url: 'pagerduty://${KEY}@x'}]}")
    assert load(path, {"KEY": "secret"}).alerting.channels[0].url == "pagerduty://secret@x"
    assert load(path, environment=None).alerting.channels[0].url == "pagerduty://${KEY}@x"
    with pytest.raises(StartError, match="the environment has no KEY: set it"):
        load(path, {})


def test_the_file_of_the_data_folder_is_taken_where_no_other_is_named(write: Write, tmp_path: Path) -> None:
    assert load_default(None, tmp_path) == Config()
    path = write("budgets: [{name: b, amount: 1, period: day, unpriced_call_usd: 0}]")
    assert [budget.name for budget in load_default(None, path.parent).budgets] == ["b"]
    with pytest.raises(StartError, match="cannot be read: No such file"):
        load_default(tmp_path / "none.yaml", tmp_path)


def test_a_change_of_words_or_of_the_promise_is_no_change_of_what_is_counted(write: Write) -> None:
    def version(more: str) -> str:
        return load(write(f"slos: [{{name: a, indicator: availability, objective: 99, {more}}}]")).slos[0].version

    plain = version("")
    assert version("description: other words, minimum_calls: 3, runbook: 'https://x'") == plain
    for change in ("errors: [client]", "scope: {teams: [a]}", "period: month"):
        assert version(change) != plain


A = "name: a, indicator: availability, objective: 99"


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("slots: []", "the file: there is no slots; there are slos, budgets, alerting"),
        (f"slos: [{{{A}, scope: {{teem: [x]}}}}]", r"slos\[0\]\.scope: there is no teem; there are projects"),
        (f"slos: [{{{A}, scope: {{teams: x}}}}]", r"slos\[0\]\.scope\.teams: it has to be a list, as in \[x\]"),
        (f"slos: [{{{A}, threshold: 3s}}]", r"slos\[0\]: availability has no threshold"),
        (f"slos: [{{{A}, errors: [theirs]}}]", r"slos\[0\]\.errors: no error class theirs: there are provider"),
        (f"slos: [{{{A}, errors: []}}]", "no call could be bad"),
        (f"slos: [{{{A}}}, {{{A}}}]", "the name a is given 2 times"),
        ("slos: [{name: A b, indicator: cost, threshold: 1, objective: 9}]", "'A b' is no name: use a to z"),
        ("slos: [{name: a, indicator: latency, objective: 9}]", "latency needs a threshold: a duration"),
        ("slos: [{name: a, indicator: latency, threshold: 3, objective: 9}]", "'3' is no duration: say a number and"),
        ("slos: [{name: a, indicator: cost, threshold: 0, objective: 9}]", "threshold has to be above 0"),
        ("slos: [{name: a, indicator: speed, objective: 9}]", "'speed' is none of 'availability'"),
        ("slos: [{name: a, indicator: availability, objective: 100}]", "above 0 and below 100"),
        ("slos: [{name: a, indicator: availability}]", r"slos\[0\]\.objective: it is missing"),
        ("budgets: [{name: a, amount: 5, period: month}]", "unpriced_call_usd: it is missing: say what a call"),
        ("budgets: [{name: a, amount: 0, period: month, unpriced_call_usd: 0}]", "it has to be above 0"),
        ("budgets: [{name: a, amount: much, period: month, unpriced_call_usd: 0}]", "'much' is no number"),
        ("budgets: [{name: a, amount: 5, period: month, unpriced_call_usd: -1}]", "it cannot be less than 0"),
        (
            "budgets: [{name: a, amount: 5, period: day, unpriced_call_usd: 0, time_zone: Berlin}]",
            "no time zone Berlin: say one like Europe/Berlin",
        ),
        ("alerting: {channels: [{name: a}]}", "either url, for apprise, or alertmanager"),
        ("alerting: {heartbeat: {url: x}}", r"alerting\.heartbeat\.url"),
        ("alerting: {platform: {spool_fill: 2}}", r"alerting\.platform\.spool_fill"),
        ("slos: []\nslos: []", "line 2: slos is given twice"),
        ("slos: [", "line 1: "),
        ("[1]", "it has to be a mapping"),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_the_way_out(write: Write, said: str, answer: str) -> None:
    path = write(said)
    with pytest.raises(StartError, match=answer) as raised:
        load(path)
    assert str(raised.value).startswith(f"{path}: ") and "\n" not in str(raised.value)
