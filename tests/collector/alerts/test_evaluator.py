"""The evaluator on a real store: what it keeps, whom it tells, and what a restart, a failing store or a channel that is down does to it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from collector.alerts.incidents import NOON, PAGE, TICKET, Mailbox, Script, after, burning, fine, notice, quiet
from collector.alerts.receiver import Receiver
from spanledger_collector.alerts.delivery import FIRST_REST, Line
from spanledger_collector.alerts.evaluator import Evaluator
from spanledger_collector.alerts.heartbeat import Heartbeat
from spanledger_collector.alerts.platform_alerts import PlatformAlerts, Thresholds, Vitals
from spanledger_collector.alerts.records import Reader, Records
from spanledger_collector.alerts.silences import Silences
from spanledger_collector.alerts.state import HOLD, Kind
from spanledger_collector.errors import RetryableError
from spanledger_collector.store import Store
from stores import Stores

OVER = round(HOLD.total_seconds())
WELL = Vitals(spool_bytes=0, spool_limit=100, posting_lag=0.0, posting_failures=0, posting_error="")


class Away:
    """A store that does not answer."""

    def query(self, query: str, parameters: dict[str, Any] | None = None) -> Any:
        raise RetryableError("the store is away")

    command = query


class Watch:
    """An evaluator and its surroundings. `round(seconds)` evaluates that long after noon, and waits for the messages."""

    def __init__(self, data: Path) -> None:
        self.store = Store(data / "store")
        self.silence_file = data / "silences.json"
        self.silences = Silences(self.silence_file, lambda: NOON)
        self.script = Script()
        self.mailbox = Mailbox()
        self.channels = [self.mailbox]
        self.vitals = WELL
        self.heartbeat: Heartbeat | None = None
        self.seconds = 0.0  # of the clock that nobody sets
        self._evaluator: Evaluator | None = None
        # a year of the book's edition is no alert of these tests
        self.thresholds = Thresholds(price_book_age=timedelta(days=3650))
        self._client = self.store.open()
        self.platform_client: Reader = self._client

    @property
    def evaluator(self) -> Evaluator:
        if self._evaluator is None:
            platform = PlatformAlerts(self.platform_client, lambda: self.vitals, self.thresholds)
            records = Records(self._client)
            self._evaluator = Evaluator(
                self.script, platform, records, self.silences, self.channels, self.heartbeat, pause=0.0,
                monotonic=lambda: self.seconds,
            )  # fmt: skip
        return self._evaluator

    def round(self, seconds: float, *, waiting: bool = True, set_back: float = 0) -> Watch:
        self.seconds = seconds
        self.evaluator.evaluate(after(seconds - set_back))
        if waiting:
            self.evaluator.wait()
            self.evaluator.collect(after(seconds - set_back))
        return self

    def killed(self) -> None:
        """The process is gone: what was in memory is lost, what was on its way has left."""
        if self._evaluator is not None:
            self._evaluator.wait()
            self._evaluator.stop()
        self._evaluator = None

    def close(self) -> None:
        self.killed()
        self._client.close()
        self.store.close()

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return list(self._client.query(sql).named_results())

    def events(self) -> list[str]:
        return [row["event"] for row in self.rows("SELECT event FROM spanledger.alert_events ORDER BY at, event")]


@pytest.fixture(scope="module")
def watching(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Watch]]:
    """A watch on one store, emptied for each test."""
    data = stores.priced(tmp_path_factory.mktemp("alerts"))
    with ExitStack() as stack:
        current: list[Watch] = []

        def begin() -> Watch:
            for former in current:
                former.close()
            (data / "silences.json").unlink(missing_ok=True)
            current[:] = [Watch(data)]
            for table in ("alert_events", "silences", "rejected", "deliveries"):
                current[0].store.command(f"TRUNCATE TABLE spanledger.{table}")
            return current[0]

        stack.callback(lambda: current[0].close())
        yield begin


@pytest.fixture
def watch(watching: Callable[[], Watch]) -> Watch:
    return watching()


# -- telling


def test_a_page_goes_out_once_and_its_end_once_under_one_key(watch: Watch) -> None:
    watch.script.now = [burning()]
    for seconds in (0, 10, 20):
        watch.round(seconds)
    watch.script.now = []
    for seconds in (30, 30 + OVER, 40 + OVER):
        watch.round(seconds)
    assert watch.mailbox.kinds == [Kind.FIRING, Kind.RESOLVED]
    assert len({key for _, key in watch.mailbox.heard}) == 1
    assert watch.events() == ["firing", "notified", "notified", "resolved"]


def test_what_one_evaluation_finds_for_a_channel_is_one_message(watch: Watch) -> None:
    watch.script.now = [burning(PAGE), burning(replace(PAGE, objective="search")), burning(TICKET), quiet()]
    watch.round(0)
    [letter] = watch.mailbox.letters
    assert {notice.incident.alert.objective for notice in letter} == {"checkout", "search"}
    # the ticket of an objective that pages is not sent beside it
    assert [notice.kind for notice in letter].count(Kind.FIRING) == 2


def test_the_views_say_what_is_open_what_was_and_how_the_channels_are(watch: Watch) -> None:
    watch.script.now = [burning(services="checkout"), quiet()]
    watch.round(0)
    opened = watch.rows("SELECT * FROM spanledger.alerts_open ORDER BY severity")
    assert [(row["alert"], row["state"], row["value"], row["silenced"], row["channels"]) for row in opened] == [
        ("burn-rate", "firing", 20.0, 0, ["mailbox"]),
        ("no-data", "no_data", None, 0, ["mailbox"]),
    ]
    watch.script.now = []
    watch.round(10).round(10 + OVER)
    assert watch.rows("SELECT * FROM spanledger.alerts_open") == []
    history = "SELECT * FROM spanledger.alert_history(from='2026-11-24 12:{}:00', to='2026-11-24 13:00:00')"
    assert [(row["state"], row["duration_seconds"]) for row in watch.rows(history.format("00"))] == [
        ("resolved", 130)
    ] * 2
    assert watch.rows(history.format("05")) == []
    [health] = watch.rows("SELECT * FROM spanledger.channel_health(from='2026-11-24 00:00:00')")
    assert (health["channel"], health["failing"], health["notified"], health["failed"]) == ("mailbox", 0, 4, 0)


# -- a channel that is down


def test_a_channel_that_is_down_gets_the_message_when_it_is_back_under_the_same_key(watch: Watch) -> None:
    watch.script.now = [burning()]
    watch.mailbox.down = True
    watch.round(0)
    [health] = watch.rows("SELECT * FROM spanledger.channel_health(from='2026-11-24 00:00:00')")
    assert (health["failing"], health["last_error"]) == (1, "nobody answers")
    watch.mailbox.down = False
    rest = round(FIRST_REST.total_seconds())
    watch.round(rest - 1)
    assert watch.mailbox.letters == []  # it rests
    watch.round(rest)
    [(kind, key)] = watch.mailbox.heard
    assert (kind, key) == (Kind.FIRING, watch.evaluator.open[0].key)
    [health] = watch.rows("SELECT * FROM spanledger.channel_health(from='2026-11-24 00:00:00')")
    assert (health["failing"], health["failed"]) == (0, 1)


def test_the_rests_of_a_channel_that_stays_down_grow_to_five_minutes() -> None:
    clock = [0.0]
    line = Line(Mailbox(down=True), 0.0, lambda: None, lambda: clock[0])
    tried_at = []
    for seconds in range(0, 1800, 5):
        clock[0] = seconds
        if line.free():
            tried_at.append(seconds)
            line.give([notice()], after(seconds))
            line.wait(30)
            outcome = line.outcome()
            assert outcome is not None and outcome.error == "nobody answers"
    line.close()
    gaps = [later - earlier for earlier, later in itertools.pairwise(tried_at)]
    assert gaps == [15, 30, 60, 120, 240, 300, 300, 300, 300]


def test_a_channel_that_is_down_is_reported_on_the_others_until_it_is_back(watch: Watch) -> None:
    other = Mailbox("other")
    watch.channels.append(other)
    watch.mailbox.down = True
    watch.script.now = [burning()]
    for seconds in (0, 15, 20):
        watch.round(seconds)
    assert [n.incident.alert.name for letter in other.letters for n in letter] == ["burn-rate", "channel-down"]
    watch.mailbox.down = False
    for seconds in (60, 70, 70 + OVER):
        watch.round(seconds)
    [*_, last] = other.letters
    assert [(n.kind, n.incident.alert.name, n.incident.alert.subject) for n in last] == [
        (Kind.RESOLVED, "channel-down", "mailbox")
    ]
    assert watch.mailbox.kinds == [Kind.FIRING]  # of itself it hears nothing


def channel_down(watch: Watch) -> bool:
    return "channel-down" in [incident.alert.name for incident in watch.evaluator.open]


def test_a_restart_does_not_make_a_channel_that_is_down_one_that_is_well(watch: Watch) -> None:
    watch.mailbox.down = True
    watch.script.now = [burning()]
    watch.round(0).round(15).round(20).killed()
    watch.silences.create({"objective": "checkout"}, NOON, after(1_000_000), "", "ada")  # so that nothing is owed to it
    watch.round(30).round(30 + OVER)
    assert channel_down(watch)
    watch.round(86_430).round(86_430 + OVER)
    assert not channel_down(watch)


def test_a_channel_that_is_owed_nothing_for_a_day_is_not_down_for_ever(watch: Watch) -> None:
    watch.mailbox.down = True
    watch.script.now = [burning()]
    watch.round(0).round(15).round(20)
    watch.silences.create({"objective": "checkout"}, NOON, after(1_000_000), "", "ada")
    watch.round(86_000)
    assert channel_down(watch)
    watch.round(86_415).round(86_415 + OVER)
    assert not channel_down(watch)


def test_a_clock_that_is_set_back_makes_no_channel_rest_longer(watch: Watch) -> None:
    watch.mailbox.down = True
    watch.script.now = [burning()]
    watch.round(0)
    watch.mailbox.down = False
    watch.round(15, set_back=3600)
    assert watch.mailbox.kinds == [Kind.FIRING]


def test_a_slow_channel_keeps_neither_evaluation_nor_the_others_waiting(watch: Watch) -> None:
    answered = threading.Event()
    watch.channels.append(other := Mailbox("other"))
    watch.mailbox.before_answering = answered.wait
    watch.script.now = [burning()]
    try:
        watch.round(0, waiting=False)
        watch.evaluator.lines[1].wait(30)
        watch.script.now = [burning(), burning(replace(PAGE, objective="search"))]
        watch.round(10, waiting=False)
        watch.evaluator.lines[1].wait(30)
        assert len(other.letters) == 2 and watch.mailbox.letters == []
        assert watch.evaluator.evaluated_at == after(10)
    finally:
        answered.set()
    watch.round(20).round(30)
    assert [len(letter) for letter in watch.mailbox.letters] == [1, 1]


# -- restarts


def test_after_a_restart_nobody_is_told_again_and_the_end_has_the_same_key(watch: Watch) -> None:
    watch.script.now = [burning()]
    watch.round(0)
    watch.killed()
    watch.round(20)
    assert watch.mailbox.kinds == [Kind.FIRING]
    watch.script.now = []
    watch.round(30).killed()
    watch.round(40).round(40 + OVER)
    assert watch.mailbox.kinds == [Kind.FIRING, Kind.RESOLVED]
    assert len({key for _, key in watch.mailbox.heard}) == 1


def test_a_message_that_a_kill_left_unrecorded_is_sent_again_under_the_same_key(watch: Watch) -> None:
    watch.script.now = [burning()]
    watch.round(0, waiting=False).killed()  # it arrived; that it did was not written
    watch.round(20)
    assert watch.mailbox.kinds == [Kind.FIRING, Kind.FIRING]
    assert len({key for _, key in watch.mailbox.heard}) == 1


def test_what_was_not_delivered_is_delivered_after_a_restart(watch: Watch) -> None:
    watch.script.now = [burning()]
    watch.mailbox.down = True
    watch.round(0).killed()
    watch.mailbox.down = False
    watch.round(20)
    assert watch.mailbox.kinds == [Kind.FIRING]


def test_the_end_that_was_not_delivered_is_delivered_after_a_restart_and_then_no_more(watch: Watch) -> None:
    watch.script.now = [burning()]
    watch.round(0)
    watch.mailbox.down = True
    watch.script.now = []
    watch.round(10).round(10 + OVER).killed()
    watch.mailbox.down = False
    watch.round(300).killed()
    watch.round(310)
    assert watch.mailbox.kinds == [Kind.FIRING, Kind.RESOLVED]


def test_what_a_stop_finds_on_its_way_is_recorded_and_not_sent_again(watch: Watch) -> None:
    watch.script.now = [burning()]
    evaluator = watch.evaluator
    told = threading.Event()
    watch.mailbox.before_answering = told.set
    evaluator.start(clock=lambda: NOON, every=timedelta(hours=1))
    assert told.wait(30)
    evaluator.stop()
    watch._evaluator = None
    watch.round(20)
    assert watch.mailbox.kinds == [Kind.FIRING]


# -- a store that fails


@pytest.mark.parametrize("stalled", [replace(WELL, posting_lag=61.0), replace(WELL, posting_failures=1)])
def test_what_is_not_posted_yet_ends_no_incident(watch: Watch, stalled: Vitals) -> None:
    watch.script.now = [burning()]
    watch.round(0)
    watch.vitals, watch.script.now = stalled, [fine()]
    watch.round(10).round(10 + OVER)
    assert PAGE in [incident.alert for incident in watch.evaluator.open]
    watch.vitals, watch.script.now = WELL, [burning()]
    watch.round(200)
    assert watch.mailbox.kinds.count(Kind.FIRING) == (2 if stalled.posting_lag else 1)  # the other one is posting-lag
    watch.script.now = [fine()]
    watch.round(210).round(210 + OVER)
    assert PAGE not in [incident.alert for incident in watch.evaluator.open]


def test_a_store_that_fails_ends_no_incident_and_is_an_alert_itself(watch: Watch) -> None:
    watch.script.now = [burning()]
    watch.round(0)
    watch.script.broken = True
    for seconds in (10, 20, 30, 40, 1000):
        watch.round(seconds)
    assert watch.evaluator.evaluated_at == after(0)
    assert [n.incident.alert.name for letter in watch.mailbox.letters for n in letter] == ["burn-rate", "store-failing"]
    watch.script.broken = False
    watch.round(1010).round(1020).round(1020 + OVER)
    assert watch.mailbox.letters[-1][0].kind is Kind.RESOLVED
    assert [incident.alert for incident in watch.evaluator.open] == [PAGE]


def test_what_happens_while_the_store_takes_nothing_is_told_at_once_and_written_later(watch: Watch) -> None:
    watch.round(0)
    watch.store.command("RENAME TABLE spanledger.alert_events TO spanledger.away")
    try:
        watch.script.now = [burning()]
        watch.round(10)
        assert watch.mailbox.kinds == [Kind.FIRING]
    finally:
        watch.store.command("RENAME TABLE spanledger.away TO spanledger.alert_events")
    watch.round(20)
    assert watch.events() == ["firing", "notified"]


# -- silences


def test_a_silence_keeps_the_history_and_holds_the_message_until_it_is_over(watch: Watch) -> None:
    silence = watch.silences.create({"objective": "check*"}, NOON, after(600), "planned work", "ada")
    watch.script.now = [burning()]
    watch.round(0).round(300)
    assert watch.mailbox.letters == []
    [row] = watch.rows("SELECT silenced FROM spanledger.alerts_open")
    assert row["silenced"]
    [mirrored] = watch.rows("SELECT id, matchers, created_by, comment, expired FROM spanledger.silences FINAL")
    assert mirrored == {
        "id": silence.id, "matchers": {"objective": "check*"}, "created_by": "ada", "comment": "planned work", "expired": False,
    }  # fmt: skip
    watch.round(600)
    assert watch.mailbox.kinds == [Kind.FIRING]
    assert watch.events() == ["firing", "silenced", "notified", "unsilenced"]
    [mirrored] = watch.rows("SELECT expired FROM spanledger.silences FINAL")
    assert mirrored["expired"]


def test_a_silence_that_is_ended_by_hand_ends_at_the_next_round_and_survives_a_restart_until_then(watch: Watch) -> None:
    silence = watch.silences.create({"severity": "page"}, NOON, after(3600), "", "ada")
    watch.script.now = [burning()]
    watch.round(0).killed()
    watch.round(10)
    assert watch.mailbox.letters == []
    watch.silences.expire(silence.id, after(15))
    watch.round(20)
    assert watch.mailbox.kinds == [Kind.FIRING]


def test_a_silence_file_that_is_none_silences_nothing_and_is_told_once(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    watch.silences.create({"severity": "*"}, NOON, after(3600), "", "ada")
    watch.silence_file.write_text("{")
    watch.script.now = [burning()]
    watch.round(0).round(10)
    assert caplog.text.count("is no silence file") == 1
    assert watch.mailbox.kinds == [Kind.FIRING]


# -- the platform's own


@pytest.mark.parametrize(
    ("vitals", "alert", "severity", "said"),
    [
        (replace(WELL, spool_bytes=51), "spool-filling", "page", "51% full"),
        (replace(WELL, posting_lag=61.0), "posting-lag", "ticket", "61 seconds ago"),
        (replace(WELL, posting_failures=5, posting_error="disk"), "posting-failing", "page", "5 times in a row"),
    ],
)
def test_the_platform_tells_when_it_is_in_trouble(
    watch: Watch, vitals: Vitals, alert: str, severity: str, said: str
) -> None:
    watch.round(0)
    assert watch.mailbox.letters == []
    watch.vitals = vitals
    watch.round(10)
    [told] = watch.mailbox.letters[0]
    assert (told.incident.alert.name, str(told.incident.alert.severity)) == (alert, severity)
    assert said in told.incident.summary


def test_refused_spans_are_told_where_they_rise_and_not_where_they_always_were(watch: Watch) -> None:
    def refuse(number: int, minutes_ago: int) -> None:
        watch.store.command(
            "INSERT INTO spanledger.rejected (received_at, reason) SETTINGS async_insert = 0 "
            f"SELECT toDateTime64('2026-11-24 12:00:00', 9, 'UTC') - INTERVAL {minutes_ago} MINUTE, 'invalid_span_id' "
            f"FROM numbers({number})"
        )

    def deliver(number: int, minutes_ago: int) -> None:
        watch.store.command(
            "INSERT INTO spanledger.deliveries (received_at, spans) SETTINGS async_insert = 0 "
            f"SELECT toDateTime64('2026-11-24 12:00:00', 9, 'UTC') - INTERVAL {minutes_ago} MINUTE, {number}"
        )

    deliver(1000, 5)
    deliver(10_000, 300)
    refuse(50, 5)
    refuse(500, 300)  # 5 %, as ever
    watch.round(0)
    assert watch.mailbox.letters == []
    refuse(200, 5)
    watch.round(60)
    [told] = watch.mailbox.letters[0]
    assert told.incident.alert.name == "rejects-rising" and "25.0%" in told.incident.summary
    assert "invalid_span_id" in told.incident.description


def test_an_old_price_book_is_a_ticket(watch: Watch) -> None:
    watch.thresholds = Thresholds()
    recorded = watch.rows("SELECT max(recorded_at) AS at FROM spanledger.prices")[0]["at"]
    days = (recorded.replace(tzinfo=NOON.tzinfo) - NOON) / timedelta(days=1)
    watch.round((days + 13.9) * 86_400)
    assert watch.mailbox.letters == []
    watch.round((days + 14.1) * 86_400)
    assert watch.mailbox.letters[0][0].incident.alert.name == "price-book-old"


def test_what_the_store_alone_can_say_is_not_over_after_a_restart_that_cannot_read_it(watch: Watch) -> None:
    watch.thresholds = Thresholds(price_book_age=timedelta(days=-3650))
    watch.round(0).killed()
    watch.platform_client = Away()
    watch.round(20).round(20 + OVER)
    assert "price-book-old" in [incident.alert.name for incident in watch.evaluator.open]


# -- the dead man's switch


def test_the_heartbeat_is_sent_so_often_and_only_while_evaluation_works(watch: Watch, server: Receiver) -> None:
    watch.heartbeat = Heartbeat(f"{server.url}/beat", timedelta(seconds=60), lambda: watch.seconds)
    for seconds in range(0, 130, 10):
        watch.round(seconds)
    assert [(post.method, post.path) for post in server.posts] == [("GET", "/beat")] * 3
    watch.script.broken = True
    for seconds in range(130, 400, 10):
        watch.round(seconds)
    assert len(server.posts) == 3


def test_a_clock_that_is_set_back_keeps_no_heartbeat_away(watch: Watch, server: Receiver) -> None:
    watch.heartbeat = Heartbeat(f"{server.url}/beat", timedelta(seconds=60), lambda: watch.seconds)
    watch.round(0).round(60, set_back=3600)
    assert len(server.posts) == 2


def test_a_heartbeat_that_nobody_takes_is_counted(watch: Watch, server: Receiver) -> None:
    server.status = 500
    watch.heartbeat = Heartbeat(f"{server.url}/beat", timedelta(seconds=60))
    watch.round(0)
    assert (watch.heartbeat.sent, watch.heartbeat.failed) == (0, 1)
