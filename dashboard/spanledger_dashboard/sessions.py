"""Sessions: conversations with cost, turns and users; one of them opens as its traces in order."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from spanledger_dashboard import ask, controls, conversation, explain, parts, states
from spanledger_dashboard.overview import last_call
from spanledger_dashboard.parts import Card, Cell
from spanledger_dashboard.selection import Selection
from spanledger_dashboard.traces import pages, tokens
from spanledger_dashboard.view import View

_HEADS = ("Session", "Last active", "Turns", "Cost", "Tokens", "Calls", "Errors", "Users", "Services")


def draw_page(view: View) -> None:
    if view.selection.find.session:
        _one(view, view.selection.find.session)
        return
    rows, following = ask.sessions(view.selection, view.period)
    if not len(rows):
        states.no_sessions(view, last_call(view))
        return
    with st.container(border=True):
        parts.heading(
            "Sessions",
            "the one that was active last first; what they did in the range, times in UTC",
        )
        table = [_row(view.selection, record) for record in rows.to_dict("records")]
        parts.table(_HEADS, table, view.colours.accent, (1, 7, 8), whole=True, fill=True)
        pages(view.selection, following)


def _row(selection: Selection, record: dict[Any, Any]) -> list[Cell]:
    opened = replace(selection, find=replace(selection.find, session=record["session_id"], after=""))
    lasted = explain.duration(record["duration_ns"])
    return [
        Cell(record["session_id"], href=controls.address("sessions", opened)),
        Cell(explain.second(record["last_at"]), note=f"for {lasted}"),
        Cell(explain.count(record["turns"])),
        Cell(
            explain.money(record["cost_usd"]),
            note=f"{record['unpriced_calls']} unpriced" if record["unpriced_calls"] else "",
        ),
        Cell(explain.tokens(tokens(record))),
        Cell(explain.count(record["calls"])),
        Cell(explain.count(record["errors"]), tone="bad" if record["errors"] else ""),
        Cell(_some(record["users"])),
        Cell(_some(record["services"])),
    ]


def _some(names: list[str]) -> str:
    return ", ".join(names[:2]) + (f" +{len(names) - 2}" if len(names) > 2 else "")


def _one(view: View, session: str) -> None:
    st.button("All sessions", icon=":material/arrow_back:", type="tertiary", on_click=_leave)
    plain = replace(
        view.selection, chosen={}, classes=(), find=replace(view.selection.find.__class__(), session=session)
    )
    rows, following = ask.traces(replace(plain, find=replace(plain.find, after=view.selection.find.after)), view.period)
    figures, _ = ask.sessions(plain, view.period)
    if not len(rows) or not len(figures):
        states.no_such_session(view, session)
        return
    record = figures.iloc[0].to_dict()
    lasted = explain.duration(record["duration_ns"])
    unpriced = record["unpriced_calls"]
    calls = explain.counted(record["calls"], "call")
    of_calls = f"{unpriced} of {calls} unpriced" if unpriced else calls
    parts.cards([
        Card("Cost", explain.money(record["cost_usd"]), None, of_calls),
        Card("Turns", explain.count(record["turns"]), None, f"over {lasted}"),
        Card("Tokens", explain.tokens(tokens(record)), None, _some(record["models"])),
        Card("Errors", explain.count(record["errors"]), None, f"users: {_some(record['users']) or 'not set'}"),
    ])  # fmt: skip
    with st.container(border=True):
        parts.heading(
            session, "its turns in the range, the first one on top" + ("; only the last of them" if following else "")
        )
        turns = sorted(rows.to_dict("records"), key=lambda turn: turn["timestamp"])
        _conversation(view, turns)
        pages(view.selection, following)


def _conversation(view: View, turns: list[dict[Any, Any]]) -> None:
    """The turns in order; below each what was said in it and not before, where that is kept."""
    kept = ask.together(*(partial(ask.content, turn["trace_id"], view.selection.project) for turn in turns))
    waiting: list[list[Cell]] = []
    shown: list[dict[str, Any]] = []
    silent = False
    for turn, content in zip(turns, kept, strict=True):
        waiting.append(_turn(view, turn))
        new: list[dict[str, Any]] = []
        for value in content["messages"] if len(content) else []:
            said = conversation.news(conversation.messages_of(value), shown)
            new, shown = new + said, shown + said
        silent = silent or not len(content)
        if new:
            _table(view, waiting)
            conversation.show(new, view.colours)
            waiting = []
    _table(view, waiting)
    if silent:
        conversation.not_captured(some=bool(shown))


def _table(view: View, rows: list[list[Cell]]) -> None:
    if rows:
        heads = ("Turn", "Began", "Duration", "Cost", "Tokens", "Ended")
        parts.table(heads, rows, view.colours.accent, (1,), whole=True, fill=True)


def _turn(view: View, turn: dict[Any, Any]) -> list[Cell]:
    opened = replace(view.selection, find=replace(view.selection.find, trace=(turn["trace_id"],), after=""))
    failed = turn["errors"] > 0
    return [
        Cell(turn["name"] or "(no name)", href=controls.address("traces", opened), note=", ".join(turn["models"])),
        Cell(explain.second(turn["timestamp"])),
        Cell(explain.duration(turn["duration_ns"])),
        Cell(explain.money(turn["cost_usd"])),
        Cell(explain.tokens(tokens(turn))),
        Cell(
            ", ".join(map(explain.named, turn["error_types"])) if failed else "ok", tone="bad" if failed else "neutral"
        ),
    ]


def _leave() -> None:
    controls.look_for(session="")
