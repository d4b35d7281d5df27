"""The spool's journal: which segments were started, done, or split. Each line is on disk before what it allows happens."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from spanledger_collector.errors import StartError

# IOV_MAX of Linux and macOS: so many pieces may be written by one call.
PIECES_AT_ONCE = 1024


@dataclass
class State:
    """What the journal says. `started`: segment to its last attempt, for those not done. `last`: the highest segment number used.

    `done` are those whose files may still be there, since the last compaction: they must not be posted again.
    `tidied` is the number up to which the books are in order: later segments may need corrections.
    """

    started: dict[int, int] = field(default_factory=dict)
    split: dict[int, tuple[int, ...]] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    last: int = 0
    tidied: int = 0

    def take(self, line: str) -> None:
        """Follow one line. Raises ValueError for what is none."""
        verb, *numbers = line.split()
        segment, *rest = (int(number) for number in numbers)
        if verb == "start" and len(rest) == 1:
            self.started[segment] = rest[0]
            self.done.discard(segment)
        elif verb == "done" and not rest:
            self.started.pop(segment, None)
            self.split.pop(segment, None)
            self.done.add(segment)
        elif verb == "split":
            self.split[segment] = tuple(rest)
        elif verb == "tidied" and not rest:
            self.tidied = segment
        elif verb != "last" or rest:
            raise ValueError("no line of a journal")
        self.last = max(self.last, segment, *(rest if verb == "split" else ()))


class Journal:
    """An append-only file of lines `start S n`, `done S`, `split S A B`, `tidied S`, `last S`. Used by one thread at a time.

    Raises StartError for a file that is no journal.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.state = State()
        self.size = 0  # bytes
        # a last line without its end was never synced: nothing that it allows has happened
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        for position, line in enumerate(lines):
            try:
                if not line.endswith(b"\n"):
                    raise ValueError("torn")
                self.state.take(line.decode("ascii"))
            except ValueError as error:
                if position == len(lines) - 1:
                    break
                raise StartError(
                    f"{path}, line {position + 1}, cannot be read. Restore the file; or move it away, "
                    "and then what was being posted when it was written last may be posted twice"
                ) from error
            self.size += len(line)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.ftruncate(self._file, self.size)

    def start(self, segment: int) -> int:
        """Record that `segment` is about to be posted; returns the number of this attempt, from 1."""
        attempt = self.state.started.get(segment, 0) + 1
        self._write(f"start {segment} {attempt}")
        return attempt

    def done(self, segment: int) -> None:
        """Record that `segment` is posted, or that nothing of it is left to post."""
        self._write(f"done {segment}")

    def split(self, segment: int, parts: tuple[int, ...]) -> None:
        """Record that `parts` have taken the place of `segment`."""
        self._write(f"split {segment} {' '.join(map(str, parts))}")

    def tidied(self, segment: int) -> None:
        """Record that the corrections of every segment up to this one are posted."""
        self._write(f"tidied {segment}")

    def compact(self) -> None:
        """Drop what is over. Only when the files of done segments are gone, durably."""
        lines = [f"last {self.state.last}"] if self.state.last else []
        lines += [f"tidied {self.state.tidied}"] if self.state.tidied else []
        lines += [f"start {segment} {attempt}" for segment, attempt in self.state.started.items()]
        lines += [f"split {segment} {' '.join(map(str, parts))}" for segment, parts in self.state.split.items()]
        data = "".join(line + "\n" for line in lines).encode()
        path = self._path.with_suffix(".new")
        fresh = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            write_all(fresh, data)
            os.fsync(fresh)
            path.replace(self._path)
        except OSError:
            os.close(fresh)
            raise
        os.close(self._file)
        self._file, self.size = fresh, len(data)
        self.state.done.clear()
        sync_folder(self._path.parent)

    def close(self) -> None:
        os.close(self._file)

    def _write(self, line: str) -> None:
        data = f"{line}\n".encode()
        try:
            os.lseek(self._file, self.size, os.SEEK_SET)
            write_all(self._file, data)
            os.fsync(self._file)
        except OSError:
            # the caller goes on as if the line were not there, so it must not be found there after a crash
            os.ftruncate(self._file, self.size)
            os.fsync(self._file)
            raise
        self.size += len(data)
        self.state.take(line)


def write_all(file: int, *pieces: bytes) -> None:
    """Write all of `pieces`, one after another, where the descriptor stands."""
    views = [memoryview(piece) for piece in pieces if piece]
    while views:
        written = os.writev(file, views[:PIECES_AT_ONCE])
        while views and written >= len(views[0]):
            written -= len(views.pop(0))
        if written:
            views[0] = views[0][written:]


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable: a new file is not there after a power cut until its folder is synced."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
