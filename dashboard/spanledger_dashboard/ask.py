"""The questions: one function each, one view each. Nothing is computed here; figures come as the views give them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import current_thread
from typing import Any

import clickhouse_connect
import pandas as pd
import streamlit as st
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
from streamlit.runtime.scriptrunner import add_script_run_ctx, get_script_run_ctx
from urllib3.exceptions import HTTPError

from spanledger_dashboard.selection import DIMENSIONS, Period, Selection

DEFAULT_DSN = "http://127.0.0.1:8123"
_KEPT_SECONDS = 15
_AT_ONCE = 4
"""Questions of one reader; the read-only interface answers as many."""
_WRONG_KEY = frozenset({192, 193, 194, 516})
_TYPES = {"from": "DateTime('UTC')", "to": "DateTime('UTC')", "project": "String", "step": "UInt32", "by": "String",
          "at": "DateTime('UTC')", "objective": "String", "number": "UInt32",
          **dict.fromkeys(("status", "user_id", "session_id", "prompt_name", "prompt_version", "trace_id", "span_id", "sort",
                           "before_session", "text"), "String"),
          **dict.fromkeys(("before_rank", "before_ns"), "Int64"), "hashes": "Array(UInt64)", "totals": "Bool",
          **dict.fromkeys(("min_cost_usd", "max_cost_usd"), "Float64"), "limit": "UInt32", "newest": "UInt32",
          **dict.fromkeys(("before_hash", "min_duration_ns", "max_duration_ns", "min_tokens", "max_tokens"), "UInt64")}  # fmt: skip


class StoreAwayError(Exception):
    """The store cannot be reached."""


class KeyRefusedError(Exception):
    """The store does not take the key."""


class QuestionFailedError(Exception):
    """The store answered with an error: too dear a question, or a store without these views."""


def dsn() -> str:
    return os.environ.get("SPANLEDGER_CLICKHOUSE_DSN") or DEFAULT_DSN


def read_key() -> str:
    """Empty where the store is asked without one."""
    return os.environ.get("SPANLEDGER_READ_KEY", "")


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


def first_call(selection: Selection) -> datetime | None:
    """The minute since which there are calls that pass the filters; None where there is none."""
    first = _ask("first_call", **_filters(selection))["first_call_at"].iloc[0]
    return first if isinstance(first, datetime) else None


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


def delivery(selection: Selection, period: Period, by: str = "") -> pd.DataFrame:
    """Emitted, stored, dropped and lost spans: in all, or by service or process."""
    return _ask("delivery", **_range(period), project=selection.project, by=by)


def delivery_gaps(selection: Selection, period: Period) -> pd.DataFrame:
    """When spans were lost or dropped, and whose."""
    return _ask("delivery_gaps", **_range(period), project=selection.project)


LAST = (2**63 - 1, 2**64 - 1)
PAGE = 50
_ALWAYS = {"from": "1971-01-01 00:00:00", "to": "2100-01-01 00:00:00"}


AT_A_TIME = {"dearest": 6e6, "slowest": 3e6}
"""Calls whose traces fit into the memory of one question (256 MB)."""


def traces(
    selection: Selection, period: Period, at_a_time: Mapping[str, float] = AT_A_TIME
) -> tuple[pd.DataFrame, str]:
    """A page of traces with their figures, and the key of the page after it, '' where there is none. The newest are looked for
    in short ranges first; for the others, a range with more calls than `at_a_time` is asked a part at a time."""
    find = selection.find
    rank, hash_ = _key(find.after)
    bounds = {"min_cost_usd": find.min_cost, "max_cost_usd": find.max_cost,
              "min_duration_ns": int(find.min_seconds * 1e9), "max_duration_ns": int(find.max_seconds * 1e9),
              "min_tokens": find.min_tokens, "max_tokens": find.max_tokens}  # fmt: skip
    given = _passes(selection) | bounds | {
        "sort": find.sort, "totals": find.sort != "newest" or find.bounded, "before_rank": rank, "before_hash": hash_, "limit": PAGE + 1
    }  # fmt: skip
    found = pd.DataFrame()
    if find.sort == "newest":
        before = datetime.fromtimestamp(rank // 10**9 + 1, UTC) if find.after else None
        for shown in windows(period, before, _rate(selection)):
            found = _ask("trace_page", **_range(shown), **given).assign(since=shown.since - LONG, until=shown.until)
            if len(found) > PAGE:
                break
    else:
        parts = [
            _ask("trace_page", **_range(part), **given).assign(since=part.since, until=part.until)
            for part in period.parts(_rate(selection) * period.length.total_seconds() / at_a_time[find.sort])
        ]
        found = pd.concat([part for part in parts if len(part)] or parts)
        if len(parts) > 1 and len(found):  # a trace may be in two of them
            ranked = found.sort_values(["rank", "hash"], ascending=False, kind="stable")
            found = ranked.drop_duplicates("hash").head(PAGE + 1)
    if not len(found):
        return found, ""
    page = found.head(PAGE)
    last = page.iloc[-1]
    where = dict.fromkeys(zip(page["since"], page["until"], strict=True))
    rows = pd.concat([
        _ask("traces", **_range(Period(since, until)), hashes=tuple(page[page["since"] == since]["hash"]), trace_ids=(),
             project=selection.project)
        for since, until in where
    ])  # fmt: skip
    place = {hash_: number for number, hash_ in enumerate(page["hash"])}
    rows = rows.sort_values("hash", key=lambda hashes: hashes.map(place), kind="stable")
    return rows, f"{last['rank']}.{last['hash']}" if len(found) > PAGE else ""


LONG = timedelta(hours=2)
"""So much further back than its page is looked for what belongs to a trace, beside the view's own hour."""


def _rate(selection: Selection) -> float:
    """Calls a second, as they have been on average."""
    fresh = freshness(selection.project)
    if not len(fresh):
        return 0
    lasted = max(fresh["last_hour"]) - min(fresh["first_hour"]) + timedelta(hours=1)
    return float(sum(fresh["calls"]) / lasted.total_seconds())


def windows(period: Period, before: datetime | None, rate: float) -> list[Period]:
    """Ranges that end where the page does, each wider than the last, the first one with a page of calls in it at that rate. A trace may
    go on for an hour after its place in the order."""
    newest = min(before or period.until, period.until)
    end = min(newest + timedelta(hours=1), period.until) if before else period.until
    widths = (timedelta(minutes=10), timedelta(hours=2), timedelta(days=1))
    likely = [width for width in widths if rate * width.total_seconds() > PAGE and newest - width > period.since]
    return [Period(newest - width, end) for width in likely] + [Period(period.since, end)]


FACETED = 200_000


def trace_facets(selection: Selection, period: Period, newest: int = FACETED) -> pd.DataFrame:
    """Values and their counts, of the spans that pass the filters: of so many of the newest, where there are more."""
    return _ask("trace_facets", **_range(period), **_passes(selection), newest=newest)


def trace_figures(trace_ids: Sequence[str], project: str = "") -> pd.DataFrame:
    """What these traces cost and how they went, whenever they were, in this order."""
    return _ask("traces", **_ALWAYS, hashes=(), trace_ids=tuple(trace_ids), project=project)


_OF_TREE = (
    "timestamp, trace_id, span_id, parent_span_id, name, service_name, model, operation, duration_ns, status, input_tokens, output_tokens, "
    "cost_usd, billing_owner"
)


def trace_spans(trace_id: str, project: str) -> pd.DataFrame:
    """The spans of a trace, oldest first: as much of each as a row of a tree says, for there may be thousands."""
    return _ask("trace_spans", _OF_TREE, trace_id=trace_id, project=project)


def span(trace_id: str, span_id: str, project: str) -> pd.DataFrame:
    """All that was kept of a span, or no row."""
    return _ask("span", trace_id=trace_id, span_id=span_id, project=project)


def sessions(selection: Selection, period: Period) -> tuple[pd.DataFrame, str]:
    """A page of sessions, the one that was active last first, and the key of the page after it."""
    last, _, name = selection.find.after.partition(".")
    last_ns = int(last) if last.isdigit() and len(last) < 19 else LAST[0]
    before = datetime.fromtimestamp(last_ns // 10**9 + 1, UTC) if last_ns != LAST[0] else None
    found = pd.DataFrame()
    for shown in windows(period, before, _rate(selection)):
        found = _ask(
            "session_page",
            **_range(shown),
            **_passes(selection),
            before_ns=last_ns,
            before_session=name,
            limit=PAGE + 1,
        )
        if len(found) > PAGE:
            break
    if not len(found):
        return found, ""
    page = found.head(PAGE)
    rows = _ask("sessions", **_range(period), session_ids=tuple(page["session_id"]), project=selection.project)
    more = len(found) > PAGE
    return rows, f"{page.iloc[-1]['last_ns']}.{page.iloc[-1]['session_id']}" if more else ""


def compare_prompts(selection: Selection, period: Period, prompt_name: str) -> pd.DataFrame:
    """A row a version of the prompt."""
    return _ask("compare_prompts", **_range(period), **_filters(selection), prompt_name=prompt_name)


def content(trace_id: str, project: str) -> pd.DataFrame:
    """What was said in a trace: `span_id` and `messages`. Empty where content is not captured, or not for this key to read."""
    return _ask("trace_content", trace_id=trace_id, project=project)


def _passes(selection: Selection) -> dict[str, Any]:
    find = selection.find
    ids: tuple[str, ...] = ()
    if find.text:
        found = _ask("content_search", text=find.text, project=selection.project)
        ids = tuple(found["trace_id"]) if len(found) else ("none",)
    return _filters(selection) | {
        "status": find.status, "classes": selection.classes, "user_id": find.user, "session_id": find.session,
        "prompt_name": find.prompt, "prompt_version": find.version, "tags": find.tag, "trace_ids": ids,
    }  # fmt: skip


def _key(text: str) -> tuple[int, int]:
    rank, _, hash_ = text.partition(".")
    known = rank.isdigit() and hash_.isdigit() and int(rank) <= LAST[0] and int(hash_) <= LAST[1]
    return (int(rank), int(hash_)) if known else LAST


def forget() -> None:
    """The next answers are fresh ones."""
    _answer.clear()


def _range(period: Period) -> dict[str, Any]:
    return {"from": _moment(period.since), "to": _moment(period.until)}


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"


def _filters(selection: Selection) -> dict[str, Any]:
    return {"project": selection.project} | {f"{name}s": selection.chosen.get(name, ()) for name in DIMENSIONS}


def together(*questions: Callable[[], pd.DataFrame]) -> list[pd.DataFrame]:
    """The answers to questions that do not wait for each other, some at once. Raises what the first of them raises."""
    here = get_script_run_ctx()
    with ThreadPoolExecutor(_AT_ONCE, initializer=lambda: add_script_run_ctx(current_thread(), here)) as asking:
        return list(asking.map(lambda question: question(), questions))


def _ask(view: str, columns: str = "*", **arguments: Any) -> pd.DataFrame:
    names = ", ".join(f"{name}={{{name}:{_TYPES.get(name, 'Array(String)')}}}" for name in arguments)
    source = f"spanledger.{view}({names})" if names else f"spanledger.{view}"
    return _rows(f"SELECT {columns} FROM {source}", tuple(arguments.items()))


def _rows(question: str, arguments: tuple[tuple[str, Any], ...]) -> pd.DataFrame:
    return _answer(dsn(), read_key(), question, arguments).copy()


@st.cache_data(ttl=_KEPT_SECONDS, max_entries=500, show_spinner=False)
def _answer(where: str, key: str, question: str, arguments: tuple[tuple[str, Any], ...]) -> pd.DataFrame:
    """The rows with the driver's own values: Decimal for money, None for what is not known, times in UTC."""
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in arguments}
    try:
        answer = _client(where, key).query(question, parameters=values)
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
