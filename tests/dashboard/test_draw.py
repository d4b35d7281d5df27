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


def test_the_heat_map_has_a_cell_for_each_band_and_bucket_and_none_where_nothing_was_called() -> None:
    heat = rows(time=[MIDNIGHT, MIDNIGHT + HOUR], band=[72, 74], from_ns=[1e9, 10**9.25], to_ns=[10**9.125, 10**9.375],
                calls=[4, 9])  # fmt: skip
    [cells] = draw.heat(heat, DAY, 3600, explain.duration, LIGHT).data
    assert [list(row[:3]) for row in cells.z] == [[2.0, None, None], [None, None, None], [None, 3.0, None]]
    assert "<b>9 calls</b>" in cells.customdata[2][1] and "1.00\u202fs to 1.33\u202fs" in cells.customdata[0][0]


def test_what_burns_has_the_colour_of_the_highest_level_it_passes() -> None:
    burn = rows(time=[MIDNIGHT + n * HOUR for n in range(4)], burn=[0.0, 2.0, 20.0, None])
    levels = [(1.0, "ticket 1\u00d7", LIGHT.warn), (14.4, "page 14.4\u00d7", LIGHT.bad)]
    figure = draw.burn(burn, levels, DAY, 3600, LIGHT)
    [bars] = figure.data
    assert list(bars.marker.color[:4]) == [LIGHT.series[0], LIGHT.warn, LIGHT.bad, LIGHT.series[0]]
    assert list(bars.y[:4]) == [None, 2.0, 20.0, None]
    assert [(round(10**note.y, 6), note.text) for note in figure.layout.annotations] == [
        (1.0, "ticket 1\u00d7"),
        (14.4, "page 14.4\u00d7"),
    ]


def test_an_overspent_budget_is_drawn_below_nothing() -> None:
    for lowest, below in ((0.2, False), (-0.4, True)):
        left = rows(time=[MIDNIGHT, MIDNIGHT + HOUR], budget_left=[0.9, lowest])
        figure = draw.left(left, "budget_left", DAY, 3600, LIGHT)
        assert (figure.layout.yaxis.range[0] < -0.3) == below == bool(figure.layout.shapes)


def test_the_labels_of_all_and_of_nothing_do_not_overprint_where_much_is_overspent() -> None:
    for lowest, labels in ((-8.0, 2), (-400.0, 1)):
        left = rows(time=[MIDNIGHT, MIDNIGHT + HOUR], budget_left=[0.9, lowest])
        axis = draw.left(left, "budget_left", DAY, 3600, LIGHT).layout.yaxis
        assert len([tick for tick in axis.tickvals if tick >= 0]) == labels
    assert "\u221220,000\u202f%" in axis.ticktext


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
