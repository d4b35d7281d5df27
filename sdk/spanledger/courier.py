"""Carries requests to the collector: again while it is away, by way of the disk where there is a queue on it.

All of what is heavy to import hangs on this file: it is loaded by the background thread, with the first span.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal

from opentelemetry.sdk.trace import ReadableSpan

from spanledger.config import Config
from spanledger.conventions import EXPORT_PROCESS, EXPORT_SEQUENCE
from spanledger.disk_queue import DiskQueue, Kept
from spanledger.encoding import encode
from spanledger.faults import warn
from spanledger.pricing import price_call
from spanledger.stats import Loss
from spanledger.transport import Delivered, Outcome, Refused, Retry, TooLarge, Transport

_FIRST_BACKOFF = 1.0
_LONGEST_BACKOFF = 30.0
_LOOK_EVERY = 60.0
"""Seconds between looks into the disk queue: another process may have left something there."""

_LARGEST = 16 << 20
"""Bytes of a request, not packed, that a collector takes if nobody told it otherwise."""

KEPT: Final = "kept on disk"
Fate = Delivered | Loss | Literal["kept on disk"]
Stamps = Mapping[str, str | int]
Pause = Callable[[float], bool]
"""Waits for so many seconds, or until somebody is in a hurry; False once no more time is left."""


class Courier:
    """Used by the background thread, but for `keep()`, which is for what that thread did not finish."""

    def __init__(self, config: Config, disk: DiskQueue | None, pause: Pause) -> None:
        self._config, self._disk, self._pause = config, disk, pause
        self._transport = Transport(config)
        self._backoff, self._not_before = _FIRST_BACKOFF, 0.0
        self._away = False
        self._largest = _LARGEST
        self._carried: tuple[bytes, Stamps, int] | None = None
        self._waiting: list[Sequence[ReadableSpan]] = []
        self.forced_out: list[Kept] = []
        """Requests that the disk queue dropped to make room, until somebody has counted them."""

    def deliver(self, batch: Sequence[ReadableSpan], stamps: Stamps, urgent: bool) -> Iterator[tuple[Fate, int]]:
        """Sends a batch until it is taken, refused or kept on disk, or until no time is left; yields what became of how
        many spans.

        What is too large for one request goes in several, each half of it, under the same stamps: `deliveries` puts
        together again what has one sequence.
        """
        self._waiting = [batch]
        while self._waiting:
            part = self._waiting.pop()
            body = self._encode(part, stamps)
            fate = None
            if len(body) <= self._largest or len(part) == 1:
                fate = self._send(self._transport.pack(body), stamps, len(part), urgent)
                if fate is None:
                    self._largest = min(
                        self._largest, len(body) * 2 // 3
                    )  # a half of it is tried, whatever stands around the spans
            if fate is None and len(part) > 1:
                self._waiting += _halves(part)
            else:
                yield fate or Loss.REFUSED, len(part)

    def _send(self, packed: bytes, stamps: Stamps, spans: int, urgent: bool) -> Fate | None:
        """Sends one request; None where it is too large."""
        self._carried = packed, stamps, spans
        try:
            while True:
                # With a place on disk there is no need to wait for a collector that is known to be away.
                if self._disk is None or urgent or time.monotonic() >= self._not_before:
                    outcome = self._post(packed, divisible=spans > 1)
                    if isinstance(outcome, Delivered):
                        return outcome
                    if isinstance(outcome, TooLarge):
                        return None
                    if isinstance(outcome, Refused):
                        return Loss.REFUSED
                if self._put(packed, stamps, spans):
                    return KEPT
                if not self._pause(self._not_before - time.monotonic()):
                    return Loss.UNSENT
        finally:
            self._carried = None

    def say_farewell(self, last: ReadableSpan, stamps: Stamps) -> None:
        """A request without spans, for its stamps. Tried once, and not where nobody listens."""
        if not self._away:
            self._transport.post(self._transport.pack(self._encode([last], stamps, farewell=True)))

    def resend(self) -> tuple[float, Kept | None]:
        """Sends the oldest request on disk, if it is time. Seconds until the next try, and what was delivered."""
        if self._disk is None:
            return _LOOK_EVERY, None
        if (wait := self._not_before - time.monotonic()) > 0:
            return wait, None
        if (kept := self._disk.take()) is None:
            return _LOOK_EVERY, None
        outcome: Outcome = Retry("not tried")
        try:
            outcome = self._post(kept.path.read_bytes())
        finally:
            # Of a refusal that a setting can mend nothing is lost: its requests may wait, their number is bounded.
            refused = isinstance(outcome, TooLarge) or (isinstance(outcome, Refused) and not outcome.by_settings)
            if refused or isinstance(outcome, Delivered):
                self._disk.remove(kept)
            else:
                self._disk.give_back(kept)
        if isinstance(outcome, Delivered):
            return 0.0, kept
        if refused:
            self.forced_out.append(kept)
        elif isinstance(outcome, Refused):
            self._back_off(None)
        return max(self._not_before - time.monotonic(), 0.0), None

    def keep(self, batch: Sequence[ReadableSpan], stamps: Stamps) -> int:
        """Straight to the disk, if there is a queue on it. The number of spans that are kept."""
        body = self._encode(batch, stamps)
        if len(body) > self._largest and len(batch) > 1:
            second, first = _halves(batch)
            return self.keep(first, stamps) + self.keep(second, stamps)
        return len(batch) if self._put(self._transport.pack(body), stamps, len(batch)) else 0

    def keep_carried(self) -> int:
        """Keeps the request that is on its way, and may not arrive, with what was to follow it of its batch. The number of
        spans that are kept."""
        if not (carried := self._carried) or not self._put(*carried):
            return 0
        return carried[2] + sum(self.keep(part, carried[1]) for part in reversed(self._waiting))

    def close(self) -> None:
        self._transport.close()
        if self._disk is not None:
            self._disk.close()

    def _encode(self, batch: Sequence[ReadableSpan], stamps: Stamps, farewell: bool = False) -> bytes:
        resource = {**self._config.resource, **stamps}
        return encode(batch, price_call, resource, farewell, self._config.redactor)

    def _put(self, packed: bytes, stamps: Stamps, spans: int) -> bool:
        if self._disk is None:
            return False
        try:
            process, sequence = str(stamps[EXPORT_PROCESS]), int(stamps[EXPORT_SEQUENCE])
            self.forced_out += self._disk.put(packed, process, sequence, spans)
        except OSError as error:
            warn("spanledger: the disk queue takes no more (%s), spans wait in memory", error)
            self._disk.close()
            self._disk = None
            return False
        return True

    def _post(self, packed: bytes, divisible: bool = False) -> Outcome:
        outcome = self._transport.post(packed)
        if isinstance(outcome, Retry):
            self._back_off(outcome.after)
        else:
            self._backoff, self._not_before = _FIRST_BACKOFF, 0.0
        if not (divisible and isinstance(outcome, TooLarge)):
            self._say(outcome)
        return outcome

    def _back_off(self, after: float | None) -> None:
        pause = self._backoff * random.uniform(0.8, 1.2) if after is None else after
        self._not_before = time.monotonic() + min(pause, _LONGEST_BACKOFF)
        self._backoff = min(self._backoff * 2, _LONGEST_BACKOFF)

    def _say(self, outcome: Outcome) -> None:
        """One line in the log when the collector goes, one when it is back: not one a retry."""
        where = self._config.endpoint
        if isinstance(outcome, Delivered):
            if self._away:
                warn("spanledger: %s takes spans again", where)
            self._away = False
        elif not self._away:
            self._away = True
            what = "cannot be reached, spans wait" if isinstance(outcome, Retry) else "refuses spans"
            warn("spanledger: %s %s (%s)", where, what, outcome.reason)


def _halves(batch: Sequence[ReadableSpan]) -> tuple[Sequence[ReadableSpan], Sequence[ReadableSpan]]:
    """The second half and the first, which goes first and so lies on top."""
    middle = len(batch) // 2
    return batch[middle:], batch[:middle]
