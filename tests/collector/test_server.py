"""The server way: the same rows as embedded, each once, whatever becomes of the server or of its answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from collector.clickhouse import PASSWORD, ClickHouse, clickhouse
from collector.command_line import one_line, spanledger
from collector.rig import Rig, Rigged, Running, until
from collector.traffic import CALL_COSTS, call, calls, envelope, poison, request
from spanledger_collector.config import load
from spanledger_collector.engine import OLDEST_SERVER, Server
from spanledger_collector.envelope import Envelope
from spanledger_collector.errors import PermanentError, RetryableError, StartError, UndecidedError
from spanledger_collector.literals import quote
from spanledger_collector.platform import Options
from spanledger_collector.schemas_folder import SCHEMAS
from spanledger_collector.store import POSTED_TO, Store
from stores import Stores

GOLDEN = Path(__file__).parents[1] / "golden"
RECORDED = ("anthropic-native", "otel-genai-anthropic", "otel-genai-anthropic-plus-native-dup", "otel-genai-openai")
NOW = datetime(2026, 11, 24, tzinfo=UTC)
# what a run of its own makes different: the numbers of segments, and when the bookkeeper came by
ROWS = {
    "spans": "* EXCEPT segment, attributes, tags",
    "ledger": "* EXCEPT (segment, refers_to, posted_at), if(reason = '', posted_at, NULL)",
    "rejected": "* EXCEPT segment",
    "deliveries": "* EXCEPT segment",
    "prices": "* EXCEPT recorded_at",
}


@pytest.fixture(scope="module")
def server(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """A server with an empty store, its schema applied and its price book recorded."""
    with clickhouse(stores.priced(tmp_path_factory.mktemp("server")) / "store") as server:
        yield server


@pytest.fixture
def on_server(server: ClickHouse, tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    with ExitStack() as stack:

        def begin(**options: object) -> Rig:
            rig = Rig(tmp_path / "collector", store=server.dsn, **options)  # type: ignore[arg-type]
            stack.callback(rig.close)
            return rig

        rig = begin()
        for table in POSTED_TO:
            rig.store.command(f"TRUNCATE TABLE spanledger.{table}")
        rig.close()
        yield begin
        if server.died:
            server.start()


def requests(count: int) -> list[Envelope]:
    return [envelope(request(calls(3))) for _ in range(count)]


def posted(rig: Rig) -> tuple[object, ...]:
    """Rows and different calls of spans and ledger, requests of deliveries, and what all costs by either table."""
    return (
        *rig.rows("SELECT count(), uniqExact(trace_id), sum(cost_usd) FROM spanledger.spans")[0],
        *rig.rows("SELECT count(), uniqExact(trace_id), sum(cost_usd) FROM spanledger.ledger")[0],
        *rig.rows("SELECT count(), uniqExact(digest), sum(spans) FROM spanledger.deliveries")[0],
    )


def once(requests: int) -> tuple[object, ...]:
    """What `posted` is where each of `requests` was posted once."""
    total = requests * 3
    return (total, total, total * CALL_COSTS) * 2 + (requests, requests, total)


# -- the same rows (invariant 7)


def test_the_same_requests_give_the_same_rows_on_a_server_as_embedded(
    on_server: Callable[..., Rig], rig: Rigged
) -> None:
    twice, without_price = calls(2), call(gen_ai__request__model="gpt-4.1-mini-2025-04-14-of-ours")
    later_priced = call(gen_ai__provider__name="anthropic", gen_ai__request__model="claude-3-5-sonnet-of-ours")
    now = time.time_ns()
    bad = call()
    bad.trace_id = b"short"
    taken = [
        *(
            envelope(path.read_bytes(), received_at=now + n)
            for n, path in enumerate(GOLDEN / f"{name}.otlp.pb" for name in RECORDED)
        ),
        envelope(request([*twice, without_price, later_priced]), received_at=now + 100),
        envelope(request(twice, service="again"), received_at=now + 101),
        envelope(request([*calls(5), bad], team="it's \\ odd"), project="other", received_at=now + 102),
        envelope(poison(), received_at=now + 103),
    ]

    def kept(running: Rig) -> dict[str, list[str]]:
        running.take(*taken)
        running.start().drained()
        corrections = "SELECT reason, count() FROM spanledger.ledger WHERE reason != '' GROUP BY reason ORDER BY reason"
        until(lambda: running.rows(corrections) == [("duplicate", 2), ("price_found", 2)])
        assert running.forwarder.quarantined == 1
        return {
            table: sorted(map(repr, running.rows(f"SELECT {columns} FROM spanledger.{table}")))
            for table, columns in ROWS.items()
        }

    embedded, over_http = kept(rig(books=True)), kept(on_server(books=True))

    assert {table for table, rows in embedded.items() if not rows} == set()
    assert over_http == embedded


def test_a_server_is_migrated_to_the_schema_that_an_embedded_store_has(tmp_path: Path, stores: Stores) -> None:
    schema = (
        "SELECT name, replaceRegexpOne(create_table_query, ', fsync_after_insert = 1, fsync_part_directory = 1', '') "
        "FROM system.tables WHERE database = 'spanledger' ORDER BY name"
    )
    embedded = Store(stores.unpriced(tmp_path / "embedded") / "store")
    expected = [tuple(row) for row in embedded.query(schema)]
    embedded.close()
    with clickhouse(tmp_path / "server") as server:
        writer = Store(server.dsn)
        everything = writer.pending()
        migrator = Store(server.dsn, dictionary_user="default")
        assert migrator.migrate(NOW) == everything
        assert writer.pending() == migrator.migrate(NOW) == []
        got = [(name, ddl.replace("USER 'default' ", "")) for name, ddl in writer.query(schema)]
        unsynced = writer.query(
            "SELECT name FROM system.tables WHERE database = 'spanledger' AND engine = 'MergeTree' AND "
            "NOT (engine_full LIKE '%fsync_after_insert = 1%' AND engine_full LIKE '%fsync_part_directory = 1%')"
        )
        writer.command("DELETE FROM spanledger.attribute_codes WHERE 1")
        assert writer.pending() == ["the end of a migration that was cut short"]
        for store in (writer, migrator):
            store.close()

    assert got == expected
    assert unsynced == []


def test_the_dictionaries_of_a_server_are_read_by_a_user_of_their_own(rig: Rigged) -> None:
    embedded = rig().store
    for name in ("008_attribute_book", "060_price_book"):
        text = (SCHEMAS / "tables" / f"{name}.sql").read_text()
        assert text.count("SOURCE(CLICKHOUSE(") == 1
        named = text.replace("SOURCE(CLICKHOUSE(", "SOURCE(CLICKHOUSE(USER 'spanledger_dictionary' ")
        [[parsed]] = embedded.query(f"SELECT formatQuery({quote(named)})")
        assert "USER 'spanledger_dictionary'" in parsed


# -- a server that fails


@pytest.mark.parametrize(
    "told",
    [
        ("refuse", "refuse"),
        ("unavailable",),
        ("hang up after", "hang up after"),
        ("die after",),
        ("die in 0.01",),
        ("die in 0.05",),
    ],
)
def test_a_segment_whose_fate_is_not_known_is_settled_and_posted_once(
    on_server: Callable[..., Rig], server: ClickHouse, told: tuple[str, ...]
) -> None:
    running = on_server()
    running.take(*requests(2))
    running.start().drained()
    server.tell(*told)
    running.take(*requests(40))
    if told[0].startswith("die"):
        until(lambda: server.died)
        until(lambda: running.forwarder.failures >= 2)
        server.start()
    running.drained()

    assert posted(running) == once(42)
    assert (running.forwarder.failures, running.forwarder.last_error) == (0, "")


def test_an_insert_that_goes_on_after_its_answer_was_lost_posts_nothing_behind_our_back(
    on_server: Callable[..., Rig], server: ClickHouse
) -> None:
    running = on_server()
    running.store.command("CREATE TABLE spanledger.nowhere (slept UInt8) ENGINE = Null")
    running.store.command(
        "CREATE MATERIALIZED VIEW spanledger.a_slow_view TO spanledger.nowhere AS "
        "SELECT sleepEachRow(0.25) AS slept FROM spanledger.spans_in"
    )
    try:
        server.tell("leave")
        running.take(*requests(3))
        running.start().drained()
        assert posted(running) == once(3)
    finally:
        running.store.command("DROP VIEW spanledger.a_slow_view SYNC")
    until(lambda: running.one("SELECT count() FROM system.processes") == 1)
    assert posted(running) == once(3)


def test_a_server_that_is_away_is_waited_for_and_then_has_everything_once(
    on_server: Callable[..., Rig], server: ClickHouse
) -> None:
    running = on_server(books=True)
    running.start()
    running.take(*requests(2))
    running.drained()
    server.kill()
    running.take(*requests(3))
    until(lambda: running.forwarder.failures >= 2)
    assert "does not answer: [Errno 111]" in running.forwarder.last_error
    running.close()

    server.start()
    again = on_server(books=True)
    assert again.spool.segments
    again.start().drained()
    assert posted(again) == once(5)


def test_what_the_bytes_are_to_blame_for_is_told_from_what_the_server_is(server: ClickHouse, tmp_path: Path) -> None:
    store = Store(server.dsn)
    path = tmp_path / "7.segment"
    path.write_bytes(envelope(poison()).encode(7))
    try:
        with pytest.raises(PermanentError, match=r"^Code: 444"):
            store.post(path, "7/1")
        with pytest.raises(UndecidedError):
            store.post(Path("/nowhere/9.segment"), "9/1")
        with pytest.raises(RetryableError, match="Unknown table"):
            store.query("SELECT 1 FROM spanledger.nothing")
    finally:
        store.close()


# -- a server that cannot be had


def test_a_server_that_cannot_be_used_is_one_line_that_says_why(server: ClickHouse, tmp_path: Path) -> None:
    for dsn, why in {
        server.dsn.replace("word", "wort"): "does not take this user and password",
        "http://writer:secret@127.0.0.1:1": r"does not answer: \[Errno 111\] Connection refused. Is it running",
        "clickhouse://writer:secret@127.0.0.1:9000": "has to be http",
        "http://writer:secret@127.0.0.1:many": "cannot be read",
    }.items():
        with pytest.raises(StartError, match=why) as refused:
            Store(dsn)
        assert "\n" not in str(refused.value) and "secret" not in str(refused.value)
        assert PASSWORD not in str(refused.value)


def test_a_server_older_than_the_embedded_engine_is_refused(rig: Rigged, tmp_path: Path) -> None:
    embedded = rig().one("SELECT version()").split(".")
    assert tuple(map(int, embedded[:2])) == OLDEST_SERVER
    with (
        clickhouse(tmp_path / "server", version="26.8.9.1") as server,
        pytest.raises(StartError, match=r"is ClickHouse 26\.8\.9\.1, and spanledger needs 26\.9 or newer"),
    ):
        Store(server.dsn)


def test_a_password_may_have_any_characters_and_the_address_a_database_that_is_not_there_yet() -> None:
    server = Server("https://w:a%2Fb@clickhouse.example/spanledger?verify=false")
    assert server.name == "https://clickhouse.example"


# -- the command line


def test_a_server_is_migrated_by_one_user_and_used_by_another(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    with clickhouse(tmp_path / "server") as server:
        options = ("--data", data, "--store", server.dsn)
        line = one_line(spanledger("up", "--no-dashboard", "--otlp-port", "0", "--no-grpc", *options))
        assert "not up to date" in line and "spanledger migrate --store" in line and PASSWORD not in line
        done = spanledger("migrate", *options, "--keep", "spans=7", SPANLEDGER_DICTIONARY_USER="default")
        assert done.returncode == 0 and "applied schemas/tables/020_ledger.sql" in done.stdout
        assert not (tmp_path / "data" / "store").exists()  # it is the server that was changed

        line = one_line(
            spanledger("up", "--no-dashboard", "--otlp-port", "0", "--no-grpc", *options, "--keep", "spans=3")
        )
        assert "spanledger migrate" in line
        line = one_line(spanledger("up", "--otlp-port", "0", "--no-grpc", "--dashboard-port", "0", *options))
        assert "SPANLEDGER_CLICKHOUSE_DSN" in line

        body = request(calls(3))
        for times in (1, 2):
            running = Running(Options(tmp_path / "data", server.dsn, otlp_port=0, grpc_port=0, dashboard_port=None))
            try:
                assert running.send(body).status_code == 200
                running.drained()
                assert running.platform.addresses.clickhouse == f"http://127.0.0.1:{server.port}"
                assert running.http.get("/readyz").status_code == 200
                assert running.metrics()["spanledger_requests_duplicate_total"] == times - 1
                [[rows, ttl]] = running.platform.store.query(
                    "SELECT (SELECT count() FROM spanledger.ledger), create_table_query "
                    "FROM system.tables WHERE name = 'spans'"
                )
                assert rows == 3 and "toIntervalDay(7)" in ttl
            finally:
                running.stop()


def test_the_api_says_that_a_server_is_away_and_answers_when_it_is_back(
    on_server: Callable[..., Rig], server: ClickHouse, tmp_path: Path
) -> None:
    running = Running(Options(tmp_path / "collector", server.dsn, otlp_port=0, grpc_port=0, dashboard_port=None))
    try:
        assert running.send(request(calls(3))).status_code == 200
        running.drained()
        asked = "/api/v1/views/freshness"
        [before] = running.http.get(asked).json()["data"]
        server.kill()
        away = running.http.get(asked)
        assert (away.status_code, away.headers["retry-after"]) == (503, "1")
        assert "does not answer" in away.json()["detail"] and PASSWORD not in away.text
        server.start()
        assert running.http.get(asked).json()["data"] == [before]
        assert "access-control-allow-origin" not in running.http.get(asked, headers={"origin": "https://a.b"}).headers
    finally:
        running.stop()


def test_objectives_are_counted_on_a_server(on_server: Callable[..., Rig], server: ClickHouse, tmp_path: Path) -> None:
    file = tmp_path / "spanledger.yaml"
    file.write_text(
        "slos: [{name: web, indicator: availability, objective: 99, period: 28d, scope: {services: [web]}}]"
    )
    data = tmp_path / "collector"
    running = Running(Options(data, server.dsn, otlp_port=0, grpc_port=0, dashboard_port=None, config=load(file)))
    try:
        assert running.send(request(calls(3))).status_code == 200
        running.drained()
        counted = "SELECT sum(calls), sum(bad) FROM spanledger.objective_minutes WHERE objective = 'web'"
        assert running.platform.store.query(counted) == [(3, 0)]
    finally:
        running.stop()
    without = Running(Options(data, server.dsn, otlp_port=0, grpc_port=0, dashboard_port=None))
    without.stop()  # and takes the view away, as other tests have no objectives
