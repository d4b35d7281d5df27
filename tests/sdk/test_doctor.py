"""`spanledger doctor --app`: what an app's environment lacks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sdk.loopback import Receiver


def doctor(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SPANLEDGER_"))}
    command = [sys.executable, "-m", "spanledger", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**clean, **environ})


def test_a_good_environment_passes_and_no_span_is_sent(collector: Receiver) -> None:
    done = doctor(
        "doctor", "--app", SPANLEDGER_ENDPOINT=collector.url, SPANLEDGER_API_KEY="k", OTEL_SERVICE_NAME="shop"
    )
    assert done.returncode == 0, done
    for said in (
        "ok    service            shop",
        "takes spans; the key is valid",
        "traced by opentelemetry-instrumentation",
    ):
        assert said in done.stdout
    assert collector.spans() == []


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, "check SPANLEDGER_API_KEY"), (404, "check SPANLEDGER_ENDPOINT"), (503, "cannot be reached")],
)
def test_a_collector_that_does_not_take_spans_fails_it(collector: Receiver, status: int, says: str) -> None:
    collector.answers.append((status, {}, b""))
    done = doctor("doctor", "--app", SPANLEDGER_ENDPOINT=collector.url)
    assert done.returncode == 1
    assert says in done.stdout and "FAIL  collector" in done.stdout


def test_settings_that_are_not_understood_and_a_clock_that_is_wrong_are_said(collector: Receiver) -> None:
    collector.answers.append((200, {"date": "Mon, 01 Jan 2024 00:00:00 GMT"}, b""))
    done = doctor("doctor", "--app", SPANLEDGER_ENDPOINT=collector.url, SPANLEDGER_SPANS="some")
    assert done.returncode == 0
    assert "warn  settings           SPANLEDGER_SPANS=some is ignored" in done.stdout
    assert "warn  service            has no name" in done.stdout


def test_a_disk_queue_that_cannot_be_used_fails_it(collector: Receiver, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    done = doctor("doctor", "--app", SPANLEDGER_ENDPOINT=collector.url, SPANLEDGER_DISK_QUEUE=str(tmp_path))
    assert done.returncode == 1
    assert "FAIL  disk queue" in done.stdout


def test_it_explains_itself() -> None:
    done = doctor("doctor", "--app", "--help")
    assert done.returncode == 0 and "exit code" in done.stdout
    assert doctor("doctor").returncode == 2
