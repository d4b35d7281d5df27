"""What a hundred `kill -9` under load lose and double: nothing.

    cd tests && python -m bench.bench_crashes [rounds]

The clients send from the first round to the last, each request until it is acknowledged; the books are compared once, at
the end, span by span, and to the cent.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from e2e.crashes import Crashes


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="spanledger-crashes-") as folder,
        Crashes(Path(folder) / "data", seed=rounds).load() as crashes,
    ):
        for number in range(1, rounds + 1):
            crashes.round(seconds=1)
            print(f"\rround {number} of {rounds}", end="", file=sys.stderr, flush=True)
        found = crashes.books()
    print(file=sys.stderr)
    print(f"{rounds} kill -9 rounds, {time.monotonic() - begun:.0f} s: {found}")
    sys.exit(not found.exact)


if __name__ == "__main__":
    main()
