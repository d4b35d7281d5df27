"""Recorded spans of real client libraries come to the rows that say what was really used (tests/golden/README.md)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from collector.pipeline.otlp import BUCKETS, Card, Pipeline, Posted, Row, rates
from collector.pipeline.recorded import SAMPLES

# gpt-4o by the book of 2026: 2.50 dollars a million tokens in, 1.25 of them cached, 10 out
OPENAI_RATES = rates(
    input_uncached="2.5", cache_read="1.25", cache_write_5m="2.5", audio_in="40", output_text="10", reasoning="10",
    audio_out="80",
)  # fmt: skip
CLAUDE_RATES = rates(
    input_uncached="3", cache_read="0.3", cache_write_5m="3.75", cache_write_1h="6", output_text="15", reasoning="15"
)


@pytest.fixture(scope="module", autouse=True)
def book(pipeline: Pipeline) -> None:
    pipeline.record(
        Card(OPENAI_RATES, provider="openai", model="gpt-4o-2024-08-06"),
        Card(rates(input_uncached="0.02", output_text="0"), provider="openai", model="text-embedding-3-small"),
        Card(CLAUDE_RATES, provider="anthropic", model="claude-sonnet-4-5"),
    )


def by_start(rows: list[Row], *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in columns) for row in sorted(rows, key=lambda row: row["timestamp"])]


def buckets(*figures: int | None) -> tuple[int | None, ...]:
    """In the order of BUCKETS; none of them reported where no figure is given."""
    return figures or (None,) * len(BUCKETS)


CHAT = buckets(102, 1024, 64, 0, 10, 40, 40, 5)
RESPONSES = buckets(112, 1024, 64, 0, 0, 45, 40, 0)
NOTHING = buckets()
CHAT_COSTS = Decimal("0.003295")  # 102 * 2.5 + 1024 * 1.25 + 64 * 2.5 + 10 * 40 + 80 * 10 + 5 * 80, in millionths
RESPONSES_COSTS = Decimal("0.00257")


def test_openai_through_its_opentelemetry_instrumentor(samples: Mapping[str, Posted]) -> None:
    rows = samples["otel-genai-openai"].rows("ledger")

    assert by_start(rows, "model", "status", "error_type", "cost_status", "cost_usd") == [
        ("gpt-4o-2024-08-06", "ok", "", "priced", CHAT_COSTS),
        ("gpt-4o-2024-08-06", "ok", "", "priced", CHAT_COSTS),
        ("gpt-4o-2024-08-06", "ok", "", "priced", CHAT_COSTS),
        ("gpt-4o-2024-08-06", "ok", "", "unpriced", None),  # a stream without usage
        ("gpt-4o-2024-08-06", "ok", "", "priced", CHAT_COSTS),
        ("gpt-4o-2024-08-06", "ok", "", "unpriced", None),  # a stream that was dropped
        ("err-429", "error", "openai.RateLimitError", "free", Decimal(0)),
        ("err-500", "error", "openai.InternalServerError", "free", Decimal(0)),
        ("gpt-4o-2024-08-06", "ok", "", "priced", CHAT_COSTS),
        ("gpt-4o-2024-08-06", "ok", "", "priced", CHAT_COSTS),
        ("text-embedding-3-small", "ok", "", "priced", Decimal("0.00000016")),
        ("gpt-4o-2024-08-06", "ok", "", "priced", RESPONSES_COSTS),
        ("gpt-4o-2024-08-06", "ok", "", "priced", RESPONSES_COSTS),
    ]
    assert by_start(rows, *BUCKETS) == [
        CHAT, CHAT, CHAT, NOTHING, CHAT, NOTHING, NOTHING, NOTHING, CHAT, CHAT, buckets(8, *[0] * 7), RESPONSES, RESPONSES,
    ]  # fmt: skip


def test_anthropic_through_its_opentelemetry_instrumentor(samples: Mapping[str, Posted]) -> None:
    rows = samples["otel-genai-anthropic"].rows("ledger")

    # the instrumentor does not say that 100 of the 300 written tokens are kept for an hour
    message = ("claude-sonnet-4-5", "priced", Decimal("0.001935"), *buckets(50, 700, 300, 0, 0, 30, 0, 0))
    refused = ("err-429", "free", Decimal(0), *NOTHING)
    assert by_start(rows, "model", "cost_status", "cost_usd", *BUCKETS) == [*[message] * 4, refused, *[message] * 2]


def test_anthropic_by_the_client_itself(samples: Mapping[str, Posted]) -> None:
    rows = samples["anthropic-native"].rows("ledger")

    message = ("claude-sonnet-4-5", "priced", Decimal("0.00216"), *buckets(50, 700, 200, 100, 0, 30, 0, 0))
    refused = ("err-429", "free", Decimal(0), *NOTHING)
    assert by_start(rows, "model", "cost_status", "cost_usd", *BUCKETS) == [*[message] * 4, refused, *[message] * 2]


def test_a_recorded_chat_field_by_field(samples: Mapping[str, Posted]) -> None:
    rows = samples["otel-genai-openai"].rows("spans")

    [span] = [row for row in rows if row["span_id"] == "c4dc9334bfa584bb"]
    written = {name: span[name] for name in span if span[name] not in ("", None, [], {}, False, 0)}
    attributes, types = written.pop("attributes"), written.pop("attribute_types")
    assert written.pop("timestamp").isoformat() == "2026-11-23T17:57:48.446318"
    assert (written.pop("received_at") - span["timestamp"]).total_seconds() > 0
    assert written.pop("segment")
    assert written.pop("attribute_values").keys() == {
        "gen_ai.response.finish_reasons", "gen_ai.response.time_to_first_chunk", "server.port",
    }  # fmt: skip
    assert written.pop("column_attributes") and written.pop("resource")
    assert written.pop("dropped_counts") == {"attributes": 0, "events": 0, "links": 0}
    assert written == {
        "project": "default",
        "trace_id": span["trace_id"],
        "span_id": "c4dc9334bfa584bb",
        "flags": span["flags"],
        "name": "chat gpt-4o",
        "kind": "client",
        "service_name": "sample-app",
        "environment": "test",
        "scope_name": "opentelemetry.instrumentation.genai.openai",
        "scope_version": "1.3b0",
        "operation": "chat",
        "provider": "openai",
        "request_model": "gpt-4o",
        "response_model": "gpt-4o-2024-08-06",
        "model": "gpt-4o-2024-08-06",
        "duration_ns": 175_059_423,
        "ttft_ns": 98_347_846,
        "streaming": True,
        "status": "ok",
        "finish_reason": "stop",
        "input_tokens": 1200,
        "output_tokens": 85,
        "cache_read_tokens": 1024,
        "cache_write_tokens": 64,
        "reasoning_tokens": 40,
        "audio_input_tokens": 10,
        "audio_output_tokens": 5,
        "cost_usd": CHAT_COSTS,
        "cost_status": "priced",
        "billing_owner": True,
        "response_id": "chatcmpl-fake1",
        "service_tier": "default",
        "server_address": "127.0.0.1",
        "resource_attributes": {
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": "1.45.2",
            "service.instance.id": span["resource_attributes"]["service.instance.id"],
            "service.name": "sample-app",
            "deployment.environment.name": "test",
        },
        "resource_attribute_types": ["string"] * 6,
        "usage_raw": {
            "gen_ai.usage.input_tokens": "1200",
            "gen_ai.usage.output_tokens": "85",
            "gen_ai.usage.cache_write.input_tokens": "64",
            "gen_ai.usage.cache_read.input_tokens": "1024",
            "gen_ai.usage.reasoning.output_tokens": "40",
            "gen_ai.usage.audio.input_tokens": "10",
            "gen_ai.usage.audio.output_tokens": "5",
        },
    }
    assert len(attributes) == len(types)
    assert not {"gen_ai.input.messages", "gen_ai.output.messages"} & attributes.keys()
    assert attributes["server.port"] == "42481"


@pytest.mark.parametrize("name", SAMPLES)
def test_every_recorded_span_is_stored_and_every_call_posted_once(samples: Mapping[str, Posted], name: str) -> None:
    rows = samples[name]

    assert rows.counts["rejected"] == 0
    assert rows.rows("deliveries")[0]["spans"] == rows.counts["spans"]
    calls = {row["span_id"] for row in rows.rows("spans") if row["billing_owner"]}
    assert sorted(row["span_id"] for row in rows.rows("ledger")) == sorted(calls)
    assert {row["period"].isoformat() for row in rows.rows("ledger")} <= {"2026-11-01"}
