"""Ended spans to the bytes of one OTLP request: priced, without content or with it redacted, stamped. Runs on the background thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan

from spanledger.conventions import COST_AMOUNT, COST_CURRENCY, COST_SOURCE, is_content
from spanledger.faults import faults
from spanledger.redaction import Redactor

Price = Callable[[Mapping[str, object], int], Decimal | None]
"""Span attributes and start (Unix ns) to US dollars."""


def encode(
    spans: Sequence[ReadableSpan],
    price: Price,
    resource: Mapping[str, str | int],
    farewell: bool = False,
    redactor: Redactor | None = None,
) -> bytes:
    """An `ExportTraceServiceRequest`. `resource` is set on every resource in it, over what was there. `farewell`: the
    resources alone, without the spans. `redactor`: content goes along, redacted by it; without one it stays behind.

    The cost is added here and not on the live span: OpenTelemetry lets nothing be added to a span that ends, and
    pricing on the caller's thread would make the app wait for it. The app's own exporters therefore do not see it.
    """
    request = encode_spans(spans)
    for resource_spans in request.resource_spans:
        _override(resource_spans.resource, resource)
        if farewell:
            del resource_spans.scope_spans[:]
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                _add_cost(span, price)
                for attributes in (span.attributes, *(event.attributes for event in span.events)):
                    if redactor is None:
                        _remove_content(attributes)
                    else:
                        _redact(attributes, redactor)
    body: bytes = request.SerializeToString()
    return body


def _override(resource: Resource, attributes: Mapping[str, str | int]) -> None:
    kept = [pair for pair in resource.attributes if pair.key not in attributes]
    del resource.attributes[:]
    resource.attributes.extend(kept)
    for key, value in attributes.items():
        pair = resource.attributes.add(key=key)
        if isinstance(value, int):
            pair.value.int_value = value
        else:
            pair.value.string_value = value


def _add_cost(span: Span, price: Price) -> None:
    try:
        cost = price({pair.key: _scalar(pair) for pair in span.attributes}, span.start_time_unix_nano)
    except Exception:
        # A call without a cost is worth more than no call at all.
        faults.record("pricing")
        return
    if cost is not None:
        span.attributes.add(key=COST_AMOUNT).value.double_value = float(cost)
        span.attributes.add(key=COST_CURRENCY).value.string_value = "USD"
        span.attributes.add(key=COST_SOURCE).value.string_value = "local"


def _scalar(pair: KeyValue) -> object:
    kind = pair.value.WhichOneof("value")
    return getattr(pair.value, kind) if kind else None


def _remove_content(attributes: RepeatedCompositeFieldContainer[KeyValue]) -> None:
    if any(is_content(pair.key) for pair in attributes):
        kept = [pair for pair in attributes if not is_content(pair.key)]
        del attributes[:]
        attributes.extend(kept)


def _redact(attributes: RepeatedCompositeFieldContainer[KeyValue], redactor: Redactor) -> None:
    try:
        for pair in attributes:
            if is_content(pair.key):
                redactor.value(pair.value)
    except Exception:
        faults.record("redaction")
        _remove_content(attributes)  # what may not be redacted does not leave
