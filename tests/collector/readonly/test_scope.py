"""A key limited to projects sees their rows and learns nothing of the others'."""

from __future__ import annotations

import pytest
from collector.readonly.toy import Engine, Interface

OWN_ROWS = {
    "the table": "SELECT project, count() FROM spans GROUP BY project",
    "its full name": "SELECT project, count() FROM `spanledger`.`spans` GROUP BY project",
    "an alias": "SELECT s.project, count() FROM spans AS s GROUP BY s.project",
    "a view": "SELECT project, count() FROM calls GROUP BY project",
    "a subquery": "SELECT project, count() FROM (SELECT * FROM (SELECT * FROM spans)) GROUP BY project",
    "a common table expression": "WITH x AS (SELECT * FROM spans) SELECT project, count() FROM x GROUP BY project",
    "a table function": "SELECT project, count() FROM view(SELECT * FROM spans) GROUP BY project",
    "a union": "SELECT project, sum(1) / 2 FROM (SELECT * FROM spans UNION ALL SELECT * FROM calls) GROUP BY project",
    "a join": "SELECT l.project, count() FROM spans AS l JOIN spans AS r USING (timestamp) GROUP BY l.project",
    "any join": "SELECT r.project, count() FROM spans l ANY RIGHT JOIN spans r USING (timestamp) GROUP BY r.project",
    "IN": "SELECT project, count() FROM spans WHERE timestamp IN (SELECT timestamp FROM spans) GROUP BY project",
    "a scalar subquery": "SELECT 'a', (SELECT count() FROM spans)",
    "a projection": "SELECT project, sum(n) FROM (SELECT project, count() AS n FROM spans GROUP BY project, hour)"
    " GROUP BY project",
    "a window": "SELECT DISTINCT project, count() OVER (PARTITION BY project) FROM spans",
    "a materialized view": "SELECT project, sum(calls) FROM by_customer GROUP BY project",
    "everything true": "SELECT project, count() FROM spans WHERE 1 OR project = 'b' GROUP BY project",
    "ARRAY JOIN": "SELECT project, count() FROM spans ARRAY JOIN [1] AS x GROUP BY project",
}


@pytest.mark.parametrize("way", OWN_ROWS)
def test_only_its_own_rows_whichever_way_they_are_read(interface: Interface, way: str) -> None:
    assert interface.ask(OWN_ROWS[way], "key-of-a").text == "a\t1000\n"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count() FROM spans WHERE project = 'b'",
        "SELECT count() FROM calls WHERE project != 'a'",
        "SELECT countIf(customer != '7') FROM spans",
        "SELECT count() FROM spans WHERE _part != '' AND project = 'b'",
        "SELECT uniq(customer) - 1 FROM spans",
        "SELECT count() FROM internal",
        "SELECT count() FROM internals",
        "SELECT 'hash of a key' IN internal",
        "SELECT 'hash of a key' IN (SELECT * FROM spanledger.internal)",
    ],
)
def test_nothing_of_another_project_and_no_table_that_is_not_shared(interface: Interface, query: str) -> None:
    assert interface.ask(query, "key-of-a").text == "0\n"


def test_a_key_of_two_projects_sees_both_however_odd_the_name(interface: Interface) -> None:
    reply = interface.ask("SELECT project, count() FROM spans GROUP BY 1 ORDER BY 1 FORMAT TSVRaw", "key-of-a-and-odd")
    assert reply.text == "a\t1000\nit's \\ odd\t1000\n"


def test_a_key_of_no_project_sees_no_row(interface: Interface) -> None:
    assert interface.ask("SELECT count() FROM spans", "key-of-none").text == "0\n"


def test_a_key_of_all_projects_sees_all(interface: Interface) -> None:
    assert interface.ask("SELECT count() FROM spans", "key-of-all").text == "3000\n"
    assert interface.ask("SELECT count() FROM internal", "key-of-all").text == "1\n"


def test_scopes_do_not_mix_when_they_take_turns(interface: Interface) -> None:
    for _ in range(20):
        counts = [interface.ask("SELECT count() FROM spans", key).text for key in ("key-of-a", None, "key-of-none")]
        assert counts == ["1000\n", "3000\n", "0\n"]


def test_a_parameterized_view_gives_the_totals_of_the_scope(interface: Interface) -> None:
    query = "SELECT sum(calls), sum(cost) FROM spend(start = {start:DateTime}, end = {end:DateTime})"
    reply = interface.ask(query, "key-of-a", param_start="2026-01-01 00:00:00", param_end="2026-01-02 00:00:00")
    assert reply.text == "1000\t1500\n"


def test_prices_are_shared(interface: Interface) -> None:
    assert interface.ask("SELECT rate FROM prices", "key-of-a").text == "0.25\n"
    assert interface.ask("SELECT dictGet('price_book', 'rate', 'm1')", "key-of-a").text == "0.25\n"


def test_the_scope_keeps_the_projection_in_use(engine: Engine) -> None:
    """The filter's column is a key of the projection, so totals by hour are read from it under a scope too."""
    client = engine.open()
    client.command("SET additional_table_filters = {'spanledger.spans': 'project IN (\\'a\\')'}")
    client.command("SET optimize_move_to_prewhere = 0")
    client.command("SET short_circuit_function_evaluation = 'force_enable'")
    view = "spanledger.spend(start = '2026-01-01 00:00:00', end = '2026-01-02 00:00:00')"
    plan = client.query(f"EXPLAIN SELECT model, cost FROM {view}").result_rows
    assert any("ReadFromMergeTree (by_hour)" in line for (line,) in plan)


FAILING_ON_OTHER_ROWS = [
    "SELECT count() FROM spans WHERE toUInt64(customer) > 0",
    "SELECT sum(toUInt64(customer)) FROM spans",
    "SELECT toUInt64(customer) AS n, count() FROM spans WHERE n > 0 GROUP BY n",
    "SELECT count() FROM spans WHERE throwIf(project = 'b') = 0",
    "SELECT count() FROM calls WHERE throwIf(project = 'b') = 0 AND project = 'b'",
    "SELECT max(n), max(t) FROM (SELECT customer::UInt8 AS n, throwIf(project = 'b') AS t FROM spans)"
    " WHERE n = 7 AND t = 0",
    "SELECT count() FROM spans AS l JOIN spans AS r ON throwIf(l.project = 'b') = throwIf(r.project = 'b')"
    " AND l.timestamp = r.timestamp",
    "SELECT count() FROM spans AS l LEFT JOIN spans AS r ON l.timestamp = r.timestamp AND throwIf(r.project = 'b') = 0",
    "SELECT count() FROM spans AS l SEMI JOIN (SELECT timestamp, throwIf(project = 'b') AS t FROM spans) AS r"
    " ON l.timestamp = r.timestamp AND r.t = 0",
    "SELECT count() FROM spans JOIN numbers(10) AS n ON toUInt64(customer) = n.number",
    "SELECT throwIf(project = 'b') FROM spans ORDER BY toUInt64(customer) LIMIT 1",
    "SELECT hour, sum(cost) FROM spans WHERE throwIf(project = 'b') = 0 GROUP BY hour",
    "SELECT count() FROM spans WHERE intDiv(1, project != 'b') = 1",
    "SELECT count() FROM spans ARRAY JOIN [toUInt64(customer)] AS n WHERE n = 7",
    "SELECT count() FROM spans WHERE toUInt64(customer) IN (SELECT toUInt64(customer) FROM spans)",
    "SELECT DISTINCT toUInt64(model || '') FROM spans WHERE project = 'b'",
    "SELECT max(timestamp) FROM spans WHERE throwIf(project = 'b') = 0",
    "SELECT timestamp FROM spans WHERE throwIf(project = 'b') = 0 ORDER BY timestamp DESC LIMIT 1",
]


@pytest.mark.parametrize("query", FAILING_ON_OTHER_ROWS)
def test_a_condition_is_never_tried_on_another_projects_row(interface: Interface, query: str) -> None:
    """A condition that fails on others' rows alone would tell whether there are any, and quote them."""
    reply = interface.ask(query, "key-of-a")
    assert not reply.error, reply.text


def test_prewhere_which_runs_before_the_filter_is_refused(interface: Interface) -> None:
    query = "SELECT count() FROM spans PREWHERE throwIf(project = 'b') = 0"
    assert interface.ask(query, "key-of-a").error == 497
    assert interface.ask("SELECT count() FROM spans PREWHERE project = 'b'").text == "1000\n"


def test_an_error_on_a_value_does_not_quote_the_value(interface: Interface) -> None:
    query = "SELECT toUInt8(concat(customer, ' is a secret')) FROM spans"
    scoped, unscoped = interface.ask(query, "key-of-a"), interface.ask(query)
    assert scoped.error == unscoped.error == 6
    assert "secret" in unscoped.text
    assert "secret" not in scoped.text


@pytest.mark.parametrize(
    "query",
    [
        "SELECT total_rows FROM system.tables",
        "SELECT t.total_bytes FROM system.tables AS t",
        "SELECT * FROM system.tables",
        "SELECT t.* FROM system.tables AS t",
        "SELECT COLUMNS('total') FROM system.tables",
        "WITH t AS (SELECT * FROM system.tables) SELECT total_rows FROM t",
        "SELECT 1 FROM system.tables ORDER BY total_rows",
        "SELECT data_compressed_bytes FROM system.columns",
    ],
)
def test_the_sizes_of_all_projects_are_not_shown(interface: Interface, query: str) -> None:
    assert interface.ask(query, "key-of-a").error == 497
    assert not interface.ask(query).error


def test_what_clients_ask_of_the_schema_is_answered(interface: Interface) -> None:
    query = "SELECT name FROM system.tables WHERE database = 'spanledger' AND name LIKE 's%' ORDER BY name"
    assert interface.ask(query, "key-of-a").text == "spans\nspend\n"
    assert "customer\tString" in interface.ask("DESCRIBE TABLE spanledger.spans", "key-of-a").text
    query = "SELECT name, type FROM system.columns WHERE database = 'spanledger' AND table = 'prices'"
    assert interface.ask(query, "key-of-a").text == "model\tString\nrate\tFloat64\n"


def test_the_statistics_of_json_do_not_count_the_rows_of_others(interface: Interface) -> None:
    assert "rows_read" in interface.ask("SELECT count() FROM spans FORMAT JSON").text
    assert "rows_read" not in interface.ask("SELECT count() FROM spans FORMAT JSON", "key-of-a").text


def test_a_table_made_after_the_interface_opened_is_not_readable(interface: Interface, engine: Engine) -> None:
    engine.open().command("CREATE TABLE spanledger.late (project String) ENGINE = Memory AS SELECT 'b'")
    for key in (None, "key-of-a"):
        assert interface.ask("SELECT * FROM late", key).error == 60
