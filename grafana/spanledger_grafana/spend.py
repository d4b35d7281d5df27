"""*Spend*: what it cost, who spent it, what changed, and how much of it is known."""

from __future__ import annotations

from spanledger_grafana import annotations, ask, colours, links, overview, variables
from spanledger_grafana.board import Board, Row
from spanledger_grafana.panels import column, stat, states, table, timeseries
from spanledger_grafana.sources import Json, over_time, rows

PROVENANCE = states(
    {
        "priced": ("Priced", colours.GOOD),
        "reported": ("Reported by the sender", colours.SECOND),
        "estimated": ("Estimated", colours.ACCENT),
        "partial": ("Partly known", colours.THIRD),
        "unpriced": ("Unpriced", colours.WARN),
        "free": ("Free", colours.QUIET),
    }
)
BUDGET_STATES = states(
    {
        "ok": ("OK", colours.GOOD),
        "page": ("Page", colours.BAD),
        "ticket": ("Ticket", colours.WARN),
        "no_data": ("No data", colours.QUIET),
        "low_traffic": ("Little traffic", colours.QUIET),
    }
)


def change() -> Json:
    return stat(
        "Against the period before", "Spend against the period before, which is as long and ends where this one begins.",
        rows(f"SELECT change_ratio AS change\nFROM {ask.view('movers', by=_NOTHING)}"), "percentunit",
        colours.rising(0.2, 0.5), decimals=1, nothing="Nothing before",
    )  # fmt: skip


def per_call() -> Json:
    return stat(
        "Cost of a call", "USD, over the calls whose cost is known.",
        rows(ask.whole("usage", "toFloat64(cost_usd_per_call) AS per_call")), "currencyUSD", decimals=4,
    )  # fmt: skip


def unpriced() -> Json:
    return stat(
        "Unpriced calls", "Billable calls whose model or usage is not known. They are in no sum of money.",
        rows(ask.whole("usage", "unpriced_calls AS unpriced")), "short",
        [{"color": colours.GOOD, "value": None}, {"color": colours.WARN, "value": 1}],
    )  # fmt: skip


def per_call_by() -> Json:
    return timeseries(
        "Cost of a call by $by", "USD, over the calls whose cost is known, of the values with the most calls.",
        over_time(ask.lines("usage", "toFloat64(cost_usd_per_call)", "per_call")), unit="currencyUSD", decimals=4,
    )  # fmt: skip


def coverage() -> Json:
    shown = {
        "cost_status": column("Cost is", mappings=PROVENANCE, filled=True, width=170),
        "calls": column("Calls", "short"),
        "calls_share": column("Of calls", "percentunit", decimals=1),
        "tokens_share": column("Of tokens", "percentunit", decimals=1),
        "spend": column("Spend", "currencyUSD", decimals=2),
    }
    sql = (
        "SELECT cost_status::String AS cost_status, calls, calls_share, tokens_share, toFloat64(cost_usd) AS spend\n"
        f"FROM {ask.view('coverage')}\nORDER BY calls DESC"
    )
    return table("How much is known", "Where the cost of the calls comes from.", rows(sql), shown, sort="calls")


def by_value() -> Json:
    sql = (
        f"SELECT if(value = '', '{ask.NAMELESS}', value) AS series, toFloat64(cost_usd) AS spend, cost_share, calls,"
        " toFloat64(cost_usd_per_call) AS per_call, tokens, priced_share, unpriced_calls\n"
        f"FROM {ask.view('usage', '0', ask.BY)}\nORDER BY spend DESC NULLS LAST, calls DESC\nLIMIT 200"
    )
    shown = {
        "series": column("${by}", link=links.of_value("spend"), width=220),
        "spend": column("Spend", "currencyUSD", decimals=2, bar=True),
        "cost_share": column("Share", "percentunit", decimals=1),
        "calls": column("Calls", "short"),
        "per_call": column("Per call", "currencyUSD", decimals=4),
        "tokens": column("Tokens", "short"),
        "priced_share": column("Priced", "percentunit", decimals=1, steps=colours.falling(0.9, 0.98)),
        "unpriced_calls": column("Unpriced calls", "short"),
    }
    return table("Spend by $by", "Each value's part of the bill.", rows(sql), shown, sort="spend")


def movers() -> Json:
    sql = (
        f"SELECT if(value = '', '{ask.NAMELESS}', value) AS series, toFloat64(cost_usd_before) AS before,"
        " toFloat64(cost_usd_now) AS now, toFloat64(change_usd) AS change, change_ratio\n"
        f"FROM {ask.view('movers', by=ask.BY)}\nORDER BY abs(change) DESC NULLS LAST\nLIMIT 50"
    )
    shown = {
        "series": column("${by}", link=links.of_value("spend"), width=220),
        "before": column("Before", "currencyUSD", decimals=2),
        "now": column("Now", "currencyUSD", decimals=2),
        "change": column("Change", "currencyUSD", decimals=2, steps=[
            {"color": colours.GOOD, "value": None}, {"color": colours.QUIET, "value": 0}, {"color": colours.BAD, "value": 0.01},
        ]),
        "change_ratio": column("Change", "percentunit", decimals=1),
    }  # fmt: skip
    words = "Spend by $by against the period before, which is as long and ends where this one begins."
    return table("What changed", words, rows(sql), shown)


def budgets() -> Json:
    sql = (
        "SELECT objective, state, toFloat64(spent_usd) AS spent, toFloat64(amount_usd) AS amount, budget_left, burn_1h,"
        " burn_6h, period_from, period_to, description\n"
        f"FROM spanledger.objective_status(at={ask.UNTIL})\nWHERE kind = 'budget'\nORDER BY budget_left NULLS LAST, objective"
    )
    shown = {
        "objective": column("Budget", width=200),
        "state": column("State", mappings=BUDGET_STATES, filled=True, width=110),
        "spent": column("Spent", "currencyUSD", decimals=2),
        "amount": column("Budget of the period", "currencyUSD", decimals=0),
        "budget_left": column("Left", "percentunit", decimals=1, steps=colours.falling(0, 0.2)),
        "burn_1h": column("Burn, 1 h", "suffix:×", decimals=1, steps=colours.rising(1, 6)),
        "burn_6h": column("Burn, 6 h", "suffix:×", decimals=1, steps=colours.rising(1, 6)),
        "period_from": column("From", "dateTimeAsIso"),
        "period_to": column("To", "dateTimeAsIso"),
        "description": column("For"),
    }
    words = "Budgets in the period that the range ends in; a burn of 1× uses one up in exactly its period. Not filtered."
    return table("Budgets", words, rows(sql), shown, nothing="No budgets are configured")


_NOTHING = "''"


def board(dashboard_url: str) -> Board:
    return Board(
        "spanledger-spend",
        "Spend",
        "What model calls cost, by whom, and what changed. Every sum is of the ledger's postings, in USD.",
        rows=[
            Row(4, [overview.spend(), change(), per_call(), overview.priced(), unpriced()], [6, 5, 5, 4, 4]),
            Row(9, [overview.spend_by(), coverage()], [15, 9]),
            Row(9, [per_call_by(), movers()]),
            Row(9, [by_value()]),
            Row(6, [budgets()]),
        ],
        variables=[variables.project(), *variables.dimensions(), variables.by("team"), variables.dashboard_url(dashboard_url)],
        annotations=[annotations.price_changes(), annotations.deploys()],
        links=[links.boards(), links.page("Spend")],
        since="now-7d",
        refresh="5m",
    )
