"""Where a reader goes from here: the other boards, spanledger's own pages, a trace among them."""

from __future__ import annotations

from spanledger_grafana.board import TAG
from spanledger_grafana.sources import Json

# The range as the pages read it.
_RANGE = "range=custom&from=${__from:date:iso}&to=${__to:date:iso}"


def boards() -> Json:
    """The other boards, with the same range and filters."""
    return _link("spanledger boards", type="dashboards", icon="external link", tags=[TAG], asDropdown=True,
                 includeVars=True, keepTime=True)  # fmt: skip


def page(name: str) -> Json:
    """One of spanledger's own pages, with the same range."""
    return _link(
        f"Open in spanledger: {name}",
        type="link",
        icon="bolt",
        url=f"{_page(name)}?{_RANGE}",
        tooltip="The same range of time in spanledger's own pages",
        targetBlank=True,
    )


def of_value(page_name: str) -> tuple[str, str]:
    """From a row of a table to the page, filtered by its value."""
    return "Open in spanledger", f"{_page(page_name)}?{_RANGE}&${{by}}=${{__value.raw:percentencode}}"


def trace() -> tuple[str, str]:
    """From a trace id to the trace, on spanledger's own page."""
    return "Open the trace", f"{_page('traces')}?{_RANGE}&trace=${{__value.raw:percentencode}}"


def _page(name: str) -> str:
    """The address of a page; the first one has no name there."""
    return "${dashboard_url}/" + ("" if name.lower() == "overview" else name.lower())


def _link(title: str, **given: object) -> Json:
    plain = {"asDropdown": False, "icon": "", "includeVars": False, "keepTime": False, "tags": [], "targetBlank": False,
             "tooltip": "", "type": "link"}  # fmt: skip
    return {"title": title, **plain, **given}
