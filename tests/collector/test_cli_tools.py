"""`spanledger doctor`, `send-test-span` and `replay`, against a running platform and without one."""

from __future__ import annotations

from pathlib import Path

import pytest
from collector.command_line import one_line, spanledger
from collector.rig import Start
from spanledger_collector import replay
from spanledger_collector.errors import StartError

CSV = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n"
)


def test_doctor_finds_nothing_wrong_with_a_platform_that_runs(platform: Start, data: Path) -> None:
    running = platform()
    where = [
        "--data",
        str(data),
        "--otlp-url",
        running.platform.addresses.otlp,
        "--url",
        running.platform.addresses.clickhouse,
    ]
    done = spanledger("doctor", *where)
    marks = {line.split()[1]: line.split()[0] for line in done.stdout.splitlines()}
    assert done.returncode == 0, done
    assert set(marks) == {"configuration", "spool", "disk", "collector", "clock", "store", "price"}
    assert "FAIL" not in marks.values()


def test_doctor_without_a_platform_says_so_and_fails(tmp_path: Path) -> None:
    (tmp_path / "spanledger.yaml").write_text("slos: 7\n")
    done = spanledger(
        "doctor", "--data", str(tmp_path), "--otlp-url", "http://127.0.0.1:9", "--url", "http://127.0.0.1:9"
    )
    assert done.returncode == 1
    for said in ("FAIL  configuration", "FAIL  collector", "nothing listens there", "FAIL  store"):
        assert said in done.stdout


def test_doctor_of_an_app_is_the_sdks(tmp_path: Path) -> None:
    done = spanledger("doctor", "--app", SPANLEDGER_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 1
    assert "FAIL  collector" in done.stdout and "openai" in done.stdout


def test_a_test_span_is_sent_and_seen(platform: Start, data: Path) -> None:
    running = platform()
    done = spanledger(
        "send-test-span", "--otlp-url", running.platform.addresses.otlp, "--url", running.platform.addresses.clickhouse
    )
    assert done.returncode == 0, done
    assert "It is visible after" in done.stdout


def test_a_test_span_that_nobody_takes_is_one_line() -> None:
    line = one_line(spanledger("send-test-span", "--otlp-url", "http://127.0.0.1:9"))
    assert "does not answer" in line


def test_a_recorded_load_is_replayed_with_its_tokens(platform: Start, tmp_path: Path) -> None:
    file = tmp_path / "load.csv"
    file.write_text(CSV)
    running = platform()
    done = spanledger(
        "replay", str(file), "--speed", "100", "--model", "gpt-4o-mini", "--otlp-url", running.platform.addresses.otlp
    )
    assert done.returncode == 0, done
    assert "2 calls of load.csv are sent" in done.stdout
    running.drained()
    question = "SELECT input_tokens, output_tokens, model FROM spanledger.spans ORDER BY timestamp FORMAT TSV"
    assert running.one(question).splitlines() == ["374\t44\tgpt-4o-mini", "396\t109\tgpt-4o-mini"]


def test_the_times_are_those_of_the_file_and_all_at_once_they_end_now(tmp_path: Path) -> None:
    file = tmp_path / "load.csv"
    file.write_text(CSV)
    calls = replay.read(file)
    assert [round(call.at, 6) for call in calls] == [0.0, 4.314579]
    shape = replay.Shape("s", "openai", "m", 60.0)
    slept: list[float] = []
    bodies: list[bytes] = []
    assert sum(replay.replay(calls, shape, 1e6, bodies.append, slept.append)) == 2
    assert max(slept) < 0.001
    assert list(replay.replay(calls, shape, 0, bodies.append)) == [2]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "first line"),
        ("a,b\n", "first line"),
        ("TIMESTAMP,C,G\n", "no calls"),
        ("TIMESTAMP,C,G\n2023-11-16,1,x\n", "line 2"),
        ("TIMESTAMP,C,G\n2023-11-16,1\n", "line 2"),
        ("TIMESTAMP,C,G\nyesterday,1,2\n", "line 2"),
        ("TIMESTAMP,C,G\n2023-11-16,-1,2\n", "not negative"),
    ],
)
def test_a_file_that_is_no_load_is_refused_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "load.csv"
    file.write_text(text)
    with pytest.raises(StartError, match=says):
        replay.read(file)


@pytest.mark.parametrize(
    "text", ["2023-11-16 18:15:46.6805900", "2023-11-16T18:15:46.680590Z", "2023-11-16 20:15:46.68059+02:00"]
)
def test_times_are_read_with_any_number_of_digits_and_a_zone(tmp_path: Path, text: str) -> None:
    file = tmp_path / "load.csv"
    file.write_text(f"TIMESTAMP,C,G\n2023-11-16 18:15:46,1,2\n{text},1,2\n")
    assert replay.read(file)[1].at == pytest.approx(0.68059, abs=1e-5)
