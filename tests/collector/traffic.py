"""Requests as apps send them, and what each has to come to in the ledger."""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from spanledger_collector.envelope import Envelope, digest
from spanledger_collector.wire import Signal

INPUT_TOKENS, OUTPUT_TOKENS = 1_000, 100
# gpt-4o by the price book: 2.50 and 10 dollars a million tokens
CALL_COSTS = Decimal("2.5") * INPUT_TOKENS / 10**6 + Decimal(10) * OUTPUT_TOKENS / 10**6
_ids = itertools.count(1)


def call(number: int | None = None, start_ns: int | None = None, **attributes: str | int | float) -> Span:
    """A chat call that took a second. Calls of one `number` are one call; without one, each is another."""
    number = next(_ids) if number is None else number
    start = time.time_ns() if start_ns is None else start_ns
    given: Mapping[str, str | int | float] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": INPUT_TOKENS,
        "gen_ai.usage.output_tokens": OUTPUT_TOKENS,
        **{name.replace("__", "."): value for name, value in attributes.items()},
    }
    return Span(
        trace_id=(number + 1).to_bytes(16),
        span_id=(number + 1).to_bytes(8),
        name="chat gpt-4o",
        start_time_unix_nano=start,
        end_time_unix_nano=start + 10**9,
        attributes=[_attribute(name, value) for name, value in given.items()],
    )


def calls(count: int) -> list[Span]:
    return [call() for _ in range(count)]


def request(spans: Iterable[Span], service: str = "web", **resource: str | int) -> bytes:
    """The body of an export."""
    message = ExportTraceServiceRequest()
    spans_of_resource = message.resource_spans.add()
    attributes = {"service.name": service} | {name.replace("__", "."): value for name, value in resource.items()}
    spans_of_resource.resource.attributes.extend(_attribute(name, value) for name, value in attributes.items())
    spans_of_resource.scope_spans.add().spans.extend(spans)
    return bytes(message.SerializeToString())


def as_json(body: bytes) -> bytes:
    """The body of the same export, as OTLP has it in JSON."""
    plain = json_format.MessageToDict(ExportTraceServiceRequest.FromString(body), use_integers_for_enums=True)
    for scope in (scope for resource in plain["resourceSpans"] for scope in resource["scopeSpans"]):
        for span in scope["spans"]:
            for part in (span, *span.get("links", ())):
                ids = part.keys() & {"traceId", "spanId", "parentSpanId"}
                part |= {name: base64.b64decode(part[name]).hex() for name in ids}
    return json.dumps(plain, separators=(",", ":")).encode()


def log_request(records: int) -> bytes:
    """The body of an export of so many log records."""
    message = ExportLogsServiceRequest()
    message.resource_logs.add().scope_logs.add().log_records.extend(
        [LogRecord(body=AnyValue(string_value="hi"))] * records
    )
    return bytes(message.SerializeToString())


def metric_request(points: int) -> bytes:
    """The body of an export of one gauge with so many data points."""
    message = ExportMetricsServiceRequest()
    gauge = Gauge(data_points=[NumberDataPoint(as_int=1)] * points)
    message.resource_metrics.add().scope_metrics.add().metrics.append(Metric(name="queue", gauge=gauge))
    return bytes(message.SerializeToString())


def poison() -> bytes:
    """A body that is protobuf, yet no store can read: a span's name as a number, a field of a known number and another type."""
    span = call().SerializeToString() + b"\x28\x07"
    scope = b"\x12" + _varint(len(span)) + span
    resource = b"\x12" + _varint(len(scope)) + scope
    return b"\x0a" + _varint(len(resource)) + resource


def envelope(
    body: bytes, project: str = "default", received_at: int | None = None, signal: Signal = Signal.TRACES
) -> Envelope:
    """A request as the door wraps it."""
    at = time.time_ns() if received_at is None else received_at
    return Envelope(project, at, digest(project, body, signal), body, signal)


def _attribute(name: str, value: str | int | float) -> KeyValue:
    if isinstance(value, str):
        return KeyValue(key=name, value=AnyValue(string_value=value))
    if isinstance(value, int):
        return KeyValue(key=name, value=AnyValue(int_value=value))
    return KeyValue(key=name, value=AnyValue(double_value=value))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))
