"""The bounded queue between the app and the collector, and the one thread that empties it."""

from __future__ import annotations

import logging
import os
import random
import secrets
import threading
import weakref
from collections import Counter, deque
from types import MappingProxyType

from opentelemetry.sdk.trace import ReadableSpan

from spanledger.config import Config
from spanledger.conventions import EXPORT_DROPPED, EXPORT_PROCESS, EXPORT_SEQUENCE
from spanledger.encoding import Price, encode
from spanledger.faults import faults
from spanledger.stats import Loss, Stats
from spanledger.transport import Delivered, Refused, Retry, Transport

logger = logging.getLogger("spanledger")

_FIRST_BACKOFF = 1.0
_LONGEST_BACKOFF = 30.0


class Outbox:
    """Takes ended spans without ever making the caller wait, and delivers them in the background.

    Memory is bounded: `config.queue_size` spans, and the bytes of one request. While the collector is away that request
    is tried again, the same bytes each time, and what the queue then cannot hold is dropped and counted.
    """

    def __init__(self, config: Config, price: Price) -> None:
        self._config = config
        self._price = price
        self._full, self._batch = config.queue_size, config.batch_size
        self._reset()
        renew = weakref.WeakMethod(self._renew)

        def after_fork() -> None:
            if method := renew():
                method()

        os.register_at_fork(after_in_child=after_fork)

    def _renew(self) -> None:
        """In a forked child: a process of its own. What its parent had queued is the parent's to send."""
        if not self._closed:
            self._reset()

    def _reset(self) -> None:
        # Reentrant: the garbage collector may end an abandoned stream's span while this very thread holds the lock.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._queue: deque[ReadableSpan] = deque()
        self._thread: threading.Thread | None = None
        self._transport = Transport(self._config)
        self._process = secrets.token_hex(16)
        self._requests = self._taken = self._settled = self._delivered = 0
        self._dropped: Counter[Loss] = Counter()
        self._hurry = self._closed = self._abandoned = False
        self._away = False

    def put(self, span: ReadableSpan) -> None:
        """Queues an ended span, or drops and counts it."""
        with self._lock:  # quicker to enter than the condition made of it
            if self._closed or len(self._queue) >= self._full:
                self._dropped[Loss.UNSENT if self._closed else Loss.QUEUE_FULL] += 1
                return
            self._queue.append(span)
            self._taken += 1
            if self._thread is None:
                self._start()
            elif (waiting := len(self._queue)) == 1 or waiting == self._batch:
                self._changed.notify_all()

    def _start(self) -> None:
        """With the first span, not before: a server that forks after `instrument()` has no thread to lose."""
        thread = threading.Thread(target=self._run, name="spanledger", daemon=True)
        thread.start()
        self._thread = thread

    def flush(self, timeout: float) -> bool:
        """Sends now. True once all that was queued is delivered or counted as dropped; waits `timeout` s at most."""
        with self._changed:
            until = self._taken
            self._hurry = True
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: self._settled >= until, timeout)
            self._hurry = False
            return done

    def close(self, timeout: float) -> bool:
        """Takes no more spans, tries once to send those it has; gives up after `timeout` s. True if none was lost."""
        with self._changed:
            self._closed = True
            thread = self._thread
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        with self._changed:
            unsent = self._taken - self._settled
            self._taken = self._settled
            self._dropped[Loss.UNSENT] += unsent
            self._queue.clear()
            self._abandoned = unsent > 0
            return not self._dropped[Loss.UNSENT]

    def stats(self) -> Stats:
        with self._changed:
            return Stats(
                process=self._process,
                requests=self._requests,
                delivered=self._delivered,
                queued=self._taken - self._settled,
                dropped=MappingProxyType({loss: count for loss, count in self._dropped.items() if count}),
                faults=faults.count,
            )

    def _run(self) -> None:
        while batch := self._next_batch():
            loss: Loss | None = Loss.FAULT
            try:
                loss = self._deliver(batch)
            except Exception:
                faults.record("delivery")
            with self._changed:
                if self._abandoned:
                    return
                self._settled += len(batch)
                if loss is None:
                    self._delivered += len(batch)
                else:
                    self._dropped[loss] += len(batch)
                self._changed.notify_all()
        self._transport.close()

    def _next_batch(self) -> list[ReadableSpan]:
        """Waits for spans, then for as many as fill a request or for `config.delay`. Empty when closed and emptied."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            self._changed.wait_for(self._is_due, self._config.delay)
            return [self._queue.popleft() for _ in range(min(len(self._queue), self._batch))]

    def _is_due(self) -> bool:
        return len(self._queue) >= self._batch or self._hurry or self._closed

    def _deliver(self, batch: list[ReadableSpan]) -> Loss | None:
        """Sends one request until it is taken or refused, or until `close()`. None, or why its spans are lost."""
        self._requests += 1
        stamps: dict[str, str | int] = {
            EXPORT_PROCESS: self._process,
            EXPORT_SEQUENCE: self._requests,
            EXPORT_DROPPED: sum(self._dropped.values()),
        }
        packed = self._transport.pack(encode(batch, self._price, {**self._config.resource, **stamps}))
        backoff = _FIRST_BACKOFF
        while True:
            outcome = self._transport.post(packed)
            self._say(outcome)
            if isinstance(outcome, Delivered):
                return None
            if isinstance(outcome, Refused):
                return Loss.REFUSED
            if self._closed:
                return Loss.UNSENT
            pause = backoff * random.uniform(0.8, 1.2) if outcome.after is None else outcome.after
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._hurry, min(pause, _LONGEST_BACKOFF))
                self._hurry = False
            backoff = min(backoff * 2, _LONGEST_BACKOFF)

    def _say(self, outcome: Delivered | Retry | Refused) -> None:
        """One line in the log when the collector goes, one when it is back: not one a retry."""
        if isinstance(outcome, Delivered):
            if self._away:
                logger.warning("spanledger: %s takes spans again", self._config.endpoint)
            self._away = False
        elif not self._away:
            self._away = True
            what = "refuses spans" if isinstance(outcome, Refused) else "cannot be reached, spans wait"
            logger.warning("spanledger: %s %s (%s)", self._config.endpoint, what, outcome.reason)
