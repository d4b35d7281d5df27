"""The front door: a request that it accepts is durable, and counts once however often it comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from collector.rig import kept
from collector.traffic import calls, log_request, metric_request, request
from spanledger_collector.door import DEFAULT_PROJECT, REMEMBERED_REQUESTS, Door
from spanledger_collector.envelope import digest
from spanledger_collector.errors import RefusedError, RetryableError
from spanledger_collector.keys import Keys, Scope
from spanledger_collector.spool import Spool, SpoolSettings
from spanledger_collector.wire import Signal


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", SpoolSettings(seal_after=3600))
    yield spool
    spool.close()
    spool.journal.close()


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys.json")


@pytest.fixture
def door(spool: Spool, keys: Keys) -> Door:
    return Door(spool, keys, time.time_ns, open_door=True)


def test_a_request_is_kept_byte_for_byte_under_its_project(door: Door, spool: Spool) -> None:
    body = request(calls(3))
    asyncio.run(door.accept("web", Signal.TRACES, body))

    [envelope] = kept(spool)
    assert (envelope.project, envelope.request, envelope.digest) == ("web", body, digest("web", body))
    assert abs(envelope.received_at - time.time_ns()) < 60 * 10**9


def test_a_retry_of_the_same_bytes_is_acknowledged_but_not_stored_again(door: Door, spool: Spool) -> None:
    async def thrice() -> None:
        for _ in range(3):
            await door.accept("web", Signal.TRACES, body)

    body = request(calls(3))
    asyncio.run(thrice())

    assert len(kept(spool)) == 1
    assert (door.accepted, door.duplicates, door.accepted_bytes) == (1, 2, len(body))


def test_identical_requests_at_once_are_stored_once_and_all_acknowledged(door: Door, spool: Spool) -> None:
    async def at_once() -> None:
        await asyncio.gather(*(door.accept("web", Signal.TRACES, body) for _ in range(20)))

    body = request(calls(3))
    asyncio.run(at_once())

    assert len(kept(spool)) == 1
    assert (door.accepted, door.duplicates) == (1, 19)


def test_the_same_bytes_from_two_projects_are_two_requests(door: Door, spool: Spool) -> None:
    body = request(calls(1))
    asyncio.run(door.accept("web", Signal.TRACES, body))
    asyncio.run(door.accept("app", Signal.TRACES, body))
    assert [envelope.project for envelope in kept(spool)] == ["web", "app"]


def test_a_request_from_before_a_restart_is_known(spool: Spool, keys: Keys) -> None:
    body = request(calls(1))
    door = Door(spool, keys, time.time_ns, open_door=True, seen=[digest("web", body)])
    asyncio.run(door.accept("web", Signal.TRACES, body))
    assert kept(spool) == [] and door.duplicates == 1


def test_the_oldest_requests_are_forgotten_first(spool: Spool, keys: Keys) -> None:
    old, young = request(calls(1)), request(calls(1))
    seen = [digest("web", old), *(n.to_bytes(16) for n in range(REMEMBERED_REQUESTS - 2)), digest("web", young)]
    door = Door(spool, keys, time.time_ns, open_door=True, seen=seen)
    for body in (request(calls(1)), young, old):
        asyncio.run(door.accept("web", Signal.TRACES, body))
    assert door.duplicates == 1 and len(kept(spool)) == 2


def test_a_client_that_leaves_while_its_request_is_written_neither_loses_nor_blocks_anything(
    door: Door, spool: Spool
) -> None:
    async def leave() -> None:
        for body in bodies:
            first, retry = (asyncio.create_task(door.accept("web", Signal.TRACES, body)) for _ in range(2))
            await asyncio.sleep(0)
            first.cancel()
            retry.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
        await asyncio.gather(*(door.accept("web", Signal.TRACES, body) for body in bodies))

    bodies = [request(calls(1)) for _ in range(20)]
    asyncio.run(leave())

    assert sorted(envelope.request for envelope in kept(spool)) == sorted(bodies)
    assert door.accepted == 20


def test_a_request_that_could_not_be_written_is_not_known_when_it_comes_again(tmp_path: Path, keys: Keys) -> None:
    spool = Spool(tmp_path / "spool", SpoolSettings(seal_after=3600, segment_bytes=1))
    door = Door(spool, keys, time.time_ns, open_door=True)
    body = request(calls(1))

    async def twice_at_once() -> None:
        both = await asyncio.gather(
            door.accept("web", Signal.TRACES, body), door.accept("web", Signal.TRACES, body), return_exceptions=True
        )
        assert [type(error) for error in both] == [RetryableError] * 2

    asyncio.run(door.accept("web", Signal.TRACES, request(calls(1))))
    (tmp_path / "spool").rename(tmp_path / "elsewhere")  # the next segment cannot be opened
    asyncio.run(twice_at_once())
    (tmp_path / "elsewhere").rename(tmp_path / "spool")
    asyncio.run(door.accept("web", Signal.TRACES, body))

    assert len(kept(spool)) == 2 and door.accepted == 2 and door.duplicates == 0
    spool.journal.close()


def test_a_full_spool_is_said_before_the_request_is_known(tmp_path: Path, keys: Keys) -> None:
    spool = Spool(tmp_path / "small", SpoolSettings(seal_after=0, limit=1_000))
    door = Door(spool, keys, time.time_ns, open_door=True)
    small, large = request(calls(1)), request(calls(9))
    asyncio.run(door.accept("web", Signal.TRACES, small))
    for _ in range(2):
        with pytest.raises(RetryableError):
            asyncio.run(door.accept("web", Signal.TRACES, large))
    asyncio.run(door.accept("web", Signal.TRACES, small))  # what is known stays acknowledged
    assert door.duplicates == 1
    spool.close()
    spool.journal.close()


@pytest.mark.parametrize("body", [b"\xff", b"not protobuf", b"\x0a\x05abc", b"\x0a\x02\x12\x7f", b"\x0f" * 99])
def test_what_is_no_request_is_refused_and_not_kept(door: Door, spool: Spool, body: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        asyncio.run(door.accept("web", Signal.TRACES, body))
    assert refused.value.status == 400
    assert kept(spool) == []


def test_an_empty_request_is_one(door: Door, spool: Spool) -> None:
    asyncio.run(door.accept("web", Signal.TRACES, b""))
    assert len(kept(spool)) == 1


def test_strings_that_are_no_utf_8_are_taken(door: Door, spool: Spool) -> None:
    body = request(calls(1)).replace(b"gpt-4o", b"gp\xff\xfe4o")
    asyncio.run(door.accept("web", Signal.TRACES, body))
    assert [envelope.request for envelope in kept(spool)] == [body]


# -- logs and metrics


def test_logs_and_metrics_are_durable_like_traces_and_their_retries_are_known(door: Door, spool: Spool) -> None:
    bodies = {Signal.LOGS: log_request(3), Signal.METRICS: metric_request(2)}
    for _ in range(2):
        for signal, body in bodies.items():
            asyncio.run(door.accept("web", signal, body))

    assert {envelope.signal: envelope.request for envelope in kept(spool)} == bodies
    assert (door.accepted, door.duplicates) == (2, 2)


@pytest.mark.parametrize("signal", [Signal.LOGS, Signal.METRICS])
def test_what_is_no_request_of_its_signal_is_refused(door: Door, signal: Signal) -> None:
    with pytest.raises(RefusedError) as refused:
        asyncio.run(door.accept("web", signal, b"not protobuf"))
    assert refused.value.status == 400 and str(signal) in str(refused.value)


# -- who sends


def test_without_keys_an_open_door_takes_everybody_for_the_default_project(door: Door) -> None:
    assert door.project_of("") == DEFAULT_PROJECT


def test_without_keys_a_door_to_other_machines_takes_nobody(spool: Spool, keys: Keys) -> None:
    door = Door(spool, keys, time.time_ns, open_door=False)
    with pytest.raises(RefusedError) as refused:
        door.project_of("")
    assert refused.value.status == 401


def test_with_keys_a_bearer_is_taken_for_the_project_of_its_key_and_nobody_else_is(door: Door, keys: Keys) -> None:
    key = keys.create("web", [Scope.INGEST], datetime.now(UTC))
    reader = keys.create("web", [Scope.READ], datetime.now(UTC))

    assert door.project_of(f"Bearer {key}") == door.project_of(f"bearer  {key} ") == "web"
    for wrong, status in {
        "": 401,
        "Bearer": 401,
        "Bearer x": 401,
        f"Basic {key}": 401,
        f"Bearer {reader}": 403,
    }.items():
        with pytest.raises(RefusedError) as refused:
            door.project_of(wrong)
        assert refused.value.status == status, wrong
