"""Delivery: is what was emitted also stored, and where it is not, whose was it and when?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from spanledger_dashboard import ask, explain, parts, states
from spanledger_dashboard.parts import Card, Cell
from spanledger_dashboard.view import View

_SHOWN_ROWS = 100
_SAID_GAPS = 2
Record = Mapping[Any, Any]


def draw_page(view: View) -> None:
    found = ask.delivery(view.selection, view.period)
    if not len(found):
        states.no_deliveries(view)
        return
    total = found.to_dict("records")[0]
    gaps = ask.delivery_gaps(view.selection, view.period)
    _verdict(total, gaps)
    parts.cards(_cards(total))
    with st.container(border=True):
        parts.heading("Services", "the most incomplete first")
        _table(view, ask.delivery(view.selection, view.period, "service"), "Service")
    with st.container(border=True):
        parts.heading("Gaps", "spans that were lost or dropped, the youngest first")
        _gaps(view, gaps)
    with st.container(border=True):
        parts.heading("Processes", "that stamp what they send; the most incomplete first")
        processes = ask.delivery(view.selection, view.period, "process")
        _table(view, processes[processes["value"] != ""], "Process")


def _missing(record: Record) -> int:
    return int(record["lost"] + record["vanished"])


def _share(coverage: float) -> str:
    return explain.objective(1) if coverage == 1 else explain.exact_percent(coverage)


def _verdict(total: Record, gaps: pd.DataFrame) -> None:
    if total["coverage"] is None:
        text = "No exporter in this range says how much it emitted, so nobody can tell whether all of it arrived."
        parts.verdict("Not known", "neutral", text)
        return
    whole = f"{_share(total['coverage'])} of {explain.count(total['emitted'])} emitted spans are stored"
    if total["coverage"] == 1:
        parts.verdict("Complete", "good", f"All {explain.count(total['emitted'])} emitted spans are stored.")
        return
    worst = sorted(gaps.to_dict("records"), key=lambda gap: -(gap["lost"] + gap["dropped"]))
    said = [_said(gap) for gap in worst[:_SAID_GAPS]]
    if len(worst) > _SAID_GAPS:
        said.append(f"{explain.count(len(worst) - _SAID_GAPS)} more gaps below")
    if total["vanished"]:
        said.append(f"{explain.count(total['vanished'])} vanished with processes that ended without a word")
    parts.verdict("Incomplete", "warn", f"{whole}; {', '.join(said)}.")


def _said(gap: Record) -> str:
    what = [
        f"{verb} {explain.count(gap[name])}"
        for name, verb in (("lost", "lost"), ("dropped", "dropped"))
        if gap[name] > 0
    ]
    when = _between(gap["gap_from"], gap["gap_to"], " and ")
    return f"{explain.named(gap['service'])} {' and '.join(what)} {'between' if ' and ' in when else 'at'} {when}"


def _between(since: datetime, until: datetime, word: str) -> str:
    """Minutes where they tell the two apart, else seconds; the day once, and a second too."""
    if f"{since:%F %T}" == f"{until:%F %T}":
        return f"{since:%b} {since.day}, {since:%T}"
    clock = "%H:%M" if f"{since:%F %H:%M}" != f"{until:%F %H:%M}" else "%H:%M:%S"
    second = f"{until:{clock}}" if since.date() == until.date() else f"{until:%b} {until.day}, {until:{clock}}"
    return f"{since:%b} {since.day}, {since:{clock}}{word}{second}"


def _cards(total: Record) -> list[Card]:
    waiting = max(total["emitted"] - total["stored"] - total["dropped"] - _missing(total), 0)
    rejected = f"{explain.count(total['rejected'])} of them rejected" if total["rejected"] else ""
    unstamped = f"{explain.count(total['unstamped'])} more of other exporters" if total["unstamped"] else ""
    vanished = f"{explain.count(total['vanished'])} of them with their process" if total["vanished"] else ""
    return [
        Card("Emitted", explain.count(total["emitted"]), None, f"by {explain.count(total['processes'])} processes"),
        Card("Stored", explain.count(total["stored"]), None, rejected or unstamped, bool(rejected)),
        Card("Dropped by the SDK", explain.count(total["dropped"]), None,
             "by its own count" if total["dropped"] else "", bool(total["dropped"])),
        Card("Lost on the way", explain.count(_missing(total)), None,
             vanished or (f"{explain.count(waiting)} still on their way" if waiting else ""), bool(_missing(total))),
    ]  # fmt: skip


def _table(view: View, rows: pd.DataFrame, head: str) -> None:
    shown = sorted(
        rows.to_dict("records"),
        key=lambda record: (
            2.0 if record["coverage"] is None else record["coverage"],
            -record["emitted"],
            record["value"],
        ),
    )[:_SHOWN_ROWS]
    if not shown:
        parts.note("No process stamps what it sends: `spanledger.instrument()` does.")
        return
    table = [
        [
            _who(record, head),
            Cell("not known", tone="neutral") if record["coverage"] is None
            else Cell(_share(record["coverage"]), tone="good" if record["coverage"] == 1 else "warn"),
            Cell(explain.count(record["emitted"])),
            Cell(explain.count(record["stored"]), note=_beside(record)),
            Cell(explain.count(record["dropped"]), tone="warn" if record["dropped"] else ""),
            Cell(explain.count(record["lost"]), tone="bad" if record["lost"] else ""),
            Cell(explain.count(record["vanished"]), tone="bad" if record["vanished"] else ""),
            Cell(explain.ago(record["last_received_at"], view.now)) if record["last_received_at"] else Cell(explain.UNKNOWN),
        ]
        for record in shown
    ]  # fmt: skip
    heads = (head, "Stored of emitted", "Emitted", "Stored", "Dropped", "Lost", "Vanished", "Last heard of")
    parts.table(heads, table, view.colours.accent)


def _who(record: Record, head: str) -> Cell:
    if head == "Service":
        processes = int(record["processes"])
        return Cell(
            explain.named(record["value"]), note=f"{explain.count(processes)} processes" if processes > 1 else ""
        )
    ended = "no farewell yet" if record["unended"] else "ended in good order"
    started = f"since {explain.moment(record['started_at'])}, " if record["started_at"].year > 1970 else ""
    return Cell(f"{explain.named(record['service'])} {record['value'][:8]}", note=f"{started}{ended}")


def _beside(record: Record) -> str:
    if record["rejected"]:
        return f"{explain.count(record['rejected'])} rejected"
    return f"and {explain.count(record['unstamped'])} without stamps" if record["unstamped"] else ""


def _gaps(view: View, gaps: pd.DataFrame) -> None:
    if not len(gaps):
        st.caption("There is none.")
        return
    shown = sorted(gaps.to_dict("records"), key=lambda gap: gap["gap_to"], reverse=True)[:_SHOWN_ROWS]
    table = [
        [
            Cell(_between(gap["gap_from"], gap["gap_to"], " to ")),
            Cell(explain.named(gap["service"]), note=f"process {gap['process'][:8]}"),
            Cell(explain.count(max(gap["lost"], 0)), tone="bad" if gap["lost"] > 0 else ""),
            Cell(explain.count(gap["dropped"]), tone="warn" if gap["dropped"] else ""),
            Cell(explain.count(gap["missing_requests"])),
        ]
        for gap in shown
    ]
    heads = ("When (UTC)", "Service", "Lost on the way", "Dropped by the SDK", "Missing requests")
    parts.table(heads, table, view.colours.accent, left=(1,))
    if len(gaps) > _SHOWN_ROWS:
        st.caption(f"The youngest {_SHOWN_ROWS} of {explain.count(len(gaps))}.")
