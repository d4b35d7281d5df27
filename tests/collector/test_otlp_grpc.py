"""The collector over gRPC: the same door as HTTP's, the same promises, and the statuses that exporters act on."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from collector.rig import DEADLINE, Running, Start, kept, until
from collector.traffic import as_json, calls, log_request, metric_request, request
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from spanledger_collector.door import Door
from spanledger_collector.keys import Keys, Scope
from spanledger_collector.otlp_grpc import GrpcServer
from spanledger_collector.spool import Spool, SpoolSettings
from spanledger_collector.wire import Signal

LIMIT = 100_000
TRACES = "opentelemetry.proto.collector.trace.v1.TraceService"
EXPORTS = {
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
    Signal.METRICS: "opentelemetry.proto.collector.metrics.v1.MetricsService",
}


class Collector:
    """gRPC on a spool that nothing empties."""

    def __init__(self, folder: Path, spool: Spool) -> None:
        self.folder, self.spool, self.keys = folder, spool, Keys(folder / "keys.json")
        self.door = Door(spool, self.keys, iter(range(1, 10**9)).__next__, open_door=True)
        self.problem, self.port, self.taken = "", 0, 0
        self.refused: list[int] = []

    def send(
        self,
        body: bytes,
        service: str = TRACES,
        method: str = "Export",
        compression: grpc.Compression | None = None,
        **metadata: str,
    ) -> bytes:
        with grpc.insecure_channel(f"127.0.0.1:{self.port}", options=[("grpc.max_send_message_length", -1)]) as channel:
            call: Callable[..., bytes] = channel.unary_unary(f"/{service}/{method}")
            return call(body, timeout=DEADLINE, metadata=list(metadata.items()), compression=compression)

    def refusal(self, body: bytes, **metadata: Any) -> tuple[grpc.StatusCode, Status]:
        """How a request is refused: its code, and its google.rpc.Status."""
        with pytest.raises(grpc.RpcError) as raised:
            self.send(body, **metadata)
        error: Any = raised.value
        details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
        return error.code(), Status.FromString(details)

    def count(self) -> None:
        self.taken += 1

    def kept(self) -> list[bytes]:
        return [envelope.request for envelope in kept(self.spool)]


@contextmanager
def served(folder: Path, settings: SpoolSettings) -> Iterator[Collector]:
    spool = Spool(folder / "spool", settings)
    here = Collector(folder, spool)
    server = GrpcServer(here.door, lambda: here.problem, here.count, here.refused.append, LIMIT)
    stopping: list[Callable[[], object]] = []

    async def serve() -> None:
        over, loop = asyncio.Event(), asyncio.get_running_loop()
        async with server.serving("127.0.0.1:0") as here.port:
            stopping.append(lambda: loop.call_soon_threadsafe(over.set))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    until(lambda: stopping)
    try:
        yield here
    finally:
        stopping[0]()
        thread.join()
        spool.close()
        spool.journal.close()


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    with served(tmp_path, SpoolSettings(seal_after=3600)) as here:
        yield here


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_request_is_acknowledged_with_an_empty_response(collector: Collector, compression: grpc.Compression) -> None:
    body = request(calls(2))
    assert collector.send(body, compression=compression) == b""
    assert collector.kept() == [body] and collector.taken == 1


def test_identical_requests_at_once_are_all_acknowledged_and_stored_once(collector: Collector) -> None:
    body = request(calls(3))
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: collector.send(body), range(32))) == {b""}
    assert collector.kept() == [body]
    assert (collector.door.accepted, collector.door.duplicates) == (1, 31)


@pytest.mark.parametrize(("signal", "body"), [(Signal.LOGS, log_request(3)), (Signal.METRICS, metric_request(2))])
def test_logs_and_metrics_are_acknowledged_and_in_the_spool(collector: Collector, signal: Signal, body: bytes) -> None:
    assert collector.send(body, EXPORTS[signal]) == b""
    assert collector.kept() == [body]


def test_what_is_no_request_is_an_invalid_argument(collector: Collector) -> None:
    code, said = collector.refusal(b"no protobuf")
    assert (code, said.code) == (grpc.StatusCode.INVALID_ARGUMENT, 3) and said.message
    assert collector.refused == [400] and collector.kept() == []


def test_a_key_is_asked_for_and_its_project_is_the_requests(collector: Collector) -> None:
    key, reader = (collector.keys.create("web", [scope], datetime.now(UTC)) for scope in (Scope.INGEST, Scope.READ))
    body = request(calls(1))
    for wrong in ({}, {"authorization": "Bearer sl_0_wrong"}, {"authorization": f"Basic {key}"}):
        assert collector.refusal(body, **wrong)[0] is grpc.StatusCode.UNAUTHENTICATED
    assert collector.refusal(body, authorization=f"Bearer {reader}")[0] is grpc.StatusCode.PERMISSION_DENIED
    assert collector.send(body, authorization=f"Bearer {key}") == b""
    assert collector.refused == [401, 401, 401, 403] and collector.kept() == [body]


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_more_than_the_limit_is_too_much_packed_or_not_and_not_to_be_retried(
    collector: Collector, compression: grpc.Compression
) -> None:
    for size in (LIMIT + 1, 800 * LIMIT):
        with pytest.raises(grpc.RpcError) as raised:
            collector.send(bytes(size), compression=compression)
        error: Any = raised.value
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "grpc-status-details-bin" not in dict(error.trailing_metadata() or ())
    assert collector.send(request(calls(1))) == b""


def test_a_full_spool_asks_for_a_retry_after_a_while(tmp_path: Path) -> None:
    first = request(calls(1))
    with served(tmp_path, SpoolSettings(seal_after=0, limit=len(first))) as collector:
        assert collector.send(first) == b""
        code, said = collector.refusal(request(calls(2)))
        assert (code, said.code, collector.refused) == (grpc.StatusCode.UNAVAILABLE, 14, [503])
        wait = RetryInfo()
        assert said.details[0].Unpack(wait) and wait.retry_delay.seconds > 0
        assert collector.kept() == [first]


def test_a_damaged_key_file_is_nobodys_fault_and_asks_for_a_retry(collector: Collector) -> None:
    (collector.folder / "keys.json").write_text("{")
    code, said = collector.refusal(request(calls(1)))
    assert code is grpc.StatusCode.UNAVAILABLE and said.details


def test_health_is_whether_a_request_would_be_taken(collector: Collector) -> None:
    assert collector.send(b"", "grpc.health.v1.Health", "Check") == b"\x08\x01"
    collector.problem = "the spool is full"
    assert collector.send(b"", "grpc.health.v1.Health", "Check") == b"\x08\x02"


def test_what_was_acknowledged_until_the_end_is_kept(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool, served(tmp_path, SpoolSettings(seal_after=3600)) as collector:
        answers = [pool.submit(collector.send, request(calls(5))) for _ in range(40)]
        until(lambda: collector.taken)
    acknowledged = sum(answer.exception() is None for answer in answers)
    assert 0 < acknowledged <= len(collector.kept())


def test_a_stock_exporter_retries_what_it_was_asked_to_retry_and_is_stored_once(tmp_path: Path) -> None:
    def make_room() -> None:
        until(lambda: full.refused)
        segment = full.spool.take(DEADLINE)
        assert segment is not None
        full.spool.done(segment)

    first = request(calls(1))
    with served(tmp_path, SpoolSettings(seal_after=0, limit=len(first))) as full:
        full.send(first)
        helper = threading.Thread(target=make_room)
        helper.start()
        exporter = OTLPSpanExporter(f"http://127.0.0.1:{full.port}", timeout=DEADLINE)
        provider = TracerProvider(resource=Resource({"service.name": "stock"}))
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        provider.get_tracer("test").start_span("call").end()
        helper.join()
        provider.shutdown()
        assert set(full.refused) == {503} and len(full.kept()) == 1


# -- with all the rest


def grpc_of(running: Running) -> str:
    address = running.platform.addresses.grpc
    assert address is not None
    return address.removeprefix("http://")


def test_one_call_by_every_way_at_once_is_one_call(platform: Start) -> None:
    running = platform()
    body = request(calls(20))
    with grpc.insecure_channel(grpc_of(running)) as channel, ThreadPoolExecutor(12) as pool:
        over_grpc: Callable[..., bytes] = channel.unary_unary(f"/{TRACES}/Export")
        ways: list[Callable[[], object]] = [
            lambda: over_grpc(body, timeout=DEADLINE),
            lambda: running.send(body).raise_for_status(),
            lambda: running.send(as_json(body), content_type="application/json").raise_for_status(),
        ]
        for answer in [pool.submit(way) for _ in range(6) for way in ways]:
            answer.result(DEADLINE)
    running.drained()
    assert running.one("SELECT count() FROM spanledger.spans") == "20"
    assert running.one("SELECT sum(calls) FROM spanledger.ledger") == "20"
    found = running.metrics()
    assert [
        found[f'spanledger_requests_taken_total{{protocol="{name}"}}'] for name in ("grpc", "protobuf", "json")
    ] == [6, 6, 6]


def test_what_was_acknowledged_before_a_kill_is_there_after_a_restart(data: Path, platform: Start) -> None:
    command = [sys.executable, "-m", "spanledger_collector", "up", "--no-dashboard", "--data", str(data)]
    ports = ["--otlp-port", "0", "--clickhouse-port", "0", "--grpc-port", "0"]
    acknowledged = 0
    with subprocess.Popen([*command, *ports], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = "".join(iter(process.stdout.readline, "Ctrl-C stops it.\n"))
        found = re.search(r"OTLP/gRPC +http://(\S+)", said)
        assert found
        with grpc.insecure_channel(found[1]) as channel:
            send: Callable[..., bytes] = channel.unary_unary(f"/{TRACES}/Export")
            for _ in range(20):
                send(request(calls(5)), timeout=DEADLINE, wait_for_ready=True)
                acknowledged += 5
        process.kill()
    running = platform().drained()
    assert running.one("SELECT count() FROM spanledger.spans") == str(acknowledged)
    assert running.one("SELECT sum(calls) FROM spanledger.ledger") == str(acknowledged)


def test_spans_that_a_collector_regrouped_and_sent_again_are_billed_once(platform: Start) -> None:
    running = platform()
    spans = calls(12)
    with grpc.insecure_channel(grpc_of(running)) as channel:
        send: Callable[..., bytes] = channel.unary_unary(f"/{TRACES}/Export")
        for size in (12, 5, 1):
            for begin in range(0, len(spans), size):
                send(request(spans[begin : begin + size]), timeout=DEADLINE)
    running.drained()
    until(lambda: running.one("SELECT sum(calls) FROM spanledger.ledger") == "12")
    assert running.one("SELECT countIf(kind = 'charge') FROM spanledger.ledger") == "36"
