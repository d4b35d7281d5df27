"""What was left of a budget over time, against plain Python over the same minutes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from spanledger_collector.store import Store
from stores import Stores

NOON = datetime(2026, 9, 20, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
# Minutes of 40 days: when, calls, bad ones, and what was spent
MINUTES = [
    (NOON - 40 * DAY + n * 97 * timedelta(minutes=1), 10 + n % 7, n % 3, Decimal(n % 11) / 8) for n in range(600)
]
OBJECTIVES = [
    ("rolling", "slo", "28d", 0.9, None),
    ("calendar", "slo", "month", 0.95, None),
    ("money", "budget", "week", 1.0, Decimal(50)),
]


@pytest.fixture(scope="module")
def client(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    store = Store(stores.unpriced(tmp_path_factory.mktemp("data")) / "store")
    store.command("ALTER TABLE spanledger.objective_minutes REMOVE TTL")  # these tests are of fixed days
    opened = store.open()
    names = ["objective", "kind", "period", "objective_ratio", "amount_usd", "unpriced_call_usd", "time_zone", "version",
             "recorded_at", "segment"]  # fmt: skip
    opened.insert(
        "spanledger.objectives",
        [[*objective, Decimal(0), "UTC", objective[0], NOON, 1] for objective in OBJECTIVES],
        column_names=names,
    )
    names = ["objective", "version", "minute", "late", "calls", "bad", "cost_usd", "unpriced_calls", "segment"]
    rows = [
        [o[0], o[0], minute, False, calls, bad, usd, 0, 1] for o in OBJECTIVES for minute, calls, bad, usd in MINUTES
    ]
    opened.insert("spanledger.objective_minutes", rows, column_names=names)
    yield opened
    opened.close()
    store.close()


def since(period: str, until: datetime) -> datetime:
    """When the period began that the last moment before `until` lies in; a rolling one begins with an hour."""
    last = until - timedelta(seconds=1)
    midnight = last.replace(hour=0, minute=0, second=0)
    if period == "28d":
        begun = last - 28 * DAY
        whole = begun.replace(minute=0, second=0)
        return whole if whole == begun else whole + HOUR
    return midnight.replace(day=1) if period == "month" else midnight - midnight.weekday() * DAY


def left(kind: str, period: str, ratio: float, amount: Decimal | None, until: datetime) -> float:
    counted = [entry for entry in MINUTES if since(period, until) <= entry[0] < until]
    if kind == "budget":
        assert amount is not None
        return 1 - float(sum(usd for *_, usd in counted)) / float(amount)
    return 1 - sum(bad for _, _, bad, _ in counted) / (sum(calls for _, calls, *_ in counted) * (1 - ratio))


@pytest.mark.parametrize(("hours", "step"), [(30, 3600), (7 * 24, 21600), (3, 300)])
@pytest.mark.parametrize(("name", "kind", "period", "ratio", "amount"), OBJECTIVES)
def test_a_budget_is_what_was_left_of_it_when_each_bucket_ended(
    client: Client, name: str, kind: str, period: str, ratio: float, amount: Decimal | None, hours: int, step: int
) -> None:
    end = NOON - timedelta(minutes=23) if step >= 3600 else NOON
    rows = ask(client, name, step, end - hours * HOUR, end)
    assert len(rows) >= hours * 3600 // step
    for row in rows:
        until = min(row["time"].replace(tzinfo=UTC) + timedelta(seconds=step), end)
        assert row["budget_left"] == pytest.approx(left(kind, period, ratio, amount, until), rel=1e-9), until


@pytest.mark.parametrize("name", [objective[0] for objective in OBJECTIVES])
def test_at_its_end_it_is_what_the_status_says(client: Client, name: str) -> None:
    *_, last = sorted(ask(client, name, 3600, NOON - DAY, NOON), key=lambda row: row["time"])
    status = client.query(
        f"SELECT budget_left FROM spanledger.objective_status(at='{NOON:%F %T}') WHERE objective = '{name}'"
    )
    assert last["budget_left"] == pytest.approx(status.result_rows[0][0], rel=1e-9)


def ask(client: Client, name: str, step: int, start: datetime, end: datetime) -> list[dict[str, Any]]:
    asked = f"objective='{name}', step={step}, from='{start:%F %T}', to='{end:%F %T}'"
    return list(client.query(f"SELECT * FROM spanledger.objective_budget({asked})").named_results())
