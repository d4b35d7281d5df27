"""Burns, periods and what is left of a budget, against plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from collector.promises import RECORDED, Promises, config, text
from hypothesis import given, settings
from hypothesis import strategies as st
from spanledger_collector.windows import Window, burn_windows
from stores import Stores

NOW = datetime(2026, 11, 24, 15, 47, 23, tzinfo=UTC)
DAY = timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")
UNPRICED_CALL, AMOUNT = Decimal("0.02"), Decimal(100)


@pytest.fixture(scope="module")
def promises(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promises]:
    opened = Promises(
        stores.unpriced(tmp_path_factory.mktemp("burn")),
        config(
            [{"name": "calls", "objective": 99, "minimum_calls": 5}, {"name": "monthly", "period": "month"}],
            [
                {
                    "name": "spend",
                    "amount": str(AMOUNT),
                    "unpriced_call_usd": str(UNPRICED_CALL),
                    "time_zone": "Europe/Berlin",
                }
            ],
        ),
    )
    yield opened
    opened.close()


@dataclass(frozen=True)
class Minute:
    """What was counted in a minute, that began so many seconds before NOW."""

    age: int
    calls: int
    bad: int
    cost: Decimal
    unpriced: int

    @property
    def begin(self) -> datetime:
        return (NOW - timedelta(seconds=self.age)).replace(second=0)


def fill(promises: Promises, minutes: list[Minute]) -> None:
    promises.client.command("TRUNCATE TABLE spanledger.objective_minutes")
    versions = {objective.name: objective.version for objective in promises.config.objectives}
    names = ["objective", "version", "minute", "late", "calls", "bad", "cost_usd", "unpriced_calls", "segment"]
    rows = [
        [name, version, m.begin, False, m.calls, 0 if name == "spend" else m.bad, m.cost, m.unpriced, number]
        for number, m in enumerate(minutes)
        for name, version in versions.items()
    ]
    if rows:
        promises.client.insert("spanledger.objective_minutes", rows, column_names=names)


def start_of(length: int) -> datetime:
    """When a window begins that ends NOW: never earlier than its length ago."""
    whole = timedelta(hours=1) if length >= 86_400 else timedelta(minutes=1)
    begin = NOW - timedelta(seconds=length)
    return begin + (datetime.min.replace(tzinfo=UTC) - begin) % whole


def burn(minutes: list[Minute], name: str, length: int) -> float | None:
    inside = [m for m in minutes if start_of(length) <= m.begin < NOW]
    calls = sum(m.calls for m in inside)
    if name == "spend":
        spent = sum(m.cost + m.unpriced * UNPRICED_CALL for m in inside)
        month = datetime(2026, 12, 1, tzinfo=BERLIN).astimezone(UTC) - datetime(2026, 11, 1, tzinfo=BERLIN).astimezone(
            UTC
        )
        return float(spent) / (NOW - start_of(length)).total_seconds() / (float(AMOUNT) / month.total_seconds())
    allowed = {"calls": 0.01, "monthly": 0.001}[name]
    return sum(m.bad for m in inside) / calls / allowed if calls else None


@st.composite
def minute(draw: st.DrawFn) -> Minute:
    edge = draw(st.sampled_from([length for w in burn_windows() for length in (w.long, w.short)]))
    age = draw(
        st.one_of(st.integers(-90, 4 * 86_400), st.integers(edge - 90, edge + 90), st.integers(edge - 3700, edge))
    )
    calls = draw(st.integers(1, 50))
    cost = Decimal(draw(st.integers(-(10**12), 10**13))).scaleb(-12)
    return Minute(age, calls, draw(st.integers(0, calls)), cost, draw(st.integers(0, 3)))


@settings(max_examples=8)
@given(minutes=st.lists(minute(), min_size=10, max_size=30))
def test_every_burn_is_what_plain_python_makes_of_the_same_minutes(promises: Promises, minutes: list[Minute]) -> None:
    fill(promises, minutes)
    rows = {
        (row["objective"], Window(row["severity"], row["factor"], row["long_seconds"], row["short_seconds"])): row
        for row in promises.windows(NOW)
    }
    assert rows.keys() == {(name, window) for name in ("calls", "monthly", "spend") for window in burn_windows()}
    for (name, window), row in rows.items():
        long, short = burn(minutes, name, window.long), burn(minutes, name, window.short)
        assert row["long_burn"] == (None if long is None else pytest.approx(long))
        assert row["short_burn"] == (None if short is None else pytest.approx(short))
        calls = sum(m.calls for m in minutes if start_of(window.long) <= m.begin < NOW)
        enough = name == "spend" or calls >= {"calls": 5, "monthly": 10}[name]
        assert (row["long_calls"], row["enough"]) == (calls, enough)
        if all(value is None or abs(value / window.factor - 1) > 1e-9 for value in (long, short)):
            assert bool(row["firing"]) == (enough and (long or 0) > window.factor and (short or 0) > window.factor)


@settings(max_examples=5)
@given(minutes=st.lists(minute(), max_size=15))
def test_what_is_left_and_the_series_are_what_plain_python_makes_of_the_period(
    promises: Promises, minutes: list[Minute]
) -> None:
    fill(promises, minutes)
    past = [m for m in minutes if m.begin < NOW]
    status = promises.status(NOW)
    calls, bad = sum(m.calls for m in past), sum(m.bad for m in past)
    spent = sum((m.cost + m.unpriced * UNPRICED_CALL for m in past), Decimal(0))
    assert (status["calls"]["calls"], status["calls"]["bad"]) == (calls, bad)
    assert status["calls"]["budget_left"] == (pytest.approx(1 - bad / calls / 0.01) if calls else None)
    assert status["spend"]["spent_usd"] == spent
    assert status["spend"]["budget_left"] == pytest.approx(float(1 - spent / AMOUNT))
    for name in ("calls", "spend"):
        for step in (60, 3600, 86_400):
            rows = promises.ask(
                f"SELECT sum(calls) AS calls, sum(bad) AS bad, sum(spent_usd) AS spent FROM spanledger.objective_series("
                f"objective='{name}', step={step}, from='{text(NOW - 5 * DAY)}', to='{text(NOW)}')"
            )
            expected = (calls, bad, None) if name == "calls" else (calls, 0, spent if past else None)
            assert tuple(rows[0].values()) == expected


def test_without_a_call_nothing_is_known_and_nothing_fires(promises: Promises) -> None:
    fill(promises, [])
    status = promises.status(NOW)
    assert {name: row["state"] for name, row in status.items()} == {
        "calls": "no_data",
        "monthly": "no_data",
        "spend": "ok",
    }
    assert status["calls"]["budget_left"] is status["calls"]["burn_1h"] is status["calls"]["last_call_at"] is None
    assert (status["spend"]["budget_left"], status["spend"]["burn_1h"], status["spend"]["spent_usd"]) == (1, 0, 0)


ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/St_Johns",
)
BEGINS = {
    "day": lambda local: local,
    "week": lambda local: local - local.weekday() * DAY,
    "month": lambda local: local.replace(day=1),
    "quarter": lambda local: local.replace(month=(local.month - 1) // 3 * 3 + 1, day=1),
    "year": lambda local: local.replace(month=1, day=1),
}
LENGTHS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}


def test_calendar_periods_begin_and_end_at_midnight_of_their_time_zone(promises: Promises) -> None:
    """Around the days on which clocks change, and on any other."""
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + n * timedelta(hours=7, minutes=13) for n in range(0, 2400, 3)]
    rows = promises.client.query(
        "SELECT at, zone, period, spanledger_period_from(at, period, zone) AS f, spanledger_period_to(at, period, zone) AS t FROM "
        f"(SELECT arrayJoin({[round(at.timestamp()) for at in moments]})::UInt32::DateTime('UTC') AS at, "
        f"arrayJoin({list(ZONES)}) AS zone, arrayJoin({list(BEGINS)}) AS period)"
    ).result_rows
    assert len(rows) == len(moments) * len(ZONES) * len(BEGINS)
    for at, zone, period, begin, end in rows:
        local = at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, fold=0)
        first = BEGINS[period](local)
        following = BEGINS[period](first + LENGTHS[period] * DAY)
        assert begin.replace(tzinfo=UTC) == first.astimezone(UTC), (at, zone, period)
        assert end.replace(tzinfo=UTC) == following.astimezone(UTC), (at, zone, period)


def test_thirty_days_of_traffic_with_its_seasons_page_nobody(promises: Promises) -> None:
    """Days and weeks go up and down, a twentieth of a percent fails. Every minute is judged by running sums over the same minutes;
    those that come nearest to an alert by the view, which says the same."""
    promises.client.command("TRUNCATE TABLE spanledger.objective_minutes")
    [slo] = [objective for objective in promises.config.objectives if objective.name == "monthly"]
    begin = datetime(2026, 10, 1, tzinfo=UTC)
    promises.client.command(
        "INSERT INTO spanledger.objective_minutes (objective, version, minute, calls, bad, segment) SETTINGS async_insert = 0 "
        f"SELECT 'monthly', '{slo.version}', toDateTime('{text(begin)}', 'UTC') + 60 * number AS at, "
        "toInt64((40 + 160 * pow(sin(pi() * (number % 1440) / 1440), 2)) * if(toDayOfWeek(at) > 5, 0.4, 1)) AS made, "
        "arrayCount(call -> cityHash64(number, call) % 2000 = 0, range(toUInt64(made))), 1 FROM numbers(43200)"
    )

    def ratio(length: int) -> str:
        frame = f"OVER (ORDER BY ended RANGE BETWEEN {length - 60} PRECEDING AND CURRENT ROW)"
        return f"sum(failed) {frame} / sum(made) {frame} / 0.001"

    rules = ", ".join(
        f"least({ratio(w.long)} / {w.factor}, {ratio(w.short)} / {w.factor})"
        for w in burn_windows()
        if w.severity == "page"
    )
    nearest = promises.ask(
        f"SELECT ended, greatest({rules}) AS near FROM (SELECT minute + 60 AS ended, sum(calls) AS made, sum(bad) AS failed "
        "FROM spanledger.objective_minutes GROUP BY ended) ORDER BY near DESC LIMIT 8"
    )
    assert 0.05 < nearest[0]["near"] < 1
    for row in nearest:
        found = [
            w
            for w in promises.windows(row["ended"].replace(tzinfo=UTC))
            if w["objective"] == "monthly" and w["severity"] == "page"
        ]
        assert max(min(w["long_burn"], w["short_burn"]) / w["factor"] for w in found) == pytest.approx(row["near"])
        assert not any(w["firing"] for w in found)


@pytest.mark.parametrize(
    ("status", "error_type", "found"),
    [
        ("ok", "", ""),
        ("ok", "500", ""),
        ("error", "503", "provider"),
        ("error", "408", "provider"),
        ("error", "openai.APITimeoutError", "provider"),
        ("error", "429", "rate_limit"),
        ("error", "anthropic.RateLimitError", "rate_limit"),
        ("error", "404", "client"),
        ("error", "invalid_request_error", "client"),
        ("error", "content_filter", "content_filter"),
        ("error", "asyncio.CancelledError", "cancelled"),
        ("error", "499", "cancelled"),
        ("error", "_OTHER", "unknown"),
        ("error", "", "unknown"),
    ],
)
def test_an_error_type_is_of_a_class(promises: Promises, status: str, error_type: str, found: str) -> None:
    [row] = promises.ask(f"SELECT spanledger_error_class('{status}', '{error_type}'::LowCardinality(String)) AS class")
    assert row["class"] == found


def test_objectives_are_recorded_as_of_when_they_were(promises: Promises) -> None:
    rows: list[dict[str, Any]] = promises.ask("SELECT DISTINCT recorded_at FROM spanledger.objectives_now")
    assert [row["recorded_at"].replace(tzinfo=UTC) for row in rows] == [RECORDED]
