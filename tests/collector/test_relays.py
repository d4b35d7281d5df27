"""A relay in front: what it puts together anew, compresses and sends again is stored as if the app had sent it, and once."""

from __future__ import annotations

import gzip
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import httpx2
import pytest
from collector.rig import PROTOBUF, Running, Start, until
from collector.test_clients import by_python, rows, some_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from sdk.loopback import Answer, Post, Server
from spanledger_collector.keys import Keys, Scope

PROCESSES = 5


def agent() -> str | None:
    """Rotel, a relay of OTLP that PyPI has (Debian, PyPI and npm have no OpenTelemetry Collector that receives OTLP)."""
    found = find_spec("rotel")
    places = [str(Path(place) / "rotel-agent") for place in (found.submodule_search_locations or [])] if found else []
    return next((place for place in places if Path(place).exists()), shutil.which("rotel-agent"))


needs_a_relay = pytest.mark.skipif(agent() is None, reason="no relay here: `make clients`")
Relay = Callable[..., tuple[str, str]]


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as opened:
        return opened.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def relay() -> Iterator[Relay]:
    """Starts a relay to an address; gives its own, of OTLP/HTTP and of OTLP/gRPC."""
    running: list[subprocess.Popen[bytes]] = []

    def start(to: str, *options: str) -> tuple[str, str]:
        http, grpc = (f"127.0.0.1:{free_port()}" for _ in range(2))
        command = [
            str(agent()),
            "start",
            "--otlp-http-endpoint",
            http,
            "--otlp-grpc-endpoint",
            grpc,
            "--exporter",
            "otlp",
        ]
        retries = ["--otlp-exporter-retry-initial-backoff", "100ms", "--otlp-exporter-retry-max-backoff", "200ms"]
        command += ["--otlp-exporter-endpoint", to, "--batch-timeout", "300ms", *retries, *options]
        running.append(subprocess.Popen(command, stdout=sys.stderr, stderr=sys.stderr))

        def listens() -> bool:
            return all(_answers(int(address.rpartition(":")[2])) for address in (http, grpc))

        until(listens)
        return f"http://{http}", f"http://{grpc}"

    yield start
    for process in running:
        process.terminate()
        process.wait()


def arrived(running: Running, project: str, count: int) -> bool:
    return running.platform.store.query(f"SELECT count() FROM spanledger.spans WHERE project = '{project}'") == [
        (count,)
    ]


@needs_a_relay
@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_spans_that_a_relay_puts_together_are_the_rows_of_those_that_were_sent(
    platform: Start, data: Path, relay: Relay, protocol: str
) -> None:
    running, keys = platform(), Keys(data / "keys.json")
    direct, relayed = (keys.create(name, [Scope.INGEST], datetime.now(UTC)) for name in ("direct", "relayed"))
    otlp, grpc = running.platform.addresses.otlp, str(running.platform.addresses.grpc)
    to = otlp if protocol == "http" else f"http://{grpc.removeprefix('http://')}"
    through = relay(
        to, "--otlp-exporter-protocol", protocol, "--otlp-exporter-custom-headers", f"authorization=Bearer {relayed}"
    )
    spans = some_spans()

    by_python(HttpExporter(f"{otlp}/v1/traces", headers={"authorization": f"Bearer {direct}"}), spans)
    by_python(HttpExporter(f"{through[0]}/v1/traces"), spans[:1])
    by_python(GrpcExporter(through[1], insecure=True), spans[1:])
    until(lambda: arrived(running, "relayed", len(spans)))
    running.drained()

    assert rows(running, "relayed") == rows(running, "direct")


@needs_a_relay
def test_what_a_relay_sends_again_since_no_answer_came_is_stored_once(platform: Start, relay: Relay) -> None:
    running = platform()
    answers: list[int] = []

    def front(post: Post) -> Answer:
        """Hands on what came. Of each request the first answer gets lost, and before that it is not to be reached."""
        if not answers:
            answers.append(503)
            return 503, {"retry-after": "0"}, b""
        headers = {name: said for name, said in post.headers.items() if name in ("content-type", "content-encoding")}
        answers.append(
            httpx2.post(f"{running.platform.addresses.otlp}{post.path}", content=post.body, headers=headers).status_code
        )
        return (502, {}, b"") if len(answers) == 2 else (200, PROTOBUF, b"")

    server = Server(front)
    with server.running():
        http, _ = relay(server.url, "--otlp-exporter-protocol", "http")
        for process in range(PROCESSES):
            by_python(
                HttpExporter(f"{http}/v1/traces"),
                [span | {"traceId": f"{process + 1:032x}"} for span in some_spans()],
            )
        until(lambda: arrived(running, "default", 2 * PROCESSES))
        until(lambda: len(answers) > 2)
    running.drained()

    assert answers[:3] == [503, 200, 200]
    assert running.one("SELECT count() FROM spanledger.spans") == str(2 * PROCESSES)
    billed = "SELECT count() FROM spanledger.ledger WHERE kind = 'charge'"  # a call in a call: of each two one
    assert running.one(billed) == str(PROCESSES)
    bodies = [post.body for post in server.posts]
    assert bodies[1] in bodies[2:]  # what was stored, and not heard of
    requests = [ExportTraceServiceRequest.FromString(gzip.decompress(body)) for body in {*bodies}]
    assert sum(len(request.resource_spans) for request in requests) == PROCESSES
