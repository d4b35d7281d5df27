"""*Caching and efficiency*: what calls make of their tokens and their money."""

from __future__ import annotations

from spanledger_grafana import annotations, ask, colours, links, overview, variables
from spanledger_grafana.board import Board, Row
from spanledger_grafana.panels import column, stat, table, timeseries
from spanledger_grafana.sources import Json, over_time, rows


def cached() -> Json:
    return stat(
        "Tokens from a cache", "Input tokens that were read from the provider's cache, at its lower rate.",
        over_time(ask.curve("efficiency", "cache_read_tokens AS cached")), "short", colours.plain(colours.SECOND), sparkline=True,
    )  # fmt: skip


def per_million() -> Json:
    return stat(
        "Cost of a million tokens", "USD, all kinds of token together, over those whose cost is known.",
        rows(ask.whole("efficiency", "cost_usd_per_million_tokens AS per_million")), "currencyUSD", decimals=2,
    )  # fmt: skip


def per_call() -> Json:
    return stat(
        "Tokens of a call", "Input and output, over all calls.",
        rows(ask.whole("efficiency", "tokens_per_call")), "short", decimals=0,
    )  # fmt: skip


def reasoning() -> Json:
    return stat(
        "Reasoning", "Share of output tokens that the model thought with, and nobody read.",
        rows(ask.whole("efficiency", "reasoning_share")), "percentunit", colours.plain(colours.THIRD), decimals=1,
    )  # fmt: skip


def hit_rate_by() -> Json:
    return timeseries(
        "Cache hit rate by $by", "Share of input tokens that were read from a cache, of the values with the most calls.",
        over_time(ask.lines("efficiency", "cache_hit_rate", "rate")), unit="percentunit", at_most=1,
        nothing="No call reports what it read from a cache",
    )  # fmt: skip


def input_tokens() -> Json:
    return timeseries(
        "Input tokens", "Read from a cache, or not: those are paid in full, or more where they are written to one.",
        over_time(ask.curve("efficiency", "cache_read_tokens AS cached, fresh_input_tokens AS fresh")),
        unit="short", bars=True, calcs=("sum",),
        names={"cached": ("From a cache", colours.SECOND), "fresh": ("Not cached", colours.ACCENT)},
    )  # fmt: skip


def output_tokens() -> Json:
    return timeseries(
        "Output tokens", "Answers, and the reasoning before them, which is paid as output.",
        over_time(ask.curve("efficiency", "answer_tokens AS answer, reasoning_tokens AS reasoning")),
        unit="short", bars=True, calcs=("sum",),
        names={"answer": ("Answers", colours.ACCENT), "reasoning": ("Reasoning", colours.THIRD)},
    )  # fmt: skip


def per_million_by() -> Json:
    return timeseries(
        "Cost of a million tokens by $by", "USD, over the tokens whose cost is known, of the values with the most calls.",
        over_time(ask.lines("efficiency", "cost_usd_per_million_tokens", "per_million")), unit="currencyUSD", decimals=2,
    )  # fmt: skip


def by_value() -> Json:
    sql = (
        f"SELECT if(value = '', '{ask.NAMELESS}', value) AS series, calls, cache_hit_rate, cache_read_tokens AS cached,"
        " fresh_input_tokens AS fresh, answer_tokens AS answer, reasoning_share, tokens_per_call,"
        " cost_usd_per_million_tokens AS per_million, toFloat64(cost_usd_per_call) AS per_call\n"
        f"FROM {ask.view('efficiency', '0', ask.BY)}\nORDER BY tokens DESC NULLS LAST\nLIMIT 100"
    )
    shown = {
        "series": column("${by}", link=links.of_value("overview"), width=240),
        "calls": column("Calls", "short"),
        "cache_hit_rate": column("Cache hits", "percentunit", decimals=1, bar=True),
        "cached": column("From a cache", "short"),
        "fresh": column("Not cached", "short"),
        "answer": column("Answers", "short"),
        "reasoning_share": column("Reasoning", "percentunit", decimals=1),
        "tokens_per_call": column("Tokens of a call", "short", decimals=0),
        "per_million": column("Per million tokens", "currencyUSD", decimals=2),
        "per_call": column("Per call", "currencyUSD", decimals=4),
    }
    return table("By $by", "Each value's tokens, and what they cost.", rows(sql), shown)


def board(dashboard_url: str) -> Board:
    return Board(
        "spanledger-efficiency",
        "Caching and efficiency",
        "How much is read from caches, how much is reasoning, and what a call and a million tokens cost.",
        rows=[
            Row(4, [overview.cache_hit_rate(), cached(), per_million(), per_call(), reasoning()], [5, 5, 5, 5, 4]),
            Row(8, [hit_rate_by(), input_tokens()]),
            Row(8, [per_million_by(), output_tokens()]),
            Row(9, [by_value()]),
        ],
        variables=[variables.project(), *variables.dimensions(), variables.by(), variables.dashboard_url(dashboard_url)],
        annotations=[annotations.deploys(), annotations.price_changes()],
        links=[links.boards(), links.page("Overview")],
        since="now-7d",
        refresh="5m",
    )
