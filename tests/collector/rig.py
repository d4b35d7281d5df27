"""What the collector's tests drive: its parts below the network (`Rig`), or all of it (`Running`)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import httpx2
from spanledger_collector.bookkeeper import Bookkeeper, settle_interrupted
from spanledger_collector.config import Config
from spanledger_collector.envelope import Envelope
from spanledger_collector.forwarder import Forwarder
from spanledger_collector.objectives import Objectives
from spanledger_collector.platform import Options, Platform
from spanledger_collector.spool import Spool, SpoolSettings
from spanledger_collector.store import Store

QUICK = SpoolSettings(seal_after=0.05)
DEADLINE = 30.0
"""Seconds after which what a test waits for will not come."""
PROTOBUF = {"content-type": "application/x-protobuf"}


class Rigged(Protocol):
    def __call__(self, settings: SpoolSettings = ..., **options: Any) -> Rig: ...


class Start(Protocol):
    def __call__(self, **options: Any) -> Running: ...


def kept(spool: Spool) -> list[Envelope]:
    """Close a spool; gives what it has sealed since it was last asked."""
    spool.close()
    found = []
    while segment := spool.take(timeout=0):
        found += spool.read(segment)
    return found


def until(condition: Callable[[], Any]) -> Any:
    """Wait for something to be; returns what `condition` gave."""
    deadline = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.01)
    return found


class Rig:
    """Spool, store and forwarder of one data folder. The forwarder waits for `start`."""

    def __init__(
        self,
        data: Path,
        settings: SpoolSettings = QUICK,
        idle: Callable[[bool], None] = lambda pressed: None,
        books: bool = False,
        config: Config | None = None,
        store: str = "",
    ) -> None:
        self.store = Store(store or data / "store")
        self.store.command("SYSTEM RELOAD DICTIONARY spanledger.price_book")  # as a platform does when it starts
        self.spool = Spool(data / "spool", settings)
        self.bookkeeper: Bookkeeper | None = None
        if books:
            self.bookkeeper = Bookkeeper(self.store, self.spool)
            settle_interrupted(self.store, self.spool)
            self.bookkeeper.open_book()
        if config is not None:
            settle_interrupted(self.store, self.spool)
            Objectives(self.store, self.spool).record(config, datetime.now(UTC))
        self.posted: list[int] = []
        self.forwarder = Forwarder(
            self.spool, self.store, self._posted, self.bookkeeper.tidy if self.bookkeeper else idle
        )
        self._begun = self._closed = False

    def start(self) -> Rig:
        self._begun = True
        self.forwarder.start()
        return self

    def take(self, *envelopes: Envelope) -> None:
        """Acknowledge some requests: they are on disk when this returns."""
        for future in [self.spool.append(envelope) for envelope in envelopes]:
            future.result(DEADLINE)

    def drained(self) -> Rig:
        """Wait until all that was acknowledged is posted."""
        until(lambda: self.spool.segments == 0)
        return self

    def close(self, drain_seconds: float = 0) -> None:
        """Stop, with whatever is not posted left in the spool."""
        if self._closed:
            return
        self._closed = True
        self.spool.close()
        if self._begun:
            self.forwarder.stop(drain_seconds)
        if self.bookkeeper:
            self.bookkeeper.close()
        self.spool.journal.close()
        self.store.close()

    def rows(self, sql: str) -> Sequence[Sequence[Any]]:
        return self.store.query(sql)

    def one(self, sql: str) -> Any:
        """The only figure of an answer."""
        [[figure]] = self.rows(sql)
        return figure

    def count(self, table: str) -> int:
        return int(self.one(f"SELECT count() FROM spanledger.{table}"))

    def _posted(self, segment: int) -> None:
        self.posted.append(segment)
        if self.bookkeeper:
            self.bookkeeper.posted(segment)


class Running:
    """A platform that runs in a thread, and how to talk to it."""

    def __init__(self, options: Options) -> None:
        self.platform = Platform(options)
        self.traces = f"{self.platform.addresses.otlp}/v1/traces"
        self._thread = threading.Thread(target=self.platform.run)
        self._thread.start()
        self.http = httpx2.Client(base_url=self.platform.addresses.otlp, timeout=DEADLINE, trust_env=False)
        self.sql = httpx2.Client(base_url=self.platform.addresses.clickhouse, timeout=DEADLINE, trust_env=False)
        until(lambda: all(server.started for server, _ in self.platform._servers) or not self._thread.is_alive())

    def send(self, body: bytes, key: str = "", **headers: str) -> httpx2.Response:
        given = {**PROTOBUF, **({"authorization": f"Bearer {key}"} if key else {})}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post("/v1/traces", content=body, headers=given)

    def ask(self, query: str, key: str = "") -> httpx2.Response:
        """A question to the read-only interface."""
        return self.sql.post("/", content=query, headers={"authorization": f"Bearer {key}"} if key else {})

    def one(self, query: str, key: str = "") -> str:
        """The only figure of an answer, as text."""
        answer = self.ask(query, key)
        assert answer.status_code == 200, answer.text
        return answer.text.strip()

    def drained(self) -> Running:
        until(lambda: self.platform.spool.segments == 0)
        return self

    def metrics(self) -> dict[str, float]:
        """Every sample of /metrics, by name and labels as they are printed."""
        lines = self.http.get("/metrics").text.splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    def stop(self) -> None:
        self.http.close()
        self.sql.close()
        self.platform.stop()
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive(), "the platform did not stop"
