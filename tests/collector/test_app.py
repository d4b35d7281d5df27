"""The collector over HTTP, as any OTLP exporter meets it."""

from __future__ import annotations

import gzip
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
import uvicorn
from collector.rig import DEADLINE, PROTOBUF, kept, until
from collector.traffic import as_json, call, calls, log_request, metric_request, request
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from spanledger_collector.app import Limits, collector_app
from spanledger_collector.door import Door
from spanledger_collector.keys import Keys, Scope
from spanledger_collector.platform import bind
from spanledger_collector.spool import Spool, SpoolSettings
from spanledger_collector.wire import Signal

LIMIT = 100_000


class Collector:
    """The app on a spool that nothing empties."""

    def __init__(self, folder: Path, url: str, spool: Spool, door: Door, keys: Keys) -> None:
        self.folder, self.url, self.spool, self.door, self.keys = folder, url, spool, door, keys
        self.problem = ""
        self.refused: list[int] = []
        self.taken: list[str] = []
        self.http = httpx2.Client(base_url=url, timeout=DEADLINE, trust_env=False)

    def hear(self, protocol: str, status: int) -> None:
        self.refused.append(status)

    def send(self, body: bytes, **headers: str) -> httpx2.Response:
        given = PROTOBUF | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post("/v1/traces", content=body, headers=given)

    def kept(self) -> list[bytes]:
        return [envelope.request for envelope in kept(self.spool)]


@contextmanager
def served(folder: Path, settings: SpoolSettings) -> Iterator[Collector]:
    spool, keys = Spool(folder / "spool", settings), Keys(folder / "keys.json")
    clock = iter(range(1, 10**9)).__next__
    door = Door(spool, keys, clock, open_door=True)
    listening = bind("127.0.0.1", 0, "--otlp-port")
    here = Collector(folder, f"http://127.0.0.1:{listening.getsockname()[1]}", spool, door, keys)
    app = collector_app(
        door, lambda: here.problem, lambda: b"# none\n", here.taken.append, here.hear, Limits(body=LIMIT)
    )
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none", http="httptools"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    until(lambda: server.started)
    try:
        yield here
    finally:
        here.http.close()
        server.should_exit = True
        thread.join()
        spool.close()
        spool.journal.close()


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    with served(tmp_path, SpoolSettings(seal_after=3600)) as here:
        yield here


def explained(answer: httpx2.Response) -> Status:
    """The OTLP body of a refusal."""
    assert answer.headers["content-type"] == "application/x-protobuf"
    said = Status.FromString(answer.content)
    assert said.message
    return said


# -- taken


def test_a_request_is_acknowledged_with_an_empty_otlp_response(collector: Collector) -> None:
    body = request(calls(2))
    answer = collector.send(body)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert collector.kept() == [body]


def test_gzip_is_unpacked_so_that_a_retry_packed_otherwise_is_the_same_request(collector: Collector) -> None:
    body = request(calls(2))
    for packed, encoding in [(gzip.compress(body, 9), "gzip"), (gzip.compress(body, 1), "GZIP"), (body, "identity")]:
        assert collector.send(packed, content_encoding=encoding).status_code == 200
    assert collector.kept() == [body]


@pytest.mark.parametrize(
    ("encoding", "pack"), [("identity", bytes), ("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_json_is_the_same_request_as_its_protobuf_form_and_is_answered_in_json(
    collector: Collector, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    body = request(calls(2))
    text = as_json(body)
    for _ in range(2):
        answer = collector.send(pack(text), content_type="application/json; charset=utf-8", content_encoding=encoding)
        assert (answer.status_code, answer.json()) == (200, {})
        assert answer.headers["content-type"] == "application/json"
    assert collector.send(body).status_code == 200
    assert collector.kept() == [body]


def test_a_refusal_of_json_is_a_status_in_json_that_says_where(collector: Collector) -> None:
    for path, body, said in [
        ("/v1/traces", b'{"resourceSpans": [}', "line 1 column 20"),
        ("/v1/logs", b'{"resourceLogs": [5]}', "resourceLogs[0]: 5 is no object"),
        ("/v1/metrics", b'{"resourceMetrics": 1}', "resourceMetrics: 1 is no array"),
    ]:
        answer = collector.http.post(path, content=body, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (400, 3)
        assert said in answer.json()["message"]
    assert collector.kept() == []


def test_a_body_in_chunks_of_any_size_is_one_request(collector: Collector) -> None:
    body = request(calls(5))
    answer = collector.http.post("/v1/traces", content=iter([body[:1], body[1:900], body[900:]]), headers=PROTOBUF)
    assert answer.status_code == 200
    assert collector.kept() == [body]


def test_the_content_type_may_carry_parameters(collector: Collector) -> None:
    body = request(calls(1))
    answer = collector.send(body, content_type="Application/X-Protobuf; charset=utf-8")
    assert answer.status_code == 200


def test_strings_that_are_no_utf_8_are_taken(collector: Collector) -> None:
    body = request(calls(1)).replace(b"gpt-4o", b"gp\xff\xfe4o")
    assert collector.send(body).status_code == 200
    assert collector.kept() == [body]


def test_identical_requests_at_once_are_acknowledged_and_stored_once(collector: Collector) -> None:
    body = request(calls(3))
    with ThreadPoolExecutor(8) as pool:
        assert {answer.status_code for answer in pool.map(lambda _: collector.send(body), range(32))} == {200}
    assert collector.kept() == [body]


# -- refused


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"no protobuf", {}, 400, 3),
        (b"no gzip", {"content_encoding": "gzip"}, 400, 3),
        (gzip.compress(b"", mtime=0)[:-1], {"content_encoding": "gzip"}, 400, 3),
        (gzip.compress(b"", mtime=0) + gzip.compress(b"more", mtime=0), {"content_encoding": "gzip"}, 400, 3),
        (b"", {"authorization": "Bearer sl_0_wrong"}, 401, 16),
        (b"\x0a\x00" * LIMIT, {}, 413, 3),
        (gzip.compress(bytes(LIMIT + 1), mtime=0), {"content_encoding": "gzip"}, 413, 3),
        (b"{}", {"content_type": "text/json"}, 415, 3),
        (b"", {"content_type": ""}, 415, 3),
        (b"", {"content_encoding": "br"}, 415, 3),
    ],
)
def test_a_refusal_says_why_in_an_otlp_status(
    collector: Collector, body: bytes, headers: dict[str, str], status: int, code: int
) -> None:
    answer = collector.send(body, **headers)

    assert answer.status_code == status
    assert explained(answer).code == code
    assert collector.refused == [status]
    assert collector.send(request(calls(1))).status_code == 200  # the connection and the collector are well
    assert len(collector.kept()) == 1


def test_a_body_at_the_limit_is_taken_and_one_byte_more_is_not(collector: Collector) -> None:
    span = call()
    padding = LIMIT - len(request([span], service="x" * (LIMIT // 2))) + LIMIT // 2
    exact, more = request([span], service="x" * padding), request([span], service="x" * (padding + 1))
    assert (len(exact), len(more)) == (LIMIT, LIMIT + 1)
    for encoding, pack in (("identity", bytes), ("gzip", gzip.compress)):
        assert collector.send(pack(exact), content_encoding=encoding).status_code == 200
        assert collector.send(pack(more), content_encoding=encoding).status_code == 413


def test_a_gzip_bomb_is_refused_without_being_unpacked(collector: Collector) -> None:
    bomb = gzip.compress(bytes(80 << 20))  # 80 MB in 80 KB
    assert len(bomb) < LIMIT
    assert collector.send(bomb, content_encoding="gzip").status_code == 413


def test_a_key_that_may_only_read_is_forbidden_to_send(collector: Collector) -> None:
    reader = collector.keys.create("web", [Scope.READ], datetime.now(UTC))
    answer = collector.send(request(calls(1)), authorization=f"Bearer {reader}")
    assert answer.status_code == 403 and explained(answer).code == 7


def test_a_damaged_key_file_is_nobodys_fault_and_asks_for_a_retry(collector: Collector) -> None:
    (collector.folder / "keys.json").write_text("{")
    answer = collector.send(request(calls(1)))
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0


def test_a_full_spool_asks_for_a_retry_after_a_while(tmp_path: Path) -> None:
    with served(tmp_path, SpoolSettings(seal_after=3600, limit=2_000)) as collector:
        while (answer := collector.send(request(calls(1)))).status_code == 200:
            pass
        assert answer.status_code == 503
        assert explained(answer).code == 14
        assert int(answer.headers["retry-after"]) > 0
        assert len(collector.kept()) == collector.door.accepted > 0


def test_what_is_no_signal_is_not_found_and_signals_are_only_posted(collector: Collector) -> None:
    assert collector.http.get("/v1/traces").status_code == 405
    assert collector.http.post("/v1/profiles", content=b"", headers=PROTOBUF).status_code == 404


@pytest.mark.parametrize(("signal", "body"), [(Signal.LOGS, log_request(3)), (Signal.METRICS, metric_request(2))])
def test_logs_and_metrics_are_acknowledged_so_that_their_exporter_is_content(
    collector: Collector, signal: Signal, body: bytes
) -> None:
    answer = collector.http.post(f"/v1/{signal}", content=body, headers=PROTOBUF)
    assert (answer.status_code, answer.content) == (200, b"")
    assert collector.door.accepted == 1
    answer = collector.http.post(f"/v1/{signal}", content=b"no protobuf", headers=PROTOBUF)
    assert answer.status_code == 400 and str(signal) in explained(answer).message


# -- clients that leave


def test_a_client_that_leaves_in_the_middle_of_its_body_leaves_nothing_behind(collector: Collector) -> None:
    body = request(calls(20))
    address = (urlsplit(collector.url).hostname, urlsplit(collector.url).port)
    head = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: {len(body)}\r\n\r\n"
    for sent in (0, 1, len(body) // 2, len(body) - 1):
        with socket.create_connection(address) as client:
            client.sendall(head.encode() + body[:sent])
    assert collector.send(body).status_code == 200
    assert collector.kept() == [body]


def test_a_client_that_leaves_before_its_answer_has_its_request_kept_once(collector: Collector) -> None:
    body = request(calls(20))
    address = (urlsplit(collector.url).hostname, urlsplit(collector.url).port)
    head = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(address) as client:
        client.sendall(head.encode() + body)
    until(lambda: collector.door.accepted)
    assert collector.send(body).status_code == 200
    assert collector.kept() == [body]


# -- its state


def test_health_is_the_processs_and_readiness_the_collectors(collector: Collector) -> None:
    assert collector.http.get("/healthz").status_code == 200
    assert collector.http.get("/readyz").json() == {"ready": True, "problem": ""}
    collector.problem = "the spool is full"
    answer = collector.http.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "problem": "the spool is full"})
    assert collector.http.get("/healthz").status_code == 200


# -- a stock exporter


def exported(exporter: SpanExporter, count: int) -> None:
    """Export real spans, `count` of them, one a request."""
    provider = TracerProvider(resource=Resource({"service.name": "stock"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for number in range(count):
        with provider.get_tracer("test").start_as_current_span(f"call {number}"):
            pass
    provider.shutdown()


def names(bodies: list[bytes]) -> list[str]:
    requests = map(ExportTraceServiceRequest.FromString, bodies)
    return [s.name for r in requests for rs in r.resource_spans for ss in rs.scope_spans for s in ss.spans]


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_a_stock_exporter_is_served(collector: Collector, compression: Compression) -> None:
    key = collector.keys.create("web", [Scope.INGEST], datetime.now(UTC))
    headers = {"Authorization": f"Bearer {key}"}
    exporter = OTLPSpanExporter(f"{collector.url}/v1/traces", headers=headers, compression=compression)
    exported(exporter, 3)
    assert names(collector.kept()) == ["call 0", "call 1", "call 2"]


def test_a_stock_exporter_retries_what_it_was_asked_to_retry_and_is_stored_once(tmp_path: Path) -> None:
    def make_room() -> None:
        until(lambda: full.refused)
        segment = full.spool.take(DEADLINE)
        assert segment is not None
        full.spool.done(segment)

    first = request(calls(1))
    with served(tmp_path, SpoolSettings(seal_after=0, limit=len(first))) as full:
        assert full.send(first).status_code == 200
        helper = threading.Thread(target=make_room)
        helper.start()
        exported(OTLPSpanExporter(f"{full.url}/v1/traces", timeout=DEADLINE), 1)
        helper.join()
        assert set(full.refused) == {503}
        assert names(full.kept()) == ["call 0"]
