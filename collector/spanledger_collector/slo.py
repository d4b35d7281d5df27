"""What an on-call asks of objectives, and the alert rules that are made of them: for Prometheus and for Grafana.

All of them say what the built-in alerts say: the same windows (`schemas/burn_windows.yaml`), the same burn, the same floor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from spanledger_collector import yaml_file
from spanledger_collector.config import Budget, Config, Slo
from spanledger_collector.windows import Window, burn_windows

LIST = """
SELECT objective, kind, indicator, threshold, if(kind = 'slo', concat(toString(round(100 * objective_ratio, 6)), ' %'),
    concat(toString(amount_usd), ' USD')) AS objective_is, period, time_zone,
    arrayStringConcat(arrayFilter(x -> x != '', [
        if(empty(projects), '', 'projects ' || arrayStringConcat(projects, ', ')),
        if(empty(environments), '', 'environments ' || arrayStringConcat(environments, ', ')),
        if(empty(services), '', 'services ' || arrayStringConcat(services, ', ')),
        if(empty(providers), '', 'providers ' || arrayStringConcat(providers, ', ')),
        if(empty(models), '', 'models ' || arrayStringConcat(models, ', ')),
        if(empty(teams), '', 'teams ' || arrayStringConcat(teams, ', '))]), '; ') AS scope, description
FROM objectives_now ORDER BY objective
"""
STATUS = """
SELECT objective, state, round(budget_left, 4) AS budget_left, round(burn_1h, 2) AS burn_1h, round(burn_6h, 2) AS burn_6h,
    calls, bad, round(good_ratio, 6) AS good_ratio, spent_usd, amount_usd, period_from, period_to, last_call_at
FROM objective_status(at = {at:DateTime('UTC')})
ORDER BY indexOf(['page', 'ticket', 'no_data', 'low_traffic', 'ok'], state), objective
"""
DATASOURCE = "spanledger-clickhouse"
INTERVAL = "30s"
# Seconds of a budget's period, in PromQL, which has no calendar but this one, in UTC: years and quarters are mean ones.
PERIODS = {
    "day": "86400",
    "week": "604800",
    "month": "(86400 * days_in_month())",
    "quarter": "7889400",
    "year": "31557600",
}


class Target(StrEnum):
    """Whom alert rules are for."""

    PROMETHEUS = "prometheus"
    GRAFANA = "grafana"


def generate(target: Target, config: Config) -> str:
    """The file of alert rules, as YAML."""
    made = prometheus(config) if target is Target.PROMETHEUS else grafana(config)
    return f"# Made by `spanledger slo generate {target}`: change the configuration, and make it anew.\n{yaml_file.write(made)}"


# -- Prometheus


def prometheus(config: Config) -> dict[str, Any]:
    """Recording rules of the burns, and an alerting rule for each objective and severity, over the collector's `/metrics`."""
    windows = burn_windows()
    return {
        "groups": [
            {
                "name": f"spanledger-{objective.name}",
                "interval": INTERVAL,
                "rules": [*_recorded(objective, windows), *_alerts(objective, windows)],
            }
            for objective in config.objectives
        ]
    }


def _recorded(objective: Slo | Budget, windows: Iterable[Window]) -> list[dict[str, Any]]:
    lengths = sorted({length for window in windows for length in (window.long, window.short)})
    labels = {"objective": objective.name}
    rules = [
        {"record": f"spanledger:burn:{_short(length)}", "expr": _burn(objective, length), "labels": labels}
        for length in lengths
    ]
    if isinstance(objective, Slo):
        rules += [
            {
                "record": f"spanledger:calls:{_short(length)}",
                "expr": _increase("slo_calls", objective, length),
                "labels": labels,
            }
            for length in sorted({window.long for window in windows})
        ]
    return rules


def _alerts(objective: Slo | Budget, windows: Iterable[Window]) -> list[dict[str, Any]]:
    def condition(window: Window) -> str:
        who = f'{{objective="{objective.name}"}}'
        long, short = (f"spanledger:burn:{_short(length)}{who}" for length in (window.long, window.short))
        burns = f"{long} > {window.factor} and {short} > {window.factor}"
        if isinstance(objective, Slo) and objective.minimum_calls:
            # increase() guesses what came before its first and after its last sample, and so is no whole number
            return f"({burns} and round(spanledger:calls:{_short(window.long)}{who}) >= {objective.minimum_calls})"
        return f"({burns})"

    return [
        {
            "alert": "SpanledgerBudgetBurn",
            "expr": " or ".join(condition(window) for window in windows if window.severity == severity),
            "labels": _labels(objective, severity),
            "annotations": _annotations(objective, severity),
        }
        for severity in _severities(windows)
    ]


def _burn(objective: Slo | Budget, length: int) -> str:
    if isinstance(objective, Slo):
        allowed = f"{(100 - objective.objective) / 100:f}"
        return (
            f"{_increase('slo_bad_calls', objective, length)} / {_increase('slo_calls', objective, length)} / {allowed}"
        )
    spent = _increase("budget_spend_usd", objective, length)
    if objective.unpriced_call_usd:
        spent += f" + {objective.unpriced_call_usd:f} * {_increase('budget_unpriced_calls', objective, length)}"
    return f"({spent}) / {length} / ({objective.amount:f} / {PERIODS[objective.period]})"


def _increase(metric: str, objective: Slo | Budget, length: int) -> str:
    return f'sum(increase(spanledger_{metric}_total{{{objective.kind}="{objective.name}"}}[{_short(length)}]))'


def _short(length: int) -> str:
    """Seconds as Prometheus says them."""
    unit, letter = next(
        (unit, letter) for unit, letter in ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s")) if length % unit == 0
    )
    return f"{length // unit}{letter}"


# -- Grafana


def grafana(config: Config) -> dict[str, Any]:
    """A provisioning file of alert rules: one for each objective and severity, whose query is the view `alert_rule`."""
    rules = [
        _grafana_rule(objective, severity)
        for objective in config.objectives
        for severity in _severities(burn_windows())
    ]
    group = {"orgId": 1, "name": "spanledger-objectives", "folder": "spanledger", "interval": INTERVAL, "rules": rules}
    return {"apiVersion": 1, "groups": [group]}


def _grafana_rule(objective: Slo | Budget, severity: str) -> dict[str, Any]:
    query = (
        f"SELECT firing FROM spanledger.alert_rule(objective = '{objective.name}', severity = '{severity}', "
        "at = toTimeZone($__toTime, 'UTC'))"
    )
    return {
        "uid": f"sl-{hashlib.sha256(objective.name.encode()).hexdigest()[:16]}-{severity}",
        "title": f"{objective.name}: {severity}",
        "condition": "B",
        "data": [
            {
                "refId": "A",
                "relativeTimeRange": {"from": 600, "to": 0},
                "datasourceUid": DATASOURCE,
                "model": {
                    "refId": "A",
                    "datasource": {"type": "grafana-clickhouse-datasource", "uid": DATASOURCE},
                    "editorType": "sql",
                    "queryType": "table",
                    "format": 1,
                    "rawSql": query,
                },
            },
            {
                "refId": "B",
                "relativeTimeRange": {"from": 0, "to": 0},
                "datasourceUid": "__expr__",
                "model": {
                    "refId": "B",
                    "datasource": {"type": "__expr__", "uid": "__expr__"},
                    "type": "threshold",
                    "expression": "A",
                    "conditions": [{"evaluator": {"type": "gt", "params": [0]}}],
                },
            },
        ],
        "for": "0s",
        "noDataState": "NoData",
        "execErrState": "Error",
        "labels": _labels(objective, severity),
        "annotations": _annotations(objective, severity),
        "isPaused": False,
    }


# -- both


def _severities(windows: Iterable[Window]) -> list[str]:
    return list(dict.fromkeys(window.severity for window in windows))


def _labels(objective: Slo | Budget, severity: str) -> dict[str, str]:
    return {"objective": objective.name, "severity": severity, "kind": objective.kind}


def _annotations(objective: Slo | Budget, severity: str) -> dict[str, str]:
    what = "error budget" if isinstance(objective, Slo) else "budget"
    pace = "fast: soon it will be gone" if severity == "page" else "faster than it may"
    said = {"summary": f"The {what} of {objective.name} burns {pace}."}
    if objective.description:
        # both systems take {{ for a template
        said["description"] = objective.description.replace("{{", "{ {")
    if objective.runbook:
        said["runbook_url"] = objective.runbook
    return said
