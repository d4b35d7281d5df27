"""GPU-hours: what GPUs of one's own cost in an hour is shared by the calls of that hour, once it is over.

Until then its calls are `unpriced`. An hour is shared under the terms that it was first shared under, and shared anew when a call
of it comes late, or goes: the shares sum to what the hour cost, to the last of twelve places. Each run is a segment of its own,
settled and made anew like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from clickhouse_connect.driver.client import Client

from spanledger_collector.corrections import CALLS_A_STATEMENT, Statements, nanoseconds
from spanledger_collector.price_rules import FOREVER, PriceRules

HOUR = 3600
GRACE = 600
"""Seconds after an hour's end in which its spans are still waited for."""
_UNIT = Decimal("1e-12")


@dataclass(frozen=True)
class Terms:
    """What a version of a rule says; times are Unix seconds."""

    version: str
    valid_from: int
    valid_to: int
    usd_an_hour: Decimal
    shared_by: str

    def piece(self, hour: int) -> tuple[int, int]:
        """The part of an hour in which they hold."""
        return max(hour, self.valid_from), min(hour + HOUR, self.valid_to)

    def cost(self, hour: int) -> Decimal:
        """USD of that part, rounded half-even once."""
        start, end = self.piece(hour)
        return (self.usd_an_hour * max(end - start, 0) / HOUR).quantize(_UNIT, ROUND_HALF_EVEN)


@dataclass(frozen=True)
class Due:
    """An hour that does not stand as it should. `weight` is of all its calls; without calls, `idle_usd` is what is to be posted
    for its being idle, or taken back."""

    hour: int
    rule: str
    terms: Terms
    shared_by: str
    weight: int
    idle_usd: Decimal


class GpuHours:
    """Finds and posts shares of hours. Not beside an INSERT or a reload of the price book."""

    def __init__(self, client: Client, rules: PriceRules, calls_a_statement: int = CALLS_A_STATEMENT) -> None:
        self._statements = Statements(client)
        self._idle = {rule.price_id: rule for rule in rules.per_gpu_hour if rule.charge_idle}
        self._calls = calls_a_statement
        self._terms: dict[str, list[Terms]] = {}

    def open(self) -> bool:
        """Read which rules there are and were; returns whether there are any. After the price book was recorded."""
        rows = self._statements.rows("gpu_hour_terms")
        self._terms = {}
        for rule, *said in rows:
            self._terms.setdefault(rule, []).append(Terms(*said))
        return bool(self._terms)

    def find(self, now: datetime, since: int = 0, segments: Sequence[int] = ()) -> list[Due]:
        """The hours that are over, and do not stand as they should: of those that began at `since` (Unix seconds) or later, or
        that `segments` have a posting of."""
        if not self._terms:
            return []
        end = closed(now)
        hours = {"from": since, "to": end}
        rows = self._statements.rows("gpu_hour_calls", rules=list(self._terms), segments=list(segments), **hours)
        known = {(row[0], row[1]) for row in rows}
        return [*(due for row in rows if (due := self._due(*row))), *self._unused(known, since, end)]

    def post(self, segment: int, at: datetime, hours: Sequence[Due]) -> int:
        """Post what `find` found, as of `at`; returns the number of postings."""
        for due in hours:
            run = {"segment": segment, "at": nanoseconds(at), "rule": due.rule, "version": due.terms.version}
            if due.idle_usd:
                project = self._idle[due.rule].idle_project if due.rule in self._idle else "default"
                idle = {"from": due.terms.piece(due.hour)[0], "project": project, "usd": f"{due.idle_usd:f}"}
                self._statements.insert("gpu_hour_idle", **run, **idle)
            if not due.weight:
                continue
            by = {"rule": due.rule, "shared_by": due.shared_by, "with_tokens": due.terms.shared_by == "tokens"}
            total = int(due.terms.cost(due.hour).scaleb(12))
            parts = self._statements.rows(
                "gpu_hour_parts", calls=self._calls, **by, **{"from": due.hour, "to": due.hour + HOUR}
            )
            for first, last, before in parts:
                part = {"from": first, "to": last, "before": before, "total": str(total), "weight": str(due.weight)}
                self._statements.insert("gpu_hour", **run | by | part)
        return self._statements.postings(segment)

    def _due(
        self, hour: int, rule: str, with_tokens: int, tokens: int, takers: int, time: int,
        waiting_with_tokens: int, waiting: int, shared: Decimal, idle: Decimal, version: str,
    ) -> Due | None:  # fmt: skip
        terms = self._of(rule, hour, version)
        if terms is None:
            return None
        by_tokens = terms.shared_by == "tokens"
        takers, weight, waiting = (with_tokens, tokens, waiting_with_tokens) if by_tokens else (takers, time, waiting)
        cost = terms.cost(hour)
        empty = cost if rule in self._idle and not takers else Decimal(0)
        if waiting or empty != idle or (takers and shared != cost):
            by = terms.shared_by if weight else "calls"  # calls of no weight share alike
            return Due(hour, rule, terms, by, weight or takers, empty - idle)
        return None

    def _unused(self, known: set[tuple[int, str]], since: int, end: int) -> Iterator[Due]:
        for price_id, rule in self._idle.items():
            first = max(rule.valid_from, since) // HOUR * HOUR
            for hour in range(first, min(end, rule.valid_to), HOUR):
                terms = self._of(price_id, hour, "")
                if (hour, price_id) not in known and terms and (usd := terms.cost(hour)):
                    yield Due(hour, price_id, terms, "calls", 0, usd)

    def _of(self, rule: str, hour: int, version: str) -> Terms | None:
        """The terms that an hour was shared under; else the newest that hold in it."""
        held = [terms for terms in self._terms[rule] if terms.cost(hour) or terms.piece(hour)[0] < terms.piece(hour)[1]]
        return next((terms for terms in held if terms.version == version), held[-1] if held else None)


def closed(now: datetime) -> int:
    """The end of the last hour that is over, its grace too, in Unix seconds."""
    return min(max(int(now.timestamp()) - GRACE, 0) // HOUR * HOUR, FOREVER)
