"""Requests as OTLP clients send them, built in a line; and the pipeline that turns them into rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status
from spanledger_collector.envelope import Envelope, digest
from spanledger_collector.store import Store
from spanledger_collector.wire import Signal

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
"""When the collector received what a test does not date otherwise."""
SECOND = 10**9
DAY = 86_400 * SECOND
NOW_NS = int(NOW.timestamp()) * SECOND
BUCKETS = (
    "input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "audio_in",
    "output_text", "reasoning", "audio_out",
)  # fmt: skip
_READ = [
    "attributes",
    "attribute_types",
    "resource_attributes",
    "resource_attribute_types",
    "scope_attributes",
    "scope_attribute_types",
]
COMPUTED = {
    "spans": [*_READ, "tags", "usage_raw", "reported_cost_usd"],
    "rejected": _READ,
    "ledger": ["tokens"],
    "gen_ai_events": ["attributes", "attribute_types", "body", "resource_attributes", "scope_attributes"],
    "gen_ai_metrics": ["attributes", "attribute_types", "resource_attributes"],
}
"""Columns that are computed on reading, and so no part of `*`."""
Value = AnyValue | str | bool | int | float | bytes | Sequence[Any] | Mapping[str, Any] | None
Row = dict[str, Any]


def any_value(value: Value) -> AnyValue:
    """A Python value as OTLP has it; None is a value that was never set."""
    match value:
        case AnyValue():
            return value
        case None:
            return AnyValue()
        case str():
            return AnyValue(string_value=value)
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case Mapping():
            return AnyValue(kvlist_value=KeyValueList(values=attributes(value)))
        case _:
            return AnyValue(array_value=ArrayValue(values=map(any_value, value)))


def attributes(values: Mapping[str, Value]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


CALL: Mapping[str, Value] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "acme",
    "gen_ai.request.model": "model-1",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
}
"""A plain call: what a test does not say otherwise, and takes away by None."""


def span(values: Mapping[str, Value] | None = None, /, **fields: Any) -> Span:
    """A span of one second that ended a second before NOW. `values` are its attributes, `fields` those of the message."""
    return Span(
        **{
            "trace_id": bytes(range(1, 17)),
            "span_id": bytes(range(1, 9)),
            "name": "a span",
            "start_time_unix_nano": NOW_NS - 2 * SECOND,
            "end_time_unix_nano": NOW_NS - SECOND,
            "attributes": attributes(values or {}),
            **fields,
        }
    )


def call(values: Mapping[str, Value] | None = None, /, **fields: Any) -> Span:
    """A span of a model call: CALL, and `values` over it."""
    return span({key: value for key, value in {**CALL, **(values or {})}.items() if value is not None}, **fields)


def failed(message: str = "") -> Status:
    return Status(code=Status.STATUS_CODE_ERROR, message=message)


def resource(
    *spans: Span,
    values: Mapping[str, Value] | None = None,
    scope: str = "a.scope",
    version: str = "1.0",
    scope_values: Mapping[str, Value] | None = None,
) -> ResourceSpans:
    """What one process sends: a resource with the attributes `values`, and its spans in one scope."""
    message = ResourceSpans()
    message.resource.attributes.extend(attributes(values or {}))
    in_scope = message.scope_spans.add(spans=spans)
    in_scope.scope.name, in_scope.scope.version = scope, version
    in_scope.scope.attributes.extend(attributes(scope_values or {}))
    return message


def request(*resources: ResourceSpans) -> bytes:
    return bytes(ExportTraceServiceRequest(resource_spans=resources).SerializeToString())


def envelope(body: bytes, received_at: int = NOW_NS, signal: Signal = Signal.TRACES) -> Envelope:
    return Envelope("default", received_at, digest("default", body, signal), body, signal)


@dataclass(frozen=True)
class Card:
    """A rate card of the price book: US dollars per million tokens, by bucket."""

    rates: Mapping[str, Decimal]
    model: str = "model-1"
    tier: str = ""
    input_from: int = 0
    minutes: tuple[int, int] = (0, 1440)
    valid: tuple[str, str] = ("2020-01-01", "2100-01-01")
    provider: str = "acme"

    def row(self) -> Row:
        return {
            **{bucket: f"{rate:f}" for bucket, rate in self.rates.items()},
            "provider": self.provider,
            "model": self.model,
            "service_tier": self.tier,
            "input_from": self.input_from,
            "minute_from": self.minutes[0],
            "minute_to": self.minutes[1],
            "valid_from": f"{self.valid[0]} 00:00:00",
            "valid_to": f"{self.valid[1]} 00:00:00",
            "price_id": f"{self.provider}/{self.model}",
            "price_version": "test 1",
            "source": "test",
            "recorded_at": "2026-01-01 00:00:00.000",
        }


@dataclass
class Posted:
    """The rows that one segment came to. Those of all `segments` of an INSERT are read together."""

    pipeline: Pipeline
    segment: int
    segments: range
    read: dict[str, dict[int, list[Row]]] = field(default_factory=dict)

    def rows(self, table: str) -> list[Row]:
        """As posted, in no order; the columns that are computed on reading too."""
        if table not in self.read:
            columns = ", ".join(["*", *COMPUTED.get(table, [])])
            found = self.read[table] = {segment: [] for segment in self.segments}
            for row in self.pipeline.ask(
                f"SELECT {columns} FROM spanledger.{table} WHERE segment >= {self.segments[0]} AND segment <= {self.segments[-1]}"
            ):
                found[row["segment"]].append(row)
        return self.read[table][self.segment]

    @cached_property
    def counts(self) -> dict[str, int]:
        return {table: len(self.rows(table)) for table in ("spans", "ledger", "rejected", "deliveries")}

    @property
    def span(self) -> Row:
        [row] = self.rows("spans")
        return row

    @property
    def posting(self) -> Row:
        [row] = self.rows("ledger")
        return row

    @property
    def buckets(self) -> dict[str, int | None]:
        return {name: self.posting[name] for name in BUCKETS if self.posting[name] != 0}


class Pipeline:
    """A store with an empty price book. Each `post` is a segment of its own, so tests do not see each other's rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder / "store")
        self.client = self.store.open()
        self.client.command("SYSTEM STOP MERGES")  # the rows are dated; their time to live is not the subject
        self.segments = 0

    def close(self) -> None:
        self.client.close()
        self.store.close()

    def post(self, *requests: bytes, received_at: int = NOW_NS, signal: Signal = Signal.TRACES) -> Posted:
        """Post requests of one signal."""
        return self.post_envelopes(*(envelope(body, received_at, signal) for body in requests))

    def post_envelopes(self, *envelopes: Envelope) -> Posted:
        [posted] = self._post([envelopes])
        return posted

    def post_each(self, *envelopes: Envelope) -> list[Posted]:
        """Post each as a segment of its own, all by one INSERT, which takes longer to plan than to run."""
        return self._post([[envelope] for envelope in envelopes])

    def _post(self, segments: Sequence[Sequence[Envelope]]) -> list[Posted]:
        numbers = range(self.segments + 1, self.segments + 1 + len(segments))
        self.segments = numbers[-1]
        path = self.folder / "segment"
        with path.open("wb") as file:
            for number, envelopes in zip(numbers, segments, strict=True):
                file.writelines(envelope.encode(number) for envelope in envelopes)
        signals = any(envelope.signal is not Signal.TRACES for envelopes in segments for envelope in envelopes)
        self.store.post(path, f"{self.segments}/1", signals)
        read: dict[str, dict[int, list[Row]]] = {}
        return [Posted(self, number, numbers, read) for number in numbers]

    def post_spans(self, *spans: Span, **of_resource: Any) -> Posted:
        return self.post(request(resource(*spans, **of_resource)))

    def record(self, *cards: Card) -> None:
        """Enter cards in the price book; all cards of one model and tier at once."""
        lines = "\n".join(json.dumps(card.row()) for card in cards)
        self.store.command(f"INSERT INTO spanledger.prices SETTINGS async_insert = 0 FORMAT JSONEachRow\n{lines}")
        self.store.command("SYSTEM RELOAD DICTIONARY spanledger.price_book")

    def ask(self, sql: str) -> list[Row]:
        return list(self.client.query(sql).named_results())


def rates(**by_bucket: str) -> dict[str, Decimal]:
    return {bucket: Decimal(rate) for bucket, rate in by_bucket.items()}


def by_name(rows: Iterable[Row]) -> dict[str, Row]:
    return {row["name"]: row for row in rows}
