"""A query that asks too much fails alone, with a clear error, while everything else goes on."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from collector.readonly.toy import Engine, Interface, Serve, served
from spanledger_collector.readonly import Limits

MIB = 1024 * 1024
ENDLESS = "SELECT count() FROM numbers(1000000000000)"


NARROW = Limits(
    seconds=1, memory_bytes=100 * MIB, result_rows=10_000, result_bytes=MIB, running=2, waiting=2, handles=2
)


@pytest.fixture(scope="module")
def narrow(serve: Serve) -> Interface:
    return serve(NARROW)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (ENDLESS, 159),
        ("SELECT count() FROM numbers(1e12) WHERE match(toString(number), '^(a+)+$')", 159),
        ("SELECT count() FROM numbers(100000) AS l JOIN numbers(1e12) AS r ON l.number % 2 = r.number % 2", 159),
        ("SELECT number FROM numbers(1e12) ORDER BY sipHash64(number) LIMIT 1", 159),
        ("SELECT count() FROM numbers(1e8) AS l, numbers(1e8) AS r", 241),
        ("SELECT groupArray(number) FROM numbers(1e12)", 241),
        ("SELECT uniqExact(number) FROM numbers(1e12)", 241),
        ("SELECT count() FROM (SELECT number FROM numbers(1e12) GROUP BY number)", 241),
        ("SELECT repeat('a', 1000000000)", 241),
        ("SELECT arraySum(arrayMap(x -> arraySum(arrayMap(y -> x * y, range(1000))), range(1000000)))", 241),
        ("SELECT range(1000000000)", 69),
        ("SELECT * FROM numbers(20000)", 396),
        ("SELECT repeat('a', 1000) FROM numbers(5000)", 396),
        ("WITH RECURSIVE x AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM x) SELECT count() FROM x", 306),
    ],
)
def test_it_is_stopped(narrow: Interface, query: str, code: int) -> None:
    reply = narrow.ask(query)
    assert reply.error in {code, 241, 159}, reply.text
    assert f"Code: {reply.error}." in reply.text
    assert narrow.ask("SELECT 1").text == "1\n"


def test_a_step_that_the_engine_cannot_interrupt_is_answered_all_the_same(narrow: Interface) -> None:
    reply = narrow.ask("SELECT position(repeat('a', 1000000), concat(repeat('a', 500000), 'b'))")
    assert reply.error == 159
    assert "maximum 1 seconds" in reply.text


def test_too_many_queries_are_refused_and_the_others_get_their_turn(narrow: Interface) -> None:
    with ThreadPoolExecutor(20) as clients:
        replies = list(clients.map(narrow.ask, [ENDLESS] * 20))
    assert {reply.error for reply in replies} == {159, 202}
    refused = next(reply for reply in replies if reply.error == 202)
    assert refused.status == 503
    assert refused.headers["retry-after"] == "1"


def test_fifty_queries_at_once_are_answered_by_a_few_handles(serve: Serve) -> None:
    interface = serve(Limits(running=2, waiting=50, handles=2))
    with ThreadPoolExecutor(50) as clients:
        keys = [None, "key-of-a", "key-of-none"] * 17
        replies = list(clients.map(lambda key: interface.ask("SELECT count() FROM spans", key).text, keys))
    assert replies == ["3000\n", "1000\n", "0\n"] * 17


def test_ingest_goes_on_while_queries_run_away(serve: Serve, engine: Engine) -> None:
    # An interface of its own: a step of an earlier test that cannot be interrupted may still hold a place of `narrow`.
    interface = serve(NARROW)
    ingest = engine.open()
    ingest.command("CREATE TABLE spanledger.arriving (n UInt64) ENGINE = MergeTree ORDER BY n")
    with ThreadPoolExecutor(2) as clients:
        runaways = [
            clients.submit(interface.ask, query) for query in (ENDLESS, "SELECT uniqExact(number) FROM numbers(1e12)")
        ]
        inserted = 0
        while not all(runaway.done() for runaway in runaways):
            ingest.command(f"INSERT INTO spanledger.arriving VALUES ({inserted})")
            inserted += 1
    assert inserted
    assert ingest.query("SELECT count() FROM spanledger.arriving").result_rows == [(inserted,)]
    assert {runaway.result().error for runaway in runaways} <= {159, 241}


def test_the_query_of_a_client_that_left_is_killed(serve: Serve, engine: Engine) -> None:
    interface = serve(Limits(seconds=300))
    watch = engine.open()
    query = "SELECT count() FROM numbers(999999999999)"
    running = f"SELECT count() FROM system.processes WHERE query LIKE '%{query}%' AND query NOT LIKE '%processes%'"

    connection = http.client.HTTPConnection("127.0.0.1", interface.port)
    connection.request("POST", "/", query)
    _until(lambda: watch.query(running).result_rows == [(1,)])
    connection.close()

    _until(lambda: watch.query(running).result_rows == [(0,)])
    assert interface.ask("SELECT 1").text == "1\n"


def test_what_runs_is_killed_when_the_interface_closes(engine: Engine) -> None:
    watch = engine.open()
    query = "SELECT count() FROM numbers(888888888888)"
    # itself, and not what the gate asks about it first
    others = " AND ".join(f"query NOT LIKE '%{word}%'" for word in ("processes", "EXPLAIN", "formatQuery"))
    running = f"SELECT count() FROM system.processes WHERE query LIKE '%{query}%' AND {others}"
    with ThreadPoolExecutor(1) as clients:
        with served(engine, Limits(seconds=300)) as interface:
            reply = clients.submit(interface.ask, query)
            _until(lambda: watch.query(running).result_rows == [(1,)])
        assert reply.result().error == 394


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
