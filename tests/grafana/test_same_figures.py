"""A metric is defined once: a board shows what the dashboard's page shows, and so does Prometheus, on the same calls, to the cent."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from grafana.northwind import Live
from grafana.reading import BOARDS, Json
from spanledger_dashboard import ask
from spanledger_dashboard.selection import Period, Selection

SELECTIONS = {"all": {}, "one project and service": {"project": "default", "service": ["support-bot"]}}
CENT = Decimal("0.005")
METRIC = re.compile(r'^(llm_requests_total|llm_cost_dollars)\{model="([^"]*)".*\} (\S+)$', re.MULTILINE)


@pytest.fixture
def dashboard(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANLEDGER_CLICKHOUSE_DSN", live.platform.platform.addresses.clickhouse)
    ask.forget()


def selection(chosen: dict[str, Any]) -> Selection:
    filters = {name: tuple(values) for name, values in chosen.items() if name != "project"}
    return Selection(project=chosen.get("project", ""), chosen=filters)


def shown(live: Live, title: str, board: str = "overview", kind: str = "", **chosen: Any) -> list[dict[str, Any]]:
    """The rows of a panel."""
    document: Json = BOARDS[board]
    [panel] = [panel for panel in document["panels"] if panel["title"] == title and kind in ("", panel["type"])]
    sql = replace(live.reader, chosen=chosen).sql(document, panel["targets"][0]["rawSql"])
    return [dict(row) for row in live.client.query(sql).named_results()]


def figure(live: Live, title: str, **chosen: Any) -> Any:
    """Of a panel of one figure."""
    [row] = shown(live, title, **chosen)
    [value] = row.values()
    return value


@pytest.mark.usefixtures("dashboard")
@pytest.mark.parametrize("chosen", SELECTIONS.values(), ids=SELECTIONS)
def test_the_figures_of_the_overview_are_those_of_the_page(live: Live, chosen: dict[str, Any]) -> None:
    period = Period(live.since, live.until)
    [usage] = ask.usage(selection(chosen), period).to_dict("records")
    [latency] = ask.latency(selection(chosen), period).to_dict("records")
    assert usage["calls"] > 100
    assert sum(row["calls"] for row in shown(live, "Calls", **chosen)) == usage["calls"]
    spend = sum(Decimal(row["spend"]) for row in shown(live, "Spend", **chosen) if row["spend"] is not None)
    assert abs(spend - usage["cost_usd"]) < CENT
    assert figure(live, "Error rate", **chosen) == usage["error_rate"]
    assert figure(live, "Duration p95", **chosen) == latency["p95_duration_ns"]
    assert figure(live, "Cache hit rate", **chosen) == usage["cache_hit_rate"]
    assert figure(live, "Calls with a price", **chosen) == usage["priced_share"]


@pytest.mark.usefixtures("dashboard")
@pytest.mark.parametrize("by", ["model", "team"])
def test_each_row_of_the_table_of_spend_is_that_of_the_page(live: Live, by: str) -> None:
    page = {
        row["value"]: row for row in ask.usage(Selection(), Period(live.since, live.until), by=by).to_dict("records")
    }
    rows = shown(live, "Spend by $by", "spend", kind="table", by=by)
    assert {row["series"] for row in rows} == {value or "(none)" for value in page}
    for row in rows:
        told = page[row["series"].replace("(none)", "")]
        assert row["calls"] == told["calls"]
        assert (row["spend"] is None) == (told["cost_usd"] is None)
        assert row["spend"] is None or abs(Decimal(row["spend"]) - told["cost_usd"]) < CENT


@pytest.mark.usefixtures("dashboard")
def test_what_is_known_of_the_cost_is_what_the_page_says(live: Live) -> None:
    page = ask.coverage(Selection(), Period(live.since, live.until)).to_dict("records")
    rows = shown(live, "How much is known", "spend")
    assert {row["cost_status"]: (row["calls"], row["calls_share"]) for row in rows} == {
        row["cost_status"]: (row["calls"], row["calls_share"]) for row in page
    }


@pytest.mark.usefixtures("dashboard")
def test_the_change_is_what_the_page_says(live: Live) -> None:
    middle = live.since + (live.until - live.since) / 2
    middle = middle.replace(second=0, microsecond=0)
    [page] = ask.movers(Selection(), Period(middle, live.until), by="").to_dict("records")
    document = BOARDS["spend"]
    [panel] = [panel for panel in document["panels"] if panel["title"] == "Against the period before"]
    sql = replace(live.reader, since=middle).sql(document, panel["targets"][0]["rawSql"])
    assert live.client.query(sql).result_rows == [(page["change_ratio"],)]
    assert page["change_ratio"] is not None


@pytest.mark.usefixtures("dashboard")
def test_prometheus_counts_the_calls_of_the_page_and_its_money_but_for_what_was_corrected(live: Live) -> None:
    page = {
        row["value"]: row
        for row in ask.usage(Selection(), Period(live.since, live.until), by="model").to_dict("records")
    }
    calls, dollars = defaultdict[str, int](int), dict[str, Decimal]()
    for name, model, value in METRIC.findall(live.platform.http.get("/metrics").text):
        if name == "llm_requests_total":
            calls[model] += round(float(value))
        else:
            dollars[model] = Decimal(value)
    corrections = "SELECT model, sum(cost_usd) FROM spanledger.ledger WHERE reason != '' GROUP BY model"
    corrected = dict(map(tuple, live.client.query(corrections).result_rows))
    assert corrected and len(page) > len(corrected)
    assert calls == {model: row["calls"] for model, row in page.items()}
    for model, row in page.items():
        assert abs(dollars[model] + (corrected.get(model) or 0) - (row["cost_usd"] or 0)) < CENT, model
