"""Silences: what they cover, and that the file that keeps them is never half written."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from collector.alerts.incidents import NOON, PAGE, after, notice
from spanledger_collector.alerts.silences import Silence, Silences
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
        ({"no_such_label": "x"}, False, False),
    ],
)
def test_it_covers_what_all_of_its_matchers_match(matchers: dict[str, str], burning: bool, lag: bool) -> None:
    assert (silence(**matchers).matches(BURNING), silence(**matchers).matches(LAG)) == (burning, lag)


def test_it_holds_from_its_start_to_before_its_end() -> None:
    moments = (after(-1), NOON, after(3599), after(3600))
    assert [silence(severity="page").covers(BURNING, at) for at in moments] == [False, True, True, False]


def test_what_one_process_silences_another_reads(tmp_path: Path) -> None:
    here, there = Silences(tmp_path / "silences.json"), Silences(tmp_path / "silences.json")
    assert there.all() == ()
    made = here.create({"objective": "checkout"}, NOON, after(60), "planned", "ada")
    assert there.all() == (made,)
    ended = there.expire(made.id, after(30))
    assert here.all() == (ended,) and not ended.covers(BURNING, after(31))
    assert stat.S_IMODE((tmp_path / "silences.json").stat().st_mode) == 0o600
    assert here.expire(made.id, after(90)) == ended  # over is over


def test_one_that_is_ended_before_it_began_never_held(tmp_path: Path) -> None:
    silences = Silences(tmp_path / "silences.json")
    made = silences.create({"objective": "checkout"}, after(600), after(1200), "", "ada")
    ended = silences.expire(made.id, NOON)
    assert not any(ended.covers(BURNING, after(seconds)) for seconds in (0, 600, 900))


def test_one_without_matchers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CollectorError, match=r"severity=\*"):
        Silences(tmp_path / "silences.json").create({}, NOON, after(60), "")


def test_who_silences_is_the_user_unless_it_is_said(tmp_path: Path) -> None:
    assert Silences(tmp_path / "silences.json").create({"alert": PAGE.name}, NOON, after(60), "").created_by
