"""A trace by its id, and spans by who and what they were for: found in full, newest arrival first, by index once merged."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from collector.books import NOON, Books, Call

FIRST = 40_000_000_000  # numbers of calls, above those that a test names itself


@pytest.fixture
def books(engine: Books) -> Books:
    engine.clear()
    return engine


def trace(number: int) -> str:
    """The trace of the call of this number."""
    return f"{number + 1:032x}"


def search(books: Books, **given: Any) -> list[str]:
    """The traces of a page of spans."""
    return [row["trace_id"] for row in page(books, **given)]


def page(books: Books, **given: Any) -> list[dict[str, Any]]:
    wanted: dict[str, Any] = {"project": "", "user_id": "", "session_id": "", "attribute": "", "value": "", "skip": 0}
    wanted |= {"limit": 50, "from_": NOON - timedelta(days=1), "to": NOON + timedelta(days=1), **given}
    arguments = ", ".join(f"{name.rstrip('_')}={literal(value)}" for name, value in wanted.items())
    return books.ask(f"SELECT * FROM spanledger.span_search({arguments})")


def literal(value: Any) -> str:
    if isinstance(value, datetime):
        return f"'{value:%Y-%m-%d %H:%M:%S}'"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def test_a_trace_is_found_by_its_id_whatever_segments_it_came_in(books: Books) -> None:
    late = Call(7, attributes={"app.step": "late"}, start=NOON + timedelta(seconds=5))
    books.post([late, Call(8)])
    books.post([Call(7, attributes={"app.step": "early", "user.id": "ada"}), Call(9)])
    rows = books.ask(f"SELECT * FROM spanledger.trace(trace_id='{trace(7)}', project='default')")
    assert [row["attributes"]["app.step"] for row in rows] == ["early", "late"]
    assert rows[0]["attributes"]["user.id"] == "ada"
    assert books.ask(f"SELECT * FROM spanledger.trace(trace_id='{trace(7)}', project='another')") == []
    assert books.ask(f"SELECT * FROM spanledger.trace(trace_id='{trace(6)}', project='')") == []


def test_spans_are_found_by_user_and_by_session(books: Books) -> None:
    books.post(
        [
            Call(1, attributes={"user.id": "ada", "session.id": "s1"}),
            Call(2, attributes={"user.id": "ada", "session.id": "s2"}),
            Call(3, attributes={"user.id": "bob", "session.id": "s1"}),
        ]
    )
    assert set(search(books, user_id="ada")) == {trace(1), trace(2)}
    assert search(books, user_id="ada", session_id="s1") == [trace(1)]
    assert len(search(books)) == 3 and search(books, user_id="eve") == []


@pytest.mark.parametrize(
    ("value", "text", "other"),
    [
        ("gold", "gold", "golden"),
        ("it's \\ 100 %", "it's \\ 100 %", "its"),
        ("ü" * 90, "ü" * 90, "ü"),  # its length takes two bytes
        ("x" * 16_383, "x" * 16_383, "x"),
        (7, "7", "8"),
        (300, "300", "44"),
        (-3, "-3", "3"),
        (2**63 - 1, str(2**63 - 1), "-1"),
        (True, "true", "false"),
        (False, "false", "0"),
        (0.5, "0.5", "0"),
        (-1e300, "-1e300", "1e300"),
        ("true", "true", "1"),
    ],
    ids=lambda value: str(value)[:12],
)  # fmt: skip
def test_spans_are_found_by_what_an_attribute_reads_as(books: Books, value: Any, text: str, other: str) -> None:
    books.post([Call(1, attributes={"app.x": value}), Call(2, attributes={"app.y": value}), Call(3)])
    [row] = page(books, attribute="app.x", value=text)
    assert row["trace_id"] == trace(1)
    [whole] = books.ask(f"SELECT attributes FROM spanledger.trace(trace_id='{trace(1)}', project='')")
    assert whole["attributes"]["app.x"] == text
    assert search(books, attribute="app.x", value=other) == []


def test_an_empty_value_is_not_one_that_is_absent(books: Books) -> None:
    books.post([Call(1)])
    assert search(books, attribute="app.x", value="") == []


def test_pages_are_newest_first_and_follow_each_other(books: Books) -> None:
    for n in (0, 3, 6):  # three calls a segment: a page ends within one
        books.post([Call(m, start=NOON + timedelta(seconds=m)) for m in (n, n + 1, n + 2)])
    assert search(books, limit=4) == [trace(n) for n in (8, 7, 6, 5)]
    assert search(books, limit=4, skip=4) == [trace(n) for n in (4, 3, 2, 1)]
    assert search(books, limit=4, skip=8) == [trace(0)]


def test_a_search_has_a_range_and_a_project(books: Books) -> None:
    books.post([Call(1, start=NOON), Call(2, start=NOON + timedelta(hours=1))])
    assert search(books, from_=NOON, to=NOON + timedelta(hours=1)) == [trace(1)]
    assert search(books, from_=NOON + timedelta(seconds=1)) == [trace(2)]
    assert search(books, project="default") != [] and search(books, project="another") == []


def test_a_span_from_a_day_ahead_is_found(books: Books) -> None:
    ahead = NOON + timedelta(hours=23)
    books.post([Call(1, start=ahead)], at=NOON)
    assert search(books, from_=ahead, to=ahead + timedelta(hours=1)) == [trace(1)]


INDEXES = ("by_trace", "by_user", "by_session", "by_attribute")


def test_merges_build_the_indexes_and_inserts_do_not(books: Books) -> None:
    sizes = "SELECT name, data_compressed_bytes > 0 AS built FROM system.data_skipping_indices WHERE table = 'spans' AND has({}, name)"
    books.client.command("SYSTEM STOP MERGES spanledger.spans")
    for n in range(3):
        books.post([Call(FIRST + n, attributes={"user.id": "ada", "app.x": "y"})])
    assert {row["name"]: row["built"] for row in books.ask(sizes.format(list(INDEXES)))} == dict.fromkeys(INDEXES, 0)
    before = set(search(books, user_id="ada")), set(search(books, attribute="app.x", value="y"))
    books.client.command("SYSTEM START MERGES spanledger.spans")
    books.client.command("OPTIMIZE TABLE spanledger.spans FINAL")
    assert {row["name"]: row["built"] for row in books.ask(sizes.format(list(INDEXES)))} == dict.fromkeys(INDEXES, 1)
    assert (set(search(books, user_id="ada")), set(search(books, attribute="app.x", value="y"))) == before
    assert len(before[0]) == 3


@pytest.mark.parametrize(
    ("question", "index"),
    [
        (f"trace(trace_id='{trace(1)}', project='')", "by_trace"),
        ("span_search(user_id='eve', session_id='', attribute='', value='', {rest})", "by_user"),
        ("span_search(user_id='', session_id='s9', attribute='', value='', {rest})", "by_session"),
        ("span_search(user_id='', session_id='', attribute='app.x', value='7', {rest})", "by_attribute"),
    ],
)
def test_what_is_merged_is_found_by_index(books: Books, question: str, index: str) -> None:
    for n in range(2):
        books.post([Call(FIRST + n, attributes={"user.id": "ada", "session.id": "s", "app.x": "y"})])
    books.client.command("OPTIMIZE TABLE spanledger.spans FINAL")
    rest = f"project='', skip=0, limit=50, from={literal(NOON - timedelta(days=1))}, to={literal(NOON + timedelta(days=1))}"
    rows = books.ask(f"EXPLAIN indexes = 1 SELECT * FROM spanledger.{question.format(rest=rest)}")
    plan = [row["explain"].strip(" │") for row in rows]
    granules = next(line for line in plan[plan.index(f"Name: {index}") :] if line.startswith("Granules:"))
    assert granules == "Granules: 0/1"


def test_what_was_settled_is_not_found(books: Books) -> None:
    segment = books.post([Call(1, attributes={"user.id": "ada"})])
    books.post([Call(2, attributes={"user.id": "ada"})])
    books.client.command("OPTIMIZE TABLE spanledger.spans FINAL")
    books.store.settle(segment)
    assert search(books, user_id="ada") == [trace(2)]
    assert books.ask(f"SELECT * FROM spanledger.trace(trace_id='{trace(1)}', project='')") == []
