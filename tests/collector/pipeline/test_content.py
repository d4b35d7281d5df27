"""Prompts and completions, where they are captured: whatever the dialect, they come to the same messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from collector.pipeline import recorded
from collector.pipeline.otlp import NOW_NS, Pipeline, Posted, Value, call, envelope, request, resource, span
from collector.pipeline.signals import log, logs
from collector.pipeline.together import together
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from spanledger_collector.config import ContentCapture
from spanledger_collector.content import capture
from spanledger_collector.contract import Contract
from spanledger_collector.envelope import Envelope
from spanledger_collector.structured import flattened
from spanledger_collector.wire import Signal

GOLDEN = Path(__file__).parents[2] / "golden"
SYSTEM = ("system", "system", "text", "You are terse.")
USER = ("input", "user", "text", "Say hi")
HELLO = ("output", "assistant", "text", "Hello from fake")
BONJOUR = ("output", "assistant", "text", "Bonjour from fake")
TOOL = ("output", "assistant", "tool_call", '{"city": "Paris"}')
Said = tuple[str, str, str, str]
"""Kind, role, type and content of a part."""


@pytest.fixture(scope="module", autouse=True)
def captured(pipeline: Pipeline) -> Iterator[None]:
    capture(pipeline.store, ContentCapture(capture=True))
    yield
    capture(pipeline.store, ContentCapture())


def as_stored(received: Envelope) -> Envelope:
    """A request as the door has it stored."""
    body = flattened(received.signal, received.request, Contract.load().is_content)
    return envelope(body, received.received_at, received.signal)


def written(*spans: Span) -> Envelope:
    return as_stored(envelope(request(resource(*spans))))


def post(pipeline: Pipeline, body: bytes, signal: Signal = Signal.TRACES, received_at: int = NOW_NS) -> Posted:
    return pipeline.post_envelopes(as_stored(envelope(body, received_at, signal)))


def said(posted: Posted) -> list[Said]:
    """All parts of all messages, JSON written in one way."""
    rows = sorted(posted.rows("span_content"), key=lambda row: (row["timestamp"], row["span_id"], row["direction"]))
    return [
        (message["kind"], message["role"], part["type"], normal(part["content"]))
        for row in rows
        for message in row["messages"]
        for part in message["parts"]
    ]


def normal(text: str) -> str:
    try:
        return json.dumps(json.loads(text)) if text.startswith("{") else text
    except ValueError:
        return text


def of_span(pipeline: Pipeline, values: dict[str, Value], **fields: Any) -> list[Said]:
    return said(post(pipeline, request(resource(span(values, **fields)))))


@together(
    ("name", "expected"),
    [
        ("langfuse-openai", {SYSTEM, USER, HELLO, TOOL}),
        ("langsmith-openai", {SYSTEM, USER, HELLO}),
        ("logfire-openai", {SYSTEM, USER, HELLO, TOOL}),
        ("mistralai-native", {HELLO, ("input", "user", "text", "hi")}),
        ("openinference-anthropic", {SYSTEM, USER, BONJOUR, TOOL}),
        ("openinference-openai", {SYSTEM, USER, HELLO, TOOL}),
        ("openinference-openai-dual", {SYSTEM, USER, HELLO, TOOL}),
        ("openlit-anthropic", {SYSTEM, USER, BONJOUR, TOOL}),
        ("otel-genai-anthropic", {SYSTEM, USER, BONJOUR, TOOL}),
        ("otel-genai-anthropic-plus-native-dup", {SYSTEM, USER, BONJOUR, TOOL}),
        ("otel-genai-langchain", {USER, HELLO}),
        ("otel-genai-openai", {SYSTEM, USER, HELLO, TOOL}),
        ("otel-genai-openai-agents-plus-openai", {USER, HELLO, ("system", "system", "text", "terse")}),
        ("pydantic-ai", {SYSTEM, USER, HELLO, BONJOUR}),
        ("traceloop-legacy-openai", {SYSTEM, USER, HELLO, TOOL}),
        ("traceloop-openai", {SYSTEM, USER, HELLO, TOOL}),
        ("vercel-ai-sdk-6", {SYSTEM, USER, HELLO, TOOL}),
    ],
    lambda name, expected: as_stored(recorded.received(name)),
)
def test_what_was_said_in_recorded_spans_is_the_same_in_every_dialect(
    stored: Posted, name: str, expected: set[Said]
) -> None:
    assert expected <= set(said(stored))
    calls = [
        p
        for row in stored.rows("span_content")
        for m in row["messages"]
        for p in m["parts"]
        if p["type"] == "tool_call"
    ]
    assert {call["name"] for call in calls} <= {"get_weather"}
    assert all(call["id"] for call in calls)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("openlit-anthropic", {SYSTEM, USER, BONJOUR, TOOL}),
        ("otel-openai-v2-legacy", {SYSTEM, USER, HELLO, TOOL}),
        ("otel-botocore-bedrock", set()),
    ],
)
def test_what_was_said_in_recorded_events_too_and_of_their_spans(
    pipeline: Pipeline, name: str, expected: set[Said]
) -> None:
    body = (GOLDEN / f"{name}.logs.pb").read_bytes()
    [sent] = ExportLogsServiceRequest.FromString(body).resource_logs
    records = [record for scope in sent.scope_logs for record in scope.log_records]

    posted = post(pipeline, body, Signal.LOGS, max(record.observed_time_unix_nano for record in records))

    assert expected <= set(said(posted)) and bool(said(posted)) == bool(expected)
    assert {(row["trace_id"], row["span_id"]) for row in posted.rows("span_content")} <= {
        (record.trace_id.hex(), record.span_id.hex()) for record in records
    }


# -- shapes


CHAT: list[Any] = [{"role": "system", "content": "S"}, {"role": "user", "content": [{"type": "text", "text": "U"}]}]


ROLES = [("system", "S"), ("user", "U")]


@together(
    "values",
    [
        {"gen_ai.input.messages": json.dumps(CHAT)},
        {"gen_ai.input.messages": CHAT},
        {"gen_ai.input.messages": [{"role": role, "parts": [{"type": "text", "content": said}]} for role, said in ROLES]},
        {"input.value": json.dumps({"system": "S", "messages": [{"role": "user", "content": "U"}], "model": "m"})},
        {"input.value": json.dumps({"instructions": "S", "input": "U", "model": "m"})},
        {"ai.prompt": json.dumps({"system": "S", "prompt": "U"})},
        {"gen_ai.system_instructions": "S", "gen_ai.input.messages": json.dumps([{"role": "human", "content": "U"}])},
        {"llm.input_messages.0.message.role": "system", "llm.input_messages.0.message.content": "S",
         "llm.input_messages.1.message.role": "user", "llm.input_messages.1.message.contents.0.message_content.text": "U"},
    ],
    lambda values: written(span(values)),
)  # fmt: skip
def test_prompts_come_to_the_same_whatever_shape_they_were_written_in(stored: Posted, values: dict[str, Value]) -> None:
    assert sorted(said(stored)) == [("input", "user", "text", "U"), ("system", "system", "text", "S")]


def of_part(part: dict[str, Any]) -> Span:
    document = json.dumps([{"role": "assistant", "parts": [part]}], separators=(",", ":"))
    return span({"gen_ai.output.messages": document})


@together(
    ("part", "expected"),
    [
        ({"type": "reasoning", "content": "hm"}, ("reasoning", "hm", "", "")),
        ({"type": "thinking", "thinking": "hm", "signature": "x"}, ("reasoning", "hm", "", "")),
        ({"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}, ("tool_call", '{"a":1}', "t1", "f")),
        ({"type": "tool_call", "id": "t1", "name": "f", "arguments": None}, ("tool_call", "", "t1", "f")),
        ({"type": "tool_result", "tool_use_id": "t1", "content": "sun"}, ("tool_call_response", "sun", "t1", "")),
        ({"type": "tool_call_response", "id": "t1", "response": {"a": [1]}}, ("tool_call_response", '{"a":[1]}', "t1", "")),
        ({"type": "blob", "mime_type": "image/png", "content": "aGk="}, ("blob", "aGk=", "", "image/png")),
        ({"type": "file", "file_id": "file-1"}, ("file", "file-1", "", "")),
        ({"type": "uri", "uri": "https://a/b.png"}, ("uri", "https://a/b.png", "", "")),
        ({"type": "image_url", "image_url": {"url": "https://a"}}, ("uri", '{"url":"https://a"}', "", "")),
        ({"type": "never seen", "thing": 1}, ("text", '{"type":"never seen","thing":1}', "", "")),
    ],
    lambda part, expected: written(of_part(part)),
)  # fmt: skip
def test_each_part_has_a_type_of_the_conventions_and_its_ids(
    stored: Posted, part: dict[str, Any], expected: tuple[str, ...]
) -> None:
    [row] = stored.rows("span_content")
    [message] = row["messages"]
    got = [(p["type"], p["content"], p["id"], p["name"]) for p in message["parts"]]
    assert got == [expected]


def test_a_tool_message_answers_the_call_that_it_names(pipeline: Pipeline) -> None:
    called = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ]

    posted = post(pipeline, request(resource(span({"gen_ai.input.messages": json.dumps(messages)}))))

    [row] = posted.rows("span_content")
    parts = [(m["role"], p["type"], p["content"], p["id"]) for m in row["messages"] for p in m["parts"]]
    assert parts == [("assistant", "tool_call", "{}", "c1"), ("tool", "tool_call_response", "sunny", "c1")]


def test_the_arguments_and_the_result_of_a_tool_have_its_name(pipeline: Pipeline) -> None:
    values: dict[str, Value] = {
        "gen_ai.tool.name": "f", "gen_ai.tool.call.id": "c1", "gen_ai.tool.call.arguments": {"a": 1}, "gen_ai.tool.call.result": "sunny",
    }  # fmt: skip

    posted = post(pipeline, request(resource(span(values))))

    parts = [
        (m["kind"], *p.values()) for row in posted.rows("span_content") for m in row["messages"] for p in m["parts"]
    ]
    assert sorted(parts) == [
        ("input", "tool_call", '{"a": 1}', "c1", "f"), ("output", "tool_call_response", "sunny", "c1", "f"),
    ]  # fmt: skip


def test_of_sources_that_say_the_same_the_best_is_kept_once(pipeline: Pipeline) -> None:
    values: dict[str, Value] = {
        "input.value": "U", "gen_ai.prompt": "U", "gen_ai.input.messages": "", "llm.input_messages.0.message.content": "U",
    }  # fmt: skip

    posted = post(pipeline, request(resource(span(values))))

    [row] = posted.rows("span_content")
    assert row["direction"] == "input" and said(posted) == [("input", "user", "text", "U")]


TEXTS = st.text(max_size=60) | st.binary(max_size=20).map(lambda raw: raw.decode("latin-1"))


@settings(max_examples=4)
@given(st.lists(TEXTS, min_size=10, max_size=20))
def test_whatever_a_content_attribute_holds_is_kept_and_nothing_fails(pipeline: Pipeline, texts: list[str]) -> None:
    calls = [call({"gen_ai.prompt": f'{{"{text}', "gen_ai.completion": f"[{text}"}) for text in texts]

    for text, posted in zip(texts, pipeline.post_each(*map(written, calls)), strict=True):
        assert posted.counts["spans"] == 1
        assert {content for _, _, _, content in said(posted)} == {f'{{"{text}', f"[{text}"}


def test_json_of_any_shape_is_kept(pipeline: Pipeline) -> None:
    shapes: list[Any] = [
        1,
        True,
        "x",
        [1, [2]],
        {"a": {"b": []}},
        [{"role": "user", "x": 1}],
        {"messages": 1},
        {"messages": [1]},
        {"choices": [{}]},
    ]
    spans = [span({"gen_ai.output.messages": json.dumps(shape)}) for shape in shapes]
    for shape, posted in zip(shapes, pipeline.post_each(*map(written, spans)), strict=True):
        assert said(posted), shape


def test_what_was_said_of_a_span_is_one_row_in_order(pipeline: Pipeline) -> None:
    ids = {"trace_id": b"\x41" * 16, "span_id": b"\x42" * 8}
    values: dict[str, Value] = {
        "gen_ai.input.messages": json.dumps(CHAT),
        "gen_ai.system_instructions": '[{"type":"text","content":"S"}]',
    }
    post(pipeline, request(resource(call(values, **ids))))
    choice = log(event_name="gen_ai.choice", body={"message": {"content": "A"}}, **ids)
    again = log(
        {"gen_ai.input.messages": json.dumps(CHAT)}, event_name="gen_ai.client.inference.operation.details", **ids
    )
    post(pipeline, logs(choice, again), Signal.LOGS)

    [row] = pipeline.ask(f"SELECT * FROM spanledger.trace_content(trace_id='{'41' * 16}', project='')")

    assert row["span_id"] == "42" * 8
    assert [(m["kind"], m["role"], m["parts"][0]["content"]) for m in row["messages"]] == [
        ("system", "system", "S"), ("input", "user", "U"), ("output", "assistant", "A"),
    ]  # fmt: skip


def test_secrets_are_redacted_before_they_are_stored(pipeline: Pipeline) -> None:
    key = "sk-ant-api03-" + "a1B2" * 8

    [(_, _, _, content)] = of_span(pipeline, {"input.value": f"my key is {key}"})

    assert key not in content and "my key is" in content


def test_a_span_that_is_refused_leaves_no_content(pipeline: Pipeline) -> None:
    assert of_span(pipeline, {"input.value": "U"}, span_id=b"short") == []
    assert of_span(pipeline, {"input.value": "U"}, start_time_unix_nano=2**64 - 1) == []
