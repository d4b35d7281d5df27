"""The store: ClickHouse through clickhouse-connect, the only file that knows the driver.

Embedded (`chdb:///folder`): the engine lives in this process, its data in one folder. Everything that it runs is SQL from `schemas/`.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanledger_collector.contract import Contract
from spanledger_collector.errors import PermanentError, RetryableError, StartError
from spanledger_collector.schemas_folder import SCHEMAS

# The tables that a segment's rows are in, by their `segment` column.
POSTED_TO = ("spans", "ledger", "rejected", "deliveries", "objective_minutes", "objectives")
# The view that counts postings for objectives: made of them, so there is no file of the pipeline for it (objectives.py).
OBJECTIVES_VIEW = "objectives/post_objectives"
# Errors about the bytes: the same segment will fail the same way, and one of its requests is the culprit. Everything else
# (memory, disk, a view that does not fit its table) is about the store, and no reason to set anybody's data aside.
# Numbers: ClickHouse's src/Common/ErrorCodes.cpp.
CONTENT_CODES = frozenset(
    {
        6, 26, 27, 32, 33, 34, 38, 41, 69, 70, 72, 117,  # cannot parse, read or convert; the end came too early
        128, 131, 190, 321, 349, 395, 407, 434, 444,  # sizes, ranges, NULLs, throwIf, decimal overflow, protobuf
    }
)  # fmt: skip
# Days that can be added to a call's time and still be a DateTime, which ends in 2106.
KEEP_DAYS_LIMIT = 10_000
# Of the engine's allocator (jemalloc), read when the engine is loaded: unused memory goes back soon and is shared between threads;
# by default 200 MB more are held under load. (At once is too soon: to take it anew doubles the time of an INSERT. That is what
# becomes of allocations above the threshold, if there is one.)
ALLOCATOR = "narenas:2,dirty_decay_ms:200,muzzy_decay_ms:0,oversize_threshold:0"
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
    "query_plan_enable_optimizations": 0,  # nothing to gain in a plan that reads one block: a twentieth of the time
}


class Store:
    """One engine. `open` gives further handles to it; a handle serves one query at a time. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder.absolute()
        self.contract = Contract.load()
        self._protobuf = {
            "format_schema_source": "string",
            "format_schema": (SCHEMAS / "otlp.proto").read_text(encoding="utf-8"),
            "format_schema_message_name": "Envelope",
        }
        self._lock = threading.Lock()
        os.environ.setdefault("JE_MALLOC_CONF", ALLOCATOR)
        self._writers: list[Client] = []  # handles for INSERTs, which run side by side; those that are not at work
        try:
            self._client = self.open()
        except ClickHouseError as error:
            raise StartError(f"the store in {folder} cannot be opened: {_text(error)}") from error

    def open(self) -> Client:
        """A new handle on the engine; the caller closes it."""
        # not as a DSN: in one, # and ? and % in the folder's name mean something else
        return clickhouse_connect.get_client(interface="chdb", path=str(self._folder))

    def close(self) -> None:
        """Close the store's own handles. The engine stops with its last handle."""
        with self._lock:
            for client in (*self._writers, self._client):
                client.close()

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement of `schemas/`. Raises RetryableError or PermanentError."""
        try:
            with self._lock:
                self._client.command(sql, parameters=dict(parameters or {}))
        except ClickHouseError as error:
            raise _classify(error) from error

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Sequence[Sequence[Any]]:
        """Rows of a query. Raises RetryableError or PermanentError."""
        try:
            with self._lock:
                rows: Sequence[Sequence[Any]] = self._client.query(sql, parameters=dict(parameters or {})).result_rows
                return rows
        except ClickHouseError as error:
            raise _classify(error) from error

    # -- segments

    def post(self, path: Path, token: str) -> None:
        """Post the segment file at `path` to every table. Raises RetryableError or PermanentError; then any of them may have it.

        Calling again with the same token and bytes completes it, as long as this process lives (D2).
        """
        settings = {**self._protobuf, **INSERT_SETTINGS, "insert_deduplication_token": token}
        clause = ", ".join(f"{name} = {literal(value)}" for name, value in settings.items())
        try:
            writer = self._writers.pop()
        except IndexError:
            writer = self.open()
        try:
            writer.command(
                f"INSERT INTO spanledger.otlp_traces FROM INFILE {literal(path)} SETTINGS {clause} FORMAT Protobuf"
            )
        except ClickHouseError as error:
            raise _classify(error) from error
        finally:
            self._writers.append(writer)

    def settle(self, segment: int) -> None:
        """Delete whatever was posted of a segment, so that it can be posted again as a new attempt. Idempotent."""
        for table in POSTED_TO:
            [[rows]] = self.query(
                f"SELECT count() FROM spanledger.{table} WHERE segment = {{segment:UInt64}}", {"segment": segment}
            )
            if rows:
                self.command(
                    f"DELETE FROM spanledger.{table} WHERE segment = {segment} SETTINGS lightweight_deletes_sync = 2"
                )

    def sync(self) -> None:
        """Make what was posted durable: parts are only in the page cache when an INSERT returns."""
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if _LIBC.syncfs(descriptor) != 0:
                number = ctypes.get_errno()
                raise RetryableError(f"the store could not be synced: {os.strerror(number)}")
        finally:
            os.close(descriptor)

    # -- migrations

    def migrate(self, at: datetime) -> list[str]:
        """Bring the schema up to date; returns the names of what was applied. Only with no segment half posted.

        Tables are applied once and may never change; functions and views are replaced when their text has changed, and a
        view of the pipeline that has no file any more is dropped: it would post beside those that took its place.
        Raises StartError, naming the file, where a table's file was edited after it was applied.
        """
        applied: list[str] = []
        functions = "".join(text for _, text in self._files("functions"))
        existing = {
            f"spanledger.{name}"
            for (name,) in self.query("SELECT name FROM system.tables WHERE database = 'spanledger'")
        }
        self.command(self._render(SCHEMAS / "tables" / "001_database.sql"))
        if "spanledger.migrations" not in existing:
            self.command(self._render(SCHEMAS / "tables" / "002_migrations.sql"))
        known: dict[str, str] = dict(
            map(tuple, self.query("SELECT name, argMax(sha256, applied_at) FROM spanledger.migrations GROUP BY name"))
        )
        for kind in ("functions", "tables", "pipeline", "views"):
            for name, text in self._files(kind):
                # a view holds the functions it was made with, so it is replaced when one of them changes
                sha256 = hashlib.sha256((text if kind == "tables" else text + functions).encode()).hexdigest()
                lost = kind == "pipeline" and _created(text) not in existing
                if known.get(name) == sha256 and not lost:
                    continue
                if kind == "tables" and name in known:
                    raise StartError(
                        f"schemas/{name}.sql was applied to this store and has been edited since: "
                        "restore it and put the change into a new file"
                    )
                if name not in ("tables/001_database", "tables/002_migrations"):
                    self._apply(kind, name, text, existing)
                self.command(
                    "INSERT INTO spanledger.migrations SETTINGS async_insert = 0 "
                    "VALUES ({name:String}, {sha256:String}, {at:DateTime64(3, 'UTC')})",
                    {"name": name, "sha256": sha256, "at": at},
                )
                applied.append(name)
        self._record_codes()
        pipeline = {_created(text) for _, text in self._files("pipeline")} | {_view(OBJECTIVES_VIEW)}
        for (view,) in self.query(
            "SELECT name FROM system.tables WHERE database = 'spanledger' AND engine = 'MaterializedView'"
        ):
            if f"spanledger.{view}" not in pipeline:
                self.command(f"DROP VIEW spanledger.{view} SYNC")
        self.sync()
        return applied

    def replace_view(self, name: str, text: str) -> None:
        """Have the materialized view of `schemas/{name}.sql` be `text`, with placeholders; '' is none. Only with no segment half posted.

        Raises StartError where the text cannot be applied.
        """
        view = _view(name)
        known = [
            sha256
            for (sha256,) in self.query(
                "SELECT comment FROM system.tables WHERE concat(database, '.', name) = {v:String}", {"v": view}
            )
        ]
        if not text:
            if known:
                self.command(f"DROP VIEW {view} SYNC")
            return
        text = self.contract.render(text)
        sha256 = hashlib.sha256((text + "".join(part for _, part in self._files("functions"))).encode()).hexdigest()
        if known == [sha256]:
            return
        # the view says what it is itself, and nothing while it changes: whatever a crash leaves, it is not taken for another
        if known:
            self.command(f"ALTER TABLE {view} MODIFY COMMENT ''")
        self._apply("pipeline", name, text, {view} if known else set())
        self.command(f"ALTER TABLE {view} MODIFY COMMENT {literal(sha256)}")

    def _record_codes(self) -> None:
        """Add the codes of attributes that the store does not know yet. None is taken away: old rows are read by them."""
        known = {code for (code,) in self.query("SELECT code FROM spanledger.attribute_codes")}
        if new := [code for code in self.contract.codes if code.code not in known]:
            rows = ", ".join(
                f"({literal(c.code)}, {literal(c.key)}, {literal(c.column)}, {literal(c.type)})" for c in new
            )
            self.command(f"INSERT INTO spanledger.attribute_codes SETTINGS async_insert = 0 VALUES {rows}")
        self.command("SYSTEM RELOAD DICTIONARY spanledger.attribute_book")

    def keep(self, table: str, days: int) -> None:
        """Keep the rows of `table` for `days`; 0 is for ever. Raises StartError for a table or a time that cannot be set."""
        columns = {"spans": "timestamp", "ledger": "timestamp", "rejected": "received_at", "deliveries": "received_at"}
        if table not in columns:
            raise StartError(f"no table {table}: retention can be set for {', '.join(columns)}")
        if days > KEEP_DAYS_LIMIT:  # the end would be beyond DateTime's, come round to 1970, and delete everything
            raise StartError(
                f"{table} cannot be kept for {days} days: {KEEP_DAYS_LIMIT} is the most, and 0 is for ever"
            )
        clause = f"TTL toDateTime({columns[table]}) + toIntervalDay({days})"
        [[ddl]] = self.query(
            "SELECT create_table_query FROM system.tables WHERE database = 'spanledger' AND name = {t:String}",
            {"t": table},
        )
        if days and clause not in ddl:
            self.command(f"ALTER TABLE spanledger.{table} MODIFY {clause}")
        elif not days and " TTL " in ddl:
            self.command(f"ALTER TABLE spanledger.{table} REMOVE TTL")

    def _apply(self, kind: str, name: str, text: str, existing: set[str]) -> None:
        if (created := _created(text)) in existing:
            if kind == "tables":
                return  # a crash came between its creation and its record
            if kind == "pipeline":
                # never drop and create: a view's identity is part of the deduplication token (D15)
                text = f"ALTER TABLE {created} MODIFY QUERY {text.split(' AS' + chr(10), 1)[1]}"
        try:
            self.command(text)
        except (PermanentError, RetryableError) as error:
            raise StartError(f"schemas/{name}.sql could not be applied: {error}") from error

    def _files(self, kind: str) -> Iterator[tuple[str, str]]:
        texts = {path.stem: self._render(path) for path in sorted((SCHEMAS / kind).glob("*.sql"))}

        def depth(name: str) -> int:
            """How many functions deep: a function holds those it was made with, so they come first."""
            called = [other for other in texts if other != name and f"spanledger_{other}(" in texts[name]]
            return 1 + max(map(depth, called), default=0)

        for stem in sorted(texts, key=lambda name: (depth(name), name)) if kind == "functions" else texts:
            yield f"{kind}/{stem}", texts[stem]

    def _render(self, path: Path) -> str:
        return self.contract.render(path.read_text(encoding="utf-8"))


_CREATED = re.compile(r"^CREATE (?:TABLE|DICTIONARY|MATERIALIZED VIEW) (\S+)", re.MULTILINE)
_LIBC = ctypes.CDLL(None, use_errno=True)


def _created(sql: str) -> str:
    """The table or materialized view that a file makes; '' where it makes none."""
    found = _CREATED.search(sql)
    return found[1] if found else ""


def _view(name: str) -> str:
    """The view that `schemas/{name}.sql` makes."""
    return f"spanledger.{name.partition('/')[2]}"


def literal(value: object) -> str:
    """A text in SQL."""
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _text(error: ClickHouseError) -> str:
    return str(error).split("\n", 1)[0]


def _classify(error: ClickHouseError) -> RetryableError | PermanentError:
    kind = PermanentError if getattr(error, "code", None) in CONTENT_CODES else RetryableError
    return kind(_text(error))
