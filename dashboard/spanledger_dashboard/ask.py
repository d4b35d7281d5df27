"""The questions: one function each, one view each. Nothing is computed here; figures come as the views give them."""

from __future__ import annotations

import os
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
_TYPES = {"from": "DateTime('UTC')", "to": "DateTime('UTC')", "project": "String", "step": "UInt32", "by": "String"}


class StoreAwayError(Exception):
    """The store cannot be reached."""


class KeyRefusedError(Exception):
    """The store does not take the key."""


class QuestionFailedError(Exception):
    """The store answered with an error: too dear a question, or a store without these views."""


def dsn() -> str:
    return os.environ.get("SPANLEDGER_CLICKHOUSE_DSN") or DEFAULT_DSN


def usage(selection: Selection, period: Period, step: int = 0, by: str = "") -> pd.DataFrame:
    """Calls, errors, spend, coverage, tokens and cache: over time, by a dimension."""
    return _ask("usage", **_range(period), **_filters(selection), step=step, by=by)


def latency(selection: Selection, period: Period, step: int = 0, by: str = "") -> pd.DataFrame:
    """Percentiles of duration and of time to first token, in nanoseconds."""
    return _ask("latency", **_range(period), **_filters(selection), step=step, by=by)


def coverage(selection: Selection, period: Period) -> pd.DataFrame:
    """Calls and tokens by where their cost comes from."""
    return _ask("coverage", **_range(period), **_filters(selection))


def movers(selection: Selection, period: Period, by: str) -> pd.DataFrame:
    """Spend by a dimension against the period before."""
    return _ask("movers", **_range(period), **_filters(selection), by=by)


def dimension_values(selection: Selection, period: Period) -> pd.DataFrame:
    """What there is to filter by."""
    return _ask("dimension_values", **_range(period), project=selection.project)


def freshness(project: str = "") -> pd.DataFrame:
    """Each project's first and last hour and last posting."""
    return _ask("freshness", project=project)


def forget() -> None:
    """The next answers are fresh ones."""
    _answer.clear()


def _range(period: Period) -> dict[str, Any]:
    return {"from": f"{period.since:%Y-%m-%d %H:%M:%S}", "to": f"{period.until:%Y-%m-%d %H:%M:%S}"}


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
        answer = _client(where, key).query(f"SELECT * FROM spanledger.{view}({names})", parameters=values)
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
