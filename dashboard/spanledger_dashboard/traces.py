"""Traces: found by what their spans are, listed with cost, tokens and time; one of them opens on this page too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from spanledger_dashboard import ask, controls, explain, parts, states, trace
from spanledger_dashboard.errors import class_name
from spanledger_dashboard.find import SORTS, STATUSES
from spanledger_dashboard.overview import last_call
from spanledger_dashboard.parts import Cell
from spanledger_dashboard.selection import Period, Selection
from spanledger_dashboard.view import View

_FACETED = timedelta(days=1)
"""How much of a long range facets are counted in."""
_SHOWN = 8
"""Values of a facet."""
_NUMBERS = ("min_cost", "max_cost", "min_seconds", "max_seconds", "min_tokens", "max_tokens")
_TEXTS = ("user", "session", "prompt", "version", "text")


_STATUS_NAMES = {"": "Any status", "ok": "Without error", "error": "With an error"}


def draw_page(view: View) -> None:
    if view.selection.find.trace:
        trace.draw(view, view.selection.find.trace[0])
        return
    _bar(view.selection)
    rows, following = ask.traces(view.selection, view.period)
    if not len(rows):
        states.no_traces(view, last_call(view))
        return
    side, main = st.columns([1.15, 4.6], gap="medium")
    with main, st.container(border=True):
        order = {"newest": "the newest first", "dearest": "the dearest first", "slowest": "the slowest first"}
        place = (
            "a further page"
            if view.selection.find.after
            else f"the first {len(rows)}"
            if following
            else f"all {len(rows)}"
        )
        parts.heading("Traces", f"{order[view.selection.find.sort]}, {place}; times in UTC")
        parts.table(
            HEADS,
            [row(view.selection, record) for record in rows.to_dict("records")],
            view.colours.accent,
            (1,),
            whole=True,
            fill=True,
        )
        pages(view.selection, following)
    with side:
        _facets(view)


HEADS = ("Trace", "Began", "Duration", "Cost", "Tokens", "Errors")


def row(selection: Selection, record: dict[Any, Any]) -> list[Cell]:
    opened = replace(selection, find=replace(selection.find, trace=(record["trace_id"],), span="", after=""))
    failed = record["errors"] > 0
    about = " · ".join([explain.named(record["service"]), *record["models"][:2]])
    return [
        Cell(record["name"] or "(no name)", href=controls.address("traces", opened), note=about),
        Cell(explain.second(record["timestamp"]), note=record["trace_id"][:8]),
        Cell(explain.duration(record["duration_ns"]), note=explain.counted(record["spans"], "span")),
        Cell(explain.money(record["cost_usd"]), note=f"{record['unpriced_calls']} unpriced" if record["unpriced_calls"] else ""),
        Cell(explain.tokens(tokens(record))),
        Cell(explain.count(record["errors"]), tone="bad" if failed else "", note=", ".join(map(explain.short, record["error_types"][:1]))),
    ]  # fmt: skip


def tokens(record: dict[Any, Any]) -> int | None:
    known = [record[name] for name in ("input_tokens", "output_tokens") if record[name] is not None]
    return int(sum(known)) if known else None


def pages(selection: Selection, following: str) -> None:
    with st.container(horizontal=True):
        if selection.find.after:
            st.button("First page", on_click=controls.look_for, icon=":material/first_page:")
        if following:
            st.button("Next page", on_click=_next, args=(following,), icon=":material/chevron_right:")


def _next(after: str) -> None:
    controls.look_for(after=after)


def _bar(selection: Selection) -> None:
    find = selection.find
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.session_state["sort"] = find.sort
        st.segmented_control(
            "Sort", SORTS, format_func=str.capitalize, key="sort", on_change=_chose_sort, label_visibility="collapsed"
        )
        st.session_state["status"] = find.status
        st.selectbox("Status", ("", *STATUSES), format_func=_STATUS_NAMES.__getitem__,
                     key="status", on_change=_chose, label_visibility="collapsed", width=160)  # fmt: skip
        asked = sum(bool(getattr(find, name)) for name in (*_TEXTS, *_NUMBERS, "tag"))
        with st.popover(f"Look for{f' ({asked})' if asked else ' …'}", icon=":material/search:"):
            _form(selection)
        if asked or find.status or selection.classes or selection.chosen:
            st.button("Clear all", on_click=controls.clear_filters, type="tertiary", icon=":material/filter_alt_off:")


def _form(selection: Selection) -> None:
    find = selection.find
    labels = {
        "user": "User",
        "session": "Session",
        "prompt": "Prompt",
        "version": "Prompt version",
        "text": "Text in content",
    }
    for name in _TEXTS:
        st.session_state[f"find_{name}"] = getattr(find, name)
        st.text_input(labels[name], key=f"find_{name}", on_change=_chose)
    st.session_state["find_tag"] = "\n".join(find.tag)
    st.text_area("Tags and attributes", key="find_tag", on_change=_chose, height=80, placeholder="app.tenant=acme",
                 help="key=value, one a line; all of them have to hold")  # fmt: skip
    for what, unit, step in (("cost", "Cost, USD", 0.01), ("seconds", "Duration, s", 1.0), ("tokens", "Tokens", 100)):
        for column, end in zip(st.columns(2), ("min", "max"), strict=True):
            key = f"{end}_{what}"
            st.session_state[key] = type(step)(getattr(find, key))
            label = f"{unit}, {'at least' if end == 'min' else 'at most'}"
            column.number_input(label, min_value=type(step)(0), step=step, key=key, on_change=_chose,
                                format="%d" if what == "tokens" else "%.4g")  # fmt: skip


def _chose_sort() -> None:
    controls.look_for(sort=st.session_state["sort"] or "newest")


def _chose() -> None:
    said: dict[str, Any] = {name: str(st.session_state.get(f"find_{name}", "")).strip() for name in _TEXTS}
    said |= {name: st.session_state.get(name, 0) for name in _NUMBERS}
    lines = (line.strip() for line in str(st.session_state.get("find_tag", "")).splitlines())
    said |= {"status": st.session_state["status"], "tag": tuple(dict.fromkeys(line for line in lines if "=" in line))}
    controls.look_for(**said)


def _facets(view: View) -> None:
    counted = view.period
    if counted.length > _FACETED:
        counted = Period(counted.until - _FACETED, counted.until)
    rows = ask.trace_facets(view.selection, counted)
    shown = "".join(_facet(view.selection, name, rows) for name in _CHOOSE)
    spans = sum(rows[rows["facet"] == "status"]["spans"]) if len(rows) else 0
    about = "Spans, of the range's last 24 h" if counted != view.period else "Spans of the range"
    if spans >= ask.FACETED:
        about = f"Of the newest {explain.count(ask.FACETED)} spans"
    st.html(f'<div class="sl-facet"><div class="sl-section">{escape(about)}</div>{shown}</div>')


def _dimension(
    name: str,
) -> tuple[Callable[[Selection], tuple[str, ...]], Callable[[Selection, tuple[str, ...]], Selection]]:
    return (
        lambda selection: selection.chosen.get(name, ()),
        lambda selection, values: replace(
            selection, chosen={k: v for k, v in {**selection.chosen, name: values}.items() if v}
        ),
    )


def _find(selection: Selection, **changed: Any) -> Selection:
    return replace(selection, find=replace(selection.find, after="", **changed))


_CHOOSE: dict[str, tuple[Callable[[Selection], tuple[str, ...]], Callable[[Selection, tuple[str, ...]], Selection]]] = {
    "status": (lambda s: (s.find.status,) if s.find.status else (), lambda s, v: _find(s, status=v[-1] if v else "")),
    "error_class": (lambda s: s.classes, lambda s, v: replace(s, classes=v)),
    "service": _dimension("service"),
    "model": _dimension("model"),
    "provider": _dimension("provider"),
    "prompt": (
        lambda s: (f"{s.find.prompt} {s.find.version}".strip(),) if s.find.prompt else (),
        lambda s, v: _find(
            s, prompt=v[-1].partition(" ")[0] if v else "", version=v[-1].partition(" ")[2] if v else ""
        ),
    ),
}
"""What of the selection a facet chooses, and how."""


def _facet(selection: Selection, name: str, rows: pd.DataFrame) -> str:
    chosen, choose = _CHOOSE[name]
    mine = rows[rows["facet"] == name] if len(rows) else rows
    values = (
        [(str(value), int(spans)) for value, spans in zip(mine["value"], mine["spans"], strict=True)][:_SHOWN]
        if len(mine)
        else []
    )
    values += [(value, 0) for value in chosen(selection) if value not in dict(values)]
    if not values:
        return ""
    lines = []
    for value, spans in values:
        on = value in chosen(selection)
        others = tuple(one for one in chosen(selection) if one != value)
        changed = _find(choose(selection, others if on else (*others, value)))
        said = class_name(value) if name in ("error_class", "status") else value
        address = escape(controls.address("traces", changed))
        lines.append(
            f'<a class="{"on" if on else ""}" href="{address}" title="{escape(value)}">'
            f"<span>{escape(said)}</span><em>{escape(explain.tokens(spans))}</em></a>"
        )
    return f'<div class="sl-section">{escape(name.replace("_", " "))}</div>' + "".join(lines)
