"""Rounds of `kill -9` of a real `spanledger up` under load, and the books afterwards.

Clients send from the first round to the last, and each sends a request until it is acknowledged, as an exporter does.
"""

from __future__ import annotations

import http.client
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path

import httpx2
from collector.rig import DEADLINE, PROTOBUF, until
from collector.traffic import CALL_COSTS, call, request
from spanledger_collector.store import Store

CLIENTS = 4
CALLS_A_REQUEST = 20
PAUSE = 0.004  # seconds between a client's requests


@dataclass
class Findings:
    """What the books say of what was acknowledged; ids are of spans."""

    acknowledged: int = 0
    requests: int = 0
    lost: set[str] = field(default_factory=set)
    doubled: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.acknowledged:,} spans in {self.requests:,} requests acknowledged: "
            f"{len(self.lost)} lost, {len(self.doubled)} doubled" + "".join(f"; {text}" for text in self.wrong)
        )

    @property
    def exact(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)


class Crashes:
    """A data folder, the collector on it, and its clients. `round` kills; `books` ends in order and looks."""

    def __init__(self, data: Path, seed: int = 0, store: str = "") -> None:
        self._data = data
        self._store = store
        self._random = random.Random(seed)
        self._otlp, self._clickhouse = free_port(), free_port()
        self._stop = threading.Event()
        self._numbers = iter(range(1, 2**62))
        self._lock = threading.Lock()
        self._good: list[str] = []
        self._refused = 0
        self._requests = 0
        self._log = (data.parent / "spanledger.log").open("ab")
        self._threads = [threading.Thread(target=self._send_forever) for _ in range(CLIENTS)]

    @contextmanager
    def load(self) -> Iterator[Crashes]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()
            self._log.close()

    def round(self, seconds: float = 1.5, beside: Callable[[], None] = lambda: None) -> None:
        """Start, and kill within `seconds` of the first acknowledgement; every fourth time, before it can be ready.

        `beside` is called between that acknowledgement and the kill.
        """
        process = self._start()
        if self._random.random() < 0.25:
            time.sleep(self._random.uniform(0.5, 3))
        else:
            before = self._requests
            until(lambda: self._requests > before or process.poll() is not None)
            time.sleep(self._random.uniform(0, seconds))
            beside()
        assert process.poll() is None, f"the collector ended by itself: {self._said()}"
        process.kill()
        process.wait()

    def books(self) -> Findings:
        """Start once more, let every client have its acknowledgement, stop in order, and compare."""
        process = self._start()
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._drain()
        process.terminate()
        assert process.wait(DEADLINE) == 0, self._said()
        store = Store(self._store or self._data / "store")
        try:
            return self._compare(store)
        finally:
            store.close()

    def _drain(self) -> None:
        """Wait until nothing waits: kills leave a backlog, which a stop would leave to the next start."""
        for before in iter(self._waiting, 0):
            until(partial(self._fewer_wait, before))

    def _fewer_wait(self, before: float) -> bool:
        return self._waiting() < before

    def _waiting(self) -> float:
        """Segments that are not posted yet."""
        metrics = httpx2.get(f"http://127.0.0.1:{self._otlp}/metrics", trust_env=False, timeout=DEADLINE).text
        return float(
            next(line.split()[1] for line in metrics.splitlines() if line.startswith("spanledger_spool_segments "))
        )

    def _compare(self, store: Store) -> Findings:
        found = Findings(len(self._good), self._requests)
        for table in ("spans", "ledger"):
            kept = Counter(span for (span,) in store.query(f"SELECT span_id FROM spanledger.{table}"))
            found.lost |= set(self._good) - kept.keys()
            found.doubled |= {span for span, times in kept.items() if times > 1}
            if strangers := kept.keys() - set(self._good):
                found.wrong.append(f"{len(strangers)} in {table} that were not accepted")
        totals = {
            "rejected": ("SELECT count() FROM spanledger.rejected", self._refused),
            "spans delivered": ("SELECT sum(spans) FROM spanledger.deliveries", len(self._good) + self._refused),
            "requests delivered": ("SELECT count() FROM spanledger.deliveries", self._requests),
            "cost": ("SELECT sum(cost_usd) FROM spanledger.ledger", Decimal(len(self._good)) * CALL_COSTS),
            "corrections": ("SELECT countIf(kind != 'charge') FROM spanledger.ledger", 0),
        }
        for name, (sql, expected) in totals.items():
            [[figure]] = store.query(sql)
            if figure != expected:
                found.wrong.append(f"{name}: {figure} and not {expected}")
        by_hour = (
            "SELECT hour, model, sum(calls), sum(cost_usd), sum(output_text) FROM spanledger.ledger "
            "GROUP BY hour, model ORDER BY hour, model"
        )
        if store.query(by_hour) != store.query(f"{by_hour} SETTINGS optimize_use_projections = 0"):
            found.wrong.append("the rollup is not its rows")
        if list((self._data / "spool").glob("*.segment")):
            found.wrong.append("segments are left")
        return found

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "spanledger_collector", "up", "--no-dashboard", "--data", str(self._data)]
        ports = ["--no-grpc", "--otlp-port", str(self._otlp), "--clickhouse-port", str(self._clickhouse)]
        store = ["--store", self._store] if self._store else []
        return subprocess.Popen([*command, *ports, *store], stdout=subprocess.DEVNULL, stderr=self._log)

    def _said(self) -> str:
        return (self._data.parent / "spanledger.log").read_text()[-4000:]

    def _send_forever(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                spans = [call(next(self._numbers)) for _ in range(CALLS_A_REQUEST)]
            bad = call(2**62)
            bad.span_id = b""
            with_bad = self._random.random() < 0.2
            self._send(request([*spans, bad] if with_bad else spans))
            with self._lock:
                self._good += [span.span_id.hex() for span in spans]
                self._refused += with_bad
                self._requests += 1
            time.sleep(PAUSE)

    def _send(self, body: bytes) -> None:
        """Post until it is acknowledged."""
        while True:
            with suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", self._otlp, timeout=DEADLINE)
                try:
                    connection.request("POST", "/v1/traces", body, PROTOBUF)
                    answer = connection.getresponse()
                    answer.read()
                    if answer.status == 200:
                        return
                    assert answer.status == 503, answer.status
                finally:
                    connection.close()
            time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
