"""The engine under the store: ClickHouse in this process (chdb), or a server over HTTP. The only file that knows the driver.

What differs between the two is here, and nothing else does: the SQL is the same.
"""

from __future__ import annotations

import ctypes
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, ProgrammingError
from urllib3.exceptions import HTTPError

from spanledger_collector.errors import PermanentError, RetryableError, StartError, UndecidedError
from spanledger_collector.literals import quote

# The line of the embedded engine. An older server lacks what the pipeline is made of, and nobody has tried one.
OLDEST_SERVER = (26, 9)
# Reads a dictionary's table on a server; in this process it is the engine's only user.
DICTIONARY_USER = "spanledger_dictionary"
DRIVER_ERRORS = (ClickHouseError, HTTPError, OSError)
# Errors about the bytes: the same segment will fail the same way, and one of its requests is the culprit. Everything else
# (memory, disk, a view that does not fit its table) is about the store, and no reason to set anybody's data aside.
# Numbers: ClickHouse's src/Common/ErrorCodes.cpp.
CONTENT_CODES = frozenset(
    {
        6, 26, 27, 32, 33, 34, 38, 41, 69, 70, 72, 117,  # cannot parse, read or convert; the end came too early
        128, 131, 190, 321, 349, 395, 407, 434, 444,  # sizes, ranges, NULLs, throwIf, decimal overflow, protobuf
    }
)  # fmt: skip
# Seconds that a server may take to answer. One that hangs is to be noticed; a back-fill may take ten minutes (objectives.py).
READ_SECONDS = 30
INSERT_SECONDS = 660
_WRONG_PASSWORD = frozenset({192, 193, 194, 516})
# Of the engine's allocator (jemalloc), read when the engine is loaded: unused memory goes back soon and is shared between threads;
# by default 200 MB more are held under load. (Sooner than the next INSERT is too soon: to take it anew takes a tenth of one's time or
# more. At once is what becomes of allocations above the threshold, if there is one. Huge pages take 100 MB more and gain nothing.)
ALLOCATOR = "narenas:2,dirty_decay_ms:1000,muzzy_decay_ms:0,oversize_threshold:0"
# Every try of a segment is the same INSERT: same settings, same split into blocks (D2, storage-findings A3, C6).
INSERT_SETTINGS: Mapping[str, object] = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "materialized_views_ignore_errors": 0,
    "parallel_view_processing": 0,
    "max_insert_threads": 1,
    "max_threads": 1,
    "max_partitions_per_insert_block": 0,
    "exclude_materialize_skip_indexes_on_insert": "by_trace,by_user,by_session,by_attribute",  # merges build them
    # every function of the pipeline is total (D15): to work out all branches takes less than to keep apart who needs which
    "short_circuit_function_evaluation": "disable",
    "optimize_and_compare_chain": 0,  # it costs as much at each AND as twenty functions do, where there are steps below
    # to compile the pipeline takes 0.7 s of CPU, once in the life of a process, and makes no segment faster
    "compile_expressions": 0,
    "query_plan_enable_optimizations": 0,  # nothing to gain in a plan that reads one block: a twentieth of the time
}
# A server may have a profile of its own: a segment stays one block whatever that says.
SERVER_INSERT_SETTINGS: Mapping[str, object] = {
    "max_insert_block_size": 10_000_000,
    "max_insert_block_size_bytes": 0,
    "min_insert_block_size_rows": 10_000_000,
    "min_insert_block_size_bytes": 4 << 30,
    "min_insert_block_size_rows_for_materialized_views": 0,
    "min_insert_block_size_bytes_for_materialized_views": 0,
    "input_format_parallel_parsing": 0,
    "max_execution_time": 0,
}
_PREAMBLE = re.compile(r"^Received ClickHouse exception, code: \d+, server response: ")
_CHUNK_BYTES = 1 << 20
_LIBC = ctypes.CDLL(None, use_errno=True)


class Engine(ABC):
    """Where the SQL runs. `name` is fit for a message: it has no password."""

    name: str
    embedded: bool
    dictionary_user = ""

    @abstractmethod
    def open(self, patient: bool = False) -> Client:
        """A new handle; the caller closes it. Only a `patient` one may be for what takes long, an INSERT above all: the others
        wait READ_SECONDS for a server. Raises what the driver raises."""

    @abstractmethod
    def insert(self, client: Client, table: str, settings: Mapping[str, object], path: Path) -> None:
        """Insert the length-delimited protobuf file at `path`. Raises RetryableError, UndecidedError or PermanentError."""

    @abstractmethod
    def sync(self) -> None:
        """Make durable what INSERTs that have returned have written. Raises RetryableError."""


class Embedded(Engine):
    """chdb in this process, its data in one folder."""

    embedded = True

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.name = str(folder)
        self._folder = folder.absolute()
        os.environ.setdefault("JE_MALLOC_CONF", ALLOCATOR)

    def open(self, patient: bool = False) -> Client:
        # not as a DSN: in one, # and ? and % in the folder's name mean something else
        return clickhouse_connect.get_client(interface="chdb", path=str(self._folder))

    def insert(self, client: Client, table: str, settings: Mapping[str, object], path: Path) -> None:
        try:
            client.command(f"INSERT INTO {table} FROM INFILE {quote(path)} SETTINGS {clause(settings)} FORMAT Protobuf")
        except ClickHouseError as error:
            raise classify(error) from error

    def sync(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if _LIBC.syncfs(descriptor) != 0:
                number = ctypes.get_errno()
                raise RetryableError(f"the store could not be synced: {os.strerror(number)}")
        finally:
            os.close(descriptor)


class Server(Engine):
    """A ClickHouse server, by `http(s)://user:password@host:port`. The driver's options may follow as a query."""

    embedded = False

    def __init__(self, dsn: str, dictionary_user: str = DICTIONARY_USER) -> None:
        parts = urlsplit(dsn)
        try:
            address = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        except ValueError as error:
            raise StartError(f"the store's address cannot be read: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise StartError("the store's address has to be http://user:password@host:8123 or https://…:8443")
        self.name = f"{parts.scheme}://{address}"
        self.dictionary_user = dictionary_user
        self._scheme = parts.scheme
        # every name in our SQL has its database, which need not exist yet
        self._dsn = urlunsplit(parts._replace(path=""))

    def open(self, patient: bool = False) -> Client:
        client = clickhouse_connect.get_client(
            dsn=self._dsn,
            interface=self._scheme,
            client_name="spanledger-collector",
            autogenerate_session_id=False,  # a session is locked by a query whose answer nobody waits for any more
            dedicated_pool=True,
            connect_timeout=5,
            send_receive_timeout=INSERT_SECONDS if patient else READ_SECONDS,
            settings={"wait_end_of_query": 1},  # the answer comes when all is done, and says what came of it
        )
        found = str(client.server_version)
        if tuple(map(int, found.split(".")[:2])) < OLDEST_SERVER:
            client.close()
            needed = ".".join(map(str, OLDEST_SERVER))
            raise StartError(
                f"{self.name} is ClickHouse {found}, and spanledger needs {needed} or newer: upgrade the server"
            )
        return client

    def insert(self, client: Client, table: str, settings: Mapping[str, object], path: Path) -> None:
        # in the body, for a URL has a limit; and as a stream of its own, for the driver would send bytes a second time
        statement = (
            f"INSERT INTO {table} SETTINGS {clause({**settings, **SERVER_INSERT_SETTINGS})} FORMAT Protobuf\n".encode()
        )
        try:
            length = len(statement) + path.stat().st_size
            client.raw_insert(
                table="", insert_block=_body(statement, path), transport_settings={"Content-Length": str(length)}
            )
        except DRIVER_ERRORS as error:
            failure = classify(error)
            # The server may have restarted since, or may not be at its end yet: what it says of a token is worth nothing.
            raise UndecidedError(str(failure)) if isinstance(failure, RetryableError) else failure from error

    def sync(self) -> None:
        """Its tables are synced by each INSERT: `migrate` sees to that."""


def start_error(engine: Engine, error: Exception) -> StartError:
    """Why an engine cannot be opened."""
    if getattr(error, "code", None) in _WRONG_PASSWORD:
        return StartError(f"{engine.name} does not take this user and password")
    if engine.embedded or getattr(error, "code", None):
        return StartError(f"the store in {engine.name} cannot be opened: {text(error)}")
    if isinstance(error, ProgrammingError):
        return StartError(f"{engine.name}: {text(error)}")
    return StartError(f"{engine.name}: {text(error)}. Is it running there?")


def classify(error: Exception) -> RetryableError | PermanentError:
    """The driver's error as one of ours."""
    kind = PermanentError if getattr(error, "code", None) in CONTENT_CODES else RetryableError
    return kind(text(error))


def text(error: Exception) -> str:
    """What the driver says, in one line and without its own words around it."""
    if isinstance(
        error.__cause__, HTTPError
    ):  # the library's chain of errors, of which the last part is the operating system's
        reason = getattr(error.__cause__, "reason", None) or error.__cause__
        return f"ClickHouse does not answer: {str(reason).rpartition(': ')[2]}"
    line = str(error).split("\n", 1)[0]
    return _PREAMBLE.sub("", line).partition(" (for url ")[0]


def clause(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name} = {quote(value)}" for name, value in settings.items())


def _body(statement: bytes, path: Path) -> Generator[bytes, None, None]:
    yield statement
    with path.open("rb") as segment:
        while chunk := segment.read(_CHUNK_BYTES):
            yield chunk
