"""Clients of others, as they are published: whatever sends the same spans, the rows are the same; whoever asks in SQL is answered."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from collector.rig import DEADLINE, Running, Start
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from spanledger_collector.keys import Keys, Scope

JS = Path(__file__).parents[1] / "js"
needs_javascript = pytest.mark.skipif(
    not (shutil.which("node") and (JS / "node_modules").is_dir()), reason="no JavaScript clients: `make clients`"
)
STEP = 10**9
Spans = list[dict[str, Any]]


def some_spans() -> Spans:
    """A call, and a call within it that has one of every kind of attribute."""
    start = time.time_ns() // 1000 * 1000 + 7  # a time that a double cannot hold
    call: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 100,
    }
    odd: dict[str, Any] = {
        "text": "Grüße, \U0001f600",
        "flag": True,
        "half": 0.5,
        "large": 2**53,
        "list": ["a", "b"],
        "nested": {"depth": {"of": ["two", 2, {"and": False}]}, "none": ""},
    }
    names = [{"name": f"call {n}", "start": start + n * STEP, "end": start + (n + 1) * STEP} for n in range(2)]
    ids = [{"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": f"b7ad6b716920333{n}"} for n in range(2)]
    spans = [{**names[n], **ids[n], "attributes": call | (odd if n else {})} for n in range(2)]
    spans[1]["parentSpanId"] = spans[0]["spanId"]
    return [span | {"start": str(span["start"]), "end": str(span["end"])} for span in spans]


def by_python(exporter: SpanExporter, spans: Spans) -> None:
    def context(span: str, trace: str) -> SpanContext:
        return SpanContext(int(trace, 16), int(span, 16), is_remote=False, trace_flags=TraceFlags(1))

    readable = [
        ReadableSpan(
            name=span["name"],
            context=context(span["spanId"], span["traceId"]),
            parent=context(span["parentSpanId"], span["traceId"]) if "parentSpanId" in span else None,
            resource=Resource({"service.name": "js", "process.pid": 7}),
            attributes=span["attributes"],
            events=[Event("begun", {"n": 1, "half": 0.5}, int(span["start"]))],
            kind=SpanKind.CLIENT,
            status=Status(StatusCode.OK),
            start_time=int(span["start"]),
            end_time=int(span["end"]),
            instrumentation_scope=InstrumentationScope("js", "1"),
        )
        for span in spans
    ]
    assert exporter.export(readable) is SpanExportResult.SUCCESS
    exporter.shutdown()


def by_javascript(*arguments: str, **environment: str) -> str:
    """What a script of tests/js prints."""
    done = subprocess.run(
        ["node", *arguments], cwd=JS, env=os.environ | environment, capture_output=True, text=True, timeout=DEADLINE
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(running: Running, project: str) -> list[list[Any]]:
    """The rows of a project, less what tells requests apart, and the flags: Python leaves the bit of sampling out of them."""
    answer = running.platform.store.query(
        "SELECT toJSONString(tuple(* EXCEPT (project, received_at, segment, request, flags))), attributes, resource_attributes "
        f"FROM spanledger.spans WHERE project = '{project}' ORDER BY name"
    )
    return [list(row) for row in answer]


@pytest.fixture
def running(platform: Start) -> Running:
    return platform()


@needs_javascript
def test_the_same_spans_are_the_same_rows_whatever_sends_them(running: Running, data: Path, tmp_path: Path) -> None:
    spans, keys, file = some_spans(), Keys(data / "keys.json"), tmp_path / "spans.json"
    file.write_text(json.dumps(spans))
    otlp, grpc = running.platform.addresses.otlp, str(running.platform.addresses.grpc)
    ways: dict[str, Callable[[str], object]] = {
        "python-http": lambda key: by_python(
            HttpExporter(f"{otlp}/v1/traces", headers={"authorization": f"Bearer {key}"}), spans
        ),
        "python-grpc": lambda key: by_python(
            GrpcExporter(grpc, insecure=True, headers=(("authorization", f"Bearer {key}"),)), spans
        ),
    }
    for way, url in {"http": f"{otlp}/v1/traces", "proto": f"{otlp}/v1/traces", "grpc": grpc}.items():
        for packing in ("none", "gzip"):
            ways[f"js-{way}-{packing}"] = lambda key, given=(way, url, str(file), packing): by_javascript(  # type: ignore[misc]
                "send.js", *given, OTEL_EXPORTER_OTLP_HEADERS=f"authorization=Bearer%20{key}"
            )
    for name, send in ways.items():
        send(keys.create(name, [Scope.INGEST], datetime.now(UTC)))
    running.drained()

    found = {name: rows(running, name) for name in ways}
    assert [len(row) for row in found["python-http"]] == [3, 3]
    assert b"two" in base64.b64decode(found["python-http"][1][1]["nested"])
    for name in ways:
        assert found[name] == found["python-http"], name


@needs_javascript
def test_clickhouses_javascript_client_is_answered_and_refused_like_a_servers(running: Running) -> None:
    by_python(HttpExporter(running.traces), some_spans())
    running.drained()
    found = json.loads(by_javascript("ask.js", running.platform.addresses.clickhouse))

    assert found["ping"] is True
    assert found["rows"] == [{"name": f"call {n}", "duration_ns": found["rows"][n]["duration_ns"]} for n in range(2)]
    assert int(found["rows"][0]["duration_ns"]) == STEP
    assert [int(n) for [n] in found["compact"]] == [int(row["n"]) for row in found["json"]] == [2]
    assert found["params"] == [{"name": "call 1"}]
    unknown, refused, written = found["errors"]
    assert "nothing" in unknown and refused and written
    assert running.one("SELECT count() FROM spanledger.spans") == "2"


EVENT = "name, severity, service_name, scope_name, attributes['gen_ai.evaluation.score.value'], toString(body)"
POINT = "name, type, unit, service_name, attributes['gen_ai.token.type'], count, sum, value"


@needs_javascript
def test_logs_and_metrics_of_javascripts_exporters_are_kept_or_counted_and_never_an_error(
    running: Running, data: Path
) -> None:
    keys, otlp, grpc = Keys(data / "keys.json"), running.platform.addresses.otlp, str(running.platform.addresses.grpc)
    ways = [("http", "none"), ("proto", "gzip"), ("grpc", "none"), ("grpc", "gzip")]
    for way, packing in ways:
        key = keys.create(f"{way}-{packing}", [Scope.INGEST], datetime.now(UTC))
        arguments = ("signals.js", way, grpc if way == "grpc" else otlp, packing)
        by_javascript(*arguments, OTEL_EXPORTER_OTLP_HEADERS=f"authorization=Bearer%20{key}")
    running.drained()

    for way, packing in ways:
        of = f"WHERE project = '{way}-{packing}'"
        query = running.platform.store.query
        [(name, severity, *said, body)] = query(f"SELECT {EVENT} FROM spanledger.gen_ai_events {of}")
        assert (name, severity, said) == ("gen_ai.evaluation.result", "INFO", ["js", "js", "0.5"])
        assert "what was said" not in body
        assert query(f"SELECT {POINT} FROM spanledger.gen_ai_metrics {of} ORDER BY name") == [
            ("gen_ai.calls", "sum", "", "js", "", None, None, 3),
            ("gen_ai.client.token.usage", "histogram", "{token}", "js", "input", 2, 1208, None),
            ("gen_ai.queue", "gauge", "", "js", "", None, None, 0.5),
        ]
        assert query(f"SELECT signal, sum(items) FROM spanledger.not_kept {of} GROUP BY signal ORDER BY signal") == [
            ("logs", 1),
            ("metrics", 1),
        ]
