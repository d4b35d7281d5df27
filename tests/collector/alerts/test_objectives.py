"""The conditions of objectives, read from the views that every page and rule reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from clickhouse_connect.driver.client import Client
from collector.alerts.incidents import NOON, PAGE, QUIET, TICKET
from spanledger_collector.alerts.objectives import Objectives
from spanledger_collector.alerts.state import Condition, Kind
from spanledger_collector.store import Store
from stores import Stores


@pytest.fixture(scope="module")
def client(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    store = Store(stores.priced(tmp_path_factory.mktemp("objectives")) / "store")
    store.command("ALTER TABLE spanledger.objective_minutes REMOVE TTL")  # these tests are of fixed days
    client = store.open()
    try:
        yield client
    finally:
        client.close()
        store.close()


@pytest.fixture
def ledger(client: Client) -> Iterator[Client]:
    for table in ("objectives", "objective_minutes"):
        client.command(f"TRUNCATE TABLE spanledger.{table}")
    yield client


def promise(client: Client, **stated: object) -> None:
    row = {
        "objective": "checkout", "kind": "slo", "description": "The checkout assistant answers.", "indicator": "availability",
        "objective_ratio": 0.999, "period": "28d", "time_zone": "UTC", "services": ["checkout"], "minimum_calls": 10,
        "runbook": "https://run.example/checkout", "version": "1", "recorded_at": "2026-01-01 00:00:00", "segment": 1, **stated,
    }  # fmt: skip
    client.command(f"INSERT INTO spanledger.objectives SETTINGS async_insert = 0 FORMAT JSONEachRow\n{json.dumps(row)}")


def called(client: Client, minutes_ago: int, calls: int, bad: int = 0, cost: float = 0) -> None:
    row = {
        "objective": "checkout", "version": "1", "calls": calls, "bad": bad, "cost_usd": cost, "segment": 2,
        "minute": f"{NOON - timedelta(minutes=minutes_ago):%Y-%m-%d %H:%M:%S}",
    }  # fmt: skip
    client.command(
        f"INSERT INTO spanledger.objective_minutes SETTINGS async_insert = 0 FORMAT JSONEachRow\n{json.dumps(row)}"
    )


def conditions(client: Client) -> dict[str, Condition]:
    """By fingerprint."""
    found = Objectives(client, {"checkout": "2.5s"}).conditions(NOON)
    return {condition.alert.fingerprint: condition for condition in found}


def test_without_objectives_there_is_nothing(ledger: Client) -> None:
    assert conditions(ledger) == {}


def test_an_objective_that_is_kept_is_fine(ledger: Client) -> None:
    promise(ledger)
    called(ledger, 5, 1000)
    assert [condition.holds for condition in conditions(ledger).values()] == [False, False, False]


def test_a_hard_outage_is_one_page_and_one_ticket_that_say_how_bad_it_is(ledger: Client) -> None:
    promise(ledger)
    called(ledger, 60 * 24 * 10, 100_000)
    called(ledger, 2, 500, 500)
    found = conditions(ledger)
    page, ticket = found[PAGE.fingerprint], found[TICKET.fingerprint]
    assert page.holds and ticket.holds and not found[QUIET.fingerprint].holds
    assert page.value == pytest.approx(1000)
    assert (
        page.summary == "checkout burns its error budget 1,000 times as fast as it may: 100 % of calls bad (last 1 h)"
    )
    for said in (
        "The checkout assistant answers.",
        "500 of 500 calls failed in the last 1 h",
        "overspent by",
        "more than 14.4 times",
    ):
        assert said in page.description
    assert page.labels == {"services": "checkout", "runbook": "https://run.example/checkout", "kind": "slo"}


def test_a_threshold_is_named_as_the_configuration_does(ledger: Client) -> None:
    promise(ledger, indicator="latency", threshold=2.5)
    called(ledger, 2, 500, 250)
    assert "250 of 500 calls took longer than 2.5s" in conditions(ledger)[PAGE.fingerprint].description


def test_too_few_calls_are_no_alert(ledger: Client) -> None:
    promise(ledger)
    called(ledger, 2, 9, 9)
    assert [condition.holds for condition in conditions(ledger).values()] == [False, False, False]


def test_what_has_gone_quiet_is_no_data_and_what_never_was_is_nothing(ledger: Client) -> None:
    promise(ledger)
    assert conditions(ledger)[QUIET.fingerprint].holds is None
    called(ledger, 60 * 24 * 5, 1000)
    found = conditions(ledger)[QUIET.fingerprint]
    assert (found.holds, found.opens, found.summary) == (True, Kind.NO_DATA, "checkout has had no calls for 3 d")
    assert "last call was at 2026-11-19 12:00 UTC" in found.description
    called(ledger, 1, 1)
    assert conditions(ledger)[QUIET.fingerprint].holds is False


def test_a_budget_of_money_burns_like_any_other_and_says_what_is_spent(ledger: Client) -> None:
    promise(
        ledger, kind="budget", indicator="spend", objective_ratio=1, period="month", amount_usd=720, unpriced_call_usd=0
    )
    called(ledger, 2, 10, cost=100)  # a dollar an hour is what it may
    found = conditions(ledger)
    assert QUIET.fingerprint not in found
    page = found[PAGE.fingerprint]
    assert page.holds and page.value == pytest.approx(100, rel=0.02)
    assert page.summary.startswith("checkout spends its budget 10")
    assert "100.00 of 720.00 USD are spent" in page.description
    assert page.labels["kind"] == "budget"
