"""Planted incidents, and what the evaluator says of them: who is called, how soon, and that nobody is called for less."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from collector.alerts.incidents import Mailbox
from collector.promises import Promises, config
from spanledger_collector.alerts.evaluator import EVERY, Evaluator
from spanledger_collector.alerts.objectives import Objectives
from spanledger_collector.alerts.platform_alerts import PlatformAlerts, Thresholds, Vitals
from spanledger_collector.alerts.records import Records
from spanledger_collector.alerts.silences import Silences
from spanledger_collector.alerts.state import Notice
from stores import Stores

MONDAY = datetime(2026, 11, 9, tzinfo=UTC)
INCIDENT = MONDAY + timedelta(days=3, hours=2)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
SERVICES = ("outage", "slow", "blip", "stopped", "hourly")
# What is promised: 52 seconds of errors burn what a page needs, and 30 may pass until it is delivered.
IN_TIME = timedelta(seconds=52 + 30)


@pytest.fixture(scope="module")
def told(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[datetime, list[Notice]]]:
    """What was told, and in which round: every ten seconds while the incidents begin, then every ten minutes for two hours."""
    folder = stores.unpriced(tmp_path_factory.mktemp("planted"))
    promises = Promises(folder, config([{"name": name, "scope": {"services": [name]}} for name in SERVICES]))
    end, often = INCIDENT + timedelta(hours=2), 10 * SECOND
    begin = f"toDateTime('{INCIDENT:%Y-%m-%d %H:%M:%S}', 'UTC')"
    promises.call("outage", MONDAY, end, often, f"timestamp >= {begin} AND timestamp < {begin} + 1200")
    promises.call("slow", MONDAY, end, often, f"timestamp >= {begin} - 86400 AND n % 200 = 0")
    promises.call("blip", MONDAY, end, often, f"timestamp >= {begin} AND timestamp < {begin} + 30")
    promises.call("stopped", MONDAY - timedelta(days=2), MONDAY - timedelta(days=1), often)
    promises.call("hourly", MONDAY, end, timedelta(hours=1), f"timestamp = {begin}")

    mailbox = Mailbox()
    limits = Thresholds(price_book_age=timedelta(days=36_500))
    evaluator = Evaluator(
        Objectives(promises.client),
        PlatformAlerts(promises.client, lambda: Vitals(0, 1, 0.0, 0, ""), limits),
        Records(promises.client),
        Silences(folder / "silences.json"),
        [mailbox],
    )
    rounds = [INCIDENT - EVERY + number * EVERY for number in range(12)]
    rounds += [INCIDENT + number * MINUTE for number in (10, 30, 60, 61, 70, 80, 120)]
    heard: dict[datetime, list[Notice]] = {}
    for at in rounds:
        evaluator.evaluate(at)
        evaluator.wait()
        evaluator.collect(at)
        heard[at] = [notice for letter in mailbox.letters for notice in letter]
        mailbox.letters.clear()
    assert evaluator.evaluated_at == rounds[-1]
    yield heard
    evaluator.stop()
    promises.close()


def of(told: dict[datetime, list[Notice]], objective: str) -> list[tuple[timedelta, str, str, str]]:
    """How long after the incident began what was told of an objective."""
    return [
        (at - INCIDENT, str(notice.kind), notice.incident.alert.name, str(notice.incident.alert.severity))
        for at, notices in told.items()
        for notice in notices
        if notice.incident.alert.objective == objective
    ]


def test_an_outage_pages_in_time_once_and_its_end_is_told(told: dict[datetime, list[Notice]]) -> None:
    (after, *page), *later = of(told, "outage")
    assert page == ["firing", "burn-rate", "page"] and after <= IN_TIME
    # the page stood for the ticket, which goes on for longer
    ended = later[0][0]
    assert later == [(ended, "firing", "burn-rate", "ticket"), (ended, "resolved", "burn-rate", "page")]
    assert 30 * MINUTE < ended <= 70 * MINUTE


def test_a_slow_burn_is_a_ticket(told: dict[datetime, list[Notice]]) -> None:
    assert of(told, "slow") == [(-EVERY, "firing", "burn-rate", "ticket")]


def test_a_blip_calls_nobody(told: dict[datetime, list[Notice]]) -> None:
    assert of(told, "blip") == []


def test_what_has_stopped_is_noted_once(told: dict[datetime, list[Notice]]) -> None:
    assert of(told, "stopped") == [(-EVERY, "no_data", "no-data", "ticket")]


def test_one_failed_call_of_one_an_hour_pages_nobody(told: dict[datetime, list[Notice]]) -> None:
    assert [severity for *_, severity in of(told, "hourly")] == ["ticket"]
