"""A small JSON file that commands change while a collector reads it: one change at a time, each whole and on disk."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from spanledger_collector.journal import sync_folder


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep everybody else from changing the file at `path`: two that change it at once would undo each other."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write(path: Path, entries: Iterable[Any], default: Callable[[Any], Any] | None = None) -> None:
    """Have the file at `path` hold `entries`. Readers see the old file or the new one."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-")  # mode 0600
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(list(entries), file, indent=1, default=default)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)
    sync_folder(path.parent)
