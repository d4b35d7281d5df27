"""Clients of ClickHouse talk to it as to a server."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from collector.readonly.toy import Engine, Interface

SPEND = "SELECT model, cost, calls FROM spend(start = {start:DateTime}, end = {end:DateTime}) ORDER BY model"
DAY = {"start": datetime(2026, 1, 1, tzinfo=UTC), "end": datetime(2026, 1, 2, tzinfo=UTC)}


def test_clickhouse_connect_reads_rows_frames_and_parameters(interface: Interface) -> None:
    client = interface.client()
    assert client.ping()
    assert client.query(SPEND, parameters=DAY).result_rows == [("m1", Decimal(2250), 1500), ("m2", Decimal(2250), 1500)]
    frame = client.query_df(SPEND, parameters=DAY)
    assert list(frame.columns) == ["model", "cost", "calls"]
    assert list(frame["calls"]) == [1500, 1500]
    client.close()


def test_clickhouse_connect_gets_what_the_engine_itself_gives(interface: Interface, engine: Engine) -> None:
    client = interface.client()
    query = "SELECT * FROM spanledger.spans ORDER BY timestamp"
    assert client.query(query).result_rows == engine.open().query(query).result_rows
    client.close()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("String", "it's \\ a\ttab, a\nline, ünïcode 😀 {x:String} -- %s %(a)s"),
        ("String", ""),
        ("Nullable(String)", None),
        ("Array(String)", ["it's", "a\\b", "c\td"]),
        ("Array(UInt8)", []),
        ("DateTime64(3)", datetime(2026, 1, 2, 3, 4, 5, 678000)),
        ("Decimal(38, 12)", Decimal("0.000000000001")),
        ("String", "x" * 10_000),
    ],
)
def test_a_parameter_arrives_as_it_was_sent(interface: Interface, kind: str, value: Any) -> None:
    client = interface.client()
    assert client.query(f"SELECT {{value:{kind}}} AS value", parameters={"value": value}).result_rows == [(value,)]
    client.close()


def test_clickhouse_connect_asks_about_the_schema(interface: Interface) -> None:
    client = interface.client("key-of-a")
    assert "spans" in str(client.command("SHOW TABLES"))
    assert "spanledger" in str(client.command("SHOW DATABASES"))
    assert client.command("EXISTS TABLE spans") == 1
    assert client.command("EXISTS TABLE spanledger.nothing") == 0
    assert client.query("DESCRIBE TABLE prices").result_rows[0][:2] == ("model", "String")
    assert client.query("SELECT model FROM prices LIMIT 0").column_names == ("model",)
    client.close()


def test_clickhouse_connect_streams_and_compresses(interface: Interface) -> None:
    client = interface.client()
    with client.query_row_block_stream("SELECT number FROM numbers(100000)") as blocks:
        assert sum(len(block) for block in blocks) == 100_000
    client.close()


def test_clickhouse_connect_raises_the_error_with_its_code(interface: Interface) -> None:
    client = interface.client()
    for query, code in {
        "SELECT nothing": 47,
        "SELECT * FROM nothing": 60,
        "SELECT (": 62,
        "DROP TABLE spans": 164,
    }.items():
        with pytest.raises(DatabaseError) as caught:
            client.query(query)
        assert caught.value.code == code
    client.close()


def test_a_ping_needs_no_key(interface: Interface) -> None:
    for method, path, body in [("GET", "/ping", b"Ok.\n"), ("HEAD", "/ping", b""), ("GET", "/", b"Ok.\n")]:
        connection = http.client.HTTPConnection("127.0.0.1", interface.port)
        connection.request(method, path, headers={"Host": "anywhere", "X-ClickHouse-Key": "wrong"})
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, body)
        connection.close()


def test_a_query_comes_by_url_by_body_or_by_both(interface: Interface) -> None:
    assert interface.ask("SELECT 1", method="GET").text == "1\n"
    assert interface.ask("SELECT 1", method="POST").text == "1\n"
    assert interface.ask("+ 1 AS two", query="SELECT 1").text == "2\n"
    assert interface.ask("SELECT 1;").text == "1\n"
    body = gzip.compress(b"SELECT 1")
    connection = http.client.HTTPConnection("127.0.0.1", interface.port)
    connection.request("POST", "/", body, {"Content-Encoding": "gzip"})
    assert connection.getresponse().read() == b"1\n"
    connection.close()


def test_the_format_is_the_querys_or_the_clients_default(interface: Interface) -> None:
    assert json.loads(interface.ask("SELECT 1 AS a FORMAT JSONEachRow", default_format="CSV").text) == {"a": 1}
    assert interface.ask("SELECT 'a' AS a", default_format="CSVWithNames").text == '"a"\n"a"\n'
    assert interface.ask("SELECT 1", headers={"X-ClickHouse-Format": "JSONCompactEachRow"}).text == "[1]\n"
    assert interface.ask("SHOW DATABASES LIKE 'span%' FORMAT TSV").text == "spanledger\n"
    assert interface.ask("SELECT ' FORMAT JSON'").text == " FORMAT JSON\n"


def test_the_answer_says_what_it_is(interface: Interface) -> None:
    reply = interface.ask("SELECT 1 FORMAT JSON", query_id="mine")
    assert reply.headers["x-clickhouse-query-id"] == "mine"
    assert reply.headers["x-clickhouse-format"] == "JSON"
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.headers["x-clickhouse-timezone"]
    assert int(json.loads(reply.headers["x-clickhouse-summary"])["elapsed_ns"]) > 0
    assert interface.ask("SELECT 1").headers["x-clickhouse-query-id"]


def test_gzip_only_for_who_asks(interface: Interface) -> None:
    query = "SELECT number FROM numbers(10000)"
    plain = interface.ask(query, headers={"Accept-Encoding": "gzip"})
    packed = interface.ask(query, headers={"Accept-Encoding": "gzip"}, enable_http_compression="1")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body


def test_settings_that_a_clients_reading_depends_on_are_kept_and_all_others_dropped(interface: Interface) -> None:
    query = "SELECT toUInt64(1) AS n FORMAT JSONEachRow"
    assert interface.ask(query, output_format_json_quote_64bit_integers="1").text == '{"n":"1"}\n'
    assert interface.ask(query, output_format_json_quote_64bit_integers="0").text == '{"n":1}\n'
    assert interface.ask(query, output_format_json_quote_64bit_integers="1; DROP", max_threads="64").text == '{"n":1}\n'


@pytest.mark.parametrize(
    "headers",
    [
        {"X-ClickHouse-User": "default", "X-ClickHouse-Key": "key-of-a"},
        {"Authorization": "Basic " + base64.b64encode(b"anyone:key-of-a").decode()},
        {"Authorization": "Bearer key-of-a"},
    ],
)
def test_a_key_comes_where_a_client_puts_its_password(interface: Interface, headers: dict[str, str]) -> None:
    assert interface.ask("SELECT count() FROM spans", headers=headers).text == "1000\n"


def test_a_key_may_come_in_the_url(interface: Interface) -> None:
    assert interface.ask("SELECT count() FROM spans", user="default", password="key-of-a").text == "1000\n"


def test_a_wrong_key_is_refused_and_does_not_count_as_none(interface: Interface) -> None:
    reply = interface.ask("SELECT 1", "wrong")
    assert (reply.status, reply.error) == (401, 516)
    assert "AUTHENTICATION_FAILED" in reply.text
    assert reply.headers["www-authenticate"].startswith("Basic")
    assert interface.ask("SELECT 1", headers={"Authorization": "Basic !"}).error == 516


def test_without_a_key_only_this_machine_by_its_own_name_is_answered(interface: Interface) -> None:
    for host in ("127.0.0.1:8123", "localhost", "[::1]:8123"):
        assert interface.ask("SELECT 1", headers={"Host": host}).status == 200
    for host in ("attacker.example:8123", "localhost.attacker.example", "10.0.0.1"):
        assert interface.ask("SELECT 1", headers={"Host": host}).error == 516
        assert interface.ask("SELECT 1", "key-of-a", headers={"Host": host}).status == 200


def test_what_is_not_offered_says_so(interface: Interface) -> None:
    assert interface.ask("SELECT 1", database="system").error == 81
    assert interface.ask("SELECT 1", database="default").text == "1\n"
    assert interface.ask("SELECT 1", default_format="Template").error == 73
    assert interface.ask("SELECT 1", compress="1").error == 48
    assert interface.ask("SELECT 1", method="PUT").error == 48
    assert interface.ask("SELECT {a:UInt8}").error == 456
    assert interface.ask("SELECT {a:UInt8}", param_a="x").error == 457
    assert interface.ask(f"SELECT '{'a' * 300_000}'").error == 62


def test_an_error_is_told_as_a_server_tells_it(interface: Interface) -> None:
    reply = interface.ask("SELECT * FROM nothing")
    assert reply.status == 404
    assert reply.text.startswith("Code: 60. DB::Exception: ")
    assert "(UNKNOWN_TABLE) (version 26." in reply.text
