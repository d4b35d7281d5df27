"""The spool: what makes an acknowledgement a promise (D1).

`append` hands over an envelope; the future it returns is done once the envelope is on disk, fsynced. One thread writes for
all requests, so that many share one fsync. Sealed segments wait here, oldest first, until `done`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from spanledger_collector.envelope import Envelope, scan
from spanledger_collector.errors import RetryableError
from spanledger_collector.journal import Journal, sync_folder, write_all
from spanledger_collector.wire import Signal

log = logging.getLogger(__name__)

# Bytes of the journal from which on it is compacted: some ten thousand segments.
COMPACT_AT = 1 << 20


@dataclass(frozen=True)
class SpoolSettings:
    """Sizes in bytes, times in seconds."""

    limit: int = 4 << 30  # unposted bytes on disk; beyond them the door answers 503
    segment_bytes: int = (
        24 << 20
    )  # the store takes about 7 bytes of memory for each, and a tenth of a second for a segment
    seal_after: float = 0.4  # how long the first envelope of a segment waits for others
    pending_limit: int = 64 << 20  # bytes in memory that wait for the writer
    disk_reserve: int = 256 << 20  # free space left to the store and to the rest of the machine


@dataclass
class Segment:
    """A file of envelopes under one number. `attempts` were made to post it before this process; `size` is in bytes.
    `signals`: it holds logs or metrics, so they are to be posted too."""

    number: int
    path: Path
    size: int = 0
    requests: int = 0
    attempts: int = 0
    signals: bool = False
    opened: float = field(default_factory=time.monotonic)


class Spool:
    """Segments on disk in `folder`. Safe to use from several threads; one process at a time."""

    def __init__(
        self, folder: Path, settings: SpoolSettings = SpoolSettings(), clock: Callable[[], int] = time.time_ns
    ) -> None:
        self.settings = settings
        self.cut_bytes = 0  # bytes after the last whole record of a segment, found at the start and set aside
        self._clock = clock
        self._folder = folder
        self._quarantine = folder / "quarantine"
        for path in (folder, self._quarantine):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.journal = Journal(folder / "journal")
        self._last = self.journal.state.last
        # `_disk` guards the active file and is held across an fsync; `_lock` guards the queues and never is, so that the
        # door does not wait for a disk. Who needs both takes `_disk` first.
        self._disk = threading.Lock()
        self._lock = threading.Condition()
        self._pending: deque[tuple[Envelope, Future[None]]] = deque()
        self._pending_bytes = 0
        self._sealed: deque[Segment] = deque()
        self._posting: list[Segment] = []
        self._active: Segment | None = None
        self._file: int | None = None
        self._bytes = 0
        self._closing = False
        self._closed = False
        self._failed = False  # a segment could not be cut back to what was acknowledged: only a restart reads it right
        self._free_checked = float("-inf")
        self._free = 0
        # digests of the requests that wait
        self.recovered: list[bytes] = self._recover()
        self._writer = threading.Thread(target=self._write_forever, name="spool-writer", daemon=True)
        self._writer.start()

    # -- the door's side

    def append(self, envelope: Envelope) -> Future[None]:
        """Take one envelope. The future is done when it is durable, and failed, with RetryableError, when it could not be.

        Raises RetryableError, before anything is taken, where the spool is full, the disk nearly so, or a stop is under way.
        """
        with self._lock:
            if self._closing:
                raise RetryableError("the collector is stopping", after=5)
            if self._failed:
                raise RetryableError("the disk of the spool has failed: the collector must be started again", after=30)
            if self._bytes + self._pending_bytes + len(envelope.request) > self.settings.limit:
                raise RetryableError("the spool is full: the store has not taken its segments for a while", after=10)
            if self._pending_bytes > self.settings.pending_limit:
                raise RetryableError("more requests than the disk can take", after=1)
            if self._disk_free() < self.settings.disk_reserve:
                raise RetryableError("the disk of the spool is nearly full", after=30)
            future: Future[None] = Future()
            future.set_running_or_notify_cancel()  # whoever waits for it cannot take it back
            self._pending.append((envelope, future))
            self._pending_bytes += len(envelope.request)
            self._lock.notify_all()
            return future

    @property
    def size(self) -> int:
        """Bytes on disk that are not posted yet."""
        return self._bytes

    @property
    def segments(self) -> int:
        """Segments that are not posted yet."""
        return len(self._sealed) + (self._active is not None) + len(self._posting)

    @property
    def closed(self) -> bool:
        """Nothing will be added any more; what waits can still be taken."""
        return self._closed

    def oldest_age(self) -> float:
        """Seconds since the oldest unposted segment was opened; 0 where all is posted."""
        with self._lock:
            first = next(iter([*self._posting, *self._sealed]), self._active)
            return 0.0 if first is None else time.monotonic() - first.opened

    # -- the forwarder's side

    def take(self, timeout: float) -> Segment | None:
        """The oldest segment to post, sealing the active one when it is due; None when there is none within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            with self._lock:
                if self._sealed:
                    return self._take_first()
                now = time.monotonic()
                due = None if self._active is None else self._active.opened + self.settings.seal_after
                if due is None or (due > now and not self._closing):
                    if now >= deadline or self._closed:
                        return None
                    self._lock.wait(min(deadline, due or deadline) - now)
                    continue
            with self._disk:
                if self._active is not None:
                    self._seal()

    def take_another(self) -> Segment | None:
        """A further segment, to post beside the one taken; None where none waits that is sealed."""
        with self._lock:
            return self._take_first() if self._sealed else None

    def give_back(self, segment: Segment) -> None:
        """Put a taken segment first in the queue again (a stop came before it was posted)."""
        with self._lock:
            self._posting.remove(segment)
            self._sealed.appendleft(segment)

    def done(self, segment: Segment) -> None:
        """The segment is posted, and the store has it on disk: forget it."""
        self.journal.done(segment.number)
        self._forget(segment)

    def read(self, segment: Segment) -> list[Envelope]:
        """The envelopes of a segment. What follows the last whole one is kept apart."""
        data = segment.path.read_bytes()
        content = scan(data)
        if content.whole < len(data):
            self._set_aside(segment.path, data[content.whole :])
        return content.envelopes

    def split(self, segment: Segment, envelopes: list[Envelope]) -> None:
        """Put two new segments, each with half of `envelopes`, first in the queue, in the place of `segment`."""
        middle = len(envelopes) // 2
        parts = []
        for half in (envelopes[:middle], envelopes[middle:]):
            number = self.next_number()
            data = b"".join(envelope.encode(number) for envelope in half)
            part = Segment(
                number, self._path(number), len(data), len(half), signals=_of_signals(half), opened=segment.opened
            )
            _write_new(part.path.with_suffix(".part"), data)
            parts.append(part)
        sync_folder(self._folder)
        self.journal.split(segment.number, tuple(part.number for part in parts))
        for part in parts:
            part.path.with_suffix(".part").rename(part.path)
        sync_folder(self._folder)
        self.journal.done(segment.number)
        with self._lock:
            self._sealed.extendleft(reversed(parts))
            self._bytes += sum(part.size for part in parts)
        self._forget(segment)

    def quarantine(self, segment: Segment) -> Path:
        """Set a segment aside for good: its one envelope is what the store refuses. Returns where it is kept."""
        kept = self._quarantine / segment.path.name
        segment.path.rename(kept)
        for folder in (self._quarantine, self._folder):
            sync_folder(folder)
        self.journal.done(segment.number)
        self._forget(segment)
        return kept

    def numbers(self) -> set[int]:
        """The numbers of the segments that wait."""
        with self._lock:
            return {segment.number for segment in self._sealed}

    def next_number(self) -> int:
        """A number that no segment of this spool had before: the time in nanoseconds, whatever the clock does."""
        with self._lock:
            self._last = max(self._last + 1, self._clock())
            return self._last

    def close(self) -> None:
        """Take no more; returns when what was taken is on disk. What waits can still be taken, posted and done."""
        with self._lock:
            self._closing = True
            self._lock.notify_all()
        self._writer.join()
        with self._disk:
            if self._active is not None:
                self._seal()
        with self._lock:
            self._closed = True
            self._lock.notify_all()

    # -- inside

    def _take_first(self) -> Segment:
        segment = self._sealed.popleft()
        self._posting.append(segment)
        return segment

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:020d}.segment"

    def _disk_free(self) -> int:
        now = time.monotonic()
        if now - self._free_checked > 1:
            try:
                self._free, self._free_checked = shutil.disk_usage(self._folder).free, now
            except OSError as error:
                raise RetryableError(f"the folder of the spool cannot be used: {error.strerror}", after=30) from error
        return self._free

    def _write_forever(self) -> None:
        while True:
            with self._lock:
                while not self._pending and not self._closing:
                    self._lock.wait()
                if not self._pending:
                    return
                batch = list(self._pending)
                self._pending.clear()
            try:
                self._write(batch)
            except Exception as error:  # whatever it is, this thread must live: every request waits for it
                log.error("the spool could not be written: %s", error)
                failure = RetryableError(f"the spool could not be written: {error}", after=10)
                failed = [(envelope, future) for envelope, future in batch if not future.done()]
                with self._lock:
                    self._pending_bytes -= sum(len(envelope.request) for envelope, _ in failed)
                for _, future in failed:
                    future.set_exception(failure)

    def _write(self, batch: list[tuple[Envelope, Future[None]]]) -> None:
        """Write a batch, across segments where it fills one; settle each envelope's future once its bytes are synced."""
        with self._disk:
            position = 0
            while position < len(batch):
                if self._active is None:
                    self._open()
                active, file = self._active, self._file
                assert active is not None and file is not None
                records, size = [], 0
                while position < len(batch) and (size == 0 or active.size + size < self.settings.segment_bytes):
                    records.append(batch[position])
                    position += 1
                    size += len(records[-1][0].request)
                pieces = [piece for envelope, _ in records for piece in envelope.parts(active.number)]
                written = sum(map(len, pieces))
                try:
                    write_all(file, *pieces)
                    os.fdatasync(file)
                except OSError:
                    self._take_back(file, active.size)
                    raise
                with self._lock:
                    active.size += written
                    active.requests += len(records)
                    active.signals |= _of_signals(envelope for envelope, _ in records)
                    self._bytes += written
                    self._pending_bytes -= size
                for _, future in records:
                    future.set_result(None)
                if active.size >= self.settings.segment_bytes:
                    self._seal()
        with self._lock:
            self._lock.notify_all()

    def _open(self) -> None:
        number = self.next_number()
        segment = Segment(number, self._path(number))
        file = os.open(segment.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            sync_folder(self._folder)
        except OSError:
            os.close(file)
            segment.path.unlink(missing_ok=True)
            raise
        with self._lock:
            self._active, self._file = segment, file

    def _take_back(self, file: int, acknowledged: int) -> None:
        """What was just written will not be acknowledged, so none of it may be posted: cut the active segment back and seal it."""
        try:
            os.ftruncate(file, acknowledged)
            os.fsync(file)
        except OSError:
            with self._lock:
                self._failed = True
                self._active = self._file = None
            os.close(file)
            raise
        self._seal()

    def _seal(self) -> None:
        with self._lock:
            segment, file = self._active, self._file
            assert segment is not None and file is not None
            self._active = self._file = None
            if segment.size:
                self._sealed.append(segment)
                self._lock.notify_all()
        os.close(file)
        if not segment.size:
            segment.path.unlink()

    def _forget(self, segment: Segment) -> None:
        segment.path.unlink(missing_ok=True)
        with self._lock:
            self._posting.remove(segment)
            self._bytes -= segment.size
        if self.journal.size > COMPACT_AT:
            self._compact()

    def _compact(self) -> None:
        with contextlib.suppress(OSError):  # a longer journal says the same
            sync_folder(self._folder)
            self.journal.compact()

    def _set_aside(self, path: Path, tail: bytes) -> None:
        _write_new(self._quarantine / f"{path.stem}.tail", tail)

    def _recover(self) -> list[bytes]:
        """Queue what a former process left, its torn tail cut off and kept apart; returns the digests of what waits."""
        found: list[bytes] = []
        state = self.journal.state
        for parent, parts in list(state.split.items()):
            for part in parts:
                half = self._path(part).with_suffix(".part")
                if half.exists():
                    half.rename(self._path(part))
            sync_folder(self._folder)
            self.journal.done(parent)
        for orphan in self._folder.glob("*.part"):
            orphan.unlink()  # its parent is whole and still there
        for path in sorted(self._folder.glob("*.segment")):
            number = int(path.stem)
            self._last = max(self._last, number)
            if number in state.done:
                path.unlink()  # a crash came between its end and this
                continue
            data = path.read_bytes()
            content = scan(data)
            if content.whole < len(data):
                tail = data[content.whole :]
                self.cut_bytes += len(tail)
                self._set_aside(path, tail)
                os.truncate(path, content.whole)
                log.warning(
                    "%s: %d bytes after its last whole record were never acknowledged: set aside", path.name, len(tail)
                )
            _sync(path)  # from now on a retry of any of its requests is acknowledged
            if not content.envelopes and number not in state.started:
                path.unlink()
                continue
            attempts = state.started.get(number, 0)
            self._sealed.append(
                Segment(number, path, content.whole, len(content.envelopes), attempts, _of_signals(content.envelopes))
            )
            self._bytes += content.whole
            found += (envelope.digest for envelope in content.envelopes)
        self._compact()
        return found


def _of_signals(envelopes: Iterable[Envelope]) -> bool:
    return any(envelope.signal is not Signal.TRACES for envelope in envelopes)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _write_new(path: Path, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write_all(file, data)
        os.fsync(file)
    finally:
        os.close(file)
