"""The objectives in the store: records the SLOs and budgets of the configuration, and has what is posted counted for them.

What new postings add is worked out by a materialized view that is made of the objectives, and is not there where there are none:
so posting costs nothing without them, and every try of a segment counts the same (D15). They are recorded at the start, with no
segment open. What the ledger holds already is counted once, as a segment of its own: whole, or settled and counted anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from spanledger_collector.config import Budget, Config, Scope, Slo
from spanledger_collector.contract import Contract
from spanledger_collector.literals import quote
from spanledger_collector.schemas_folder import SCHEMAS
from spanledger_collector.spool import Spool
from spanledger_collector.store import OBJECTIVES_VIEW, Store

# How far back is counted at least: rolling periods and windows reach no further.
LOOK_BACK = timedelta(days=28)
COLUMNS = {
    "projects": "project",
    "environments": "environment",
    "services": "service_name",
    "providers": "provider",
    "models": "model",
    "teams": "team",
}
# A day of the ledger a statement; no deduplication, as a run that was settled has the same rows when it is made anew.
STATEMENT = timedelta(days=1)
SETTINGS = (
    "async_insert = 0, insert_deduplicate = 0, max_insert_threads = 1, max_threads = 1, "
    "max_execution_time = 600, max_memory_usage = 1000000000"
)

Key = tuple[str, str]
"""An objective's name, and the project whose key may see it."""


@dataclass(frozen=True)
class Recorded:
    """What an objective was when it was recorded last."""

    version: str
    definition: str


class Objectives:
    """Records over one store and its spool. Before the forwarder starts: with no segment half posted by this process."""

    def __init__(self, store: Store, spool: Spool) -> None:
        self._store = store
        self._spool = spool

    def record(self, config: Config, at: datetime) -> list[str]:
        """Have the objectives of `config` in force as of `at`; returns the names of those that are new, changed or gone.

        Raises RetryableError, PermanentError or StartError; then what was there before is in force, or a later call ends it.
        """
        wanted = {(objective.name, objective.project): objective for objective in config.objectives}
        recorded = self._recorded()
        self._forget(recorded)
        self._store.replace_view(OBJECTIVES_VIEW, posting(config.objectives, self._store.contract) if wanted else "")
        changed = [
            objective
            for key, objective in wanted.items()
            if key not in recorded or recorded[key].definition != objective.definition
        ]
        gone = recorded.keys() - wanted.keys()
        if changed or gone:
            uncounted = [
                objective
                for objective in changed
                if (before := recorded.get((objective.name, objective.project))) is None
                or before.version != objective.version
            ]
            number = self._spool.next_number()
            self._spool.journal.start(number)
            if uncounted:
                self._count(uncounted, number, at)
            self._write(changed, number, at)
            self._end(gone, number, at)
            self._store.sync()
            self._spool.journal.done(number)
            self._forget(self._recorded())
        return sorted({objective.name for objective in changed} | {name for name, _ in gone})

    def _recorded(self) -> dict[Key, Recorded]:
        rows = self._store.query("SELECT objective, project, version, definition FROM spanledger.objectives_now")
        return {(name, project): Recorded(version, definition) for name, project, version, definition in rows}

    def _forget(self, current: dict[Key, Recorded]) -> None:
        """Delete what was counted for objectives, or versions of them, that are not in force."""
        kept = ", ".join(f"({quote(name)}, {quote(entry.version)})" for (name, _), entry in current.items())
        condition = f"(objective, version) NOT IN ({kept})" if kept else "true"
        [[rows]] = self._store.query(f"SELECT count() FROM spanledger.objective_minutes WHERE {condition}")
        if rows:
            self._store.command(
                f"DELETE FROM spanledger.objective_minutes WHERE {condition} SETTINGS lightweight_deletes_sync = 2"
            )

    def _count(self, objectives: Sequence[Slo | Budget], number: int, at: datetime) -> None:
        """Count what the ledger holds for `objectives`, a day a statement, since their periods began."""
        # what was begun and is not done will be posted anew, and counted then
        waiting = list(self._spool.journal.state.started)
        sql = (SCHEMAS / "objectives" / "back_fill.sql").read_text(encoding="utf-8")
        contract = self._store.contract
        sql = contract.render(sql, {"counting": counting(objectives, contract, "postings")})
        for begin, end in self._days(objectives, at):
            self._store.command(
                f"{sql} SETTINGS {SETTINGS}", {"segment": number, "from": begin, "to": end, "open": waiting}
            )

    def _days(self, objectives: Iterable[Slo | Budget], at: datetime) -> Iterator[tuple[int, int]]:
        """From the hour in which the longest period began, as Unix seconds, the end exclusive."""
        begins = [int((at - LOOK_BACK).timestamp())]
        for objective in objectives:
            [[begin]] = self._store.query(
                "SELECT toUnixTimestamp(spanledger_period_from({at:DateTime('UTC')}, {period:String}, {zone:String}))",
                {"at": at.astimezone(UTC).replace(microsecond=0), "period": objective.period, "zone": objective.zone},
            )
            begins.append(begin)
        [[rows, first, last]] = self._store.query(
            "SELECT count(), toUnixTimestamp(min(hour)), toUnixTimestamp(max(hour)) FROM "
            "(SELECT hour FROM spanledger.ledger WHERE hour >= toDateTime({from:UInt32}, 'UTC') GROUP BY hour)",
            {"from": min(begins) // 3600 * 3600},
        )
        step = int(STATEMENT.total_seconds())
        return ((begin, begin + step) for begin in range(first, last + 1, step)) if rows else iter(())

    def _write(self, objectives: Iterable[Slo | Budget], number: int, at: datetime) -> None:
        if lines := "\n".join(json.dumps(_row(objective, number, at)) for objective in objectives):
            self._store.command(
                f"INSERT INTO spanledger.objectives SETTINGS async_insert = 0, insert_deduplicate = 0 FORMAT JSONEachRow\n{lines}"
            )

    def _end(self, gone: Iterable[Key], number: int, at: datetime) -> None:
        for name, project in sorted(gone):
            self._store.command(
                "INSERT INTO spanledger.objectives SETTINGS async_insert = 0, insert_deduplicate = 0 "
                "SELECT * REPLACE (true AS removed, {segment:UInt64} AS segment, {at:DateTime64(3, 'UTC')} AS recorded_at) "
                "FROM spanledger.objectives_now WHERE objective = {name:String} AND project = {project:String}",
                {"segment": number, "at": at, "name": name, "project": project},
            )


def posting(objectives: Sequence[Slo | Budget], contract: Contract, source: str = "spanledger.ledger") -> str:
    """The materialized view that counts new postings, those in `source`, for `objectives`."""
    sql = (SCHEMAS / "objectives" / "post_objectives.sql").read_text(encoding="utf-8")
    return contract.render(sql, {**_lists(objectives), "postings": source})


def counting(objectives: Sequence[Slo | Budget], contract: Contract, source: str) -> str:
    """The query of that view."""
    return posting(objectives, contract, source).split(" AS\n", 1)[1]


def _lists(objectives: Sequence[Slo | Budget]) -> dict[str, str]:
    """What stands for each placeholder of post_objectives.sql. Budgets come first: only they have spend."""
    budgets = [objective for objective in objectives if isinstance(objective, Budget)]
    slos = [objective for objective in objectives if isinstance(objective, Slo)]
    ordered: list[Slo | Budget] = [*budgets, *slos]
    spends = [(_matches(budget.scope), budget) for budget in budgets]
    return {
        "objectives": _strings(objective.name for objective in ordered),
        "versions": _strings(objective.version for objective in ordered),
        "projects": _strings(objective.project for objective in ordered),
        "counted": _array("Int64", [*(f"if({where}, calls, 0)" for where, _ in spends), *map(_counted, slos)]),
        "bad": _array("Int64", [*("0" for _ in spends), *map(_bad, slos)]),
        "spent": _array("Decimal(38, 12)", [f"if({where}, ifNull(cost_usd, 0), 0)" for where, _ in spends]),
        "unpriced": _array("Int64", [f"if({where} AND cost_status = 'unpriced', calls, 0)" for where, _ in spends]),
    }


def _counted(slo: Slo) -> str:
    event = {
        "availability": "true",
        "latency": "status = 'ok'",
        "time_to_first_token": "status = 'ok' AND isNotNull(ttft_ns)",
        "cost": "isNotNull(cost_usd)",
    }[slo.indicator]
    return f"first AND {_matches(slo.scope)} AND {event}"


def _bad(slo: Slo) -> str:
    match slo.indicator:
        case "availability":
            bad = f"class IN {_strings(sorted(set(slo.errors)))}"
        case "latency":
            bad = f"duration_ns > {_nanoseconds(slo)}"
        case "time_to_first_token":
            bad = f"ifNull(ttft_ns > {_nanoseconds(slo)}, false)"
        case _:
            bad = f"ifNull(cost_usd > toDecimal128('{slo.limit:f}', 12), false)"
    return f"{_counted(slo)} AND {bad}"


def _nanoseconds(slo: Slo) -> int:
    return int((slo.limit or 0) * 10**9)


def _matches(scope: Scope) -> str:
    """Whether a posting is of the scope."""
    conditions = [
        f"{column} IN {_strings(values)}" for name, column in COLUMNS.items() if (values := getattr(scope, name))
    ]
    return " AND ".join(conditions) or "true"


def _strings(values: Iterable[str]) -> str:
    return f"[{', '.join(map(quote, values))}]"


def _array(of: str, expressions: Iterable[str]) -> str:
    return f"CAST([{', '.join(expressions)}] AS Array({of}))"


def _row(objective: Slo | Budget, number: int, at: datetime) -> dict[str, object]:
    row: dict[str, object] = {
        "objective": objective.name,
        "kind": objective.kind,
        "description": objective.description,
        "indicator": "spend",
        "objective_ratio": 1,
        "period": objective.period,
        "time_zone": objective.zone,
        **objective.scope.model_dump(mode="json"),
        "runbook": objective.runbook,
        "definition": objective.definition,
        "version": objective.version,
        "recorded_at": at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
        "project": objective.project,
        "segment": number,
    }
    if isinstance(objective, Budget):
        return row | {"amount_usd": f"{objective.amount:f}", "unpriced_call_usd": f"{objective.unpriced_call_usd:f}"}
    return row | {
        "indicator": objective.indicator,
        "threshold": None if objective.limit is None else float(objective.limit),
        "objective_ratio": objective.ratio,
        "errors": objective.errors if objective.indicator == "availability" else [],
        "minimum_calls": objective.minimum_calls,
    }
