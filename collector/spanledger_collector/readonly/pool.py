"""Engine handles that can only read: one query at a time each, one scope and one set of settings for life."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from spanledger_collector.literals import quote
from spanledger_collector.readonly.catalog import DATABASE, Catalog, Scope
from spanledger_collector.readonly.errors import ClickHouseError, away
from spanledger_collector.readonly.limits import Limits

Settings = frozenset[tuple[str, str]]
_Key = tuple[Scope, Settings]


class _Escaped:
    """A parameter's value as ClickHouse's protocol carries it. The driver would escape a str once more; of a type it
    does not know it takes the text as it is."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


class Handle:
    """What may be asked of the engine, one question at a time. `settings` go with each of them."""

    def __init__(self, client: Client, settings: Mapping[str, str] | None = None) -> None:
        self._client = client
        self._settings = dict(settings) if settings else None

    def ask(self, query: str, parameters: Mapping[str, str], output_format: str) -> bytes:
        """The answer to `query` in `output_format`. `parameters`: escaped text by name, each one used in the query.

        Raises ClickHouseError.
        """
        escaped = {name: _Escaped(text) for name, text in parameters.items()}
        try:
            return self._client.raw_query(
                query, parameters=escaped or None, settings=self._settings, fmt=output_format, use_database=False
            )
        except OperationalError as error:
            if error.code is None:
                raise away() from error
            raise ClickHouseError(error.code, error.name or "UNKNOWN_EXCEPTION", str(error)) from error
        except DatabaseError as error:
            raise ClickHouseError(error.code or 1002, error.name or "UNKNOWN_EXCEPTION", str(error)) from error

    def parse(self, query: str, parameters: Mapping[str, str]) -> str:
        """The answer to a question whose answer is text. Raises ClickHouseError."""
        return self.ask(query, parameters, "TSVRaw").decode().removesuffix("\n")

    def close(self) -> None:
        self._client.close()


class Pool:
    """Handles by scope and settings. `shared`: tables without a `project` column that every reader may see. `sessions`:
    whether what is SET on a client holds for it; else all of it goes with each question."""

    def __init__(
        self,
        open_handle: Callable[[], Client],
        catalog: Catalog,
        limits: Limits,
        shared: frozenset[str],
        sessions: bool,
    ) -> None:
        self._open_handle = open_handle
        self._catalog = catalog
        self._limits = limits
        self._shared = shared
        self._sessions = sessions
        self._lock = threading.Lock()
        self._idle: OrderedDict[_Key, list[Handle]] = OrderedDict()
        self._opened = 0

    @contextmanager
    def handle(self, scope: Scope, settings: Settings) -> Iterator[Handle]:
        """A handle of its own for the block. At most `limits.running` blocks may be open at once."""
        key = (scope, settings)
        handle = self._take(key)
        try:
            yield handle
        except BaseException as error:
            if isinstance(error, DriverError):
                self._drop(handle)
            else:
                self._put_back(key, handle)
            raise
        self._put_back(key, handle)

    def close(self) -> None:
        """Closes the idle handles; call it when no query runs."""
        with self._lock:
            handles = [handle for handles in self._idle.values() for handle in handles]
            self._idle.clear()
            self._opened -= len(handles)
        for handle in handles:
            handle.close()

    def _take(self, key: _Key) -> Handle:
        surplus = None
        with self._lock:
            if self._idle.get(key):
                return self._idle[key].pop()
            if self._opened >= self._limits.handles:
                surplus = next(handles.pop() for handles in self._idle.values() if handles)
            else:
                self._opened += 1
        if surplus is not None:
            surplus.close()
        try:
            return self._open(*key)
        except BaseException:
            with self._lock:
                self._opened -= 1
            raise

    def _put_back(self, key: _Key, handle: Handle) -> None:
        with self._lock:
            self._idle.setdefault(key, []).append(handle)
            self._idle.move_to_end(key)
            for empty in [other for other, handles in self._idle.items() if not handles]:
                del self._idle[empty]

    def _drop(self, handle: Handle) -> None:
        with self._lock:
            self._opened -= 1
        handle.close()

    def _open(self, scope: Scope, settings: Settings) -> Handle:
        restricted = {**dict(settings), **self._limits.settings(), **self._scope_settings(scope), "allow_ddl": "0"}
        client = self._open_handle()
        if not self._sessions:
            return Handle(client, {**restricted, "readonly": "1"})
        try:
            # The engine's own default database shows the file system as tables.
            client.command(f"USE {DATABASE}")
            for name, value in restricted.items():
                client.command(f"SET {name} = {quote(value)}")
            # Last: from here on the engine takes no other SET.
            client.command("SET readonly = 1")
        except BaseException:
            client.close()
            raise
        return Handle(client)

    def _scope_settings(self, scope: Scope) -> dict[str, str]:
        if not scope.limited:
            return {}
        return {
            # The JSON formats would tell how many rows of all projects were read.
            "output_format_write_statistics": "0",
            "additional_table_filters": self._catalog.filters(scope, self._shared),
            # The engine may run a condition of the query on rows that the filter is about to take away. With these,
            # the filter is the first condition, and what stands behind it is evaluated only where it holds.
            "optimize_move_to_prewhere": "0",
            "short_circuit_function_evaluation": "force_enable",
            # The cache remembers which rows a condition found, whoever asked.
            "use_query_condition_cache": "0",
        }
