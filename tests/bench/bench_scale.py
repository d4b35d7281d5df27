"""How long questions take with so many million calls in the store, asked as the dashboard asks them.

    cd tests && python -m bench.bench_scale 1 10 100

For each size a month of calls is made inside the engine (`month.py` says how), merged until the engine is at rest, asked through
`spanledger up`'s read-only port, and deleted: about 17 GB and half an hour for 100 million. A question is asked `--runs` times,
each time for a range that ends some minutes earlier, so that no answer is an old one. Beside the time that it took, printed is
the CPU of the platform's process, which other work on the machine changes less: p50 of the runs, planning and all. With
`--data FOLDER`, asks what `python -m bench.month FOLDER 100` made, and deletes nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from bench import month
from bench.bench_ingest import Running, platform
from clickhouse_connect.driver.exceptions import DatabaseError

RANGES = {"24 h": (1, 3600), "7 d": (7, 3600), "30 d": (30, 86_400)}
EVERYTHING = "project='default', " + ", ".join(
    f"{name}=[]" for name in ("environments", "services", "providers", "models", "teams", "features", "customers")
)
Question = Callable[[int], str]


class Figures(NamedTuple):
    """Of one question, in milliseconds."""

    p50: float
    p95: float
    best: float
    cpu: float

    def __str__(self) -> str:
        return f"p50 {self.p50:5.0f} ms   p95 {self.p95:5.0f} ms   best {self.best:5.0f} ms   CPU {self.cpu:5.0f} ms"


def within(days: float, run: int, back: timedelta = timedelta()) -> str:
    """Two parameters: a range of so many days, `back` longer."""
    to = month.END - timedelta(minutes=23 + 7 * run)
    return f"from='{to - timedelta(days=days) - back:%Y-%m-%d %H:%M:%S}', to='{to:%Y-%m-%d %H:%M:%S}'"


def rollups() -> Iterator[tuple[str, Question]]:
    """What the pages ask."""
    of_a_service = EVERYTHING.replace("services=[]", "services=['service-1']")
    for name, (days, step) in RANGES.items():
        views = {
            "usage, over time": f"usage(step={step}, by='', {EVERYTHING}",
            "usage, by model": f"usage(step=0, by='model', {EVERYTHING}",
            "usage, by customer": f"usage(step=0, by='customer', {EVERYTHING}",
            "usage of a service, by model, over time": f"usage(step={step}, by='model', {of_a_service}",
            "latency, over time": f"latency(step={step}, by='', {EVERYTHING}",
            "latency, by model": f"latency(step=0, by='model', {EVERYTHING}",
            "coverage": f"coverage({EVERYTHING}",
            "movers, by model": f"movers(by='model', {EVERYTHING}",
            "dimension values": "dimension_values(project='default'",
        }
        for title, view in views.items():
            if title.startswith("movers") and days == 30:
                continue  # the month before has no calls
            yield f"{title}, {name}", lambda run, view=view, days=days: f"SELECT * FROM {view}, {within(days, run)})"  # type: ignore[misc]


def searches(running: Running, calls: int, runs: int) -> Iterator[tuple[str, Question]]:
    """Traces and pages, for calls drawn at random."""
    numbers = random.Random(calls).sample(range(calls), runs)
    ids = [
        text
        for (text,) in running.client.query(
            f"SELECT {month.TRACE_ID} FROM (SELECT toUInt64(arrayJoin({numbers})) AS number)"
        ).result_rows
    ]
    found = [next(iter(running.client.query(trace(text)).named_results())) for text in ids]
    yield "a trace by its id, as its page asks", lambda run: trace(ids[run], "trace_spans")
    yield "a trace by its id, with all attributes", lambda run: trace(ids[run])
    yield "a trace that is not there", lambda run: trace(ids[run][::-1], "trace_spans")
    for column in ("user_id", "session_id"):
        yield f"first page by {column}", lambda run, column=column: page(run, **{column: found[run][column]})  # type: ignore[misc]
    for key, what in (("app.request_id", "unique"), ("app.tenant", "20,000 values"), ("app.tier", "3 values")):
        yield (
            f"first page by attribute {key} ({what})",
            lambda run, key=key: page(run, attribute=key, value=found[run]["attributes"][key]),  # type: ignore[misc]
        )
    yield (
        "first page by an attribute that is not there",
        lambda run: page(run, attribute="app.tenant", value=f"none-{run}"),
    )


PASSES = (
    EVERYTHING
    + ", status='', classes=[], prompt_name='', prompt_version='', trace_ids=[], tags=[], user_id='%s', session_id=''"
)


def trace_pages(running: Running, runs: int) -> Iterator[tuple[str, Question]]:
    """The Traces page: ids first, then their rows; the newest in the first range that is tried."""

    def ids(run: int, days: float, sort: str = "newest", user: str = "") -> str:
        bounds = ", ".join(
            f"{end}_{what}=0" for end in ("min", "max") for what in ("cost_usd", "duration_ns", "tokens")
        )
        first = (
            f"before_rank={2**63 - 1}, before_hash={2**64 - 1}, limit=51, sort='{sort}', totals={int(sort != 'newest')}"
        )
        return f"SELECT * FROM trace_page({PASSES % user}, {bounds}, {first}, {within(days, run)})"

    def rows(days: float, sort: str, back: timedelta) -> Question:
        """Of the pages that `ids` gives, which are asked before."""
        pages = [
            [hash_ for hash_, _ in running.client.query(ids(run, days, sort)).result_rows[:50]] for run in range(runs)
        ]

        def asked(run: int) -> str:
            return (
                f"SELECT * FROM traces(hashes={pages[run]}, trace_ids=[], project='default', {within(days, run, back)})"
            )

        return asked

    for sort, name, days, back in (
        ("newest", "newest", 1 / 144, timedelta(hours=2)),
        ("dearest", "dearest, 24 h", 1, timedelta()),
    ):
        yield f"page of traces, {name}: ids", lambda run, days=days, sort=sort: ids(run, days, sort)  # type: ignore[misc]
        yield f"page of traces, {name}: their rows", rows(days, sort, back)
    yield "page of traces, slowest, 24 h: ids", lambda run: ids(run, 1, "slowest")
    yield "page of traces of a user, 24 h at once: ids", lambda run: ids(run, 1, user=f"customer-1/{run}")
    yield (
        "facets of traces, 24 h",
        lambda run: f"SELECT * FROM trace_facets({PASSES % ''}, {within(1, run)}, newest=200000)",
    )


def trace(trace_id: str, view: str = "trace") -> str:
    return f"SELECT * FROM {view}(trace_id='{trace_id}', project='default')"


def page(run: int, **given: str) -> str:
    wanted = {"user_id": "", "session_id": "", "attribute": "", "value": ""} | given
    texts = ", ".join(f"{name}='{text}'" for name, text in wanted.items())
    return f"SELECT * FROM span_search(project='default', skip=0, limit=50, {texts}, {within(month.DAYS, run)})"


def cpu_ms(process: int) -> float:
    """CPU that a process has used, all its threads together."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1e3 / os.sysconf("SC_CLK_TCK")


def measure(folder: Path, runs: int, only: str = "") -> dict[str, Figures]:
    """Figures by question, of those whose title has `only`. One that passes the limits of the read-only port has none."""
    figures = {}
    with platform(folder) as running:
        calls = running.client.query("SELECT sum(calls) FROM freshness(project='')").result_rows[0][0]
        for title, question in [*rollups(), *trace_pages(running, runs), *searches(running, calls, runs)]:
            if only not in title:
                continue
            try:
                running.client.query(question(0))
            except DatabaseError as error:
                print(f"  {title:<58} {str(error).partition('DB::Exception: ')[2][:60]}", flush=True)
                continue
            took, cpu = [], []
            for run in range(runs):
                begun, used = time.perf_counter(), cpu_ms(running.process.pid)
                running.client.query(question(run))
                took.append((time.perf_counter() - begun) * 1e3)
                cpu.append(cpu_ms(running.process.pid) - used)
            found = Figures(
                float(np.percentile(took, 50)), float(np.percentile(took, 95)), min(took), float(np.percentile(cpu, 50))
            )
            figures[title] = found
            print(f"  {title:<58} {found}", flush=True)
        print(f"  load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        print(f"  memory of the collector: {max(running.memory):,.0f} MB at most")
    return figures


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("millions", type=float, nargs="*", default=[1, 10], help="how many calls (default 1 10)")
    parser.add_argument("--runs", type=int, default=20, help="how often each question is asked (default %(default)s)")
    parser.add_argument("--only", default="", help="the questions whose title has this")
    parser.add_argument("--data", type=Path, help="ask what is in this folder instead")
    options = parser.parse_args(argv)
    if options.data:
        measure(options.data, options.runs, options.only)
        return
    table: dict[str, dict[str, Figures]] = {}
    for millions in options.millions:
        with tempfile.TemporaryDirectory(prefix="spanledger-scale-") as name:
            print(f"\n{millions:g} million calls", flush=True)
            subprocess.run([sys.executable, "-m", "bench.month", name, str(millions)], check=True)
            table[f"{millions:g} M"] = measure(Path(name), options.runs, options.only)
    print("\n| p50 / p95 / best, CPU, ms | " + " | ".join(table) + " |\n|---|" + "--:|" * len(table))
    for title in dict.fromkeys(title for figures in table.values() for title in figures):
        asked = (figures.get(title) for figures in table.values())
        cells = (f"{of.p50:.0f} / {of.p95:.0f} / {of.best:.0f}, {of.cpu:.0f}" if of else "none" for of in asked)
        print(f"| {title} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
