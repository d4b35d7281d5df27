"""The embedded platform: it starts or says why not, serves, and stops in order."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from collector.rig import DEADLINE, PROTOBUF, Start, until
from collector.traffic import CALL_COSTS, calls, request
from spanledger_collector.errors import CollectorError, StartError
from spanledger_collector.keys import Keys, Scope
from spanledger_collector.platform import Options, Platform, bind, lock_folder
from spanledger_collector.spool import SpoolSettings
from spanledger_collector.store import Store

USAGE = """
SELECT round(sum(cost_usd), 6) FROM spanledger.usage(
    step=0, by='', from='2026-01-01 00:00:00', to='2100-01-01 00:00:00', project='{project}',
    environments=[], services=[], providers=[], models=[], teams=[], features=[], customers=[])
"""


def options(data: Path, **chosen: object) -> Options:
    given: dict[str, Any] = {"otlp_port": 0, "grpc_port": 0, "clickhouse_port": 0, "dashboard_port": None}
    return Options(data, **given | chosen)


# -- starting


def test_a_folder_in_use_is_refused_with_the_process_that_uses_it(data: Path) -> None:
    with lock_folder(data), pytest.raises(StartError, match=f"in use by process {os.getpid()}"):
        Platform(options(data))


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="cannot be used"):
        Platform(options(tmp_path / "file" / "data"))


@pytest.mark.parametrize("option", ["otlp_port", "grpc_port", "clickhouse_port", "dashboard_port"])
def test_a_taken_port_is_refused_with_the_option_that_chooses_another(data: Path, option: str) -> None:
    pytest.importorskip("streamlit", reason="without a dashboard there is no port for it")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port} of .*--{option.replace('_', '-')}"):
            Platform(options(data, **{option: port}))
    with lock_folder(data):  # what a refused start held, it has let go
        pass


def test_a_connection_sends_each_part_of_an_answer_at_once() -> None:
    with bind("127.0.0.1", 0, "--otlp-port") as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_address_of_another_machine_is_refused(data: Path) -> None:
    Keys(data / "keys.json").create("web", list(Scope), datetime.now(UTC))
    with pytest.raises(StartError, match="cannot be used"):
        Platform(options(data, host="192.0.2.1"))


def test_an_address_that_others_reach_needs_a_key_first(data: Path) -> None:
    with pytest.raises(StartError, match="spanledger keys create"):
        Platform(options(data, host="0.0.0.0"))
    Keys(data / "keys.json").create("web", list(Scope), datetime.now(UTC))
    running = Platform(options(data, host="0.0.0.0"))
    running.stop()
    running.run()


# -- serving


def test_what_is_sent_is_read_back_through_the_read_only_interface(platform: Start) -> None:
    running = platform()
    assert running.send(request(calls(3))).status_code == 200
    running.drained()
    assert running.one("SELECT count(), uniqExact(trace_id) FROM ledger") == "3\t3"
    assert float(running.one(USAGE.format(project=""))) == float(3 * CALL_COSTS)
    assert running.ask("INSERT INTO spans (name) VALUES ('x')").status_code != 200


def test_with_keys_each_project_reads_its_own_through_tables_and_views(platform: Start, data: Path) -> None:
    keys = Keys(data / "keys.json")
    a, b = (keys.create(project, list(Scope), datetime.now(UTC)) for project in "ab")
    sender = keys.create("a", [Scope.INGEST], datetime.now(UTC))
    running = platform()
    assert running.send(request(calls(3)), key=sender).status_code == 200
    assert running.send(request(calls(2)), key=b).status_code == 200
    running.drained()

    for key, own, other, number in ((a, "a", "b", 3), (b, "b", "a", 2)):
        for table in ("ledger", "spans", "deliveries"):
            assert running.one(f"SELECT groupUniqArray(project) FROM {table}", key) == f"['{own}']"
        assert running.one("SELECT sum(calls) FROM ledger", key) == str(number)
        assert float(running.one(USAGE.format(project=""), key)) == float(number * CALL_COSTS)
        assert running.one(USAGE.format(project=other), key) in ("", "\\N")
        assert running.one(f"SELECT count() FROM ledger WHERE project = '{other}'", key) == "0"
    for wrong in ("", sender, "sl_x_y"):
        assert running.ask("SELECT 1", wrong).status_code == 401
    assert running.send(request(calls(1))).status_code == 401


def test_a_key_that_is_revoked_while_it_runs_is_refused_by_both_interfaces(platform: Start, data: Path) -> None:
    keys = Keys(data / "keys.json")
    key, kept = (keys.create("a", list(Scope), datetime.now(UTC)) for _ in range(2))
    running = platform()
    assert running.send(request(calls(1)), key=key).status_code == running.ask("SELECT 1", key).status_code == 200
    keys.revoke(keys.all()[0].id, datetime.now(UTC))
    assert running.send(request(calls(1)), key=key).status_code == running.ask("SELECT 1", key).status_code == 401
    assert running.send(request(calls(1)), key=kept).status_code == running.ask("SELECT 1", kept).status_code == 200


def test_a_damaged_key_file_opens_neither_interface(platform: Start, data: Path) -> None:
    running = platform()
    (data / "keys.json").write_text("{")
    assert running.send(request(calls(1))).status_code == 503
    assert running.ask("SELECT 1").status_code == running.ask("SELECT 1", "sl_x_y").status_code == 401
    (data / "keys.json").unlink()
    (data / "keys.json").mkdir()
    assert running.send(request(calls(1))).status_code == 503
    assert running.ask("SELECT 1").status_code == 401


def test_it_is_ready_until_posting_fails_and_again_once_it_does_not(platform: Start) -> None:
    running = platform()
    assert running.http.get("/readyz").status_code == 200
    running.platform.store.command("RENAME TABLE spanledger.ledger TO spanledger.away")
    running.send(request(calls(1)))
    until(lambda: running.http.get("/readyz").status_code == 503)
    assert "posting fails" in running.http.get("/readyz").json()["problem"]
    assert running.send(request(calls(1))).status_code == 200  # the promise is the spool's

    running.platform.store.command("RENAME TABLE spanledger.away TO spanledger.ledger")
    running.drained()
    assert running.http.get("/readyz").status_code == 200
    assert running.one("SELECT sum(calls) FROM ledger") == "2"


def test_a_full_spool_is_not_ready(platform: Start) -> None:
    body = request(calls(1))
    running = platform(spool=SpoolSettings(seal_after=3600, limit=len(body)))
    assert running.send(body).status_code == 200
    assert running.send(request(calls(1))).status_code == 503
    assert running.http.get("/readyz").json() == {"ready": False, "problem": "the spool is full"}


# -- stopping and starting again


def test_a_stop_posts_everything_that_was_acknowledged(platform: Start, data: Path) -> None:
    running = platform(spool=SpoolSettings(seal_after=3600))
    for _ in range(3):
        assert running.send(request(calls(2))).status_code == 200
    running.stop()
    assert list((data / "spool").glob("*.segment")) == []

    assert platform().one("SELECT sum(calls) FROM ledger") == "6"


def test_a_retry_after_a_restart_is_acknowledged_and_not_stored_again(platform: Start) -> None:
    posted, waiting = request(calls(2)), request(calls(3))
    running = platform()
    running.send(posted)
    running.drained()
    running.platform.store.command("RENAME TABLE spanledger.ledger TO spanledger.away")
    running.send(waiting)
    until(lambda: running.platform._forwarder.failures)
    running.platform.spool.close()
    running.platform._forwarder.stop(0)
    running.platform.store.command("RENAME TABLE spanledger.away TO spanledger.ledger")

    again = platform()
    assert again.send(posted).status_code == again.send(waiting).status_code == 200
    again.drained()
    assert again.one("SELECT count(), sum(calls) FROM ledger") == "5\t5"
    assert again.metrics()["spanledger_requests_duplicate_total"] == 2


def test_a_store_that_cannot_say_which_alerts_are_open_is_an_error_of_one_line(data: Path) -> None:
    with closing(Store(data / "store")) as store:
        store.command("RENAME TABLE spanledger.alert_events TO spanledger.away")
    with pytest.raises(CollectorError, match="alert_events") as raised:
        Platform(options(data))
    assert "\n" not in str(raised.value)


def test_what_a_retention_is_set_to_holds_for_the_next_start(platform: Start) -> None:
    running = platform(keep={"spans": 7, "ledger": 400})
    ddl = "SELECT extract(create_table_query, 'TTL .*? SETTINGS') FROM system.tables WHERE name = 'spans'"
    assert "toIntervalDay(7)" in str(running.platform.store.query(ddl))
    assert "toIntervalDay(7)" in str(platform().platform.store.query(ddl))


def test_the_dashboard_ends_with_the_platform_even_where_that_is_killed(data: Path) -> None:
    pytest.importorskip("streamlit", reason="there is no dashboard to end")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ports = ["--otlp-port", "0", "--grpc-port", "0", "--clickhouse-port", "0", "--dashboard-port", str(port)]
    command = [sys.executable, "-m", "spanledger_collector", "up", "--data", str(data), *ports]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(lambda: answers() or process.poll() is not None)
        assert answers()
    finally:
        process.kill()
        process.wait()
    until(lambda: not answers())


def test_two_platforms_run_side_by_side_on_two_folders(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "spanledger_collector",
        "up",
        "--no-dashboard",
        "--otlp-port",
        "0",
        "--grpc-port",
        "0",
        "--clickhouse-port",
        "0",
    ]
    both = [
        subprocess.Popen(
            [*command, "--data", str(tmp_path / name)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for name in ("one", "two")
    ]
    try:
        for process in both:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            url = next(line.split()[-1] for line in lines if "OTLP" in line)
            answer = httpx2.post(url, content=request(calls(1)), headers=PROTOBUF, trust_env=False)
            assert answer.status_code == 200
    finally:
        for process in both:
            process.send_signal(signal.SIGTERM)
        ends = [process.communicate(timeout=DEADLINE) for process in both]
    for (out, err), process in zip(ends, both, strict=True):
        assert process.returncode == 0, err
        assert "has stopped" in out
