"""One trace: what it cost, where its time went, and everything that is known of the span that is open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from spanledger_dashboard import ask, controls, conversation, explain, parts, states, tree, waterfall
from spanledger_dashboard.parts import Card, Cell
from spanledger_dashboard.selection import Selection
from spanledger_dashboard.view import View


def draw(view: View, trace_id: str) -> None:
    project, find = view.selection.project, view.selection.find
    st.button("All traces", icon=":material/arrow_back:", type="tertiary", on_click=_leave)
    figures, rows, kept, *_ = ask.together(
        lambda: ask.trace_figures([trace_id], project),
        lambda: ask.trace_spans(trace_id, project),
        lambda: ask.content(trace_id, project),
        *([lambda: ask.span(trace_id, find.span, project)] if find.span else []),
    )
    if not len(figures):
        states.no_such_trace(trace_id)
        return
    record = _named(figures)
    spans = rows.to_dict("records")
    roots = tree.grow([{str(name): value for name, value in span.items()} for span in spans])
    parts.cards(_cards(record))
    _about(view.selection, record)
    opened = find.span or str((_first_failed(spans) or roots[0].span)["span_id"])
    with st.container(border=True):
        parts.heading("Spans", "cost and tokens are of a span and all below it; hover over them for its own")
        address = controls.address("traces", replace(view.selection, find=replace(find, span="")))
        waterfall.draw(roots, view.colours, address, opened, _choose)
    _span(view, trace_id, opened, kept)


def _named(rows: pd.DataFrame) -> dict[str, Any]:
    """The first row."""
    return {str(name): value for name, value in rows.iloc[0].items()}


def _leave() -> None:
    controls.look_for(trace=(), span="")


def _choose(span_id: str) -> None:
    controls.look_for(span=span_id)


def _first_failed(spans: list[dict[Any, Any]]) -> dict[Any, Any] | None:
    return next((span for span in spans if span["status"] == "error"), None)


def _cards(record: dict[str, Any]) -> list[Card]:
    unpriced = record["unpriced_calls"]
    known = [record[name] for name in ("input_tokens", "output_tokens") if record[name] is not None]
    calls = explain.counted(record["calls"], "call")
    of_calls = f"{unpriced} of {calls} unpriced" if unpriced else calls
    spans = explain.counted(record["spans"], "span")
    split = f"{explain.tokens(record['input_tokens'])} in, {explain.tokens(record['output_tokens'])} out"
    failed = ", ".join(map(explain.named, record["error_types"]))
    return [
        Card("Cost", explain.money(record["cost_usd"]), None, of_calls, warn=bool(unpriced)),
        Card("Duration", explain.duration(record["duration_ns"]), None, f"from {explain.second(record['timestamp'])} UTC"),
        Card("Tokens", explain.tokens(sum(known) if known else None), None, split),
        Card("Errors", explain.count(record["errors"]), None, failed or f"of {spans}", warn=bool(failed)),
    ]  # fmt: skip


def _about(selection: Selection, record: dict[str, Any]) -> None:
    with st.container(border=True):
        parts.heading(record["name"] or "(no name)", record["trace_id"])
        parts.facts([
            ("Service", " · ".join(filter(None, (record["service"], record["environment"])))),
            ("Models", ", ".join(record["models"])),
            ("For", " · ".join(filter(None, (record["team"], record["feature"], record["customer"])))),
            ("User", record["user_id"]),
            ("Session", record["session_id"]),
            ("Prompts", ", ".join(record["prompts"])),
            ("Truncated", f"{record['truncated']} answers ended at the limit of tokens" if record["truncated"] else ""),
        ], beside=True)  # fmt: skip
        plain = replace(selection.find, trace=(), span="")
        session = replace(selection, find=replace(plain, session=record["session_id"]))
        pair = replace(selection, find=replace(plain, trace=(record["trace_id"],)))
        parts.links([
            *([(controls.address("sessions", session), "Its session")] if record["session_id"] else []),
            (controls.address("compare", pair), "Compare it with another"),
        ])  # fmt: skip


def _span(view: View, trace_id: str, span_id: str, kept: pd.DataFrame) -> None:
    """`kept`: what was said in the trace."""
    found = ask.span(trace_id, span_id, view.selection.project)
    with st.container(border=True):
        if not len(found):
            parts.heading("Span", f"{span_id}: no such span in this trace")
            return
        span = _named(found)
        parts.heading(span["name"] or "(no name)", f"span {span_id}")
        _facts(span)
        _failures(span)
        _messages(view, span_id, kept)
        _tables(span, view.colours.accent)


def _facts(span: dict[str, Any]) -> None:
    buckets = {
        "in": "input_tokens",
        "out": "output_tokens",
        "read from a cache": "cache_read_tokens",
        "reasoning": "reasoning_tokens",
    }
    counts = [f"{explain.count(span[column])} {name}" for name, column in buckets.items() if span[column] is not None]
    repeats = counts and not span["billing_owner"]
    called = (span["provider"], span["model"], span["operation"])
    parts.facts([
        ("Time", f"{explain.second(span['timestamp'])} UTC, for {explain.duration(span['duration_ns'])}"),
        ("First token", explain.duration(span["ttft_ns"]) if span["ttft_ns"] is not None else ""),
        ("Cost", f"{explain.money(span['cost_usd'])} ({span['cost_status']})" if span["cost_status"] else ""),
        ("Billed", "no: another span is billed for this call" if repeats else ""),
        ("Tokens", ", ".join(counts)),
        ("Model" if span["model"] else "Operation", " · ".join(filter(None, called))),
        ("Service", " · ".join(filter(None, (span["service_name"], span["environment"], span["kind"])))),
        ("Finished", "at the limit of tokens (length)" if span["finish_reason"] == "length" else span["finish_reason"]),
        ("Prompt", " ".join(filter(None, (span["prompt_name"], span["prompt_version"])))),
        ("Agent", span["agent_name"]),
        ("Response", span["response_id"]),
    ], beside=True)  # fmt: skip


def _failures(span: dict[str, Any]) -> None:
    """The error, and every exception that the span recorded, with its stack."""
    said = " · ".join(filter(None, (span["error_type"], span["status_message"])))
    if span["status"] == "error":
        parts.verdict("Error", "bad", said or "no message")
    for event in span["events_read"]:
        attributes = event["attributes"]
        if event["name"] == "exception":
            raised = (attributes.get("exception.type", ""), attributes.get("exception.message", ""))
            if (again := " · ".join(filter(None, raised))) != said:
                parts.note(again)
            if stack := attributes.get("exception.stacktrace", ""):
                st.code(stack, language=None, wrap_lines=True)


def _messages(view: View, span_id: str, kept: pd.DataFrame) -> None:
    mine = (
        [value for of, value in zip(kept["span_id"], kept["messages"], strict=True) if of == span_id]
        if len(kept)
        else []
    )
    messages = [message for value in mine for message in conversation.messages_of(value)]
    if len(kept) and not messages:
        return  # content is captured: nothing was said here
    with st.container(gap="xxsmall"):
        parts.heading("Messages")
        if messages:
            conversation.show(messages, view.colours)
        else:
            conversation.not_captured()


def _tables(span: dict[str, Any], accent: str) -> None:
    for title, pairs in (("Attributes", span["attributes"]), ("Resource", span["resource_attributes"])):
        if pairs:
            with st.expander(f"{title} ({len(pairs)})", expanded=title == "Attributes"):
                parts.facts(sorted(pairs.items()))
    if span["events_read"]:
        with st.expander(f"Events ({len(span['events_read'])})"):
            for event in span["events_read"]:
                shown = {name: text for name, text in event["attributes"].items() if name != "exception.stacktrace"}
                parts.facts([(f"{event['timestamp']:%H:%M:%S.%f}"[:-3], event["name"]), *shown.items()])
    if span["links_read"]:
        with st.expander(f"Links ({len(span['links_read'])})"):
            rows = [
                [Cell(link["trace_id"], href=f"traces?trace={link['trace_id']}"), Cell(link["span_id"])]
                for link in span["links_read"]
            ]
            parts.table(("Trace", "Span"), rows, accent)
