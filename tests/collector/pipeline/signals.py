"""Requests of logs and metrics as OTLP clients send them, built in a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collector.pipeline.otlp import NOW_NS, SECOND, Value, any_value, attributes
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)

DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
TOKENS = "gen_ai.client.token.usage"


def log(values: Mapping[str, Value] | None = None, /, body: Value = None, **fields: Any) -> LogRecord:
    """A log record of a second before NOW, of the span that `otlp.span` builds."""
    record = LogRecord(
        **{
            "trace_id": bytes(range(1, 17)),
            "span_id": bytes(range(1, 9)),
            "time_unix_nano": NOW_NS - SECOND,
            "observed_time_unix_nano": NOW_NS,
            "attributes": attributes(values or {}),
            **fields,
        }
    )
    if body is not None:
        record.body.CopyFrom(any_value(body))
    return record


def logs(
    *records: LogRecord,
    values: Mapping[str, Value] | None = None,
    scope: str = "a.scope",
    scope_values: Mapping[str, Value] | None = None,
) -> bytes:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.extend(attributes(values or {}))
    in_scope = resource.scope_logs.add(log_records=records)
    in_scope.scope.name = scope
    in_scope.scope.attributes.extend(attributes(scope_values or {}))
    return bytes(request.SerializeToString())


def _times(values: Mapping[str, Value] | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    times = {"start_time_unix_nano": NOW_NS - 2 * SECOND, "time_unix_nano": NOW_NS - SECOND}
    return {**times, "attributes": attributes(values or {}), **fields}


def number(values: Mapping[str, Value] | None = None, /, **fields: Any) -> NumberDataPoint:
    return NumberDataPoint(**_times(values, fields))


def histogram_point(values: Mapping[str, Value] | None = None, /, **fields: Any) -> HistogramDataPoint:
    return HistogramDataPoint(**_times(values, fields))


def gauge(name: str, *points: NumberDataPoint, unit: str = "1") -> Metric:
    return Metric(name=name, unit=unit, gauge=Gauge(data_points=points))


def counter(name: str, *points: NumberDataPoint, unit: str = "1") -> Metric:
    return Metric(
        name=name, unit=unit, sum=Sum(data_points=points, aggregation_temporality=CUMULATIVE, is_monotonic=True)
    )


def histogram(name: str, *points: HistogramDataPoint, unit: str = "{token}") -> Metric:
    return Metric(name=name, unit=unit, histogram=Histogram(data_points=points, aggregation_temporality=DELTA))


def metrics(*of_scope: Metric, values: Mapping[str, Value] | None = None, scope: str = "a.meter") -> bytes:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.extend(attributes(values or {}))
    resource.scope_metrics.add(metrics=of_scope).scope.name = scope
    return bytes(request.SerializeToString())
