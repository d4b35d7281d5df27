"""How many bytes on disk a call takes, in all tables, without content.

    cd tests && python -m bench.bench_disk [--calls 300000]

The demo's history, with its random ids, posted as the collector posts it; then as it is, and merged.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from spanledger_collector.envelope import Envelope, digest
from spanledger_collector.pricing import PriceBook
from spanledger_collector.spool import SpoolSettings
from spanledger_collector.store import POSTED_TO, Store
from spanledger_demo import history

SIZES = """
SELECT table, sum(bytes_on_disk) FROM system.parts
WHERE database = 'spanledger' AND active AND table IN ('spans', 'ledger', 'rejected', 'deliveries') GROUP BY table ORDER BY table
"""


def post(store: Store, folder: Path, calls: int) -> None:
    now, number, waiting = datetime.now(UTC), 1, b""
    for body in history.bodies(calls=calls, days=30, now=now, seed=1):
        waiting += Envelope("default", time.time_ns(), digest("default", body), body).encode(number)
        if len(waiting) > SpoolSettings.segment_bytes:
            waiting, number = _post(store, folder, waiting, number), number + 1
    _post(store, folder, waiting, number)


def _post(store: Store, folder: Path, data: bytes, number: int) -> bytes:
    segment = folder / "segment"
    segment.write_bytes(data)
    store.post(segment, f"{number}/1")
    return b""


def report(store: Store, title: str) -> None:
    [[calls]] = store.query("SELECT count() FROM spanledger.ledger")
    [[spans]] = store.query("SELECT count() FROM spanledger.spans")
    sizes = {table: size / calls for table, size in store.query(SIZES)}
    parts = ", ".join(f"{table} {size:.1f}" for table, size in sizes.items())
    print(f"{title}: {sum(sizes.values()):.1f} bytes a call ({calls:,} calls, {spans:,} spans): {parts}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=300_000, help="how many calls of history (default %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = Store(folder / "store")
        store.migrate(datetime.now(UTC))
        PriceBook(store.open()).record_edition(datetime.now(UTC))
        post(store, folder, options.calls)
        report(store, "as posted")
        for table in POSTED_TO:
            store.command(f"OPTIMIZE TABLE spanledger.{table} FINAL")
        report(store, "merged   ")


if __name__ == "__main__":
    main()
