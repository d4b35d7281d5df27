"""Links between the pages: followed within the session that is open, which takes a fraction of loading the app anew."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from spanledger_dashboard import controls

_KEY = "links"
_component = st.components.v2.component(
    "spanledger_links", js=Path(__file__).with_name("links.js").read_text(encoding="utf-8")
)


def follow() -> None:
    """From now on a click on a link to one of our own pages is followed here; where nothing follows it, the browser does."""

    def clicked() -> None:
        if address := st.session_state[_KEY].get("to"):
            controls.follow(str(address))

    with st.container(key="sl-unseen"):
        _component(key=_KEY, on_to_change=clicked)
