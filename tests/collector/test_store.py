"""The store: its schema is what the files say, its posts can be undone, its folder may be called anything."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from collector.traffic import CALL_COSTS, call, calls, envelope, log_request, metric_request, poison, request
from spanledger_collector.errors import PermanentError, RetryableError, StartError
from spanledger_collector.literals import quote
from spanledger_collector.platform import lock_folder
from spanledger_collector.schemas_folder import SCHEMAS
from spanledger_collector.store import KEEP_DAYS_LIMIT, POSTED_TO, POSTING, Store
from spanledger_collector.wire import Signal

NOW = datetime(2026, 11, 20, tzinfo=UTC)
LATER = datetime(2036, 11, 20, tzinfo=UTC)


@pytest.fixture
def segment(tmp_path: Path) -> Callable[..., Path]:
    """Writes a segment file of the number, one request a body."""

    def write(number: int, *bodies: bytes) -> Path:
        path = tmp_path / f"{number}.segment"
        path.write_bytes(b"".join(envelope(body).encode(number) for body in bodies))
        return path

    return write


def counts(store: Store) -> dict[str, int]:
    return {table: store.query(f"SELECT count() FROM spanledger.{table}")[0][0] for table in POSTED_TO[:4]}


def say(store: Store, name: str, sha256: str) -> None:
    """Have the store believe that it was a text of that hash which was applied."""
    store.command(
        "INSERT INTO spanledger.migrations SETTINGS async_insert = 0 VALUES ({n:String}, {s:String}, {at:DateTime64(3)})",
        {"n": name, "s": sha256, "at": LATER},
    )


# -- migrations


def test_every_file_is_recorded_by_name_and_hash_and_is_applied_once(store: Store) -> None:
    recorded = dict(map(tuple, store.query("SELECT name, sha256 FROM spanledger.migrations")))
    files = {
        f"{kind}/{path.stem}"
        for kind in ("tables", "functions", "pipeline", "views")
        for path in (SCHEMAS / kind).glob("*.sql")
    }

    assert set(recorded) == files
    tables = SCHEMAS / "tables/040_deliveries.sql"
    assert recorded["tables/040_deliveries"] == hashlib.sha256(tables.read_bytes()).hexdigest()
    assert store.migrate(NOW) == []


def test_a_table_file_that_was_edited_after_it_was_applied_is_refused_by_name(store: Store) -> None:
    say(store, "tables/020_ledger", "another")

    with pytest.raises(StartError, match=r"schemas/tables/020_ledger\.sql .* edited since"):
        store.migrate(NOW)


def test_a_view_of_the_pipeline_whose_text_or_functions_changed_is_replaced_in_place(store: Store) -> None:
    uuids = "SELECT name, uuid FROM system.tables WHERE database = 'spanledger' AND engine = 'MaterializedView' ORDER BY name"
    selects = uuids.replace("uuid", "as_select")
    before, text = store.query(uuids), store.query(selects)
    store.command("ALTER TABLE spanledger.post_spans MODIFY QUERY SELECT timestamp FROM spanledger.spans_in WHERE 0")
    files = [f"pipeline/{path.stem}" for path in sorted((SCHEMAS / "pipeline").glob("*.sql"))]
    for name in files:
        say(store, name, "made with another function")

    assert store.migrate(NOW) == files

    assert store.query(uuids) == before
    assert store.query(selects) == text


def test_a_view_of_the_pipeline_that_has_no_file_any_more_posts_no_more(
    store: Store, segment: Callable[..., Path]
) -> None:
    store.command(
        "CREATE MATERIALIZED VIEW spanledger.post_spans_as_they_were TO spanledger.spans AS "
        "SELECT project, received_at, segment FROM spanledger.otlp_traces"
    )
    store.command("DROP VIEW spanledger.post_deliveries")

    store.migrate(NOW)

    store.post(segment(7, request(calls(3))), "7/1")
    assert counts(store) == {"spans": 3, "ledger": 3, "rejected": 0, "deliveries": 1}


@pytest.mark.parametrize("lost", ["1", "startsWith(name, 'tables/')", "startsWith(name, 'pipeline/')"])
def test_a_migration_that_a_crash_left_unrecorded_is_finished_with_nothing_lost(
    store: Store, segment: Callable[..., Path], lost: str
) -> None:
    store.post(segment(7, request(calls(3))), "7/1")
    store.command(f"DELETE FROM spanledger.migrations WHERE {lost} SETTINGS lightweight_deletes_sync = 2")

    assert store.migrate(NOW)

    assert store.migrate(NOW) == []
    store.post(segment(8, request(calls(3))), "8/1")
    assert counts(store) == {"spans": 6, "ledger": 6, "rejected": 0, "deliveries": 2}


# -- posting


def test_a_segment_is_posted_to_every_table_and_priced(store: Store, segment: Callable[..., Path]) -> None:
    store.post(segment(7, request(calls(4)), request(calls(1))), "7/1")

    assert counts(store) == {"spans": 5, "ledger": 5, "rejected": 0, "deliveries": 2}
    assert store.query("SELECT sum(cost_usd), sum(calls) FROM spanledger.ledger") == [(5 * CALL_COSTS, 5)]
    assert store.query("SELECT sum(spans) FROM spanledger.deliveries") == [(5,)]


def test_a_refused_span_is_kept_with_its_reason_and_counted_nowhere(store: Store, segment: Callable[..., Path]) -> None:
    bad = call()
    bad.trace_id = b"short"

    store.post(segment(7, request([*calls(4), bad])), "7/1")

    assert counts(store) == {"spans": 4, "ledger": 4, "rejected": 1, "deliveries": 1}
    assert store.query("SELECT reason FROM spanledger.rejected") == [("invalid_trace_id",)]
    assert store.query("SELECT spans FROM spanledger.deliveries") == [(5,)]


def test_the_same_bytes_under_the_same_token_are_posted_once(store: Store, segment: Callable[..., Path]) -> None:
    path = segment(7, request(calls(4)))
    for _ in range(3):
        store.post(path, "7/1")

    assert counts(store) == {"spans": 4, "ledger": 4, "rejected": 0, "deliveries": 1}


def test_settling_takes_back_one_segment_from_every_table_and_from_the_rollups(
    store: Store, segment: Callable[..., Path]
) -> None:
    body = request(calls(4))
    store.post(segment(7, body), "7/1")
    store.post(segment(8, request(calls(2))), "8/1")

    store.settle(7)
    store.settle(7)

    assert counts(store) == {"spans": 2, "ledger": 2, "rejected": 0, "deliveries": 1}
    by_hour = "SELECT model, sum(calls), sum(cost_usd) FROM spanledger.ledger GROUP BY model, hour"
    assert store.query(by_hour) == [("gpt-4o", 2, 2 * CALL_COSTS)]
    assert store.query(f"{by_hour} SETTINGS optimize_use_projections = 0") == store.query(by_hour)

    store.post(segment(7, body), "7/2")
    assert counts(store) == {"spans": 6, "ledger": 6, "rejected": 0, "deliveries": 2}


def test_settling_takes_back_logs_and_metrics_too(store: Store, tmp_path: Path) -> None:
    bodies = {Signal.LOGS: log_request(3), Signal.METRICS: metric_request(2)}
    path = tmp_path / "7.segment"
    path.write_bytes(b"".join(envelope(body, signal=signal).encode(7) for signal, body in bodies.items()))
    items = "SELECT sum(items) FROM spanledger.not_kept"

    for attempt in (1, 2):
        store.post(path, f"7/{attempt}", signals=True)
        assert store.query(items) == [(5,)]
        store.settle(7)
        assert store.query(items) == [(0,)]


def test_logs_that_could_not_be_posted_after_the_traces_beside_them_are_posted_by_the_next_try(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "7.segment"
    records = [envelope(request(calls(4))), envelope(log_request(3), signal=Signal.LOGS)]
    path.write_bytes(b"".join(record.encode(7) for record in records))
    store.command("RENAME TABLE spanledger.not_kept TO spanledger.away")
    with pytest.raises(RetryableError):
        store.post(path, "7/1", signals=True)
    assert counts(store) == {"spans": 4, "ledger": 4, "rejected": 0, "deliveries": 2}
    store.command("RENAME TABLE spanledger.away TO spanledger.not_kept")

    for _ in range(2):
        store.post(path, "7/1", signals=True)

    assert counts(store) == {"spans": 4, "ledger": 4, "rejected": 0, "deliveries": 2}
    assert store.query("SELECT sum(items) FROM spanledger.not_kept") == [(3,)]
    assert store.query("SELECT sum(spans), sum(log_records) FROM spanledger.deliveries") == [(4, 3)]


def test_what_the_bytes_are_to_blame_for_is_told_from_what_the_store_is(
    store: Store, segment: Callable[..., Path]
) -> None:
    with pytest.raises(PermanentError):
        store.post(segment(7, poison()), "7/1")
    with pytest.raises(RetryableError):
        store.post(Path("/nowhere/9.segment"), "9/1")
    store.command("RENAME TABLE spanledger.spans TO spanledger.away")
    with pytest.raises(RetryableError):
        store.post(segment(8, request(calls(1))), "8/1")


def test_every_insert_that_fills_a_segment_is_known_as_one(store: Store) -> None:
    texts = [path.read_text() for path in SCHEMAS.rglob("*.sql")]
    of_files = [text for text in texts if any(line.startswith("INSERT INTO") for line in text.splitlines())]
    assert of_files
    for text in (
        *of_files,
        *(f"INSERT INTO spanledger.{table} SETTINGS" for table in (*POSTED_TO, "otlp_traces", "otlp_signals")),
    ):
        assert store.query(f"SELECT match({quote(text)}, {quote(POSTING)})") == [(1,)], text
    assert store.query(f"SELECT match('INSERT INTO spanledger.prices', {quote(POSTING)})") == [(0,)]


# -- retention


def ttl(store: Store, table: str) -> str:
    [[ddl]] = store.query(
        "SELECT create_table_query FROM system.tables WHERE database = 'spanledger' AND name = {t:String}", {"t": table}
    )
    return str(ddl).partition(" TTL ")[2].partition(" SETTINGS ")[0]


def test_each_table_keeps_its_rows_as_long_as_it_is_told(store: Store) -> None:
    assert "toIntervalDay(30)" in ttl(store, "spans") and not ttl(store, "ledger")
    assert ttl(store, "objective_minutes") == "minute + toIntervalDay(460)"
    for table, column in {
        "spans": "timestamp",
        "ledger": "timestamp",
        "rejected": "received_at",
        "deliveries": "received_at",
        "gen_ai_events": "timestamp",
        "gen_ai_metrics": "timestamp",
        "not_kept": "received_at",
    }.items():
        store.keep(table, 14)
        assert ttl(store, table) == f"toDateTime({column}) + toIntervalDay(14)"
        store.keep(table, 0)
        assert ttl(store, table) == ""


def test_a_view_that_has_no_file_any_more_is_dropped_and_one_of_a_user_is_not(store: Store) -> None:
    for name in ("sums", "of_a_user"):
        store.command(f"CREATE VIEW spanledger.{name} AS SELECT 1")
    store.command("INSERT INTO spanledger.migrations VALUES ('views/20_sums', '', now64(3))")
    assert store.pending()

    store.migrate(datetime.now(UTC))

    views = "SELECT name FROM system.tables WHERE database = 'spanledger' AND name IN ('sums', 'of_a_user', 'usage')"
    assert {name for (name,) in store.query(views)} == {"of_a_user", "usage"}
    assert not store.pending()


def test_what_is_past_its_time_is_deleted_and_what_is_not_is_kept(store: Store, segment: Callable[..., Path]) -> None:
    day = 86_400 * 10**9
    now = envelope(b"").received_at
    store.keep("spans", 10)
    store.post(segment(7, request([call(start_ns=now - 9 * day), call(start_ns=now - 11 * day), call()])), "7/1")

    store.command("OPTIMIZE TABLE spanledger.spans FINAL")
    assert counts(store)["spans"] == 2 and counts(store)["ledger"] == 3

    store.keep("spans", KEEP_DAYS_LIMIT)
    store.command("OPTIMIZE TABLE spanledger.spans FINAL")
    assert counts(store)["spans"] == 2


def test_a_retention_that_would_wrap_round_and_delete_all_is_refused(store: Store) -> None:
    with pytest.raises(StartError, match="0 is for ever"):
        store.keep("spans", 30_000)
    with pytest.raises(StartError, match="no table prices"):
        store.keep("prices", 30)


# -- its folder


@pytest.mark.parametrize("name", ["with space", "100%20", "a#b", "a&b=c", "it's", 'say "so"', "back\\slash", "日本"])
def test_the_folder_may_have_any_name(tmp_path: Path, segment: Callable[..., Path], name: str) -> None:
    store = Store(tmp_path / name / "store")
    try:
        store.command("CREATE DATABASE IF NOT EXISTS here ENGINE = Atomic")
        assert any((tmp_path / name / "store").iterdir())
        assert [path.name for path in tmp_path.iterdir()] == [name]
    finally:
        store.close()


@pytest.mark.parametrize("name", ["a*b", "a?b", "{a,b}"])
def test_a_folder_that_the_store_would_take_for_a_pattern_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StartError, match="pattern"), lock_folder(tmp_path / name):
        pass


def test_a_segment_in_a_folder_with_quotes_is_posted(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "it's \\ here" / "7.segment"
    path.parent.mkdir()
    path.write_bytes(envelope(request(calls(2))).encode(7))

    store.post(path, "7/1")

    assert counts(store)["spans"] == 2


def test_a_relative_folder_is_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store(Path("here/store"))
    store.close()
    assert any((tmp_path / "here" / "store").iterdir())


def test_a_store_that_cannot_be_opened_says_so_in_one_line(data: Path) -> None:
    (data / "store" / "metadata" / "spanledger.sql").write_text("nonsense")

    with pytest.raises(StartError, match="cannot be opened") as refused:
        Store(data / "store")
    assert "\n" not in str(refused.value)
