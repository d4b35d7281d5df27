"""How fast the collector takes, stores and shows spans, and what that costs.

    cd tests && python -m bench.bench_ingest [--seconds 60] [--rate 70000]

One `spanledger up` in a process of its own, the load generator in this one, on the same cores. Each acknowledgement waits
for an fsync; a run counts as over when every acknowledged span can be seen in a view. Figures depend on the machine: the
ratio to the bare engine, measured in the same run on the same segments, is the one to compare.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import clickhouse_connect
import numpy as np
from bench import load
from clickhouse_connect.driver.client import Client
from spanledger_collector.envelope import Envelope, digest
from spanledger_collector.spool import SpoolSettings

BARE = """
import sys, time, pathlib
from datetime import UTC, datetime
from spanledger_collector.store import Store
from spanledger_collector.pricing import PriceBook
folder, segment, rounds = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
store = Store(folder)
store.migrate(datetime.now(UTC))
book = store.open()
PriceBook(book).record_edition(datetime.now(UTC))
store.post(segment, "warm/1")
begun = time.monotonic()
for number in range(rounds):
    store.post(segment, f"bare/{number}")
print(time.monotonic() - begun)
"""


@dataclass
class Running:
    """A platform under test: its ports, a client, and the memory of its process in MB, sampled."""

    otlp: int
    grpc: int  # 0 where it is off
    process: subprocess.Popen[str]
    client: Client
    memory: list[float] = field(default_factory=list)


@contextlib.contextmanager
def platform(folder: Path, *options: str) -> Iterator[Running]:
    command = [sys.executable, "-m", "spanledger_collector", "up", "--data", str(folder), "--no-dashboard"]
    command += ["--otlp-port", "0", "--clickhouse-port", "0", *(options or ("--no-grpc",))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    ports: dict[str, int] = {}
    for line in process.stdout:
        if found := re.match(r"\s+(OTLP/HTTP|OTLP/gRPC|SQL).*?http://127\.0\.0\.1:(\d+)", line):
            ports[found[1]] = int(found[2])
        if "Ctrl-C" in line:
            break
    client = clickhouse_connect.get_client(
        dsn=f"http://127.0.0.1:{ports['SQL']}", database="spanledger", autogenerate_session_id=False
    )
    running = Running(ports["OTLP/HTTP"], ports.get("OTLP/gRPC", 0), process, client)
    done = threading.Event()

    def sample() -> None:
        while not done.wait(0.5):
            with contextlib.suppress(OSError, AttributeError):
                text = Path(f"/proc/{process.pid}/status").read_text()
                running.memory.append(int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024)  # type: ignore[index]

    watcher = threading.Thread(target=sample)
    watcher.start()
    try:
        yield running
    finally:
        done.set()
        watcher.join()
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def calls(client: Client) -> int:
    return int(client.query("SELECT sum(calls) FROM ledger").result_rows[0][0] or 0)


def spans(client: Client) -> int:
    return int(client.query("SELECT count() FROM spans").result_rows[0][0])


def drained(client: Client, expected: int, count: Callable[[Client], int] = calls) -> float:
    """Seconds until every call (or what else is counted) is seen."""
    begun = time.monotonic()
    while count(client) < expected:
        time.sleep(0.5)  # each question takes from the cores that answer it
        if time.monotonic() - begun > 600:
            raise RuntimeError(f"lost: {count(client)} of {expected} {count.__name__} are there")
    return time.monotonic() - begun


def sustained(
    title: str, kinds: list[load.Template], seconds: float, connections: int, rate: float | None = None
) -> tuple[float, float]:
    """Spans and requests a second, until all of them are stored: offered at `rate` spans a second, or as fast as they are taken."""
    with tempfile.TemporaryDirectory() as folder, platform(Path(folder)) as running:
        warm = load.run(running.otlp, kinds, 3, connections, rate)
        drained(running.client, warm.spans, spans)
        running.memory.clear()
        begun = time.monotonic()
        result = load.run(running.otlp, kinds, seconds, connections, rate)
        sending = time.monotonic() - begun
        rest = drained(running.client, warm.spans + result.spans, spans)
        took = sorted(entry[3] * 1e3 for entry in result.log)
        p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
        third = max(1, len(running.memory) // 3)
        first, last = statistics.mean(running.memory[:third]), statistics.mean(running.memory[-third:])
        stored = result.spans / (sending + rest)
        offered = "as fast as they are taken" if rate is None else f"{rate:,.0f} spans/s offered"
        print(f"\n{title}: {seconds:.0f} s, {connections} connections, {offered}")
        print(
            f"  acknowledged       {result.spans / sending:12,.0f} spans/s, {result.requests / sending:,.0f} requests/s"
        )
        print(f"  stored and visible {stored:12,.0f} spans/s (the last one {rest:.1f} s after the end)")
        print(f"  acknowledgement    p50 {p50:.1f} ms, p99 {p99:.1f} ms; {result.retries} times 503")
        print(
            f"  memory             {first:.0f} MB in the first third, {last:.0f} MB in the last, {max(running.memory):.0f} MB at most"
        )
        return stored, result.requests / sending


def visible(rate: float, seconds: float) -> None:
    """From acknowledged to visible in a view, at a given load."""
    with tempfile.TemporaryDirectory() as folder, platform(Path(folder)) as running:
        kinds = load.templates(512)
        before = load.run(running.otlp, kinds, 2, 2, rate).calls
        drained(running.client, before)
        seen: list[tuple[float, int]] = []
        done = threading.Event()

        def poll() -> None:
            while not done.is_set():
                seen.append((time.monotonic(), calls(running.client) - before))
                time.sleep(0.05)

        watcher = threading.Thread(target=poll)
        watcher.start()
        result = load.run(running.otlp, kinds, seconds, 4, rate)
        drained(running.client, before + result.calls)
        time.sleep(0.2)
        done.set()
        watcher.join()
        times, counts = np.array([t for t, _ in seen]), np.array([n for _, n in seen])
        lags = [times[min(int(np.searchsorted(counts, total)), len(times) - 1)] - at for at, _, total, _ in result.log]
        print(f"\nacknowledged to visible in a view, at {result.spans / seconds:,.0f} spans/s for {seconds:.0f} s")
        print(
            f"  p50 {np.percentile(lags, 50):.2f} s, p99 {np.percentile(lags, 99):.2f} s, most {max(lags):.2f} s (polled every 50 ms)"
        )


def bare(title: str, kinds: list[load.Template], rounds: int) -> float:
    """Spans a second of the engine alone: the same kind of segment, inserted again and again."""
    rng, count = np.random.default_rng(1), 0
    parts: list[bytes] = []
    while sum(map(len, parts)) < SpoolSettings.segment_bytes:
        kind = kinds[len(parts) % len(kinds)]
        body = kind.fresh(rng)
        parts.append(Envelope("default", time.time_ns(), digest("default", body), body).encode(1))
        count += kind.spans
    with tempfile.TemporaryDirectory() as folder:
        segment = Path(folder) / "segment"
        segment.write_bytes(b"".join(parts))
        command = [sys.executable, "-c", BARE, f"{folder}/store", str(segment), str(rounds)]
        seconds = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(
        f"\nthe bare engine, {title}, one thread, segments of {count:,} spans, no fsync: {count * rounds / seconds:,.0f} spans/s"
    )
    return count * rounds / seconds


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60, help="how long the load lasts (default %(default)s)")
    parser.add_argument("--rate", type=float, default=70_000, help="spans/s offered for so long (default %(default)s)")
    options = parser.parse_args(argv)
    print(f"{os.cpu_count()} cores, shared by the load generator and the collector")
    many, single, mixed = load.templates(512), load.templates(1), load.mixed(512)
    rate, _ = sustained("requests of 512 spans", many, options.seconds, 4, options.rate)
    sustained("requests of 512 spans", many, min(options.seconds, 20), 4)
    alone = bare("the demo's spans", many, rounds=30)
    print(f"  the whole way, with HTTP, checks, fsync and the load generator, reaches {rate / alone:.0%} of that")
    sustained("requests of 512 spans of all recorded dialects", mixed, min(options.seconds, 20), 4)
    of_all = bare("all recorded dialects", mixed, rounds=30)
    print(f"  {of_all / alone:.0%} of what it does with the demo's spans")
    sustained("requests of 1 span", single, min(options.seconds, 20), 32)
    visible(rate / 2, min(options.seconds, 20))


if __name__ == "__main__":
    main()
