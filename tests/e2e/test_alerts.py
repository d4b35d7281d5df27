"""Alerts, end to end: calls fail, somebody is called, once, whatever happens to the platform; they succeed, and it is over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from collector.alerts.receiver import Receiver, receiver
from collector.conftest import data, platform
from collector.rig import DEADLINE, PROTOBUF, Start, until
from collector.traffic import call, calls, request
from spanledger_collector.alerts.state import HOLD
from spanledger_collector.config import Config
from spanledger_collector.keys import Keys, Scope

__all__ = ["data", "platform"]


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    with receiver() as here:
        yield here


def configuration(webhook: Receiver) -> dict[str, object]:
    return {
        "slos": [
            {
                "name": "checkout-availability",
                "description": "The checkout assistant answers.",
                "indicator": "availability",
                "objective": "99.9",
                "scope": {"services": ["checkout"]},
                "runbook": "https://run.example/checkout",
            }
        ],
        "alerting": {
            "dashboard_url": "https://ledger.example",
            "channels": [{"name": "hook", "url": f"json://{webhook.address}", "severities": ["page"]}],
        },
    }


def outage(start: datetime, count: int = 50) -> bytes:
    failed = [call(start_ns=round(start.timestamp() * 10**9), error__type="500") for _ in range(count)]
    return request(failed, service="checkout")


def test_an_outage_is_told_and_its_recovery_is_told_under_the_same_key(platform: Start, webhook: Receiver) -> None:
    running = platform(config=Config.model_validate(configuration(webhook)), alerts_every=None)
    alerts = running.platform.alerts
    now = datetime.now(UTC)
    running.send(outage(now - timedelta(minutes=1)))
    running.drained()

    def evaluate(at: datetime) -> None:
        alerts.evaluate(at)
        alerts.wait(DEADLINE)
        alerts.collect(at)

    evaluate(now)
    evaluate(now + timedelta(seconds=10))
    [page] = webhook.bodies
    assert (page["status"], page["severity"]) == ("firing", "page")
    for said in (
        "checkout-availability",
        "100 %",
        "50 of 50 calls failed",
        "https://run.example/checkout",
        "https://ledger.example/reliability?",
        "service=checkout",
        "objective=checkout-availability",
    ):
        assert said in page["title"] + page["message"]
    assert running.one("SELECT objective, severity, silenced, channels FROM alerts_open WHERE severity = 'page'") == (
        "checkout-availability\tpage\t0\t['hook']"
    )
    metrics = running.metrics()
    assert metrics["spanledger_alert_evaluation_timestamp_seconds"] > now.timestamp()
    assert metrics['spanledger_alerts_open{severity="page"}'] == 1
    assert metrics['spanledger_alert_messages_sent_total{channel="hook"}'] == 1

    later = now + timedelta(hours=7)
    good = [call(start_ns=round((later - timedelta(minutes=1)).timestamp() * 10**9)) for _ in range(50)]
    running.send(request(good, service="checkout"))
    running.drained()
    evaluate(later)
    evaluate(later + HOLD)
    [_, resolve] = webhook.bodies
    assert (resolve["status"], resolve["dedup_key"]) == ("resolved", page["dedup_key"])
    assert running.one("SELECT count() FROM alerts_open WHERE severity = 'page'") == "0"


def test_a_platform_left_to_itself_tells_of_an_outage_in_time(platform: Start, webhook: Receiver) -> None:
    running = platform(config=Config.model_validate(configuration(webhook)), alerts_every=timedelta(milliseconds=200))
    running.send(request(calls(50), service="elsewhere"))
    running.send(outage(datetime.now(UTC)))
    until(lambda: webhook.posts)
    [page] = webhook.bodies
    assert page["status"] == "firing" and "checkout-availability" in page["title"]


def test_a_project_s_key_is_shown_no_alerts(platform: Start, webhook: Receiver, data: Path) -> None:
    running = platform(config=Config.model_validate(configuration(webhook)), alerts_every=None)
    running.send(outage(datetime.now(UTC) - timedelta(minutes=1)))
    running.drained()
    running.platform.alerts.evaluate(datetime.now(UTC))
    tables = ("alert_events", "alerts_open", "silences", "silences_now", "channel_health(from='2020-01-01 00:00:00')")
    assert running.one("SELECT count() > 0 FROM alerts_open") == "1"
    key = Keys(data / "keys.json").create("default", [Scope.READ], datetime.now(UTC))
    for table in (*tables, "alert_history(from='2020-01-01 00:00:00', to='2100-01-01 00:00:00')"):
        assert running.one(f"SELECT count() FROM {table}", key) == "0"
    assert running.one("SELECT count() FROM ledger", key) == "50"


def test_a_platform_that_is_killed_pages_nobody_again(data: Path, webhook: Receiver) -> None:
    (data / "spanledger.yaml").write_text(json.dumps(configuration(webhook)))
    command = [sys.executable, "-m", "spanledger_collector", "up", "--no-dashboard", "--data", str(data)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPANLEDGER_")}

    def begin() -> tuple[subprocess.Popen[str], httpx2.Client, str]:
        process = subprocess.Popen(
            [*command, "--otlp-port", "0", "--no-grpc", "--clickhouse-port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert process.stdout is not None
        otlp = next(line.split()[-1] for line in process.stdout if "OTLP" in line)
        sql = next(line.split()[-1] for line in process.stdout if "SQL" in line)
        http = httpx2.Client(base_url=otlp.removesuffix("/v1/traces"), timeout=DEADLINE, trust_env=False)
        return process, http, sql

    def told(http: httpx2.Client, sql: str) -> bool:
        answer = http.post(sql, content="SELECT count() FROM alert_events WHERE event = 'notified'").raise_for_status()
        return int(answer.text) > 0

    def figure(http: httpx2.Client, name: str) -> float:
        lines = http.get("/metrics").text.splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)), 0.0)

    for life in range(2):
        began = time.time()
        process, http, sql = begin()
        try:
            if life == 0:
                body = outage(datetime.now(UTC) - timedelta(minutes=1))
                assert http.post("/v1/traces", content=body, headers=PROTOBUF).status_code == 200
                until(lambda: told(http, sql))  # noqa: B023  # a kill before that is on record tells it again, under the same key
            until(lambda: figure(http, "spanledger_alert_evaluation_timestamp_seconds") > began)  # noqa: B023
            assert figure(http, 'spanledger_alerts_open{severity="page"}') == 1
        finally:
            http.close()
            process.send_signal(signal.SIGKILL)
            process.communicate()
    assert [body["status"] for body in webhook.bodies] == ["firing"]
