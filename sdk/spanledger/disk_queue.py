"""Requests that could not be sent, kept as files until a collector takes them; across restarts, shared by processes.

A file is the body of one request, byte for byte, so that a collector which had it after all knows it again. Its name says
the rest: `<when>-<sequence>-<spans>-<process>.otlp`, and sorted by name they are in the order in which they were kept.
It is written under another name first, so that a process killed meanwhile leaves no half of one. There is no fsync: it
is the process that may die, and what it wrote is then the kernel's.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path

_KEPT, _SENDING, _TEMPORARY = ".otlp", ".sending", ".tmp"
_ABANDONED_AFTER = 60.0
"""Seconds after which a temporary file is nobody's."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One request in the folder."""

    path: Path
    process: str
    spans: int


class DiskQueue:
    """A folder of ours (0700, files 0600) of `limit` bytes at most; the oldest request makes room for a new one.

    Every process may put into it. One at a time, that which holds the lock, takes out of it. Used by one thread of a process.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        """Raises OSError where the folder cannot be used, ValueError where others have access to it."""
        # Not at the top: there are systems without it, and there only the disk queue is amiss.
        import fcntl

        self._flock, self._exclusive = fcntl.flock, fcntl.LOCK_EX | fcntl.LOCK_NB
        self._folder, self._limit = folder, limit
        self._lock: int | None = None
        self._last = 0
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise ValueError(f"{folder} is open to other users: its owner has to be this one, its mode 0700")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(f"{folder} is not writable")

    def put(self, body: bytes, process: str, sequence: int, spans: int) -> list[Kept]:
        """Keeps a request, and returns those that had to go for it; itself, where it is larger than the whole queue.

        Raises OSError where the disk does not take it; it is then not kept, and nothing is left of it.
        """
        self._last = max(self._last + 1, time.time_ns())  # in order, whatever the clock does
        path = self._folder / f"{self._last:020d}-{sequence:08d}-{spans}-{process}{_KEPT}"
        if len(body) > self._limit:
            return [Kept(path, process, spans)]
        dropped = self._make_room(self._limit - len(body))
        temporary = path.with_suffix(_TEMPORARY)
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(body)
            temporary.rename(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        return dropped

    def take(self) -> Kept | None:
        """The oldest request, set aside for sending: `remove()` it or `give_back()`. None where none is kept, or where
        another process is the one that sends."""
        if not any(self._files(_KEPT, _SENDING)) or not self._has_lock():
            return None
        for path in sorted(self._files(_KEPT)):
            aside = path.with_suffix(_SENDING)
            with contextlib.suppress(FileNotFoundError):  # another process has just dropped it
                path.rename(aside)
                return _read_name(aside)
        return None

    def give_back(self, kept: Kept) -> None:
        with contextlib.suppress(OSError):
            kept.path.rename(kept.path.with_suffix(_KEPT))

    def remove(self, kept: Kept) -> None:
        kept.path.unlink(missing_ok=True)

    def spans_of(self, process: str) -> int:
        """Spans of a process that wait here."""
        return sum(kept.spans for path in self._files(_KEPT, _SENDING) if (kept := _read_name(path)).process == process)

    def close(self) -> None:
        """Lets another process send. In a forked child: lets go of its copy, which leaves the parent's lock with it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _make_room(self, limit: int) -> list[Kept]:
        sizes: dict[Path, int] = {}
        for path in self._files(_KEPT, _SENDING):
            with contextlib.suppress(FileNotFoundError):
                sizes[path] = path.stat().st_size
        total, dropped = sum(sizes.values()), []
        for path in sorted(path for path in sizes if path.suffix == _KEPT):
            if total <= limit:
                break
            with contextlib.suppress(FileNotFoundError):  # only who unlinks it counts it
                path.unlink()
                dropped.append(_read_name(path))
            total -= sizes[path]
        return dropped

    def _has_lock(self) -> bool:
        if self._lock is not None:
            return True
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._flock(lock, self._exclusive)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        self._recover()
        return True

    def _recover(self) -> None:
        """What a process that was killed left half done."""
        for path in self._files(_SENDING):
            path.rename(path.with_suffix(_KEPT))
        for path in self._files(_TEMPORARY):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _ABANDONED_AFTER:
                    path.unlink()

    def _files(self, *suffixes: str) -> list[Path]:
        return [path for path in self._folder.iterdir() if path.suffix in suffixes and path.stem.count("-") == 3]


def _read_name(path: Path) -> Kept:
    _, _, spans, process = path.stem.split("-")
    return Kept(path, process, int(spans) if spans.isdecimal() else 0)
