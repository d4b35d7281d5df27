"""Spend: over time, by whom and on what, what moved, and how much of it is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from spanledger_dashboard import ask, controls, draw, explain, parts, states
from spanledger_dashboard.overview import chart, last_call, row, spend_card, width
from spanledger_dashboard.parts import Card, Cell
from spanledger_dashboard.view import View

_DIMENSIONS = ("model", "provider", "service", "team", "feature", "customer")
_SHOWN_ROWS = 100
_SHOWN_MOVERS = 8
_SHOWN_UNPRICED = 10
_PROVENANCE = {
    "priced": "at a known price",
    "reported": "as the provider said",
    "estimated": "from estimated usage",
    "partial": "usage incomplete",
    "unpriced": "no price or no usage",
    "free": "refused by the provider",
}

_SUPPRESSED = """An agent, a framework and the client of a provider may each report the same call, with its usage. The innermost
that says what was used is billed; the others stay in the trace, marked as not billed."""


def draw_page(view: View) -> None:
    rows = ask.usage(view.selection, view.period)
    if not len(rows):
        states.no_calls_here(view, last_call(view))
        return
    parts.cards(_cards(row(rows), row(view.earlier(ask.usage))))
    _suppressed(view)
    _by(view)


def _cards(now: dict[str, Any], before: dict[str, Any]) -> list[Card]:
    return [
        spend_card(now, before),
        Card(
            "Average cost of a call",
            explain.money(now["cost_usd_per_call"]),
            explain.change(now["cost_usd_per_call"], before.get("cost_usd_per_call"), better="less"),
            "of priced calls",
        ),
        Card(
            "Tokens in",
            explain.tokens(now["input_tokens"]),
            explain.change(now["input_tokens"], before.get("input_tokens")),
            f"{explain.tokens(now['cache_read_tokens'])} from cache",
        ),
        Card(
            "Tokens out",
            explain.tokens(now["output_tokens"]),
            explain.change(now["output_tokens"], before.get("output_tokens")),
            f"{explain.tokens(now['reasoning_tokens'])} reasoning",
        ),
    ]


def _suppressed(view: View) -> None:
    if said := explain.suppressed(ask.suppressed(view.selection, view.period).to_dict("records")):
        st.caption(said, help=_SUPPRESSED)


def _by(view: View) -> None:
    by = controls.by(_DIMENSIONS)
    bar = view.period.bar()
    totals = ask.usage(view.selection, view.period, by=by)
    colours = draw.ranked_colours(totals, view.colours)
    over_time = draw.with_other(ask.usage(view.selection, view.period, bar, by), colours, "cost_usd")
    figure = draw.bars(over_time, "cost_usd", view.period, bar, explain.any_money, view.colours, colours, draw.name_of)
    chart(f"Spend by {by}", f"every {width(bar)}", figure)
    with st.container(border=True):
        parts.heading(f"By {by}", _how_many(totals, by))
        _table(view, totals, by, colours)
    left, right = st.columns(2)
    with left, st.container(border=True, height="stretch"):
        parts.heading(
            "Top movers",
            f"{by} against {explain.span(view.before.since, view.before.until, view.now)}" if view.before else "",
        )
        _movers(view, by)
    with right, st.container(border=True, height="stretch"):
        parts.heading("Coverage", "of billable calls and of tokens")
        _coverage(view)


def _how_many(totals: pd.DataFrame, by: str) -> str:
    if len(totals) > _SHOWN_ROWS:
        return f"the {_SHOWN_ROWS} of {explain.count(len(totals))} {by}s that cost most"
    return f"{len(totals)} {by}{'s' if len(totals) != 1 else ''}, the largest spend first"


def _table(view: View, totals: pd.DataFrame, by: str, colours: dict[str, str]) -> None:
    costs = [cost for cost in totals["cost_usd"] if cost is not None]
    largest = max(costs, default=None)
    order = sorted(
        totals.to_dict("records"), key=lambda record: (record["cost_usd"] is None, -(record["cost_usd"] or 0))
    )
    rows = []
    for record in order[:_SHOWN_ROWS]:
        value, cost = str(record["value"]), record["cost_usd"]
        unpriced = record["unpriced_calls"]
        rows.append([
            Cell(explain.named(value), dot=colours.get(value, view.colours.other)),
            Cell(explain.money(cost), tone="" if cost is not None else "warn"),
            Cell(explain.percent(record["cost_share"]), bar=float(cost / largest) if cost and largest else 0),
            Cell(explain.count(record["calls"])),
            Cell(explain.money(record["cost_usd_per_call"])),
            Cell(explain.tokens(record["input_tokens"])),
            Cell(explain.tokens(record["cache_read_tokens"])),
            Cell(explain.tokens(record["output_tokens"])),
            Cell(explain.count(unpriced), tone="warn" if unpriced else "neutral"),
        ])  # fmt: skip
    heads = (by.capitalize(), "Spend", "Share", "Calls", "Avg. a call", "Tokens in", "Cached", "Tokens out", "Unpriced")
    parts.table(heads, rows, view.colours.accent)


def _movers(view: View, by: str) -> None:
    if not view.before:
        st.caption("There is no whole period before to compare with.")
        return
    rows = ask.movers(view.selection, view.period, by)
    moved = rows[[change is not None and change != 0 for change in rows["change_usd"]]] if len(rows) else rows
    if not len(moved):
        st.caption("Nothing moved.")
        return
    order = sorted(moved.to_dict("records"), key=lambda record: -abs(record["change_usd"]))[:_SHOWN_MOVERS]
    shown = pd.DataFrame(order).assign(words=[_moved(record) for record in order])
    figure = draw.change_bars(shown, view.colours, lambda usd: explain.money(usd, signed=True), explain.named)
    st.plotly_chart(figure, theme=None, config=draw.CONFIG, key="chart movers")


def _moved(record: Mapping[Any, Any]) -> str:
    change = explain.change(record["cost_usd_now"], record["cost_usd_before"])
    return f"{explain.money(record['cost_usd_before'])} → {explain.money(record['cost_usd_now'])} ({change.text})"


def _coverage(view: View) -> None:
    rows = {record["cost_status"]: record for record in ask.coverage(view.selection, view.period).to_dict("records")}
    shades = dict(
        zip(
            _PROVENANCE,
            (view.colours.good, *view.colours.series[1:4], view.colours.warn, view.colours.other),
            strict=True,
        )
    )
    known = [(status, rows[status]) for status in _PROVENANCE if status in rows]
    parts.stack([
        (record["calls_share"] or 0.0, shades[status], f"{explain.percent(record['calls_share'])} {status}")
        for status, record in known
    ])  # fmt: skip
    parts.table(
        ("Cost", "Calls", "of calls", "of tokens", "Spend"),
        [
            [
                Cell(status.capitalize(), dot=shades[status], note=_PROVENANCE[status]),
                Cell(explain.count(record["calls"])),
                Cell(explain.percent(record["calls_share"])),
                Cell(explain.percent(record["tokens_share"])),
                Cell(explain.money(record["cost_usd"]), tone="warn" if status == "unpriced" else ""),
            ]
            for status, record in known
        ],
        view.colours.accent,
    )
    if "unpriced" in rows:
        _unpriced(view)


def _unpriced(view: View) -> None:
    """Which models have calls without a price, and the way out."""
    models = ask.usage(view.selection, view.period, by="model").to_dict("records")
    without = sorted((r for r in models if r["unpriced_calls"]), key=lambda r: -r["unpriced_calls"])
    names = [f"{explain.named(str(r['value']))} ({explain.count(r['unpriced_calls'])})" for r in without]
    if more := names[_SHOWN_UNPRICED:]:
        names = [*names[:_SHOWN_UNPRICED], f"{len(more)} more"]
    parts.note(
        f"Unpriced calls, by model: {', '.join(names)}. `spanledger prices find MODEL --provider PROVIDER` says what price there "
        "is. Where there is none, give the model one in `prices.yaml` (`docs/prices.md`); where there is one, the calls said "
        "nothing of their usage, or their GPU-hour is not over."
    )
