"""Pages of traces: whichever way the range is asked, it is the same page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from dashboard_store import CALLS, SPOKEN, Store, serve
from spanledger_dashboard import ask
from spanledger_dashboard.find import Find
from spanledger_dashboard.selection import CUSTOM, Period, Selection
from stores import Stores

DAY = Period(datetime(2026, 9, 2, tzinfo=UTC), datetime(2026, 9, 3, tzinfo=UTC))
ALL_AT_ONCE, LITTLE_AT_A_TIME = 1e9, 30.0
"""Calls; the day has 500, so that it is asked in 24 or fewer parts, or in one."""


@pytest.fixture(scope="module")
def spoken(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    yield from serve(stores.unpriced(tmp_path_factory.mktemp("spoken")), CALLS, *SPOKEN)


@pytest.fixture
def asked(spoken: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANLEDGER_CLICKHOUSE_DSN", spoken.dsn)
    ask.forget()


def looking_for(**find: object) -> Selection:
    return Selection(range=CUSTOM, since=DAY.since, until=DAY.until, find=replace(Find(), **find))  # type: ignore[arg-type]


@pytest.mark.parametrize("sort", ["dearest", "slowest"])
def test_a_range_that_is_asked_in_parts_gives_the_same_page_as_in_one(asked: None, sort: str) -> None:
    whole, parts = (
        ask.traces(looking_for(sort=sort), DAY, {sort: at_a_time}) for at_a_time in (ALL_AT_ONCE, LITTLE_AT_A_TIME)
    )
    assert len(whole[0]) == 11
    assert list(whole[0]["trace_id"]) == list(parts[0]["trace_id"])
    assert list(whole[0]["cost_usd"]) == list(parts[0]["cost_usd"]) and whole[1] == parts[1] == ""


@pytest.mark.parametrize(
    ("sort", "column"), [("newest", "timestamp"), ("dearest", "cost_usd"), ("slowest", "duration_ns")]
)
def test_traces_come_in_the_order_that_is_asked_for(asked: None, sort: str, column: str) -> None:
    rows, _ = ask.traces(looking_for(sort=sort), DAY)
    assert list(rows[column]) == sorted(rows[column], reverse=True)


def test_the_newest_are_looked_for_first_where_a_page_of_calls_is_likely() -> None:
    def lengths(rate: float) -> list[timedelta]:
        return [window.length for window in ask.windows(DAY, None, rate)]

    assert lengths(0) == [DAY.length]
    assert lengths(0.01) == [timedelta(hours=2), DAY.length]
    assert lengths(100) == [timedelta(minutes=10), timedelta(hours=2), DAY.length]


def test_the_facets_of_many_spans_are_of_the_newest(asked: None) -> None:
    def counted(newest: int) -> dict[str, int]:
        rows = ask.trace_facets(looking_for(), DAY, newest)
        mine = rows[rows["facet"] == "service"]
        return dict(zip(mine["value"], map(int, mine["spans"]), strict=True))

    assert counted(10_000) == {"planner": 1500, "worker": 1500, "assistant": 50}
    assert sum(counted(100).values()) == 100
    assert "assistant" not in counted(100)  # its spans came before
