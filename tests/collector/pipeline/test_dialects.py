"""The same call in any dialect gives the same row: every recorded span against what was really asked and answered (tests/golden)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from collector.pipeline import recorded
from collector.pipeline.otlp import Pipeline, Posted, Row, Value, attributes, call, failed, request, resource, span
from collector.pipeline.together import together
from opentelemetry.proto.trace.v1.trace_pb2 import Span


def rows(pipeline: Pipeline, segment: int) -> dict[str, Row]:
    asked = (
        "SELECT *, ttft_ns IS NOT NULL AS ttft, billing_owner AS billed, "
        f"spanledger_error_class(status::String, error_type::String) AS error_class FROM spanledger.spans WHERE segment = {segment}"
    )
    return {row["span_id"]: row for row in pipeline.ask(asked)}


@pytest.mark.parametrize("sample", recorded.SAMPLES)
def test_a_recorded_call_has_the_row_of_what_was_really_asked_and_answered(
    pipeline: Pipeline, samples: Mapping[str, Posted], sample: str
) -> None:
    stored = rows(pipeline, samples[sample].segment)

    calls = {call.span_id: call for call in recorded.calls(sample)}
    assert stored.keys() == calls.keys()
    for span_id, expected in calls.items():
        row = stored[span_id]
        assert {column: row[column] for column in expected.row} == expected.row, (sample, expected.step)


@pytest.mark.parametrize("sample", recorded.SAMPLES)
def test_a_difference_is_one_and_has_a_reason(sample: str) -> None:
    for expected in recorded.calls(sample):
        for column, (value, reason) in expected.differs.items():
            assert value != expected.truth[column], (expected.step, column)
            assert reason in recorded.REASONS


@pytest.mark.parametrize("sample", recorded.SAMPLES)
def test_the_buckets_of_a_recorded_call_sum_to_its_totals(samples: Mapping[str, Posted], sample: str) -> None:
    posting = samples[sample]

    totals = {row["span_id"]: (row["input_tokens"] or 0) + (row["output_tokens"] or 0) for row in posting.rows("spans")}
    for row in posting.rows("ledger"):
        assert (row["tokens"] or 0) == totals[row["span_id"]]
    assert {flag for row in posting.rows("spans") for flag in row["usage_flags"]} == set()


def test_the_documentation_says_of_each_dialect_what_the_recorded_calls_say() -> None:
    text = recorded.DOCS.read_text(encoding="utf-8")

    assert text == recorded.with_table(text), "run `make dialects`"


# -- the rules, one by one


def one(pipeline: Pipeline, values: dict[str, Value], **fields: Any) -> Row:
    return pipeline.post_spans(span(values, **fields)).span


@together(
    ("values", "operation"),
    [
        ({"openinference.span.kind": "LLM"}, "chat"),
        ({"openinference.span.kind": "EMBEDDING"}, "embeddings"),
        ({"openinference.span.kind": "RERANKER"}, "rerank"),
        ({"langfuse.observation.type": "generation"}, "chat"),
        ({"langfuse.observation.type": "span"}, ""),
        ({"ai.operationId": "ai.streamObject.doStream"}, "chat"),
        ({"ai.operationId": "ai.embedMany.doEmbed"}, "embeddings"),
        ({"ai.operationId": "ai.streamObject"}, "invoke_agent"),
        ({"ai.operationId": "ai.toolCall"}, "execute_tool"),
        ({"llm.request.type": "completion"}, "text_completion"),
        ({"mcp.method.name": "tools/call"}, "execute_tool"),
        ({"gen_ai.operation.name": "chat", "openinference.span.kind": "AGENT"}, "chat"),
        ({"gen_ai.operation.name": "Rank.And.Roll"}, "rank.and.roll"),
    ],
    lambda values, operation: span(values),
)
def test_an_operation_in_other_words(stored: Posted, values: dict[str, Value], operation: str) -> None:
    assert stored.span["operation"] == operation


@together(
    ("values", "provider"),
    [
        ({"gen_ai.system": "OpenAI"}, "openai"),
        ({"gen_ai.system": "az.ai.openai"}, "azure.ai.openai"),
        ({"gen_ai.provider.name": "azure.ai.inference"}, "azure.ai.inference"),
        ({"gen_ai.system": "azure.chat"}, "azure.ai.openai"),
        ({"ai.model.provider": "google.vertex.chat"}, "gcp.vertex_ai"),
        ({"ai.model.provider": "anthropic.messages"}, "anthropic"),
        ({"ai.model.provider": "amazon-bedrock"}, "aws.bedrock"),
        ({"llm.provider": "xai", "llm.system": "openai"}, "x_ai"),
        ({"gen_ai.system": "langchain"}, ""),
        ({"gen_ai.system": "langchain", "langsmith.metadata.ls_provider": "anthropic"}, "anthropic"),
        ({"gen_ai.provider.name": "Acme.Labs"}, "acme.labs"),
        ({"langfuse.observation.model.name": "claude-sonnet-4-5"}, "anthropic"),
        ({"langfuse.observation.model.name": "llama-3"}, ""),
        ({"gen_ai.provider.name": "openai", "server.address": "my-own.openai.azure.com"}, "azure.ai.openai"),
        ({"gen_ai.provider.name": "openai", "server.address": "openrouter.ai:443"}, "openrouter"),
        ({"gen_ai.provider.name": "openai", "gen_ai.openai.api_base": "https://api.deepseek.com/v1/"}, "deepseek"),
        ({"gen_ai.system": "openai", "server.address": "bedrock-runtime.eu-west-1.amazonaws.com"}, "aws.bedrock"),
        ({"gen_ai.system": "openai", "server.address": "my-proxy.elb.amazonaws.com"}, "openai"),
        ({"gen_ai.system": "openai", "server.address": "europe-west1-aiplatform.googleapis.com"}, "gcp.vertex_ai"),
    ],
    lambda values, provider: span(values),
)
def test_the_provider_is_who_bills(stored: Posted, values: dict[str, Value], provider: str) -> None:
    assert stored.span["provider"] == provider


@together(
    ("address", "host"),
    [
        ("127.0.0.1:43969", "127.0.0.1"),
        ("api.acme.test", "api.acme.test"),
        ("https://user:word@api.acme.test:8443/v1?x=y", "api.acme.test"),
        ("http://localhost/v1", "localhost"),
        ("::1", "::1"),
        ("http://[::1]:80/", "[::1]"),
    ],
    lambda address, host: span({"server.address": address}),
)
def test_the_address_of_a_server_is_its_host(stored: Posted, address: str, host: str) -> None:
    assert stored.span["server_address"] == host


@together(
    ("said", "reason"),
    [
        ("end_turn", "stop"),
        ("STOP", "stop"),
        (["tool_use"], "tool_calls"),
        ('["tool-calls"]', "tool_calls"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("Something else", "Something else"),
    ],
    lambda said, reason: span({"gen_ai.response.finish_reasons": said}),
)
def test_a_finish_reason_in_other_words(stored: Posted, said: Value, reason: str) -> None:
    assert stored.span["finish_reason"] == reason


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ('[{"role": "assistant", "parts": [], "finish_reason": "end_turn"}]', "stop"),
        ('[{"finish_reason":"stop"},{"parts":[{"content":"a"}],"finish_reason":"tool_call","name":"x"}]', "tool_calls"),
        ('[{"parts":[{"content":"\\"finish_reason\\":\\"length\\"}]"}]}]', ""),
        ('[{"parts":[{"arguments":{"finish_reason":"length"}}]}]', ""),
        ('[{"finish_reason":null}]', ""),
        ("[]", ""),
        ("[", ""),
    ],
)
def test_a_finish_reason_that_only_the_messages_have(pipeline: Pipeline, messages: str, reason: str) -> None:
    row = one(pipeline, {"gen_ai.output.messages": messages})

    assert (row["finish_reason"], row["attributes"]) == (reason, {})


USAGE = "langfuse.observation.usage_details"


@together(
    ("document", "counts"),
    [
        ('{"prompt_tokens": 1200, "prompt_tokens_details": {"cached_tokens": 1024}}', (1200, 1024)),
        ('{"input": 176, "input_cached_tokens": 1024}', (1200, 1024)),
        ('{"input_tokens": 50, "cache_read_input_tokens": 700, "cache_creation_input_tokens": 300}', (1050, 700)),
        ('{"input_tokens": 1200, "input_tokens_details": {"cached_tokens": 1024}}', (1200, 1024)),
        ('{"input": "8"}', (8, None)),
        ('{"input": 8.0}', (8, None)),
        ('{"input": null}', (None, None)),
        ('{"input": [8]}', (None, None)),
        ('{"input": {"deep": {"deeper": 8}}}', (None, None)),
        ('{"input": NaN}', (None, None)),
        ('{"input": 8', (None, None)),
        ("[" * 5000, (None, None)),
        ("", (None, None)),
        ("nothing", (None, None)),
        ('{"input": 8, "' + "x" * 70_000 + '": 1}', (None, None)),
    ],
    lambda document, counts: span({USAGE: document}),
)
def test_usage_in_a_document(stored: Posted, document: str, counts: tuple[int | None, int | None]) -> None:
    row = stored.span

    assert (row["input_tokens"], row["cache_read_tokens"]) == counts
    assert row["attributes"] == {USAGE: document}  # what stands in it is no attribute


def test_what_an_attribute_says_goes_before_what_a_document_says(pipeline: Pipeline) -> None:
    row = pipeline.post_spans(call({USAGE: '{"input": 8}', "gen_ai.usage.input_tokens": 9})).span

    assert row["input_tokens"] == 9


def test_content_is_read_for_what_it_says_of_a_field_and_not_kept(pipeline: Pipeline) -> None:
    row = pipeline.post_spans(span({"request_data": '{"model": "m", "stream": true, "messages": "SECRET"}'})).span

    assert row["streaming"] is True
    assert row["attributes"] == {}


@pytest.mark.parametrize(
    "scope", ["openlit.instrumentation.anthropic", "opentelemetry.instrumentation.genai.bedrock.x"]
)
def test_where_input_leaves_out_what_was_cached_it_is_added(pipeline: Pipeline, scope: str) -> None:
    values: dict[str, Value] = {
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.cache_read.input_tokens": 700,
        "gen_ai.usage.cache_creation.input_tokens": 20,
    }

    there, elsewhere = (pipeline.post(request(resource(call(values), scope=name))).span for name in (scope, "another"))

    assert (there["input_tokens"], there["usage_flags"]) == (1720, [])
    assert (elsewhere["input_tokens"], elsewhere["usage_flags"]) == (1000, [])
    assert there["attributes"]["gen_ai.usage.input_tokens"] == "1000"


@together(
    ("values", "counts"),
    [
        (  # LangSmith has added them up
            {
                "gen_ai.usage.input_tokens": 1050,
                "langsmith.metadata.usage_metadata": '{"input_token_details": {"cache_read": 700, '
                '"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100}}',
            },
            (1050, 700, 300, 100),
        ),
        (  # the raw usage of Anthropic, and its input handed on
            {
                "gen_ai.usage.input_tokens": 50,
                "gen_ai.usage.raw": '{"input_tokens": 50, "cache_read_input_tokens": 700, "cache_creation_input_tokens": 300, '
                '"cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100}}',
            },
            (1050, 700, 300, 100),
        ),
        (  # the same, added up
            {
                "gen_ai.usage.input_tokens": 1050,
                "gen_ai.usage.raw": '{"input_tokens": 50, "cache_read_input_tokens": 700, "cache_creation_input_tokens": 300}',
            },
            (1050, 700, 300, None),
        ),
    ],
    lambda values, counts: span({"gen_ai.operation.name": "chat", **values}),
)
def test_what_was_cached_by_anthropic(stored: Posted, values: dict[str, Value], counts: tuple[int | None, ...]) -> None:
    row = stored.span

    names = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
    assert tuple(row[name] for name in names) == counts
    assert row["usage_flags"] == []


def test_reasoning_beyond_the_output_was_left_out_of_it(pipeline: Pipeline) -> None:
    row = pipeline.post_spans(call({"gen_ai.usage.output_tokens": 45, "gen_ai.usage.reasoning.output_tokens": 50})).span

    assert (row["output_tokens"], row["usage_flags"]) == (95, ["output_excluded_reasoning"])
    assert row["attributes"]["gen_ai.usage.output_tokens"] == "45"


def first_token(after_ns: int, name: str) -> Span.Event:
    return Span.Event(name=name, time_unix_nano=span().start_time_unix_nano + after_ns)


def test_the_first_token_came_when_an_event_says(pipeline: Pipeline) -> None:
    events = [
        first_token(5, "another"),
        first_token(7, "First Token Stream Event"),
        first_token(9, "First Token Stream Event"),
    ]

    row = pipeline.post_spans(call(events=events)).span

    assert (row["ttft_ns"], row["streaming"]) == (7, True)


def test_the_first_token_came_at_the_instant_that_an_attribute_says(pipeline: Pipeline) -> None:
    row = pipeline.post_spans(
        call({"langfuse.observation.completion_start_time": '"2026-11-02T11:59:58.250000Z"'})
    ).span

    assert row["ttft_ns"] == 250_000_000


def test_a_call_that_says_it_was_no_stream_is_none(pipeline: Pipeline) -> None:
    row = pipeline.post_spans(call({"gen_ai.request.stream": False, "ai.response.msToFirstChunk": 12.5})).span

    assert (row["ttft_ns"], row["streaming"]) == (12_500_000, False)


@pytest.mark.parametrize(
    ("message", "error_type"),
    [
        ("Error code: 429 - slow down", "429"),
        ("ModelServerError: status_code: 500, model_name: m", "500"),
        ("it took 429 seconds", "_OTHER"),
    ],
)
def test_a_status_in_the_message_names_a_failure_that_nothing_else_does(
    pipeline: Pipeline, message: str, error_type: str
) -> None:
    exception = {
        "name": "exception",
        "attributes": attributes({"exception.type": "Exception", "exception.message": message}),
    }

    plain = pipeline.post_spans(span(status=failed(message))).span
    raised = pipeline.post_spans(span(status=failed(), events=[exception])).span

    assert plain["error_type"] == error_type
    assert raised["error_type"] == (error_type if error_type != "_OTHER" else "Exception")


def test_an_observation_of_the_level_error_failed(pipeline: Pipeline) -> None:
    row = one(pipeline, {"langfuse.observation.level": "ERROR", "langfuse.observation.status_message": "boom"})

    assert (row["status"], row["error_type"], row["status_message"]) == ("error", "_OTHER", "boom")


def test_tags_of_every_dialect(pipeline: Pipeline) -> None:
    values: dict[str, Value] = {
        "spanledger.tag.plan": "gold",
        "langfuse.trace.metadata.k": '"v"',
        "langfuse.trace.tags": ["a", "b"],
        "langsmith.span.tags": "c, d",
        "traceloop.association.properties.team": "web",
        "traceloop.association.properties.user_id": "u",
        "langsmith.metadata.ls_provider": "openai",
        "langsmith.metadata.tier": "one",
    }

    assert one(pipeline, values)["tags"] == {
        "plan": "gold", "k": "v", "a": "true", "b": "true", "c": "true", "d": "true", "team": "web", "tier": "one",
    }  # fmt: skip


def test_a_conversation_is_a_session_where_there_is_no_other(pipeline: Pipeline) -> None:
    both = one(pipeline, {"gen_ai.conversation.id": "c", "session.id": "s"})
    alone = one(pipeline, {"gen_ai.conversation.id": "c"})

    assert [(row["session_id"], row["conversation_id"]) for row in (both, alone)] == [("s", "c"), ("c", "c")]


def test_the_tool_of_a_span(pipeline: Pipeline) -> None:
    row = one(pipeline, {"ai.operationId": "ai.toolCall", "ai.toolCall.name": "weather", "ai.toolCall.id": "call_1"})

    assert (row["operation"], row["tool_name"], row["tool_call_id"]) == ("execute_tool", "weather", "call_1")
