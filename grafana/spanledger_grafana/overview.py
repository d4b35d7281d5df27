"""*LLM overview*: is it used, does it work, how fast, for how much."""

from __future__ import annotations

from spanledger_grafana import annotations, ask, colours, links, variables
from spanledger_grafana.board import Board, Row
from spanledger_grafana.panels import column, stat, table, timeseries
from spanledger_grafana.sources import Json, over_time, rows

PERCENTILES = {
    "p50": ("p50", colours.SECOND),
    "p95": ("p95", colours.ACCENT),
    "p99": ("p99", colours.THIRD),
}


def calls() -> Json:
    return stat(
        "Calls", "Model calls, failed and free ones too.", over_time(ask.curve("usage", "calls")), "short", sparkline=True
    )


def spend() -> Json:
    return stat(
        "Spend", "What the calls cost, in USD, as far as their price is known: see Calls with a price.",
        over_time(ask.curve("usage", "toFloat64(cost_usd) AS spend")), "currencyUSD", decimals=2, sparkline=True,
    )  # fmt: skip


def error_rate() -> Json:
    return stat(
        "Error rate", "Share of calls that failed, whoever's fault it was.",
        rows(ask.whole("usage", "error_rate")), "percentunit", colours.rising(0.02, 0.05), decimals=2,
    )  # fmt: skip


def p95() -> Json:
    return stat(
        "Duration p95", "95 of 100 calls were as fast or faster, within 1 %.",
        rows(ask.whole("latency", "p95_duration_ns AS p95")), "ns", decimals=1,
    )  # fmt: skip


def cache_hit_rate() -> Json:
    return stat(
        "Cache hit rate", "Share of input tokens that were read from the provider's cache, of the calls that report it.",
        rows(ask.whole("usage", "cache_hit_rate")), "percentunit", colours.plain(colours.SECOND), decimals=1,
    )  # fmt: skip


def priced() -> Json:
    return stat(
        "Calls with a price", "Share of billable calls that were priced exactly. What is unpriced is in no sum of money.",
        rows(ask.whole("usage", "priced_share")), "percentunit", colours.falling(0.9, 0.98), decimals=1,
    )  # fmt: skip


def calls_by() -> Json:
    return timeseries(
        "Calls by $by", "Calls in each interval: the values with the most, the others together.",
        over_time(ask.parts("calls", "calls")), unit="short", bars=True, calcs=("sum",), decimals=0,
    )  # fmt: skip


def spend_by() -> Json:
    return timeseries(
        "Spend by $by", "USD in each interval: the values that cost the most, the others together.",
        over_time(ask.parts("cost_usd", "spend")), unit="currencyUSD", bars=True, calcs=("sum",), decimals=2,
    )  # fmt: skip


def duration() -> Json:
    columns = ", ".join(f"{name}_duration_ns AS {name}" for name in PERCENTILES)
    return timeseries(
        "Duration of calls", "Percentiles, within 1 %. First charges only: a correction is not another call.",
        over_time(ask.curve("latency", columns)), unit="ns", names=PERCENTILES,
    )  # fmt: skip


def error_rate_by() -> Json:
    return timeseries(
        "Error rate by $by", "Share of calls that failed, of the values with the most calls.",
        over_time(ask.lines("usage", "error_rate", "rate")), unit="percentunit", line=0.05,
    )  # fmt: skip


def by_value() -> Json:
    sql = (
        f"SELECT if(usage.value = '', '{ask.NAMELESS}', usage.value) AS series, calls, error_rate, p50_duration_ns AS p50,"
        " p95_duration_ns AS p95, p95_ttft_ns AS ttft, tokens, cache_hit_rate, toFloat64(cost_usd) AS spend,"
        " toFloat64(cost_usd_per_call) AS per_call\n"
        f"FROM {ask.view('usage', '0', ask.BY)} AS usage\n"
        f"LEFT JOIN {ask.view('latency', '0', ask.BY)} AS latency ON usage.value = latency.value\n"
        "ORDER BY spend DESC NULLS LAST, calls DESC\nLIMIT 100"
    )
    shown = {
        "series": column("${by}", link=links.of_value("overview"), width=260),
        "calls": column("Calls", "short"),
        "error_rate": column("Error rate", "percentunit", decimals=2, steps=colours.rising(0.02, 0.05)),
        "p50": column("p50", "ns", decimals=1),
        "p95": column("p95", "ns", decimals=1),
        "ttft": column("First token p95", "ns", decimals=1),
        "tokens": column("Tokens", "short"),
        "cache_hit_rate": column("Cache hits", "percentunit", decimals=1),
        "spend": column("Spend", "currencyUSD", decimals=2, bar=True),
        "per_call": column("Per call", "currencyUSD", decimals=4),
    }
    return table("By $by", "Each value's calls, errors, speed and spend in the range.", rows(sql), shown, sort="spend")


def board(dashboard_url: str) -> Board:
    return Board(
        "spanledger-overview",
        "LLM overview",
        "Calls, errors, latency and spend of every model call, from the ledger.",
        rows=[
            Row(4, [calls(), spend(), error_rate(), p95(), cache_hit_rate(), priced()]),
            Row(9, [calls_by(), spend_by()]),
            Row(8, [duration(), error_rate_by()]),
            Row(10, [by_value()]),
        ],
        variables=[variables.project(), *variables.dimensions(), variables.by(), variables.dashboard_url(dashboard_url)],
        annotations=[annotations.deploys(), annotations.price_changes(), annotations.alerts()],
        links=[links.boards(), links.page("Overview")],
    )
