"""The pages on a store that has no calls, and on one that lacks the views."""

from __future__ import annotations

import pytest
from dashboard_store import Open, Store, words

EMPTY = {
    "Latency": "No calls yet",
    "Errors": "No calls yet",
    "Providers": "No calls yet",
    "Reliability": "No objectives yet",
    "Delivery": "Nothing arrived",
    "Alerts": "No alerts",
}


def test_an_empty_store_shows_how_to_send_the_first_span(empty_store: Store, opened: Open) -> None:
    app = opened(empty_store.dsn)
    assert "No calls yet" in words(app)
    assert "spanledger.instrument()" in app.code[0].value
    assert "Check again" in words(app)


def test_a_question_that_the_store_refuses_is_told_apart(empty_store: Store, opened: Open) -> None:
    empty_store.client.command("RENAME TABLE spanledger.freshness TO spanledger.freshness_renamed")
    try:
        said = words(opened(empty_store.dsn))
    finally:
        empty_store.client.command("RENAME TABLE spanledger.freshness_renamed TO spanledger.freshness")
    assert "The store could not answer" in said
    assert "spanledger migrate" in said


@pytest.mark.parametrize("title", EMPTY)
def test_an_empty_store_says_what_to_do(empty_store: Store, opened: Open, title: str) -> None:
    app = opened(empty_store.dsn, title)
    assert EMPTY[title] in words(app) and "Check again" in words(app)
    if title == "Reliability":
        assert "slos:" in app.code[0].value
