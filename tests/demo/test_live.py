"""Live apps through the real SDK and clients, and the history beside them: they must look alike."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from demo.sink import Sink
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from spanledger_demo import history
from spanledger_demo.provider import FakeProvider

Shape = tuple[object, ...]
# The fake provider's port is not 443, which OpenAI's instrumentor leaves out; and nothing is retried in the history.
ESTIMATED = "spanledger.usage.estimated"
"""On a stream that was left: history has those as they came before the SDK estimated what they had used."""
ONLY_LIVE = {"server.port", "http.request.resend_count"}
# What a caller may say or leave out.
FREE = {
    "spanledger.customer", "user.id", "session.id", "gen_ai.prompt.name", "gen_ai.prompt.version",
    "gen_ai.request.max_tokens",
}  # fmt: skip
NOW = datetime(2026, 11, 23, 20, tzinfo=UTC)


def shape(attributes: Iterable[KeyValue]) -> frozenset[tuple[str, str | None]]:
    return frozenset((a.key, a.value.WhichOneof("value")) for a in attributes if a.key not in ONLY_LIVE | FREE)


def shapes(requests: Iterable[ExportTraceServiceRequest]) -> Iterator[Shape]:
    """All that is the same on two spans of one kind of call: scope, kind, status, names and types of attributes."""
    for request in requests:
        for resource_spans in request.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                scope = scope_spans.scope
                for span in scope_spans.spans:
                    if any(attribute.key == ESTIMATED for attribute in span.attributes):
                        continue
                    kind = span.name.partition(" ")[0], span.kind, span.status.code, span.status.message, span.flags
                    yield scope.name, scope.version, scope_spans.schema_url, *kind, shape(span.attributes)


def test_live_spans_are_of_the_shapes_that_history_has(sink: Sink) -> None:
    with FakeProvider() as provider:
        script = Path(__file__).with_name("live_app.py")
        subprocess.run([sys.executable, script, provider.url, sink.url], check=True, timeout=120)
        billed = Counter(call.status for call in provider.calls)

    requests = sink.requests
    past = set(shapes(map(ExportTraceServiceRequest.FromString, history.bodies(calls=30_000, now=NOW))))
    live = Counter(shapes(requests))
    assert billed.keys() >= {200, 400, 429, 500, 529}
    assert live.total() > 200
    assert live.keys() - past == set()
    live_resource, past_resource = (
        shape(next(iter(found)).resource_spans[0].resource.attributes)
        for found in (requests, map(ExportTraceServiceRequest.FromString, history.bodies(calls=500, days=1, now=NOW)))
    )
    assert live_resource == past_resource


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_sends_what_it_has_when_it_is_stopped(sink: Sink, number: signal.Signals) -> None:
    with FakeProvider() as provider:
        command = [sys.executable, "-m", "spanledger_demo.app", "support-bot", "--provider", provider.url]
        app = subprocess.Popen([*command, "--otlp", sink.url, "--rate", "20"])
        try:
            while len(provider.calls) < 5 and app.poll() is None:
                time.sleep(0.02)
            app.send_signal(number)
            assert app.wait(timeout=30) == 0
        finally:
            app.kill()
            app.wait()
        answered = {call.id for call in provider.calls if call.id and call.complete}

    ids = {
        attribute.value.string_value
        for request in sink.requests
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
        for attribute in span.attributes
        if attribute.key == "gen_ai.response.id"
    }
    assert answered and answered <= ids
