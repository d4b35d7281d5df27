"""Calls of models on machines of one's own, as real client libraries record them (tests/golden/README.md)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from collector.pipeline.otlp import BUCKETS, Card, Pipeline, Posted, rates
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SELF_HOSTED = Path(__file__).parents[2] / "golden" / "self-hosted"


def posted(pipeline: Pipeline, name: str) -> Posted:
    body = (SELF_HOSTED / f"{name}.otlp.pb").read_bytes()
    scopes = [scope for sent in ExportTraceServiceRequest.FromString(body).resource_spans for scope in sent.scope_spans]
    return pipeline.post(body, received_at=max(span.end_time_unix_nano for scope in scopes for span in scope.spans))


def said(rows: list[dict[str, Any]], *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in columns) for row in sorted(rows, key=lambda row: row["timestamp"])]


def test_a_vllm_is_unpriced_but_for_a_model_that_goes_by_the_name_of_a_listed_one(pipeline: Pipeline) -> None:
    listed = rates(input_uncached="0.1", cache_read="0.05", output_text="0.5")
    pipeline.record(Card(listed, provider="openai", model="gpt-oss-120b"))
    rows = posted(pipeline, "vllm-otel-genai-openai")
    used, unknown = (176, 1024, 0, 0, 0, 85, 0, 0), (None,) * len(BUCKETS)
    costs = Decimal("0.0001113")  # 176 * 0.1 + 1024 * 0.05 + 85 * 0.5, in millionths
    assert said(rows.rows("ledger"), "provider", "model", "cost_status", "cost_usd") == [
        ("openai", "Qwen/Qwen3-32B", "unpriced", None),
        ("openai", "gpt-oss-120b", "priced", costs),
        ("openai", "Qwen/Qwen3-32B", "unpriced", None),
        ("openai", "Qwen/Qwen3-32B", "unpriced", None),
        ("openai", "missing", "free", 0),
    ]
    assert said(rows.rows("ledger"), *BUCKETS) == [used, used, used, unknown, unknown]
    assert said(rows.rows("spans"), "server_address", "streaming") == [
        ("127.0.0.1", streaming) for streaming in (False, False, True, True, False)
    ]
    assert [row[0] is not None for row in said(rows.rows("spans"), "ttft_ns")] == [False, False, True, True, False]


def test_ollamas_own_client_under_traceloops_instrumentor(pipeline: Pipeline) -> None:
    rows = [row for row in posted(pipeline, "ollama-traceloop").rows("ledger") if row["model"] != "missing"]
    used = (1200, 0, 0, 0, 0, 85, 0, 0)
    assert said(rows, "model", "cost_status", *BUCKETS) == [("qwen3:8b", "unpriced", *used)] * 3
    assert {row["provider"].lower() for row in rows} == {"ollama"}


def test_ollamas_own_client_under_openinferences_instrumentor(pipeline: Pipeline) -> None:
    rows = posted(pipeline, "ollama-openinference")
    used, unknown = (1200, 0, 0, 0, 0, 85, 0, 0), (None,) * len(BUCKETS)
    assert said(rows.rows("ledger"), "provider", "model", "cost_status", *BUCKETS) == [
        ("ollama", "qwen3:8b", "unpriced", *used),
        ("ollama", "qwen3:8b", "unpriced", *used),
        ("ollama", "missing", "free", *unknown),
    ]
    assert said(rows.rows("spans"), "streaming", "finish_reason", "status", "error_type") == [
        (False, "stop", "ok", ""),
        (True, "stop", "ok", ""),
        (False, "", "error", "404"),
    ]


def test_a_llama_cpp_asked_with_openais_client(pipeline: Pipeline) -> None:
    rows = posted(pipeline, "llama-cpp")
    used, unknown = (97, 0, 0, 0, 0, 8, 0, 0), (None,) * len(BUCKETS)
    assert said(rows.rows("ledger"), "provider", "model", "cost_status", *BUCKETS) == [
        ("openai", "tiny", "unpriced", *used),
        ("openai", "tiny", "unpriced", *unknown),
        ("openai", "tiny", "unpriced", *unknown),
        ("openai", "tiny", "free", *unknown),
    ]
    assert said(rows.rows("spans"), "streaming", "finish_reason", "error_type", "server_address") == [
        (False, "length", "", "127.0.0.1"),
        (True, "length", "", "127.0.0.1"),
        (True, "length", "", "127.0.0.1"),
        (False, "", "openai.BadRequestError", "127.0.0.1"),
    ]
    assert [row[0] is not None for row in said(rows.rows("spans"), "ttft_ns")] == [False, True, True, False]


def test_a_model_of_ones_own_is_priced_by_a_rule_of_ones_own(pipeline: Pipeline) -> None:
    pipeline.record(Card(rates(input_uncached="0.2", output_text="0.4"), provider="openai", model="tiny"))
    rows = posted(pipeline, "llama-cpp").rows("ledger")
    assert said(rows, "cost_status", "cost_usd")[0] == (
        "priced",
        Decimal("0.0000226"),
    )  # 97 * 0.2 + 8 * 0.4, in millionths
