"""Range, project and filters: the widgets, and the one selection that they, the URL and all pages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import Any
from urllib.parse import parse_qs, urlencode

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from spanledger_dashboard import ask, explain, parts
from spanledger_dashboard.find import Find
from spanledger_dashboard.selection import CUSTOM, DIMENSIONS, RANGES, Period, Selection
from spanledger_dashboard.view import View

_KEY = "selection"
SECTIONS = {
    "Usage": ("Overview", "Spend"),
    "Performance": ("Latency", "Errors", "Providers"),
    "Calls": ("Traces", "Sessions", "Compare"),
    "On call": ("Reliability", "Delivery", "Alerts"),
}
"""The pages, as the sidebar lists them."""
UNFILTERED = ("Reliability", "Delivery", "Alerts")
"""Pages that are not of calls: no filter of calls says anything to them."""
_OF_TRACES = ("Traces", "Compare")
"""Pages that open traces: on the others none is open."""
_LABELS = {**{name: name for name in RANGES}, CUSTOM: "Custom"}


def selection() -> Selection:
    chosen = st.session_state[_KEY]
    assert isinstance(chosen, Selection)
    return chosen


def select(chosen: Selection) -> None:
    """From now on this is looked at, on every page, and the URL says so."""
    st.session_state[_KEY] = chosen
    st.query_params.from_dict(chosen.query())


def adopt_url() -> None:
    """What the URL says, where it says anything new; what was looked at before, where it says nothing."""
    query = {name: st.query_params.get_all(name) for name in st.query_params}
    if query or _KEY not in st.session_state:
        st.session_state[_KEY] = Selection.of(query)
    if st.session_state["page"] not in _OF_TRACES:
        st.session_state[_KEY] = replace(selection(), find=replace(selection().find, trace=(), span=""))
    if query != selection().query():
        st.query_params.from_dict(selection().query())


def choose_range(name: str) -> None:
    select(replace(selection(), range=name, since=None, until=None))


def clear_filters() -> None:
    select(unfiltered(selection()))


def unfiltered(chosen: Selection) -> Selection:
    return replace(chosen, chosen={}, classes=(), find=Find())


def look_for(**changed: Any) -> None:
    """Look for something else among traces, from the first page on."""
    select(replace(selection(), find=replace(selection().find, **({"after": ""} | changed))))


def address(page: str, chosen: Selection) -> str:
    """A link to a page that shows this."""
    return f"{page}?{urlencode(chosen.query(), doseq=True)}"


def follow(link: str) -> None:
    """To what an `address` leads to."""
    page, _, query = link.partition("?")
    chosen = Selection.of(parse_qs(query))
    title = page.rpartition("/")[2].capitalize() or "Overview"
    if title in st.session_state["pages"] and title != st.session_state["page"]:
        go(title, chosen)
    else:
        select(chosen)


def go(title: str, chosen: Selection) -> None:
    """To another page, and what it shows, as soon as all of the script runs again; for a callback, which cannot turn the page itself."""
    st.session_state["go"] = title, chosen.query()


def turn_page() -> None:
    """To where a callback wanted to go."""
    if "go" in st.session_state:
        title, query = st.session_state.pop("go")
        st.switch_page(st.session_state["pages"][title], query_params=query)


def outdated(drawn: Selection) -> bool:
    """Whether a callback changed what is around a page's body, drawn when `drawn` was looked at: the page, its range, the filters. After
    a callback in the body only the body is drawn again."""
    return "go" in st.session_state or _around(drawn) != _around(selection())


def _around(chosen: Selection) -> tuple[Any, ...]:
    return chosen.range, chosen.since, chosen.until, chosen.project, chosen.chosen


def sidebar(pages: Mapping[str, st.Page]) -> None:
    """Where to go, whose calls to look at, and which of them."""
    with st.sidebar:
        st.html('<div class="sl-brand"><i></i>spanledger</div>')
        for name, titles in SECTIONS.items():
            parts.section(name)
            for title in titles:
                st.page_link(pages[title], width="stretch")
        try:
            _project()
            if st.session_state["page"] not in UNFILTERED:
                _filters()
        except (ask.StoreAwayError, ask.KeyRefusedError, ask.QuestionFailedError):
            st.caption("Filters are here when the store is.")


def _project() -> None:
    projects = sorted(str(name) for name in ask.freshness()["project"]) if len(ask.freshness()) else []
    if selection().project and selection().project not in projects:
        projects.append(selection().project)
    if st.session_state["page"] not in UNFILTERED or len(projects) > 1:
        st.divider()
    if len(projects) < 2 and not selection().project:
        return
    options = ["", *projects]
    _keep("project", selection().project)
    st.selectbox("Project", options, format_func=lambda name: name or "All projects", key="project", on_change=_chose)


def _filters() -> None:
    known = ask.dimension_values(selection(), _whole_hours(selection()))
    for dimension in DIMENSIONS:
        rows = known[known["dimension"] == dimension] if len(known) else known
        values = [str(value) for value in rows.sort_values("calls", ascending=False)["value"]] if len(rows) else []
        chosen = selection().chosen.get(dimension, ())
        values += [value for value in chosen if value not in values]
        _keep(dimension, list(chosen))
        if len(values) > 1 or chosen:
            st.multiselect(dimension.capitalize(), values, key=dimension, on_change=_chose, placeholder="All")
    if selection().chosen:
        st.button("Clear filters", on_click=clear_filters, type="tertiary", icon=":material/filter_alt_off:")


def _whole_hours(chosen: Selection) -> Period:
    period = chosen.period(datetime.now(UTC))
    until = period.until.replace(minute=0) + timedelta(hours=1)
    return replace(period, since=period.since.replace(minute=0), until=until)


def _keep(key: str, value: object) -> None:
    """A widget shows the selection, whoever changed that last."""
    st.session_state[key] = value


def _chose() -> None:
    before = selection().chosen  # of what is not on the page
    chosen = {dimension: tuple(st.session_state.get(dimension, before.get(dimension, ()))) for dimension in DIMENSIONS}
    project = str(st.session_state.get("project", ""))
    kept = {dimension: values for dimension, values in chosen.items() if values}
    select(replace(selection(), project=project, chosen=kept))


def refresh(every: Mapping[str, int | None]) -> int | None:
    """The bar above a page: its range, and how often it looks again. Returns seconds, None for never."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _keep("range", selection().range)
        st.segmented_control(
            "Range", list(_LABELS), format_func=_LABELS.__getitem__, key="range", on_change=_chose_range,
            label_visibility="collapsed",
        )  # fmt: skip
        if selection().range == CUSTOM:
            _custom()
        st.space("stretch")
        st.session_state.setdefault("refresh", next(iter(every)))
        chosen = st.selectbox("Refresh", list(every), key="refresh", label_visibility="collapsed", width=170,
                              help="Look again by itself")  # fmt: skip
        st.button("Refresh", icon=":material/refresh:", on_click=ask.forget)
    return every[chosen]


def _chose_range() -> None:
    name = st.session_state["range"]
    if name is None:  # the chosen one was clicked again
        return
    if name != CUSTOM:
        choose_range(name)
        return
    period = selection().period(datetime.now(UTC))
    select(replace(selection(), range=CUSTOM, since=period.since, until=period.until))


def _custom() -> None:
    chosen = selection()
    if chosen.since is None or chosen.until is None:
        return
    with st.popover(explain.span(chosen.since, chosen.until, datetime.now(UTC)), icon=":material/date_range:"):
        for name, moment in (("from", chosen.since), ("to", chosen.until)):
            _keep(f"{name}_date", moment.date())
            _keep(f"{name}_time", moment.time())
            day, hour = st.columns(2)
            day.date_input(
                f"{name.capitalize()} (UTC)", key=f"{name}_date", on_change=_chose_custom, format="YYYY-MM-DD"
            )
            hour.time_input(f"{name.capitalize()} time", key=f"{name}_time", on_change=_chose_custom,
                            label_visibility="hidden", step=900)  # fmt: skip


def _chose_custom() -> None:
    def moment(name: str) -> datetime:
        day, hour = st.session_state[f"{name}_date"], st.session_state[f"{name}_time"]
        assert isinstance(day, date) and isinstance(hour, clock)
        return datetime.combine(day, hour, UTC)

    since, until = moment("from"), moment("to")
    if since < until:
        select(replace(selection(), range=CUSTOM, since=since, until=until))
    else:
        st.toast("A range ends after it begins.", icon=":material/error:")


def by(dimensions: Sequence[str]) -> str:
    """The dimension that a page splits its figures by: the selected one, where the page has it."""
    chosen = selection().by if selection().by in dimensions else dimensions[0]
    _keep("by", chosen)
    st.segmented_control(
        "By", dimensions, format_func=lambda name: name.replace("_", " ").capitalize(), key="by",
        on_change=_chose_dimension, label_visibility="collapsed",
    )  # fmt: skip
    return chosen


def _chose_dimension() -> None:
    if st.session_state["by"]:
        select(replace(selection(), by=st.session_state["by"]))


def heading(
    place: DeltaGenerator, title: str, view: View, compared: bool = False, fresh: pd.DataFrame | None = None
) -> None:
    """What is looked at, and how fresh it is as far as that is known."""
    below = explain.span(view.period.since, view.period.until, view.now)
    if compared:
        length = explain.length(view.period.length)
        below += f", against the {length} before" if view.before else f", no whole {length} before to compare with"
    if fresh is not None and len(fresh):
        below += f" · last posting {explain.ago(max(fresh['last_posted_at']), view.now)}"
    with place:
        parts.title(title, below)
