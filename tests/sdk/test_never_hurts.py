"""Whatever goes wrong in what we put in place, the app's call returns or raises what it would have without us."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import openai
import pytest
import spanledger
from opentelemetry import context
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from sdk.loopback import MESSAGES, OPENAI_MODEL, Answer, Post, Receiver, Server
from spanledger import encoding, outbox, processor, sampling, transport

pytestmark = pytest.mark.usefixtures("expects_faults")
LONGEST = 20.0
"""Seconds that a call to a server on this machine may take on a busy machine: what waits here waits for an hour."""


class OursError(Exception):
    """What goes wrong in our own code, and must not come out."""


def fails(with_: BaseException) -> Callable[..., Any]:
    def failing(*_: Any, **__: Any) -> Any:
        raise with_

    return failing


def deeper(*args: Any, **kwargs: Any) -> Any:
    return deeper(*args, **kwargs)


Break = Callable[[pytest.MonkeyPatch], None]


def at(owner: Any, name: str, by: Callable[..., Any]) -> Break:
    """A hole in our own code. It is what these tests are about, and no public door leads to it."""
    return lambda patch: patch.setattr(owner, name, by)


@contextmanager
def deaf() -> Iterator[str]:
    """Accepts, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def saying(said: bytes) -> Iterator[str]:
    """Answers every connection with the same bytes, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        done = threading.Event()

        def answer() -> None:
            while not done.is_set():
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(5)
                    connection.recv(65_536)
                    connection.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        done.set()
        socket.create_connection(listening.getsockname()).close()
        thread.join()


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    def same(_: Post) -> Answer:
        return answer

    server = Server(same)
    with server.running():
        yield server.url


@contextmanager
def nowhere(url: str) -> Iterator[str]:
    yield url


@dataclass(frozen=True)
class Trouble:
    broken: Break = lambda patch: None
    where: Callable[[], Any] | None = None
    """The collector, where it is the trouble."""
    queue: str = "2048"
    disk: str = ""


class Clock:
    """The system's clock, as somebody sets it: by days, back and forth, at every reading."""

    def __init__(self) -> None:
        self.readings = 0

    def __call__(self) -> int:
        self.readings += 1
        return time.monotonic_ns() + 10**18 + (10**15 if self.readings % 2 else -(10**15))


def jumping(patch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    patch.setattr(time, "time_ns", clock)
    patch.setattr(time, "time", lambda: clock() / 1e9)


TROUBLES = {
    "processor raises at a span's start": Trouble(at(processor, "current", fails(OursError()))),
    "processor raises at a span's end": Trouble(at(processor, "_has_genai_scope", fails(OursError()))),
    "queue raises": Trouble(at(outbox.Outbox, "put", fails(OursError()))),
    "no memory for the queue": Trouble(at(outbox.Outbox, "put", fails(MemoryError()))),
    "no thread can be started": Trouble(at(outbox.Outbox, "_start", fails(RuntimeError("can't start new thread")))),
    "ours recurses without end at a span's start": Trouble(at(processor, "current", deeper)),
    "ours recurses without end at a span's end": Trouble(at(processor, "_has_genai_scope", deeper)),
    "price look-up raises": Trouble(at(encoding, "_scalar", fails(OursError()))),
    "encoder raises": Trouble(at(encoding, "encode_spans", fails(OursError()))),
    "no memory for the encoder": Trouble(at(encoding, "encode_spans", fails(MemoryError()))),
    "exporter raises": Trouble(at(transport.Transport, "post", fails(OursError()))),
    "exporter cannot be made": Trouble(at(transport.Transport, "__init__", fails(OursError()))),
    "instrumentor raises at instrument()": Trouble(at(OpenAIInstrumentor, "instrument", fails(OursError()))),
    "our tracing raises at instrument()": Trouble(at(sampling.FullRecording, "__init__", fails(OursError()))),
    "queue is full": Trouble(where=deaf, queue="1"),
    "clock jumps": Trouble(jumping),
    "name of the collector is not known": Trouble(where=lambda: nowhere("http://collector.invalid:4318")),
    "nobody listens": Trouble(where=lambda: nowhere("http://127.0.0.1:9")),
    "collector accepts and hangs": Trouble(where=deaf),
    "collector hangs up": Trouble(where=lambda: saying(b"")),
    "collector answers no HTTP": Trouble(where=lambda: saying(b"\x00\xffgarbage\r\n\r\n" * 1000)),
    "collector answers half a head": Trouble(where=lambda: saying(b"HTTP/1.1 200 OK\r\nContent-Le")),
    "collector answers a length that is none": Trouble(
        where=lambda: saying(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")
    ),
    "collector answers less than it says": Trouble(
        where=lambda: saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1")
    ),
    "collector answers without end": Trouble(where=lambda: answering((200, {}, b"x" * 10_000_000))),
    "collector answers a page": Trouble(where=lambda: answering((200, {"content-type": "text/html"}, b"<html>"))),
    "collector fails": Trouble(where=lambda: answering((500, {}, b"no"))),
    "collector asks to wait for ever": Trouble(where=lambda: answering((503, {"retry-after": "1e300"}, b""))),
    "disk queue cannot be made": Trouble(where=lambda: nowhere("http://127.0.0.1:9"), disk="/dev/full/queue"),
    "disk queue is a file": Trouble(where=lambda: nowhere("http://127.0.0.1:9"), disk="/etc/hostname"),
}


def outcome(call: Callable[[], Any]) -> tuple[str, Any]:
    """What the app sees: the answer, or the error with its type and its words."""
    try:
        return "returned", call()
    except Exception as error:
        return type(error).__name__, str(error)


def app_calls(client: openai.OpenAI) -> list[tuple[str, Any]]:
    def chat(model: str) -> Any:
        return client.chat.completions.create(model=model, messages=MESSAGES).to_dict()

    def stream() -> Any:
        stream = client.chat.completions.create(model=OPENAI_MODEL, messages=MESSAGES, stream=True)
        return stream.__class__, [chunk.to_dict() for chunk in stream]

    with spanledger.attribute(team="search"):
        return [outcome(lambda: chat(OPENAI_MODEL)), outcome(lambda: chat("error-429")), outcome(stream)]


@pytest.mark.parametrize("name", TROUBLES)
def test_the_apps_calls_do_what_they_did(
    name: str, client: openai.OpenAI, app: TracerProvider, monkeypatch: pytest.MonkeyPatch, collector: Receiver
) -> None:
    trouble = TROUBLES[name]
    before = app_calls(client)
    assert [what for what, _ in before] == ["returned", "RateLimitError", "returned"]
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", trouble.queue)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600")
    with (trouble.where or (lambda: nowhere(collector.url)))() as url:
        with monkeypatch.context() as patch:
            trouble.broken(patch)
            around = context.get_current()
            spanledger.instrument(endpoint=url, disk_queue=trouble.disk or None, tracer_provider=app)
            for _ in range(3):
                began = time.perf_counter()
                assert app_calls(client) == before
                assert time.perf_counter() - began < LONGEST
            spanledger.flush(0.05)
            began = time.perf_counter()
            spanledger.shutdown(0.2)
            assert time.perf_counter() - began < LONGEST
            assert context.get_current() == around
        assert app_calls(client) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_is_the_apps_own_is_not_swallowed(
    error: type[BaseException], app: TracerProvider, collector: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while our code runs is for the app."""
    spanledger.instrument(endpoint=collector.url, tracer_provider=app)
    monkeypatch.setattr(processor, "_has_genai_scope", fails(error()))
    with pytest.raises(error):
        app.get_tracer("openlit.app").start_span("chat").end()
    monkeypatch.undo()


def test_a_log_handler_of_the_apps_that_raises_does_not_bring_our_warning_into_its_call(
    app: TracerProvider, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    import logging

    class Strict(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise RuntimeError("no warnings here")

    strict = Strict()
    logging.getLogger("spanledger").addFilter(strict)
    try:
        monkeypatch.setattr(processor, "_has_genai_scope", fails(OursError()))
        spanledger.faults.faults.count = 0
        spanledger.instrument(endpoint="http://127.0.0.1:9", tracer_provider=app)
        assert client.chat.completions.create(model=OPENAI_MODEL, messages=MESSAGES).id == "chatcmpl-1"
        spanledger.shutdown(0)
    finally:
        logging.getLogger("spanledger").removeFilter(strict)


def test_with_the_collector_away_memory_stays_bounded_and_drops_are_counted_to_the_last(app: TracerProvider) -> None:
    """bench_outage.py does this with ten million."""
    spanledger.instrument(endpoint="http://127.0.0.1:9", tracer_provider=app)
    tracer = app.get_tracer("openlit.app")
    for _ in range(20_000):
        tracer.start_span("chat").end()
    gc.collect()
    stats = spanledger.stats()
    assert stats.emitted == 20_000
    assert stats.queued + sum(stats.dropped.values()) == 20_000
    assert stats.queued <= 2048 + 512
    spanledger.shutdown(0)
    assert sum(spanledger.stats().dropped.values()) == 0  # a new start
