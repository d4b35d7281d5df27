"""The spans of a trace as a tree, with what each and all below it cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any


@dataclass
class Node:
    """A span, and the sums over it and everything below it: cost and tokens of spans that own a bill, None where nothing is known."""

    span: dict[str, Any]
    depth: int = 0
    children: list[Node] = field(default_factory=list)
    cost_usd: Decimal | None = None
    tokens: int | None = None
    spans: int = 1
    errors: int = 0


def grow(spans: Sequence[dict[str, Any]]) -> list[Node]:
    """The roots, oldest first as the spans are. A span whose parent was not sent is a root; of spans that are each other's
    parents, the oldest is. Nothing is lost, whatever the ids say."""
    nodes = [Node(span) for span in spans]
    by_id: dict[str, Node] = {}
    for node in nodes:
        by_id.setdefault(node.span["span_id"], node)
    roots = []
    for node in nodes:
        parent = by_id.get(node.span["parent_span_id"])
        if parent is None or parent is node:
            roots.append(node)
        else:
            parent.children.append(node)
    seen = {id(node) for root in roots for node in below(root)}
    for node in nodes:
        if id(node) in seen:
            continue
        # in a circle: it is cut where its oldest span begins
        parent = by_id[node.span["parent_span_id"]]
        parent.children = [child for child in parent.children if child is not node]
        roots.append(node)
        seen |= {id(other) for other in below(node)}
    roots.sort(key=lambda node: node.span["timestamp"])
    for root in roots:
        _sum(root)
    return roots


def below(root: Node) -> Iterator[Node]:
    """The node and all below it, each before its children. Without recursion: a trace may be one long chain."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        for child in reversed(node.children):
            child.depth = node.depth + 1
            waiting.append(child)


def own(span: dict[str, Any]) -> tuple[Decimal | None, int | None]:
    """What the span itself is billed for: money and tokens."""
    if not span["billing_owner"]:
        return None, None
    counted = [span[name] for name in ("input_tokens", "output_tokens") if span[name] is not None]
    return span["cost_usd"], sum(counted) if counted else None


def _sum(root: Node) -> None:
    for node in reversed(list(below(root))):
        cost, tokens = own(node.span)
        costs = [part for part in (cost, *(child.cost_usd for child in node.children)) if part is not None]
        counts = [part for part in (tokens, *(child.tokens for child in node.children)) if part is not None]
        node.cost_usd = sum(costs, Decimal(0)) if costs else None
        node.tokens = sum(counts) if counts else None
        node.spans = 1 + sum(child.spans for child in node.children)
        node.errors = (node.span["status"] == "error") + sum(child.errors for child in node.children)
