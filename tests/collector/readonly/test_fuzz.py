"""Forbidden things are found wherever they are put, and a scope holds whatever is asked."""

from __future__ import annotations

from functools import reduce

from collector.readonly.toy import Interface
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FORBIDDEN = st.sampled_from([
    "file('/etc/hostname')", "FiLe('/etc/hostname')", "getSetting('max_threads')", "sleep(0)", "tcpPort()",
    "filesystemAvailable()", "hasColumnInTable('127.0.0.1', 'system', 'one', 'dummy')", "serverUUID()",
    "(SELECT count() FROM system.disks)", "(SELECT * FROM file('/etc/hostname', 'RawBLOB'))",
    "(SELECT * FROM url('http://127.0.0.1:1', 'RawBLOB'))", "(1 IN system.disks)",
])  # fmt: skip
PLACES = st.sampled_from([
    "toString({})", "if(1, {}, NULL)", "[{}]", "({}, 1)", "map('a', {})", "arrayMap(x -> {}, [1])",
    "CAST({} AS String)", "{}::String", "CASE WHEN 1 THEN {} END", "coalesce(NULL, {})", "(SELECT {})",
    "(SELECT any({}) FROM spans)", "(WITH {} AS a SELECT a)", "(WITH a AS (SELECT {} AS b) SELECT b FROM a)",
    "(SELECT 1 WHERE {} != '')", "(SELECT 1 ORDER BY {} LIMIT 1)", "(SELECT max(x) FROM view(SELECT {} AS x))",
    "(SELECT 1 FROM spans HAVING {} = '')", "(SELECT * EXCEPT a FROM (SELECT {} AS a, 1 AS b))", "arrayJoin([{}])",
    "(1 IN ({}))", "transform({}, ['a'], ['b'])", "(SELECT sum(1) OVER (PARTITION BY {}) LIMIT 1)",
    "(SELECT 1 UNION ALL SELECT {} LIMIT 1)", "/* ' */ {} /* ` */", "(SELECT number FROM numbers({}))",
    "(SELECT count() FROM spans AS l JOIN spans AS r ON l.model = {})", "(SELECT * FROM values('a String', {}))",
    "(SELECT {} AS `a` FROM spans LIMIT 1 BY {})",
])  # fmt: skip
SPACE = st.sampled_from(["", " ", "\n", "\t", "/**/", "-- a\n", "#! a\n", "\u00a0", "\u3000", "\ufeff", ";", "(", ")"])
NESTS = st.lists(PLACES, max_size=4)
FUZZ = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _put(inner: str, places: list[str]) -> str:
    return reduce(lambda nested, place: place.replace("{}", nested), places, inner)


@FUZZ
@given(forbidden=FORBIDDEN, places=NESTS, before=SPACE, after=SPACE)
def test_what_is_forbidden_is_found_wherever_it_is_put(
    interface: Interface, forbidden: str, places: list[str], before: str, after: str
) -> None:
    reply = interface.ask(f"{before}SELECT{before or ' '}{_put(forbidden, places)}{after}")
    assert reply.error in {43, 60, 62, 164, 497}, reply.text


@FUZZ
@given(places=NESTS)
def test_the_same_places_take_what_is_allowed(interface: Interface, places: list[str]) -> None:
    """So that the test above refuses for the right reason: a harmless call in the same place is no matter of access."""
    reply = interface.ask("SELECT " + _put("lower('A')", places))
    assert reply.error not in {164, 497}, reply.text


STATEMENTS = st.sampled_from([
    "DROP TABLE spans", "INSERT INTO prices VALUES ('x', 1)", "SYSTEM STOP MERGES", "KILL QUERY WHERE 1",
    "BACKUP TABLE spans TO Memory('a')", "SET readonly = 0", "USE default", "SELECT 1 INTO OUTFILE '/dev/null'",
    "DESCRIBE TABLE file('/etc/hostname')", "EXPLAIN SELECT 1", "CREATE TABLE t (a Int8) ENGINE = Memory",
])  # fmt: skip
AROUND = st.sampled_from([
    ("", ""), ("SELECT 1;", ""), ("", "; SELECT 1"), ("(", ")"), ("SELECT * FROM (", ")"), ("EXPLAIN ", ""),
    ("/* SELECT 1 */", "-- SELECT 1"), ("WITH a AS (SELECT 1) ", ""), ("SELECT 1 PARALLEL WITH ", ""),
    ("SELECT 1 UNION ALL ", ""), ("", " FORMAT JSON"), ("", " SETTINGS max_threads = 1"), ("SELECT 1\n", ""),
    ("DESCRIBE (", ")"), ("DESCRIBE TABLE (SELECT 1) ", ""), ("SHOW TABLES ", ""), ("SELECT 1) ", ""),
])  # fmt: skip


@FUZZ
@given(statement=STATEMENTS, around=st.lists(AROUND, max_size=3), before=SPACE, after=SPACE)
def test_no_wrapping_makes_another_statement_run(
    interface: Interface, statement: str, around: list[tuple[str, str]], before: str, after: str
) -> None:
    for prefix, suffix in around:
        statement = prefix + statement + suffix
    assert interface.ask(before + statement + after).error in {36, 47, 60, 62, 73, 164, 497}


@FUZZ
@given(text=st.text(max_size=60))
def test_any_text_at_all_is_answered_by_an_error_of_its_own_or_a_result(interface: Interface, text: str) -> None:
    reply = interface.ask(text.encode("utf-8", "replace").decode())
    assert reply.status != 500 or reply.error, reply.text


VALUES = st.sampled_from([
    "toUInt64(customer)", "throwIf(project = 'b')", "customer::UInt8", "intDiv(1, project != 'b')",
    "toUInt64(concat(customer, ''))", "throwIf(customer LIKE 'secret%')", "arrayElement([toUInt64(customer)], 1)",
])  # fmt: skip
SOURCES = st.sampled_from([
    "spans", "calls", "(SELECT * FROM spans)", "(SELECT *, {v} AS v FROM spans)",
    "(SELECT * FROM spans WHERE {v} >= 0)", "(SELECT * FROM spans UNION ALL SELECT * FROM calls)",
    "(SELECT * FROM spans ORDER BY {v})", "(SELECT * FROM spans LIMIT 10)", "(SELECT DISTINCT * FROM calls)",
    "(SELECT * FROM spans WHERE project = 'b')",
])  # fmt: skip
QUESTIONS = st.sampled_from([
    "SELECT count() FROM {s} WHERE {v} >= 0", "SELECT {v} AS n, count() FROM {s} GROUP BY n HAVING n >= 0",
    "SELECT max({v}) FROM {s}", "SELECT {v} FROM {s} ORDER BY {v} DESC LIMIT 3",
    "SELECT count() FROM {s} AS l JOIN {s} AS r ON l.timestamp = r.timestamp WHERE l.model = r.model",
    "SELECT count() FROM {s} AS l LEFT JOIN (SELECT timestamp, {v} AS n FROM {s}) AS r USING timestamp WHERE r.n >= 0",
    "SELECT count() FROM (SELECT {v} AS n FROM {s}) AS l JOIN (SELECT {v} AS n FROM {s} LIMIT 5) AS r ON l.n = r.n",
    "SELECT count() FROM {s} WHERE {v} IN (SELECT {v} FROM {s})",
    "SELECT sum({v}) OVER (ORDER BY {v}) FROM {s} LIMIT 1",
    "SELECT count() FROM {s} ARRAY JOIN [{v}] AS n WHERE n >= 0", "SELECT uniqIf({v}, {v} >= 0) FROM {s}",
    "SELECT project FROM {s} WHERE {v} >= 0 LIMIT 1 BY {v}",
    "SELECT count() FROM {s} WHERE NOT ({v} < 0 OR project = 'b')",
    "SELECT min({v}) FROM {s} WHERE model = 'm1' QUALIFY 1", "SELECT (SELECT max({v}) FROM {s}), (SELECT 1)",
    "SELECT quantileIf(0.5)({v}, project = 'b') FROM {s}", "SELECT hour, sum({v}) FROM {s} GROUP BY hour",
])  # fmt: skip


@FUZZ
@given(question=QUESTIONS, source=SOURCES, value=VALUES)
def test_no_condition_is_tried_on_the_rows_of_another_project(
    interface: Interface, question: str, source: str, value: str
) -> None:
    """Each value fails on every row of the other projects, and on none of the scope's own."""
    query = question.replace("{s}", source).replace("{v}", value)
    reply = interface.ask(query, "key-of-a")
    # 47, 215, 207: the question does not fit the source, found before any row is read.
    assert reply.error in {0, 47, 207, 215}, f"{query}\n{reply.text}"
