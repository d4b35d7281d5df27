"""Alerts: what is open, what was, what is silenced, and whether messages arrive."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from spanledger_dashboard import ask, explain, parts, states
from spanledger_dashboard.parts import Card, Cell
from spanledger_dashboard.reliability import STATES
from spanledger_dashboard.view import View

_SHOWN_ROWS = 100


def draw_page(view: View) -> None:
    open_now, history = ask.alerts_open(), ask.alert_history(view.period)
    silences, channels = ask.silences(), ask.channel_health(view.period)
    if not any(map(len, (open_now, history, silences, channels))):
        states.no_alerts(view)
        return
    parts.cards(_cards(view, open_now, history, silences, channels))
    with st.container(border=True):
        parts.heading("Open", "now, the youngest first")
        _open(view, open_now)
    with st.container(border=True):
        parts.heading("History", explain.span(view.period.since, view.period.until, view.now))
        _history(view, history)
    left, right = st.columns(2)
    with left, st.container(border=True, height="stretch"):
        parts.heading("Silences", "that hold now")
        _silences(view, silences)
    with right, st.container(border=True, height="stretch"):
        parts.heading("Channels", "that were used in this range")
        _channels(view, channels)


def _cards(
    view: View, open_now: pd.DataFrame, history: pd.DataFrame, silences: pd.DataFrame, channels: pd.DataFrame
) -> list[Card]:
    pages = sum(record["severity"] == "page" and not record["silenced"] for record in open_now.to_dict("records"))
    silenced = sum(bool(record["silenced"]) for record in open_now.to_dict("records"))
    failing = [str(record["channel"]) for record in channels.to_dict("records") if record["failing"]]
    began = sum(record["started_at"] >= view.period.since for record in history.to_dict("records"))
    return [
        Card("Open alerts", str(len(open_now)), None, f"{pages} to be paged for", bool(pages)),
        Card("Began in this range", str(began), None, f"{len(history)} open at any time in it"),
        Card(
            "Silences",
            str(len(silences)),
            None,
            f"{silenced} of the open alerts {'is' if silenced == 1 else 'are'} silenced",
        ),
        _channels_card(failing, len(channels)),
    ]


def _channels_card(failing: list[str], used: int) -> Card:
    if not used:
        return Card("Channels that fail", explain.UNKNOWN, None, "none was used")
    note = ", ".join(failing) or "all messages arrive"
    return Card("Channels that fail", f"{len(failing)} of {used}", None, note, bool(failing))


def _severity(record: Mapping[Any, Any], loud: bool) -> Cell:
    text, tone = STATES.get(record["severity"], (str(record["severity"]).capitalize(), "neutral"))
    return Cell(text, tone=tone if loud else "neutral", pill=True)


def _alert(record: Mapping[Any, Any]) -> Cell:
    name = str(record["alert"]).replace("-", " ").replace("_", " ").capitalize()
    return Cell(name, note=record["objective"] or "the platform itself")


def _open(view: View, rows: pd.DataFrame) -> None:
    if not len(rows):
        st.caption("Nothing is open.")
        return
    shown = sorted(rows.to_dict("records"), key=lambda record: record["started_at"], reverse=True)
    table = [
        [
            _alert(record),
            _severity(record, not record["silenced"]),
            Cell(explain.moment(record["started_at"]), note=explain.ago(record["started_at"], view.now)),
            Cell(explain.unbroken(record["summary"]), wrap=True),
            _told(record, view.now),
        ]
        for record in shown
    ]
    parts.table(("Alert", "Severity", "Since (UTC)", "What", "Told"), table, view.colours.accent, left=(1, 3))


def _told(record: Mapping[Any, Any], now: datetime) -> Cell:
    if record["silenced"]:
        return Cell("silenced", tone="neutral")
    told = record["last_notified_at"]
    return Cell(explain.ago(told, now)) if told else Cell("nobody", tone="warn")


def _history(view: View, rows: pd.DataFrame) -> None:
    if not len(rows):
        st.caption("Nothing was open in this range.")
        return
    shown = sorted(rows.to_dict("records"), key=lambda record: record["started_at"], reverse=True)[:_SHOWN_ROWS]
    table = [
        [
            _alert(record),
            _severity(record, record["resolved_at"] is None),
            Cell(explain.moment(record["started_at"])),
            Cell(_lasted(record)),
            Cell(explain.unbroken(record["summary"]), wrap=True),
            Cell(", ".join(record["channels"]) or "nobody"),
        ]
        for record in shown
    ]
    heads = ("Alert", "Severity", "Began (UTC)", "For", "What", "Told")
    parts.table(heads, table, view.colours.accent, left=(1, 4, 5))


def _lasted(record: Mapping[Any, Any]) -> str:
    if record["resolved_at"] is None:
        return "still open"
    return explain.duration(record["duration_seconds"] * 1e9)


def _silences(view: View, rows: pd.DataFrame) -> None:
    if not len(rows):
        parts.note("Nothing is silenced. `spanledger alerts silence` does that.")
        return
    table = [
        [
            Cell(", ".join(f"{name}={value}" for name, value in sorted(record["matchers"].items())), wrap=True),
            Cell(explain.moment(record["ends_at"])),
            Cell(record["comment"], note=f"by {record['created_by']}" if record["created_by"] else "", wrap=True),
        ]
        for record in sorted(rows.to_dict("records"), key=lambda record: record["ends_at"])
    ]
    parts.table(("Alerts with", "Until (UTC)", "Why"), table, view.colours.accent, left=(2,))


def _channels(view: View, rows: pd.DataFrame) -> None:
    if not len(rows):
        parts.note("No message was sent in this range. `spanledger alerts test` sends one to each channel.")
        return
    table = [
        [
            Cell(record["channel"], note=record["last_error"] if record["failing"] else ""),
            Cell("Fails", tone="bad", pill=True) if record["failing"] else Cell("Works", tone="good", pill=True),
            Cell(explain.count(record["notified"])),
            Cell(explain.count(record["failed"])),
            Cell(explain.ago(record["last_ok_at"], view.now) if record["last_ok_at"] else explain.UNKNOWN),
        ]
        for record in sorted(rows.to_dict("records"), key=lambda record: (not record["failing"], record["channel"]))
    ]
    parts.table(("Channel", "State", "Sent", "Failed", "Last sent"), table, view.colours.accent, left=(1,))
