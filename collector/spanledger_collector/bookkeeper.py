"""The bookkeeper: keeps the price book, and posts corrections to the ledger between segments."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from spanledger_collector.corrections import Corrections
from spanledger_collector.pricing import PriceBook
from spanledger_collector.spool import Spool
from spanledger_collector.store import Store

log = logging.getLogger(__name__)

# Under load there is no idle moment: then the books are tidied this often, in seconds, between two segments.
PRESSED_EVERY = 60.0
# When idle, this many seconds after the last time, so that a trickle of calls does not mean a job after each.
IDLE_EVERY = 2.0


class Bookkeeper:
    """Runs in the forwarder's thread, between segments: the tries of one segment must all see the same prices (D8)."""

    def __init__(self, store: Store, spool: Spool, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.corrections_posted = 0
        self._store = store
        self._spool = spool
        self._clock = clock
        self._client = store.open()
        self._book = PriceBook(self._client)
        self._corrections = Corrections(self._client)
        self._fresh: list[int] = []
        self._book_grew = False
        self._last = float("-inf")

    def open_book(self) -> None:
        """Record the edition of the price book that this release brings, where it differs from what is recorded."""
        self._book_grew = self._book.record_edition(self._clock()) > 0

    def settle_interrupted(self) -> None:
        """Undo corrections that were begun and not done: they are made anew. Nothing else is posted without a file in the spool."""
        waiting = self._spool.numbers()
        for number in [number for number in self._spool.journal.state.started if number not in waiting]:
            self._store.settle(number)
            self._spool.journal.done(number)

    def posted(self, segment: int) -> None:
        """A segment has been posted: its models may need a price, its calls may have been posted before."""
        self._fresh.append(segment)

    def tidy(self, pressed: bool) -> None:
        """Price what was posted without a price and has one now; reverse what was posted twice."""
        waited = time.monotonic() - self._last
        if not self._fresh or waited < (PRESSED_EVERY if pressed else IDLE_EVERY):
            return
        segments, self._fresh = self._fresh, []
        try:
            self.settle_interrupted()
            if self._book.record_found(self._corrections.find_unpriced(segments), self._clock()):
                self._post(lambda number: self._corrections.post_price_found(number, self._clock()))
            if self._corrections.find_duplicates(segments):
                self._post(lambda number: self._corrections.post_duplicates(number, self._clock(), segments))
        except BaseException:
            self._fresh = segments + self._fresh
            raise
        finally:
            self._last = time.monotonic()

    def close(self) -> None:
        self._client.close()

    def _post(self, correction: Callable[[int], int]) -> None:
        """Post a correction as a segment of its own: whole, or settled, the next time, and made anew."""
        number = self._spool.next_number()
        self._spool.journal.start(number)
        posted = correction(number)
        self._store.sync()
        self._spool.journal.done(number)
        self.corrections_posted += posted
