"""The dead man's switch: a request to somebody else's clock for as long as alerts are evaluated. It is missed, not sent, in trouble."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import requests

log = logging.getLogger(__name__)

TIMEOUT = 10.0


class Heartbeat:
    """Asks for `url` every `every`, in a thread of its own."""

    def __init__(self, url: str, every: timedelta, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.sent = 0
        self.failed = 0
        self._url = url
        self._every = every
        self._monotonic = monotonic
        self._last: float | None = None
        self._under_way: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="alerts-heartbeat")

    def beat(self) -> None:
        """Evaluation works now. Returns at once."""
        now = self._monotonic()
        busy = self._under_way is not None and not self._under_way.done()
        if busy or (self._last is not None and now - self._last < self._every.total_seconds()):
            return
        self._last = now
        self._under_way = self._thread.submit(self._ask)

    def wait(self, seconds: float) -> None:
        """Wait for the request under way."""
        if self._under_way is not None:
            self._under_way.result(seconds)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _ask(self) -> None:
        try:
            requests.get(self._url, timeout=TIMEOUT).raise_for_status()
        except requests.RequestException as error:
            self.failed += 1
            # the URL is a secret: whoever has it can keep the switch quiet
            log.warning("the heartbeat was not taken: %s", type(error).__name__)
        else:
            self.sent += 1
