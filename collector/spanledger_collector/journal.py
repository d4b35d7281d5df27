"""The spool's journal: which segments were started, done, or split. Each line is on disk before what it allows happens."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class State:
    """What the journal says. `started`: segment to its last attempt, for those not done. `last`: the highest segment number used."""

    started: dict[int, int] = field(default_factory=dict)
    split: dict[int, tuple[int, ...]] = field(default_factory=dict)
    last: int = 0

    def take(self, line: str) -> None:
        verb, *numbers = line.split()
        segment, *rest = (int(number) for number in numbers)
        self.last = max(self.last, segment, *(rest if verb == "split" else ()))
        if verb == "start":
            self.started[segment] = rest[0]
        elif verb == "done":
            self.started.pop(segment, None)
            self.split.pop(segment, None)
        elif verb == "split":
            self.split[segment] = tuple(rest)


class Journal:
    """An append-only file of lines `start S n`, `done S`, `split S A B`; compacted when it is opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.state = State()
        if path.exists():
            # a last line without its end was never synced: nothing that it allows has happened
            for line in path.read_text(encoding="ascii", errors="replace").rpartition("\n")[0].splitlines():
                self.state.take(line)
        lines = [f"done {self.state.last}\n"] if self.state.last else []
        lines += [f"start {segment} {attempt}\n" for segment, attempt in self.state.started.items()]
        lines += [f"split {segment} {' '.join(map(str, parts))}\n" for segment, parts in self.state.split.items()]
        fresh = path.with_suffix(".new")
        with fresh.open("w", encoding="ascii") as file:
            file.write("".join(lines))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_folder(path.parent)
        self._file = path.open("a", encoding="ascii")

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

    def close(self) -> None:
        self._file.close()

    def _write(self, line: str) -> None:
        self._file.write(line + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.state.take(line)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable: a new file is not there after a power cut until its folder is synced."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
