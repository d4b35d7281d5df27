"""The Streamlit script: navigation, the bar of range and filters, and what every page does when it cannot draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import streamlit as st

from spanledger_dashboard import (
    alerts,
    ask,
    compare,
    controls,
    delivery,
    errors,
    latency,
    links,
    overview,
    parts,
    providers,
    reliability,
    sessions,
    spend,
    states,
    traces,
)
from spanledger_dashboard.selection import Period
from spanledger_dashboard.view import View

PAGES: dict[str, tuple[str, Callable[[View], None]]] = {
    "Overview": (":material/monitoring:", overview.draw_page),
    "Spend": (":material/payments:", spend.draw_page),
    "Latency": (":material/timer:", latency.draw_page),
    "Errors": (":material/error:", errors.draw_page),
    "Providers": (":material/cloud:", providers.draw_page),
    "Traces": (":material/account_tree:", traces.draw_page),
    "Sessions": (":material/forum:", sessions.draw_page),
    "Compare": (":material/compare_arrows:", compare.draw_page),
    "Reliability": (":material/verified:", reliability.draw_page),
    "Delivery": (":material/local_shipping:", delivery.draw_page),
    "Alerts": (":material/notifications:", alerts.draw_page),
}
_COMPARED = ("Overview", "Spend", "Latency", "Errors")
"""Pages that set the range against the one before."""
_REFRESH_SECONDS = {"Auto-refresh off": None, "Every 10 s": 10, "Every minute": 60}


def run(title: str, draw_page: Callable[[View], None]) -> None:
    """One page: its controls, then its body, again and again where the reader asked for that."""
    colours = parts.palette()
    parts.style(colours)
    refresh = controls.refresh(_REFRESH_SECONDS)
    drawn = controls.selection()

    @st.fragment(run_every=refresh)
    def body() -> None:
        if controls.outdated(drawn):
            st.rerun()
        now = datetime.now(UTC)
        selection = controls.selection()
        view = View(selection, selection.period(now), now, colours)
        head = st.empty()
        controls.heading(head, title, view)
        try:
            fresh = ask.freshness(selection.project)
            if compared := title in _COMPARED and len(fresh) > 0:
                view = replace(view, before=_before(view))
            controls.heading(head, title, view, compared, fresh)
            if not len(fresh) and title not in controls.UNFILTERED:
                states.no_calls_yet(selection.project)
                return
            draw_page(view)
        except ask.StoreAwayError:
            states.store_away()
        except ask.KeyRefusedError:
            states.key_refused()
        except ask.QuestionFailedError as error:
            states.question_failed(str(error))

    body()


def _before(view: View) -> Period | None:
    """The period before, if all of it lies after the first call: against a part of one, everything would seem to grow."""
    first, before = ask.first_call(view.selection), view.period.before
    return before if first is not None and first <= before.since else None


def page(title: str) -> st.Page:
    icon, draw_page = PAGES[title]

    def show() -> None:
        run(title, draw_page)

    return st.Page(show, title=title, icon=icon, url_path=title.lower(), default=title == "Overview")


def main() -> None:
    st.set_page_config(page_title="spanledger", page_icon="📒", layout="wide", initial_sidebar_state="expanded")
    pages = {title: page(title) for title in PAGES}
    st.session_state["pages"] = pages
    current = st.navigation(list(pages.values()), position="hidden")
    st.session_state["page"] = current.title
    controls.turn_page()
    controls.adopt_url()
    controls.sidebar(pages)
    current.run()
    links.follow()


if __name__ == "__main__":
    main()
