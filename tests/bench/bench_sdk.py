"""What `instrument()` adds to a call on the caller's thread, beyond the bare instrumentor.

    python tests/bench/bench_sdk.py

The real `openai` client, which answers from memory where it would post, so that the difference of a few microseconds
does not drown in a millisecond of HTTP. Rounds of the bare instrumentor (on an OpenTelemetry provider without any
processor) and of `spanledger.instrument()` take turns; the figure is the difference of neighbours. Spans are exported
for real meanwhile, to a receiver in another process. Time is the caller's own (`time.thread_time`): what the background
thread does is not part of it.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

import httpx2
import openai
import spanledger
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider

ROUNDS = 200
CALLS = 20
MESSAGES: Any = [{"role": "user", "content": "hello"}]
COMMON = {"id": "chatcmpl-1", "created": 1, "model": "gpt-4o-2024-08-06"}
USAGE = {"prompt_tokens": 1200, "completion_tokens": 85, "total_tokens": 1285}
COMPLETION = ChatCompletion.model_validate(
    {
        **COMMON,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
        "usage": USAGE,
    }
)
CHUNK = {**COMMON, "object": "chat.completion.chunk"}
CHUNKS = [
    json.dumps({**CHUNK, "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]})
    for word in ("one", "two", "three")
]
USAGE_CHUNK = json.dumps({**CHUNK, "choices": [], "usage": USAGE})


class Client(openai.OpenAI):
    """Answers from memory where the real one posts: what is left is the client's own front, and what wraps it."""

    def post(self, path: str, *, body: Any = None, stream: bool = False, **_: Any) -> Any:
        if not stream:
            return COMPLETION
        lines = [*CHUNKS, USAGE_CHUNK] if (body.get("stream_options") or {}).get("include_usage") else CHUNKS
        content = "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()
        return openai.Stream(cast_to=ChatCompletionChunk, response=httpx2.Response(200, content=content), client=self)


def receive(ready: Connection) -> None:
    """The other process: takes every request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    ready.send(server.server_port)
    server.serve_forever()


def microseconds(call: Callable[[], object], around: Callable[[], AbstractContextManager[object]]) -> float:
    """Of the calling thread, for the quickest of a few calls: other work on the machine only ever makes one slower."""
    quickest = float("inf")
    for turn in range(CALLS + 2):
        begin = time.thread_time_ns()
        with around():
            call()
        if turn >= 2:  # the first ones fill caches, and start our thread
            quickest = min(quickest, (time.thread_time_ns() - begin) / 1000)
    return quickest


def for_acme() -> AbstractContextManager[object]:
    return spanledger.attribute(team="search", feature="answers", customer="acme")


def compare(endpoint: str, call: Callable[[], object], attributed: bool) -> tuple[float, float, float]:
    """Microseconds: a bare call; what ours adds, the median of neighbouring rounds, and between the quickest of all."""

    def measure_bare() -> None:
        OpenAIInstrumentor().instrument(tracer_provider=TracerProvider(shutdown_on_exit=False))
        without.append(microseconds(call, nullcontext))
        OpenAIInstrumentor().uninstrument()

    def measure_ours() -> None:
        spanledger.instrument(endpoint=endpoint, tracer_provider=TracerProvider(shutdown_on_exit=False))
        ours.append(microseconds(call, for_acme if attributed else nullcontext))
        assert spanledger.shutdown(), "the receiver takes every span"

    without: list[float] = []
    ours: list[float] = []
    gc.disable()
    for turn in range(ROUNDS):
        # Whichever is first finds the caches as the round before left them, so they take turns at that as well.
        first, second = (measure_bare, measure_ours) if turn % 2 else (measure_ours, measure_bare)
        first()
        second()
        if turn % 20 == 0:
            gc.collect()
    gc.enable()
    return median(without), median(b - a for a, b in zip(without, ours, strict=True)), min(ours) - min(without)


def main() -> None:
    here, there = multiprocessing.Pipe()
    receiver = multiprocessing.get_context("spawn").Process(target=receive, args=(there,), daemon=True)
    receiver.start()
    endpoint = f"http://127.0.0.1:{here.recv()}"
    client = Client(api_key="k")

    def chat() -> object:
        return client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    def stream() -> object:
        return list(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))

    def asked_stream() -> object:
        options: Any = {"include_usage": True}
        return list(
            client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True, stream_options=options)
        )

    print(f"{'us a call on the caller thread':<44}{'bare':>9}{'added: median':>16}{'min':>8}")
    cases: list[tuple[str, Callable[[], object], bool]] = [
        ("chat", chat, False),
        ("chat, in attribute() of three names", chat, True),
        ("stream whose usage the app asks for", asked_stream, False),
        ("stream, one more chunk for its usage", stream, False),
    ]
    for name, call, attributed in cases:
        without, added, least = compare(endpoint, call, attributed)
        print(f"{name:<44}{without:>9.1f}{added:>16.1f}{least:>8.1f}", flush=True)
    receiver.terminate()


if __name__ == "__main__":
    main()
