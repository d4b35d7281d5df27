"""Spans as a tree: none is lost and none counted twice, whatever the ids say."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from spanledger_dashboard import explain
from spanledger_dashboard.palette import LIGHT
from spanledger_dashboard.tree import below, grow, own
from spanledger_dashboard.waterfall import drawing

BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
ids = st.sampled_from(["", "a", "b", "c", "d", "e", "not sent"])


def span(number: int, span_id: str, parent: str, cost: str | None = "0.01", billed: bool = True) -> dict[str, Any]:
    return {
        "trace_id": "t", "span_id": span_id, "parent_span_id": parent, "timestamp": BEGIN + timedelta(seconds=number), "duration_ns": 10**9,
        "cost_usd": None if cost is None else Decimal(cost), "billing_owner": billed, "input_tokens": number, "output_tokens": None,
        "name": f"span {number}", "service_name": "web", "model": "gpt-5", "operation": "chat", "status": "ok",
    }  # fmt: skip


spans = st.lists(st.tuples(ids, ids, st.sampled_from([None, "0", "0.25"]), st.booleans()), min_size=1, max_size=12).map(
    lambda drawn: [span(number, *one) for number, one in enumerate(drawn)]
)


@given(spans)
def test_every_span_is_in_the_tree_once_and_the_roots_add_up_to_all(given: list[dict[str, Any]]) -> None:
    roots = grow(given)
    found = [node.span["timestamp"] for root in roots for node in below(root)]
    assert sorted(found) == [one["timestamp"] for one in given]
    costs = [cost for cost, _ in map(own, given) if cost is not None]
    assert sum((root.cost_usd or Decimal(0) for root in roots), Decimal(0)) == sum(costs, Decimal(0))
    assert all(root.cost_usd is None for root in roots) == (not costs)
    assert sum(root.spans for root in roots) == len(given)


@given(spans, ids)
def test_what_is_drawn_is_the_tree_row_by_row(given: list[dict[str, Any]], chosen: str) -> None:
    roots = grow(given)
    drawn = drawing(roots, LIGHT, "traces?trace=t", chosen)
    nodes = [node for root in roots for node in below(root)]
    rows = drawn["rows"]
    assert rows["id"] == [node.span["span_id"] for node in nodes]
    assert all(len(column) == len(given) for column in rows.values())
    for row, node in enumerate(nodes):
        inside = rows["depth"][row + 1 : row + 1 + rows["below"][row]]
        assert all(depth > node.depth for depth in inside)  # what a fold hides is what lies below, no more
        assert drawn["texts"][rows["cost"][row]] == explain.money(node.cost_usd)
        assert 0 <= rows["left"][row] <= rows["left"][row] + rows["width"][row] <= 100.01
    assert json.loads(json.dumps(drawn)) == drawn


def test_a_chain_of_thousands_is_added_up_and_counts_the_errors_that_a_fold_would_hide() -> None:
    chain = [span(number, str(number + 1), str(number)) for number in range(5000)]
    chain[4000]["status"] = "error"
    [root] = grow(chain)
    assert (root.cost_usd, root.spans, root.errors) == (Decimal("50.00"), 5000, 1)
    rows = drawing([root], LIGHT, "", "")["rows"]
    assert (rows["errors"][0], rows["errors"][4001], rows["failed"][4000]) == (1, 0, 1)


def test_a_wrapper_that_is_not_billed_adds_nothing_of_its_own() -> None:
    [root] = grow([span(0, "a", "", "5", billed=False), span(1, "b", "a"), span(2, "c", "a", None)])
    assert (root.cost_usd, root.tokens) == (Decimal("0.01"), 3)
