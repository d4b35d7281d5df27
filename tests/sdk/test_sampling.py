"""An app that samples: all of the spend, and the app's own telemetry as it was."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import openai
import pytest
import spanledger
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    AlwaysRecordSampler,
    ParentBased,
    Sampler,
    TraceIdRatioBased,
)
from sdk.loopback import ANTHROPIC_COST, ANTHROPIC_MODEL, MESSAGES, OPENAI_COST, OPENAI_MODEL, Receiver, Run, Server

CALLS = 40


class Seen(SpanProcessor):
    """A processor of the app's that looks at every span it is shown, sampled or not."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.ended: list[ReadableSpan] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.started.append(span.name)

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)


class App:
    """An app with its own OpenTelemetry, which serves requests that each make two calls."""

    def __init__(self, sampler: Sampler, provider: Server) -> None:
        self.provider = TracerProvider(
            sampler=sampler, resource=Resource({"service.name": "shop"}), shutdown_on_exit=False
        )
        self.seen = Seen()
        self.provider.add_span_processor(self.seen)
        self.openai = openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k")
        self.anthropic = anthropic.Anthropic(
            base_url=provider.url, api_key="k", open_telemetry={"tracer_provider": self.provider}
        )

    def serve(self, requests: int = CALLS) -> None:
        tracer = self.provider.get_tracer("app")
        for _ in range(requests):
            with tracer.start_as_current_span("GET /"):
                self.openai.chat.completions.create(model=OPENAI_MODEL, messages=MESSAGES)
                self.anthropic.messages.create(model=ANTHROPIC_MODEL, max_tokens=9, messages=MESSAGES)

    def close(self) -> None:
        self.openai.close()
        self.anthropic.close()


@pytest.fixture
def tenth(provider: Server) -> Iterator[App]:
    app = App(ParentBased(TraceIdRatioBased(0.1)), provider)
    yield app
    app.close()


def test_a_ten_percent_sampler_loses_none_of_the_spend(tenth: App, collector: Receiver) -> None:
    spanledger.instrument(endpoint=collector.url, tracer_provider=tenth.provider)
    tenth.serve()
    assert spanledger.flush()
    spend = sum(call.attributes["gen_ai.usage.cost.amount"] for call in collector.calls())
    assert len(collector.calls()) == 2 * CALLS
    assert spend == pytest.approx(CALLS * (OPENAI_COST + ANTHROPIC_COST))


def test_the_calls_have_the_apps_resource_and_the_ids_of_its_traces(tenth: App, collector: Receiver) -> None:
    spanledger.instrument(endpoint=collector.url, tracer_provider=tenth.provider)
    with tenth.provider.get_tracer("app").start_as_current_span("GET /") as root:
        tenth.openai.chat.completions.create(model=OPENAI_MODEL, messages=MESSAGES)
    assert spanledger.flush()
    [call] = collector.calls()
    assert int.from_bytes(call.trace_id, "big") == root.get_span_context().trace_id
    assert int.from_bytes(call.parent_id, "big") == root.get_span_context().span_id
    assert call.resource["service.name"] == "shop"


def test_the_app_sees_whole_sampled_traces_and_nothing_of_the_others(tenth: App, collector: Receiver) -> None:
    spanledger.instrument(endpoint=collector.url, tracer_provider=tenth.provider)
    tenth.serve()
    assert len(tenth.seen.started) == len(tenth.seen.ended)
    assert all(span.context.trace_flags.sampled for span in tenth.seen.ended)
    roots = {span.context.trace_id for span in tenth.seen.ended if span.parent is None}
    calls = [span for span in tenth.seen.ended if span.parent is not None]
    assert {span.context.trace_id for span in calls} == roots
    assert len(calls) == 2 * len(roots)


def test_sampled_roots_arrive_with_their_calls(provider: Server, collector: Receiver) -> None:
    app = App(ParentBased(TraceIdRatioBased(0.5)), provider)
    spanledger.instrument(endpoint=collector.url, tracer_provider=app.provider)
    app.serve()
    app.close()
    assert spanledger.flush()
    sampled = [span for span in app.seen.ended if span.parent is None]
    assert [span.name for span in collector.spans() if not span.parent_id] == ["GET /"] * len(sampled)


def test_a_call_that_was_not_sampled_tells_the_next_service_so(
    tenth: App, collector: Receiver, provider: Server
) -> None:
    """The client propagates its span's context; the sampled flag in it is the app's decision, not ours."""
    spanledger.instrument(endpoint=collector.url, tracer_provider=tenth.provider)
    tenth.serve()
    assert spanledger.flush()
    flags = [post.headers["traceparent"].rpartition("-")[2] for post in provider.posts if "traceparent" in post.headers]
    assert len(flags) == CALLS
    assert sum(int(flag, 16) & 1 for flag in flags) == len([s for s in tenth.seen.ended if s.parent is None])


def test_an_instrumentor_that_fetched_its_tracer_before_us_is_recorded_in_full_too(
    provider: Server, collector: Receiver
) -> None:
    app = App(ALWAYS_OFF, provider)
    early = app.provider.get_tracer("openinference.instrumentation.openai")
    spanledger.instrument(endpoint=collector.url, tracer_provider=app.provider)
    early.start_span("ChatCompletion", attributes={"llm.model_name": "gpt-4o"}).end()
    app.close()
    assert spanledger.flush()
    assert [span.name for span in collector.spans()] == ["ChatCompletion"]


def test_an_app_that_records_unsampled_spans_on_purpose_still_sees_its_calls(
    provider: Server, collector: Receiver
) -> None:
    app = App(AlwaysRecordSampler(ALWAYS_OFF), provider)
    spanledger.instrument(endpoint=collector.url, tracer_provider=app.provider)
    app.serve(1)
    app.close()
    assert len(app.seen.ended) == 3
    assert spanledger.flush()
    assert len(collector.spans()) == 2


def test_after_shutdown_the_app_samples_as_before(provider: Server, collector: Receiver) -> None:
    app = App(ALWAYS_OFF, provider)
    spanledger.instrument(endpoint=collector.url, tracer_provider=app.provider)
    tracer = app.provider.get_tracer("opentelemetry.instrumentation.genai.x")
    assert tracer.start_span("chat").is_recording()
    spanledger.shutdown()
    assert not tracer.start_span("chat").is_recording()
    assert not app.provider.get_tracer("opentelemetry.instrumentation.genai.y").start_span("chat").is_recording()
    app.close()


def test_the_standard_variables_sample_a_provider_of_ours_and_its_global_calls_arrive_in_full(
    run: Run, collector: Receiver
) -> None:
    run(
        """
        print(spanledger.instrument())
        import anthropic
        client = anthropic.Anthropic(base_url=os.environ["PROVIDER"], api_key="k")
        chat()
        client.messages.create(model="claude-sonnet-4-6", max_tokens=9, messages=[{"role": "user", "content": "hi"}])
        """,
        OTEL_TRACES_SAMPLER="always_off",
    )
    assert sorted(span.scope for span in collector.spans()) == [
        "com.anthropic.sdk.python",
        "opentelemetry.instrumentation.genai.openai",
    ]
