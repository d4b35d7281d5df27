"""Reliability: what was promised, whether it is kept, how fast budgets burn, and what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from spanledger_dashboard import ask, controls, draw, explain, parts, states
from spanledger_dashboard.overview import chart, width
from spanledger_dashboard.palette import Palette
from spanledger_dashboard.parts import Card, Cell
from spanledger_dashboard.selection import CUSTOM
from spanledger_dashboard.view import View

STATES = {
    "page": ("Page", "bad"),
    "ticket": ("Ticket", "warn"),
    "overspent": ("Overspent", "bad"),
    "low_traffic": ("Low traffic", "neutral"),
    "no_data": ("No data", "neutral"),
    "ok": ("OK", "good"),
}
"""The states of an objective, the worst first."""
_INDICATORS = {
    "availability": "calls that succeed",
    "latency": "calls fast enough",
    "time_to_first_token": "first tokens soon enough",
    "cost": "calls cheap enough",
}
_SCOPE = ("projects", "environments", "services", "providers", "models", "teams")
_SHOWN_INCIDENTS = 30


def draw_page(view: View) -> None:
    at = min(view.period.until, view.now)
    status = ask.objective_status(at)
    if not len(status):
        states.no_objectives()
        return
    records = sorted(status.to_dict("records"), key=_worst_first)
    slos = [record for record in records if record["kind"] == "slo"]
    budgets = [record for record in records if record["kind"] == "budget"]
    parts.cards(_cards(slos, budgets))
    if slos:
        with st.container(border=True):
            parts.heading("Objectives", f"as of {explain.moment(at)} UTC, the worst first")
            _slo_table(view, slos)
    if budgets:
        with st.container(border=True):
            parts.heading("Budgets", f"of money, as of {explain.moment(at)} UTC")
            _budget_table(view, budgets)
    _one(view, at, records)
    _incidents(view)


def _worst_first(record: Mapping[Any, Any]) -> tuple[int, float, str]:
    left = record["budget_left"]
    return list(STATES).index(standing(record)), 9.0 if left is None else left, record["objective"]


def _cards(slos: Sequence[Mapping[Any, Any]], budgets: Sequence[Mapping[Any, Any]]) -> list[Card]:
    kept = [slo for slo in slos if slo["budget_left"] is not None and slo["budget_left"] >= 0]
    known = [slo for slo in slos if slo["budget_left"] is not None]
    firing = [record for record in (*slos, *budgets) if record["state"] in ("page", "ticket")]
    pages = [record for record in firing if record["state"] == "page"]
    fastest = max(slos, key=lambda slo: slo["burn_1h"] or 0.0, default=None)
    over = [budget for budget in budgets if budget["budget_left"] < 0]
    return [
        Card(
            "Objectives kept", f"{len(kept)} of {len(known)}", None, "in their current period", len(kept) < len(known)
        ),
        Card("Burning", str(len(firing)), None, f"{len(pages)} to be paged for", bool(pages)),
        Card(
            "Fastest burn, 1 hour",
            explain.burn(fastest["burn_1h"] if fastest else None),
            None,
            fastest["objective"] if fastest and fastest["burn_1h"] else "no calls",
        ),
        Card("Budgets overspent", f"{len(over)} of {len(budgets)}", None, "in their current period", bool(over)),
    ]


def standing(record: Mapping[Any, Any]) -> str:
    """The state of an objective. Where nothing burns, a budget that is used up is more than what else there is to say."""
    left = record["budget_left"]
    burns = record["state"] in ("page", "ticket")
    return "overspent" if left is not None and left < 0 and not burns else str(record["state"])


def _state(record: Mapping[Any, Any]) -> Cell:
    text, tone = STATES[standing(record)]
    return Cell(text, tone=tone, pill=True)


def _left(view: View, record: Mapping[Any, Any]) -> Cell:
    left = record["budget_left"]
    if left is None:
        return Cell(explain.UNKNOWN)
    colour = view.colours.good if left > 0.25 else view.colours.warn if left > 0 else view.colours.bad
    return Cell(explain.percent(left), bar=left, bar_colour=colour, tone="" if left >= 0 else "bad")


def _slo_table(view: View, slos: Sequence[Mapping[Any, Any]]) -> None:
    rows = [
        [
            Cell(slo["objective"], note=slo["description"] or _INDICATORS[slo["indicator"]]),
            _state(slo),
            Cell(explain.objective(slo["objective_ratio"]), note=explain.period(slo["period"])),
            Cell(explain.exact_percent(slo["good_ratio"])),
            _left(view, slo),
            _burn(slo["burn_1h"]),
            _burn(slo["burn_6h"]),
            Cell(explain.count(slo["calls"])),
            Cell(explain.count(slo["bad"])),
        ]
        for slo in slos
    ]
    heads = ("Objective", "State", "Promised", "Good", "Budget left", "Burn 1 h", "Burn 6 h", "Calls", "Bad")
    parts.table(heads, rows, view.colours.accent, left=(1,))


def _budget_table(view: View, budgets: Sequence[Mapping[Any, Any]]) -> None:
    rows = [
        [
            Cell(budget["objective"], note=budget["description"]),
            _state(budget),
            Cell(explain.money(budget["spent_usd"])),
            Cell(explain.money(budget["amount_usd"]), note=explain.period(budget["period"])),
            _left(view, budget),
            _burn(budget["burn_1h"]),
            _burn(budget["burn_6h"]),
            Cell(explain.moment(budget["period_from"]), note=f"to {explain.moment(budget['period_to'])}"),
        ]
        for budget in budgets
    ]
    heads = ("Budget", "State", "Spent", "Amount", "Budget left", "Burn 1 h", "Burn 6 h", "Period")
    parts.table(heads, rows, view.colours.accent, left=(1,))


def _burn(rate: float | None) -> Cell:
    """Above 1 the budget does not last its period."""
    return Cell(explain.burn(rate), tone="warn" if rate is not None and rate > 1 else "")


def _one(view: View, at: datetime, records: Sequence[Mapping[Any, Any]]) -> None:
    names = [record["objective"] for record in records]
    name = view.selection.objective if view.selection.objective in names else names[0]
    st.session_state["objective"] = name
    st.selectbox("Objective", names, key="objective", on_change=_chose_objective, width=360)
    record = records[names.index(name)]
    step = view.period.step(300)
    windows = ask.objective_windows(at)
    windows = windows[windows["objective"] == name]
    series = ask.objective_series(name, view.period, step)
    left = ask.objective_budget(name, view.period, step)
    one, other = st.columns(2)
    with one:
        figure = draw.burn(series, _levels(windows, view.colours), view.period, step, view.colours)
        chart("Burn", f"every {width(step)}; at 1\u00d7 the budget lasts exactly its period", figure)
    with other:
        figure = draw.left(left, "budget_left", view.period, step, view.colours)
        chart("Budget left", f"in the period of {explain.period(record['period'])}", figure)
    with st.container(border=True):
        parts.heading("Windows", "somebody is told while both windows of a rule burn faster than its factor")
        _windows(view, windows)


def _chose_objective() -> None:
    controls.select(replace(controls.selection(), objective=st.session_state["objective"]))


def _levels(windows: pd.DataFrame, palette: Palette) -> list[tuple[float, str, str]]:
    colours = {"page": palette.bad, "ticket": palette.warn}
    return [
        (record["factor"], f"{record['severity']} {record['factor']:g}\u00d7", colours[record["severity"]])
        for record in windows.to_dict("records")
    ]


def _windows(view: View, windows: pd.DataFrame) -> None:
    rows = []
    for record in sorted(windows.to_dict("records"), key=lambda record: -record["factor"]):
        name, tone = STATES[record["severity"]]
        firing = Cell(name, tone=tone, pill=True) if record["firing"] else Cell("quiet", tone="neutral")
        rows.append([
            Cell(f"{name}, {record['factor']:g}\u00d7"),
            Cell(explain.length(timedelta(seconds=record["long_seconds"]))),
            Cell(explain.burn(record["long_burn"]), tone="bad" if (record["long_burn"] or 0) > record["factor"] else ""),
            Cell(explain.length(timedelta(seconds=record["short_seconds"]))),
            Cell(
                explain.burn(record["short_burn"]), tone="bad" if (record["short_burn"] or 0) > record["factor"] else ""
            ),
            Cell(explain.count(record["long_calls"])),
            firing if record["enough"] else Cell("too few calls", tone="neutral"),
        ])  # fmt: skip
    heads = ("Rule", "Long window", "Burn", "Short window", "Burn", "Calls", "Now")
    parts.table(heads, rows, view.colours.accent, left=(6,))


def _incidents(view: View) -> None:
    rows = ask.alert_history(view.period)
    mine = [record for record in rows.to_dict("records") if record["objective"]] if len(rows) else []
    mine.sort(key=lambda record: record["started_at"], reverse=True)
    with st.container(border=True):
        parts.heading("Incidents", f"{len(mine)} in this range" if mine else "")
        if not mine:
            st.caption("No objective burned fast enough to tell somebody in this range.")
            return
        scopes = {record["objective"]: record for record in ask.objectives().to_dict("records")}
        for number, record in enumerate(mine[:_SHOWN_INCIDENTS]):
            text, tone = STATES[record["severity"]]
            budget = scopes.get(record["objective"], {}).get("kind") == "budget"
            until = record["resolved_at"]
            when = f"{explain.moment(record['started_at'])} UTC, " + (
                f"for {explain.length(until - record['started_at'])}" if until else "still open"
            )
            with st.container(gap=None):
                with st.container(horizontal=True, vertical_alignment="center"):
                    parts.verdict(text, tone if until is None else "neutral", f"{record['objective']} · {when}")
                    st.space("stretch")
                    st.button(
                        "Its spend" if budget else "Its errors",
                        key=f"incident {number}",
                        icon=":material/arrow_forward:",
                        type="tertiary",
                        on_click=_show_calls,
                        args=(record, scopes.get(record["objective"], {}), view.now),
                    )
                st.caption(explain.unbroken(record["summary"]))


def _show_calls(incident: Mapping[Any, Any], scope: Mapping[Any, Any], now: datetime) -> None:
    """The calls that an incident's objective is about, from an hour before it to its end: their errors, or what they cost."""
    since = (incident["started_at"] - timedelta(hours=1)).replace(second=0, microsecond=0)
    until = (incident["resolved_at"] or now).replace(second=0, microsecond=0) + timedelta(minutes=1)
    chosen = {name.removesuffix("s"): tuple(scope[name]) for name in _SCOPE[1:] if scope.get(name)}
    projects = tuple(scope.get("projects", ()))
    calls = replace(
        controls.selection(),
        range=CUSTOM,
        since=since,
        until=until,
        project=projects[0] if len(projects) == 1 else "",
        chosen=chosen,
        classes=tuple(scope.get("errors", ())) if scope.get("indicator") == "availability" else (),
    )
    controls.go("Spend" if scope.get("kind") == "budget" else "Errors", calls)
