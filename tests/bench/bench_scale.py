"""How long questions take with so many million calls in the store, asked as the dashboard asks them.

    cd tests && python -m bench.bench_scale 1 10 100

For each size a month of calls is made inside the engine (`month.py` says how), merged until the engine is at rest, asked through
`spanledger up`'s read-only port, and deleted: about 15 GB and half an hour for 100 million. A question is asked `--runs` times,
each time for a range that ends some minutes earlier, so that no answer is an old one. With `--data FOLDER`, asks what
`python -m bench.month FOLDER 100` made, and deletes nothing.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
from bench import month
from bench.bench_ingest import Running, platform

RANGES = {"24 h": (1, 3600), "7 d": (7, 3600), "30 d": (30, 86_400)}
EVERYTHING = "project='default', " + ", ".join(
    f"{name}=[]" for name in ("environments", "services", "providers", "models", "teams", "features", "customers")
)
Question = Callable[[int], str]


def within(days: float, run: int) -> str:
    """Two parameters: a range of so many days."""
    to = month.END - timedelta(minutes=23 + 7 * run)
    return f"from='{to - timedelta(days=days):%Y-%m-%d %H:%M:%S}', to='{to:%Y-%m-%d %H:%M:%S}'"


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
    yield "a trace by its id", lambda run: trace(ids[run])
    yield "a trace that is not there", lambda run: trace(ids[run][::-1])
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
    + ", status='', classes=[], prompt_name='', prompt_version='', trace_ids=[], tags=%s, user_id='%s', session_id=''"
)


def trace_pages() -> Iterator[tuple[str, Question]]:
    """The Traces page: ids first, then their rows; the newest in the first range that is tried."""

    def ids(run: int, days: float, sort: str = "newest", tags: str = "[]", user: str = "") -> str:
        bounds = ", ".join(
            f"{end}_{what}=0" for end in ("min", "max") for what in ("cost_usd", "duration_ns", "tokens")
        )
        first = (
            f"before_rank={2**63 - 1}, before_hash={2**64 - 1}, limit=51, sort='{sort}', totals={int(sort != 'newest')}"
        )
        return f"trace_page({PASSES % (tags, user)}, {bounds}, {first}, {within(days, run)})"

    def rows(run: int) -> str:
        page = f"(SELECT groupArray(hash) FROM {ids(run, 1 / 144)})"
        return (
            "SELECT count(), sum(cost_usd) FROM spans WHERE cityHash64(trace_id) IN "
            f"(SELECT arrayJoin({page})) AND timestamp >= toDateTime('{month.END:%F %T}', 'UTC') - INTERVAL 2 DAY"
        )

    yield "first page of traces, newest: ids", lambda run: f"SELECT * FROM {ids(run, 1 / 144)}"
    yield "first page of traces, newest: ids and rows", rows
    yield (
        "first page of traces of a user, 30 d: ids",
        lambda run: f"SELECT * FROM {ids(run, 30, user=f'customer-1/{run}')}",
    )
    yield "first page of traces, dearest, 24 h: ids", lambda run: f"SELECT * FROM {ids(run, 1, 'dearest')}"
    yield (
        "facets of traces, 24 h",
        lambda run: f"SELECT * FROM trace_facets({PASSES % ('[]', '')}, {within(1, run)}, newest=200000)",
    )


def trace(trace_id: str) -> str:
    return f"SELECT * FROM trace(trace_id='{trace_id}', project='default')"


def page(run: int, **given: str) -> str:
    wanted = {"user_id": "", "session_id": "", "attribute": "", "value": ""} | given
    texts = ", ".join(f"{name}='{text}'" for name, text in wanted.items())
    return f"SELECT * FROM span_search(project='default', skip=0, limit=50, {texts}, {within(month.DAYS, run)})"


def measure(folder: Path, runs: int) -> dict[str, tuple[float, float]]:
    """p50 and p95 of each question in milliseconds."""
    figures = {}
    with platform(folder) as running:
        calls = running.client.query("SELECT sum(calls) FROM freshness(project='')").result_rows[0][0]
        for title, question in [*rollups(), *trace_pages(), *searches(running, calls, runs)]:
            running.client.query(question(0))
            took = []
            for run in range(runs):
                begun = time.perf_counter()
                running.client.query(question(run))
                took.append((time.perf_counter() - begun) * 1e3)
            figures[title] = (float(np.percentile(took, 50)), float(np.percentile(took, 95)))
            print(f"  {title:<58} p50 {figures[title][0]:6.0f} ms   p95 {figures[title][1]:6.0f} ms", flush=True)
        print(f"  memory of the collector: {max(running.memory):,.0f} MB at most")
    return figures


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("millions", type=float, nargs="*", default=[1, 10], help="how many calls (default 1 10)")
    parser.add_argument("--runs", type=int, default=20, help="how often each question is asked (default %(default)s)")
    parser.add_argument("--data", type=Path, help="ask what is in this folder instead")
    options = parser.parse_args(argv)
    if options.data:
        measure(options.data, options.runs)
        return
    table: dict[str, dict[str, tuple[float, float]]] = {}
    for millions in options.millions:
        with tempfile.TemporaryDirectory(prefix="spanledger-scale-") as name:
            print(f"\n{millions:g} million calls", flush=True)
            subprocess.run([sys.executable, "-m", "bench.month", name, str(millions)], check=True)
            table[f"{millions:g} M"] = measure(Path(name), options.runs)
    print("\n| p50 / p95, ms | " + " | ".join(table) + " |\n|---|" + "--:|" * len(table))
    for title in next(iter(table.values())):
        cells = (f"{p50:.0f} / {p95:.0f}" for p50, p95 in (figures[title] for figures in table.values()))
        print(f"| {title} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
