"""Figures: plotly, one look, one palette. Values come in as the views gave them; hover says them in words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from spanledger_dashboard import explain
from spanledger_dashboard.palette import Palette
from spanledger_dashboard.selection import Period

CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}
TOP = 7
OTHER = "\0other"
_HEIGHT = 250
Words = Callable[[Any], str]


def buckets(period: Period, step: int) -> list[datetime]:
    """The beginnings of all buckets of a period, as the views cut them: multiples of `step` since 1970."""
    first = int(period.since.timestamp()) // step * step
    last = int((period.until - timedelta(microseconds=1)).timestamp()) // step * step
    return [datetime.fromtimestamp(second, UTC) for second in range(first, last + 1, step)]


def lines(
    rows: pd.DataFrame, columns: dict[str, str], period: Period, step: int, words: Words, palette: Palette,
    dotted: str = "",
) -> go.Figure:  # fmt: skip
    """Lines over time, `columns` from column to name. A bucket in which nothing is known is a gap. `dotted`: the column
    that is there to compare with."""
    times = buckets(period, step)
    figure = _figure(palette, times, step)
    shown = rows.set_index("time") if len(rows) else pd.DataFrame(columns=list(columns))
    drawn = []
    for (column, name), colour in zip(columns.items(), palette.series, strict=False):
        colour, dash = (palette.other, "dot") if column == dotted else (colour, "solid")
        values = shown[column].reindex(times)
        known = [None if _unknown(value) else float(value) for value in values]
        drawn += [value for value in known if value is not None]
        lonely = [
            value is not None and all(known[i] is None for i in (index - 1, index + 1) if 0 <= i < len(known))
            for index, value in enumerate(known)
        ]
        figure.add_scatter(
            x=times, y=known, name=name, mode="lines+markers", line={"color": colour, "width": 2, "dash": dash},
            connectgaps=False, marker={"size": [5 if alone else 0 for alone in lonely], "color": colour},
            customdata=[words(None if value is None else value) for value in known],
            hovertemplate="%{customdata}",
        )  # fmt: skip
    _scale(figure, max(drawn, default=0.0), words)
    _legend(figure, len(columns) > 1)
    return figure


def bars(
    rows: pd.DataFrame,
    column: str,
    period: Period,
    step: int,
    words: Words,
    palette: Palette,
    colours: dict[str, str] | None = None,
    names: Callable[[str], str] = explain.named,
) -> go.Figure:
    """Stacked bars over time, a series a value, `colours` by value in the order of stacking. A bucket that the period
    holds a part of is paler."""
    times = buckets(period, step)
    figure = _figure(palette, times, step)
    figure.update_layout(barmode="stack")
    width = timedelta(seconds=step)
    opacities = [0.45 if time < period.since or time + width > period.until else 1.0 for time in times]
    totals = [0.0] * len(times)
    for value, colour in (colours or {"": palette.series[0]}).items():
        mine = rows[rows["value"] == value] if len(rows) else rows
        figures = dict(zip(mine["time"], mine[column], strict=True)) if len(mine) else {}
        heights = [0.0 if _unknown(figures.get(time)) else float(figures[time]) for time in times]
        totals = [total + height for total, height in zip(totals, heights, strict=True)]
        figure.add_bar(
            x=times, y=heights, name=short(names(value)), offset=0, width=step * 1000 * 0.84,
            marker={"color": colour, "opacity": opacities, "line": {"width": 0}, "cornerradius": 2},
            customdata=[words(figures.get(time)) for time in times],
            hovertemplate="%{customdata}",
        )  # fmt: skip
    _scale(figure, max(totals, default=0.0), words)
    _legend(figure, len(colours or {}) > 1)
    return figure


def series(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Rows of times and values, a column a value."""
    if not len(rows):
        return pd.DataFrame({"time": []})
    return rows.pivot(index="time", columns="value", values=column).reset_index()


def heat(rows: pd.DataFrame, period: Period, step: int, words: Words, palette: Palette) -> go.Figure:
    """Calls by time and by band of duration: the more, the darker; shades are of roots, so that the few are seen beside
    the many."""
    times = buckets(period, step)
    figure = _figure(palette, times, step)
    low, high = int(min(rows["band"])), int(max(rows["band"]))
    ends = {int(record["band"]): (record["from_ns"], record["to_ns"]) for record in rows.to_dict("records")}
    calls = {(record["time"], int(record["band"])): int(record["calls"]) for record in rows.to_dict("records")}
    bands = range(low, high + 1)
    figure.add_heatmap(
        # a cell lies around its point
        x=[time + timedelta(seconds=step / 2) for time in times], y=[band + 0.5 for band in bands],
        z=[[math.sqrt(calls[time, band]) if (time, band) in calls else None for time in times] for band in bands],
        customdata=[
            [f"{time:%a %b} {time.day}, {time:%H:%M} UTC<br>{words(ends[band][0])} to {words(ends[band][1])}<br>"
             f"<b>{explain.count(calls[time, band])} calls</b>" if (time, band) in calls else "" for time in times]
            for band in bands
        ],
        hovertemplate="%{customdata}<extra></extra>", hoverongaps=False, xgap=1, ygap=1, showscale=False,
        zmin=0, colorscale=[[0, palette.line], [0.15, palette.heat[0]], [0.55, palette.heat[1]], [1, palette.heat[2]]],
    )  # fmt: skip
    decades = [power for power in range(0, 14) if low <= power * 8 <= high + 1]
    ticks = decades if len(decades) > 1 else sorted({low / 8, (high + 1) / 8})
    figure.update_yaxes(
        range=[low, high + 1], showgrid=False, tickvals=[power * 8 for power in ticks],
        ticktext=[re.sub(r"\.0+", "", words(10.0**power)).replace("1\u202fmin\u202f40\u202fs", "100\u202fs") for power in ticks],
    )  # fmt: skip
    figure.update_layout(hovermode="closest")
    _legend(figure, False)
    return figure


BURN_FLOOR = 0.1
"""What burns slower is drawn as if it burned so fast; nothing, not at all."""


def burn(
    rows: pd.DataFrame, levels: Sequence[tuple[float, str, str]], period: Period, step: int, palette: Palette
) -> go.Figure:
    """How fast a budget is used up over time, on a scale of powers of ten, and the `levels` (factor, label, colour) from
    which on somebody is told."""
    times = buckets(period, step)
    figure = _figure(palette, times, step)
    known = dict(zip(rows["time"], rows["burn"], strict=True)) if len(rows) else {}
    values = [None if _unknown(known.get(time)) else float(known[time]) for time in times]
    figure.add_bar(
        x=times, y=[max(value, BURN_FLOOR) if value else None for value in values], name="Burn", offset=0,
        width=step * 1000 * 0.84, marker={"color": [_burning(value, levels, palette) for value in values],
                                          "line": {"width": 0}},
        customdata=[explain.burn(value) for value in values], hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    for level, label, colour in levels:
        figure.add_hline(y=level, line={"color": colour, "width": 1, "dash": "dash"})
        # an annotation's place on such a scale is the exponent; it stands beside its line, clear of the bars
        figure.add_annotation(
            x=1.01, xref="paper", xanchor="left", y=math.log10(level), text=label, showarrow=False,
            font={"color": colour, "size": 11},
        )  # fmt: skip
    top = max([level for level, _, _ in levels] + [value for value in values if value is not None] + [1.0]) * 2
    ticks = [10.0**power for power in range(-1, math.ceil(math.log10(top)) + 1)]
    figure.update_yaxes(
        type="log", range=[math.log10(BURN_FLOOR) - 0.06, math.log10(top)], tickvals=ticks,
        ticktext=[f"{tick:g}\u00d7" if tick < 1000 else f"{tick:,.0f}\u00d7" for tick in ticks],
    )  # fmt: skip
    _legend(figure, False)
    figure.update_layout(margin={"r": 74 if levels else 8})
    return figure


def _burning(value: float | None, levels: Sequence[tuple[float, str, str]], palette: Palette) -> str:
    """The colour of the highest level that is passed."""
    passed = [(level, colour) for level, _, colour in levels if value is not None and value > level]
    return max(passed)[1] if passed else palette.series[0]


def left(rows: pd.DataFrame, column: str, period: Period, step: int, palette: Palette) -> go.Figure:
    """What is left of a budget over time, from all of it down to nothing, and below where it is overspent."""
    figure = lines(rows, {column: "left"}, period, step, explain.percent, palette)
    known = [float(value) for value in rows[column] if not _unknown(value)] if len(rows) else []
    bottom = min([0.0, *known])
    if bottom > -3:
        apart = 0.25 if bottom > -0.3 else 0.5
        ticks = [apart * index for index in range(math.floor(bottom / apart), round(1 / apart) + 1)]
    else:
        ticks = [-step for step in reversed(round_ticks(-bottom)[1:])] + [0.0]
        if ticks[0] > -10:  # else all and nothing are too near to each other for two labels
            ticks.append(1.0)
    room = (1 - ticks[0]) * 0.03
    figure.update_yaxes(
        range=[ticks[0] - room, 1 + room], tickvals=ticks,
        ticktext=[explain.percent(tick).replace(".0", "") for tick in ticks],
    )  # fmt: skip
    if bottom < 0:
        figure.add_hline(y=0, line={"color": palette.bad, "width": 1})
    return figure


def change_bars(rows: pd.DataFrame, palette: Palette, words: Words, names: Callable[[str], str]) -> go.Figure:
    """Bars to both sides of nothing: what rose, and what fell, the largest change on top."""
    figure = _figure(palette, [], 0)
    changes = [float(value) for value in rows["change_usd"]]
    low, high = min([0.0, *changes]), max([0.0, *changes])
    room = (high - low) * 0.3  # for the words at the bars' ends
    figure.add_bar(
        y=[short(names(value), 26) for value in rows["value"]], x=changes, orientation="h",
        marker={"color": [palette.bad if change > 0 else palette.good for change in changes], "cornerradius": 3},
        text=[words(value) for value in rows["change_usd"]], textposition="outside", cliponaxis=False,
        textfont={"color": palette.text, "size": 12}, width=0.62,
        customdata=list(rows["words"]), hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(
        autorange="reversed", showgrid=False, automargin=True, ticksuffix="  ", tickfont={"color": palette.text}
    )
    span = [low - room * (low < 0), high + room * (high > 0)]
    figure.update_xaxes(
        range=span, showticklabels=False, showgrid=False, zeroline=True, zerolinecolor=palette.line, zerolinewidth=1
    )
    height = max(120, 34 * len(rows) + 24)
    figure.update_layout(height=height, showlegend=False, hovermode="closest", margin={"t": 4, "b": 4})
    return figure


def ranked_colours(rows: pd.DataFrame, palette: Palette, column: str = "cost_usd") -> dict[str, str]:
    """A colour for each of the values that have most of `column`, and one for all the others together."""
    totals = rows.groupby("value")[column].agg(_sum_known)
    order = sorted(totals.items(), key=lambda item: (-(item[1] or 0), item[0]))
    top = [str(value) for value, _ in order]
    if len(top) <= TOP + 1:
        return dict(zip(top, palette.series, strict=False))
    return dict(zip(top[:TOP], palette.series, strict=False)) | {OTHER: palette.other}


def with_other(rows: pd.DataFrame, colours: dict[str, str], column: str) -> pd.DataFrame:
    """Rows over time with every value that has no colour of its own summed into one."""
    if OTHER not in colours or not len(rows):
        return rows
    kept = rows.assign(value=[value if value in colours else OTHER for value in rows["value"]])
    return kept.groupby(["time", "value"])[column].agg(_sum_known).reset_index()


def name_of(value: str) -> str:
    return "Other" if value == OTHER else explain.named(value)


def _sum_known(values: pd.Series[Any]) -> Any:
    known = [value for value in values if not _unknown(value)]
    return sum(known[1:], start=known[0]) if known else None


def _unknown(value: Any) -> bool:
    return value is None or bool(pd.isna(value))


def short(name: str, length: int = 22) -> str:
    name = name if len(name) <= length else name[: length - 1] + "…"
    return name.replace("<", "&lt;").replace(">", "&gt;")


def _figure(palette: Palette, times: Sequence[datetime], step: int) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(
        height=_HEIGHT, margin={"l": 4, "r": 8, "b": 4}, paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)", font={"family": "'Source Sans', sans-serif", "size": 13, "color": palette.muted},
        hovermode="x unified", hoverlabel={"bgcolor": palette.panel, "bordercolor": palette.line,
                                           "font": {"color": palette.text, "size": 13}},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "xanchor": "left", "itemclick": False,
                "itemdoubleclick": False, "font": {"color": palette.text, "size": 12}, "bgcolor": "rgba(0,0,0,0)",
                "traceorder": "normal"},
        separators=".,", dragmode=False,
    )  # fmt: skip
    figure.update_yaxes(
        showgrid=True, gridcolor=palette.line, gridwidth=1, zeroline=False, automargin=True, fixedrange=True
    )
    figure.update_xaxes(
        showgrid=False, zeroline=False, fixedrange=True, automargin=True,
        spikemode="across", spikethickness=1, spikedash="dot", spikecolor=palette.muted,
    )  # fmt: skip
    if times:
        figure.update_xaxes(
            range=[times[0], times[-1] + timedelta(seconds=step)], hoverformat="%a %b %-d, %H:%M UTC", nticks=7,
            showline=True, linecolor=palette.line, tickformatstops=[
                {"dtickrange": [None, 43200000], "value": "%H:%M\n%b %-d"},
                {"dtickrange": [43200000, None], "value": "%b %-d"},
            ],
        )  # fmt: skip
    return figure


def _legend(figure: go.Figure, wanted: bool) -> None:
    figure.update_layout(showlegend=wanted, margin={"t": 34 if wanted else 12})


def _scale(figure: go.Figure, top: float, words: Words) -> None:
    """Two to five round ticks from nothing up to above the top, labelled in the unit's own words."""
    ticks = round_ticks(top, whole=words is explain.count)
    labels = ["0", *_labels([words(int(tick) if tick == int(tick) else tick) for tick in ticks[1:]])]
    figure.update_yaxes(range=[0, ticks[-1] * 1.02], tickvals=ticks, ticktext=labels)


def _labels(texts: Sequence[str]) -> list[str]:
    """All with as many decimals as the one that needs most; of a dollar, whole cents."""
    decimals = [match[1] if (match := re.search(r"\.(\d+)", text)) else "" for text in texts]
    needed = max((len(digits.rstrip("0")) for digits in decimals), default=0)
    if needed == 1 and texts[0].startswith("$"):
        needed = 2
    return [
        re.sub(r"\.\d+", f".{digits[:needed]}" if needed else "", text)
        for text, digits in zip(texts, decimals, strict=True)
    ]


def round_ticks(top: float, whole: bool = False) -> Sequence[float]:
    """0 and more ticks, a round step apart (1, 2, 2.5 or 5 times a power of ten; `whole`: no fractions), up to `top`."""
    if top <= 0:
        return [0.0, 1.0]
    power = math.floor(math.log10(top)) - 1
    steps = [factor * 10.0**power for factor in (1, 2, 2.5, 5, 10, 20, 25, 50, 100)]
    step = next(step for step in steps if top / step <= 4.5 and not (whole and step % 1))
    return [step * index for index in range(math.ceil(top / step - 1e-9) + 1)]
