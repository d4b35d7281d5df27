"""The configuration file: what it may say, and what is said where it is wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import spanledger_collector
from spanledger_collector.config import Config, load, load_default
from spanledger_collector.errors import StartError
from spanledger_collector.schemas_folder import SCHEMAS

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


def test_a_variable_may_be_all_of_an_address_that_has_to_be_one_of_http_then(write: Write) -> None:
    path = write(
        "alerting: {heartbeat: {url: '${BEAT}'}, channels: [{name: a, alertmanager: '${MANAGER}'}, {name: b, url: 'json://x'}]}"
    )
    right = {"BEAT": "https://beat/1", "MANAGER": "http://manager:9093"}
    found = load(path, right).alerting
    assert found.heartbeat is not None and found.heartbeat.url == "https://beat/1"
    assert [channel.alertmanager for channel in found.channels] == ["http://manager:9093", ""]
    assert load(path, environment=None).alerting.channels[0].alertmanager == "${MANAGER}"
    for name, place in (("BEAT", r"heartbeat\.url"), ("MANAGER", r"channels\[0\]\.alertmanager")):
        with pytest.raises(StartError, match=f"alerting.{place}: with its variables filled") as raised:
            load(path, {**right, name: "hunter2"})
        assert "hunter2" not in str(raised.value)
        with pytest.raises(StartError, match=f"alerting.{place}: the environment has no {name}"):
            load(path, {key: value for key, value in right.items() if key != name})


@pytest.mark.parametrize(
    "said",
    [
        "channels: hunter2",
        "channels: [hunter2]",
        "channels: [{'slack://hunter2': x}]",
        "channels: [{name: a, url: 'json://x', 'https://a.hunter2': x}]",
        "channels: [{name: a, url: [hunter2]}]",
        "channels: [{name: a, alertmanager: hunter2}]",
        "channels: [{name: 'a hunter2', url: 'json://x'}]",
        "channels: [{name: a, url: 'json://x', severities: [hunter2]}]",
        "channels: [{name: a, url: 'json://x', severities: hunter2}]",
        "heartbeat: hunter2",
        "heartbeat: {url: hunter2}",
        "heartbeat: {url: 'https://x', every: hunter2}",
        "heartbeat: {url: 'https://x', every: [hunter2]}",
    ],
)
def test_what_is_wrong_with_an_address_of_alerting_is_said_without_repeating_it(write: Write, said: str) -> None:
    with pytest.raises(StartError, match=r"alerting\.(channels|heartbeat)") as raised:
        load(write(f"alerting: {{{said}}}"), environment=None)
    assert "hunter2" not in str(raised.value)


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


def test_an_error_type_that_changes_sides_changes_what_an_availability_slo_counts(write: Write, tmp_path: Path) -> None:
    """Asked of a copy of the package, whose error_classes.yaml is changed."""
    path = write(
        "slos: [{name: a, indicator: availability, objective: 99}, "
        "{name: b, indicator: availability, objective: 99, errors: [rate_limit]}, "
        "{name: c, indicator: latency, threshold: 1s, objective: 99}]"
    )
    package = Path(spanledger_collector.__file__).parent
    shutil.copytree(package, tmp_path / "of" / package.name)
    shutil.copytree(SCHEMAS, tmp_path / "of" / package.name / "schemas", dirs_exist_ok=True)
    classes = tmp_path / "of" / package.name / "schemas" / "error_classes.yaml"
    text = classes.read_text()
    code = (
        "import sys, pathlib; from spanledger_collector.config import load; "
        "print(*(slo.version for slo in load(pathlib.Path(sys.argv[1])).slos))"
    )

    def versions(said: str) -> list[str]:
        classes.write_text(said)
        command = [sys.executable, "-c", code, str(path)]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "of")}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()

    def changed(said: str) -> list[bool]:
        return [now != before for now, before in zip(versions(said), plain, strict=True)]

    plain = versions(text)
    assert changed(text.replace("  - insufficient_quota\n", "")) == [True, True, False]  # unknown from now on
    assert changed(text.replace("  - writeerror\n", "")) == [
        False,
        False,
        False,
    ]  # provider or unknown: bad all the same
    moved = text.replace("  - safety\n", "").replace("  - ratelimiterror\n", "  - ratelimiterror\n  - safety\n")
    assert changed(moved) == [False, True, False]


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
        (
            "slos: [{name: a, indicator: cost, threshold: [1], objective: 9}]",
            r"threshold: \[1\] is no threshold: say a",
        ),
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
        ("alerting: {platform: {posting_lag: 0s}}", "a duration has to be above 0 and at most 3650d"),
        ("alerting: {platform: {posting_lag: 3651d}}", "a duration has to be above 0 and at most 3650d"),
        (f"alerting: {{platform: {{posting_lag: {'9' * 400}d}}}}", r"posting_lag: a duration has to be above 0"),
        (
            f"slos: [{{name: a, indicator: latency, threshold: {'9' * 400}d, objective: 9}}]",
            r"slos\[0\]: a duration has",
        ),
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


def test_all_that_is_wrong_is_said_a_line_each(write: Write) -> None:
    path = write(
        "slos: [{name: a, indicator: speed, objective: 100}]\n"
        "budgets: [{name: b, amount: much, period: month}]\n"
        "alerts: {}\n"
    )
    with pytest.raises(StartError) as raised:
        load(path)
    lines = str(raised.value).splitlines()
    places = ("slos[0].indicator", "slos[0].objective", "budgets[0].amount", "budgets[0].unpriced_call_usd", "the file")
    assert [line.startswith(f"{path}: {place}: ") for line, place in zip(lines, places, strict=True)] == [True] * 5
