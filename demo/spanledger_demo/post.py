"""Posts a history to the collector: a few requests in flight, patience where it is full, a note of how far it got."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from threading import Event

import httpx2

IN_FLIGHT = 3
PATIENCE_S = 300
"""For how long one body is tried again before the history is given up."""
NOTE_EVERY = 20


class HistoryError(Exception):
    """The collector does not take the history; the message says why."""


@dataclass(frozen=True)
class Note:
    """Which history a data folder holds, and how much of it was acknowledged. Kept beside the data."""

    now: str
    calls: int
    days: float
    seed: int
    posted: int = 0
    complete: bool = False

    @classmethod
    def begin(cls, path: Path, *, now: datetime, calls: int, days: float, seed: int) -> Note:
        """The note of an earlier run where there is one: a history once begun is finished as it was begun."""
        if path.exists():
            return cls(**json.loads(path.read_text()))
        note = cls(now.isoformat(), calls, days, seed)
        note.write(path)
        return note

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self)))
        fresh.replace(path)


def resume(note: Note, path: Path, bodies: Iterable[bytes], url: str, on_posted: Callable[[int], None]) -> None:
    """Posts what `note` lacks of `bodies` to `url`, and keeps the note at `path` up to date.

    `on_posted` is told the number of bodies acknowledged so far. What was in flight when an earlier run ended goes
    again: the bytes are the same, so it is stored once. Raises HistoryError.
    """
    with httpx2.Client(timeout=60) as client, ThreadPoolExecutor(IN_FLIGHT) as pool:
        waiting: deque[Future[None]] = deque()
        stop = Event()
        posted = note.posted

        def settle() -> None:
            nonlocal posted
            waiting.popleft().result()
            posted += 1
            on_posted(posted)
            if posted % NOTE_EVERY == 0:
                replace(note, posted=posted).write(path)

        try:
            for body in islice(bodies, note.posted, None):
                if len(waiting) == IN_FLIGHT:
                    settle()
                waiting.append(pool.submit(_post, client, url, body, stop))
            while waiting:
                settle()
        finally:
            stop.set()
            replace(note, posted=posted).write(path)
    replace(note, posted=posted, complete=True).write(path)


def _post(client: httpx2.Client, url: str, body: bytes, stop: Event) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not stop.is_set():
        try:
            response = client.post(url, content=body, headers={"content-type": "application/x-protobuf"})
        except httpx2.TransportError as error:
            trouble, wait = f"{url}: {error}", 1.0
        else:
            if response.is_success:
                return
            trouble = f"{url} answered {response.status_code}: {response.text[:200]}"
            if response.status_code not in (429, 502, 503, 504):
                raise HistoryError(trouble)
            wait = _retry_after(response)
        if time.monotonic() + wait > give_up:
            raise HistoryError(trouble)
        stop.wait(wait)


def _retry_after(response: httpx2.Response) -> float:
    try:
        return min(max(float(response.headers.get("retry-after", "1")), 0.05), 30.0)
    except ValueError:
        return 1.0
