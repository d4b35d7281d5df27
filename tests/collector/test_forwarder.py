"""The forwarder: every acknowledged request in every table exactly once, whatever fails in between."""

from __future__ import annotations

import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from collector.rig import DEADLINE, Rig, Rigged, until
from collector.traffic import CALL_COSTS, calls, envelope, log_request, metric_request, poison, request
from spanledger_collector.bookkeeper import Bookkeeper
from spanledger_collector.envelope import Envelope, scan
from spanledger_collector.forwarder import Forwarder
from spanledger_collector.spool import Spool, SpoolSettings
from spanledger_collector.wire import Signal

ONE_SEGMENT = SpoolSettings(seal_after=3600)
DEARER = """
INSERT INTO spanledger.prices SELECT * REPLACE (input_uncached * 2 AS input_uncached, output_text * 2 AS output_text,
    recorded_at + INTERVAL 1 DAY AS recorded_at) FROM spanledger.prices
WHERE provider = 'openai' AND model = 'gpt-4o' AND service_tier = ''
"""


def requests(count: int, spans: int = 3) -> list[Envelope]:
    return [envelope(request(calls(spans))) for _ in range(count)]


def posted(rig: Rig) -> tuple[Any, ...]:
    """Rows and different calls of spans and ledger, requests of deliveries, and what all costs by either table."""
    return (
        *rig.rows("SELECT count(), uniqExact(trace_id), sum(cost_usd) FROM spanledger.spans")[0],
        *rig.rows("SELECT count(), uniqExact(trace_id), sum(cost_usd) FROM spanledger.ledger")[0],
        *rig.rows("SELECT count(), uniqExact(digest), sum(spans) FROM spanledger.deliveries")[0],
    )


def once(requests: int, spans: int = 3, price: Decimal = CALL_COSTS) -> tuple[Any, ...]:
    """What `posted` is where each request was posted once."""
    total = requests * spans
    return (total, total, total * price) * 2 + (requests, requests, total)


def test_what_is_acknowledged_is_posted_once_and_its_files_are_gone(rig: Rigged, data: Path) -> None:
    running = rig().start()
    for envelope_ in requests(6):
        running.take(envelope_)
    running.drained()

    assert posted(running) == once(6)
    assert running.forwarder.posted_requests == 6
    assert running.forwarder.posted_segments == len(running.posted) == len(set(running.posted))
    assert list((data / "spool").glob("*.segment")) == [] and running.spool.size == 0


def test_one_request_over_a_hundred_days_is_posted_whole(rig: Rigged) -> None:
    running = rig().start()
    spans = calls(110)
    for days_ago, span in enumerate(spans):
        span.start_time_unix_nano -= days_ago * 86_400 * 10**9
        span.end_time_unix_nano = span.start_time_unix_nano + 10**9
    running.take(envelope(request(spans)))
    running.drained()

    assert running.one("SELECT count() FROM spanledger.ledger") == 110
    assert running.one("SELECT sum(cost_usd) FROM spanledger.ledger") == 110 * CALL_COSTS


# -- a backlog: segments side by side

EACH_ITS_OWN = SpoolSettings(segment_bytes=1)


def test_a_backlog_of_many_segments_is_posted_each_once_and_a_culprit_holds_none_of_them_back(rig: Rigged) -> None:
    running = rig(EACH_ITS_OWN)
    running.take(*requests(4), envelope(poison()), *requests(3), envelope(poison()), envelope(poison()), *requests(2))
    assert running.spool.segments == 12
    running.start().drained()

    assert posted(running) == once(9)
    assert running.forwarder.posted_segments == len(set(running.posted)) == 9
    assert running.forwarder.quarantined == 3


class OneIsSlow:
    """A store that takes as long for the first segment as for the two behind it."""

    def __init__(self) -> None:
        self._first = threading.Lock()
        self._others = threading.Semaphore(0)

    def post(self, path: Path, token: str, signals: bool) -> None:
        if self._first.acquire(blocking=False):
            assert all(self._others.acquire(timeout=DEADLINE) for _ in range(2))
        else:
            self._others.release()

    def sync(self) -> None:
        """Nothing is on a disk."""


def test_no_segment_waits_for_a_slow_one_beside_it(data: Path) -> None:
    spool = Spool(data / "spool", EACH_ITS_OWN)
    for envelope_ in requests(3):
        spool.append(envelope_).result(DEADLINE)
    forwarder = Forwarder(spool, OneIsSlow())  # type: ignore[arg-type]
    forwarder.start()
    spool.close()
    forwarder.stop(DEADLINE)
    assert (forwarder.posted_segments, forwarder.failures) == (3, 0)


def test_a_crash_while_two_segments_are_posted_settles_both(rig: Rigged) -> None:
    running = rig(EACH_ITS_OWN)
    running.take(*requests(2))
    running.spool.close()
    segments = [running.spool.take(timeout=0), running.spool.take_another()]
    assert running.spool.take_another() is None
    for segment in segments:
        assert segment is not None
        attempt = running.spool.journal.start(segment.number)
        running.store.post(segment.path, f"{segment.number}/{attempt}")
    running.store.command("TRUNCATE TABLE spanledger.ledger")
    for segment in reversed(segments):
        assert segment is not None
        running.spool.give_back(segment)

    assert posted(rig().start().drained()) == once(2)


# -- a store that is away


def test_a_store_that_is_away_is_waited_for_and_then_has_everything_once(rig: Rigged) -> None:
    running = rig().start()
    running.take(*requests(2))
    running.drained()
    running.store.command("RENAME TABLE spanledger.ledger TO spanledger.away")
    running.take(*requests(3))
    until(lambda: running.forwarder.failures >= 2)
    running.take(*requests(1))
    assert "ledger" in running.forwarder.last_error

    running.store.command("RENAME TABLE spanledger.away TO spanledger.ledger")
    running.drained()

    assert posted(running) == once(6)
    assert (running.forwarder.failures, running.forwarder.last_error) == (0, "")


def test_a_stop_while_the_store_is_away_leaves_everything_to_the_next_start(rig: Rigged) -> None:
    running = rig().start()
    running.store.command("RENAME TABLE spanledger.spans TO spanledger.away")
    running.take(*requests(3))
    until(lambda: running.forwarder.failures >= 2)
    running.store.command("SELECT 1")
    running.close()

    again = rig()
    assert again.spool.segments == 1 and len(again.spool.recovered) == 3
    again.store.command("RENAME TABLE spanledger.away TO spanledger.spans")
    again.start().drained()
    assert posted(again) == once(3)


# -- a failure half-way through the views


@pytest.mark.parametrize("table", ["spans", "ledger", "deliveries"])
def test_a_segment_that_fails_half_way_is_completed_at_the_prices_it_began_with(rig: Rigged, table: str) -> None:
    running = rig()
    running.take(*requests(3))
    running.store.command(f"ALTER TABLE spanledger.{table} ADD CONSTRAINT broken CHECK project = 'no such project'")
    running.start()
    until(lambda: running.forwarder.failures >= 2)
    assert sum(running.count(name) > 0 for name in ("spans", "ledger", "deliveries")) < 3
    running.store.command(DEARER)

    running.store.command(f"ALTER TABLE spanledger.{table} DROP CONSTRAINT broken")
    running.drained()
    assert posted(running) == once(3)

    running.store.command("SYSTEM RELOAD DICTIONARY spanledger.price_book")
    running.take(*requests(1, spans=1))
    running.drained()
    assert running.one("SELECT max(cost_usd) FROM spanledger.ledger") == 2 * CALL_COSTS


def test_a_segment_that_fails_half_way_and_meets_a_restart_is_posted_anew_at_one_price(rig: Rigged) -> None:
    running = rig()
    running.take(*requests(3))
    running.store.command("ALTER TABLE spanledger.ledger ADD CONSTRAINT broken CHECK project = 'no such project'")
    running.start()
    until(lambda: running.forwarder.failures >= 2)
    running.close()

    again = rig()
    assert sum(again.count(name) > 0 for name in ("spans", "ledger", "deliveries")) in (1, 2)
    again.store.command("ALTER TABLE spanledger.ledger DROP CONSTRAINT broken")
    again.store.command(DEARER)
    again.store.command("SYSTEM RELOAD DICTIONARY spanledger.price_book")
    again.start().drained()
    assert posted(again) == once(3, price=2 * CALL_COSTS)


def test_a_token_is_not_trusted_after_a_crash(rig: Rigged) -> None:
    """The store logs a token before the rows are safe: here the log has it, and a table has lost its rows."""
    running = rig(ONE_SEGMENT)
    running.take(*requests(3))
    running.spool.close()
    segment = running.spool.take(timeout=0)
    assert segment is not None
    attempt = running.spool.journal.start(segment.number)
    running.store.post(segment.path, f"{segment.number}/{attempt}")
    running.store.command("TRUNCATE TABLE spanledger.spans")
    running.spool.give_back(segment)

    again = rig().start().drained()
    assert posted(again) == once(3)


def test_a_crash_after_the_posting_and_before_its_record_posts_nothing_twice(rig: Rigged) -> None:
    running = rig(ONE_SEGMENT)
    for _ in range(3):
        running.take(*requests(1))
        running.spool.close()
        segment = running.spool.take(timeout=0)
        assert segment is not None
        running.store.post(segment.path, f"{segment.number}/{running.spool.journal.start(segment.number)}")
        running.spool.give_back(segment)
        running = rig(ONE_SEGMENT)

    running.start()
    running.spool.close()
    running.drained()
    assert posted(running) == once(3)


# -- logs and metrics, which are posted beside the traces of their segment

BESIDE = (envelope(log_request(3), signal=Signal.LOGS), envelope(metric_request(2), signal=Signal.METRICS))
NOT_KEPT = "SELECT sum(items) FROM spanledger.not_kept"


@pytest.mark.parametrize("beside", [(*BESIDE, envelope(poison())), BESIDE])
def test_the_signals_of_a_segment_are_each_posted_once_though_one_request_is_refused(
    rig: Rigged, beside: tuple[Envelope, ...]
) -> None:
    running = rig().start()
    running.take(*requests(2), *beside, *requests(1))
    running.drained()

    assert running.one(NOT_KEPT) == 5
    assert running.one("SELECT count() FROM spanledger.spans") == 9
    assert running.one("SELECT count() FROM spanledger.deliveries") == 5


def test_the_signals_of_a_segment_that_a_crash_left_are_posted_after_the_restart(rig: Rigged) -> None:
    running = rig(ONE_SEGMENT)
    running.take(*requests(2), *BESIDE)
    running.spool.close()
    segment = running.spool.take(timeout=0)
    assert segment is not None
    # the crash came between the two
    running.store.post(segment.path, f"{segment.number}/{running.spool.journal.start(segment.number)}", signals=False)
    running.spool.give_back(segment)

    again = rig().start().drained()
    assert again.one(NOT_KEPT) == 5
    assert again.one("SELECT count() FROM spanledger.spans") == 6
    assert again.rows("SELECT sum(spans), sum(log_records), sum(metric_points) FROM spanledger.deliveries") == [
        (6, 3, 2)
    ]


# -- what the store refuses


def test_the_culprit_is_isolated_and_its_neighbours_are_posted_once(rig: Rigged, data: Path) -> None:
    culprit = envelope(poison())
    good = requests(10)
    running = rig()
    running.take(*good[:7], culprit, *good[7:])
    running.start().drained()

    assert posted(running) == once(10)
    assert running.forwarder.quarantined == 1
    assert running.forwarder.failures == 0  # one client's fault does not make the collector unready
    [kept] = (data / "spool" / "quarantine").iterdir()
    assert scan(kept.read_bytes()).envelopes == [culprit]


def test_several_culprits_one_of_them_alone_in_its_segment_are_all_isolated(rig: Rigged, data: Path) -> None:
    running = rig().start()
    running.take(envelope(poison()))
    running.take(*requests(2), envelope(poison()), envelope(poison()), *requests(1))
    running.drained()

    assert posted(running) == once(3)
    assert running.forwarder.quarantined == len(list((data / "spool" / "quarantine").iterdir())) == 3


def test_a_culprit_found_after_a_restart_half_way_through_is_isolated_too(rig: Rigged) -> None:
    running = rig(ONE_SEGMENT)
    running.take(*requests(2), envelope(poison()), *requests(2))
    running.spool.close()
    segment = running.spool.take(timeout=0)
    assert segment is not None
    running.spool.journal.start(segment.number)
    running.spool.split(segment, running.spool.read(segment))

    again = rig().start().drained()
    assert posted(again) == once(4)
    assert again.forwarder.quarantined == 1


# -- what runs beside it


def test_posting_goes_on_whatever_fails_between_segments(rig: Rigged) -> None:
    def fail(pressed: bool) -> None:
        raise ZeroDivisionError("a bug in what runs between segments")

    running = rig(idle=fail).start()
    for envelope_ in requests(3):
        running.take(envelope_)
        running.drained()

    assert posted(running) == once(3)
    assert running.forwarder.failures == 0


def test_work_between_segments_is_done_by_the_thread_that_posts_so_never_beside_a_posting(rig: Rigged) -> None:
    seen: list[tuple[str, bool]] = []
    running = rig(idle=lambda pressed: seen.append((threading.current_thread().name, pressed))).start()
    running.take(*requests(2))
    running.drained()

    until(lambda: {pressed for _, pressed in seen} == {True, False})
    assert {name for name, _ in seen} == {"forwarder"}


def test_a_call_delivered_in_two_requests_is_charged_once_in_the_end(rig: Rigged) -> None:
    running = rig(books=True).start()
    spans = calls(3)
    running.take(envelope(request(spans)))
    running.drained()
    running.take(envelope(request(spans, service="again")))
    running.drained()

    until(lambda: running.one("SELECT sum(calls) FROM spanledger.ledger") == 3)
    assert running.one("SELECT sum(cost_usd) FROM spanledger.ledger") == 3 * CALL_COSTS
    assert running.one("SELECT count() FROM spanledger.ledger") == 9  # nothing is deleted: 6 charges, 3 reversals


def test_a_correction_that_a_crash_cut_short_is_undone_and_made_anew(rig: Rigged) -> None:
    running = rig(books=True)
    spans = calls(3)
    running.take(envelope(request(spans)), envelope(request(spans, service="again")))
    running.start().drained()
    until(lambda: running.one("SELECT sum(calls) FROM spanledger.ledger") == 3)
    correction = running.one("SELECT max(segment) FROM spanledger.ledger")
    running.close()
    with (running.spool._folder / "journal").open("a") as journal:
        journal.write(f"start {correction} 1\n")  # as if its end had not been recorded

    again = rig(books=True)
    assert again.one("SELECT sum(calls) FROM spanledger.ledger") == 6
    assert correction not in again.spool.journal.state.started


def test_a_correction_that_fails_is_undone_the_next_time_and_made_anew(rig: Rigged) -> None:
    running = rig(ONE_SEGMENT)
    bookkeeper = Bookkeeper(running.store, running.spool)
    spans = calls(3)
    running.take(envelope(request(spans)), envelope(request(spans, service="again")))
    running.start()
    running.spool.close()
    running.drained()
    for segment in running.posted:
        bookkeeper.posted(segment)
    # the charges pass, their reversals do not
    running.store.command("ALTER TABLE spanledger.ledger ADD CONSTRAINT broken CHECK kind = 'charge'")
    with pytest.raises(Exception, match="broken"):
        bookkeeper.tidy(pressed=False)
    assert len(running.spool.journal.state.started) == 1
    running.store.command("ALTER TABLE spanledger.ledger DROP CONSTRAINT broken")

    def tidied() -> bool:
        bookkeeper.tidy(pressed=False)
        return bool(running.one("SELECT sum(calls) FROM spanledger.ledger") == 3)

    until(tidied)
    bookkeeper.close()
    assert running.spool.journal.state.started == {}
    assert running.one("SELECT sum(cost_usd) FROM spanledger.ledger") == 3 * CALL_COSTS
