"""The ASGI app: ClickHouse's HTTP protocol on one side, `Service` on the other."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from clickhouse_connect.driver.client import Client

from spanledger_collector.loopback import asked_by_own_name
from spanledger_collector.readonly.catalog import Scope
from spanledger_collector.readonly.errors import ClickHouseError
from spanledger_collector.readonly.limits import Limits
from spanledger_collector.readonly.request import Request, compressed, key_presented, read_request, url_arguments
from spanledger_collector.readonly.service import Answer, Query, Service

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]

_CONTENT_TYPES = {
    "JSON": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "NDJSON": "application/x-ndjson; charset=UTF-8",
    "Native": "application/octet-stream",
    "Parquet": "application/octet-stream",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
}
_COMPRESS_FROM_BYTES = 1024
_BODY_OVERHEAD = 64 * 1024


class UnauthorizedError(Exception):
    """Raised by `authorize`: the key is not one that may read."""


Authorize = Callable[[str | None], Scope]
"""What a presented key (None: no key) may read. Raises UnauthorizedError."""


def readonly_app(
    open_handle: Callable[[], Client],
    authorize: Authorize,
    limits: Limits | None = None,
    shared: frozenset[str] = frozenset({"migrations", "price_book", "prices"}),
    sessions: bool = True,
) -> ReadOnlyInterface:
    """The read-only interface of a store, an ASGI app. Create it when the migrations have run: a table that is made
    later is not readable.

    `open_handle` returns a new client on the engine; with `sessions`, what is SET on one holds for it, as it does
    embedded and not over HTTP. `shared` names the tables without a `project` column that a reader of some projects
    may read too; it sees no row of any other such table. `close` it before the engine.
    """
    service = Service(open_handle, limits or Limits(), shared, sessions)
    return ReadOnlyInterface(service, authorize, limits or Limits())


class ReadOnlyInterface:
    """ASGI app. It closes its handles with the server's lifespan, or by `close`, whichever is first.

    A server that stops waits for the requests under way; `close` first, and they end at once.
    """

    def __init__(self, service: Service, authorize: Authorize, limits: Limits) -> None:
        self._service = service
        self._authorize = authorize
        self._limits = limits
        self._closed = False

    @property
    def service(self) -> Service:
        """What answers, for another face of the same store."""
        return self._service

    def close(self) -> None:
        """Kills what runs and closes every handle. May be called again."""
        if not self._closed:
            self._closed = True
            self._service.close()

    async def __call__(self, scope: MutableMapping[str, Any], receive: _Receive, send: _Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: _Receive, send: _Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await asyncio.to_thread(self.close)
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _http(self, scope: MutableMapping[str, Any], receive: _Receive, send: _Send) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        arguments = url_arguments(scope["query_string"])
        reading = scope["method"] in {"GET", "HEAD"}
        if reading and (scope["path"] == "/ping" or (scope["path"] == "/" and "query" not in arguments)):
            await _respond(send, 200, {"content-type": "text/plain; charset=UTF-8"}, b"Ok.\n", scope["method"])
            return
        identity: dict[str, str] = {"x-clickhouse-query-id": arguments.get("query_id") or str(uuid.uuid4())}
        try:
            if scope["path"] != "/" or scope["method"] not in {"GET", "HEAD", "POST"}:
                raise ClickHouseError(48, "NOT_IMPLEMENTED", f"There is no handle {scope['method']} {scope['path']}.")
            projects = self._projects(headers, arguments)
            body = await _body(receive, self._limits.statement_bytes + _BODY_OVERHEAD)
            request = read_request(headers, arguments, body, self._limits.statement_bytes)
            identity["x-clickhouse-query-id"] = request.query_id or identity["x-clickhouse-query-id"]
            status, answered, content = await self._answer(request, projects, receive)
        except ClickHouseError as error:
            status, answered, content = self._refusal(error)
        except _ClientLeftError:
            return
        await _respond(send, status, {**identity, **answered}, content, scope["method"])

    def _projects(self, headers: Mapping[str, str], arguments: Mapping[str, str]) -> Scope:
        key = key_presented(headers, arguments)
        if key is None and not asked_by_own_name(headers.get("host", "")):
            raise ClickHouseError(516, "AUTHENTICATION_FAILED", "Without a key, ask this machine by its own name.")
        try:
            return self._authorize(key)
        except UnauthorizedError as refused:
            text = str(refused) or "the key is missing or not valid."
            raise ClickHouseError(516, "AUTHENTICATION_FAILED", f"Authentication failed: {text}") from refused

    async def _answer(self, request: Request, projects: Scope, receive: _Receive) -> tuple[int, dict[str, str], bytes]:
        gone = asyncio.Event()
        watch = asyncio.ensure_future(_set_when_client_leaves(receive, gone))
        begun = time.perf_counter_ns()
        query = Query(request.text, request.parameters, request.default_format, request.settings, projects)
        try:
            answer = await self._service.answer(query, gone)
        finally:
            watch.cancel()
        if request.gzip and len(answer.body) >= _COMPRESS_FROM_BYTES:
            content = await asyncio.to_thread(compressed, answer.body)
            return 200, {**self._headers(answer, begun), "content-encoding": "gzip"}, content
        return 200, self._headers(answer, begun), answer.body

    def _headers(self, answer: Answer, begun_ns: int) -> dict[str, str]:
        summary = {"result_bytes": str(len(answer.body)), "elapsed_ns": str(time.perf_counter_ns() - begun_ns)}
        return {
            "content-type": _CONTENT_TYPES.get(answer.format, "text/plain; charset=UTF-8"),
            "x-clickhouse-format": answer.format,
            "x-clickhouse-timezone": self._service.catalog.timezone,
            "x-clickhouse-server-display-name": "spanledger",
            "x-clickhouse-summary": json.dumps(summary),
        }

    def _refusal(self, error: ClickHouseError) -> tuple[int, dict[str, str], bytes]:
        headers = {"content-type": "text/plain; charset=UTF-8", "x-clickhouse-exception-code": str(error.code)}
        if error.status == 401:
            headers["www-authenticate"] = 'Basic realm="spanledger"'
        if error.status == 503:
            headers["retry-after"] = "1"
        return error.status, headers, f"{error.body} (version {self._service.version})\n".encode()


class _ClientLeftError(Exception):
    pass


async def _body(receive: _Receive, limit_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientLeftError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit_bytes:
            raise ClickHouseError(62, "SYNTAX_ERROR", f"Max query size exceeded: {limit_bytes} bytes.")
        if not message.get("more_body"):
            return b"".join(parts)


async def _set_when_client_leaves(receive: _Receive, gone: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()


async def _respond(send: _Send, status: int, headers: Mapping[str, str], body: bytes, method: str) -> None:
    lines = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    lines.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
