"""A trace drawn: a row a span, indented below its parent, with a bar where it lies in time. Plain HTML, which opens with thousands
of spans: a part of the tree is a `<details>`, closed where the tree is large, and rows out of sight are not laid out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import streamlit as st

from spanledger_dashboard import explain
from spanledger_dashboard.palette import Palette
from spanledger_dashboard.tree import Node, below, own

_ALL_OPEN = 200
"""Spans up to which everything is open."""
_UNBILLED = '<span class="unbilled" title="Another span is billed for this">not billed</span>'
_DEEPEST = 24
"""Levels that are indented and fold; what is deeper lies flat below the last of them."""


def style(colours: Palette) -> str:
    return f"""<style>
    .sl-fall {{ font-size: .86rem; font-variant-numeric: tabular-nums; color: {colours.text}; overflow: auto; max-height: 40rem; }}
    .sl-fall summary {{ list-style: none; cursor: pointer; }} .sl-fall summary::-webkit-details-marker {{ display: none; }}
    .sl-row {{ display: grid; grid-template-columns: minmax(14rem, 2fr) 6rem 5.4rem 6rem minmax(10rem, 1.6fr); gap: 0 .8rem;
        align-items: center; height: 2rem; content-visibility: auto; contain-intrinsic-size: auto 2rem;
        border-bottom: 1px solid {colours.line}; padding-right: .4rem; }}
    .sl-row.chosen {{ background: {colours.panel}; box-shadow: inset 3px 0 {colours.accent}; }}
    .sl-row:hover {{ background: {colours.panel}; }}
    .sl-row > * {{ overflow: hidden; text-overflow: ellipsis; white-space: nowrap; text-align: right; }}
    .sl-row > .name {{ text-align: left; }}
    .sl-row .name i {{ display: inline-block; width: .9rem; font-style: normal; color: {colours.muted}; }}
    .sl-row .name a {{ color: inherit; text-decoration: none; }} .sl-row .name a:hover {{ text-decoration: underline; }}
    .sl-row small {{ color: {colours.muted}; margin-left: .4rem; }}
    .sl-row.head {{ color: {colours.muted}; position: sticky; top: 0; background: {colours.page}; z-index: 1; font-weight: 500; }}
    details[open] > summary .turn::before {{ content: "▾"; }} details:not([open]) > summary .turn::before {{ content: "▸"; }}
    .sl-time {{ position: relative; height: .7rem; }}
    .sl-time b {{ position: absolute; top: 0; height: 100%; border-radius: 3px; min-width: 2px; }}
    .sl-row .unbilled {{ border: 1px solid {colours.line}; border-radius: 999px; padding: 0 .4rem; font-size: .76rem;
        color: {colours.muted}; margin-right: .4rem; }}
    </style>"""


def draw(roots: Sequence[Node], colours: Palette, link: Callable[[str], str], chosen: str) -> None:
    """`link`: the address of a span's page by its id."""
    st.html(style(colours) + markup(roots, colours, link, chosen))


def markup(roots: Sequence[Node], colours: Palette, link: Callable[[str], str], chosen: str) -> str:
    nodes = [node for root in roots for node in below(root)]
    begin = min(_start(node) for node in nodes)
    length = max(max(_start(node) + node.span["duration_ns"] / 1e9 for node in nodes) - begin, 1e-9)
    names = dict.fromkeys(str(node.span["service_name"]) for node in nodes)
    services = {name: colours.series[index % len(colours.series)] for index, name in enumerate(names)}
    kept = _path_to(roots, chosen)
    pieces = [
        '<div class="sl-row head"><span class="name">Span</span><span>Cost</span><span>Tokens</span><span>Duration</span>'
        f'<span>0 to {escape(explain.duration(length * 1e9))}</span></div>'
    ]  # fmt: skip
    closing: list[int] = []  # depths of the parts that are open in the text
    for node in nodes:
        while closing and closing[-1] >= node.depth:
            pieces.append("</details>")
            closing.pop()
        folds = bool(node.children) and node.depth < _DEEPEST
        row = _row(node, begin, length, services[str(node.span["service_name"])], colours, link, chosen, folds)
        if folds:
            opened = len(nodes) <= _ALL_OPEN or (node.depth < 1 and len(node.children) <= _ALL_OPEN) or id(node) in kept
            pieces.append(f"<details{' open' if opened else ''}><summary>{row}</summary>")
            closing.append(node.depth)
        else:
            pieces.append(row)
    pieces.append("</details>" * len(closing))
    return f'<div class="sl-fall">{"".join(pieces)}</div>'


def _row(
    node: Node, begin: float, length: float, colour: str, colours: Palette, link: Callable[[str], str], chosen: str, folds: bool
) -> str:  # fmt: skip
    span = node.span
    left = (_start(node) - begin) / length * 100
    width = min(span["duration_ns"] / 1e9 / length * 100, 100 - left)
    failed = span["status"] == "error"
    shade = colours.bad if failed else colour
    what = " · ".join(filter(None, (str(span["service_name"]), str(span["model"] or span["operation"]))))
    more = f" <small>{node.spans - 1:,} below</small>" if node.spans > 9 else ""
    reports = span["input_tokens"] or span["output_tokens"]
    unbilled = "" if span["billing_owner"] or not reports else _UNBILLED
    cost, tokens = own(span)
    indent = min(node.depth, _DEEPEST) * 0.9
    turn = '<i class="turn"></i>' if folds else "<i></i>"
    address = escape(link(str(span["span_id"])))
    return (
        f'<div class="sl-row{" chosen" if span["span_id"] == chosen else ""}">'
        f'<span class="name" style="padding-left:{indent:.1f}rem" title="{escape(str(span["name"]))}">{turn}{unbilled}'
        f'<a href="{address}" target="_self"{" class=bad" if failed else ""}>{escape(str(span["name"]) or "(no name)")}</a>'
        f"<small>{escape(what)}</small>{more}</span>"
        f'<span title="{escape(f"itself {explain.money(cost)}")}">{escape(explain.money(node.cost_usd))}</span>'
        f'<span title="{escape(f"itself {explain.tokens(tokens)}")}">{escape(explain.tokens(node.tokens))}</span>'
        f"<span>{escape(explain.duration(span['duration_ns']))}</span>"
        f'<span class="sl-time"><b style="left:{left:.3f}%;width:{max(width, 0):.3f}%;background:{shade}"></b></span>'
        "</div>"
    )


def _start(node: Node) -> float:
    return float(node.span["timestamp"].timestamp())


def _path_to(roots: Sequence[Node], chosen: str) -> set[int]:
    """The nodes above the chosen span: they are open, however large the tree."""
    above: list[Node] = []
    for root in roots:
        for node in below(root):
            del above[node.depth :]
            if chosen and node.span["span_id"] == chosen:
                return {id(one) for one in above}
            above.append(node)
    return set()
