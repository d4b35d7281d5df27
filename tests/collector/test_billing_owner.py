"""Whoever reports a call, and in however many spans, it is billed once (D7)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from collector.pipeline.otlp import (
    NOW,
    NOW_NS,
    SECOND,
    Card,
    Pipeline,
    Row,
    Value,
    call,
    failed,
    rates,
    request,
    resource,
    span,
)
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from spanledger_collector.corrections import Corrections
from stores import Stores

GOLDEN = Path(__file__).parents[1] / "golden"
INPUT, OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
NO_USAGE: Mapping[str, Value] = {INPUT: None, OUTPUT: None}
ANSWER: Mapping[str, Value] = {"gen_ai.response.id": "answer-1"}
RATES = rates(input_uncached="2", output_text="10")
LEVELS = 4


@pytest.fixture(scope="module")
def engine(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    pipeline = Pipeline(stores.unpriced(tmp_path_factory.mktemp("owner")))
    pipeline.record(Card(RATES))
    pipeline.client.command(
        "SYSTEM START MERGES spanledger.ledger"
    )  # to settle is to delete, and that is a merge's work
    yield pipeline
    pipeline.close()


@dataclass
class Desk:
    """A pipeline, and who finds what it could not see."""

    pipeline: Pipeline
    corrections: Corrections
    tidied: int = 0

    def post(self, *requests: bytes) -> None:
        self.pipeline.post(*requests)

    def tidy(self) -> int:
        """Post the corrections that the segments since the last time call for; returns the number of postings."""
        segments = list(range(self.tidied + 1, self.pipeline.segments + 1))
        self.tidied = self.pipeline.segments
        return self.correct(segments)

    def correct(self, segments: Sequence[int]) -> int:
        """In the order of the bookkeeper, and only what its questions ask for."""
        at, posted = NOW + timedelta(hours=1, seconds=self.pipeline.segments), 0
        for found, post in (
            (self.corrections.find_duplicates, self.corrections.post_duplicates),
            (self.corrections.find_nested, self.corrections.post_nested),
            (self.corrections.find_same_calls, self.corrections.post_same_calls),
        ):
            if found(segments):
                self.pipeline.segments += 1
                posted += post(self.pipeline.segments, at, segments)
        return posted

    def billed(self) -> dict[str, int]:
        """Calls that stand, by span id, those of which none stands left out."""
        rows = self.pipeline.ask(
            "SELECT span_id, sum(calls) AS n FROM spanledger.ledger GROUP BY trace_id, span_id HAVING n != 0"
        )
        return {row["span_id"]: row["n"] for row in rows}

    def cost(self) -> Decimal:
        [row] = self.pipeline.ask("SELECT sum(cost_usd) AS cost FROM spanledger.ledger")
        return row["cost"] or Decimal(0)

    def reasons(self) -> list[str]:
        return [
            row["reason"]
            for row in self.pipeline.ask("SELECT reason FROM spanledger.ledger WHERE reason != '' ORDER BY reason")
        ]

    def spans(self) -> dict[str, Row]:
        return {row["span_id"]: row for row in self.pipeline.ask("SELECT * FROM spanledger.spans")}


def emptied(engine: Pipeline) -> Desk:
    for table in ("ledger", "spans"):
        engine.client.command(f"TRUNCATE TABLE spanledger.{table}")
    return Desk(engine, Corrections(engine.client), engine.segments)


@pytest.fixture
def desk(engine: Pipeline) -> Desk:
    return emptied(engine)


def number(of: int) -> bytes:
    return of.to_bytes(8)


def hexed(*numbers: int) -> dict[str, int]:
    return {number(of).hex(): 1 for of in numbers}


def at(
    own: int,
    parent: int = 0,
    values: Mapping[str, Value] | None = None,
    begin: float = 0,
    end: float = 1,
    trace: int = 1,
    **fields: object,
) -> Span:
    """A call as span `own` of a trace, `parent` above it; it ran from and to these seconds."""
    minute_ago = NOW_NS - 60 * SECOND
    return call(
        values,
        trace_id=trace.to_bytes(16),
        span_id=number(own),
        parent_span_id=number(parent) if parent else b"",
        start_time_unix_nano=minute_ago + int(begin * SECOND),
        end_time_unix_nano=minute_ago + int(end * SECOND),
        **fields,
    )


def between(own: int, parent: int) -> Span:
    """A span that is no call."""
    one = at(own, parent)
    return span({}, trace_id=one.trace_id, span_id=one.span_id, parent_span_id=one.parent_span_id)


def sent(*spans: Span, scope: str = "a.scope") -> bytes:
    return request(resource(*spans, scope=scope))


def cost_of(into: int = 1000, out: int = 100) -> Decimal:
    return (Decimal(2) * into + Decimal(10) * out) / 1_000_000


# -- spans above each other

Costs = Mapping[int, Decimal | None]
"""Number of a span that bills, to what it costs; None is unknown."""
REFUSED: Mapping[str, Value] = {**NO_USAGE, "http.response.status_code": 429, "error.type": "429"}
CASES: Mapping[str, tuple[Sequence[Span], Costs]] = {
    "the innermost span with usage bills its call": (
        [at(1, values={INPUT: 9000}), between(2, 1), at(3, 2, {INPUT: 5000}), at(4, 3)],
        {4: cost_of()},
    ),
    "a wrapper bills for a call that does not say what it used": (
        [at(1), at(2, 1, NO_USAGE), at(3, 2, NO_USAGE)],
        {1: cost_of()},
    ),
    "a wrapper without usage is not a call of its own": ([at(1, values=NO_USAGE), at(2, 1, NO_USAGE)], {2: None}),
    "a refused attempt below a call stays free and the retry is billed": (
        [at(1), at(2, 1, REFUSED, status=failed()), at(3, 1)],
        {2: Decimal(0), 3: cost_of()},
    ),
    "what is five levels below is another call": (
        [at(1), between(2, 1), between(3, 2), between(4, 3), between(5, 4), at(6, 5)],
        {1: cost_of(), 6: cost_of()},
    ),
    "a call left to its wrapper is charged when the wrapper turns out not to bill": (
        [at(1), at(2, 1, NO_USAGE), at(3, 1)],
        {2: None, 3: cost_of()},
    ),
    "siblings and calls of other traces are calls of their own": (
        [between(1, 0), at(2, 1), at(3, 1), at(4, 1, trace=2)],
        dict.fromkeys((2, 3, 4), cost_of()),
    ),
    "a span that is its own parent is billed": ([at(1, 1), at(2, 2)], dict.fromkeys((1, 2), cost_of())),
}
Arrival = Callable[[Desk, Sequence[Sequence[Span]]], None]
"""Posts the spans of several cases side by side, each case in requests of its own."""


def together(desk: Desk, cases: Sequence[Sequence[Span]]) -> None:
    desk.post(*(sent(*spans) for spans in cases))


def one_by_one(desk: Desk, cases: Sequence[Sequence[Span]]) -> None:
    for spans in zip_longest(*cases):
        desk.post(*(sent(one) for one in spans if one is not None))
    desk.tidy()


def one_by_one_corrected_each_time(desk: Desk, cases: Sequence[Sequence[Span]]) -> None:
    for spans in zip_longest(*cases):
        desk.post(*(sent(one) for one in spans if one is not None))
        desk.tidy()


def the_other_way_round(desk: Desk, cases: Sequence[Sequence[Span]]) -> None:
    one_by_one_corrected_each_time(desk, [spans[::-1] for spans in cases])


@pytest.fixture(
    scope="module",
    params=[together, one_by_one, one_by_one_corrected_each_time, the_other_way_round],
    ids=lambda way: way.__name__,
)
def arrived(request: pytest.FixtureRequest, engine: Pipeline) -> Mapping[str, Costs]:
    """What stands of each case when all have arrived in one of these ways. Each has traces of its own."""
    desk = emptied(engine)
    request.param(desk, [[in_case(number, one) for one in spans] for number, (spans, _) in enumerate(CASES.values())])
    found: dict[str, dict[int, Decimal | None]] = {name: {} for name in CASES}
    for row in engine.ask(
        "SELECT trace_id, span_id, sum(calls) AS calls, sum(cost_usd) AS cost FROM spanledger.ledger GROUP BY trace_id, span_id"
    ):
        if row["calls"]:
            assert row["calls"] == 1
            found[[*CASES][int(row["trace_id"][:16], 16)]][int(row["span_id"], 16)] = row["cost"]
        else:
            assert not row["cost"]
    return found


def in_case(number: int, one: Span) -> Span:
    moved = Span()
    moved.CopyFrom(one)
    moved.trace_id = number.to_bytes(8) + one.trace_id[8:]
    return moved


@pytest.mark.parametrize("case", CASES)
def test_however_its_spans_arrive(arrived: Mapping[str, Costs], case: str) -> None:
    assert arrived[case] == CASES[case][1]


def test_a_call_suppressed_at_once_is_charged_when_a_later_one_bills(desk: Desk) -> None:
    desk.post(sent(at(1), at(2, 1, NO_USAGE)))
    assert desk.billed() == hexed(1)
    desk.post(sent(at(3, 1)))
    assert desk.tidy() == 2
    assert desk.billed() == hexed(2, 3)
    assert desk.reasons() == ["billed_by_child", "parent_not_billed"]
    assert desk.correct(range(1, desk.pipeline.segments + 1)) == 0


def test_a_reversal_negates_the_charge_and_refers_to_it(desk: Desk) -> None:
    desk.post(sent(at(1, values={INPUT: 5000})))
    desk.post(sent(at(2, 1)))
    desk.tidy()
    first, reversal = desk.pipeline.ask(
        f"SELECT *, posting_id FROM spanledger.ledger WHERE span_id = '{number(1).hex()}' ORDER BY posted_at"
    )
    assert (reversal["kind"], reversal["reason"], reversal["refers_to"]) == (
        "reversal",
        "billed_by_child",
        first["posting_id"],
    )
    assert (reversal["calls"], reversal["input_uncached"], reversal["cost_usd"]) == (-1, -5000, -first["cost_usd"])


@pytest.mark.parametrize("together", [True, False])
def test_a_call_that_was_over_before_another_began_is_not_around_it(desk: Desk, together: bool) -> None:
    calls = [
        at(1),
        at(2, 1, {INPUT: 2000}, begin=2, end=3),
        at(3, 2, {**NO_USAGE, "error.type": "RateLimitError"}, begin=4, end=5, status=failed()),
        at(4, 3, begin=6, end=9),
        at(5, 4, begin=7, end=8),
    ]
    desk.post(*([sent(*calls)] if together else map(sent, calls)))
    desk.tidy()
    assert desk.billed() == hexed(1, 2, 3, 5)
    assert desk.cost() == cost_of() + cost_of(2000) + cost_of()


def test_a_trace_too_long_to_judge_at_once_is_judged_by_the_correction(desk: Desk) -> None:
    desk.post(sent(*(between(own, 0) for own in range(10, 700)), at(1), at(2, 1)))
    desk.tidy()
    assert desk.billed() == hexed(2)


def test_what_is_not_billed_stays_visible_with_what_it_would_have_cost(desk: Desk) -> None:
    agent: Mapping[str, Value] = {"gen_ai.operation.name": "invoke_agent"}
    desk.post(sent(at(1, values=agent), at(2, 1, {INPUT: 2000}), at(3, 2)))
    rows = {own: desk.spans()[number(own).hex()] for own in (1, 2, 3)}
    assert [rows[own]["billing_owner"] for own in (1, 2, 3)] == [False, False, True]
    assert [rows[own]["unbilled_cost_usd"] for own in (1, 2, 3)] == [cost_of(), cost_of(2000), None]
    assert [rows[own]["cost_usd"] for own in (1, 2, 3)] == [None, None, cost_of()]


def test_the_view_says_what_was_not_billed_twice_whenever_it_was_found(desk: Desk) -> None:
    agent: Mapping[str, Value] = {"gen_ai.operation.name": "invoke_agent", INPUT: 4000}
    desk.post(sent(at(1, values=agent), at(2, 1, {INPUT: 2000}), at(3, 2), at(4, 0, ANSWER, trace=2)))
    desk.post(sent(at(5, 3, {INPUT: 500}), scope="b.scope"), sent(at(6, 0, ANSWER, trace=3), scope="b.scope"))
    desk.tidy()
    filters = (
        "project='', environments=[], services=[], providers=['acme'], models=[], teams=[], features=[], customers=[]"
    )
    rows = desk.pipeline.ask(
        f"SELECT * FROM spanledger.suppressed(from='2026-11-02 11:00:00', to='2026-11-02 12:00:00', {filters})"
    )
    assert {(row["reason"], row["model"]): (row["spans"], row["cost_usd"]) for row in rows} == {
        ("billed_by_child", "model-1"): (2, cost_of(2000) + cost_of(1000)),
        ("same_call", "model-1"): (1, cost_of()),
        ("wrapper", "model-1"): (1, cost_of(4000)),
    }


# -- the same call twice, neither above the other


def test_a_call_that_two_instrumentors_report_in_two_traces_is_billed_once(desk: Desk) -> None:
    desk.post(sent(at(1, values=ANSWER, begin=0, end=3), scope="one"))
    desk.post(sent(at(2, values=ANSWER, begin=0.1, end=2.9, trace=2), scope="two"))
    assert desk.tidy() == 1
    assert desk.billed() == hexed(1)
    assert desk.reasons() == ["same_call"]
    assert desk.correct(range(1, desk.pipeline.segments + 1)) == 0


def test_of_one_call_the_span_that_says_what_was_used_bills(desk: Desk) -> None:
    desk.post(sent(at(1, values={**ANSWER, **NO_USAGE}, end=3), scope="one"))
    desk.post(sent(at(2, values=ANSWER, end=3, trace=2), scope="two"))
    desk.tidy()
    assert desk.billed() == hexed(2)


def test_an_answer_id_alone_does_not_make_two_calls_one(desk: Desk) -> None:
    others: list[dict[str, Any]] = [
        {"begin": 1.001, "end": 2},  # one after the other
        {"scope": "one"},  # one instrumentor reports a call once
        {"values": {INPUT: 1001}},
        {"values": {"gen_ai.response.id": "another answer"}},
        {"values": {"gen_ai.provider.name": "other"}},
    ]
    calls = range(1, 1 + len(others))
    answers: list[dict[str, Value]] = [{"gen_ai.response.id": f"answer-{call}"} for call in calls]
    desk.post(*(sent(at(n, values=answer, trace=n), scope="one") for n, answer in zip(calls, answers, strict=True)))
    desk.post(
        *(
            sent(at(10 + n, values=answer | other.pop("values", {}), trace=10 + n, **other), scope=scope)
            for n, answer, other in zip(calls, answers, others, strict=True)
            for scope in [other.pop("scope", "two")]
        )
    )
    desk.tidy()
    assert desk.billed() == hexed(*calls, *(10 + n for n in calls))


def test_calls_side_by_side_under_one_answer_id_are_paired_across_scopes(desk: Desk) -> None:
    desk.post(sent(*(at(own, values=ANSWER, begin=own / 10, end=2, trace=own) for own in (1, 2, 3)), scope="one"))
    desk.post(
        sent(*(at(own, values=ANSWER, begin=own / 10 - 0.99, end=2, trace=own) for own in (11, 12, 13)), scope="two")
    )
    desk.tidy()
    assert desk.billed() == hexed(1, 2, 3)


def test_an_id_that_more_spans_have_than_any_answer_names_none(desk: Desk) -> None:
    for scope, first in (("one", 1), ("two", 1001)):
        desk.post(
            sent(*(at(own, values=ANSWER, begin=0, end=2, trace=own) for own in range(first, first + 501)), scope=scope)
        )
    assert desk.tidy() == 0
    assert sum(desk.billed().values()) == 1002


# -- recorded


@pytest.mark.parametrize(
    ("recording", "calls", "with_usage"),
    [
        ("otel-genai-anthropic-plus-native-dup", 7, 6),
        ("pydantic-ai", 4, 3),
        ("otel-genai-openai-agents-plus-openai", 1, 1),
        ("traceloop-legacy-langchain", 7, 6),  # each call is the child of the one before
    ],
)
def test_recorded_wrappers_and_double_instrumentation_are_billed_once(
    desk: Desk, recording: str, calls: int, with_usage: int
) -> None:
    body = ExportTraceServiceRequest.FromString((GOLDEN / f"{recording}.otlp.pb").read_bytes())
    last = max(s.end_time_unix_nano for r in body.resource_spans for scope in r.scope_spans for s in scope.spans)
    desk.pipeline.post(body.SerializeToString(), received_at=last + SECOND)
    desk.tidy()
    rows = desk.pipeline.ask(
        "SELECT span_id, sum(calls) AS n, sum(tokens) > 0 AS used FROM spanledger.ledger GROUP BY span_id HAVING n != 0"
    )
    assert (len(rows), sum(row["used"] or 0 for row in rows)) == (calls, with_usage)
    owners = {row["scope_name"] for row in desk.spans().values() if row["billing_owner"]}
    assert len(owners) == 1
    if "native" in recording:
        assert owners == {"com.anthropic.sdk.python"}


# -- whatever the shape, in whatever order


@dataclass(frozen=True)
class Node:
    """A span of a trace: its number, its parent's (0 is none), whether it is a call, the tokens that it says it used, whether it failed."""

    trace: int
    own: int
    parent: int
    billable: bool
    usage: int
    failed: bool

    def span(self) -> Span:
        usage: Mapping[str, Value] = {INPUT: self.usage, OUTPUT: None} if self.usage else NO_USAGE
        error: Mapping[str, Value] = {"error.type": "RateLimitError"} if self.failed else {}
        one = at(self.own, self.parent, {**usage, **error}, trace=self.trace, status=failed() if self.failed else None)
        if not self.billable:
            del one.attributes[:]
        return one


def oracle(forest: Sequence[Node]) -> set[int]:
    """Who bills, from the rules."""
    nodes = {node.own: node for node in forest}
    above: dict[int, list[Node]] = {}
    for node in forest:
        chain: list[Node] = []
        up = node
        while len(chain) < LEVELS and up.parent in nodes:
            up = nodes[up.parent]
            chain.append(up)
        above[node.own] = chain
    below = {node.own: [other for other in forest if other.billable and node in above[other.own]] for node in forest}
    carries = {
        node.own
        for node in forest
        if node.billable and node.usage and not any(other.usage for other in below[node.own])
    }

    def bills(node: Node) -> bool:
        if not node.billable or (below[node.own] and node.own not in carries):
            return False
        idle = not node.usage and not node.failed
        return not (idle and any(other.own in carries for other in above[node.own]))

    return {node.own for node in forest if bills(node)}


@st.composite
def forests(draw: st.DrawFn) -> list[Node]:
    """Spans of some traces, up to six levels deep; a span's number is that of its trace and its own."""
    forest: list[Node] = []
    for trace in range(1, 41):
        depth = {0: 0}
        first = trace * 100
        for own in range(first, first + draw(st.integers(2, 10))):
            possible = [other for other in depth if depth[other] < 6]
            parent = draw(st.sampled_from([*possible, *[possible[-1]] * 5]))  # rather deep than broad
            depth[own] = depth[parent] + 1
            billable, says, fails = draw(
                st.tuples(st.sampled_from([True, True, False]), st.booleans(), st.integers(0, 3))
            )
            forest.append(Node(trace, own, parent, billable, 1000 + own if billable and says else 0, fails == 0))
    return forest


anything = settings(
    max_examples=3,  # of 40 traces each; the first is the simplest that there is
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


def clean(desk: Desk) -> None:
    for table in ("ledger", "spans"):
        desk.pipeline.client.command(f"TRUNCATE TABLE spanledger.{table}")


def agreed(desk: Desk, forest: Sequence[Node]) -> None:
    owners = oracle(forest)
    assert desk.billed() == hexed(*owners)
    assert desk.cost() == sum((cost_of(node.usage, 0) for node in forest if node.own in owners), Decimal(0))


@anything
@given(forest=forests())
def test_at_insert_the_spans_of_one_request_are_billed_by_the_rules(desk: Desk, forest: list[Node]) -> None:
    clean(desk)
    desk.post(sent(*(node.span() for node in forest)))
    agreed(desk, forest)


@anything
@given(forest=forests(), seed=st.integers(0, 2**32))
def test_in_whatever_order_and_however_often_spans_arrive_the_ledger_agrees_with_the_rules(
    desk: Desk, forest: list[Node], seed: int
) -> None:
    clean(desk)
    draw = random.Random(seed)
    deliveries = [*forest, *draw.sample(forest, draw.randrange(len(forest)))]
    draw.shuffle(deliveries)
    while deliveries:
        segment, deliveries = deliveries[: (cut := draw.randrange(1, 150))], deliveries[cut:]
        middle = draw.randrange(len(segment) + 1)
        desk.post(*(sent(*(node.span() for node in part)) for part in (segment[:middle], segment[middle:]) if part))
        if draw.random() < 0.4:
            desk.tidy()
        if draw.random() < 0.2:  # a run of corrections that dies half-way is settled and made anew
            first = desk.tidied + 1
            half = desk.pipeline.segments + 1
            desk.pipeline.segments = half
            desk.corrections.post_nested(half, NOW + timedelta(hours=1), range(first, half))
            desk.pipeline.client.command(
                f"DELETE FROM spanledger.ledger WHERE segment = {half} AND cityHash64(span_id) % 2"
            )
            desk.pipeline.store.settle(half)
    desk.tidy()
    agreed(desk, forest)
    assert desk.correct(range(1, desk.pipeline.segments + 1)) == 0


# -- a mixed day

Recording = Callable[[int, int], Mapping[str, Value]]
"""The attributes that a dialect gives a call of these tokens in and out."""


def genai(into: int, out: int) -> Mapping[str, Value]:
    return {INPUT: into, OUTPUT: out}


DIALECTS: Mapping[str, Recording] = {
    "framework.scope": genai,
    "scope.one": genai,
    "scope.two": genai,
    "scope.three": genai,
}
"""Scope to recording, the outermost first."""


def test_a_mixed_day_is_billed_once(desk: Desk) -> None:
    draw = random.Random(11)
    expected, arriving = Decimal(0), []
    for trace in range(1, 121):
        into, out, begin = draw.randrange(1, 50_000), draw.randrange(1, 5_000), draw.random() * 20
        expected += cost_of(into, out)
        for level, (scope, recording) in enumerate(DIALECTS.items()):
            own = trace * 10 + level
            one = at(
                own, own - 1 if level else 0, {**recording(into, out), **ANSWER}, begin, begin + 5 - level / 10, trace
            )
            arriving.append(resource(one, scope=scope))
    draw.shuffle(arriving)
    while arriving:
        size = draw.randrange(1, 160)
        desk.post(*(request(*arriving[start : start + 9]) for start in range(0, min(size, len(arriving)), 9)))
        arriving = arriving[-(-min(size, len(arriving)) // 9) * 9 :]
        if draw.random() < 0.3:
            desk.tidy()
    desk.tidy()
    assert desk.cost() == expected
    assert set(desk.billed().values()) == {1}
    assert len(desk.billed()) == 120
