"""OTLP on the wire: is a body a request of its signal? The only file that knows protobuf's Python library."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from spanledger_collector.errors import RefusedError


class Signal(StrEnum):
    """What an OTLP request carries; its value is the last part of its path."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"


OTLP: dict[Signal, Any] = {
    Signal.TRACES: trace_service_pb2.ExportTraceServiceRequest,
    Signal.LOGS: logs_service_pb2.ExportLogsServiceRequest,
    Signal.METRICS: metrics_service_pb2.ExportMetricsServiceRequest,
}
"""The request of each signal, as OTLP has it."""


def _lenient_requests() -> dict[Signal, type[Any]]:
    """OTLP's own requests, with every string read as bytes: one string that is not UTF-8 must not fail its neighbours."""
    pool = descriptor_pool.DescriptorPool()
    for module in (
        common_pb2, resource_pb2, trace_pb2, trace_service_pb2, logs_pb2, logs_service_pb2, metrics_pb2, metrics_service_pb2,
    ):  # fmt: skip
        file = descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
        pending: list[Any] = list(file.message_type)
        while pending:
            kind = pending.pop()
            pending += kind.nested_type
            for field in kind.field:
                if field.type == descriptor_pb2.FieldDescriptorProto.TYPE_STRING:
                    field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
        pool.Add(file)
    return {
        signal: message_factory.GetMessageClass(pool.FindMessageTypeByName(request.DESCRIPTOR.full_name))
        for signal, request in OTLP.items()
    }


_REQUESTS = _lenient_requests()


def check(signal: Signal, body: bytes) -> Any:
    """The request that `body` is, its strings as bytes. Raises RefusedError (400) where it is no request of `signal`."""
    try:
        return _REQUESTS[signal].FromString(body)
    except message.DecodeError as error:
        raise RefusedError(f"the body is not an OTLP request of {signal} (protobuf): {error}") from error


def canonical(signal: Signal, body: bytes) -> bytes:
    """The same request with every field once and in its order, as an exporter writes it. Raises RefusedError as `check` does."""
    request: bytes = check(signal, body).SerializeToString()
    return request


def items(signal: Signal, request: Any) -> int:
    """How many spans, log records or data points a request has."""
    match signal:
        case Signal.TRACES:
            return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)
        case Signal.LOGS:
            return sum(len(scope.log_records) for resource in request.resource_logs for scope in resource.scope_logs)
        case Signal.METRICS:
            metrics = (m for r in request.resource_metrics for scope in r.scope_metrics for m in scope.metrics)
            return sum(len(getattr(m, kind).data_points) for m in metrics if (kind := m.WhichOneof("data")))


def status(code: int, text: str, retry_after: int | None = None) -> bytes:
    """An OTLP error: a `google.rpc.Status`, with a `RetryInfo` of so many seconds."""
    said = Status(code=code, message=text)
    if retry_after is not None:
        said.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=retry_after)))
    body: bytes = said.SerializeToString()
    return body
