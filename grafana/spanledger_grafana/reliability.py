"""*Reliability*: is the error budget left, how fast does it burn, whose fault is it, and which calls failed."""

from __future__ import annotations

from spanledger_grafana import ask, colours, links, marks, variables
from spanledger_grafana.board import Board, Row
from spanledger_grafana.panels import TIMES, column, stat, states, table, timeseries
from spanledger_grafana.sources import Json, over_time, rows

UNCONFIGURED = "No objectives are configured"
STATES = states(
    {
        "ok": ("OK", colours.GOOD),
        "page": ("Page", colours.BAD),
        "ticket": ("Ticket", colours.WARN),
        "no_data": ("No data", colours.QUIET),
        "low_traffic": ("Little traffic", colours.QUIET),
    }
)
SEVERITIES = states({"page": ("Page", colours.BAD), "ticket": ("Ticket", colours.WARN)})
INCIDENTS = states(
    {
        "firing": ("Firing", colours.BAD),
        "no_data": ("No data", colours.WARN),
        "resolved": ("Resolved", colours.GOOD),
    }
)
_DRAW = "Draw this one", "/d/spanledger-reliability?var-objective=${__value.raw:percentencode}&${__url_time_range}"
_STATUS = f"spanledger.objective_status(at={ask.UNTIL})"
_SERIES = "spanledger.objective_series(objective=${objective:singlequote}, step=$__interval_s, " + ask.RANGE + ")"


def _in_state(title: str, words: str, condition: str, steps: colours.Steps) -> Json:
    sql = f"SELECT countIf({condition}) AS objectives\nFROM {_STATUS}"
    return stat(title, words, rows(sql), "short", steps, nothing=UNCONFIGURED)


def stats() -> list[Json]:
    bad, odd = colours.none_is_best(colours.BAD), colours.none_is_best(colours.WARN)
    return [
        _in_state("Pages", "Objectives and budgets that burn fast enough to wake somebody.", "state = 'page'", bad),
        _in_state("Tickets", "Objectives and budgets that burn too fast, but can wait for the morning.", "state = 'ticket'", odd),
        _in_state(
            "Not judged", "Objectives without calls, or with too few to judge by. No news is not good news.",
            "state IN ('no_data', 'low_traffic')", odd,
        ),
        stat(
            "Least budget left", "Of the objective that is worst off; below 0 its promise is broken in this period.",
            rows(f"SELECT min(budget_left) AS budget_left\nFROM {_STATUS}\nWHERE kind = 'slo'"), "percentunit",
            colours.falling(0, 0.25), decimals=1, nothing=UNCONFIGURED,
        ),
    ]  # fmt: skip


def objectives() -> Json:
    sql = (
        "SELECT objective, state, indicator, objective_ratio, good_ratio, budget_left, burn_1h, burn_6h, calls, bad,"
        " last_call_at, description\n"
        f"FROM {_STATUS}\nWHERE kind = 'slo'\nORDER BY budget_left NULLS LAST, objective"
    )
    shown = {
        "objective": column("Objective", width=230, link=_DRAW),
        "state": column("State", mappings=STATES, filled=True, width=110),
        "indicator": column("Indicator", width=150),
        "objective_ratio": column("Promised", "percentunit", decimals=2),
        "good_ratio": column("Kept", "percentunit", decimals=3),
        "budget_left": column("Budget left", "percentunit", decimals=1, steps=colours.falling(0, 0.25)),
        "burn_1h": column("Burn, 1 h", TIMES, decimals=1, steps=colours.rising(1, 6)),
        "burn_6h": column("Burn, 6 h", TIMES, decimals=1, steps=colours.rising(1, 6)),
        "calls": column("Calls", "short"),
        "bad": column("Bad", "short"),
        "last_call_at": column("Last call", "dateTimeFromNow"),
        "description": column("Promise"),
    }  # fmt: skip
    words = "Each objective in the period that the range ends in. A burn of 1 uses the budget up in exactly its period. Not filtered."
    return table("Objectives", words, rows(sql), shown, nothing=UNCONFIGURED)


def burn() -> Json:
    return timeseries(
        "Burn of $objective", "How many times too fast the error budget is used up; at 14.4 times for an hour it pages.",
        over_time(f"SELECT time, burn\nFROM {_SERIES}\nORDER BY time"), unit=TIMES, decimals=1, line=14.4,
        names={"burn": ("Burn", colours.ACCENT)}, nothing="No calls of this objective in this range",
    )  # fmt: skip


def kept() -> Json:
    sql = (
        "SELECT time, good_ratio AS kept, (SELECT any(objective_ratio) FROM spanledger.objectives_now"
        " WHERE objective = ${objective:singlequote}) AS promised\n"
        f"FROM {_SERIES}\nORDER BY time"
    )
    return timeseries(
        "Good calls of $objective", "Share of calls that were good, against what is promised.",
        over_time(sql), unit="percentunit", at_least=None, at_most=1, decimals=2,
        names={"kept": ("Kept", colours.GOOD), "promised": ("Promised", colours.BAD)},
        nothing="No calls of this objective in this range",
    )  # fmt: skip


def windows() -> Json:
    sql = (
        "SELECT objective, severity,"
        " concat(toString(long_seconds / 3600), ' h / ', toString(round(short_seconds / 3600, 2)), ' h') AS windows, factor,"
        " long_burn, short_burn, long_calls, enough, firing\n"
        f"FROM spanledger.objective_windows(at={ask.UNTIL})\n"
        "ORDER BY firing DESC, long_burn / factor DESC NULLS LAST, objective\nLIMIT 50"
    )
    shown = {
        "objective": column("Objective", width=200),
        "severity": column("Severity", mappings=SEVERITIES, width=90),
        "windows": column("Windows"),
        "factor": column("Fires above", TIMES, decimals=1),
        "long_burn": column("Burn, long", TIMES, decimals=1),
        "short_burn": column("Burn, short", TIMES, decimals=1),
        "long_calls": column("Calls", "short"),
        "enough": column("Enough calls", "bool_yes_no"),
        "firing": column(
            "Fires", filled=True, mappings=states({"0": ("no", colours.QUIET), "1": ("fires", colours.BAD)})
        ),
    }
    words = "Every rule of every objective: it fires while both windows burn faster than its factor, and there are calls enough."
    return table("Burn windows", words, rows(sql), shown, nothing=UNCONFIGURED)


def incidents() -> Json:
    sql = (
        "SELECT started_at, state, severity, if(objective = '', alert, objective) AS what, summary,"
        " toFloat64(duration_seconds) AS duration, silenced\n"
        f"FROM spanledger.alert_history({ask.RANGE})\nORDER BY started_at DESC\nLIMIT 100"
    )
    shown = {
        "started_at": column("Since", "dateTimeAsIso", width=170),
        "state": column("State", mappings=INCIDENTS, filled=True, width=100),
        "severity": column("Severity", mappings=SEVERITIES, width=90),
        "what": column("Of", width=180),
        "summary": column("What happened"),
        "duration": column("Lasted", "dtdurations", width=110),
        "silenced": column("Silenced", "bool_yes_no", width=90),
    }
    words = (
        "What the built-in evaluator found in the range. Grafana's own rules keep their own history, under Alerting."
    )
    return table("Incidents", words, rows(sql), shown, nothing="No incidents in this range")


def errors_by_provider() -> Json:
    return timeseries(
        "Error rate by provider", "Is it us or them? Share of calls that failed, of the providers with the most calls.",
        over_time(ask.lines("usage", "error_rate", "rate", "'provider'")), unit="percentunit", line=0.05,
    )  # fmt: skip


def p95_by_provider() -> Json:
    return timeseries(
        "Duration p95 by provider", "95 of 100 calls were as fast or faster, within 1 %.",
        over_time(ask.lines("latency", "p95_duration_ns", "p95", "'provider'")), unit="ns",
    )  # fmt: skip


def failed() -> Json:
    chosen = " AND ".join(
        f"(empty([${{{name}:singlequote}}]) OR has([${{{name}:singlequote}}], {name_of}))"
        for name, name_of in {
            "environment": "environment", "service": "service_name", "provider": "provider", "model": "model", "team": "team",
        }.items()
    )  # fmt: skip
    sql = (
        "SELECT timestamp AS time, service_name::String AS service, provider::String AS provider, model::String AS model,"
        " error_type::String AS error_type, status_message, duration_ns, trace_id\n"
        "FROM spanledger.spans\n"
        f"WHERE status = 'error' AND provider != '' AND timestamp >= {ask.SINCE} AND timestamp < {ask.UNTIL}"
        f" AND (empty(${{project:singlequote}}) OR project = ${{project:singlequote}})\n  AND {chosen}\n"
        "ORDER BY timestamp DESC\nLIMIT 100"
    )
    shown = {
        "time": column("At", "dateTimeAsIso", width=170),
        "service": column("Service", width=140),
        "provider": column("Provider", width=110),
        "model": column("Model", width=170),
        "error_type": column("Error", width=160),
        "status_message": column("Message"),
        "duration_ns": column("Duration", "ns", decimals=1, width=100),
        "trace_id": column("Trace", link=links.trace(), width=280),
    }
    words = "The last calls that failed; a trace id leads to the trace."
    return table("Failed calls", words, rows(sql), shown, nothing="No call failed in this range")


def board(dashboard_url: str) -> Board:
    return Board(
        "spanledger-reliability",
        "Reliability",
        "Objectives, error budgets and their burn; incidents; providers; the calls that failed.",
        rows=[
            Row(4, stats()),
            Row(8, [objectives()]),
            Row(8, [burn(), kept()]),
            Row(8, [windows(), incidents()]),
            Row(8, [errors_by_provider(), p95_by_provider()]),
            Row(9, [failed()]),
        ],
        variables=[
            variables.project(), variables.objective(), *variables.dimensions(), variables.dashboard_url(dashboard_url),
        ],
        annotations=[marks.deploys(), marks.alerts()],
        links=[links.boards(), links.page("Overview")],
    )  # fmt: skip
