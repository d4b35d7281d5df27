"""From the queue to the collector: stamped, retried, bounded, counted."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable, Iterator

import pytest
import spanledger
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Tracer
from sdk.loopback import Receiver
from spanledger.stats import Loss

UNAVAILABLE = (503, {"retry-after": "0"}, b"")


@pytest.fixture
def tracer(app: TracerProvider) -> Tracer:
    return app.get_tracer("openlit.test")


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def calls(tracer: Tracer, count: int = 1) -> None:
    for _ in range(count):
        tracer.start_span("chat").end()


def test_each_request_is_stamped_with_process_sequence_and_drops(
    tracer: Tracer, app: TracerProvider, collector: Receiver
) -> None:
    spanledger.instrument(endpoint=collector.url, tracer_provider=app)
    for _ in range(3):
        calls(tracer)
        assert spanledger.flush()
    process = spanledger.stats().process
    assert len(process) == 32
    started = collector.stamps()[0]["started"]
    assert abs(time.time() - started) < 60
    common = {"process": process, "started": started, "dropped": 0}
    stamps = [{**common, "sequence": n, "emitted": n, "sent": n} for n in (1, 2, 3)]
    assert collector.stamps() == stamps
    assert spanledger.shutdown()
    assert collector.stamps() == [*stamps, {**stamps[-1], "sequence": 4, "final": 1}]
    assert len(collector.spans()) == 3


def test_a_redirect_is_not_followed_to_a_page_that_would_say_yes(
    tracer: Tracer, app: TracerProvider, collector: Receiver
) -> None:
    collector.answers.append((302, {"location": f"{collector.url}/login"}, b""))
    spanledger.instrument(endpoint=collector.url, tracer_provider=app)
    calls(tracer)
    assert spanledger.flush()
    assert spanledger.stats().dropped == {Loss.REFUSED: 1}
    assert [post.path for post in collector.posts] == ["/v1/traces"]


def test_a_retry_is_the_same_bytes_and_so_the_same_sequence(
    tracer: Tracer, app: TracerProvider, collector: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    collector.answers += [UNAVAILABLE, (429, {"retry-after": "0"}, b""), (502, {"retry-after": "0"}, b"")]
    spanledger.instrument(endpoint=collector.url, tracer_provider=app)
    calls(tracer)
    assert spanledger.flush()
    assert len({post.body for post in collector.posts}) == 1
    assert len(collector.posts) == 4
    assert gzip.decompress(collector.posts[0].body)
    stats = spanledger.stats()
    assert (stats.requests, stats.delivered, stats.dropped) == (1, 1, {})


def test_what_the_collector_refuses_is_counted_said_once_and_not_sent_again(
    tracer: Tracer, app: TracerProvider, collector: Receiver, log: Callable[[], list[str]]
) -> None:
    collector.answers += [(401, {}, b""), (400, {}, b"")]
    spanledger.instrument(endpoint=collector.url, tracer_provider=app)
    for _ in range(3):
        calls(tracer, 2)
        assert spanledger.flush()
    assert len(collector.posts) == 3
    assert spanledger.stats().dropped == {Loss.REFUSED: 4}
    assert [stamp["dropped"] for stamp in collector.stamps()] == [0, 2, 4]
    url = f"spanledger: {collector.url}/v1/traces"
    assert log() == [
        f"{url} refuses spans (HTTP 401: check SPANLEDGER_API_KEY)",
        f"{url} takes spans again",
    ]


def test_with_no_collector_the_queue_stays_bounded_and_counts_what_it_drops(
    tracer: Tracer, app: TracerProvider, nobody: str, monkeypatch: pytest.MonkeyPatch, log: Callable[[], list[str]]
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5")
    spanledger.instrument(endpoint=nobody, tracer_provider=app)
    calls(tracer, 100)
    assert not spanledger.flush(0.2)
    calls(tracer, 100)
    stats = spanledger.stats()
    assert stats.queued <= 15
    assert stats.dropped[Loss.QUEUE_FULL] == 200 - stats.queued
    assert not spanledger.shutdown()
    assert len(log()) == 1
    assert log()[0].endswith("cannot be reached, spans wait (ConnectionError)")


def test_what_waited_for_the_collector_arrives_when_it_is_back_with_the_drops_in_the_next_stamp(
    tracer: Tracer, app: TracerProvider, collector: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "3")
    collector.away = True
    spanledger.instrument(endpoint=collector.url, tracer_provider=app)
    calls(tracer)
    assert collector.asked.wait(30)  # the first call's request is on its way, and its place in the queue is free
    calls(tracer, 10)
    collector.away = False
    assert spanledger.flush(30)
    stats = spanledger.stats()
    assert (stats.requests, stats.delivered, stats.dropped) == (2, 4, {Loss.QUEUE_FULL: 7})
    assert [(stamp["sequence"], stamp["dropped"]) for stamp in collector.stamps()][-1] == (2, 7)


def test_a_large_queue_leaves_in_requests_of_the_batch_size(
    tracer: Tracer, app: TracerProvider, collector: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
    spanledger.instrument(endpoint=collector.url, tracer_provider=app)
    calls(tracer, 10)
    assert spanledger.flush()
    sizes = [
        sum(len(s.spans) for r in request.resource_spans for s in r.scope_spans) for request in collector.requests()
    ]
    assert sum(sizes) == 10
    assert max(sizes) <= 4


@pytest.fixture
def narrow(collector: Receiver, app: TracerProvider, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    """A collector that takes 5,000 bytes at once, and an app that sends only when it is told to."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
    collector.largest = 5_000
    spanledger.instrument(endpoint=collector.url, tracer_provider=app)
    return collector


def large_calls(tracer: Tracer, *sizes: int) -> None:
    for size in sizes:
        tracer.start_span("chat", attributes={"app.note": "x" * size}).end()


def test_what_is_too_large_for_one_request_goes_in_several_under_one_sequence(
    tracer: Tracer, narrow: Receiver, log: Callable[[], list[str]]
) -> None:
    large_calls(tracer, *[1_000] * 8)
    assert spanledger.flush()
    assert [len(post.body) > 5_000 for post in narrow.posts] == [True, False, False]
    narrow.posts = [post for post in narrow.posts if len(post.body) <= 5_000]
    assert [(stamp["sequence"], stamp["sent"]) for stamp in narrow.stamps()] == [(1, 8)] * 2
    assert len({span.span_id for span in narrow.spans()}) == len(narrow.spans()) == 8
    large_calls(tracer, *[1_000] * 8)
    assert spanledger.flush()
    assert all(len(post.body) <= 5_000 for post in narrow.posts)  # it has learned
    stats = spanledger.stats()
    assert (stats.requests, stats.delivered, stats.dropped, log()) == (2, 16, {}, [])


def test_a_span_that_is_too_large_by_itself_takes_no_other_with_it(
    tracer: Tracer, narrow: Receiver, log: Callable[[], list[str]]
) -> None:
    large_calls(tracer, 100, 100, 6_000, 100, 100)
    assert spanledger.flush()
    stats = spanledger.stats()
    assert (stats.emitted, stats.delivered, stats.dropped) == (5, 4, {Loss.REFUSED: 1})
    assert log()[0].endswith("refuses spans (HTTP 413)")


def test_no_request_is_larger_than_a_collector_takes_as_it_ships(
    tracer: Tracer, app: TracerProvider, collector: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
    spanledger.instrument(endpoint=collector.url, tracer_provider=app)
    large_calls(tracer, *[1 << 20] * 20)
    assert spanledger.flush()
    assert max(len(post.body) for post in collector.posts) <= 16 << 20
    assert len(collector.spans()) == spanledger.stats().delivered == 20


def test_the_key_is_sent_as_a_bearer_token(tracer: Tracer, app: TracerProvider, collector: Receiver) -> None:
    spanledger.instrument(endpoint=collector.url, api_key="secret-key", tracer_provider=app)
    calls(tracer)
    assert spanledger.flush()
    assert collector.posts[0].path == "/v1/traces"
    assert collector.posts[0].headers["authorization"] == "Bearer secret-key"
    assert collector.posts[0].headers["content-type"] == "application/x-protobuf"
