"""Latency: how long calls take, to their first token and to their end, how fast their output comes, and by what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

from spanledger_dashboard import ask, controls, draw, explain, parts, states
from spanledger_dashboard.overview import chart, last_call, row, width
from spanledger_dashboard.palette import Palette, only
from spanledger_dashboard.parts import Card, Cell
from spanledger_dashboard.selection import Period, Selection
from spanledger_dashboard.view import View

_DIMENSIONS = ("model", "provider", "service", "prompt")
_SHOWN_ROWS = 50
_BEFORE = " before"


def draw_page(view: View) -> None:
    speed = ask.speed(view.selection, view.period)
    if not len(speed):
        states.no_calls_here(view, last_call(view))
        return
    times, times_before = row(ask.latency(view.selection, view.period)), row(view.earlier(ask.latency))
    parts.cards(_cards(times, times_before, row(speed), row(view.earlier(ask.speed))))
    _charts(view)
    _by(view)


def _cards(now: dict[str, Any], before: dict[str, Any], speed: dict[str, Any], was: dict[str, Any]) -> list[Card]:
    def timed(label: str, column: str, note: str) -> Card:
        figure = now.get(column)
        return Card(
            label, explain.duration(figure), explain.change(figure, before.get(column), better="less"), note
        )  # fmt: skip

    return [
        timed("Latency p50", "p50_duration_ns", f"of {explain.count(speed['calls'])} calls"),
        timed("Latency p95", "p95_duration_ns", f"p99 {explain.duration(now.get('p99_duration_ns'))}"),
        timed("Time to first token p50", "p50_ttft_ns", f"p95 {explain.duration(now.get('p95_ttft_ns'))}, of streams"),
        Card(
            "Output tokens a second",
            explain.per_second(speed["output_tokens_per_s"]),
            explain.change(speed["output_tokens_per_s"], was.get("output_tokens_per_s"), better="more"),
            f"{explain.tokens(speed['output_tokens'])} tokens out",
        ),
    ]


def _charts(view: View) -> None:
    step = view.period.step()
    latency = _with_before(view, step, "p95_duration_ns", ask.latency)
    first_token = _with_before(view, step, "p95_ttft_ns", ask.latency)
    speed = _with_before(view, step, "output_tokens_per_s", ask.speed)
    every = f"every {width(step)}"

    def over_time(title: str, rows: pd.DataFrame, columns: dict[str, str], words: draw.Words, palette: Palette) -> None:
        dotted = next(column for column in columns if column.endswith(_BEFORE))
        chart(title, every, draw.lines(rows, columns, view.period, step, words, palette, dotted))

    left, right = st.columns(2)
    with left:
        percentiles = {"p50_duration_ns": "p50", "p95_duration_ns": "p95", "p99_duration_ns": "p99"}
        over_time(
            "Latency",
            latency,
            percentiles | {f"p95_duration_ns{_BEFORE}": "p95 before"},
            explain.duration,
            view.colours,
        )
        columns = {"p50_ttft_ns": "p50", "p95_ttft_ns": "p95", f"p95_ttft_ns{_BEFORE}": "p95 before"}
        over_time("Time to first token", first_token, columns, explain.duration, view.colours)
    with right:
        heat = ask.heatmap(view.selection, view.period, step)
        figure = draw.heat(heat, view.period, step, explain.duration, view.colours)
        chart("Durations", f"calls {every}, the more the {view.colours.more}", figure)
        columns = {"output_tokens_per_s": "Now", f"output_tokens_per_s{_BEFORE}": "Before"}
        over_time(
            "Output tokens a second",
            speed,
            columns,
            explain.per_second,
            only(view.colours, view.colours.series[1], view.colours.other),
        )


def _with_before(view: View, step: int, column: str, question: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Rows over time, and beside them `column` of the period before, moved to where it would be now."""
    now = question(view.selection, view.period, step)
    before = view.earlier(question, step=step)
    if not len(before):
        return now.assign(**{f"{column}{_BEFORE}": None})
    moved = timedelta(seconds=round(view.period.length.total_seconds() / step) * step)
    earlier = pd.DataFrame({"time": before["time"] + moved, f"{column}{_BEFORE}": before[column]})
    return now.merge(earlier, on="time", how="outer")


def _by(view: View) -> None:
    by = controls.by(_DIMENSIONS)
    now = _table_of(view.selection, view.period, by=by)
    before = view.earlier(_table_of, by=by)
    colours = draw.ranked_colours(now, view.colours, "calls")
    colours.pop(draw.OTHER, None)  # percentiles of several cannot be put together
    step = view.period.step()
    rows = draw.series(ask.latency(view.selection, view.period, step, ask.column(by)), "p95_duration_ns")
    columns = {value: draw.short(explain.named(value)) for value in colours if value in rows}
    some = f", of the {len(columns)} that are called most" if len(colours) < len(now) else ""
    figure = draw.lines(rows, columns, view.period, step, explain.duration, view.colours)
    chart(f"Latency p95 by {by}", f"every {width(step)}{some}", figure)
    with st.container(border=True):
        parts.heading(f"By {by}", f"the most called first{'; a model whatever its release' if by == 'model' else ''}")
        _table(view, now, before, by, colours)


def _table_of(selection: Selection, period: Period, by: str) -> pd.DataFrame:
    """Calls, speed and percentiles by value."""
    split = ask.column(by)
    speed, latency = ask.speed(selection, period, by=split), ask.latency(selection, period, by=split)
    if not len(speed):
        return pd.DataFrame({"value": []})
    return speed.merge(latency.drop(columns="time"), on="value", how="left").sort_values("calls", ascending=False)


def _table(view: View, now: pd.DataFrame, before: pd.DataFrame, by: str, colours: dict[str, str]) -> None:
    earlier = {record["value"]: record for record in before.to_dict("records")}
    rows = []
    for record in now.to_dict("records")[:_SHOWN_ROWS]:
        was = earlier.get(record["value"], {})
        change = explain.change(record["p95_duration_ns"], was.get("p95_duration_ns"), better="less")
        rows.append([
            Cell(explain.named(record["value"]), dot=colours.get(record["value"], view.colours.other)),
            Cell(explain.count(record["calls"])),
            Cell(explain.duration(record["p50_duration_ns"])),
            Cell(explain.duration(record["p95_duration_ns"])),
            Cell(change.text, tone=change.tone),
            Cell(explain.duration(record["p99_duration_ns"])),
            Cell(explain.duration(record["p50_ttft_ns"])),
            Cell(explain.duration(record["p95_ttft_ns"])),
            Cell(explain.per_second(record["output_tokens_per_s"])),
        ])  # fmt: skip
    heads = (by.capitalize(), "Calls", "p50", "p95", "Change", "p99", "First token p50", "p95", "Tokens/s")
    parts.table(heads, rows, view.colours.accent)
