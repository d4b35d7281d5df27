"""The evaluator: every few seconds it asks what is wrong, and sees to it that whoever has to know is told, once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from spanledger_collector.alerts.channels import Channel
from spanledger_collector.alerts.delivery import Line
from spanledger_collector.alerts.heartbeat import Heartbeat
from spanledger_collector.alerts.platform_alerts import STORED, PlatformAlerts
from spanledger_collector.alerts.records import Records
from spanledger_collector.alerts.silences import Silences
from spanledger_collector.alerts.state import HOLD, Condition, Event, Incident, Incidents
from spanledger_collector.errors import CollectorError

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=10)
# Seconds that a stop waits for the messages that are on their way, so that they are not sent again after the next start.
LAST_WAIT = 2.0
# Seconds that a stop waits for the round under way: a store that hangs keeps nobody from stopping.
LAST_ROUND = 10.0
# Events that the store would not take, kept until it does; beyond them the oldest are let go.
UNWRITTEN_LIMIT = 10_000


class Source(Protocol):
    """Where the objectives' conditions come from."""

    def conditions(self, at: datetime) -> list[Condition]: ...


class Evaluator:
    """Evaluates by `evaluate(at)`, or in a thread of its own between `start` and `stop`. A failing store is an alert, never its end.

    What happens is written before anybody is told, so that a process that is killed in between tells it after its restart,
    under the same key. `evaluated_at`: the last time that all could be read and written. Raises, when it is made, what the store does.
    """

    def __init__(
        self,
        objectives: Source,
        platform: PlatformAlerts,
        records: Records,
        silences: Silences,
        channels: Sequence[Channel],
        heartbeat: Heartbeat | None = None,
        hold: timedelta = HOLD,
        pause: float = 0.5,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.evaluated_at: datetime | None = None
        self._wake = threading.Event()
        self._monotonic = monotonic
        self.lines = [Line(channel, pause, self._wake.set, monotonic) for channel in channels]
        self._objectives = objectives
        self._platform = platform
        self._records = records
        self._silences = silences
        self._heartbeat = heartbeat
        self._incidents = Incidents(records.unfinished(), hold)
        self._unwritten: list[Event] = []
        self._failures = 0
        self._error = ""
        self._silence_error = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)

    @property
    def open(self) -> list[Incident]:
        """The incidents that are open, oldest first."""
        return self._incidents.open

    def start(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC), every: timedelta = EVERY) -> None:
        self._clock, self._every = clock, every
        self._thread.start()

    def stop(self) -> None:
        """Stop, before the store is closed. What a channel has not taken is owed to it after the next start.

        A round that the store does not let end is left behind; what it did not write is told again after the next start.
        """
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(LAST_ROUND)
            for line in self.lines:
                line.wait(LAST_WAIT)
            if not self._thread.is_alive():
                self.collect(self._clock())
        for line in self.lines:
            line.close()
        if self._heartbeat is not None:
            self._heartbeat.close()

    def evaluate(self, at: datetime) -> None:
        """One round: what is wrong at `at`, what began and what is over, and who is to be told. Never raises for the store."""
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)  # as the store keeps it: keys are made of it
        self.collect(at)
        conditions, objectives_known, complete = self._conditions(at)
        self._unwritten += self._incidents.step(conditions, at, self._silenced(at), objectives_known)
        if not self._write() or not complete:
            self._failures += 1
        else:
            self._failures, self._error = 0, ""
            self.evaluated_at = at
            if self._heartbeat is not None:
                self._heartbeat.beat()
        self._dispatch(at)

    def collect(self, at: datetime) -> None:
        """Take up what became of the messages on their way."""
        for line in self.lines:
            outcome = line.outcome()
            if outcome is None:
                continue
            name = outcome.channel.name
            if outcome.error:
                self._unwritten += self._incidents.failed(name, outcome.notices, at, outcome.error)
            else:
                self._unwritten += self._incidents.told(name, outcome.notices, at, outcome.recovered)
        self._incidents.forget(line.channel.name for line in self.lines)
        self._write()

    def wait(self, seconds: float = 30.0) -> None:
        """Wait until no message is on its way."""
        for line in self.lines:
            line.wait(seconds)
        if self._heartbeat is not None:
            self._heartbeat.wait(seconds)

    def _run(self) -> None:
        due = self._monotonic()  # a clock that is set back makes nobody wait
        while not self._stopping.is_set():
            moment, now = self._monotonic(), self._clock()
            self._wake.clear()
            try:
                if moment >= due:
                    due = moment + self._every.total_seconds()
                    self.evaluate(now)
                else:  # a message has arrived, or has not
                    self.collect(now)
                    self._dispatch(now)
            except Exception:  # whatever it is: who would tell of it, if not this thread?
                log.exception("alerts could not be evaluated")
            self._wake.wait(max(0.0, due - self._monotonic()))

    def _conditions(self, at: datetime) -> tuple[list[Condition], bool, bool]:
        """What holds, whether that is all of the objectives, and whether it is all there is."""
        objectives: list[Condition] = []
        stored = [Condition(alert, None) for alert in STORED]  # as they are, until it can be read

        def read_objectives() -> None:
            found = self._objectives.conditions(at)
            if self._platform.behind():  # what is missing may be what is wrong
                found = [condition if condition.holds else replace(condition, holds=None) for condition in found]
            objectives.extend(found)

        def read_stored() -> None:
            stored[:] = self._platform.stored(at)

        known, complete = self._aside(read_objectives), self._aside(read_stored)
        own = self._platform.own(self.lines, self._failures, self._error)
        return [*objectives, *stored, *own], known, known and complete

    def _silenced(self, at: datetime) -> Callable[[Incident], str]:
        try:
            silences = self._silences.all()
        except CollectorError as error:  # a file that cannot be read silences nothing
            if str(error) != self._silence_error:
                log.warning("%s", error)
            self._silence_error = str(error)
            silences = ()
        else:
            self._silence_error = ""
            self._aside(lambda: self._records.mirror(silences, at))

        def by(incident: Incident) -> str:
            return next((silence.id for silence in silences if silence.covers(incident, at)), "")

        return by

    def _write(self) -> bool:
        """Write what happened. What the store does not take is tried again, in order."""
        if self._unwritten and not self._aside(lambda: self._records.write(self._unwritten)):
            del self._unwritten[:-UNWRITTEN_LIMIT]
            return False
        self._unwritten.clear()
        return True

    def _aside(self, action: Callable[[], None]) -> bool:
        try:
            action()
        except Exception as error:
            self._failed(error)
            return False
        return True

    def _failed(self, error: Exception) -> None:
        text = str(error).split("\n", 1)[0] or type(error).__name__
        if text != self._error:
            log.warning("alerts: the store could not be used: %s", text)
        self._error = text

    def _dispatch(self, at: datetime) -> None:
        channels = [line.channel for line in self.lines]
        for line in self.lines:
            if not line.free():
                continue
            if notices := self._incidents.owed(line.channel, channels, at):
                self._incidents.trying(line.channel.name, notices)
                line.give(notices, at)
