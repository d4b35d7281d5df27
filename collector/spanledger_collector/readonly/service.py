"""Runs queries: admission, turns, caps, cancellation."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError

from spanledger_collector.readonly import errors
from spanledger_collector.readonly.catalog import Catalog, Scope
from spanledger_collector.readonly.errors import ClickHouseError
from spanledger_collector.readonly.gate import Statement, judge
from spanledger_collector.readonly.limits import Limits
from spanledger_collector.readonly.pool import Handle, Pool, Settings

_REMEMBERED = 1024
_REMEMBERED_LENGTH = 16 * 1024
# The engine stops a query at its own limit; only a step that it cannot interrupt outlives that by more than this.
_GRACE_SECONDS = 1.0


@dataclass(frozen=True)
class Query:
    """A client's query: its text, `parameters` as escaped text by name, the format where the text asks for none."""

    text: str
    parameters: Mapping[str, str]
    default_format: str
    settings: Settings
    scope: Scope


@dataclass(frozen=True)
class Answer:
    body: bytes
    format: str


@dataclass
class _Job:
    query: Query
    marker: str
    started: float | None = None
    abandoned: bool = False


class Service:
    """Answers queries on handles of one engine. `answer` may be awaited in any event loop, `close` called once."""

    def __init__(
        self, open_handle: Callable[[], Client], limits: Limits, shared: frozenset[str], sessions: bool = True
    ) -> None:
        self._limits = limits
        self._control = open_handle()
        self.version = str(self._control.server_version)
        self.catalog = Catalog.read(self._control)
        self._pool = Pool(open_handle, self.catalog, limits, shared, sessions)
        self._workers = ThreadPoolExecutor(limits.running, thread_name_prefix="readonly")
        self._killer = ThreadPoolExecutor(1, thread_name_prefix="readonly-kill")
        self._instance = secrets.token_hex(8)
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._admitted = 0
        self._closing = False
        self._judged: OrderedDict[tuple[str, bool], Statement] = OrderedDict()

    async def answer(self, query: Query, gone: asyncio.Event) -> Answer:
        """The answer to `query`. `gone` is set when nobody waits for it any more: the query is then killed.

        Raises ClickHouseError.
        """
        job = _Job(query, marker=f"/*{self._instance}-{next(self._numbers)}*/")
        work = self._submit(job)
        work.add_done_callback(lambda _: self._leave())
        result = asyncio.wrap_future(work)
        try:
            if await self._done(job, result, gone):
                return result.result()
        finally:
            if not result.done():
                self._abandon(job)
                result.cancel()
        if job.started is None:
            raise errors.too_many_queries(self._limits.running, self._limits.waiting)
        raise errors.timeout(self._limits.seconds)

    def close(self) -> None:
        """Kills what runs, waits for it and closes every handle."""
        with self._lock:
            self._closing = True
        self._workers.shutdown(wait=False, cancel_futures=True)
        with self._idle:
            while self._admitted:
                # Again and again: a query may have been between being judged and being known to the engine.
                self._kill(f"/*{self._instance}-")
                self._idle.wait(0.1)
        self._killer.shutdown(wait=True)
        self._pool.close()
        self._control.close()

    def _submit(self, job: _Job) -> Future[Answer]:
        with self._lock:
            if self._closing:
                raise errors.closing()
            if self._admitted >= self._limits.running + self._limits.waiting:
                raise errors.too_many_queries(self._limits.running, self._limits.waiting)
            self._admitted += 1
            return self._workers.submit(self._run, job)

    def _leave(self) -> None:
        with self._idle:
            self._admitted -= 1
            self._idle.notify_all()

    async def _done(self, job: _Job, result: asyncio.Future[Answer], gone: asyncio.Event) -> bool:
        """Whether the result came while it was of use: in time, and somebody waits for it."""
        left = asyncio.ensure_future(gone.wait())
        waited: set[asyncio.Future[Any]] = {result, left}
        entered = time.monotonic()
        try:
            while not (result.done() or left.done()):
                begun = job.started
                patience = entered if begun is None else begun + _GRACE_SECONDS
                patience += self._limits.seconds - time.monotonic()
                if patience <= 0:
                    return False
                await asyncio.wait(waited, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()
        return result.done()

    def _abandon(self, job: _Job) -> None:
        job.abandoned = True
        if job.started is not None:
            self._kill(job.marker)

    def _kill(self, prefix: str) -> None:
        self._killer.submit(self._control.command, f"KILL QUERY WHERE startsWith(query, '{prefix}')")

    def _run(self, job: _Job) -> Answer:
        job.started = time.monotonic()
        query = job.query
        try:
            with self._pool.handle(query.scope, query.settings) as handle:
                statement = self._judge(query, handle)
                if job.abandoned or self._closing:
                    raise ClickHouseError(394, "QUERY_WAS_CANCELLED", "Query was cancelled.")
                parameters = {name: text for name, text in query.parameters.items() if name in statement.parameters}
                output_format = statement.format or query.default_format
                body = handle.ask(f"{job.marker} {statement.sql}", parameters, output_format)
        except ClickHouseError as error:
            raise error if not query.scope.limited else error.without_values() from None
        except DriverError as error:
            raise ClickHouseError(1002, "UNKNOWN_EXCEPTION", "The query could not be given to the engine.") from error
        if len(body) > self._limits.result_bytes:
            raise errors.result_too_big(len(body), self._limits.result_bytes)
        return Answer(body, output_format)

    def _judge(self, query: Query, handle: Handle) -> Statement:
        key = (query.text, query.scope.limited)
        with self._lock:
            known = self._judged.get(key)
        if known is not None:
            return known
        scoped = query.scope.limited
        statement = judge(query.text, query.parameters, scoped, self.catalog, handle.parse)
        if statement.reusable and len(query.text) <= _REMEMBERED_LENGTH:
            with self._lock:
                self._judged[key] = statement
                if len(self._judged) > _REMEMBERED:
                    self._judged.popitem(last=False)
        return statement
