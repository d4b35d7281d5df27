"""The history: the same every time, with the seasons and incidents of its world, in the shape of live spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from statistics import fmean, median

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from spanledger_demo import history, past
from spanledger_demo.past import PastCall
from spanledger_demo.spans import cost_usd

NOW = datetime(2026, 11, 23, 20, 17, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def month() -> list[PastCall]:
    return list(past.calls(calls=40_000, now=NOW, seed=3))


def spans_of(bodies: Iterable[bytes]) -> list[Span]:
    requests = map(ExportTraceServiceRequest.FromString, bodies)
    return [span for r in requests for rs in r.resource_spans for ss in rs.scope_spans for span in ss.spans]


def during(month: list[PastCall], age: float, hours: float, of: Callable[[PastCall], bool]) -> list[PastCall]:
    """The calls of the `hours` that begin so many days before today, without the first slot, in which things change."""
    begin = (MIDNIGHT - timedelta(days=age)).timestamp() * 1e9
    end = begin + hours * 3600e9
    return [call for call in month if begin + past.SLOT_S * 1e9 <= call.start_ns < end and of(call)]


def test_the_same_arguments_give_the_same_bytes() -> None:
    bodies = [b"".join(history.bodies(calls=2_000, days=3, now=NOW, seed=seed)) for seed in (1, 1, 2)]
    assert bodies[0] == bodies[1] != bodies[2]


def test_the_bodies_hold_every_call_once_with_what_it_used_and_cost() -> None:
    calls = list(past.calls(calls=3_000, days=5, now=NOW, seed=1))
    spans = spans_of(history.bodies(calls=3_000, days=5, now=NOW, seed=1))

    by_id = {span.span_id: span for span in spans}
    assert len(by_id) == len(spans) == len(calls) + sum(call.root is not None for call in calls)
    for call in calls:
        span = by_id[call.span_id]
        values = {a.key: a.value for a in span.attributes}
        assert len(values) == len(span.attributes), "an attribute is set twice"
        assert (span.trace_id, span.parent_span_id) == (call.trace_id, call.parent_id)
        assert (span.start_time_unix_nano, span.end_time_unix_nano) == (call.start_ns, call.end_ns)
        assert values["spanledger.feature"].string_value == call.feature.name
        assert values["gen_ai.usage.input_tokens"].int_value == call.usage.input if call.status == 200 else True
        output = values.get("gen_ai.usage.output_tokens")
        assert (output.int_value if output else 0) == call.usage.output
        cost = cost_usd(call.model.snapshot, call.usage, call.start_ns)
        if "gen_ai.usage.cost.amount" in values:
            assert values["gen_ai.usage.cost.amount"].double_value == cost
        else:
            assert cost is None or cost == 0
        assert span.end_time_unix_nano <= NOW.timestamp() * 1e9


def test_a_call_within_a_request_of_the_service_lies_within_its_span() -> None:
    spans = spans_of(history.bodies(calls=3_000, days=5, now=NOW, seed=1))
    by_id = {span.span_id: span for span in spans}
    children = [span for span in spans if span.parent_span_id]

    assert 0.3 < len(children) / len(spans) < 0.5
    for child in children:
        root = by_id[child.parent_span_id]
        assert root.kind == Span.SPAN_KIND_SERVER and root.name.startswith("POST /")
        assert root.start_time_unix_nano <= child.start_time_unix_nano
        assert child.end_time_unix_nano <= root.end_time_unix_nano


def test_each_process_numbers_its_requests_without_a_gap() -> None:
    sequences: dict[str, list[int]] = {}
    for body in history.bodies(calls=10_000, days=5, now=NOW, seed=1):
        [resource_spans] = ExportTraceServiceRequest.FromString(body).resource_spans
        values = {a.key: a.value for a in resource_spans.resource.attributes}
        assert values["spanledger.export.dropped"].int_value == 0
        process = values["spanledger.export.process"].string_value
        sequences.setdefault(process, []).append(values["spanledger.export.sequence"].int_value)
    assert len(sequences) > 6
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in sequences.values())


def test_about_as_many_calls_and_bodies_come_as_were_asked_for(month: list[PastCall]) -> None:
    assert len(month) == pytest.approx(40_000, rel=0.03)
    bodies = sum(1 for _ in history.bodies(calls=40_000, now=NOW, seed=3))
    assert bodies == pytest.approx(history.expected_bodies(40_000), abs=15)


def test_calls_begin_in_order_over_the_whole_month(month: list[PastCall]) -> None:
    firsts = [call.start_ns for call in month if not call.parent_id]
    assert all(one <= other for one, other in pairwise(firsts))
    assert datetime.fromtimestamp(firsts[0] / 1e9, UTC) == pytest.approx(
        NOW - timedelta(days=30), abs=timedelta(hours=3)
    )
    assert datetime.fromtimestamp(firsts[-1] / 1e9, UTC) == pytest.approx(NOW, abs=timedelta(hours=1))


def test_traffic_has_days_weeks_and_growth(month: list[PastCall]) -> None:
    office = [datetime.fromtimestamp(c.start_ns / 1e9, UTC) for c in month if not c.feature.nightly]
    hours = Counter(time.hour for time in office)
    assert hours[14] > 5 * hours[2]
    weekdays, weekends = (
        Counter(t.date() for t in office if t.weekday() < 5),
        Counter(t.date() for t in office if t.weekday() > 4),
    )
    assert median(weekdays.values()) > 2 * median(weekends.values())
    days = [count for _, count in sorted(weekdays.items())][1:-1]
    assert fmean(days[-5:]) > 1.15 * fmean(days[:5])
    nightly = Counter(datetime.fromtimestamp(c.start_ns / 1e9, UTC).hour for c in month if c.feature.nightly)
    assert sum(nightly[hour] for hour in range(6)) > 0.8 * sum(nightly.values())


def test_every_incident_can_be_seen(month: list[PastCall]) -> None:
    def failed(calls: list[PastCall], *statuses: int) -> float:
        return sum(call.status in statuses for call in calls) / len(calls)

    outage = during(month, 9 - 14.2 / 24, 40 / 60, lambda c: c.model.provider == "anthropic")
    assert failed(outage, 529) > 0.6
    storm = during(month, 16 - 2 / 24, 1, lambda c: c.feature.service == "batch-jobs")
    assert failed(storm, 429) > 0.35
    assert failed(month, 400, 408, 429, 500, 529) < 0.03

    def first(calls: list[PastCall]) -> float:
        return median(call.first_token_ns for call in calls if call.first_token_ns)

    chats = [call for call in month if call.model.name == "gpt-4o-mini"]
    assert first(during(chats, 6 - 10 / 24, 5, lambda c: True)) > 2.5 * first(chats)

    def cached(calls: list[PastCall]) -> float:
        return sum(call.usage.cache_read for call in calls) / sum(call.usage.input for call in calls)

    answers = [call for call in month if call.feature.name == "answer-customer" and call.status == 200]
    collapse = during(answers, 12 - 9 / 24, 48, lambda c: True)
    assert cached(collapse) < 0.1 < 0.35 < cached(answers)
    assert {call.prompt_version for call in collapse} == {"v7"}

    def price(calls: list[PastCall]) -> float:
        return fmean(cost_usd(call.model.snapshot, call.usage, call.start_ns) or 0 for call in calls)

    reviews = [call for call in month if call.feature.name == "review-contract" and call.status == 200]
    spike = during(reviews, 4 - 8 / 24, 36, lambda c: True)
    assert price(spike) > 2 * price([call for call in reviews if call.prompt_version == "v3"])
    assert {call.prompt_version for call in spike} == {"v4"}


def test_a_small_share_of_the_calls_has_no_price(month: list[PastCall]) -> None:
    unpriced = [c for c in month if cost_usd(c.model.snapshot, c.usage, c.start_ns) is None]
    assert {call.model.name for call in unpriced} == {"northwind-support-8b"}
    assert 0.002 < len(unpriced) / len(month) < 0.01


def test_many_are_served(month: list[PastCall]) -> None:
    assert len({call.feature.service for call in month}) >= 5
    assert len({call.feature.team for call in month}) >= 5
    assert 25 <= len({call.customer for call in month} - {""}) <= 40
    assert {call.environment for call in month} == {"production", "staging"}
    assert len({call.session for call in month}) > 1_000


def test_a_beginning_can_be_had_without_the_whole() -> None:
    assert len(list(islice(history.bodies(now=NOW), 2))) == 2
