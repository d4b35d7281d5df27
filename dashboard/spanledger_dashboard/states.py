"""What a page shows when there is nothing to draw: why, and the way out."""

from __future__ import annotations

import streamlit as st

from spanledger_dashboard import ask, controls, explain, parts
from spanledger_dashboard.view import View

FIRST_SPAN = """\
# pip install "spanledger[openai]" openai
import spanledger
spanledger.instrument()

from openai import OpenAI
with spanledger.attribute(team="growth", feature="search"):
    OpenAI().responses.create(model="gpt-5-mini", input="Hello, ledger!")
"""
ANY_LANGUAGE = """\
export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:4318/v1/traces
export OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf
"""


FIRST_OBJECTIVES = """\
slos:
  - name: checkout-availability
    description: The checkout assistant answers.
    indicator: availability       # or latency, time_to_first_token, cost
    objective: 99.9               # percent of good calls
    period: 28d                   # or month
    scope: {services: [checkout]}
    errors: [provider, unknown]   # classes that count as bad
  - name: checkout-first-token
    indicator: time_to_first_token
    threshold: 2.5s               # of cost: USD a call
    objective: 95
    scope: {services: [checkout]}
budgets:
  - name: search-team
    amount: 5000                  # USD
    period: month                 # or day, week, quarter, year
    time_zone: Europe/Berlin
    scope: {teams: [search]}
    unpriced_call_usd: 0.02       # taken for a call without a price
"""
FIRST_CHANNELS = """\
alerting:
  channels:
    - {name: on-call, url: "${PAGERDUTY_URL}", severities: [page]}
    - {name: team, url: "${SLACK_URL}", severities: [page, ticket]}
"""


def no_objectives() -> None:
    parts.state(
        "No objectives yet",
        "An objective says what share of calls is to be good, or how much may be spent. From it come the error budget on "
        "this page and the alerts on the next.",
        "Write this into `spanledger.yaml` in the data folder, or any file that `--config` names, and start the platform "
        "again. `spanledger slo check` says whether it can be read.",
    )
    with st.container(width=736):
        st.code(FIRST_OBJECTIVES, language="yaml")
        _again("Check again")


def no_alerts(view: View) -> None:
    parts.state(
        "No alerts",
        f"Nothing is open now, and nothing was from {explain.span(view.period.since, view.period.until, view.now)}. Alerts come "
        "from objectives whose budget burns too fast, and from the platform itself where it is not well.",
        "Channels in `spanledger.yaml` say who is told; `spanledger alerts test` tries each of them.",
    )
    with st.container(width=736):
        st.code(FIRST_CHANNELS, language="yaml")
        _again("Check again")


def no_deliveries(view: View) -> None:
    parts.state(
        "Nothing arrived",
        f"No request arrived from {explain.span(view.period.since, view.period.until, view.now)}. Whether something was emitted is "
        "known from the stamps that the SDK puts on each request, so a process that sends nothing at all is not seen here.",
        "`spanledger doctor --app`, run where the app runs, says whether its spans can get here.",
    )
    with st.container(width=736):
        _again("Check again")


def no_calls_yet(project: str) -> None:
    where = f"in project `{project}`" if project else "in this ledger"
    parts.state(
        f"No calls {'in ' + project if project else 'yet'}",
        f"There is no call {where} so far. Add one line to an app that calls a model; its first call is on this page "
        "seconds later, with its cost.",
    )
    with st.container(width=736):
        st.code(FIRST_SPAN, language="python")
        st.caption("Any OpenTelemetry exporter will do too, from any language:")
        st.code(ANY_LANGUAGE, language="bash")
        _again("Check again")


def no_calls_here(view: View, last_call: str) -> None:
    chosen = [value for values in view.selection.chosen.values() for value in values]
    parts.state(
        "No calls here",
        f"Nothing was called from {explain.span(view.period.since, view.period.until, view.now)}"
        + (f" that passes the filters ({', '.join(chosen)})." if chosen else "."),
        f"The last call in the ledger was in the hour from {last_call}.",
    )
    with st.container(horizontal=True):
        if view.selection.range != "30d":
            st.button("Show the last 30 days", on_click=controls.choose_range, args=("30d",), type="primary")
        if chosen:
            st.button("Clear the filters", on_click=controls.clear_filters)


def no_traces(view: View, last_call: str) -> None:
    parts.state(
        "No traces here",
        f"No trace from {explain.span(view.period.since, view.period.until, view.now)} passes what is looked for.",
        f"The last call in the ledger was in the hour from {last_call}. Spans are kept for weeks, the ledger's figures for years: what is "
        "older is on the other pages.",
    )
    with st.container(horizontal=True):
        if view.selection.range != "30d":
            st.button("Show the last 30 days", on_click=controls.choose_range, args=("30d",), type="primary")
        st.button("Clear the filters", on_click=controls.clear_filters)


def no_such_trace(trace_id: str) -> None:
    parts.state(
        "No such trace",
        f"No span of `{trace_id}` is kept here.",
        "Spans are kept for weeks, and seen only in their own project. A trace that is a few seconds old may still be on its way.",
    )
    _again("Check again")


def no_sessions(view: View, last_call: str) -> None:
    parts.state(
        "No sessions here",
        f"No call from {explain.span(view.period.since, view.period.until, view.now)} that passes the filters names its session. "
        "`spanledger.attribute(session=…)` does, or the attribute `session.id`.",
        f"The last call in the ledger was in the hour from {last_call}.",
    )
    with st.container(horizontal=True):
        if view.selection.range != "30d":
            st.button("Show the last 30 days", on_click=controls.choose_range, args=("30d",), type="primary")
        if view.selection != controls.unfiltered(view.selection):
            st.button("Clear the filters", on_click=controls.clear_filters)


def no_such_session(view: View, session: str) -> None:
    parts.state(
        "No such session",
        f"No span of `{session}` is kept from {explain.span(view.period.since, view.period.until, view.now)}.",
    )
    if view.selection.range != "30d":
        st.button("Show the last 30 days", on_click=controls.choose_range, args=("30d",), type="primary")


def no_errors(view: View, calls: str) -> None:
    kinds = " of " + ", ".join(name.replace("_", " ") for name in view.selection.classes)
    parts.state(
        "No errors here",
        f"Of {calls} calls from {explain.span(view.period.since, view.period.until, view.now)} none failed"
        + (f" with an error{kinds}." if view.selection.classes else "."),
    )


def store_away() -> None:
    parts.state(
        "The store does not answer",
        f"This dashboard reads a ClickHouse store at `{ask.dsn()}`, and nothing answers there. What a collector has "
        "acknowledged is not lost: it waits on disk until the store is back.",
        "Is the platform running? `spanledger up` starts it. If the store is somewhere else, set "
        "`SPANLEDGER_CLICKHOUSE_DSN` and start the dashboard again.",
    )
    _again("Try again")


def key_refused() -> None:
    parts.state(
        "The store asks for a key",
        f"The store at `{ask.dsn()}` did not take this dashboard's key.",
        "`spanledger keys create` makes one; give it to the dashboard in `SPANLEDGER_READ_KEY` and start it again.",
    )
    _again("Try again")


def question_failed(reason: str) -> None:
    parts.state(
        "The store could not answer",
        "It is up, but it refused or gave up a question of this page. A shorter range or fewer filters may do; if the "
        "store is older than this dashboard, `spanledger migrate` brings it up to date.",
    )
    with st.expander("What it said"):
        st.code(reason, language=None, wrap_lines=True)
    _again("Try again")


def _again(label: str) -> None:
    st.button(label, type="primary", icon=":material/refresh:", on_click=ask.forget)
