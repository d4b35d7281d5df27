"""Where a reader goes from here: the other boards, spanledger's own pages, the spans of a trace."""

from __future__ import annotations

import json
from urllib.parse import quote

from spanledger_grafana.board import TAG
from spanledger_grafana.sources import CLICKHOUSE, Json, rows

# The range as the pages read it.
_RANGE = "range=custom&from=${__from:date:iso}&to=${__to:date:iso}"
_HEX = "${__value.raw}"


def boards() -> Json:
    """The other boards, with the same range and filters."""
    return _link("spanledger boards", type="dashboards", icon="external link", tags=[TAG], asDropdown=True,
                 includeVars=True, keepTime=True)  # fmt: skip


def page(name: str) -> Json:
    """One of spanledger's own pages, with the same range."""
    return _link(
        f"Open in spanledger: {name}",
        type="link",
        icon="bolt",
        url=f"${{dashboard_url}}/{name.lower()}?{_RANGE}",
        tooltip="The same range of time in spanledger's own pages",
        targetBlank=True,
    )


def of_value(page_name: str) -> tuple[str, str]:
    """From a row of a table to the page, filtered by its value."""
    return "Open in spanledger", f"${{dashboard_url}}/{page_name}?{_RANGE}&${{by}}=${{__value.raw:percentencode}}"


def trace() -> tuple[str, str]:
    """From a trace id to its spans, in Explore."""
    sql = (
        "SELECT timestamp, name, service_name, operation, model, duration_ns / 1e6 AS ms, status, error_type,"
        " input_tokens, output_tokens, toFloat64(cost_usd) AS cost_usd, span_id, parent_span_id\n"
        f"FROM spanledger.spans\nWHERE trace_id = '{_HEX}'\nORDER BY timestamp\nLIMIT 1000"
    )
    pane = {
        "datasource": CLICKHOUSE["uid"],
        "queries": [rows(sql)],
        "range": {"from": "now-30d", "to": "now"},
    }
    kept = quote(json.dumps({"trace": pane}, separators=(",", ":"))).replace(quote(_HEX), _HEX)
    return "Show the spans of this trace", f"/explore?schemaVersion=1&orgId=1&panes={kept}"


def _link(title: str, **given: object) -> Json:
    plain = {"asDropdown": False, "icon": "", "includeVars": False, "keepTime": False, "tags": [], "targetBlank": False,
             "tooltip": "", "type": "link"}  # fmt: skip
    return {"title": title, **plain, **given}
