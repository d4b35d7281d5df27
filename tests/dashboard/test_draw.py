from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spanledger_dashboard import draw, explain
from spanledger_dashboard.palette import DARK, LIGHT, Palette
from spanledger_dashboard.selection import Period

MIDNIGHT = datetime(2026, 9, 1, tzinfo=UTC)
DAY = Period(MIDNIGHT, MIDNIGHT + timedelta(days=1))
HOUR = timedelta(hours=1)


def rows(**columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})


@given(st.floats(1e-9, 1e15))
def test_ticks_are_round_go_from_nothing_to_the_top_and_are_few(top: float) -> None:
    ticks = draw.round_ticks(top)
    assert ticks[0] == 0 and ticks[-1] >= top * 0.999
    assert 3 <= len(ticks) <= 6


@given(st.integers(1, 10**12))
def test_ticks_of_calls_are_whole(top: int) -> None:
    assert all(tick == int(tick) for tick in draw.round_ticks(top, whole=True))


def test_ticks_have_the_same_decimals_and_no_more_than_they_need() -> None:
    def labels(top: str) -> tuple[str, ...]:
        spend = rows(time=[MIDNIGHT], value=[""], cost_usd=[Decimal(top)])
        return tuple(draw.bars(spend, "cost_usd", DAY, 3600, explain.any_money, LIGHT).layout.yaxis.ticktext)

    assert labels("1.7") == ("0", "$0.50", "$1.00", "$1.50", "$2.00")
    assert labels("38.5") == ("0", "$10", "$20", "$30", "$40")
    assert labels("0.00041") == ("0", "$0.0001", "$0.0002", "$0.0003", "$0.0004", "$0.0005")


def test_a_bucket_in_which_nothing_is_known_is_a_gap_and_not_a_zero() -> None:
    known = rows(time=[MIDNIGHT, MIDNIGHT + 2 * HOUR], p50=[1e9, None])
    [line] = draw.lines(known, {"p50": "p50"}, DAY, 3600, explain.duration, LIGHT).data
    assert len(line.x) == 24
    assert list(line.y) == [1e9] + [None] * 23
    assert line.connectgaps is False


def test_hover_says_the_figure_in_words() -> None:
    spend = rows(time=[MIDNIGHT], value=["gpt-5"], cost_usd=[Decimal("0.000123")])
    [bar] = draw.bars(spend, "cost_usd", DAY, 3600, explain.any_money, LIGHT, {"gpt-5": "#000000"}).data
    assert bar.customdata[0] == "$0.000123"
    assert bar.customdata[1] == explain.UNKNOWN


def test_the_values_that_cost_most_have_colours_and_all_others_are_one() -> None:
    costs = {f"customer-{n}": Decimal(n) for n in range(20)}
    totals = rows(value=list(costs), cost_usd=list(costs.values()))
    colours = draw.ranked_colours(totals, LIGHT)
    assert list(colours) == [f"customer-{n}" for n in range(19, 12, -1)] + [draw.OTHER]
    over_time = rows(time=[MIDNIGHT] * 20, value=list(costs), cost_usd=list(costs.values()))
    summed = draw.with_other(over_time, colours, "cost_usd")
    assert summed[summed["value"] == draw.OTHER]["cost_usd"].tolist() == [Decimal(sum(range(13)))]
    assert sum(summed["cost_usd"]) == sum(costs.values())


def test_the_begun_bucket_is_paler() -> None:
    until = MIDNIGHT + timedelta(hours=3, minutes=20)
    calls = rows(time=[MIDNIGHT], value=[""], calls=[1])
    [bar] = draw.bars(calls, "calls", Period(MIDNIGHT, until), 3600, explain.count, LIGHT).data
    assert list(bar.marker.opacity) == [1, 1, 1, 0.45]


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_words_can_be_read_on_what_is_behind_them(palette: Palette) -> None:
    for behind in (palette.page, palette.panel):
        for words in (palette.text, palette.muted, palette.good, palette.bad, palette.warn):
            assert contrast(words, behind) >= 4.5
    assert contrast(palette.accent, palette.page) >= 4
    assert contrast("#FFFFFF", palette.accent) >= 4
    assert all(contrast(colour, palette.page) >= 2.4 for colour in palette.series)
