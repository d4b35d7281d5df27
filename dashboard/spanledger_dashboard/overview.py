"""Overview: is it used, does it work, how fast is it, what does it cost; each now against the period before."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from spanledger_dashboard import ask, draw, explain, parts, states
from spanledger_dashboard.palette import Palette, only
from spanledger_dashboard.parts import Card
from spanledger_dashboard.view import View


def draw_page(view: View) -> None:
    rows = ask.usage(view.selection, view.period)
    if not len(rows):
        states.no_calls_here(view, last_call(view))
        return
    now = row(rows)
    before = row(view.earlier(ask.usage))
    times = row(ask.latency(view.selection, view.period))
    times_before = row(view.earlier(ask.latency))
    parts.cards([*_usage_cards(now, before), *_latency_cards(times, times_before)])
    _charts(view)


def row(rows: pd.DataFrame) -> dict[str, Any]:
    """The only row; where there is none nothing was called and all else is unknown."""
    return dict(rows.iloc[0]) if len(rows) else {"calls": 0}


def last_call(view: View) -> str:
    """The last hour in which anything was called, in words."""
    fresh = ask.freshness(view.selection.project)
    return f"{explain.moment(max(fresh['last_hour']), view.now)} UTC" if len(fresh) else explain.UNKNOWN


def spend_card(now: dict[str, Any], before: dict[str, Any]) -> Card:
    """The total, and beside it how much of it is known."""
    unpriced = now.get("unpriced_share")
    return Card(
        "Spend",
        explain.money(now["cost_usd"]),
        explain.change(now["cost_usd"], before.get("cost_usd"), better="less"),
        explain.coverage(now),
        warn=unpriced is not None and unpriced > 0,
    )


def _usage_cards(now: dict[str, Any], before: dict[str, Any]) -> list[Card]:
    return [
        Card("Calls", explain.count(now["calls"]), explain.change(now["calls"], before["calls"])),
        Card(
            "Error rate",
            explain.percent(now["error_rate"]),
            explain.change_of_share(now["error_rate"], before.get("error_rate"), better="less"),
            f"{explain.count(now['errors'])} failed",
        ),
        spend_card(now, before),
        Card(
            "Cache hit rate",
            explain.percent(now["cache_hit_rate"]),
            explain.change_of_share(now["cache_hit_rate"], before.get("cache_hit_rate"), better="more"),
            "of input tokens",
        ),
    ]


def _latency_cards(now: dict[str, Any], before: dict[str, Any]) -> list[Card]:
    def timed(label: str, column: str, note: str = "") -> Card:
        figure = now.get(column)
        change = explain.change(figure, before.get(column), better="less")
        return Card(label, explain.duration(figure), change, note)

    first_token = explain.duration(now.get("p95_ttft_ns"))
    return [
        timed("Latency p50", "p50_duration_ns", "the middle call"),
        timed("Latency p95", "p95_duration_ns", "1 call in 20 is slower"),
        timed("Latency p99", "p99_duration_ns", "1 call in 100 is slower"),
        timed("Time to first token p50", "p50_ttft_ns", f"p95 {first_token}"),
    ]


def _charts(view: View) -> None:
    bar, step = view.period.bar(), view.period.step()
    in_bars = ask.usage(view.selection, view.period, bar)
    usage = ask.usage(view.selection, view.period, step)
    latency = ask.latency(view.selection, view.period, step)
    colours = view.colours

    def over_time(title: str, rows: pd.DataFrame, lines: dict[str, str], words: draw.Words, palette: Palette) -> None:
        chart(title, f"every {width(step)}", draw.lines(rows, lines, view.period, step, words, palette))

    calls = pd.concat([_outcome(in_bars, "ok"), _outcome(in_bars, "error")]) if len(in_bars) else in_bars
    outcomes = {"ok": colours.series[0], "error": colours.bad}
    calls_figure = draw.bars(calls, "calls", view.period, bar, explain.count, colours, outcomes)
    spend_figure = draw.bars(in_bars, "cost_usd", view.period, bar, explain.any_money, colours)
    percentiles = {"p50_duration_ns": "p50", "p95_duration_ns": "p95", "p99_duration_ns": "p99"}
    left, right = st.columns(2)
    with left:
        chart("Calls", f"every {width(bar)}", calls_figure)
        over_time("Latency", latency, percentiles, explain.duration, colours)
        over_time("Error rate", usage, {"error_rate": "Error rate"}, explain.percent, only(colours, colours.bad))
    with right:
        chart("Spend", f"every {width(bar)}", spend_figure, link="Spend")
        first_token = {"p50_ttft_ns": "p50", "p95_ttft_ns": "p95"}
        over_time("Time to first token", latency, first_token, explain.duration, colours)
        hits = {"cache_hit_rate": "Cache hit rate"}
        over_time("Cache hit rate", usage, hits, explain.percent, only(colours, colours.good))


def _outcome(rows: pd.DataFrame, outcome: str) -> pd.DataFrame:
    failed = rows["errors"]
    return rows.assign(value=outcome, calls=failed if outcome == "error" else rows["calls"] - failed)


def chart(title: str, beside: str, figure: Any, link: str | None = None) -> None:
    """A figure in its frame."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            parts.heading(title, beside)
            if link:
                st.page_link(
                    st.session_state["pages"][link],
                    label=f"{link} by model, team, customer…",
                    icon=":material/arrow_forward:",
                )
        st.plotly_chart(figure, theme=None, config=draw.CONFIG, key=f"chart {title}")


def width(step: int) -> str:
    """A bucket's width in words."""
    if step >= 86400:
        return "day" if step == 86400 else f"{step // 86400} days"
    if step >= 3600:
        return "hour" if step == 3600 else f"{step // 3600} hours"
    return "minute" if step == 60 else f"{step // 60} minutes"
