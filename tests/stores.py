"""Stores that are made once in a run of the suite and copied wherever one is wanted: to migrate one takes three seconds of CPU, to
copy it a tenth of one."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from spanledger_collector.pricing import PriceBook
from spanledger_collector.store import Store


class Stores:
    """Makes data folders, with an engine's folder `store` in each. `shared` is a folder that all workers of the run have."""

    def __init__(self, shared: Path) -> None:
        self._shared = shared

    def unpriced(self, folder: Path) -> Path:
        """Make `folder` with an empty store, its schema applied and its price book empty."""
        return _copy(_once(self._shared / "unpriced", _migrate), folder)

    def priced(self, folder: Path) -> Path:
        """Make `folder` with an empty store, its schema applied and its price book recorded."""
        return _copy(_once(self._shared / "priced", self._record_prices), folder)

    def _record_prices(self, folder: Path) -> None:
        store = Store(self.unpriced(folder) / "store")
        client = store.open()
        PriceBook(client).record_edition(datetime.now(UTC))
        client.close()
        store.close()


def _once(folder: Path, make: Callable[[Path], None]) -> Path:
    """`folder`, which the first worker that wants it has made by `make`."""
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            make(folder.with_suffix(".unfinished"))
            folder.with_suffix(".unfinished").rename(folder)
    return folder


def _copy(made: Path, folder: Path) -> Path:
    return shutil.copytree(made, folder, symlinks=True, dirs_exist_ok=True)


def _migrate(folder: Path) -> None:
    store = Store(folder / "store")
    store.migrate(datetime.now(UTC))
    # each step of a migration is a part of its own: merged, and the former ones gone, nine in ten files need no copying
    store.command("OPTIMIZE TABLE spanledger.migrations FINAL")
    merged = store.query("SELECT path FROM system.parts WHERE database = 'spanledger' AND NOT active")
    store.close()
    for (path,) in merged:
        shutil.rmtree(path)
