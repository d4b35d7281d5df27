"""The wheel, installed in an empty environment outside the clone: what a user gets."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Environment:
    """A virtual environment, with nothing of the clone on its path."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self._home = folder
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.bin / command[0], *command[1:]],
            cwd=self._home,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=600,
        )

    @property
    def variables(self) -> dict[str, str]:
        return {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "VIRTUAL_ENV", "SPANLEDGER"))
        }

    def install(self, requirement: str) -> None:
        done = self.run("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", out, ROOT], check=True, capture_output=True)
    [built] = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("environment"))


@pytest.fixture
def running(environment: Environment, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """`spanledger up` on free ports, and where it says that it listens."""
    command = [
        str(environment.bin / "spanledger"),
        "up",
        "--data",
        str(tmp_path / "data"),
        "--no-grpc",
        "--otlp-port",
        "0",
        "--clickhouse-port",
        "0",
        "--dashboard-port",
        "0",
    ]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment.variables, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        where: dict[str, str] = {}
        for line in process.stdout:
            if found := re.match(r"\s+(dashboard|OTLP|SQL).*?(http://\S+)", line):
                where[found[1]] = found[2]
            if "Ctrl-C" in line:
                break
        yield process, where
        if process.poll() is None:
            process.kill()


def test_the_base_installs_the_sdk_alone(wheel: Path, environment: Environment) -> None:
    environment.install(str(wheel))
    assert environment.run("python", "-c", "import spanledger; print(spanledger.instrument())").returncode == 0
    for library in ("chdb", "fastapi", "streamlit", "pandas", "typer"):
        assert environment.run("python", "-c", f"import {library}").returncode != 0
    refused = environment.run("spanledger", "up")
    assert refused.returncode == 1
    assert (
        refused.stderr.strip() == "spanledger: the command line comes with the server: pip install 'spanledger[server]'"
    )


def test_the_extras_bring_the_platform_and_it_runs(
    wheel: Path, environment: Environment, request: pytest.FixtureRequest
) -> None:
    environment.install(f"{wheel}[server,dashboard]")
    process, where = request.getfixturevalue("running")
    with urllib.request.urlopen(where["OTLP"].removesuffix("/v1/traces") + "/readyz") as answer:
        assert answer.status == 200
    asked = environment.run("spanledger", "sql", "--url", where["SQL"], "--format", "TSV", "SELECT count() FROM ledger")
    assert (asked.stdout, asked.stderr) == ("0\n", "")
    assert set(where) == {"dashboard", "OTLP", "SQL"}
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
