"""The bookkeeper: keeps the price book, and posts corrections to the ledger between segments."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from spanledger_collector.corrections import Corrections
from spanledger_collector.gpu_hours import GpuHours, closed
from spanledger_collector.price_rules import PriceRules
from spanledger_collector.pricing import PriceBook
from spanledger_collector.spool import Spool
from spanledger_collector.store import Store

# Under load there is no idle moment: then the books are tidied this often, in seconds, between two segments.
PRESSED_EVERY = 60.0
# When idle, this many seconds after the last time, so that a trickle of calls does not mean a job after each.
IDLE_EVERY = 2.0


class Bookkeeper:
    """Runs in the forwarder's thread, between segments: the tries of one segment must all see the same prices (D8)."""

    def __init__(
        self,
        store: Store,
        spool: Spool,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        prices: PriceRules | None = None,
    ) -> None:
        self.corrections_posted = 0
        self._store = store
        self._spool = spool
        self._clock = clock
        self._client = store.open(patient=True)
        self._book = PriceBook(self._client, rules=prices)
        self._corrections = Corrections(self._client)
        self._hours = GpuHours(self._client, prices or PriceRules())
        self._shared = 0  # hours that began before, in Unix seconds, were looked at
        self._by_the_hour = False
        self._opening = False
        self._fresh: list[int] = []
        self._last = float("-inf")

    def open_book(self) -> None:
        """Record the edition of the price book that this release brings, where it differs from what is recorded, and take
        up what a former process posted and did not tidy. Raises RetryableError where the store is away."""
        with self._store.said():
            self._book.record_edition(self._clock())
            self._by_the_hour = self._hours.open()
        rows = self._store.query(
            "SELECT DISTINCT segment FROM spanledger.deliveries WHERE segment > {tidied:UInt64} ORDER BY segment",
            {"tidied": self._spool.journal.state.tidied},
        )
        self._fresh = [segment for (segment,) in rows]
        self._opening = True

    def posted(self, segment: int) -> None:
        """A segment has been posted: its models may need a price, its calls may have been posted before."""
        self._fresh.append(segment)

    def tidy(self, pressed: bool) -> None:
        """Price what was posted without a price and has one now; reverse what was posted twice, and what another span bills;
        share the GPU-hours that are over."""
        waited = time.monotonic() - self._last
        if not (self._fresh or self._opening or self._hour_is_over()) or waited < (
            PRESSED_EVERY if pressed else IDLE_EVERY
        ):
            return
        segments, self._fresh = self._fresh, []
        try:
            settle_interrupted(self._store, self._spool)
            corrected = []
            for find, post in (
                # first: what was received first stays exactly as it was posted
                (self._corrections.find_duplicates, self._corrections.post_duplicates),
                (self._corrections.find_nested, self._corrections.post_nested),
                (self._corrections.find_same_calls, self._corrections.post_same_calls),
            ):
                if find(segments):
                    corrected.append(self._post(partial(post, at=self._clock(), segments=segments)))
            # without segments: everywhere, for a new edition may know what an older one did not
            unpriced = self._corrections.find_unpriced(() if self._opening else segments)
            found = self._book.record_found(unpriced, self._clock())
            if (found or self._opening) and self._corrections.find_price_found():
                self._post(lambda number: self._corrections.post_price_found(number, self._clock()))
            self._share_hours([*segments, *corrected])
            self._opening = False
        except BaseException:
            self._fresh = segments + self._fresh
            raise
        finally:
            self._last = time.monotonic()
        waiting = self._spool.numbers()
        if tidied := [number for number in segments if not waiting or number < min(waiting)]:
            self._spool.journal.tidied(max(tidied))

    def close(self) -> None:
        self._client.close()

    def _hour_is_over(self) -> bool:
        return self._by_the_hour and self._shared < closed(self._clock())

    def _share_hours(self, segments: list[int]) -> None:
        """Those that have come to their end since the last time, and those that `segments` changed; all, when opening."""
        if not self._by_the_hour:
            return
        now = self._clock()
        due = self._hours.find(now, self._shared, segments)
        if due:
            self._post(lambda number: self._hours.post(number, now, due))
        self._shared = closed(now)

    def _post(self, correction: Callable[[int], int]) -> int:
        """Post a correction as a segment of its own: whole, or settled, the next time, and made anew. Returns its number."""
        number = self._spool.next_number()
        self._spool.journal.start(number)
        posted = correction(number)
        self._store.sync()
        self._spool.journal.done(number)
        self.corrections_posted += posted
        return number


def settle_interrupted(store: Store, spool: Spool) -> None:
    """Undo what was begun and not done, and has no file in the spool, such as corrections: it is made anew."""
    waiting = spool.numbers()
    for number in [number for number in spool.journal.state.started if number not in waiting]:
        store.settle(number)
        spool.journal.done(number)
