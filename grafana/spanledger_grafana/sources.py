"""Where a panel's figures come from: the two data sources, and the targets that ask them."""

from __future__ import annotations

from typing import Any

from spanledger_grafana import versions

CLICKHOUSE = {"type": "grafana-clickhouse-datasource", "uid": "spanledger-clickhouse"}
PROMETHEUS = {"type": "prometheus", "uid": "spanledger-prometheus"}
Json = dict[str, Any]


def over_time(sql: str, ref: str = "A") -> Json:
    """Rows of a time, at most one label, and figures, in order of time."""
    return _sql(sql, ref) | {"format": 0, "queryType": "timeseries"}


def rows(sql: str, ref: str = "A") -> Json:
    """Rows as they are."""
    return _sql(sql, ref) | {"format": 1, "queryType": "table"}


def metric(expression: str, name: str, ref: str = "A") -> Json:
    """A PromQL expression over time. `name`: of its series, where `{{label}}` is a label's value."""
    return {
        "datasource": PROMETHEUS,
        "editorMode": "code",
        "expr": expression,
        "legendFormat": name,
        "range": True,
        "refId": ref,
    }


def _sql(sql: str, ref: str) -> Json:
    return {
        "datasource": CLICKHOUSE,
        "editorType": "sql",
        "pluginVersion": versions.CLICKHOUSE_PLUGIN,
        "rawSql": sql,
        "refId": ref,
    }
