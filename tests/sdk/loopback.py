"""The world around the SDK, on loopback: a provider that answers as OpenAI and Anthropic do, and an OTLP receiver."""

from __future__ import annotations

import gzip
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from sdk import formats

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""

Run = Callable[..., Any]
"""`run(script, **environ)`: see the fixture."""

OPENAI_MODEL = "gpt-4o"
ANTHROPIC_MODEL = "claude-sonnet-4-6"
OPENAI_USAGE = {
    "prompt_tokens": 1200,
    "completion_tokens": 85,
    "total_tokens": 1285,
    "prompt_tokens_details": {"cached_tokens": 1024},
}
OPENAI_COST = (176 * 2.50 + 1024 * 1.25 + 85 * 10.00) / 1e6
ANTHROPIC_USAGE = {
    "input_tokens": 50,
    "output_tokens": 30,
    "cache_read_input_tokens": 700,
    "cache_creation_input_tokens": 300,
    "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
}
ANTHROPIC_COST = (50 * 3.00 + 700 * 0.30 + 200 * 3.75 + 100 * 6.00 + 30 * 15.00) / 1e6

MESSAGES: Any = [{"role": "user", "content": "the secret prompt"}]


@dataclass
class Post:
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """Answers every POST by `answer`, and keeps what it was asked."""

    def __init__(self, answer: Callable[[Post], Answer]) -> None:
        self.posts: list[Post] = []
        self.asked = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # an answer is written in two parts

            def do_POST(handler) -> None:  # noqa: N805
                body = handler.rfile.read(int(handler.headers["content-length"]))
                post = Post(handler.path, {k.lower(): v for k, v in handler.headers.items()}, body)
                self.posts.append(post)
                self.asked.set()
                status, headers, data = answer(post)
                handler.send_response(status)
                for name, value in {"content-length": str(len(data)), **headers}.items():
                    handler.send_header(name, value)
                handler.end_headers()
                handler.wfile.write(data)
                handler.close_connection = "content-length" in headers  # promised more than there is: a broken stream

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            self._http.shutdown()
            thread.join()
            self._http.server_close()


def _json(status: int, body: object) -> Answer:
    return status, {"content-type": "application/json"}, json.dumps(body).encode()


def _events(*events: tuple[str, object]) -> Answer:
    lines = [
        (f"event: {name}\n" if name else "") + f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n"
        for name, data in events
    ]
    return 200, {"content-type": "text/event-stream"}, "".join(lines).encode()


def provider() -> Server:
    """OpenAI under `/v1`, Anthropic at the root, others by their paths: see formats.py.

    A model called `error-429` answers 429; `no-options` refuses `stream_options` as servers that do not know it do; the
    stream of one that begins with `cut-` breaks off in the middle.
    """

    def answer(post: Post) -> Answer:
        request = post.json()
        request["model"] = model = request.get("model") or formats.model_in_path(post.path)
        if model.startswith("error-"):
            status = int(model.removeprefix("error-"))
            return _json(status, {"type": "error", "error": {"type": "api_error", "message": "no"}})
        if model == "no-options" and "stream_options" in request:
            return _json(400, {"error": {"message": "Unrecognized request argument supplied: stream_options"}})
        if (other := formats.answer(post.path, request, OPENAI_USAGE)) is not None:
            return _cut(model, (200, {"content-type": other[0]}, other[1]))
        if post.path == "/v1/messages":
            return _cut(model, _anthropic(request))
        if post.path == "/v1/embeddings":
            usage = {"prompt_tokens": 1000, "total_tokens": 1000}
            data = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
            return _json(200, {"object": "list", "model": model, "data": data, "usage": usage})
        return _cut(model, _openai(request))

    return Server(answer)


def _cut(model: str, answer: Answer) -> Answer:
    status, headers, data = answer
    if not model.startswith("cut-"):
        return answer
    events = data.split(b"\n\n")
    return status, {**headers, "content-length": str(len(data))}, b"\n\n".join(events[: len(events) // 3]) + b"\n\n"


def _openai(request: dict[str, Any]) -> Answer:
    common = {"id": "chatcmpl-1", "created": 1, "model": request["model"]}
    if not request.get("stream"):
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": "{}" if "response_format" in request else "the secret answer"},
            "finish_reason": "stop",
        }
        if formats.asks_for_tool(request):
            choice = {"index": 0, "message": formats.TOOL_MESSAGE, "finish_reason": "tool_calls"}
        return _json(200, {**common, "object": "chat.completion", "choices": [choice], "usage": OPENAI_USAGE})
    asked = (request.get("stream_options") or {}).get("include_usage")
    common |= {"object": "chat.completion.chunk"}
    if asked:
        common |= {"usage": None}
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": "hel"}, None)]
    deltas += [({"content": "lo"}, None), ({}, "stop")]
    chunks = [{**common, "choices": [{"index": 0, "delta": d, "finish_reason": why}]} for d, why in deltas]
    if asked:
        chunks.append({**common, "choices": [], "usage": OPENAI_USAGE})
    return _events(*(("", chunk) for chunk in chunks), ("", "[DONE]"))


def _anthropic(request: dict[str, Any]) -> Answer:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": request["model"]}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    if not request.get("stream"):
        content = [{"type": "text", "text": "the secret answer"}]
        return _json(200, {**message, **ended, "content": content, "usage": ANTHROPIC_USAGE})
    begun = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    usage = {**ANTHROPIC_USAGE, "output_tokens": 1}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**begun, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 30}},
        {"type": "message_stop"},
    ]
    return _events(*((event["type"], event) for event in events))


@dataclass
class Span:
    """A received span, flattened."""

    name: str
    scope: str
    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    error: bool
    attributes: dict[str, Any]
    resource: dict[str, Any] = field(repr=False)


class Receiver(Server):
    """An OTLP endpoint. It takes every request of `largest` bytes at most, or gives the answers in `answers` first, one a
    request; not while `away`.
    """

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.away = False
        self.largest = sys.maxsize
        super().__init__(self._answer)

    def _answer(self, post: Post) -> Answer:
        if self.away:
            return 503, {}, b""
        if len(post.body) > self.largest:
            return 413, {}, b""
        return self.answers.pop(0) if self.answers else (200, {}, b"")

    def requests(self) -> list[ExportTraceServiceRequest]:
        return [
            ExportTraceServiceRequest.FromString(
                gzip.decompress(post.body) if post.headers.get("content-encoding") == "gzip" else post.body
            )
            for post in self.posts
        ]

    def spans(self) -> list[Span]:
        return [
            Span(
                span.name,
                scope.scope.name,
                span.trace_id,
                span.span_id,
                span.parent_span_id,
                span.status.code == span.status.STATUS_CODE_ERROR,
                _flat(span.attributes),
                _flat(resource.resource.attributes),
            )
            for request in self.requests()
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def calls(self) -> list[Span]:
        """The spans of LLM calls."""
        return [span for span in self.spans() if "gen_ai.operation.name" in span.attributes]

    def stamps(self) -> list[dict[str, Any]]:
        """The delivery stamps of each request, in order of arrival."""
        return [
            {
                key.removeprefix("spanledger.export."): value
                for key, value in _flat(request.resource_spans[0].resource.attributes).items()
                if key.startswith("spanledger.export.")
            }
            for request in self.requests()
        ]


def _flat(attributes: Any) -> dict[str, Any]:
    def value(pair: KeyValue) -> Any:
        kind = pair.value.WhichOneof("value")
        return getattr(pair.value, kind) if kind else None

    return {pair.key: value(pair) for pair in attributes}
