"""A store with objectives in force, and calls that are put into its ledger or its minutes: what tests of burns ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from spanledger_collector.config import Config
from spanledger_collector.objectives import Objectives
from spanledger_collector.spool import Spool
from spanledger_collector.store import Store

RECORDED = datetime(2026, 1, 1, tzinfo=UTC)


def config(slos: Iterable[Mapping[str, Any]] = (), budgets: Iterable[Mapping[str, Any]] = ()) -> Config:
    """A configuration; what an SLO or a budget does not say is 99.9 % availability, or 100 USD a month."""
    slo = {"indicator": "availability", "objective": 99.9}
    budget = {"amount": 100, "period": "month", "unpriced_call_usd": 0}
    return Config.model_validate(
        {"slos": [slo | dict(s) for s in slos], "budgets": [budget | dict(b) for b in budgets]}
    )


def text(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


class Promises:
    """The store of a data folder, its objectives those of `config`."""

    def __init__(self, folder: Path, config: Config) -> None:
        self.config = config
        self.store = Store(folder / "store")
        self.store.command("ALTER TABLE spanledger.objective_minutes REMOVE TTL")  # these tests are of fixed days
        spool = Spool(folder / "spool")
        with closing(spool.journal), closing(spool):
            Objectives(self.store, spool).record(config, RECORDED)
        self.client = self.store.open()

    def close(self) -> None:
        self.client.close()
        self.store.close()

    def ask(self, sql: str) -> list[dict[str, Any]]:
        return list(self.client.query(sql).named_results())

    def call(self, service: str, begin: datetime, end: datetime, every: timedelta, failed: str = "0") -> None:
        """Calls at an even pace, posted as they happen; `failed` is SQL over `n`, their number from 0, and `timestamp`."""
        count = (end - begin) // every
        self.client.command(
            "INSERT INTO spanledger.ledger (posted_at, period, kind, project, timestamp, trace_id, service_name, calls, "
            "cost_usd, cost_status, duration_ns, status, error_type, segment) SETTINGS async_insert = 0 "
            "SELECT timestamp, toStartOfMonth(timestamp), 'charge', 'default', timestamp, toString(n), service, 1, "
            "0.01, 'priced', 1000000000, if(failing, 'error', 'ok'), if(failing, '503', ''), 1 "
            f"FROM (SELECT number AS n, '{service}' AS service, toDateTime64('{text(begin)}', 9, 'UTC') + "
            f"toIntervalMillisecond(n * {every // timedelta(milliseconds=1)}) AS timestamp, {failed} AS failing FROM numbers({count}))"
        )

    def windows(self, at: datetime) -> list[dict[str, Any]]:
        return self.ask(f"SELECT * FROM spanledger.objective_windows(at='{text(at)}')")

    def firing(self, at: datetime) -> set[tuple[str, str]]:
        """Objective and severity of what fires."""
        return {(row["objective"], row["severity"]) for row in self.windows(at) if row["firing"]}

    def fires(self, objective: str, severity: str, at: datetime) -> bool:
        [row] = self.ask(
            f"SELECT * FROM spanledger.alert_rule(objective='{objective}', severity='{severity}', at='{text(at)}')"
        )
        return bool(row["firing"])

    def status(self, at: datetime) -> dict[str, dict[str, Any]]:
        return {
            row["objective"]: row for row in self.ask(f"SELECT * FROM spanledger.objective_status(at='{text(at)}')")
        }
