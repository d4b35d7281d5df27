"""The forwarder: posts the spool's segments to the store, a few side by side, each exactly once (D2)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from tenacity import Retrying, retry_if_exception_type, sleep_using_event, stop_when_event_set, wait_random_exponential

from spanledger_collector.errors import PermanentError, RetryableError, UndecidedError
from spanledger_collector.spool import Segment, Spool
from spanledger_collector.store import Store

log = logging.getLogger(__name__)

# The same error this often on the same bytes is about the bytes.
PERMANENT_TRIES = 3
# Segments posted side by side where a backlog waits. One INSERT keeps one core busy; each takes memory of its own.
LANES = 2
# For so many seconds a lane that is free takes the next segment that waits; then both come to an end, for what is done between
# segments and beside none.
ROUND_SECONDS = 5.0

Outcome = PermanentError | UndecidedError | bool
"""Of one segment: posted, given up because a stop came first, or what became of it instead."""


class Forwarder:
    """A thread that posts. Counts are of this process; `on_posted` hears each posted segment's number, in this thread.

    Only the INSERTs themselves run in threads of their own. `idle` is called when no segment waits, and now and then under
    load, never beside an INSERT: the place for corrections and price reloads (a segment's tries must all see the same prices).
    """

    def __init__(
        self,
        spool: Spool,
        store: Store,
        on_posted: Callable[[int], None] = lambda segment: None,
        idle: Callable[[bool], None] = lambda pressed: None,
    ) -> None:
        self.posted_segments = 0
        self.posted_requests = 0
        self.quarantined = 0
        self.failures = 0  # tries that failed in a row; 0 when the store takes what it is given
        self.last_error = ""
        self._spool = spool
        self._store = store
        self._on_posted = on_posted
        self._idle = idle
        self._stopping = threading.Event()
        self._lanes = ThreadPoolExecutor(LANES, thread_name_prefix="insert")
        self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, drain_seconds: float) -> None:
        """Post what waits, for up to `drain_seconds`; the rest stays in the spool. Close the spool first."""
        self._thread.join(drain_seconds)
        self._stopping.set()
        self._thread.join()
        self._lanes.shutdown()

    def _run(self) -> None:
        while not self._stopping.is_set():
            first = self._spool.take(timeout=0.5)
            if first is None:
                if self._spool.closed:
                    return
                self._aside(lambda: self._idle(False))
                continue
            undecided = [first]
            try:
                decided = self._post(undecided)
            except Exception as error:
                # no answer, the spool's own disk, or a settle: begin again from the journal with what is undecided
                self._failed(error)
                self._give_back(undecided)
                self._stopping.wait(1)
                continue
            if not decided:
                self._give_back(undecided)
                return
            self._aside(lambda: self._idle(True))

    def _give_back(self, segments: list[Segment]) -> None:
        for segment in reversed(segments):
            self._spool.give_back(segment)

    def _aside(self, action: Callable[[], None]) -> None:
        """Run what is not posting: whatever comes of it, posting goes on."""
        try:
            action()
        except Exception as error:
            log.warning("after posting: %s", error)

    def _post(self, undecided: list[Segment]) -> bool:
        """Post the segment of `undecided` and, side by side, those that wait behind it, whatever it takes. Those that are taken are in
        the list until they are posted or isolated. False if a stop came first."""
        [first] = undecided
        # a former process began to post it: what is there cannot be trusted, its token neither
        if first.attempts and not self._settled(first):
            return False
        flying = {self._begin(first): first}
        failed: list[tuple[Segment, Outcome]] = []
        end = time.monotonic() + ROUND_SECONDS
        try:
            while flying:
                while len(flying) < LANES and not failed and time.monotonic() < end and (another := self._untouched()):
                    undecided.append(another)
                    flying[self._begin(another)] = another
                posted = []
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    segment, outcome = flying.pop(future), future.result()
                    if outcome is True:
                        posted.append(segment)
                    else:
                        failed.append((segment, outcome))
                if posted and not self._retried(self._store.sync):
                    return False
                for segment in posted:
                    self._done(segment)
                    undecided.remove(segment)
        finally:
            wait(flying)  # whatever went wrong: what is given back or settled must not be under way
        return self._decided(failed, undecided)

    def _untouched(self) -> Segment | None:
        """The next segment that waits, unless a former process began to post it: settled it is beside no other."""
        segment = self._spool.take_another()
        if segment is None or not segment.attempts:
            return segment
        self._spool.give_back(segment)
        return None

    def _begin(self, segment: Segment) -> Future[Outcome]:
        segment.attempts = self._spool.journal.start(segment.number)
        return self._lanes.submit(self._insert, segment)

    def _done(self, segment: Segment) -> None:
        self._spool.done(segment)
        self._succeeded()
        self.posted_segments += 1
        self.posted_requests += segment.requests
        self._aside(lambda: self._on_posted(segment.number))

    def _decided(self, failed: list[tuple[Segment, Outcome]], undecided: list[Segment]) -> bool:
        """Isolate what was refused, with no INSERT under way. Raises UndecidedError: such a segment is settled when it is taken again."""
        for segment, outcome in failed:
            if isinstance(outcome, PermanentError) and self._settled(segment):
                self._isolate(segment, outcome)
                undecided.remove(segment)
        for _, outcome in failed:
            if isinstance(outcome, UndecidedError):
                raise outcome
        return not undecided

    def _insert(self, segment: Segment) -> Outcome:
        """Post one segment to every table."""
        token = f"{segment.number}/{segment.attempts}"
        for _ in range(PERMANENT_TRIES):
            try:
                return self._retried(lambda: self._store.post(segment.path, token, segment.signals))
            except UndecidedError as error:
                return error
            except PermanentError as error:
                refusal = error
                self._failed(error)
        return refusal

    def _settled(self, segment: Segment) -> bool:
        return self._retried(lambda: self._store.settle(segment.number))

    def _isolate(self, segment: Segment, error: PermanentError) -> None:
        """Halve a refused segment until the culprit is alone, and keep that one apart."""
        envelopes = self._spool.read(segment)
        if len(envelopes) > 1:
            self._spool.split(segment, envelopes)
        else:
            kept = self._spool.quarantine(segment)
            self.quarantined += 1
            log.error("a request was refused by the store and is kept in %s: %s", kept, error)
        self._succeeded()  # the store answers; what it refuses is out of the way

    def _retried(self, action: Callable[[], None]) -> bool:
        """Run `action` until it does not fail for a while's reason. False if a stop came first."""
        retrying = Retrying(
            retry=retry_if_exception_type(RetryableError),
            wait=wait_random_exponential(multiplier=0.2, max=15),
            stop=stop_when_event_set(self._stopping),
            sleep=sleep_using_event(self._stopping),
            before_sleep=lambda state: self._failed(state.outcome.exception() if state.outcome else None),
            reraise=True,
        )
        try:
            retrying(action)
        except RetryableError as error:
            self._failed(error)
            return False
        return True

    def _succeeded(self) -> None:
        self.failures = 0
        self.last_error = ""

    def _failed(self, error: BaseException | None) -> None:
        self.failures += 1
        if str(error) != self.last_error:
            log.warning("posting failed, trying again: %s", error)
        self.last_error = str(error)
