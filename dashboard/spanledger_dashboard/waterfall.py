"""A trace drawn: a row a span, indented below its parent, with a bar where it lies in time. What the rows say is made here; the page has
only the rows in sight (waterfall.js), so that a trace of thousands of spans opens like one of ten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import streamlit as st

from spanledger_dashboard import explain
from spanledger_dashboard.palette import Palette
from spanledger_dashboard.tree import Node, below, own

_ALL_OPEN = 200
"""Spans up to which everything is open."""
_FOLDER = Path(__file__).parent

_component = st.components.v2.component(
    "spanledger_waterfall",
    html='<div class="fall"></div>',
    css=(_FOLDER / "waterfall.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "waterfall.js").read_text(encoding="utf-8"),
)


def draw(roots: Sequence[Node], colours: Palette, address: str, chosen: str, choose: Callable[[str], None]) -> None:
    """`address`: the link to the trace, to which a span's id is added. `choose` is called with the id of a span that is clicked."""
    key = "waterfall"

    def clicked() -> None:
        if span_id := st.session_state[key].get("span"):
            choose(str(span_id))

    _component(key=key, data=drawing(roots, colours, address, chosen), on_span_change=clicked)


def drawing(roots: Sequence[Node], colours: Palette, address: str, chosen: str) -> dict[str, Any]:
    """What waterfall.js draws: texts once each, and columns of numbers, a value a span."""
    nodes = [node for root in roots for node in below(root)]
    begin = min(_start(node) for node in nodes)
    length = max(max(_start(node) + node.span["duration_ns"] / 1e9 for node in nodes) - begin, 1e-9)
    texts: dict[str, int] = {}
    services: dict[str, int] = {}

    def number(text: str) -> int:
        return texts.setdefault(text, len(texts))

    above = {str(node.span["span_id"]): str(node.span["service_name"]) for node in nodes}
    rows: list[dict[str, Any]] = []
    for node in nodes:
        span, (cost, tokens) = node.span, own(node.span)
        left = (_start(node) - begin) / length * 100
        reports = span["input_tokens"] or span["output_tokens"]
        rows.append({
            "id": str(span["span_id"]), "depth": node.depth, "below": node.spans - 1, "errors": node.errors,
            "name": number(str(span["name"]) or "(no name)"),
            "what": number(_beside(span, above.get(str(span["parent_span_id"]), ""))),
            "service": services.setdefault(str(span["service_name"]), len(services)) % len(colours.series),
            "failed": int(span["status"] == "error"), "unbilled": int(bool(reports and not span["billing_owner"])),
            "cost": number(explain.money(node.cost_usd)), "own_cost": number(explain.money(cost)),
            "tokens": number(explain.tokens(node.tokens)), "own_tokens": number(explain.tokens(tokens)),
            "duration": number(explain.duration(span["duration_ns"])),
            "left": round(left, 2), "width": round(max(min(span["duration_ns"] / 1e9 / length * 100, 100 - left), 0), 2),
        })  # fmt: skip
    return {
        "trace": str(nodes[0].span["trace_id"]),
        "address": address,
        "chosen": chosen,
        "heads": ["Span", "Cost", "Tokens", "Duration"],
        "length": explain.duration(length * 1e9),
        "colours": {name: colour for name, colour in asdict(colours).items() if isinstance(colour, str)},
        "series": list(colours.series),
        "texts": list(texts),
        "rows": {name: [row[name] for row in rows] for name in rows[0]},
        "open": _open(nodes),
    }


def _beside(span: dict[str, Any], service_above: str) -> str:
    """What its name and the span above it do not say: whose it is, and what was called."""
    service, called = str(span["service_name"]), str(span["model"] or span["operation"])
    said = (service if service != service_above else "", called if called not in str(span["name"]) else "")
    return " · ".join(filter(None, said))


def _start(node: Node) -> float:
    return float(node.span["timestamp"].timestamp())


def _open(nodes: Sequence[Node]) -> list[int]:
    """The rows that are not folded at first: all of a small trace, of a large one the roots that have few below them."""
    few = len(nodes) <= _ALL_OPEN
    return [
        row
        for row, node in enumerate(nodes)
        if node.children and (few or (node.depth == 0 and len(node.children) <= _ALL_OPEN))
    ]
