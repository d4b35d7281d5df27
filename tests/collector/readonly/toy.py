"""A small ledger in an embedded engine, and the read-only interface in front of it, on a port of its own."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import clickhouse_connect
import uvicorn
from clickhouse_connect.driver.client import Client
from spanledger_collector.readonly import EVERYTHING, Limits, Scope, UnauthorizedError, readonly_app

SCHEMA = [
    "CREATE DATABASE spanledger ENGINE = Atomic",
    """CREATE TABLE spanledger.spans (
        project LowCardinality(String), timestamp DateTime64(9), hour DateTime MATERIALIZED toStartOfHour(timestamp),
        model LowCardinality(String), customer String, cost Nullable(Decimal(38, 12)),
        PROJECTION by_hour (SELECT project, hour, model, sum(cost), count() GROUP BY project, hour, model)
    ) ENGINE = MergeTree ORDER BY timestamp""",
    # Project a's customers are numbers; the others' are not, so that reading one of theirs as a number fails.
    """INSERT INTO spanledger.spans
        SELECT ['a', 'b', 'it\\'s \\\\ odd'][number % 3 + 1], toDateTime64('2026-01-01 00:00:00', 9) + number,
            ['m1', 'm2'][number % 2 + 1], if(number % 3 = 0, '7', 'secret customer'), 1.5
        FROM numbers(3000)""",
    "CREATE TABLE spanledger.prices (model String, rate Float64) ENGINE = MergeTree ORDER BY model",
    "INSERT INTO spanledger.prices VALUES ('m1', 0.25)",
    "CREATE TABLE spanledger.internal (secret String) ENGINE = MergeTree ORDER BY secret",
    "INSERT INTO spanledger.internal VALUES ('hash of a key')",
    """CREATE DICTIONARY spanledger.price_book (model String, rate Float64) PRIMARY KEY model
        SOURCE(CLICKHOUSE(TABLE 'prices' DB 'spanledger')) LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)""",
    """CREATE VIEW spanledger.spend AS
        SELECT model, sum(cost) AS cost, count() AS calls FROM spanledger.spans
        WHERE hour >= {start:DateTime} AND hour < {end:DateTime} GROUP BY model""",
    "CREATE VIEW spanledger.calls AS SELECT * FROM spanledger.spans",
    "CREATE VIEW spanledger.internals AS SELECT * FROM spanledger.internal",
    """CREATE MATERIALIZED VIEW spanledger.by_customer (project String, customer String, calls UInt64)
        ENGINE = MergeTree ORDER BY project POPULATE
        AS SELECT project, customer, count() AS calls FROM spanledger.spans GROUP BY project, customer""",
]

KEYS: Mapping[str | None, Scope] = {
    None: EVERYTHING,
    "key-of-all": EVERYTHING,
    "key-of-a": Scope(frozenset({"a"})),
    "key-of-a-and-odd": Scope(frozenset({"a", "it's \\ odd"})),
    "key-of-none": Scope(frozenset()),
}


def authorize(key: str | None) -> Scope:
    if key not in KEYS:
        raise UnauthorizedError("no such key")
    return KEYS[key]


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def error(self) -> int:
        """ClickHouse's code of the error; 0 where there is none."""
        return int(self.headers.get("x-clickhouse-exception-code", 0))


@dataclass
class Engine:
    path: Path
    opened: list[Client] = field(default_factory=list)

    def open(self) -> Client:
        self.opened.append(clickhouse_connect.get_client(dsn=f"chdb:///{self.path}"))
        return self.opened[-1]

    def close(self) -> None:
        for client in self.opened:
            client.close()


@dataclass(frozen=True)
class Interface:
    """The interface on a port; `ask` sends one request to it."""

    port: int

    def ask(
        self,
        query: str,
        /,
        key: str | None = None,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        **arguments: str,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            presented = {"X-ClickHouse-Key": key} if key else {}
            if method == "GET":
                arguments = {"query": query, **arguments}
            target = f"/?{urlencode(arguments)}" if arguments else "/"
            body = query.encode() if method == "POST" else None
            connection.request(method, target, body, {**presented, **(headers or {})})
            response = connection.getresponse()
            lower = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, response.read(), lower)
        finally:
            connection.close()

    def client(self, key: str = "") -> Client:
        return clickhouse_connect.get_client(host="127.0.0.1", port=self.port, password=key, database="spanledger")


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextmanager
def served(engine: Engine, limits: Limits) -> Iterator[Interface]:
    """The interface of `engine`, on a port of its own, for the block."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    app = readonly_app(engine.open, authorize, limits)
    server = _Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    assert server.ready.wait(30)
    try:
        yield Interface(listener.getsockname()[1])
    finally:
        app.close()
        server.should_exit = True
        thread.join()
        listener.close()


Serve = Callable[[Limits], Interface]
"""Starts the interface with given limits; what was started stops with the module."""
