"""What became of the spans: counted, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Loss(StrEnum):
    """Why a span was dropped. Every dropped span is counted under exactly one of these."""

    QUEUE_FULL = "queue full"
    """The collector did not keep up, or was away, and the queue held its limit of spans."""
    DISK_FULL = "disk queue full"
    """The disk queue held its limit of bytes, and this was the oldest in it."""
    REFUSED = "refused by the collector"
    """The collector answered that it will never take this request (a wrong key, a span too large)."""
    UNSENT = "not sent before exit"
    """The process ended, or `shutdown()` ran out of time, before the span could be delivered."""
    FAULT = "fault in the SDK"
    """Encoding failed. The first such fault is logged, with its traceback."""


@dataclass(frozen=True, slots=True)
class Stats:
    """The figures of this process since `instrument()`, or since the fork that made it."""

    process: str = ""
    """Random id of this process; on each request as `spanledger.export.process`."""
    requests: int = 0
    """Requests made so far, one sequence number each. A retry of a request is not counted again."""
    emitted: int = 0
    """Spans that ended and were ours to send: delivered, queued, on disk or dropped."""
    delivered: int = 0
    """Spans that the collector acknowledged."""
    queued: int = 0
    """Spans waiting in this process, those of a request that is being retried included."""
    on_disk: int = 0
    """Spans of this process that wait in the disk queue."""
    dropped: Mapping[Loss, int] = field(default_factory=lambda: MappingProxyType({}))
    """Spans lost, by reason; reasons without a loss are left out."""
    faults: int = 0
    """Exceptions inside spanledger that were kept from the app."""
