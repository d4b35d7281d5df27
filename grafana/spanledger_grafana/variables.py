"""What a board can be filtered by."""

from __future__ import annotations

from spanledger_grafana import ask
from spanledger_grafana.sources import CLICKHOUSE, PROMETHEUS, Json

DIMENSIONS = ("environment", "service", "provider", "model", "team")
DASHBOARD = "http://127.0.0.1:8501"
"""Where spanledger's own pages are, as a reader's browser reaches them."""
_ON_LOAD, _ON_RANGE = 1, 2
_ALL = {"text": "All", "value": "$__all"}


def project() -> Json:
    """One project, or all that the data source may read."""
    sql = f"SELECT project FROM spanledger.freshness(project={ask.ALL_PROJECTS}) ORDER BY project"
    return _query("project", "Project", sql, CLICKHOUSE, _ON_LOAD) | {"allValue": ask.ALL_PROJECTS, "current": _ALL}


def dimensions(*names: str) -> list[Json]:
    """Values that calls have in the range of time; several can be chosen."""
    return [
        _query(name, name.capitalize(), ask.values(name), CLICKHOUSE, _ON_RANGE)
        | {"multi": True, "allValue": ask.ALL_VALUES, "current": {"text": ["All"], "value": ["$__all"]}}
        for name in names or DIMENSIONS
    ]


def objective() -> Json:
    """The SLO whose curves are drawn."""
    sql = "SELECT DISTINCT objective FROM spanledger.objectives_now WHERE kind = 'slo' ORDER BY objective"
    single = _query("objective", "Objective", sql, CLICKHOUSE, _ON_RANGE)
    del single["includeAll"]
    return single | {"current": {"text": "", "value": ""}}


def instance() -> Json:
    """The collectors that Prometheus scrapes."""
    listed = _query("instance", "Collector", "label_values(spanledger_spool_bytes, instance)", PROMETHEUS, _ON_RANGE)
    return listed | {"multi": True, "allValue": ".+", "current": {"text": ["All"], "value": ["$__all"]}}


def by(default: str = "model") -> Json:
    """What charts and tables are broken down by."""
    names = ("model", "service", "provider", "team", "feature", "customer", "environment")
    options = [{"text": name, "value": name, "selected": name == default} for name in names]
    return {
        "type": "custom",
        "name": "by",
        "label": "Break down by",
        "query": ",".join(names),
        "options": options,
        "current": {"text": default, "value": default},
        "multi": False,
        "includeAll": False,
    }


def dashboard_url(url: str) -> Json:
    """Hidden: where the links into spanledger's own pages lead."""
    chosen = {"text": url, "value": url}
    return {"type": "textbox", "name": "dashboard_url", "label": "spanledger", "hide": 2, "query": url, "current": chosen}


def _query(name: str, label: str, query: str, source: Json, refresh: int) -> Json:
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": source,
        "query": query,
        "definition": query,
        "refresh": refresh,
        "sort": 0,
        "multi": False,
        "includeAll": True,
        "options": [],
    }
