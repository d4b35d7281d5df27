"""Nothing that a client can say writes, reads a file or reaches the network."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from collector.readonly.toy import Engine, Interface

SECRET = "the planted secret"


@dataclass
class Trap:
    """A file that must not be read, one that must not be written, and a port that must not be called."""

    secret: Path
    target: Path
    port: int
    calls: list[str] = field(default_factory=list)

    def aim(self, attack: str) -> str:
        return attack.replace("{secret}", str(self.secret)).replace("{out}", str(self.target)).replace(
            "{host}", f"127.0.0.1:{self.port}"
        )  # fmt: skip


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trap]:
    folder = tmp_path_factory.mktemp("trap")
    (folder / "secret.csv").write_text(SECRET)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        trap = Trap(folder / "secret.csv", folder / "written", listener.getsockname()[1])

        def catch() -> None:
            while True:
                try:
                    connection, address = listener.accept()
                except OSError:
                    return
                connection.close()
                trap.calls.append(str(address))

        thread = threading.Thread(target=catch)
        thread.start()
        yield trap
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


READING_FILES = [
    "SELECT file('{secret}')",
    "SELECT FILE('{secret}')",
    "SELECT `file`('{secret}')",
    "SELECT \"file\"('{secret}')",
    "SELECT\u00a0file\u2003(\u200b'{secret}')",
    "SELECT/**/file/* */(/*'*/'{secret}'/*'*/)-- ",
    "SELECT fi/**/le('{secret}')",
    "SELECT 1 IN file('{secret}')",
    "SELECT toUInt64(file('{secret}'))",
    "SELECT throwIf(1, file('{secret}'))",
    "SELECT (SELECT (SELECT file('{secret}')))",
    "WITH file('{secret}') AS content SELECT content",
    "WITH content AS (SELECT file('{secret}')) SELECT * FROM content",
    "SELECT 1 UNION ALL SELECT file('{secret}')",
    "SELECT 1 EXCEPT SELECT file('{secret}')",
    "SELECT arrayMap(name -> file(name), ['{secret}'])",
    "SELECT * APPLY(file) FROM (SELECT '{secret}' AS a)",
    "SELECT * APPLY(x -> file(x)) FROM (SELECT '{secret}' AS a)",
    "SELECT COLUMNS('a') APPLY file FROM (SELECT '{secret}' AS a)",
    "SELECT * REPLACE(file('{secret}') AS a) FROM (SELECT 1 AS a)",
    "SELECT quantile(length(file('{secret}')))(1)",
    "SELECT sum(1) OVER (ROWS BETWEEN length(file('{secret}')) PRECEDING AND CURRENT ROW)",
    "SELECT 1 ORDER BY file('{secret}')",
    "SELECT 1 GROUP BY file('{secret}')",
    "SELECT 1 WHERE file('{secret}') != ''",
    "SELECT 1 LIMIT length(file('{secret}'))",
    "SELECT 1 LIMIT 1 BY file('{secret}')",
    "SELECT number FROM numbers(length(file('{secret}')))",
    "SELECT * FROM values('a String', file('{secret}'))",
    "SELECT * FROM spend(start = file('{secret}'), end = now())",
    "SELECT * FROM spans AS l JOIN spans AS r ON file('{secret}') = l.model",
    "SELECT 1 ARRAY JOIN [file('{secret}')] AS a",
    "SELECT 1 AS a ORDER BY a WITH FILL FROM length(file('{secret}')) TO 2",
    "SELECT * FROM view(SELECT file('{secret}'))",
    "EXPLAIN SELECT file('{secret}')",
    "EXPLAIN PLAN SELECT 1 WHERE file('{secret}') = 'x'",
    "SELECT * FROM (EXPLAIN SELECT file('{secret}'))",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT file('{secret}')))",
    "DESCRIBE (SELECT file('{secret}'))",
    "SELECT * FROM file('{secret}', CSV)",
    "SELECT * FROM file('{secret}', 'CSV', 'a String')",
    "SELECT * FROM `{secret}`",
    "SELECT * FROM '{secret}'",
    "SELECT * FROM default.`{secret}`",
    "SELECT * FROM fileCluster('default', '{secret}', 'CSV')",
    "SELECT * FROM executable('cat {secret}', CSV, 'a String')",
    "SELECT * FROM python('{secret}')",
    "SELECT * FROM Python(SECRET)",
    "SELECT * FROM sqlite('{secret}', 'a')",
    "SELECT * FROM filesystem('{secret}')",
    "SELECT * FROM merge('.*')",
    "SELECT * FROM merge(spanledger, '.*')",
    "SELECT * FROM loop(spanledger.spans)",
    "SELECT * FROM mergeTreeIndex(spanledger, spans)",
    "SELECT * FROM mergeTreeProjection(spanledger, spans, by_hour)",
    "SELECT * FROM dictionary('price_book')",
    "SELECT * FROM viewIfPermitted(SELECT file('{secret}') ELSE null('a String'))",
    "SELECT * FROM icebergLocal('{secret}')",
    "SELECT * FROM deltaLakeLocal('{secret}')",
    "SELECT * FROM format(CSV, 'a')",
    "SELECT * FROM eval('SELECT 1')",
    "DESCRIBE TABLE file('{secret}', CSV)",
    "DESCRIBE TABLE sqlite('{secret}', 'a')",
    "DESC file('{secret}')",
    "SHOW TABLES FROM default",
    "EXISTS TABLE default.`{secret}`",
    "SELECT * FROM spans INNER JOIN file('{secret}') USING (model)",
    "SELECT addressToLine(1)",
    "SELECT formatRow('Template', 1)",
    "SELECT naiveBayesClassifier('{secret}', 'a')",
    "SELECT regionToName(1::UInt32)",
    "SELECT filesystemAvailable()",
    "SELECT showCertificate()",
]

REACHING_OUT = [
    "SELECT * FROM url('http://{host}/', CSV, 'a String')",
    "SELECT * FROM view(SELECT * FROM url('http://{host}/', CSV, 'a String'))",
    "SELECT * FROM (SELECT * FROM (SELECT * FROM url('http://{host}/', CSV, 'a String')))",
    "SELECT 1 WHERE 1 IN (SELECT * FROM url('http://{host}/', CSV, 'a UInt8'))",
    "WITH a AS (SELECT * FROM url('http://{host}/', CSV, 'a String')) SELECT * FROM a",
    "SELECT 1 UNION ALL SELECT * FROM url('http://{host}/', CSV, 'a UInt8')",
    "SELECT * FROM s3('http://{host}/bucket/key', CSV, 'a String')",
    "SELECT * FROM gcs('http://{host}/bucket/key', CSV, 'a String')",
    "SELECT * FROM remote('{host}', system.one)",
    "SELECT * FROM remoteSecure('{host}', 'system', 'one')",
    "SELECT * FROM cluster('default', system.one)",
    "SELECT * FROM clusterAllReplicas('default', view(SELECT 1))",
    "SELECT * FROM urlCluster('default', 'http://{host}/', CSV, 'a String')",
    "SELECT * FROM mysql('{host}', 'a', 'b', 'c', 'd')",
    "SELECT * FROM postgresql('{host}', 'a', 'b', 'c', 'd')",
    "SELECT * FROM mongodb('{host}', 'a', 'b', 'c', 'd', 'e String')",
    "SELECT * FROM redis('{host}', 'k', 'k String, v String')",
    "SELECT * FROM hdfs('hdfs://{host}/a', CSV, 'a String')",
    "SELECT * FROM azureBlobStorage('http://{host}/', 'a', 'b')",
    "SELECT * FROM odbc('DSN=a', 'b', 'c')",
    "SELECT * FROM jdbc('jdbc:a', 'b', 'c')",
    "SELECT * FROM iceberg('http://{host}/')",
    "SELECT * FROM prometheusQuery('a', 'b', now())",
    "DESCRIBE TABLE url('http://{host}/')",
    "DESCRIBE TABLE s3('http://{host}/bucket/key')",
    "DESCRIBE TABLE remote('{host}', system.one)",
    "DESCRIBE TABLE mysql('{host}', 'a', 'b', 'c', 'd')",
    "DESC url('http://{host}/')",
    "SELECT hasColumnInTable('{host}', 'user', 'password', 'system', 'one', 'dummy')",
    "SELECT aiGenerate('http://{host}/', 'a')",
    "SELECT AIEmbed('a')",
    "SELECT joinGet('spanledger.prices', 'rate', 'm1')",
    "SELECT dictGet('http://{host}/', 'a', 1)",
    "SELECT dictGet('default.other', 'a', 1)",
    "SELECT dictGet(concat('spanledger', '.price_book'), 'rate', 'm1')",
]

CHANGING = [
    "INSERT INTO prices VALUES ('m2', 1)",
    "INSERT INTO prices SELECT 'm2', 1",
    "WITH a AS (SELECT 'm2', 1.) INSERT INTO prices SELECT * FROM a",
    "INSERT INTO FUNCTION file('{out}', CSV) SELECT 1",
    "INSERT INTO FUNCTION url('http://{host}/', CSV) SELECT 1",
    "INSERT INTO prices FROM INFILE '{secret}' FORMAT CSV",
    "CREATE TABLE t (a String) ENGINE = File(CSV)",
    "CREATE TABLE t ENGINE = URL('http://{host}/') AS SELECT 1",
    "CREATE TEMPORARY TABLE t (a String)",
    "CREATE VIEW v AS SELECT 1",
    "CREATE FUNCTION f AS (a) -> file(a)",
    "CREATE DATABASE d",
    "CREATE USER u",
    "CREATE NAMED COLLECTION c AS a = 1",
    "GRANT ALL ON *.* TO default",
    "DROP TABLE spans",
    "TRUNCATE TABLE spans",
    "ALTER TABLE spans DELETE WHERE 1",
    "ALTER TABLE spans MODIFY TTL hour + INTERVAL 1 DAY",
    "DELETE FROM spans WHERE 1",
    "UPDATE spans SET model = 'x' WHERE 1",
    "OPTIMIZE TABLE spans FINAL",
    "RENAME TABLE spans TO gone",
    "EXCHANGE TABLES spans AND prices",
    "DETACH TABLE spans",
    "ATTACH TABLE spans",
    "UNDROP TABLE spans",
    "SET max_threads = 8",
    "SET readonly = 0",
    "SET param_a = 1",
    "SET ROLE ALL",
    "USE default",
    "KILL QUERY WHERE 1",
    "KILL MUTATION WHERE 1",
    "SYSTEM STOP MERGES",
    "SYSTEM STOP TTL MERGES",
    "SYSTEM START MERGES",
    "SYSTEM RELOAD DICTIONARIES",
    "SYSTEM FLUSH LOGS",
    "SYSTEM SHUTDOWN",
    "SYSTEM DROP MARK CACHE",
    "BACKUP TABLE spanledger.spans TO File('{out}')",
    "BACKUP TABLE spanledger.spans TO S3('http://{host}/bucket')",
    "BACKUP TABLE spanledger.spans TO Memory('a')",
    "RESTORE TABLE spanledger.spans FROM File('{secret}')",
    "SELECT 1 INTO OUTFILE '{out}'",
    "SELECT 1 INTO OUTFILE '{out}' TRUNCATE FORMAT CSV",
    "SELECT 1 INTO OUTFILE '{out}' AND STDOUT",
    "SELECT 1 FORMAT CSV INTO OUTFILE '{out}'",
    "SELECT * FROM (SELECT 1 INTO OUTFILE '{out}')",
    "SELECT 1) INTO OUTFILE '{out}' --",
    "SELECT 1; DROP TABLE spans",
    "SELECT 1;;DROP TABLE spans",
    "DROP TABLE spans; SELECT 1",
    "SELECT 1 PARALLEL WITH DROP TABLE spans",
    "SELECT 1 SETTINGS max_threads = 8",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 FORMAT JSON SETTINGS readonly = 0",
    "SELECT * FROM (SELECT 1 SETTINGS readonly = 0)",
    "SELECT 1 SETTINGS additional_table_filters = {}",
    "SELECT 1 FORMAT Template",
    "SELECT 1 FORMAT Protobuf",
    "SELECT 1 FORMAT AvroConfluent",
    "EXECUTE IMMEDIATE 'DROP TABLE spans'",
    "EXPLAIN SELECT 1",
    "EXPLAIN AST DROP TABLE spans",
    "EXPLAIN ESTIMATE SELECT * FROM spans",
    "CHECK TABLE spans",
    "WATCH spans",
    "BEGIN TRANSACTION",
    "MOVE TABLE a",
    "SELECT * FROM spans STREAM",
    "",
    "-- nothing",
]

LOOKING_ROUND = [
    "SELECT * FROM system.processes",
    "SELECT * FROM system.disks",
    "SELECT * FROM system.parts",
    "SELECT * FROM system.query_log",
    "SELECT * FROM system.server_settings",
    "SELECT * FROM system.users",
    "SELECT * FROM system.dictionaries",
    "SELECT * FROM system.stack_trace",
    "SELECT * FROM `system`.`disks`",
    "SELECT * FROM `system.disks`",
    "WITH `system.disks` AS (SELECT 1) SELECT * FROM system.disks",
    "SELECT 'default' IN system.disks",
    "SELECT 'default' IN (system.disks)",
    "SELECT ('default' NOT IN system.disks)",
    "SELECT in('default', system.disks)",
    "SELECT globalNullInIgnoreSet('default', system.disks)",
    "SELECT * FROM spans WHERE model IN (SELECT name FROM system.disks)",
    "SELECT * FROM spans JOIN system.disks ON 1",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM INFORMATION_SCHEMA.COLUMNS",
    "SELECT * FROM default.anything",
    "DESCRIBE TABLE system.disks",
    "SELECT * FROM {t:Identifier}",
    "SELECT * FROM system.{t:Identifier}",
    "SELECT getSetting('max_memory_usage')",
    "SELECT getServerSetting('path')",
    "SELECT getMacro('a')",
    "SELECT __getScalar('a')",
    "SELECT sleep(1)",
    "SELECT sleepEachRow(0.1) FROM numbers(10)",
    "SELECT logTrace('a')",
    "SELECT lowCardinalityKeys(model) FROM spans",
    "SHOW CREATE TABLE spans",
    "SHOW PROCESSLIST",
    "SHOW GRANTS",
    "SHOW SETTINGS LIKE '%'",
    "SELECT 1 AS `a\nFunction file`",
    "SELECT `a\\nb` FROM spans",
]


@pytest.mark.parametrize("key", [None, "key-of-a"])
@pytest.mark.parametrize("attack", READING_FILES + REACHING_OUT + CHANGING + LOOKING_ROUND)
def test_the_attack_is_refused_and_reaches_nothing(
    interface: Interface, engine: Engine, trap: Trap, attack: str, key: str | None
) -> None:
    before = interface.ask("SELECT count(), (SELECT count() FROM prices) FROM spans").text

    reply = interface.ask(trap.aim(attack), key, param_t="disks")

    assert reply.error, reply.text
    assert reply.status >= 400
    assert SECRET not in reply.text
    assert not trap.calls
    assert not trap.target.exists()
    assert interface.ask("SELECT count(), (SELECT count() FROM prices) FROM spans").text == before


@pytest.mark.parametrize("attack", READING_FILES + REACHING_OUT + CHANGING)
def test_the_attack_is_refused_before_the_engine_runs_any_of_it(interface: Interface, trap: Trap, attack: str) -> None:
    """Only the gate, the parser and the analyser's names may refuse: an error while running would mean that it ran."""
    reply = interface.ask(trap.aim(attack))

    assert reply.error in {36, 46, 47, 60, 62, 73, 81, 164, 497}, reply.text


def test_settings_in_the_url_change_nothing(interface: Interface) -> None:
    reply = interface.ask(
        "SELECT count() FROM spans", "key-of-a", readonly="0", max_result_rows="0", additional_table_filters="{}"
    )
    assert reply.text == "1000\n"
    assert interface.ask("DROP TABLE spans", readonly="0", allow_ddl="1").error == 164


def test_a_file_cannot_be_named_through_a_parameter(interface: Interface, trap: Trap) -> None:
    reply = interface.ask("SELECT file({name:String})", param_name=str(trap.secret))
    assert (reply.status, reply.error) == (403, 497)


def test_a_dictionary_cannot_be_named_through_a_parameter_that_was_good_before(interface: Interface) -> None:
    query = "SELECT dictGet({name:String}, 'rate', 'm1')"
    assert interface.ask(query, param_name="spanledger.price_book").text == "0.25\n"
    assert interface.ask(query, param_name="default.other").error == 497


def test_the_engine_still_answers_after_all_of_it(interface: Interface) -> None:
    assert interface.ask("SELECT 1").text == "1\n"
