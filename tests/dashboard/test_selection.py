from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spanledger_dashboard.draw import buckets
from spanledger_dashboard.selection import BY, CUSTOM, DIMENSIONS, RANGES, Period, Selection

NOW = datetime(2026, 9, 10, 14, 20, 33, tzinfo=UTC)
minutes = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)).map(
    lambda moment: moment.replace(second=0, microsecond=0, tzinfo=UTC)
)
values = st.lists(st.text(min_size=1), min_size=1, max_size=4, unique=True).map(tuple)


@st.composite
def selections(draw: st.DrawFn) -> Selection:
    since = draw(minutes)
    custom = draw(st.booleans())
    return Selection(
        range=CUSTOM if custom else draw(st.sampled_from(sorted(RANGES))),
        since=since if custom else None,
        until=since + timedelta(minutes=draw(st.integers(1, 10**6))) if custom else None,
        project=draw(st.text()),
        chosen=draw(st.dictionaries(st.sampled_from(DIMENSIONS), values)),
        by=draw(st.sampled_from(BY)),
        classes=draw(st.just(()) | values),
        objective=draw(st.text()),
    )


@given(selections())
def test_a_selection_comes_back_from_its_url(selection: Selection) -> None:
    assert Selection.of(selection.query()) == selection


@given(
    st.dictionaries(
        st.sampled_from(["range", "from", "to", "by", "project", "team", "class", "objective", "x"]),
        st.lists(st.text()),
    )
)
def test_any_url_selects_something_that_can_be_read(query: dict[str, list[str]]) -> None:
    selection = Selection.of(query)
    assert selection.period(NOW).since < selection.period(NOW).until
    assert Selection.of(selection.query()) == selection


def test_times_may_be_as_grafana_writes_them_and_no_moment_is_left_out() -> None:
    query = {"range": ["custom"], "from": ["2026-09-02T10:00:59.999Z"], "to": ["2026-09-02T14:30:01.000+02:00"]}
    selection = Selection.of(query)
    assert (selection.since, selection.until) == (
        datetime(2026, 9, 2, 10, 0, tzinfo=UTC),
        datetime(2026, 9, 2, 12, 31, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "query",
    [
        {"range": ["custom"]},
        {"range": ["custom"], "from": ["2026-09-02T00:00"], "to": ["2026-09-01T00:00"]},
        {"range": ["custom"], "from": ["yesterday"], "to": ["2026-09-01T00:00"]},
        {"range": ["fortnight"]},
    ],
)
def test_a_range_that_makes_no_sense_is_the_last_day(query: dict[str, list[str]]) -> None:
    assert Selection.of(query) == Selection()


@pytest.mark.parametrize(("name", "length"), RANGES.items())
def test_a_preset_ends_with_the_minute_that_runs_and_the_period_before_ends_where_it_begins(
    name: str, length: timedelta
) -> None:
    period = Selection(range=name).period(NOW)
    assert (period.until, period.length) == (datetime(2026, 9, 10, 14, 21, tzinfo=UTC), length)
    assert period.before == Period(period.since - length, period.since)


@pytest.mark.parametrize("hours", [0.5, 1, 3, 12, 24, 36, 48, 168, 720, 24 * 60, 24 * 365])
def test_charts_have_a_readable_number_of_points_and_whole_hours_as_soon_as_they_can(hours: float) -> None:
    period = Period(NOW - timedelta(hours=hours), NOW)
    assert 24 <= len(buckets(period, period.step())) <= 185
    assert 12 <= len(buckets(period, period.bar())) <= 64
    if hours >= 24:
        assert period.step() % 3600 == period.bar() % 3600 == 0


@given(minutes, st.integers(1, 60 * 24 * 90), st.floats(0, 500))
def test_the_parts_of_a_period_are_all_of_it_one_after_another(since: datetime, length: int, number: float) -> None:
    period = Period(since, since + timedelta(minutes=length))
    parts = period.parts(number)
    assert (parts[0].until, parts[-1].since) == (period.until, period.since)
    assert all(later.since == earlier.until for later, earlier in itertools.pairwise(parts))
    assert len(parts) == 1 or number > 1
    assert len(parts) <= max(number, 1) + 1
