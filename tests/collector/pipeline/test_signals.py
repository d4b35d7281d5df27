"""Logs and metrics: what is of GenAI is kept less its content, what is malformed is refused, and all of it is counted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from collector.pipeline.otlp import DAY, NOW, NOW_NS, SECOND, Pipeline, Posted, Row, Value, call, request, resource
from collector.pipeline.signals import TOKENS, counter, gauge, histogram, histogram_point, log, logs, metrics, number
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Metric,
    Summary,
    SummaryDataPoint,
)
from spanledger_collector.envelope import Envelope, digest
from spanledger_collector.wire import Signal

Buckets = ExponentialHistogramDataPoint.Buckets
GOLDEN = Path(__file__).parents[2] / "golden"
SERVICE = {"service.name": "web", "deployment.environment.name": "production", "host.name": "a"}
TRACE_ID, SPAN_ID = bytes(range(1, 17)).hex(), bytes(range(1, 9)).hex()
RECEIVED = NOW.replace(tzinfo=None)
BEFORE = RECEIVED - timedelta(seconds=1)
"""When what a test does not date otherwise happened; in UTC, as rows have it."""


def post_logs(pipeline: Pipeline, *records: LogRecord, **of_resource: Any) -> Posted:
    return pipeline.post(logs(*records, **of_resource), signal=Signal.LOGS)


def post_metrics(pipeline: Pipeline, *of_scope: Metric, **of_resource: Any) -> Posted:
    return pipeline.post(metrics(*of_scope, **of_resource), signal=Signal.METRICS)


def holds(row: Row, expected: Row) -> None:
    assert {name: row[name] for name in expected} == expected


def accounted(posted: Posted) -> dict[str, int]:
    """What became of each log record or data point that was accepted."""
    [delivery] = posted.rows("deliveries")
    return {
        "accepted": delivery["log_records"] + delivery["metric_points"],
        "stored": len(posted.rows("gen_ai_events")) + len(posted.rows("gen_ai_metrics")),
        "rejected": len(posted.rows("rejected")),
        "not kept": sum(row["items"] for row in posted.rows("not_kept")),
    }


# -- log events


def test_a_gen_ai_event_is_a_row_that_names_its_span(pipeline: Pipeline) -> None:
    record = log({"gen_ai.system": "openai", "n": 3}, event_name="gen_ai.choice", severity_number=9, flags=1)

    [row] = post_logs(pipeline, record, values=SERVICE, scope="lib", scope_values={"a": "b"}).rows("gen_ai_events")

    holds(row, {
        "project": "default", "timestamp": BEFORE, "trace_id": TRACE_ID, "span_id": SPAN_ID, "flags": 1,
        "name": "gen_ai.choice", "service_name": "web", "environment": "production", "scope_name": "lib",
        "severity": "INFO", "severity_number": 9, "attributes": {"gen_ai.system": "openai", "n": "3"},
        "attribute_types": ["string", "int"], "resource_attributes": SERVICE, "scope_attributes": {"a": "b"}, "body": {},
        "received_at": RECEIVED,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("record", "name"),
    [
        (log(event_name="gen_ai.user.message"), "gen_ai.user.message"),
        (log({"event.name": "gen_ai.user.message"}), "gen_ai.user.message"),
        (log({"gen_ai.request.model": "gpt-4o"}), ""),
        (log({"gen_ai.request.model": "gpt-4o"}, event_name="session.start"), "session.start"),
    ],
)
def test_an_event_is_of_gen_ai_by_its_name_or_by_what_it_says(pipeline: Pipeline, record: LogRecord, name: str) -> None:
    [row] = post_logs(pipeline, record).rows("gen_ai_events")

    assert row["name"] == name


def test_of_an_events_body_and_attributes_no_content_is_kept(pipeline: Pipeline) -> None:
    secret: dict[str, Value] = {"role": "assistant", "content": "secret"}
    body: dict[str, Value] = {"finish_reason": "stop", "index": 0, "message": secret, "content": "secret"}
    record = log({"gen_ai.input.messages": "secret", "gen_ai.prompt.variable.q": "secret", "a": "b"}, body=body)

    [row] = post_logs(pipeline, record, log({"gen_ai.system": "x"}, body="secret")).rows("gen_ai_events")[:1]

    holds(row, {"attributes": {"a": "b"}, "body": {"finish_reason": "stop", "index": "0"}})
    everything = pipeline.ask("SELECT toString(tuple(*)) AS all FROM spanledger.gen_ai_events")
    assert not [row for row in everything if "secret" in row["all"]]


def test_a_record_without_a_time_of_its_own_has_that_of_its_observation_and_no_ids_are_none(pipeline: Pipeline) -> None:
    record = log(event_name="gen_ai.choice", time_unix_nano=0, trace_id=bytes(16), span_id=b"")

    [row] = post_logs(pipeline, record).rows("gen_ai_events")

    holds(row, {"timestamp": RECEIVED, "trace_id": "", "span_id": ""})


@pytest.mark.parametrize(
    ("number", "text", "severity"),
    [(0, "", ""), (1, "", "TRACE"), (13, "", "WARN"), (24, "", "FATAL"), (99, "", "FATAL"), (9, "NOTICE", "NOTICE")],
)
def test_severities_read_as_words(pipeline: Pipeline, number: int, text: str, severity: str) -> None:
    record = log(event_name="gen_ai.choice", severity_number=number, severity_text=text)

    [row] = post_logs(pipeline, record).rows("gen_ai_events")

    assert row["severity"] == severity


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trace_id": b"short"}, "invalid_trace_id"),
        ({"span_id": b"\1" * 20}, "invalid_span_id"),
        ({"time_unix_nano": 0, "observed_time_unix_nano": 0}, "missing_time"),
        ({"time_unix_nano": NOW_NS - 732 * DAY}, "time_too_old"),
        ({"time_unix_nano": 2**64 - 1}, "time_in_future"),
    ],
)
def test_a_malformed_record_is_refused_with_its_reason_and_its_neighbours_are_kept(
    pipeline: Pipeline, fields: dict[str, Any], reason: str
) -> None:
    bad = log({"gen_ai.prompt": "secret", "a": "b"}, event_name="gen_ai.choice", **fields)

    posted = post_logs(pipeline, log(event_name="gen_ai.choice"), bad, log({"plain": 1}), values=SERVICE)

    [row] = posted.rows("rejected")
    holds(
        row,
        {"signal": "logs", "reason": reason, "name": "gen_ai.choice", "service_name": "web", "attributes": {"a": "b"}},
    )
    assert accounted(posted) == {"accepted": 3, "stored": 1, "rejected": 1, "not kept": 1}


def test_other_logs_are_acknowledged_and_counted_by_who_wrote_them(pipeline: Pipeline) -> None:
    app_logs = [log({"code.line": n}, body="secret", trace_id=b"short") for n in range(5)]

    posted = post_logs(pipeline, *app_logs, values=SERVICE, scope="app.views")

    [row] = posted.rows("not_kept")
    holds(row, {"signal": "logs", "service_name": "web", "name": "app.views", "items": 5, "received_at": RECEIVED})
    assert accounted(posted) == {"accepted": 5, "stored": 0, "rejected": 0, "not kept": 5}


def test_what_is_no_text_in_a_record_takes_nothing_else_with_it(pipeline: Pipeline) -> None:
    body = logs(log({"k": "AAAA"}, event_name="gen_ai.BBBB"), log(event_name="gen_ai.choice"))

    posted = pipeline.post(body.replace(b"AAAA", b"\xff\xfe\xfd\xfc").replace(b"BBBB", b"\xff" * 4), signal=Signal.LOGS)

    assert accounted(posted)["stored"] == 2


def test_an_evaluation_is_read_with_its_score_and_its_label(pipeline: Pipeline) -> None:
    said: dict[str, Value] = {
        "gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": 0.75, "gen_ai.evaluation.score.label": "good",
        "gen_ai.evaluation.explanation": "secret", "gen_ai.response.id": "r-1",
    }  # fmt: skip
    record = log(said, event_name="gen_ai.evaluation.result", trace_id=b"\x77" * 16)
    post_logs(pipeline, record)

    [row] = [
        row
        for row in pipeline.ask("SELECT * FROM spanledger.evaluations(from='2026-11-02', to='2026-11-03', project='')")
        if row["trace_id"] == "77" * 16
    ]

    holds(row, {"evaluation": "relevance", "score": 0.75, "label": "good", "response_id": "r-1", "span_id": SPAN_ID})


def test_the_events_of_a_trace_are_shown_beside_its_spans(pipeline: Pipeline) -> None:
    ids = {"trace_id": b"\x31" * 16, "span_id": b"\x32" * 8}
    pipeline.post_spans(call(**ids))
    late, early = (log(event_name=f"gen_ai.{n}", time_unix_nano=NOW_NS - n * SECOND, **ids) for n in (1, 2))
    post_logs(pipeline, late, early)

    events = pipeline.ask(f"SELECT name, span_id FROM spanledger.trace_events(trace_id='{'31' * 16}', project='')")
    spans = pipeline.ask(f"SELECT span_id FROM spanledger.trace(trace_id='{'31' * 16}', project='')")

    assert [row["name"] for row in events] == ["gen_ai.2", "gen_ai.1"]
    assert {row["span_id"] for row in events} == {row["span_id"] for row in spans} == {"32" * 8}


# -- metrics


def test_a_histogram_is_kept_with_its_buckets(pipeline: Pipeline) -> None:
    point = histogram_point(
        {"gen_ai.token.type": "input"},
        count=6, sum=300.5, min=1, max=200, explicit_bounds=[1, 10], bucket_counts=[1, 2, 3],
    )  # fmt: skip

    [row] = post_metrics(pipeline, histogram(TOKENS, point), values=SERVICE).rows("gen_ai_metrics")

    holds(row, {
        "timestamp": BEFORE, "start_time": BEFORE - timedelta(seconds=1), "name": TOKENS, "unit": "{token}",
        "type": "histogram", "temporality": "delta", "count": 6, "sum": 300.5, "min": 1, "max": 200, "bounds": [1, 10],
        "bucket_counts": [1, 2, 3], "value": None, "service_name": "web", "environment": "production",
        "scope_name": "a.meter", "attributes": {"gen_ai.token.type": "input"}, "resource_attributes": SERVICE,
        "received_at": RECEIVED,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("given", "value"), [({"as_int": 7}, 7), ({"as_double": 0.0}, 0), ({"as_int": -1}, -1), ({}, None)]
)
def test_a_number_is_kept_and_none_is_told_from_zero(
    pipeline: Pipeline, given: dict[str, Any], value: float | None
) -> None:
    point = number(**given)

    posted = post_metrics(pipeline, counter("gen_ai.a", point), gauge("gen_ai.b", point))

    rows = {row["name"]: row for row in posted.rows("gen_ai_metrics")}
    holds(
        rows["gen_ai.a"], {"type": "sum", "temporality": "cumulative", "monotonic": True, "value": value, "count": None}
    )
    holds(
        rows["gen_ai.b"],
        {"type": "gauge", "temporality": "unspecified", "monotonic": False, "value": value, "sum": None},
    )


def test_exponential_histograms_and_summaries_are_kept_whole(pipeline: Pipeline) -> None:
    exponential = ExponentialHistogramDataPoint(
        time_unix_nano=NOW_NS - SECOND, count=9, sum=12.5, scale=-2, zero_count=1, zero_threshold=0.5,
        positive=Buckets(offset=-3, bucket_counts=[1, 0, 4]), negative=Buckets(offset=2, bucket_counts=[3]),
    )  # fmt: skip
    summary = SummaryDataPoint(
        time_unix_nano=NOW_NS - SECOND,
        count=2,
        sum=3,
        quantile_values=[SummaryDataPoint.ValueAtQuantile(quantile=0.5, value=1.5)],
    )

    posted = post_metrics(
        pipeline,
        Metric(name="gen_ai.e", exponential_histogram=ExponentialHistogram(data_points=[exponential])),
        Metric(name="gen_ai.s", summary=Summary(data_points=[summary])),
    )

    rows = {row["name"]: row for row in posted.rows("gen_ai_metrics")}
    holds(rows["gen_ai.e"], {"type": "exponential_histogram", "count": 9, "sum": 12.5, "exponential": {
        "scale": -2, "zero_count": 1, "zero_threshold": 0.5, "positive_offset": -3, "positive_counts": [1, 0, 4],
        "negative_offset": 2, "negative_counts": [3],
    }})  # fmt: skip
    holds(rows["gen_ai.s"], {"type": "summary", "count": 2, "sum": 3, "quantiles": [{"quantile": 0.5, "value": 1.5}]})


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"bucket_counts": [1, 2], "explicit_bounds": [1.0, 2.0]}, "buckets_do_not_match"),
        ({"time_unix_nano": 0}, "missing_time"),
        ({"time_unix_nano": NOW_NS - 732 * DAY}, "time_too_old"),
        ({"time_unix_nano": 2**64 - 1}, "time_in_future"),
    ],
)
def test_a_malformed_point_is_refused_with_its_reason_and_its_neighbours_are_kept(
    pipeline: Pipeline, fields: dict[str, Any], reason: str
) -> None:
    bad, good = histogram_point({"a": "b", "gen_ai.prompt": "secret"}, **fields), histogram_point(count=1)

    posted = post_metrics(pipeline, histogram(TOKENS, good, bad), gauge("process.cpu", number(as_int=1), number()))

    [row] = posted.rows("rejected")
    holds(row, {"signal": "metrics", "reason": reason, "name": TOKENS, "attributes": {"a": "b"}})
    assert accounted(posted) == {"accepted": 4, "stored": 1, "rejected": 1, "not kept": 2}


def test_other_metrics_are_acknowledged_and_counted_by_who_measured_them(pipeline: Pipeline) -> None:
    posted = post_metrics(pipeline, gauge("process.cpu", number(as_int=1)), values=SERVICE, scope="runtime")

    [row] = posted.rows("not_kept")
    holds(row, {"signal": "metrics", "service_name": "web", "name": "runtime", "items": 1})


def test_metrics_are_never_billed(pipeline: Pipeline) -> None:
    point = histogram_point({"gen_ai.request.model": "model-1", "gen_ai.operation.name": "chat"}, count=1, sum=1000)

    posted = post_metrics(pipeline, histogram(TOKENS, point))

    assert posted.counts == {"spans": 0, "ledger": 0, "rejected": 0, "deliveries": 1}


# -- all together


def test_the_signals_of_one_segment_are_each_posted_where_they_belong(pipeline: Pipeline) -> None:
    bodies = {
        Signal.TRACES: request(resource(call())),
        Signal.LOGS: logs(log(event_name="gen_ai.choice")),
        Signal.METRICS: metrics(histogram(TOKENS, histogram_point(count=1))),
    }

    posted = pipeline.post_envelopes(
        *(Envelope("web", NOW_NS, digest("web", body, signal), body, signal) for signal, body in bodies.items())
    )

    tables = ("spans", "ledger", "gen_ai_events", "gen_ai_metrics", "not_kept", "rejected")
    assert [len(posted.rows(table)) for table in tables] == [1, 1, 1, 1, 0, 0]
    counted = sorted((row["spans"], row["log_records"], row["metric_points"]) for row in posted.rows("deliveries"))
    assert counted == [(0, 0, 1), (0, 1, 0), (1, 0, 0)]


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.logs.pb")), ids=lambda path: path.name.partition(".")[0])
def test_recorded_logs_are_kept_and_joined_to_recorded_spans(pipeline: Pipeline, path: Path) -> None:
    body = path.read_bytes()
    [sent] = ExportLogsServiceRequest.FromString(body).resource_logs
    records = [record for scope in sent.scope_logs for record in scope.log_records]
    at = max(record.observed_time_unix_nano for record in records)

    posted = pipeline.post(body, signal=Signal.LOGS, received_at=at)

    rows = posted.rows("gen_ai_events")
    assert sorted(row["name"] for row in rows) == sorted(record.event_name for record in records)
    assert {row["service_name"] for row in rows} == {"sample-app"}
    spans = pipeline.post((GOLDEN / path.name.replace(".logs.", ".otlp.")).read_bytes(), received_at=at).rows("spans")
    known = {(row["trace_id"], row["span_id"]) for row in spans}
    assert {(row["trace_id"], row["span_id"]) for row in rows if row["trace_id"]} <= known
    assert [row for row in rows if row["trace_id"]]
    assert "terse" not in str(pipeline.ask("SELECT toString(tuple(*)) AS all FROM spanledger.gen_ai_events"))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.metrics.pb")), ids=lambda path: path.name.partition(".")[0])
def test_of_recorded_metrics_the_sums_are_those_that_were_recorded(pipeline: Pipeline, path: Path) -> None:
    body = path.read_bytes()
    [sent] = ExportMetricsServiceRequest.FromString(body).resource_metrics
    named = [metric for scope in sent.scope_metrics for metric in scope.metrics]

    posted = pipeline.post(body, signal=Signal.METRICS, received_at=NOW_NS + 30 * DAY)

    recorded = sorted(
        (metric.name, point.sum, point.count)
        for metric in named
        for point in metric.histogram.data_points
        if metric.name.startswith("gen_ai.")
    )
    rows = [row for row in posted.rows("gen_ai_metrics") if row["type"] == "histogram"]
    assert sorted((row["name"], row["sum"], row["count"]) for row in rows) == recorded != []
    account = accounted(posted)
    assert account["accepted"] == account["stored"] + account["not kept"]
