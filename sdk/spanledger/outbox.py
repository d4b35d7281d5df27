"""The bounded queue between the app and the collector, and the one thread that empties it."""

from __future__ import annotations

import os
import secrets
import threading
import time
import weakref
from collections import Counter, deque
from types import MappingProxyType
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import ReadableSpan

from spanledger.config import Config
from spanledger.conventions import (
    EXPORT_DROPPED,
    EXPORT_EMITTED,
    EXPORT_FINAL,
    EXPORT_PROCESS,
    EXPORT_SENT,
    EXPORT_SEQUENCE,
    EXPORT_STARTED,
)
from spanledger.disk_queue import DiskQueue
from spanledger.faults import faults
from spanledger.stats import Loss, Stats

if TYPE_CHECKING:
    from spanledger.courier import Courier, Fate

_LONGEST_IMPORT = 10.0


class Outbox:
    """Takes ended spans without ever making the caller wait, and delivers them in the background.

    Memory is bounded: `config.queue_size` spans, and the bytes of one request. While the collector is away that request
    is tried again, the same bytes each time, or kept on disk; what the queue then cannot hold is dropped and counted.
    """

    def __init__(self, config: Config, disk: DiskQueue | None = None) -> None:
        self._config, self._disk = config, disk
        self._full, self._batch = config.queue_size, config.batch_size
        # A module that is half imported when its thread is lost to a fork stays so in the child, for whoever needs it
        # next: a fork waits for our imports, which come once.
        self._importing = threading.Lock()
        self._reset()
        at_fork = weakref.WeakMethod(self._at_fork)

        def hook(moment: str) -> None:
            if method := at_fork():
                method(moment)

        os.register_at_fork(
            before=lambda: hook("before"),
            after_in_parent=lambda: hook("parent"),
            after_in_child=lambda: hook("child"),
        )

    def _at_fork(self, moment: str) -> None:
        if moment == "before":
            self._imports_held = self._importing.acquire(timeout=_LONGEST_IMPORT)
        elif self._imports_held:
            self._importing.release()
        if moment == "child":
            # A process of its own. What its parent had queued, or on disk, is the parent's to send.
            if self._disk is not None:
                self._disk.close()
            if not self._closed:
                self._reset()

    def _reset(self) -> None:
        # Reentrant: the garbage collector may end an abandoned stream's span while this very thread holds the lock.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._queue: deque[ReadableSpan] = deque()
        self._thread: threading.Thread | None = None
        self._courier: Courier | None = None
        self._process, self._started = secrets.token_hex(16), int(time.time())
        self._requests = self._emitted = self._taken = self._settled = self._delivered = 0
        self._dropped: Counter[Loss] = Counter()
        self._hurry = self._closed = self._abandoned = self._final = self._left = False
        self._last: ReadableSpan | None = None

    def put(self, span: ReadableSpan) -> None:
        """Queues an ended span, or drops and counts it."""
        with self._lock:  # quicker to enter than the condition made of it
            self._emitted += 1
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
        """Sends now. True once all that was queued is delivered, kept on disk, or counted as dropped; waits `timeout` s
        at most."""
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
                # Not a join: a signal handler may be here with the lock in its own thread's hands, which waiting lets go.
                self._changed.wait_for(lambda: self._left, timeout)
            if self._taken > self._settled:
                self._abandoned = True
                self._keep_unsent()
            unsent = self._taken - self._settled
            self._taken = self._settled
            self._dropped[Loss.UNSENT] += unsent
            self._queue.clear()
            return not self._dropped[Loss.UNSENT]

    def stats(self) -> Stats:
        with self._changed:
            return Stats(
                process=self._process,
                requests=self._requests,
                emitted=self._emitted,
                delivered=self._delivered,
                queued=self._taken - self._settled,
                on_disk=self._on_disk(),
                dropped=MappingProxyType({loss: count for loss, count in self._dropped.items() if count}),
                faults=faults.count,
            )

    def _on_disk(self) -> int:
        try:
            return 0 if self._disk is None else self._disk.spans_of(self._process)
        except OSError:
            return 0

    def _run(self) -> None:
        try:
            self._work()
        finally:
            with self._changed:
                self._left = True
                self._changed.notify_all()

    def _work(self) -> None:
        wait = 0.0
        while True:
            batch = self._next_batch(wait)
            try:
                if batch:
                    if not self._handle(batch):
                        return
                elif self._closed:
                    break
                wait = self._resend()
            except Exception:
                faults.record("delivery")
                wait = 1.0
        self._leave()

    def _next_batch(self, wait: float) -> list[ReadableSpan]:
        """Waits for spans, then for as many as fill a request or for `config.delay`. Empty when closed and emptied, or
        after `wait` seconds where there is a disk queue to look after."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed, None if self._disk is None else wait)
            if self._queue:
                self._changed.wait_for(self._is_due, self._config.delay)
            return [self._queue.popleft() for _ in range(min(len(self._queue), self._batch))]

    def _is_due(self) -> bool:
        return len(self._queue) >= self._batch or self._hurry or self._closed

    def _handle(self, batch: list[ReadableSpan]) -> bool:
        """Delivers and counts. False where `close()` has given up on it meanwhile."""
        left = len(batch)
        try:
            self._last = batch[-1]
            for fate, spans in self._engage().deliver(batch, self._stamps(), urgent=self._hurry or self._closed):
                left -= spans
                if not self._settle(fate, spans):
                    return False
        except Exception:
            faults.record("delivery")
            return self._settle(Loss.FAULT, left)
        return True

    def _settle(self, fate: Fate, spans: int) -> bool:
        with self._changed:
            if self._abandoned:
                return False
            self._settled += spans
            if isinstance(fate, Loss):
                self._dropped[fate] += spans
            elif fate != "kept on disk":
                self._delivered += spans
            self._count_forced_out()
            self._changed.notify_all()
        return True

    def _resend(self) -> float:
        if self._disk is None or self._closed:
            return 0.0
        wait, delivered = self._engage().resend()
        with self._changed:
            if delivered is not None and delivered.process == self._process:
                self._delivered += delivered.spans
            self._count_forced_out()
        return wait

    def _count_forced_out(self) -> None:
        """What the disk queue dropped. Of another process it is no loss of ours: its own sequence shows the gap."""
        if self._courier is not None:
            gone, self._courier.forced_out = self._courier.forced_out, []
            self._dropped[Loss.DISK_FULL] += sum(kept.spans for kept in gone if kept.process == self._process)

    def _stamps(self) -> dict[str, str | int]:
        with self._changed:
            self._requests += 1
            dropped = sum(self._dropped.values())
            self._final = self._closed and not self._queue
            return {
                EXPORT_PROCESS: self._process,
                EXPORT_STARTED: self._started,
                EXPORT_SEQUENCE: self._requests,
                EXPORT_EMITTED: self._emitted,
                EXPORT_SENT: self._emitted - dropped - len(self._queue),
                EXPORT_DROPPED: dropped,
                **({EXPORT_FINAL: 1} if self._final else {}),
            }

    def _engage(self) -> Courier:
        if self._courier is None:
            with self._importing:
                from spanledger.courier import Courier
            self._courier = Courier(self._config, self._disk, self._pause)
        return self._courier

    def _pause(self, seconds: float) -> bool:
        with self._changed:
            if not self._closed:
                self._changed.wait_for(lambda: self._closed or self._hurry, seconds)
                self._hurry = False
                return True
            return False

    def _leave(self) -> None:
        """The last words of a process: all was sent, and here are the figures. Then nobody has to wonder."""
        if self._courier is None:
            return
        try:
            if self._last is not None and not self._final and not self._dropped[Loss.UNSENT]:
                self._courier.say_farewell(self._last, self._stamps())
            self._courier.close()
        except Exception:
            faults.record("farewell")

    def _keep_unsent(self) -> None:
        """Out of time: to the disk with it, if there is a queue. The request on its way may arrive as well; its bytes are
        the same, and so it counts once."""
        if self._disk is None or self._courier is None:
            return
        try:
            self._settled += self._courier.keep_carried()
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._batch))]
                kept = self._courier.keep(batch, self._stamps())
                self._settled += kept
                if kept < len(batch):
                    return
            self._count_forced_out()
        except Exception:
            faults.record("disk queue")
