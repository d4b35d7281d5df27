"""Compare: two traces, or two versions of a prompt, side by side; and how much the difference is worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from spanledger_dashboard import ask, controls, explain, parts
from spanledger_dashboard.explain import Better
from spanledger_dashboard.parts import Cell
from spanledger_dashboard.traces import tokens
from spanledger_dashboard.view import View

FEW = 30
"""Calls below which a difference is as likely chance."""
_NAMED = 1_000_000
"""Of so many of the newest spans the prompts are offered."""
_Words = Callable[[Any], str]
Row = tuple[str, str, _Words, Better]


def draw_page(view: View) -> None:
    _traces(view)
    _prompts(view)


def _traces(view: View) -> None:
    chosen = view.selection.find.trace
    with st.container(border=True):
        parts.heading("Two traces", "by their ids")
        for index, column in enumerate(st.columns(2)):
            st.session_state[f"trace_{index}"] = chosen[index] if index < len(chosen) else ""
            column.text_input("AB"[index], key=f"trace_{index}", on_change=_chose_traces, placeholder="trace id")
        if len(chosen) < 2:
            parts.note("Open a trace and follow `Compare it with another`, or paste two ids.")
            return
        records = {
            row["trace_id"]: row for row in ask.trace_figures(chosen[:2], view.selection.project).to_dict("records")
        }
        if missing := [one for one in chosen[:2] if one not in records]:
            parts.verdict("Not found", "warn", f"No spans are kept of {', '.join(missing)}.")
            return
        pair = [
            {**records[one], "tokens": tokens(records[one]), "model_names": ", ".join(records[one]["models"])}
            for one in chosen[:2]
        ]
        rows: list[Row] = [
            ("Cost", "cost_usd", explain.money, "less"), ("Duration", "duration_ns", explain.duration, "less"),
            ("Tokens in", "input_tokens", explain.tokens, None), ("Tokens out", "output_tokens", explain.tokens, None),
            ("Spans", "spans", explain.count, None), ("Calls", "calls", explain.count, None),
            ("Errors", "errors", explain.count, "less"), ("Truncated answers", "truncated", explain.count, "less"),
            ("Unpriced calls", "unpriced_calls", explain.count, "less"),
        ]  # fmt: skip
        texts = {"Service": "service", "Name": "name", "Models": "model_names"}
        head = [
            [Cell(name), *(Cell(str(record[column]) or explain.UNKNOWN) for record in pair), Cell("")]
            for name, column in texts.items()
        ]
        links = [
            Cell("Trace"),
            *(Cell(one[:8], href=controls.address("traces", _opened(view, one))) for one in chosen[:2]),
            Cell(""),
        ]
        parts.table(
            ("", "A", "B", "B against A"), [links, *head, *_table(rows, *pair)], view.colours.accent, whole=True
        )


def _opened(view: View, trace_id: str) -> Any:
    return replace(view.selection, find=replace(view.selection.find, trace=(trace_id,), span=""))


def _chose_traces() -> None:
    ids = (str(st.session_state[f"trace_{index}"]).strip().lower() for index in range(2))
    controls.look_for(trace=tuple(one for one in ids if one))


def _prompts(view: View) -> None:
    find = view.selection.find
    with st.container(border=True):
        parts.heading("Two versions of a prompt", "in the range, of calls that are billed and pass the filters")
        nothing_else = replace(view.selection, classes=(), find=find.__class__())
        facets = ask.trace_facets(nothing_else, view.period, _NAMED)
        known = [str(value) for value in facets[facets["facet"] == "prompt"]["value"]] if len(facets) else []
        counted = Counter(value.rpartition(" ")[0] or value for value in known)
        names = list(dict.fromkeys([*counted, *filter(None, [find.prompt])]))
        if not names:
            parts.note(
                "No call of the range names its prompt. `spanledger.attribute(prompt=…, prompt_version=…)` does."
            )
            return
        # of a prompt that has two there is something to compare
        name = find.prompt or next((one for one in names if counted[one] > 1), names[0])
        rows = ask.compare_prompts(view.selection, view.period, name).to_dict("records")
        versions = [str(row["version"]) for row in rows]
        pair = [one for one in find.versions if one in versions][:2]
        pair += [one for one in versions if one not in pair][: 2 - len(pair)]
        if len(find.versions) < 2:
            pair.reverse()  # the older one first
        _choose(name, names, pair, versions)
        if len(pair) < 2:
            called = f"Only one version of `{name}` was" if pair else f"`{name}` was not"
            parts.note(f"{called} called in the range: there is nothing to compare.")
            return
        by_version = {str(row["version"]): row for row in rows}
        a, b = by_version[pair[0]], by_version[pair[1]]
        few = [f"{explain.named(one)} has {by_version[one]['calls']}" for one in pair if by_version[one]["calls"] < FEW]
        if few:
            parts.verdict(
                "Few calls",
                "warn",
                f"{'; '.join(few)}. Below {FEW}, a difference may well be chance, and a p99 is its slowest call.",
            )
        heads = ("", explain.named(pair[0]), explain.named(pair[1]), "the second against the first")
        parts.table(heads, _table(_PROMPT_ROWS, a, b), view.colours.accent, whole=True)
        parts.note("Cost a call: of calls whose cost is known. Truncated: of the answers that say how they ended.")


_PROMPT_ROWS: list[Row] = [
    ("Calls", "calls", explain.count, None),
    ("Cost a call", "cost_usd_per_call", explain.money, "less"),
    ("Cost", "cost_usd", explain.money, None),
    ("Calls with a cost", "costed_calls", explain.count, None),
    ("Duration p50", "p50_duration_ns", explain.duration, "less"),
    ("Duration p95", "p95_duration_ns", explain.duration, "less"),
    ("Duration p99", "p99_duration_ns", explain.duration, "less"),
    ("First token p50", "p50_ttft_ns", explain.duration, "less"),
    ("Error rate", "error_rate", explain.percent, "less"),
    ("Errors", "errors", explain.count, None),
    ("Truncated", "truncated_share", explain.percent, "less"),
    (
        "Tokens in a call",
        "input_tokens_per_call",
        lambda mean: explain.tokens(None if mean is None else round(mean)),
        None,
    ),
    (
        "Tokens out a call",
        "output_tokens_per_call",
        lambda mean: explain.tokens(None if mean is None else round(mean)),
        None,
    ),
]


def _choose(name: str, names: list[str], pair: list[str], versions: list[str]) -> None:
    prompt, first, second = st.columns([2, 1, 1])
    st.session_state["prompt_name"] = name
    prompt.selectbox("Prompt", names, key="prompt_name", on_change=_chose_prompt)
    for index, column in enumerate((first, second)):
        if index < len(pair):
            st.session_state[f"version_{index}"] = pair[index]
            column.selectbox(
                ("First", "Second")[index],
                versions,
                format_func=explain.named,
                key=f"version_{index}",
                on_change=_chose_versions,
            )


def _chose_prompt() -> None:
    controls.look_for(prompt=st.session_state["prompt_name"], versions=())


def _chose_versions() -> None:
    controls.look_for(
        versions=tuple(
            st.session_state[f"version_{index}"] for index in range(2) if f"version_{index}" in st.session_state
        )
    )


def _table(rows: list[Row], a: Mapping[Any, Any], b: Mapping[Any, Any]) -> list[list[Cell]]:
    table = []
    for name, column, words, better in rows:
        if words is explain.percent:
            change = explain.change_of_share(b[column], a[column], better)
        else:
            change = explain.change(b[column], a[column], better)
        known = a[column] is not None and b[column] is not None
        said = change.text.replace("none before", "from 0") if known else explain.UNKNOWN
        figures = (Cell(words(a[column])), Cell(words(b[column])))
        table.append([Cell(name), *figures, Cell(said, tone=change.tone)])
    return table
