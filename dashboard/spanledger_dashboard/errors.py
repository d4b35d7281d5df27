"""Errors: what fails, how often, since when, where, and examples to open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from spanledger_dashboard import ask, controls, draw, explain, parts, states
from spanledger_dashboard.find import Find
from spanledger_dashboard.overview import chart, last_call, row, width
from spanledger_dashboard.palette import Palette
from spanledger_dashboard.parts import Card, Cell
from spanledger_dashboard.view import View

CLASSES = {
    "provider": "theirs: broken, overloaded, too late",
    "rate_limit": "more than we may ask for",
    "client": "ours: refused for what it asked",
    "content_filter": "the answer was held back",
    "cancelled": "nobody waited any longer",
    "unknown": "nothing says what it was",
}
"""The classes of schemas/error_classes.yaml, and whose fault each is."""
_DIMENSIONS = ("model", "provider", "service", "prompt")
_SHOWN_ROWS = 50
_EXAMPLES = 12


def draw_page(view: View) -> None:
    calls = ask.speed(view.selection, view.period)
    if not len(calls):
        states.no_calls_here(view, last_call(view))
        return
    every_class = ask.errors(view.selection, view.period, by="error_class")
    _choose_classes([str(value) for value in every_class["value"]] if len(every_class) else [])
    classes = view.selection.classes
    now = row(ask.errors(view.selection, view.period, classes=classes)) | {"calls": calls.iloc[0]["calls"]}
    if "errors" not in now:
        states.no_errors(view, explain.count(now["calls"]))
        return
    before = row(view.earlier(ask.errors, classes=classes))
    before_calls = row(view.earlier(ask.speed))["calls"]
    shown = ask.errors(view.selection, view.period, by="error_class", classes=classes)
    parts.cards(_cards(view, now, before, before_calls, shown))
    _classes(view, shown)
    _types(view)
    _by(view)
    _examples(view)


def shades(palette: Palette) -> dict[str, str]:
    """A colour a class, the same everywhere."""
    return dict(zip(CLASSES, (palette.bad, *palette.series[2:4], *palette.series[0:2], palette.other), strict=True))


def class_name(error_class: str) -> str:
    return error_class.replace("_", " ").capitalize()


def _choose_classes(known: list[str]) -> None:
    chosen = controls.selection().classes
    options = [name for name in CLASSES if name in known or name in chosen]
    if len(options) < 2 and not chosen:
        return
    st.session_state["classes"] = list(chosen)
    st.pills(
        "Error class", options, selection_mode="multi", format_func=class_name, key="classes", on_change=_chose_classes,
        label_visibility="collapsed",
    )  # fmt: skip


def _chose_classes() -> None:
    controls.select(replace(controls.selection(), classes=tuple(st.session_state["classes"])))


def _cards(
    view: View, now: dict[str, Any], before: dict[str, Any], before_calls: int, classes: pd.DataFrame
) -> list[Card]:
    most = max(classes.to_dict("records"), key=lambda record: record["errors"])
    rate_before = before.get("rate", 0.0 if before_calls else None)
    return [
        Card(
            "Errors",
            explain.count(now["errors"]),
            explain.change(now["errors"], before.get("errors", 0), better="less"),
            f"of {explain.count(now['calls'])} calls",
        ),
        Card(
            "Error rate",
            explain.percent(now["rate"]),
            explain.change_of_share(now["rate"], rate_before, better="less"),
            f"before: {explain.percent(rate_before)}",
        ),
        Card("Most of them", class_name(str(most["value"])), None, f"{explain.percent(most['share'])} of errors"),
        Card("Last seen", explain.ago(now["last_seen"], view.now), None, f"{explain.second(now['last_seen'])} UTC"),
    ]


def _classes(view: View, classes: pd.DataFrame) -> None:
    bar, colours = view.period.bar(), shades(view.colours)
    over_time = ask.errors(view.selection, view.period, bar, "error_class", view.selection.classes)
    present = {name: colours[name] for name in CLASSES if name in set(classes["value"])}
    figure = draw.bars(over_time, "errors", view.period, bar, explain.count, view.colours, present, class_name)
    chart("Errors by class", f"every {width(bar)}", figure)
    times = draw.buckets(view.period, bar)
    with st.container(border=True):
        parts.heading("Classes", "shares of all errors, rates of all calls; times in UTC")
        rows = [
            [
                Cell(class_name(record["value"]), dot=colours[record["value"]], note=CLASSES[record["value"]]),
                Cell(explain.count(record["errors"])),
                Cell(explain.percent(record["share"]), bar=record["share"]),
                Cell(explain.percent(record["rate"])),
                Cell(explain.moment(record["first_seen"])),
                Cell(explain.moment(record["last_seen"])),
                _trend(over_time, record["value"], times, colours[record["value"]]),
            ]
            for record in _most_first(classes)
        ]
        heads = ("Class", "Errors", "Share", "Rate", "First seen", "Last seen", "Trend")
        parts.table(heads, rows, view.colours.accent)


def _types(view: View) -> None:
    types = ask.errors(view.selection, view.period, by="error_type", classes=view.selection.classes)
    colours = shades(view.colours)
    with st.container(border=True):
        parts.heading("Types", "error.type, as the caller's library wrote it")
        rows = [
            [
                Cell(explain.named(record["value"]), dot=colours.get(record["error_class"], view.colours.other)),
                Cell(class_name(record["error_class"]) if record["error_class"] else "Several"),
                Cell(explain.count(record["errors"])),
                Cell(explain.percent(record["share"]), bar=record["share"]),
                Cell(explain.percent(record["rate"])),
                Cell(explain.moment(record["first_seen"])),
                Cell(explain.moment(record["last_seen"])),
            ]
            for record in _most_first(types)
        ]
        parts.table(
            ("Type", "Class", "Errors", "Share", "Rate", "First seen", "Last seen"), rows, view.colours.accent, (1,)
        )


def _by(view: View) -> None:
    by = controls.by(_DIMENSIONS)
    bar, classes = view.period.bar(), view.selection.classes
    rows = ask.errors(view.selection, view.period, by=ask.column(by), classes=classes)
    over_time = ask.errors(view.selection, view.period, bar, ask.column(by), classes)
    times = draw.buckets(view.period, bar)
    with st.container(border=True):
        releases = "; a model whatever its release" if by == "model" else ""
        parts.heading(f"By {by}", f"rates of the calls of each{releases}; the most errors first")
        table = [
            [
                Cell(explain.named(record["value"])),
                Cell(explain.count(record["errors"])),
                Cell(explain.percent(record["share"]), bar=record["share"]),
                Cell(explain.count(record["calls"])),
                Cell(explain.percent(record["rate"])),
                Cell(explain.moment(record["first_seen"])),
                Cell(explain.moment(record["last_seen"])),
                _trend(over_time, record["value"], times, view.colours.bad),
            ]
            for record in _most_first(rows)
        ]
        heads = (by.capitalize(), "Errors", "Share", "Calls", "Rate", "First seen", "Last seen", "Trend")
        parts.table(heads, table, view.colours.accent)


def _most_first(rows: pd.DataFrame) -> list[dict[Any, Any]]:
    return sorted(rows.to_dict("records"), key=lambda record: (-record["errors"], record["value"]))[:_SHOWN_ROWS]


def _trend(over_time: pd.DataFrame, value: str, times: list[Any], colour: str) -> Cell:
    mine = over_time[over_time["value"] == value]
    known = dict(zip(mine["time"], mine["errors"], strict=True))
    heights = [float(known.get(time, 0)) for time in times]
    return Cell(f"most at once: {explain.count(int(max(heights)))}", spark=heights, bar_colour=colour)


def _examples(view: View) -> None:
    rows = ask.error_examples(view.selection, view.period, view.selection.classes, _EXAMPLES)
    with st.container(border=True):
        parts.heading("Examples", f"the last {len(rows)}, the youngest first" if len(rows) else "")
        if not len(rows):
            st.caption("The spans of these errors are gone: spans are kept for weeks, the ledger's counts for years.")
        with st.container(gap="xsmall"):
            for record in rows.to_dict("records"):
                label = (
                    f"{explain.second(record['timestamp'])} · {explain.named(record['service'])} · {record['model']}"
                )
                with st.expander(f"{_plain(label)} · **{_plain(explain.named(record['error_type']))}**"):
                    _facts(view, record)


def _facts(view: View, record: Mapping[Any, Any]) -> None:
    error_class = record["error_class"]
    parts.facts([
        ("Error", f"{record['error_type']} ({class_name(error_class)}: {CLASSES[error_class]})"),
        ("Message", record["message"]),
        ("Time", f"{explain.second(record['timestamp'])} UTC, for {explain.duration(record['duration_ns'])}"),
        ("Service", " · ".join(filter(None, (record["service"], record["environment"])))),
        ("Model", " · ".join(filter(None, (record["provider"], record["model"], record["operation"])))),
        ("For", " · ".join(filter(None, (record["team"], record["feature"], record["customer"])))),
        ("Prompt", " ".join(filter(None, (record["prompt_name"], record["prompt_version"])))),
        ("Response", record["response_id"]),
    ])  # fmt: skip
    st.caption("Trace id")
    st.code(record["trace_id"], language=None)
    opened = replace(view.selection, find=Find(trace=(record["trace_id"],), span=record["span_id"]))
    parts.links([(controls.address("traces", opened), "Open the trace")])


def _plain(text: str) -> str:
    """Nothing in it is Markdown."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]()<>#+-.!|~:$" else letter for letter in text)
