"""The spool's record: whole or not there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from spanledger_collector.envelope import Envelope, digest, scan
from spanledger_collector.wire import Signal

requests = st.binary(max_size=400)
projects = st.text(max_size=60)
numbers = st.integers(0, 2**64 - 1)
signals = st.sampled_from(Signal)


@st.composite
def envelopes(draw: st.DrawFn) -> Envelope:
    project, request, signal = draw(projects), draw(requests), draw(signals)
    return Envelope(project, draw(numbers), digest(project, request, signal), request, signal)


@given(st.lists(envelopes(), max_size=5), numbers)
def test_what_is_written_is_read_back(written: list[Envelope], segment: int) -> None:
    data = b"".join(envelope.encode(segment) for envelope in written)

    assert scan(data).envelopes == written
    assert scan(data).whole == len(data)


@given(st.lists(envelopes(), min_size=1, max_size=4), st.data())
def test_a_cut_at_any_byte_leaves_exactly_the_whole_records_before_it(
    written: list[Envelope], data: st.DataObject
) -> None:
    records = [envelope.encode(1) for envelope in written]
    cut = data.draw(st.integers(0, sum(map(len, records))), "cut")
    whole = max(n for n in range(len(records) + 1) if sum(map(len, records[:n])) <= cut)

    found = scan(b"".join(records)[:cut])

    assert found.envelopes == written[:whole]
    assert found.whole == sum(map(len, records[:whole]))


@given(st.lists(envelopes(), min_size=1, max_size=4), st.data())
def test_a_damaged_byte_ends_what_is_read_at_the_record_before_it(written: list[Envelope], data: st.DataObject) -> None:
    records = [envelope.encode(1) for envelope in written]
    body = bytearray(b"".join(records))
    place = data.draw(st.integers(0, len(body) - 1), "place")
    body[place] ^= data.draw(st.integers(1, 255), "damage")
    before = max(n for n in range(len(records)) if sum(map(len, records[:n])) <= place)

    assert scan(bytes(body)).envelopes == written[:before]


@given(envelopes(), st.integers(1, 500))
def test_zeros_after_the_last_record_as_a_power_cut_leaves_them_are_no_records(last: Envelope, zeros: int) -> None:
    record = last.encode(1)

    assert scan(record + bytes(zeros)) == scan(record)


@given(projects, projects, requests)
def test_the_same_bytes_of_two_projects_are_two_requests(one: str, other: str, request: bytes) -> None:
    assert (digest(one, request) == digest(other, request)) == (one == other)


@given(signals, signals, requests)
def test_the_same_bytes_of_two_signals_are_two_requests(one: Signal, other: Signal, request: bytes) -> None:
    assert (digest("web", request, one) == digest("web", request, other)) == (one is other)


def test_a_segment_that_was_written_before_there_were_logs_and_metrics_is_read() -> None:
    record = bytes.fromhex(
        "320a037765621101000000000000001a10607911bd38e0c2099cbcf6a4c80d7f9c290700000000000000359fc45e5122020a00"
    )

    [envelope] = scan(record).envelopes

    assert envelope == Envelope("web", 1, digest("web", b"\x0a\x00"), b"\x0a\x00", Signal.TRACES)
    assert envelope.encode(7) == record
