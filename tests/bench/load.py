"""A load generator: real request bodies, made unique by changing their ids in place, posted over keep-alive connections."""

from __future__ import annotations

import itertools
import random
import socket
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from spanledger_demo import history

GOLDEN = Path(__file__).parents[1] / "golden"


@dataclass
class Template:
    """A request body and where its ids stand, so that another request is one exclusive-or away."""

    body: bytes
    spans: int
    calls: int
    traces: np.ndarray  # offsets of the bytes of trace ids, one row an id
    ids: np.ndarray  # the same of span and parent ids

    @classmethod
    def of(cls, body: bytes) -> Template:
        request = ExportTraceServiceRequest.FromString(body)
        spans = [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]
        traces, ids = [], []
        for span in spans:
            at = body.index(b"\x0a\x10" + span.trace_id + b"\x12\x08" + span.span_id)
            traces.append(range(at + 2, at + 18))
            ids.append(range(at + 20, at + 28))
            if span.parent_span_id:
                at = body.index(b"\x22\x08" + span.parent_span_id, at + 28)
                ids.append(range(at + 2, at + 10))
        calls = sum(any(a.key == "gen_ai.operation.name" for a in s.attributes) for s in spans)
        return cls(body, len(spans), calls, np.array(traces), np.array(ids))

    def fresh(self, rng: np.random.Generator) -> bytes:
        """The same request with ids that nobody has seen."""
        body = np.frombuffer(self.body, np.uint8).copy()
        body[self.traces] ^= rng.integers(0, 256, 16, np.uint8)
        body[self.ids] ^= rng.integers(0, 256, 8, np.uint8)
        return body.tobytes()


def templates(spans: int) -> list[Template]:
    """Eight requests of `spans` spans each (1 or 512), as the demo's services send them, of the last hours."""
    bodies = history.bodies(calls=12_000, days=1, now=datetime.now(UTC), seed=7)
    if spans == 512:
        return [Template.of(body) for body in itertools.islice((b for b in bodies if len(b) > 300_000), 8)]
    request = ExportTraceServiceRequest.FromString(next(bodies))
    single = []
    for scope in request.resource_spans[0].scope_spans:
        for span in scope.spans[:4]:
            one = ExportTraceServiceRequest()
            resource = one.resource_spans.add()
            resource.resource.CopyFrom(request.resource_spans[0].resource)
            part = resource.scope_spans.add()
            part.scope.CopyFrom(scope.scope)
            part.spans.add().CopyFrom(span)
            single.append(Template.of(one.SerializeToString()))
    return single


def mixed(spans: int) -> list[Template]:
    """Eight requests of about `spans` spans each, every recorded dialect in each of them (tests/golden), as if sent just now."""
    requests = [ExportTraceServiceRequest.FromString(path.read_bytes()) for path in sorted(GOLDEN.glob("*.otlp.pb"))]
    rng = random.Random(7)
    return [Template.of(_copies(requests, spans, rng)) for _ in range(8)]


def _copies(requests: list[ExportTraceServiceRequest], spans: int, rng: random.Random) -> bytes:
    """Copies of these requests in turn, until there are so many spans, each copy with ids of its own."""
    whole, count = ExportTraceServiceRequest(), 0
    for request in itertools.cycle(requests):
        if count >= spans:
            return whole.SerializeToString()
        own: dict[bytes, bytes] = {}
        copy = ExportTraceServiceRequest()
        copy.CopyFrom(request)
        copied = [s for resource in copy.resource_spans for scope in resource.scope_spans for s in scope.spans]
        later = time.time_ns() - max(span.end_time_unix_nano for span in copied)
        for span in copied:
            for name in ("trace_id", "span_id", "parent_span_id"):
                if given := getattr(span, name):
                    setattr(span, name, own.setdefault(given, rng.randbytes(len(given))))
            span.start_time_unix_nano += later
            span.end_time_unix_nano += later
        whole.resource_spans.extend(copy.resource_spans)
        count += len(copied)
    raise ValueError("there is no recorded request")


@dataclass
class Load:
    """What was acknowledged. `log` has one (time, spans, calls so far, seconds that the request took) a request."""

    spans: int = 0
    calls: int = 0
    requests: int = 0
    retries: int = 0
    log: list[tuple[float, int, int, float]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def run(
    port: int, kinds: list[Template], seconds: float, connections: int, spans_per_second: float | None = None
) -> Load:
    """Post for `seconds` over `connections` threads; at `spans_per_second` in total, or as fast as they are taken."""
    load, end, begun = Load(), time.monotonic() + seconds, time.monotonic()

    def client(number: int) -> None:
        rng, choice = np.random.default_rng([number, time.time_ns()]), random.Random(number)
        with socket.create_connection(("127.0.0.1", port)) as link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while time.monotonic() < end:
                if spans_per_second and load.spans > spans_per_second * (time.monotonic() - begun):
                    time.sleep(0.002)
                    continue
                kind = choice.choice(kinds)
                body = kind.fresh(rng)
                started = time.monotonic()
                while not _post(link, body):
                    load.retries += 1
                    time.sleep(0.05)
                now = time.monotonic()
                with load.lock:
                    load.spans += kind.spans
                    load.calls += kind.calls
                    load.requests += 1
                    load.log.append((now, load.spans, load.calls, now - started))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return load


def _post(link: socket.socket, body: bytes) -> bool:
    head = f"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nContent-Length: {len(body)}\r\n\r\n"
    link.sendall(head.encode() + body if len(body) < 65_536 else head.encode())
    if len(body) >= 65_536:
        link.sendall(body)
    answer = b""
    while b"\r\n\r\n" not in answer:
        chunk = link.recv(65_536)
        if not chunk:
            raise ConnectionError("the collector closed the connection")
        answer += chunk
    headers, _, rest = answer.partition(b"\r\n\r\n")
    length = int(headers.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(rest) < length:
        rest += link.recv(65_536)
    status = int(headers[9:12])
    if status not in (200, 503):
        raise RuntimeError(f"{status}: {rest!r}")
    return status == 200
