"""Silences: what they cover, and that the file that keeps them is never half written."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from collector.alerts.incidents import NOON, PAGE, after, notice
from spanledger_collector.alerts.objectives import SCOPE
from spanledger_collector.alerts.silences import MATCHERS, Silence, Silences
from spanledger_collector.alerts.state import Alert, Incident, Severity
from spanledger_collector.errors import CollectorError

BURNING = notice(services="checkout,cart", models="gpt-4o").incident
LAG = Incident(Alert("posting-lag", Severity.TICKET), NOON)


def silence(**matchers: str) -> Silence:
    return Silence("s1", matchers, NOON, after(3600), "ada", "")


@pytest.mark.parametrize(
    ("matchers", "burning", "lag"),
    [
        ({"objective": "checkout"}, True, False),
        ({"objective": "check*"}, True, False),
        ({"objective": "check"}, False, False),
        ({"alert": "burn-rate", "severity": "page"}, True, False),
        ({"alert": "burn-rate", "severity": "ticket"}, False, False),
        ({"severity": "*"}, True, True),
        ({"services": "cart"}, True, False),
        ({"services": "checkout", "models": "gpt-*"}, True, False),
        ({"services": "search"}, False, False),
        ({"objective": ""}, False, True),
        ({"objective": "*"}, True, False),
        ({"services": "*"}, True, False),
        ({"teams": "*"}, False, False),
        ({"no_such_label": "x"}, False, False),
    ],
)
def test_it_covers_what_all_of_its_matchers_match(matchers: dict[str, str], burning: bool, lag: bool) -> None:
    assert (silence(**matchers).matches(BURNING), silence(**matchers).matches(LAG)) == (burning, lag)


def test_it_holds_from_its_start_to_before_its_end() -> None:
    moments = (after(-1), NOON, after(3599), after(3600))
    assert [silence(severity="page").covers(BURNING, at) for at in moments] == [False, True, True, False]


def test_what_one_process_silences_another_reads(tmp_path: Path) -> None:
    here, there = Silences(tmp_path / "silences.json", lambda: NOON), Silences(tmp_path / "silences.json", lambda: NOON)
    assert there.all() == ()
    made = here.create({"objective": "checkout"}, NOON, after(60), "planned", "ada")
    assert there.all() == (made,)
    ended = there.expire(made.id, after(30))
    assert here.all() == (ended,) and not ended.covers(BURNING, after(31))
    assert stat.S_IMODE((tmp_path / "silences.json").stat().st_mode) == 0o600
    assert here.expire(made.id, after(90)) == ended  # over is over


def test_one_that_is_ended_before_it_began_never_held(tmp_path: Path) -> None:
    silences = Silences(tmp_path / "silences.json", lambda: NOON)
    made = silences.create({"objective": "checkout"}, after(600), after(1200), "", "ada")
    ended = silences.expire(made.id, NOON)
    assert not any(ended.covers(BURNING, after(seconds)) for seconds in (0, 600, 900))


def test_one_without_matchers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CollectorError, match=r"severity=\*"):
        Silences(tmp_path / "silences.json", lambda: NOON).create({}, NOON, after(60), "")


def test_a_matcher_that_nothing_has_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(CollectorError, match=r"nothing has a objektive to match: there are alert, objective, "):
        Silences(tmp_path / "silences.json", lambda: NOON).create({"objektive": "checkout"}, NOON, after(60), "")


def test_every_label_of_an_objective_can_be_matched() -> None:
    assert {*SCOPE, "alert", "objective", "severity", "channel", "kind"} <= set(MATCHERS)


@pytest.mark.parametrize(("name", "value"), [("starts_at", "2026-11-24T12:00:00"), ("matchers", {"objective": 1})])
def test_a_file_edited_to_what_cannot_be_compared_is_refused(tmp_path: Path, name: str, value: object) -> None:
    path = tmp_path / "silences.json"
    Silences(path, lambda: NOON).create({"objective": "checkout"}, NOON, after(60), "")
    [row] = json.loads(path.read_text())
    path.write_text(json.dumps([{**row, name: value}]))
    with pytest.raises(CollectorError, match=r"is no silence file: .* of silence "):
        Silences(path).all()


def test_what_is_over_for_ninety_days_is_dropped_from_the_file(tmp_path: Path) -> None:
    now = [NOON]
    silences = Silences(tmp_path / "silences.json", lambda: now[0])
    silences.create({"objective": "old"}, NOON, after(60), "")
    kept = silences.create({"objective": "kept"}, NOON, after(120), "")
    now[0] = after(90 * 86_400 + 60)
    made = silences.create({"objective": "new"}, now[0], now[0] + timedelta(hours=1), "")
    assert silences.all() == (kept, made)


def test_who_silences_is_the_user_unless_it_is_said(tmp_path: Path) -> None:
    assert (
        Silences(tmp_path / "silences.json", lambda: NOON).create({"alert": PAGE.name}, NOON, after(60), "").created_by
    )
