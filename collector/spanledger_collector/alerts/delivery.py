"""Delivery: each channel in a thread of its own, so that a slow one keeps nobody waiting. One message at a time, in order."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from tenacity import (
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
    wait_random_exponential,
)

from spanledger_collector.alerts.channels import Channel
from spanledger_collector.alerts.state import Notice
from spanledger_collector.errors import RetryableError

log = logging.getLogger(__name__)

# Tries in a row, seconds apart; then the channel rests, longer each time that it fails again.
TRIES = 3
FIRST_REST = timedelta(seconds=15)
LONGEST_REST = timedelta(minutes=5)
# Failures in a row that are no hiccup, and how long they count where nothing is owed to the channel since.
FAILURES = 2
FORGOTTEN = timedelta(days=1)


@dataclass(frozen=True)
class Outcome:
    """What became of a message. `error` is empty where the channel took it; `recovered`: it had failed before that."""

    channel: Channel
    notices: Sequence[Notice]
    error: str
    recovered: bool = False


class Line:
    """The line to one channel. Counts are of this process; `failures`: messages in a row that it did not take.

    `monotonic`: seconds of a clock that nobody sets.
    """

    def __init__(
        self,
        channel: Channel,
        pause: float,
        on_done: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.channel = channel
        self.sent = 0
        self.failed = 0
        self.failures = 0
        self.last_error = ""
        self._pause = pause
        self._on_done = on_done
        self._monotonic = monotonic
        self._rests_until = self._tried_at = monotonic()
        self._notices: Sequence[Notice] = ()
        self._under_way: Future[None] | None = None
        self._stopping = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"alerts-{channel.name}")

    @property
    def down(self) -> bool | None:
        """Does the channel take nothing? None where this process has not tried. What nobody tried for a day is forgotten."""
        if self._monotonic() - self._tried_at >= FORGOTTEN.total_seconds():
            return False
        return self.failures >= FAILURES if self.sent or self.failed else None

    def free(self) -> bool:
        """May it be given something now?"""
        return self._under_way is None and self._monotonic() >= self._rests_until

    def give(self, notices: Sequence[Notice], at: datetime) -> None:
        """Deliver `notices`, some time; only while it is free."""
        self._notices = notices
        self._under_way = self._thread.submit(self._deliver, notices, at)
        self._under_way.add_done_callback(lambda _: self._on_done())

    def outcome(self) -> Outcome | None:
        """What became of what it was given, once."""
        if self._under_way is None or not self._under_way.done():
            return None
        problem, self._under_way = self._under_way.exception(), None
        recovered = problem is None and self.failures > 0
        self._tried_at = self._monotonic()
        if problem is None:
            self.sent += 1
            self.failures, self.last_error = 0, ""
        else:
            self.failed += 1
            self.failures += 1
            self.last_error = str(problem) or type(problem).__name__
            rest = min(LONGEST_REST, FIRST_REST * 2 ** min(self.failures - 1, 10))
            self._rests_until = self._tried_at + rest.total_seconds()
            log.warning("channel %s did not take a message: %s", self.channel.name, self.last_error)
        return Outcome(self.channel, self._notices, self.last_error, recovered)

    def wait(self, seconds: float) -> None:
        """Wait for what is under way."""
        if self._under_way is not None:
            wait([self._under_way], seconds)

    def close(self) -> None:
        """Give up what has not begun; what is on the wire ends by its own time limit."""
        self._stopping.set()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _deliver(self, notices: Sequence[Notice], at: datetime) -> None:
        retrying = Retrying(
            retry=retry_if_exception_type(RetryableError),
            wait=wait_random_exponential(multiplier=self._pause, max=10),
            stop=stop_after_attempt(TRIES) | stop_when_event_set(self._stopping),
            sleep=sleep_using_event(self._stopping),
            reraise=True,
        )
        retrying(self.channel.send, notices, at)
