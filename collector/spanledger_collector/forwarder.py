"""The forwarder: posts the spool's segments to the store, one at a time, each exactly once (D2)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from tenacity import Retrying, retry_if_exception_type, sleep_using_event, stop_when_event_set, wait_random_exponential

from spanledger_collector.errors import PermanentError, RetryableError
from spanledger_collector.spool import Segment, Spool
from spanledger_collector.store import Store

log = logging.getLogger(__name__)

# The same error this often on the same bytes is about the bytes.
PERMANENT_TRIES = 3


class Forwarder:
    """A thread that posts. Counts are of this process; `on_posted` hears each posted segment's number, in this thread.

    `idle` is called when no segment waits, and now and then under load: the place for work that must not run beside an
    INSERT, such as corrections and price reloads (a segment's tries must all see the same prices).
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
        self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, drain_seconds: float) -> None:
        """Post what waits, for up to `drain_seconds`; the rest stays in the spool. Close the spool first."""
        self._thread.join(drain_seconds)
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            segment = self._spool.take(timeout=0.5)
            if segment is None:
                if self._spool.closed:
                    return
                self._aside(lambda: self._idle(False))
                continue
            try:
                decided = self._post(segment)
            except Exception as error:
                # the spool's own disk, or a settle: nothing was decided, so begin again from the journal
                self._failed(error)
                self._spool.give_back(segment)
                self._stopping.wait(1)
                continue
            if not decided:
                self._spool.give_back(segment)
                return
            self._aside(lambda: self._idle(True))

    def _aside(self, action: Callable[[], None]) -> None:
        """Run what is not posting: whatever comes of it, posting goes on."""
        try:
            action()
        except Exception as error:
            log.warning("after posting: %s", error)

    def _post(self, segment: Segment) -> bool:
        """Post one segment, whatever it takes. False if a stop came first."""
        if segment.attempts and not self._retried(lambda: self._store.settle(segment.number)):
            return False  # a former process began to post it: what is there cannot be trusted, its token neither
        segment.attempts = self._spool.journal.start(segment.number)
        token = f"{segment.number}/{segment.attempts}"
        refusals = 0
        while True:
            try:
                if not self._retried(lambda: self._store.post(segment.path, token)):
                    return False
                break
            except PermanentError as error:
                refusals += 1
                self._failed(error)
                if refusals == PERMANENT_TRIES:
                    return self._retried(lambda: self._store.settle(segment.number)) and self._isolate(segment, error)
        if not self._retried(self._store.sync):
            return False
        self._spool.done(segment)
        self._succeeded()
        self.posted_segments += 1
        self.posted_requests += segment.requests
        self._aside(lambda: self._on_posted(segment.number))
        return True

    def _isolate(self, segment: Segment, error: PermanentError) -> bool:
        """Halve a refused segment until the culprit is alone, and keep that one apart."""
        envelopes = self._spool.read(segment)
        if len(envelopes) > 1:
            self._spool.split(segment, envelopes)
        else:
            kept = self._spool.quarantine(segment)
            self.quarantined += 1
            log.error("a request was refused by the store and is kept in %s: %s", kept, error)
        self._succeeded()  # the store answers; what it refuses is out of the way
        return True

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
