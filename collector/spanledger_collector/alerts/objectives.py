"""The conditions of the objectives: is a budget burning, has an objective gone quiet? Read from the same views as every page and rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from spanledger_collector.alerts.records import Reader
from spanledger_collector.alerts.state import Alert, Condition, Kind, Severity
from spanledger_collector.config import Scope

SCOPE = tuple(Scope.model_fields)
# The standing of the objectives is a matter of weeks: it is asked for this often while it matters.
STANDING_EVERY = timedelta(minutes=1)
_WINDOWS = """
SELECT objective, kind, indicator, severity, factor, long_seconds, short_seconds, long_calls, long_bad, long_burn, short_burn, firing
FROM spanledger.objective_windows(at={at:DateTime('UTC')})
ORDER BY objective, long_seconds
"""
_STANDING = """
SELECT objective, period, good_ratio, objective_ratio, budget_left, spent_usd, amount_usd, last_call_at
FROM spanledger.objective_status(at={at:DateTime('UTC')})
"""
_OBJECTIVES = f"SELECT objective, description, runbook, {', '.join(SCOPE)} FROM spanledger.objectives_now"
_BAD = {
    "availability": "failed",
    "latency": "took longer than {threshold}",
    "time_to_first_token": "had their first token later than {threshold}",
    "cost": "cost more than {threshold}",
}


@dataclass
class Objectives:
    """Reads the conditions through a handle of the evaluator's own. Whatever the store raises comes out."""

    client: Reader
    thresholds: Mapping[str, str] = field(default_factory=dict)
    """What a threshold is, as the configuration says it, by objective."""
    _standing: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _standing_at: datetime | None = None

    def conditions(self, at: datetime) -> list[Condition]:
        """One an objective and severity, and one of no data an SLO."""
        windows = self._rows(_WINDOWS, at)
        if not windows:
            return []
        quiet = any(row["kind"] == "slo" and not row["long_calls"] for row in windows)
        if quiet or any(row["firing"] for row in windows):
            self._refresh(at)
        about = {row["objective"]: row for row in self._rows(_OBJECTIVES)}
        conditions = []
        for objective, group in groupby(windows, lambda row: row["objective"]):
            rows = list(group)
            known = about.get(objective, {})
            conditions += [
                self._burning(objective, severity, rules, known)
                for severity in Severity
                if (rules := [row for row in rows if row["severity"] == severity])
            ]
            if rows[0]["kind"] == "slo":
                conditions.append(self._quiet(objective, rows[-1], known))
        return conditions

    def _burning(
        self, objective: str, severity: Severity, rules: Sequence[Mapping[str, Any]], known: Mapping[str, Any]
    ) -> Condition:
        alert = Alert("burn-rate", severity, objective)
        firing = [row for row in rules if row["firing"]]
        if not firing:
            return Condition(alert, False)
        worst = max(firing, key=lambda row: row["long_burn"])
        window = _length(worst["long_seconds"])
        burn = f"{_times(worst['long_burn'])} as fast as it may"
        if worst["kind"] == "budget":
            summary = f"{objective} spends its budget {burn} (last {window})"
            how_bad = ""
        else:
            calls, bad = worst["long_calls"], worst["long_bad"]
            summary = f"{objective} burns its error budget {burn}: {_percent(bad / calls)} of calls bad (last {window})"
            what = _BAD.get(worst["indicator"], "were bad").format(threshold=self.thresholds.get(objective, "they may"))
            how_bad = f"{bad:,} of {calls:,} calls {what} in the last {window}."
        rule = (
            f"Rule: more than {worst['factor']:g} times over {window} and over {_length(worst['short_seconds'])}; "
            f"the last {_length(worst['short_seconds'])}: {_times(worst['short_burn'])}."
        )
        lines = [known.get("description", ""), how_bad, self._left(objective), rule]
        return Condition(
            alert,
            True,
            worst["long_burn"],
            summary,
            "\n".join(line for line in lines if line),
            _labels(known, worst["kind"]),
        )

    def _quiet(self, objective: str, longest: Mapping[str, Any], known: Mapping[str, Any]) -> Condition:
        alert = Alert("no-data", Severity.TICKET, objective)
        if longest["long_calls"]:
            return Condition(alert, False, opens=Kind.NO_DATA)
        last = self._standing.get(objective, {}).get("last_call_at")
        window = _length(longest["long_seconds"])
        return Condition(
            alert,
            True if last else None,  # never called, or longer ago than is kept: nothing new
            summary=f"{objective} has had no calls for {window}",
            description="\n".join(
                line
                for line in (
                    known.get("description", ""),
                    f"The last call was at {last:%Y-%m-%d %H:%M} UTC. Without calls nothing can burn." if last else "",
                )
                if line
            ),
            labels=_labels(known, "slo"),
            opens=Kind.NO_DATA,
        )

    def _left(self, objective: str) -> str:
        standing = self._standing.get(objective)
        if standing is None or standing["budget_left"] is None:
            return ""
        left = f"{_percent(standing['budget_left'])} of the budget of this {_period(standing['period'])} is left"
        if standing["budget_left"] < 0:
            left = (
                f"The budget of this {_period(standing['period'])} is overspent by {_percent(-standing['budget_left'])}"
            )
        if standing["amount_usd"] is not None and standing["spent_usd"] is not None:
            return f"{left}: {standing['spent_usd']:,.2f} of {standing['amount_usd']:,.2f} USD are spent."
        return f"{left} ({_percent(standing['good_ratio'])} good, {_percent(standing['objective_ratio'])} promised)."

    def _refresh(self, at: datetime) -> None:
        if self._standing_at is None or not timedelta(0) <= at - self._standing_at < STANDING_EVERY:
            self._standing = {row["objective"]: row for row in self._rows(_STANDING, at)}
            self._standing_at = at

    def _rows(self, sql: str, at: datetime | None = None) -> list[Mapping[str, Any]]:
        parameters = {} if at is None else {"at": f"{at:%Y-%m-%d %H:%M:%S}"}
        return list(self.client.query(sql, parameters=parameters).named_results())


def _labels(known: Mapping[str, Any], kind: str) -> dict[str, str]:
    labels = {name: ",".join(known.get(name, ())) for name in SCOPE} | {
        "runbook": known.get("runbook", ""),
        "kind": kind,
    }
    return {name: text for name, text in labels.items() if text}


def _percent(share: float) -> str:
    return f"{share * 100:.4g} %"


def _times(burn: float) -> str:
    return f"{burn:,.0f} times" if burn >= 100 else f"{burn:.3g} times"


def _period(period: str) -> str:
    return "28 days" if period == "28d" else period


def _length(seconds: int) -> str:
    """3600 to `1 h`."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
