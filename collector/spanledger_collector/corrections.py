"""Corrections: what has to be posted to the ledger after the fact. Nothing in it is ever changed (D4).

Each run is a segment of its own, with a number from the caller: a run that did not come to its end is settled like any
other segment, by deleting that segment's rows, and made anew. What a run has corrected the next one finds corrected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from clickhouse_connect.driver.client import Client

from spanledger_collector.contract import Contract
from spanledger_collector.pricing import Pair
from spanledger_collector.schemas_folder import SCHEMAS

# A statement holds what it corrects in memory: about this many calls, and those of one second more. To ask whether there is
# anything to correct, hashes are enough: so many times as many.
CALLS_A_STATEMENT = 200_000
CALLS_A_QUESTION = 5
# Traces or answers that a statement is told to look at.
FOUND_A_STATEMENT = 10_000
LIMITS = {"max_execution_time": 120, "max_memory_usage": 1_000_000_000}
# Nothing is posted meanwhile, so a question may have the cores that INSERTs have otherwise.
ASK = {**LIMITS, "max_threads": 2}
# No deduplication: a run that was settled and is made anew has the same rows. One block, so one part a month.
INSERT = {
    "async_insert": 0,
    "insert_deduplicate": 0,
    "max_threads": 1,
    "max_insert_threads": 1,
    "max_partitions_per_insert_block": 0,
    "min_insert_block_size_rows": 2 * CALLS_A_STATEMENT,
    "min_insert_block_size_bytes": 0,
}
# Into which columns, where a correction does not give all of them.
_NAMED = {
    "gpu_hour_idle": " (posted_at, period, kind, reason, refers_to, project, timestamp, calls, cost_usd, cost_status, price_id, "
    "price_version, segment)"
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Parameters = Mapping[str, Any]


class Statements:
    """The SQL of schemas/corrections, over one handle of the store, within limits."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def rows(self, question: str, **parameters: Any) -> Sequence[Sequence[Any]]:
        sql = f"{_sql(question)} SETTINGS {_clause(ASK)}"
        return self._client.query(sql, parameters=parameters).result_rows

    def any(self, correction: str, part: Parameters) -> bool:
        """Whether a correction would post something."""
        sql = f"SELECT 1 FROM (\n{_sql(correction)}\n) LIMIT 1 SETTINGS {_clause(ASK)}"
        return bool(self._client.query(sql, parameters={"segment": 0, "at": 0, **part}).result_rows)

    def insert(self, correction: str, **parameters: Any) -> None:
        into = f"spanledger.ledger{_NAMED.get(correction, '')}"
        self._client.command(
            f"INSERT INTO {into} SETTINGS {_clause(INSERT | LIMITS)}\n{_sql(correction)}", parameters=parameters
        )

    def postings(self, segment: int) -> int:
        """How many a segment has."""
        [[postings]] = self._client.query(
            "SELECT count() FROM spanledger.ledger WHERE segment = {segment:UInt64}", parameters={"segment": segment}
        ).result_rows
        return int(postings)


class Corrections:
    """Finds and posts corrections over one handle of the store. Not beside an INSERT or a reload of the price book.

    `segments` are numbers of segments posted lately. What a statement may take is bounded, however long the ledger is.
    """

    def __init__(self, client: Client, calls_a_statement: int = CALLS_A_STATEMENT) -> None:
        self._statements = Statements(client)
        self._calls = calls_a_statement

    def find_unpriced(self, segments: Sequence[int] = (), limit: int = 10_000) -> set[Pair]:
        """Providers and models that were charged without a price and never looked up, in `segments` or anywhere."""
        return {
            (provider, model)
            for provider, model in self._statements.rows("unpriced_models", segments=list(segments), limit=limit)
        }

    def find_price_found(self) -> bool:
        """Whether a call stands unpriced whose price is known by now."""
        return any(self._statements.any("price_found", part) for part in self._unpriced())

    def post_price_found(self, segment: int, at: datetime) -> int:
        """Price, as of `at`, what stands unpriced and has a price by now; returns the number of postings."""
        return self._post("price_found", segment, at, self._unpriced())

    def find_duplicates(self, segments: Sequence[int]) -> bool:
        """Whether a call that `segments` have a charge of stands charged more than once."""
        return any(
            self._statements.rows("duplicate_exists", **part) for part in self._touched(segments, CALLS_A_QUESTION)
        )

    def post_duplicates(self, segment: int, at: datetime, segments: Sequence[int]) -> int:
        """Reverse all charges but the first of each call that `segments` have a charge of; returns the number of postings.

        First is what was received first. Copies that give starts more than a second apart may be missed.
        """
        return self._post("duplicate", segment, at, self._touched(segments))

    def find_nested(self, segments: Sequence[int]) -> bool:
        """Whether a call that `segments` have a span of may stand charged for two spans of its trace, one above the other."""
        return any(self._found("nested_traces", segments, 1))

    def post_nested(self, segment: int, at: datetime, segments: Sequence[int]) -> int:
        """Reverse what another span of the same trace bills, and charge what none does any more (D7); returns the number of
        postings. Spans of a call that begin 15 minutes before it, or after its end, are not found."""
        traces = list(self._found("nested_traces", segments))
        self._post("billed_by_child", segment, at, traces)
        return self._post("parent_not_billed", segment, at, traces)

    def find_same_calls(self, segments: Sequence[int]) -> bool:
        """Whether a call that `segments` have a span of may stand charged for spans of two traces."""
        return any(self._found("same_call_answers", segments, 1))

    def post_same_calls(self, segment: int, at: datetime, segments: Sequence[int]) -> int:
        """Reverse calls that two instrumentors reported, neither span above the other; returns the number of postings."""
        return self._post("same_call", segment, at, self._found("same_call_answers", segments))

    def _found(self, question: str, segments: Sequence[int], limit: int = 2**32) -> Iterator[Parameters]:
        """What `question` finds in what `segments` brought and near it, some at a time, and when it began."""
        touched = {"segments": list(segments)}
        for row in self._statements.rows("near_ranges", calls=CALLS_A_QUESTION * self._calls, **touched):
            near = dict(zip(("from", "to", "since", "until"), row, strict=True))
            found = self._statements.rows(question, limit=limit, **touched, **near)
            for part in (found[start : start + FOUND_A_STATEMENT] for start in range(0, len(found), FOUND_A_STATEMENT)):
                hashes, starts, ends = zip(*part, strict=True)
                yield {"found": list(hashes), "from": min(starts), "to": max(ends)}

    def _unpriced(self) -> Iterator[Parameters]:
        return self._ranges("price_found_ranges", self._calls)

    def _touched(self, segments: Sequence[int], times: int = 1) -> Iterator[Parameters]:
        touched = {"segments": list(segments)}
        return ({**touched, **part} for part in self._ranges("duplicate_ranges", times * self._calls, **touched))

    def _ranges(self, question: str, calls: int, **parameters: Any) -> Iterator[Parameters]:
        return ({"from": start, "to": end} for start, end in self._statements.rows(question, calls=calls, **parameters))

    def _post(self, correction: str, segment: int, at: datetime, parts: Iterable[Parameters]) -> int:
        for part in parts:
            self._statements.insert(correction, segment=segment, at=nanoseconds(at), **part)
        return self._statements.postings(segment)


@cache
def _sql(name: str) -> str:
    return Contract.load().render((SCHEMAS / "corrections" / f"{name}.sql").read_text(encoding="utf-8"))


def _clause(settings: Mapping[str, int]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in settings.items())


def nanoseconds(at: datetime) -> int:
    """Since the epoch."""
    return (at - EPOCH) // timedelta(microseconds=1) * 1000
