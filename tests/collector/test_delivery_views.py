"""What the views of deliveries say was lost: after gaps, restarts, forks, re-deliveries and late arrivals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from spanledger_collector.store import Store
from stores import Stores

BEGIN = datetime(2026, 9, 1, 10, tzinfo=UTC)
RANGE = "project='', from='2026-09-01 10:00:00', to='2026-09-01 12:00:00'"


@pytest.fixture(scope="module")
def client(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    store = Store(stores.unpriced(tmp_path_factory.mktemp("data")) / "store")
    store.keep("deliveries", 0)  # what is put in has the same times whenever this runs
    opened = store.open()
    yield opened
    opened.close()
    store.close()


@pytest.fixture(autouse=True)
def empty(client: Client) -> None:
    client.command("TRUNCATE TABLE spanledger.deliveries")


def request(
    sequence: int, spans: int, sent: int, *, emitted: int | None = None, dropped: int = 0, minute: float | None = None,
    process: str = "p", service: str = "checkout", started: float = 0, final: bool = False, digest: str = "",
) -> list[Any]:  # fmt: skip
    """A request that arrived; `minute` and `started` in minutes after BEGIN."""
    at = BEGIN + timedelta(minutes=sequence if minute is None else minute)
    emitted = sent + dropped if emitted is None else emitted
    begun = BEGIN + timedelta(minutes=started)
    stamps = (service, process, sequence, dropped, spans, emitted, sent, begun, final)
    return ["default", at, (digest or f"{process}{sequence}").ljust(16, "_").encode(), spans, [stamps], 1]


def put(client: Client, *rows: list[Any]) -> None:
    names = ["project", "received_at", "digest", "spans", "exports", "segment"]
    client.insert("spanledger.deliveries", rows, column_names=names)


def delivery(client: Client, by: str = "", range_: str = RANGE) -> list[dict[str, Any]]:
    question = f"SELECT * FROM spanledger.delivery({range_}, by='{by}') ORDER BY value"
    return [dict(row) for row in client.query(question).named_results()]


def figures(row: dict[str, Any]) -> tuple[int, int, int, int]:
    return row["emitted"], row["stored"], row["dropped"], row["lost"]


def gaps(client: Client) -> list[tuple[str, datetime, datetime, int, int]]:
    question = f"SELECT service, gap_from, gap_to, lost, dropped FROM spanledger.delivery_gaps({RANGE}) ORDER BY gap_to"
    return [
        (s, a.replace(tzinfo=UTC), b.replace(tzinfo=UTC), n, m) for s, a, b, n, m in client.query(question).result_rows
    ]


def test_all_is_well_where_every_request_arrived(client: Client) -> None:
    put(client, request(1, 10, 10), request(2, 5, 15), request(3, 0, 15, final=True))
    [row] = delivery(client)
    assert (figures(row), row["coverage"], row["unended"]) == ((15, 15, 0, 0), 1.0, 0)
    assert gaps(client) == []


def test_a_request_that_never_came_is_a_gap_with_its_spans_and_its_time(client: Client) -> None:
    put(client, request(1, 10, 10), request(2, 5, 15), request(4, 4, 60))
    [row] = delivery(client)
    assert (figures(row), row["missing_requests"]) == ((60, 19, 0, 41), 1)
    assert row["coverage"] == pytest.approx(19 / 60)
    assert gaps(client) == [("checkout", BEGIN + timedelta(minutes=2), BEGIN + timedelta(minutes=4), 41, 0)]


def test_the_first_requests_of_a_process_can_be_missing_too(client: Client) -> None:
    put(client, request(3, 5, 25, minute=8, started=1))
    assert figures(delivery(client)[0]) == (25, 5, 0, 20)
    assert gaps(client) == [("checkout", BEGIN + timedelta(minutes=1), BEGIN + timedelta(minutes=8), 20, 0)]


def test_a_process_that_began_long_before_the_range_owes_nothing_for_then(client: Client) -> None:
    put(client, request(900, 5, 9005, minute=8, started=-60 * 24 * 9, dropped=70))
    assert figures(delivery(client)[0]) == (5, 5, 0, 0)


def test_what_happened_before_the_range_is_not_of_it(client: Client) -> None:
    put(client, request(1, 10, 50, minute=-30, started=-40), request(2, 5, 55, minute=5))
    assert figures(delivery(client)[0]) == (5, 5, 0, 0)


def test_what_the_sdk_dropped_is_not_lost_on_the_way(client: Client) -> None:
    put(client, request(1, 10, 10), request(3, 5, 15, dropped=7))
    [row] = delivery(client)
    assert figures(row) == (22, 15, 7, 0)
    assert gaps(client) == [("checkout", BEGIN + timedelta(minutes=1), BEGIN + timedelta(minutes=3), 0, 7)]


def test_a_request_that_comes_late_closes_its_gap_even_after_the_range(client: Client) -> None:
    put(client, request(1, 10, 10), request(3, 5, 20), request(2, 5, 15, minute=60 * 24))
    assert (figures(delivery(client)[0]), gaps(client)) == ((15, 15, 0, 0), [])


def test_the_same_request_twice_counts_once_and_one_that_was_split_is_whole(client: Client) -> None:
    put(
        client,
        request(1, 10, 10),
        request(1, 10, 10, minute=30),
        request(2, 3, 20, digest="a"),
        request(2, 7, 20, digest="b"),
    )
    assert figures(delivery(client)[0]) == (20, 20, 0, 0)


def test_a_restart_and_a_fork_are_processes_of_their_own(client: Client) -> None:
    put(
        client,
        request(1, 10, 10), request(2, 0, 10, final=True),
        request(1, 3, 3, process="q", minute=20), request(3, 4, 9, process="q", minute=30),
        request(1, 1, 1, process="r", service="search"),
    )  # fmt: skip
    assert {row["value"]: figures(row) for row in delivery(client, "process")} == {
        "p": (10, 10, 0, 0), "q": (9, 7, 0, 2), "r": (1, 1, 0, 0),
    }  # fmt: skip
    by_service = {row["value"]: (figures(row), row["processes"], row["unended"]) for row in delivery(client, "service")}
    assert by_service == {"checkout": ((19, 17, 0, 2), 2, 1), "search": ((1, 1, 0, 0), 1, 1)}


def test_what_was_queued_when_a_process_fell_silent_has_vanished_and_is_no_matter_while_it_speaks(
    client: Client,
) -> None:
    put(client, request(1, 10, 10, emitted=25))
    [row] = delivery(client)
    assert (figures(row), row["vanished"]) == ((25, 10, 0, 0), 15)
    assert row["coverage"] == pytest.approx(10 / 25)
    [row] = delivery(client, range_=RANGE.replace("12:00", "10:05"))
    assert (row["vanished"], row["coverage"]) == (0, 1.0)


def test_other_exporters_are_counted_beside(client: Client) -> None:
    plain = request(0, 4, 0, process="", service="java")
    put(client, request(1, 10, 10), plain)
    rows = {row["value"]: row for row in delivery(client, "service")}
    assert (rows["java"]["unstamped"], rows["java"]["coverage"], rows["checkout"]["unstamped"]) == (4, None, 0)


Step = tuple[int, int, str]
"""Spans of a request, those that the SDK dropped before it, and what became of it."""
STEPS = st.tuples(st.integers(1, 9), st.integers(0, 5), st.sampled_from(["in", "late", "twice", "gone"]))


@settings(max_examples=5)
@given(processes=st.lists(st.lists(STEPS, max_size=8), min_size=5, max_size=15))
def test_whatever_becomes_of_the_requests_every_span_is_accounted_for(
    client: Client, processes: list[list[Step]]
) -> None:
    client.command("TRUNCATE TABLE spanledger.deliveries")
    rows, expected = [], {}
    for number, steps in enumerate(processes):
        process = f"p{number}"
        sent = dropped = stored = lost = 0
        for sequence, (spans, drops, fate) in enumerate(steps, 1):
            sent, dropped = sent + spans, dropped + drops
            minute = 90 if fate == "late" else None
            arrived = request(sequence, spans, sent, dropped=dropped, minute=minute, process=process)
            rows += {"gone": [], "twice": [arrived, arrived]}.get(fate, [arrived])
            stored, lost = stored + spans * (fate != "gone"), lost + spans * (fate == "gone")
        rows.append(request(len(steps) + 1, 0, sent, dropped=dropped, final=True, process=process))
        expected[process] = (sent + dropped, stored, dropped, lost)
    put(client, *rows)
    assert {row["value"]: figures(row) for row in delivery(client, "process")} == expected
