"""Spans made by the command line, and one way to send them: OTLP over HTTP, as any exporter does."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanledger_collector.errors import StartError

_TRIES = 10


def attributes(values: Mapping[str, str | int]) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value))
        for key, value in values.items()
    ]


def request(service: str, scope: str, spans: Sequence[Span]) -> bytes:
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.extend(attributes({"service.name": service}))
    in_scope = resource.scope_spans.add(spans=spans)
    in_scope.scope.name = scope
    return bytes(message.SerializeToString())


def send(url: str, key: str, body: bytes) -> None:
    """Return once the collector has acknowledged. While it is full or away it is asked again. Raises StartError, of one line."""
    where = f"{url.rstrip('/')}/v1/traces"
    headers = {"Content-Type": "application/x-protobuf"} | ({"Authorization": f"Bearer {key}"} if key else {})
    for attempt in range(_TRIES):
        try:
            with urllib.request.urlopen(urllib.request.Request(where, body, headers), timeout=30):
                return
        except urllib.error.HTTPError as error:
            if error.code in (401, 403):
                raise StartError(f"{where} refuses the key (HTTP {error.code}): give one with --api-key") from error
            if error.code != 503:
                raise StartError(f"{where} refuses (HTTP {error.code})") from error
            after = error.headers.get("Retry-After", "")
            time.sleep(min(float(after) if after.isdecimal() else attempt, 30.0))
        except (OSError, ValueError) as error:
            raise StartError(f"{where} does not answer: is `spanledger up` running there?") from error
    raise StartError(f"{where} is still full after {_TRIES} tries")
