"""Is this platform well? The configuration, the data folder, the ports, the store, the clock and the price book."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from spanledger_collector.cli_options import ask
from spanledger_collector.config import load_default
from spanledger_collector.errors import CollectorError
from spanledger_collector.spool import SpoolSettings

_SKEW_S = 30.0
_BOOK_DAYS = 45
_FREE_BYTES = 1 << 30
_BOOK = """
SELECT dateDiff('day', min(recorded_at), now()) AS days, any(price_version) AS version FROM spanledger.prices
WHERE price_version = (SELECT argMax(price_version, recorded_at) FROM spanledger.prices)
HAVING count() > 0
"""


@dataclass(frozen=True)
class Finding:
    mark: Literal["ok", "warn", "FAIL"]
    about: str
    text: str

    def __str__(self) -> str:
        return f"{self.mark:<5} {self.about:<14} {self.text}"


def diagnose(data: Path, config: Path | None, otlp_url: str, sql_url: str, read_key: str) -> Iterator[Finding]:
    yield from _config(data, config)
    yield from _folder(data)
    yield from _collector(otlp_url)
    yield from _store(sql_url, read_key)


def _config(data: Path, config: Path | None) -> Iterator[Finding]:
    try:
        found = load_default(config, data)
    except CollectorError as error:
        yield from (Finding("FAIL", "configuration", line) for line in str(error).splitlines())
        return
    yield Finding("ok", "configuration", f"{len(found.objectives)} objectives, {len(found.alerting.channels)} channels")


def _folder(data: Path) -> Iterator[Finding]:
    spool = data / "spool"
    if not data.is_dir():
        yield Finding("warn", "data folder", f"{data} is not there yet: `spanledger up` makes it")
        return
    for name, folder in (("data folder", data), ("spool", spool)):
        if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
            yield Finding("FAIL", name, f"{folder} is not writable")
            return
    limit = SpoolSettings().limit
    waiting = sum(path.stat().st_size for path in spool.rglob("*") if path.is_file()) if spool.is_dir() else 0
    full = waiting / limit
    mark: Literal["ok", "warn", "FAIL"] = "ok" if full < 0.5 else "warn" if full < 1 else "FAIL"
    yield Finding(mark, "spool", f"{waiting:,} of {limit:,} bytes wait ({full:.1%}); it is writable")
    free = shutil.disk_usage(data).free
    yield Finding("ok" if free >= _FREE_BYTES else "warn", "disk", f"{free / 2**30:,.1f} GiB are free at {data}")


def _collector(url: str) -> Iterator[Finding]:
    began = time.time()
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/readyz", timeout=5) as response:
            said, date = json.loads(response.read()), response.headers.get("Date")
    except urllib.error.HTTPError as error:
        said, date = _problem(error), error.headers.get("Date")
    except (OSError, ValueError):
        yield Finding("FAIL", "collector", f"{url} does not answer{_taken(url)}")
        return
    ready = bool(said.get("ready"))
    yield Finding(
        "ok" if ready else "FAIL", "collector", f"{url} takes spans" if ready else f"{url}: {said.get('problem')}"
    )
    if date:
        skew = began - parsedate_to_datetime(date).timestamp()
        near = abs(skew) <= _SKEW_S
        yield Finding(
            "ok" if near else "warn",
            "clock",
            f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the collector's",
        )


def _problem(error: urllib.error.HTTPError) -> dict[str, object]:
    try:
        return dict(json.loads(error.read()))
    except ValueError:
        return {"problem": f"HTTP {error.code}, which no spanledger answers"}


def _taken(url: str) -> str:
    """Whether something listens there all the same."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 80), timeout=2):
            return ": another program has the port"
    except OSError:
        return ": nothing listens there, is `spanledger up` running?"


def _store(url: str, key: str) -> Iterator[Finding]:
    try:
        answer = ask(url, key, _BOOK, "JSONEachRow").decode()
    except CollectorError as error:
        yield Finding("FAIL", "store", str(error))
        return
    yield Finding("ok", "store", f"{urlsplit(url).hostname} answers in SQL")
    if not answer.strip():
        yield Finding("FAIL", "price book", "is empty: no call can be priced")
        return
    book = json.loads(answer.splitlines()[0])
    days = int(book["days"])
    text = f"{book['version']}, here for {days} days"
    yield (
        Finding("ok", "price book", text)
        if days <= _BOOK_DAYS
        else Finding("warn", "price book", f"{text}: pip install -U genai-prices has newer prices")
    )
