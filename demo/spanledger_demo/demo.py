"""The whole demo: the platform, a month of history, and live traffic until Ctrl-C."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from spanledger_demo import history
from spanledger_demo.post import HistoryError, Note, resume
from spanledger_demo.provider import FakeProvider

LIVE = {"support-bot": 0.5, "doc-search": 0.3, "contract-desk": 0.2}
"""The services that run live, a process each, and their share of the arrivals. Between them they use every API."""
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_S = 120
STOP_S = 30


CONFIG = Path(__file__).parent / "spanledger.yaml"
"""What Northwind promises and may spend. The platform finds it in its data folder, where it can be edited."""


class DemoError(Exception):
    """The demo cannot go on; the message says why. `code` is for the shell."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Options:
    data: Path
    otlp_port: int = 4318
    grpc_port: int = 4317
    clickhouse_port: int = 8123
    dashboard_port: int = 8501
    history_calls: int = 300_000
    """0 for none."""
    days: float = 30
    rate: float = 1.0
    """Live arrivals a second; 0 for none."""
    seed: int = 0

    @property
    def otlp(self) -> str:
        return f"http://127.0.0.1:{self.otlp_port}"

    def platform(self) -> list[str]:
        """The command that starts the platform."""
        return [
            sys.executable, "-m", "spanledger_collector", "up", "--data", str(self.data),
            "--otlp-port", str(self.otlp_port), "--grpc-port", str(self.grpc_port),
            "--clickhouse-port", str(self.clickhouse_port), "--dashboard-port", str(self.dashboard_port),
        ]  # fmt: skip


def run(options: Options, platform: Sequence[str], console: Console) -> None:
    """Runs until Ctrl-C (or SIGTERM, or the terminal is closed), then stops everything in order. Raises DemoError."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.default_int_handler)
    try:
        _refuse_taken_port(options.otlp_port)
        _put_config(options.data / CONFIG.name)
        console.print(f"spanledger starts, with its data in {options.data}.")
        with ExitStack() as stack:
            # where it listens is said once, when there is something to see; what is wrong it says on standard error
            up = stack.enter_context(_process(platform, stdout=subprocess.DEVNULL))
            _wait_until_ready(up, options.otlp)
            if options.history_calls:
                _post_history(options, console)
            console.print("\n[bold]spanledger is running[/bold]", _urls(options), sep="\n")
            apps = _start_apps(stack, options) if options.rate else {}
            if apps:
                console.print(f"Live traffic: {options.rate:g} requests a second from {', '.join(apps)}.")
            else:
                console.print("No live traffic: spanledger runs on with what it has, and takes what you send.")
            stack.callback(_stop_together, apps, console)
            console.print("Press Ctrl-C to stop.")
            _watch({"spanledger up": up, **apps})
    except KeyboardInterrupt:
        console.print(f"Stopped. The data is in {options.data}: run the demo again to go on.")


def _refuse_taken_port(port: int) -> None:
    """Another spanledger that listens there would be taken for ours, and be sent the history."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise DemoError(
            f'port {port} cannot be used ({error.strerror}): choose another one with make demo ARGS="--otlp-port PORT"'
        ) from error


def _put_config(path: Path) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONFIG.read_bytes())


@contextmanager
def _process(command: Sequence[str], stdout: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A child that Ctrl-C does not reach: we stop each in its turn, so that nothing on its way is lost."""
    child = subprocess.Popen(command, stdout=stdout, start_new_session=True)
    try:
        yield child
    finally:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        child.terminate()
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_until_ready(up: subprocess.Popen[bytes], otlp: str) -> None:
    give_up = time.monotonic() + READY_S
    with httpx2.Client(timeout=2) as client:
        while time.monotonic() < give_up:
            if up.poll() is not None:
                raise DemoError(
                    "spanledger up did not start: see its message above. "
                    'Options are given with ARGS, as in make demo ARGS="--dashboard-port 18501"',
                    up.returncode or 1,
                )
            try:
                if client.get(f"{otlp}/readyz").is_success:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.1)
    raise DemoError(f"spanledger up was not ready within {READY_S} seconds")


def _post_history(options: Options, console: Console) -> None:
    path = options.data / "demo-history.json"
    note = Note.begin(path, now=datetime.now(UTC), calls=options.history_calls, days=options.days, seed=options.seed)
    if note.complete:
        console.print(f"History: about {note.calls:,} calls before {note.now[:16]} UTC are posted already.")
        return
    now = datetime.fromisoformat(note.now)
    bodies = history.bodies(calls=note.calls, days=note.days, now=now, seed=note.seed)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        title = f"History: {note.calls:,} calls of {note.days:g} days"
        bar = progress.add_task(title, total=history.expected_bodies(note.calls), completed=note.posted)
        try:
            resume(note, path, bodies, f"{options.otlp}/v1/traces", lambda n: progress.update(bar, completed=n))
        except HistoryError as error:
            raise DemoError(f"the history could not be posted: {error}") from error
        done = int(progress.tasks[bar].completed)
        progress.update(bar, total=done)


def _start_apps(stack: ExitStack, options: Options) -> dict[str, subprocess.Popen[bytes]]:
    provider = stack.enter_context(FakeProvider())
    apps = {}
    for number, (service, share) in enumerate(LIVE.items()):
        command = [
            sys.executable, "-m", "spanledger_demo.app", service, "--provider", provider.url, "--otlp", options.otlp,
            "--rate", str(options.rate * share), "--seed", str(time.time_ns() + number),
        ]  # fmt: skip
        apps[service] = stack.enter_context(_process(command))
    return apps


def _stop_together(apps: dict[str, subprocess.Popen[bytes]], console: Console) -> None:
    """Told at the same time, they end at the same time; the platform follows when they have sent what they had."""
    console.print("\nStopping: the apps first, then the platform …")
    for app in apps.values():
        app.terminate()


def _urls(options: Options) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_row("Dashboard", f"http://127.0.0.1:{options.dashboard_port}")
    table.add_row("OTLP/HTTP", f"{options.otlp}/v1/traces")
    table.add_row("OTLP/gRPC", f"http://127.0.0.1:{options.grpc_port}")
    table.add_row("SQL (ClickHouse HTTP, read-only)", f"http://127.0.0.1:{options.clickhouse_port}")
    return table


def _watch(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    while True:
        for name, process in processes.items():
            if process.poll() is not None:
                raise DemoError(f"{name} ended with code {process.returncode}: see its message above", 1)
        time.sleep(0.25)
