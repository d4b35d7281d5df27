"""A store with its pipeline, fed with calls as OTLP: what the tests of prices and corrections keep their books in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span
from spanledger_collector.envelope import Envelope, digest
from spanledger_collector.store import Store

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
USAGE: Mapping[str, str] = {
    "input": "gen_ai.usage.input_tokens",
    "output": "gen_ai.usage.output_tokens",
    "cache_read": "gen_ai.usage.cache_read.input_tokens",
    "cache_write": "gen_ai.usage.cache_creation.input_tokens",
    "cache_write_1h": "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
    "audio_in": "gen_ai.usage.audio.input_tokens",
    "audio_out": "gen_ai.usage.audio.output_tokens",
}


@dataclass(frozen=True)
class Call:
    """A call of a model. `usage` has the names of USAGE; its totals include what is cached, reasoned or spoken."""

    number: int = 1  # its span id; calls of the same number are the same call
    provider: str = "openai"
    model: str = "gpt-4o"
    tier: str = ""
    usage: Mapping[str, int] = field(default_factory=lambda: {"input": 1000, "output": 100})
    start: datetime = NOON
    attributes: Mapping[str, str | bool | int | float] = field(default_factory=dict)

    def span(self) -> Span:
        texts = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self.provider,
            "gen_ai.request.model": self.model,
            "openai.response.service_tier": self.tier,
            **self.attributes,
        }
        numbers = {USAGE[name]: number for name, number in self.usage.items()}
        start = nanoseconds(self.start)
        return Span(
            trace_id=(self.number + 1).to_bytes(16),
            span_id=(self.number + 1).to_bytes(8),
            name="chat",
            start_time_unix_nano=start,
            end_time_unix_nano=start + 10**9,
            attributes=[
                *(KeyValue(key=key, value=any_value(value)) for key, value in texts.items() if value != ""),
                *(KeyValue(key=key, value=AnyValue(int_value=number)) for key, number in numbers.items()),
            ],
        )


def any_value(value: str | bool | int | float) -> AnyValue:
    match value:
        case str():
            return AnyValue(string_value=value)
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
    return AnyValue(double_value=value)


def nanoseconds(at: datetime) -> int:
    return int(at.timestamp()) * 10**9 + at.microsecond * 1000


class Books:
    """The empty store of a data folder, and the segments that were posted to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder / "store")
        self.client = self.store.open()
        self.segment = 0

    def close(self) -> None:
        self.client.close()
        self.store.close()

    def clear(self) -> None:
        """Back to an empty ledger and an empty price book."""
        for table in ("ledger", "spans", "deliveries", "prices"):
            self.client.command(f"TRUNCATE TABLE spanledger.{table}")
        self.client.command("SYSTEM RELOAD DICTIONARY spanledger.price_book")

    def post(self, *requests: Iterable[Call], at: datetime = NOON + timedelta(days=20)) -> int:
        """Post a segment of these requests, the second received a microsecond after the first; returns its number."""
        self.segment += 1
        path = self.folder / "segment"
        with path.open("wb") as file:
            for position, calls in enumerate(requests):
                request = ExportTraceServiceRequest()
                request.resource_spans.add().scope_spans.append(ScopeSpans(spans=[call.span() for call in calls]))
                body = request.SerializeToString()
                received_at = nanoseconds(at) + position * 1000
                file.write(Envelope("default", received_at, digest("default", body), body).encode(self.segment))
        self.store.post(path, f"{self.segment}/1")
        return self.segment

    def ask(self, sql: str) -> list[dict[str, Any]]:
        return list(self.client.query(sql).named_results())

    def ledger(self, columns: str = "*", order: str = "posted_at, kind, trace_id") -> list[dict[str, Any]]:
        return self.ask(f"SELECT {columns} FROM spanledger.ledger ORDER BY {order}")

    def total(self) -> Decimal:
        """What all postings come to."""
        [row] = self.ask("SELECT sum(cost_usd) AS cost FROM spanledger.ledger")
        return row["cost"] or Decimal(0)

    def standing(self) -> dict[str, int]:
        """How many calls stand at each status."""
        rows = self.ask("SELECT cost_status, sum(calls) AS n FROM spanledger.ledger GROUP BY cost_status HAVING n != 0")
        return {row["cost_status"]: row["n"] for row in rows}
