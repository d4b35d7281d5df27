"""The questions: one function each, one view each. Nothing is computed here; figures come as the views give them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import clickhouse_connect
import pandas as pd
import streamlit as st
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
from urllib3.exceptions import HTTPError

from spanledger_dashboard.selection import DIMENSIONS, Period, Selection

DEFAULT_DSN = "http://127.0.0.1:8123"
_KEPT_SECONDS = 15
_WRONG_KEY = frozenset({192, 193, 194, 516})
_TYPES = {"from": "DateTime('UTC')", "to": "DateTime('UTC')", "project": "String", "step": "UInt32", "by": "String",
          "at": "DateTime('UTC')", "objective": "String", "number": "UInt32"}  # fmt: skip


class StoreAwayError(Exception):
    """The store cannot be reached."""


class KeyRefusedError(Exception):
    """The store does not take the key."""


class QuestionFailedError(Exception):
    """The store answered with an error: too dear a question, or a store without these views."""


def dsn() -> str:
    return os.environ.get("SPANLEDGER_CLICKHOUSE_DSN") or DEFAULT_DSN


def column(by: str) -> str:
    """What a view is asked to split by where failed calls count: they name the model asked for, others its release."""
    return "family" if by == "model" else by


def usage(selection: Selection, period: Period, step: int = 0, by: str = "") -> pd.DataFrame:
    """Calls, errors, spend, coverage, tokens and cache: over time, by a dimension."""
    return _ask("usage", **_range(period), **_filters(selection), step=step, by=by)


def latency(selection: Selection, period: Period, step: int = 0, by: str = "") -> pd.DataFrame:
    """Percentiles of duration and of time to first token, in nanoseconds."""
    return _ask("latency", **_range(period), **_filters(selection), step=step, by=by)


def coverage(selection: Selection, period: Period) -> pd.DataFrame:
    """Calls and tokens by where their cost comes from."""
    return _ask("coverage", **_range(period), **_filters(selection))


def suppressed(selection: Selection, period: Period) -> pd.DataFrame:
    """What was reported more than once and billed once."""
    return _ask("suppressed", **_range(period), **_filters(selection))


def movers(selection: Selection, period: Period, by: str) -> pd.DataFrame:
    """Spend by a dimension against the period before."""
    return _ask("movers", **_range(period), **_filters(selection), by=by)


def dimension_values(selection: Selection, period: Period) -> pd.DataFrame:
    """What there is to filter by."""
    return _ask("dimension_values", **_range(period), project=selection.project)


def freshness(project: str = "") -> pd.DataFrame:
    """Each project's first and last hour and last posting."""
    return _ask("freshness", project=project)


def heatmap(selection: Selection, period: Period, step: int) -> pd.DataFrame:
    """Calls by time and by band of duration; a band's ends in nanoseconds."""
    return _ask("heatmap", **_range(period), **_filters(selection), step=step)


def speed(selection: Selection, period: Period, step: int = 0, by: str = "") -> pd.DataFrame:
    """Calls, and output tokens a second."""
    return _ask("speed", **_range(period), **_filters(selection), step=step, by=by)


def errors(
    selection: Selection, period: Period, step: int = 0, by: str = "", classes: Sequence[str] = ()
) -> pd.DataFrame:
    """Failed calls: how many, of which share, first and last seen."""
    return _ask("errors", **_range(period), **_filters(selection), step=step, by=by, classes=tuple(classes))


def error_examples(selection: Selection, period: Period, classes: Sequence[str], number: int) -> pd.DataFrame:
    """The youngest spans of failed calls."""
    return _ask("error_examples", **_range(period), **_filters(selection), classes=tuple(classes), number=number)


def provider_health(selection: Selection, period: Period) -> pd.DataFrame:
    """Providers and models against their own history, with a verdict."""
    return _ask("provider_health", **_range(period), **_filters(selection))


def objectives() -> pd.DataFrame:
    """The SLOs and budgets in force, as they were written."""
    return _ask("objectives_now")


def objective_status(at: datetime) -> pd.DataFrame:
    """How each SLO and budget stands."""
    return _ask("objective_status", at=_moment(at))


def objective_windows(at: datetime) -> pd.DataFrame:
    """How fast each budget burns, a row a pair of windows."""
    return _ask("objective_windows", at=_moment(at))


def objective_series(objective: str, period: Period, step: int) -> pd.DataFrame:
    """Calls, bad ones, burn and spend of one objective over time."""
    return _ask("objective_series", **_range(period), objective=objective, step=step)


def objective_budget(objective: str, period: Period, step: int) -> pd.DataFrame:
    """What was left of one objective's budget over time."""
    return _ask("objective_budget", **_range(period), objective=objective, step=step)


def alerts_open() -> pd.DataFrame:
    """What fires now."""
    return _ask("alerts_open")


def alert_history(period: Period) -> pd.DataFrame:
    """What fired when."""
    return _ask("alert_history", **_range(period))


def silences() -> pd.DataFrame:
    """What is silenced now, and what will be."""
    return _ask("silences_now")


def channel_health(period: Period) -> pd.DataFrame:
    """Whether notifications arrive."""
    return _ask("channel_health", **{"from": _moment(period.since)})


def forget() -> None:
    """The next answers are fresh ones."""
    _answer.clear()


def _range(period: Period) -> dict[str, Any]:
    return {"from": _moment(period.since), "to": _moment(period.until)}


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"


def _filters(selection: Selection) -> dict[str, Any]:
    return {"project": selection.project} | {f"{name}s": selection.chosen.get(name, ()) for name in DIMENSIONS}


def _ask(view: str, **arguments: Any) -> pd.DataFrame:
    return _answer(dsn(), os.environ.get("SPANLEDGER_READ_KEY", ""), view, tuple(arguments.items())).copy()


@st.cache_data(ttl=_KEPT_SECONDS, max_entries=500, show_spinner=False)
def _answer(where: str, key: str, view: str, arguments: tuple[tuple[str, Any], ...]) -> pd.DataFrame:
    """A view's rows with the driver's own values: Decimal for money, None for what is not known, times in UTC."""
    names = ", ".join(f"{name}={{{name}:{_TYPES.get(name, 'Array(String)')}}}" for name, _ in arguments)
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in arguments}
    try:
        source = f"spanledger.{view}({names})" if names else f"spanledger.{view}"
        answer = _client(where, key).query(f"SELECT * FROM {source}", parameters=values)
    except (OperationalError, HTTPError, OSError) as error:
        raise StoreAwayError(str(error)) from error
    except ClickHouseError as error:
        if getattr(error, "code", None) in _WRONG_KEY:
            raise KeyRefusedError(str(error)) from error
        raise QuestionFailedError(str(error)) from error
    columns = zip(answer.column_names, answer.result_columns, strict=True)
    return pd.DataFrame({name: pd.Series([_utc(value) for value in values], dtype=object) for name, values in columns})


def _utc(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


@st.cache_resource(show_spinner=False)
def _client(where: str, key: str) -> Client:
    return clickhouse_connect.get_client(
        dsn=where,
        secure=where.startswith("https:"),
        access_token=key or None,
        client_name="spanledger-dashboard",
        autogenerate_session_id=False,
        connect_timeout=3,
        send_receive_timeout=60,
    )
