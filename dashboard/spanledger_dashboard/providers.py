"""Providers: how each of them and each model does against its own history, and whether what is wrong is us or them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import streamlit as st

from spanledger_dashboard import ask, draw, explain, parts, states
from spanledger_dashboard.overview import chart, last_call, width
from spanledger_dashboard.parts import Cell
from spanledger_dashboard.view import View

_VERDICTS = {
    "ok": ("As usual", "good"),
    "them": ("It is them", "bad"),
    "us": ("It is us", "warn"),
    "unclear": ("Unclear", "warn"),
    "quiet": ("Quiet", "neutral"),
    "no_history": ("No history yet", "neutral"),
}
_THEIRS = ("provider", "unknown")
_DAY = timedelta(days=1)


def draw_page(view: View) -> None:
    rows = ask.provider_health(view.selection, view.period)
    if not len(rows):
        states.no_calls_here(view, last_call(view))
        return
    st.caption(
        f"The last {explain.length(min(view.period.length, _DAY))} of the range, against the same hours of each of the "
        "7 days before: usual is their median."
    )
    records = rows.to_dict("records")
    for whole in sorted((record for record in records if not record["model"]), key=lambda record: -record["calls"]):
        models = [r for r in records if r["model"] and r["provider"] == whole["provider"]]
        with st.container(border=True):
            parts.heading(explain.named(whole["provider"]), f"{explain.count(whole['calls'])} calls")
            pill, tone = _VERDICTS[whole["verdict"]]
            parts.verdict(pill, tone, why(whole))
            _table(view, sorted(models, key=lambda record: -record["calls"]))
    _charts(view, [str(record["provider"]) for record in records if not record["model"]])


def why(record: Mapping[Any, Any]) -> str:
    """A verdict in words."""
    name, services = explain.named(record["provider"]), list(record["services"])
    failing, slow = list(record["failing_services"]), list(record["slow_services"])
    rate = f"{explain.percent(record['failing_rate'])} of calls fail with errors that {name} answers for, usually " + (
        explain.percent(record["usual_failing_rate"])
    )
    match record["verdict"], record["reason"]:
        case "quiet", _:
            return "Fewer than 20 calls: too few to judge by."
        case "no_history", _:
            return "Fewer than 3 of the 7 days before had 20 calls in these hours: nothing to compare with."
        case "them", "failing":
            return f"{rate}. {len(failing)} services see it ({_listed(failing)}), so it is not one of ours."
        case "us", "failing":
            return f"{rate}. {_only(failing, services)}: look at its time-outs, its network and its region first."
        case "us", "refused":
            return f"{name} refuses more requests than usual for what they ask (400 to 422): see Errors, class Client."
        case "us", "limited":
            return f"More calls than usual run into a rate limit: we ask {name} for more than our quota allows."
        case "them", "slow":
            return f"{_slower(record)} {len(slow)} services see it ({_listed(slow)}), so it is not one of ours."
        case "us", "slow":
            return f"{_slower(record)} {_only(slow, services)}: look at the size of its prompts and answers first."
        case "unclear", "failing":
            return f"{rate}. {_undecided(services, name)}"
        case "unclear", "slow":
            return f"{_slower(record)} {_undecided(services, name)}"
    return "Errors and durations are within what is usual at these hours."


def _slower(record: Mapping[Any, Any]) -> str:
    now, usual = record["p95_ttft_ns"], record["usual_p95_ttft_ns"]
    if now and usual and now / usual > (record["p95_duration_ns"] or 0) / (record["usual_p95_duration_ns"] or 1):
        return f"First tokens take {explain.duration(now)} (p95), usually {explain.duration(usual)}."
    return (
        f"Calls take {explain.duration(record['p95_duration_ns'])} (p95), usually "
        f"{explain.duration(record['usual_p95_duration_ns'])}."
    )


def _undecided(services: Sequence[str], name: str) -> str:
    if len(services) < 2:
        return f"No second service calls {name} enough to tell whether it is us or them."
    return "It is spread thin over the services: not enough of it in any to tell whether it is us or them."


def _only(raised: Sequence[str], services: Sequence[str]) -> str:
    others = len(services) - len(raised)
    return f"Only {_listed(raised)} sees it, and {others} other service{'s do' if others != 1 else ' does'} not"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(sorted(explain.named(name) for name in names))


def _table(view: View, models: Sequence[Mapping[Any, Any]]) -> None:
    def against(now: str, usual: str) -> Cell:
        return Cell(now, note=f"usually {usual}" if usual != explain.UNKNOWN else "")

    rows = []
    for record in models:
        pill, tone = _VERDICTS[record["verdict"]]
        rows.append([
            Cell(record["model"]),
            Cell(explain.count(record["calls"])),
            against(explain.percent(record["error_rate"]), explain.percent(record["usual_error_rate"])),
            against(explain.percent(record["failing_rate"]), explain.percent(record["usual_failing_rate"])),
            against(explain.duration(record["p95_duration_ns"]), explain.duration(record["usual_p95_duration_ns"])),
            against(explain.duration(record["p95_ttft_ns"]), explain.duration(record["usual_p95_ttft_ns"])),
            Cell(pill, tone=tone, pill=True, note=record["reason"]),
        ])  # fmt: skip
    heads = ("Model", "Calls", "Errors", "Their errors", "Latency p95", "First token p95", "Verdict")
    parts.table(heads, rows, view.colours.accent, left=(6,))


def _charts(view: View, providers: Sequence[str]) -> None:
    step = view.period.step(300)
    columns = {name: draw.short(explain.named(name)) for name in providers[: draw.TOP]}
    errors = draw.series(ask.errors(view.selection, view.period, step, "provider", _THEIRS), "rate")
    # an hour with calls and no errors is a zero, and one without calls is a gap
    called = draw.series(ask.speed(view.selection, view.period, step, "provider"), "calls")
    latency = draw.series(ask.latency(view.selection, view.period, step, "provider"), "p95_duration_ns")
    rates = called[["time"]].copy()
    for name in columns:
        known = dict(zip(errors["time"], errors[name], strict=True)) if name in errors else {}
        rates[name] = [
            None if calls != calls else _zero_if_none(known.get(time))
            for time, calls in zip(called["time"], called[name], strict=True)
        ]
    left, right = st.columns(2)
    with left:
        figure = draw.lines(rates, columns, view.period, step, explain.percent, view.colours)
        chart("Errors that providers answer for", f"of calls, every {width(step)}", figure)
    with right:
        figure = draw.lines(latency, columns, view.period, step, explain.duration, view.colours)
        chart("Latency p95", f"every {width(step)}", figure)


def _zero_if_none(rate: Any) -> float:
    return 0.0 if rate is None or rate != rate else float(rate)
