"""The demo from beginning to end, on a stand-in for the platform."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from spanledger_collector.config import load
from spanledger_demo import history
from spanledger_demo.__main__ import main, options_of
from spanledger_demo.demo import CONFIG, LIVE
from spanledger_demo.post import Note
from spanledger_demo.world import FEATURES

HERE = Path(__file__).parent


def start(port: int, data: Path, *platform: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / "whole_demo.py"), str(port), str(data), str(HERE / "stand_in.py"), *platform]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def until_live_then_interrupt(demo: subprocess.Popen[str]) -> str:
    assert demo.stdout
    seen = ""
    for line in demo.stdout:
        seen += line
        if "Press Ctrl-C" in line:
            break
    demo.send_signal(signal.SIGINT)
    rest, _ = demo.communicate(timeout=60)
    assert demo.returncode == 0, seen + rest
    return seen + rest


def test_it_posts_its_history_once_sends_live_traffic_and_stops_in_order(tmp_path: Path) -> None:
    port, data, counts = free_port(), tmp_path / "data", tmp_path / "counts.json"

    said = until_live_then_interrupt(start(port, data, str(port), str(counts)))
    assert said.count(f"http://127.0.0.1:{port}/v1/traces") == 1 and "http://127.0.0.1:4317" in said
    assert "http://127.0.0.1:8501" in said
    assert "Stopped" in said and "Traceback" not in said
    first = json.loads(counts.read_text())
    assert len(first) >= 5 and sum(first.values()) > 1_900

    said = until_live_then_interrupt(start(port, data, str(port), str(counts)))
    assert "are posted already" in said
    second = json.loads(counts.read_text())
    assert second.keys() <= LIVE.keys() and sum(second.values()) < 1_000
    assert (data / "spanledger.yaml").read_bytes() == CONFIG.read_bytes()
    note = Note(**json.loads((data / "demo-history.json").read_text()))
    assert note.complete and note.posted == pytest.approx(history.expected_bodies(2_000), abs=12)


def test_when_the_platform_does_not_start_its_own_words_and_code_are_passed_on(tmp_path: Path) -> None:
    demo = start(free_port(), tmp_path, "fail")
    said, _ = demo.communicate(timeout=60)
    assert demo.returncode == 3
    assert "port 4318 is taken" in said and "did not start" in said and 'make demo ARGS="' in said


def test_a_port_that_another_program_has_is_refused_with_the_words_that_choose_another(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = start(port, tmp_path / "data", str(port), str(tmp_path / "counts.json"))
        said, _ = demo.communicate(timeout=60)
    assert demo.returncode == 1 and f"port {port} " in said and 'make demo ARGS="--otlp-port PORT"' in said
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--rate", "-1"),
        ("--rate", "0"),
        ("--rate", "inf"),
        ("--days", "0"),
        ("--history-calls", "-5"),
        ("--otlp-port", "-5"),
        ("--grpc-port", "0"),
        ("--dashboard-port", "65536"),
    ],
)
def test_an_option_that_cannot_be_is_refused_by_its_name(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([option, value])
    assert f"argument {option}: {value}" in capsys.readouterr().err


def test_each_port_that_is_chosen_is_the_platforms() -> None:
    ports = {"--otlp-port": "1", "--grpc-port": "2", "--clickhouse-port": "3", "--dashboard-port": "4"}
    command = options_of([word for pair in ports.items() for word in pair]).platform()
    assert {option: command[command.index(option) + 1] for option in ports} == ports and "--no-grpc" not in command


def test_a_fit_needs_a_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(tmp_path / "no.csv")]) == 1
    assert "no.csv" in capsys.readouterr().err


def test_its_objectives_can_be_read_and_are_of_what_its_world_has() -> None:
    config = load(CONFIG)
    assert config.slos and config.budgets
    known = {name for feature in FEATURES for name in (feature.service, feature.team)}
    known |= {"production", "openai", "anthropic"}
    for objective in (*config.slos, *config.budgets):
        assert {value for values in objective.scope.model_dump().values() for value in values} <= known, objective.name
