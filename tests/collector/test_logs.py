"""The collector's own log: text for a person, or the JSON that the SDK's formatter writes too."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import spanledger
from spanledger_collector.logs import JsonFormatter


def record(**fields: Any) -> logging.LogRecord:
    given = {"name": "spanledger_collector.spool", "levelno": 40, "levelname": "ERROR", "created": 1795000000.25}
    return logging.makeLogRecord({**given, "msg": "no room for %s", "args": ("segment 7",), **fields})


def failed() -> logging.LogRecord:
    try:
        raise json.JSONDecodeError("bad", "x", 0)
    except ValueError:
        return record(exc_info=sys.exc_info())


@pytest.mark.parametrize(
    "told", [record(), failed(), record(levelno=5, levelname="TRACE"), record(exc_info=(None,) * 3)]
)
def test_its_json_is_the_sdks(told: logging.LogRecord) -> None:
    line = JsonFormatter().format(told)
    assert line == spanledger.JsonFormatter(service="spanledger-collector").format(told)
    assert len(line.splitlines()) == 1
    assert json.loads(line)["timestamp"] == "2026-11-18T11:06:40.250000Z"


@pytest.fixture
def damaged(data: Path) -> Path:
    """A data folder that gives the collector something to log: a segment with a torn tail."""
    (data / "spool").mkdir(exist_ok=True)
    (data / "spool" / "00000001.segment").write_bytes(b"torn")
    return data


def logged(data: Path, *options: str, **environment: str) -> list[str]:
    """What a collector writes to standard error until it is stopped."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SPANLEDGER_")}
    command = [sys.executable, "-m", "spanledger_collector", "up", "--data", str(data), "--no-dashboard"]
    with subprocess.Popen(
        [*command, "--otlp-port", "0", "--no-grpc", "--clickhouse-port", "0", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**clean, **environment},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        next(line for line in process.stdout if "Ctrl-C" in line)
        process.send_signal(signal.SIGTERM)
        return process.communicate(timeout=60)[1].splitlines()


def test_its_log_is_text_unless_json_is_asked_for(damaged: Path) -> None:
    [line] = logged(damaged)
    assert re.search(r"WARNING spanledger_collector\.spool: .* were never acknowledged", line)


@pytest.mark.parametrize(
    ("options", "environment"), [(("--log-format", "json"), {}), ((), {"SPANLEDGER_LOG_FORMAT": "json"})]
)
def test_its_log_is_json_by_option_or_environment(
    damaged: Path, options: tuple[str, ...], environment: dict[str, str]
) -> None:
    [line] = logged(damaged, *options, **environment)
    told = json.loads(line)
    assert told["severity_text"] == "WARNING" and "were never acknowledged" in told["body"]
    assert told["resource"] == {"service.name": "spanledger-collector"}
