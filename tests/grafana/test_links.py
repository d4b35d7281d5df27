"""Where the boards' links lead: to pages that there are, which read of them what the reader saw."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from grafana.reading import BOARDS, Reader
from spanledger_dashboard.controls import SECTIONS
from spanledger_dashboard.selection import DIMENSIONS, Selection

SINCE, UNTIL = (
    datetime(2026, 9, 1, 10, 0, 30, 500_000, tzinfo=UTC),
    datetime(2026, 9, 2, 10, 0, 30, 500_000, tzinfo=UTC),
)
TRACE = "0af7651916cd43dd8448eb211c80319c"
VALUE = "a & b=c"
PAGES = {page.lower() for pages in SECTIONS.values() for page in pages}


def links(found: Any) -> Iterator[str]:
    """Every address in a board."""
    if isinstance(found, dict):
        if isinstance(found.get("url"), str) and found["url"]:
            yield found["url"]
        for value in found.values():
            yield from links(value)
    elif isinstance(found, list):
        for value in found:
            yield from links(value)


LINKS = [
    pytest.param(board, link, id=f"{name}: {link.partition('?')[0]} {link.rpartition('&')[2]}")
    for name, board in BOARDS.items()
    for link in dict.fromkeys(links(board))
    if not link.startswith("/d/")  # to another board
]


def followed(board: Any, link: str, value: str) -> str:
    """As Grafana writes it for a cell with this value."""
    for name, at in (("from", SINCE), ("to", UNTIL)):
        link = link.replace(f"${{__{name}:date:iso}}", f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z")
    link = link.replace("${__value.raw:percentencode}", quote(value, safe=""))
    link = Reader(SINCE, UNTIL).interpolated(board, link)
    assert "$" not in link
    return link


def test_every_board_leads_somewhere() -> None:
    assert {param.id.partition(":")[0] for param in LINKS} >= {"overview", "spend", "reliability", "efficiency"}  # type: ignore[union-attr]
    assert not any("/explore" in str(param.values[1]) for param in LINKS)


@pytest.mark.parametrize(("board", "link"), LINKS)
def test_a_link_leads_to_a_page_with_the_range_and_what_was_pointed_at(board: Any, link: str) -> None:
    is_trace = "&trace=" in link
    address = urlsplit(followed(board, link, TRACE if is_trace else VALUE))
    selection = Selection.of(parse_qs(address.query))

    assert f"{address.scheme}://{address.netloc}" == "http://127.0.0.1:8501"
    assert address.path.removeprefix("/") in {"", *PAGES - {"overview"}}
    assert selection.since is not None and selection.until is not None
    assert selection.since <= SINCE < UNTIL <= selection.until <= UNTIL + timedelta(minutes=1)
    if is_trace:
        assert (address.path, selection.find.trace) == ("/traces", (TRACE,))
    elif "${by}" in link:
        [(dimension, values)] = selection.chosen.items()
        assert dimension in DIMENSIONS and values == (VALUE,)


def test_a_trace_id_in_a_board_is_a_link_to_the_trace() -> None:
    text = str(BOARDS["reliability"])
    assert re.search(r"/traces\?range=custom&from=[^']+&trace=\$\{__value.raw:percentencode\}", text)
