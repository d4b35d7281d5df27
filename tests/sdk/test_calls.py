"""What arrives for a call."""

from __future__ import annotations

import anthropic
import openai
import pytest
import spanledger
from opentelemetry.sdk.trace import TracerProvider
from sdk.loopback import (
    ANTHROPIC_COST,
    ANTHROPIC_MODEL,
    MESSAGES,
    OPENAI_COST,
    OPENAI_MODEL,
    Receiver,
    Run,
)


@pytest.fixture(autouse=True)
def instrumented(collector: Receiver, app: TracerProvider) -> None:
    spanledger.instrument(endpoint=collector.url, tracer_provider=app)


def test_an_openai_call_arrives_with_its_usage_and_its_cost(client: openai.OpenAI, collector: Receiver) -> None:
    client.chat.completions.create(model=OPENAI_MODEL, messages=MESSAGES)
    assert spanledger.flush()
    [call] = collector.calls()
    assert call.scope == "opentelemetry.instrumentation.genai.openai"
    assert call.attributes["gen_ai.request.model"] == OPENAI_MODEL
    assert call.attributes["gen_ai.usage.input_tokens"] == 1200
    assert call.attributes["gen_ai.usage.cost.amount"] == pytest.approx(OPENAI_COST, rel=1e-12)
    assert call.attributes["gen_ai.usage.cost.currency"] == "USD"
    assert call.attributes["gen_ai.usage.cost.source"] == "local"


def test_an_anthropic_call_is_one_span_and_its_one_hour_cache_writes_are_priced_as_such(
    claude: anthropic.Anthropic, collector: Receiver
) -> None:
    claude.messages.create(model=ANTHROPIC_MODEL, max_tokens=9, messages=MESSAGES)
    assert spanledger.flush()
    [call] = collector.calls()
    assert call.scope == "com.anthropic.sdk.python"
    assert call.attributes["gen_ai.usage.input_tokens"] == 1050
    assert call.attributes["gen_ai.usage.cost.amount"] == pytest.approx(ANTHROPIC_COST, rel=1e-12)


def test_an_anthropic_stream_is_priced_too(claude: anthropic.Anthropic, collector: Receiver) -> None:
    with claude.messages.stream(model=ANTHROPIC_MODEL, max_tokens=9, messages=MESSAGES) as stream:
        assert "".join(stream.text_stream) == "hello"
    assert spanledger.flush()
    [call] = collector.calls()
    assert call.attributes["gen_ai.usage.cost.amount"] == pytest.approx(ANTHROPIC_COST, rel=1e-12)


def test_embeddings_are_priced_by_their_input(client: openai.OpenAI, collector: Receiver) -> None:
    client.embeddings.create(model="text-embedding-3-small", input="words", encoding_format="float")
    assert spanledger.flush()
    [call] = collector.calls()
    assert call.attributes["gen_ai.usage.cost.amount"] == pytest.approx(1000 * 0.02 / 1e6)


@pytest.mark.parametrize("status", [400, 429, 500])
def test_the_app_gets_the_error_of_a_failed_call_and_we_get_its_span(
    client: openai.OpenAI, collector: Receiver, status: int
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model=f"error-{status}", messages=MESSAGES)
    assert caught.value.status_code == status
    assert spanledger.flush()
    [call] = collector.calls()
    assert call.error
    assert call.attributes["error.type"].endswith(type(caught.value).__name__)
    assert "gen_ai.usage.cost.amount" not in call.attributes


def test_prompts_stay_in_the_process_even_where_the_app_captures_them(run: Run, collector: Receiver) -> None:
    captured_by_the_app = run(
        """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        mine = InMemorySpanExporter()
        app = TracerProvider()
        app.add_span_processor(SimpleSpanProcessor(mine))
        trace.set_tracer_provider(app)
        spanledger.instrument()
        chat()
        answer("gen_ai.input.messages" in mine.get_finished_spans()[0].attributes)
        """,
        OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="span_only",
    )
    assert captured_by_the_app
    [call] = collector.calls()
    assert not {"gen_ai.input.messages", "gen_ai.output.messages"} & call.attributes.keys()


def test_what_was_said_is_not_in_any_request(
    client: openai.OpenAI, claude: anthropic.Anthropic, collector: Receiver
) -> None:
    client.chat.completions.create(model=OPENAI_MODEL, messages=MESSAGES)
    claude.messages.create(model=ANTHROPIC_MODEL, max_tokens=9, messages=MESSAGES)
    assert spanledger.flush()
    assert not any(b"secret" in post.body for post in collector.posts)


def test_the_local_root_of_a_call_arrives_and_what_lies_between_or_beside_does_not(
    client: openai.OpenAI, collector: Receiver, app: TracerProvider
) -> None:
    tracer = app.get_tracer("app")
    with tracer.start_as_current_span("GET /health"):
        pass
    with tracer.start_as_current_span("GET /answer") as root, tracer.start_as_current_span("look up"):
        client.chat.completions.create(model=OPENAI_MODEL, messages=MESSAGES)
    assert spanledger.flush()
    assert {span.name for span in collector.spans()} == {"GET /answer", "chat gpt-4o"}
    [call] = collector.calls()
    assert int.from_bytes(call.trace_id, "big") == root.get_span_context().trace_id


def test_a_reported_cost_is_left_alone(collector: Receiver, app: TracerProvider) -> None:
    tracer = app.get_tracer("app")
    for reported in ("gen_ai.usage.cost.amount", "operation.cost"):
        span = tracer.start_span("chat")
        span.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.request.model": OPENAI_MODEL})
        span.set_attributes({"gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 9, reported: 5.0})
        span.end()
    assert spanledger.flush()
    first, second = collector.calls()
    assert first.attributes["gen_ai.usage.cost.amount"] == 5.0
    assert "gen_ai.usage.cost.source" not in first.attributes
    assert "gen_ai.usage.cost.amount" not in second.attributes
