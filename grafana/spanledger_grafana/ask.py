"""The SQL of the boards: which view, with which arguments. Figures come as the views give them.

A view's times are in UTC and a macro's in the time zone of the server, so each is told its zone. A variable that is All
becomes its `allValue` as it is: a comment in the brackets of an array leaves the empty array, which filters nothing.
"""

from __future__ import annotations

ALL_VALUES = "/* all */"
ALL_PROJECTS = "''"

SINCE = "toDateTime($__fromTime, 'UTC')"
UNTIL = "toDateTime($__toTime, 'UTC')"
RANGE = f"from={SINCE}, to={UNTIL}"
PROJECT = "project=${project:singlequote}"
FILTERS = (
    f"{PROJECT}, environments=[${{environment:singlequote}}], services=[${{service:singlequote}}],"
    " providers=[${provider:singlequote}], models=[${model:singlequote}], teams=[${team:singlequote}],"
    " features=[], customers=[]"
)
STEP = "$__interval_s"
"""Seconds of a bucket: the panel's interval, a minute at least, as ledger and views count to the minute."""
BY = "${by:singlequote}"
NAMELESS = "(none)"
SHOWN = 8
"""Values that a chart tells apart; what is smaller is summed up, or left out where it cannot be summed."""


def view(name: str, step: str = "", by: str = "") -> str:
    """A view of calls, filtered by the board. `step` and `by` where it takes them, `by` as SQL."""
    given = [*([f"step={step}"] if step else []), *([f"by={by}"] if by else []), RANGE, FILTERS]
    return f"spanledger.{name}({', '.join(given)})"


def whole(name: str, columns: str) -> str:
    """One row: of the whole range."""
    return f"SELECT {columns}\nFROM {view(name, '0', _NOTHING)}"


def curve(name: str, columns: str) -> str:
    """A row a bucket."""
    return f"SELECT time, {columns}\nFROM {view(name, STEP, _NOTHING)}\nORDER BY time"


def parts(figure: str, column: str, by: str = BY) -> str:
    """A figure that can be summed, by value: the largest, and the others together."""
    return (
        f"WITH largest AS (SELECT value FROM {view('usage', '0', by)} ORDER BY {figure} DESC NULLS LAST LIMIT {SHOWN})\n"
        f"SELECT time, multiIf(value NOT IN (SELECT value FROM largest), 'others', value = '', '{NAMELESS}', value) AS series,"
        f" toFloat64(sum({figure})) AS {column}\n"
        f"FROM {view('usage', STEP, by)}\nGROUP BY time, series\nHAVING isNotNull({column})\nORDER BY time, series"
    )


def lines(name: str, figure: str, column: str, by: str = BY) -> str:
    """A figure that cannot be summed, by value: those with the most calls."""
    return (
        f"WITH largest AS (SELECT value FROM {view('usage', '0', by)} ORDER BY calls DESC LIMIT {SHOWN})\n"
        f"SELECT time, if(value = '', '{NAMELESS}', value) AS series, {figure} AS {column}\n"
        f"FROM {view(name, STEP, by)}\nWHERE value IN (SELECT value FROM largest) AND isNotNull({column})\nORDER BY time, series"
    )


def values(dimension: str) -> str:
    """What a variable offers. Grafana escapes quotes where it puts a value between them, and leaves backslashes to us."""
    return (
        "SELECT replaceAll(value, '\\\\', '\\\\\\\\') AS value\n"
        f"FROM spanledger.dimension_values({PROJECT}, {RANGE})\n"
        f"WHERE dimension = '{dimension}'\nORDER BY value\nLIMIT 1000"
    )


_NOTHING = "''"
