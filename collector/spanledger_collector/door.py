"""The front door: who sends, is it a request, has it been here before, and is it on disk. It never looks at a span."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable

from spanledger_collector.envelope import Envelope, digest
from spanledger_collector.errors import RefusedError
from spanledger_collector.keys import Keys, Scope
from spanledger_collector.spool import Spool
from spanledger_collector.wire import Signal, check

DEFAULT_PROJECT = "default"
# Retries come within minutes. What comes later than this many other requests is caught by its span ids, in the ledger.
REMEMBERED_REQUESTS = 200_000


class Door:
    """Accepts OTLP requests. `open_door`: without keys, requests are taken for the default project (loopback only).
    `as_stored`: what is to be kept of a body, where that is not the body itself; it may refuse it."""

    def __init__(
        self,
        spool: Spool,
        keys: Keys,
        clock: Callable[[], int],
        *,
        open_door: bool,
        seen: Iterable[bytes] = (),
        as_stored: Callable[[Signal, bytes], bytes] = lambda signal, body: body,
    ) -> None:
        self.accepted = 0
        self.accepted_bytes = 0
        self.duplicates = 0
        self._spool = spool
        self._keys = keys
        self._clock = clock
        self._open = open_door
        self._as_stored = as_stored
        # None where it is durable, else the future that will tell
        self._seen: OrderedDict[bytes, asyncio.Future[None] | None] = OrderedDict.fromkeys(seen)

    def project_of(self, authorization: str) -> str:
        """The project of an `Authorization` header. Raises RefusedError 401 or 403."""
        scheme, _, key = authorization.partition(" ")
        if authorization:
            return self._keys.key_of(key.strip() if scheme.lower() == "bearer" else authorization, Scope.INGEST).project
        if self._open and not self._keys.any_active():
            return DEFAULT_PROJECT
        raise RefusedError("an API key is needed: send `Authorization: Bearer <key>`", status=401)

    async def accept(self, project: str, signal: Signal, body: bytes) -> None:
        """Return once `body` is durable and certain to be posted, exactly once. Raises RefusedError or RetryableError."""
        body = self._as_stored(signal, body)
        key = digest(project, body, signal)
        if key in self._seen:
            if (earlier := self._seen[key]) is not None:
                await asyncio.shield(earlier)  # a retry that overtook its first try shares its fate
            self.duplicates += 1
            return
        check(signal, body)
        durable = asyncio.wrap_future(self._spool.append(Envelope(project, self._clock(), key, body, signal)))
        self._seen[key] = durable
        durable.add_done_callback(lambda done: self._settle(key, len(body), done))
        # shielded: a client that leaves takes nothing back, and its retry must find what became of the first try
        await asyncio.shield(durable)

    def _settle(self, key: bytes, size: int, durable: asyncio.Future[None]) -> None:
        if durable.exception() is not None:
            self._seen.pop(key, None)
            return
        self.accepted += 1
        self.accepted_bytes += size
        self._seen[key] = None
        while len(self._seen) > REMEMBERED_REQUESTS:
            oldest, waiting = next(iter(self._seen.items()))
            if waiting is not None:
                break
            del self._seen[oldest]
