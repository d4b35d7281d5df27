"""The store: what is kept, on an engine (D3). Everything that it runs is SQL from `schemas/`, the same on either engine."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from spanledger_collector.contract import Code, Contract
from spanledger_collector.engine import (
    DICTIONARY_USER,
    DRIVER_ERRORS,
    INSERT_SETTINGS,
    Embedded,
    Server,
    classify,
    start_error,
)
from spanledger_collector.errors import PermanentError, RetryableError, StartError, UndecidedError
from spanledger_collector.literals import quote
from spanledger_collector.schemas_folder import SCHEMAS

# The tables that a segment's rows are in, by their `segment` column.
POSTED_TO = (
    "spans", "ledger", "rejected", "deliveries", "gen_ai_events", "gen_ai_metrics", "not_kept", "span_content", "objective_minutes",
    "objectives",
)  # fmt: skip
# What an INSERT of a segment looks like: a file of `schemas/` begins with comments.
POSTING = rf"^(?:\s|--[^\n]*\n)*INSERT INTO spanledger\.(otlp_traces|otlp_signals|{'|'.join(POSTED_TO)})\b"
# The view that counts postings for objectives: made of them, so there is no file of the pipeline for it (objectives.py).
OBJECTIVES_VIEW = "objectives/post_objectives"
# The views that post content: there only where it is captured, and made of lists of their own (content.py).
CONTENT_VIEWS = (
    "content/read_content", "content/read_log_content", "content/read_messages", "content/read_indexed", "content/post_content",
)  # fmt: skip
# Days that can be added to a call's time and still be a DateTime, which ends in 2106.
KEEP_DAYS_LIMIT = 10_000
# The folders of `schemas/` in the order in which they are applied.
KINDS = ("functions", "tables", "pipeline", "views")


class Store:
    """One engine: in this process with its data in a folder, or a server by its DSN. Raises StartError where it cannot be opened.

    `open` gives further handles to it; a handle serves one query at a time. Safe to use from several threads.
    """

    def __init__(self, where: Path | str, dictionary_user: str = DICTIONARY_USER) -> None:
        self._engine = Server(where, dictionary_user) if isinstance(where, str) else Embedded(where)
        self.embedded = self._engine.embedded
        self.name = self._engine.name
        self.contract = Contract.load()
        self._protobuf = {
            "format_schema_source": "string",
            "format_schema": (SCHEMAS / "otlp.proto").read_text(encoding="utf-8"),
            "format_schema_message_name": "Envelope",
        }
        self._lock = threading.Lock()
        self._read_lock = threading.Lock()
        self._writers: list[Client] = []  # handles for INSERTs, which run side by side; those that are not at work
        try:
            self._client = self._engine.open(patient=True)
            self._reader = self._engine.open()
        except DRIVER_ERRORS as error:
            raise start_error(self._engine, error) from error

    def open(self, patient: bool = False) -> Client:
        """A new handle on the engine; the caller closes it. `patient`: for INSERTs, which may take long. Raises RetryableError."""
        with self.said():
            return self._engine.open(patient)

    @contextmanager
    def said(self) -> Iterator[None]:
        """What the driver raises, as RetryableError or PermanentError: for work on a handle of `open`."""
        try:
            yield
        except DRIVER_ERRORS as error:
            raise classify(error) from error

    def close(self) -> None:
        """Close the store's own handles. The engine stops with its last handle."""
        with self._lock, self._read_lock:
            for client in (*self._writers, self._reader, self._client):
                client.close()

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement of `schemas/`. Raises RetryableError or PermanentError."""
        with self.said(), self._lock:
            self._client.command(sql, parameters=dict(parameters or {}))

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Sequence[Sequence[Any]]:
        """Rows of a query. Raises RetryableError or PermanentError."""
        with self.said(), self._read_lock:
            rows: Sequence[Sequence[Any]] = self._reader.query(sql, parameters=dict(parameters or {})).result_rows
            return rows

    # -- segments

    def post(self, path: Path, token: str, signals: bool = False) -> None:
        """Post the segment file at `path` to every table; `signals`: it holds logs or metrics. Raises as below; then any of
        the tables may have it.

        RetryableError, PermanentError: calling again with the same token and bytes completes it, as long as this process
        lives (D2). UndecidedError: it has to be settled before it is posted again.
        """
        try:
            writer = self._writers.pop()
        except IndexError:
            try:
                writer = self.open(patient=True)
            except RetryableError as error:
                raise UndecidedError(str(error)) from error
        settings = {**self._protobuf, **INSERT_SETTINGS, "insert_deduplication_token": token}
        try:
            self._engine.insert(writer, "spanledger.otlp_traces", settings, path)
            if signals:
                self._engine.insert(writer, "spanledger.otlp_signals", settings, path)
        finally:
            self._writers.append(writer)

    def settle(self, segment: int) -> None:
        """Delete whatever was posted of a segment, so that it can be posted again as a new attempt. Idempotent.

        Only while this collector has no INSERT under way that it waits for.
        """
        if not self.embedded:  # one whose answer did not come may still be at work, and would post behind our back
            self.command(f"KILL QUERY WHERE user = currentUser() AND match(query, {quote(POSTING)}) SYNC")
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
        self._engine.sync()

    # -- migrations

    def migrate(self, at: datetime) -> list[str]:
        """Bring the schema up to date; returns the names of what was applied. Only with no segment half posted.

        Tables are applied once and may never change; functions and views are replaced when their text has changed, and a
        view of the pipeline that has no file any more is dropped: it would post beside those that took its place.
        Raises StartError, naming the file, where a table's file was edited after it was applied.
        """
        applied: list[str] = []
        existing = self._existing()
        self.command(self._render(SCHEMAS / "tables" / "001_database.sql"))
        if "spanledger.migrations" not in existing:
            self.command(self._render(SCHEMAS / "tables" / "002_migrations.sql"))
        for kind, name, text, sha256 in self._steps(existing):
            if name not in ("tables/001_database", "tables/002_migrations"):
                self._apply(kind, name, text, existing)
            self.command(
                "INSERT INTO spanledger.migrations SETTINGS async_insert = 0 "
                "VALUES ({name:String}, {sha256:String}, {at:DateTime64(3, 'UTC')})",
                {"name": name, "sha256": sha256, "at": at},
            )
            applied.append(name)
        self._record_codes()
        for view in self._left_over():
            self.command(f"DROP VIEW spanledger.{view} SYNC")
        if not self.embedded:
            self._sync_each_insert()
        self.sync()
        return applied

    def pending(self) -> list[str]:
        """What `migrate` would apply, asked with the right to read alone. Raises StartError as `migrate` does."""
        existing = self._existing()
        if "spanledger.migrations" not in existing:
            return [name for kind in KINDS for name, _ in self._files(kind)]
        names = [name for _, name, _, _ in self._steps(existing)]
        if not names and (self._new_codes() or self._left_over()):
            names = ["the end of a migration that was cut short"]
        return names

    def _existing(self) -> set[str]:
        return {
            f"spanledger.{name}"
            for (name,) in self.query("SELECT name FROM system.tables WHERE database = 'spanledger'")
        }

    def _steps(self, existing: set[str]) -> Iterator[tuple[str, str, str, str]]:
        """Kind, name, text and sha256 of each file that is to be applied."""
        functions = "".join(text for _, text in self._files("functions"))
        known: dict[str, str] = dict(
            map(tuple, self.query("SELECT name, argMax(sha256, applied_at) FROM spanledger.migrations GROUP BY name"))
        )
        for kind in KINDS:
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
                yield kind, name, text, sha256

    def _left_over(self) -> list[str]:
        """Views of a pipeline that was, and views that this made and has no file for any more."""
        pipeline = {_created(text) for _, text in self._files("pipeline")} | {_view(OBJECTIVES_VIEW)}
        pipeline |= set(map(_view, CONTENT_VIEWS))
        made = {
            _view_of_file(name)
            for (name,) in self.query(
                "SELECT DISTINCT name FROM spanledger.migrations WHERE startsWith(name, 'views/')"
            )
        } - {_view_of_file(name) for name, _ in self._files("views")}
        views = self.query(
            "SELECT name, engine FROM system.tables WHERE database = 'spanledger' AND engine IN ('MaterializedView', 'View')"
        )
        return [
            view
            for view, engine in views
            if (f"spanledger.{view}" not in pipeline if engine == "MaterializedView" else view in made)
        ]

    def _new_codes(self) -> list[Code]:
        known = {code for (code,) in self.query("SELECT code FROM spanledger.attribute_codes")}
        return [code for code in self.contract.codes if code.code not in known]

    def replace_view(self, name: str, text: str) -> None:
        """Have the materialized view of `schemas/{name}.sql` be `text`; '' is none. Only with no segment half posted.

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
        sha256 = hashlib.sha256((text + "".join(part for _, part in self._files("functions"))).encode()).hexdigest()
        if known == [sha256]:
            return
        # the view says what it is itself, and nothing while it changes: whatever a crash leaves, it is not taken for another
        if known:
            self.command(f"ALTER TABLE {view} MODIFY COMMENT ''")
        self._apply("pipeline", name, text, {view} if known else set())
        self.command(f"ALTER TABLE {view} MODIFY COMMENT {quote(sha256)}")

    def _record_codes(self) -> None:
        """Add the codes of attributes that the store does not know yet. None is taken away: old rows are read by them."""
        if new := self._new_codes():
            rows = ", ".join(f"({quote(c.code)}, {quote(c.key)}, {quote(c.column)}, {quote(c.type)})" for c in new)
            self.command(f"INSERT INTO spanledger.attribute_codes SETTINGS async_insert = 0 VALUES {rows}")
        self.command("SYSTEM RELOAD DICTIONARY spanledger.attribute_book")

    def _sync_each_insert(self) -> None:
        """A server's files are out of our reach: have it sync what an INSERT wrote before it answers."""
        for (table,) in self.query(
            "SELECT name FROM system.tables WHERE database = 'spanledger' AND engine LIKE '%MergeTree' "
            "AND engine_full NOT LIKE '%fsync_after_insert = 1%'"
        ):
            self.command(
                f"ALTER TABLE spanledger.{table} MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1"
            )

    def keep(self, table: str, days: int) -> None:
        """Keep the rows of `table` for `days`; 0 is for ever. Raises StartError for a table or a time that cannot be set."""
        columns = {
            **dict.fromkeys(("spans", "ledger", "gen_ai_events", "gen_ai_metrics"), "timestamp"),
            **dict.fromkeys(("rejected", "deliveries", "not_kept", "span_content"), "received_at"),
        }
        if table not in columns:
            raise StartError(f"no table {table}: retention can be set for {', '.join(columns)}")
        if days > KEEP_DAYS_LIMIT:  # the end would be beyond DateTime's, come round to 1970, and delete everything
            raise StartError(
                f"{table} cannot be kept for {days} days: {KEEP_DAYS_LIMIT} is the most, and 0 is for ever"
            )
        kept = self.days_kept(table)
        if days and kept != days:
            self.command(
                f"ALTER TABLE spanledger.{table} MODIFY TTL toDateTime({columns[table]}) + toIntervalDay({days})"
            )
        elif not days and kept:
            self.command(f"ALTER TABLE spanledger.{table} REMOVE TTL")

    def days_kept(self, table: str) -> int:
        """For how many days the rows of `table` are kept; 0 is for ever."""
        [[ddl]] = self.query(
            "SELECT create_table_query FROM system.tables WHERE database = 'spanledger' AND name = {t:String}",
            {"t": table},
        )
        found = re.search(r" TTL toDateTime\(\w+\) \+ toIntervalDay\((\d+)\)", ddl)
        return int(found[1]) if found else 0

    def _apply(self, kind: str, name: str, text: str, existing: set[str]) -> None:
        if (created := _created(text)) in existing:
            if kind == "tables":
                return  # a crash came between its creation and its record
            if kind == "pipeline":
                # never drop and create: a view's identity is part of the deduplication token (D15)
                text = f"ALTER TABLE {created} MODIFY QUERY {text.split(' AS' + chr(10), 1)[1]}"
        user = self._engine.dictionary_user  # in this process there is but one
        if kind == "tables" and user:
            text = text.replace("SOURCE(CLICKHOUSE(", f"SOURCE(CLICKHOUSE(USER {quote(user)} ")
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


def _created(sql: str) -> str:
    """The table or materialized view that a file makes; '' where it makes none."""
    found = _CREATED.search(sql)
    return found[1] if found else ""


def _view_of_file(name: str) -> str:
    """The view, without its database, that `schemas/views/46_suppressed.sql` makes."""
    return name.partition("_")[2]


def _view(name: str) -> str:
    """The view that `schemas/{name}.sql` makes."""
    return f"spanledger.{name.partition('/')[2]}"
