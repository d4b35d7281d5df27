"""Which incidents are there, and who has yet to be told? Conditions in, events out; no clock, no store, no network.

An alert is a condition that can hold; an incident is one time that it does, from `started_at` until it was false for a hold.
What a channel is owed follows from the incidents and from what it was told: nothing is queued, so nothing is queued twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

# A condition has to be false this long before its incident is over: what comes and goes is one incident.
HOLD = timedelta(minutes=2)


NAMES = (
    "burn-rate", "no-data", "spool-filling", "posting-failing", "store-failing", "channel-down", "posting-lag",
    "rejects-rising", "coverage-falling", "price-book-old",
)  # fmt: skip
"""Of every alert that there is, as docs/alerts.md has them."""


class Severity(StrEnum):
    """`page` wakes somebody now, `ticket` waits for the day."""

    PAGE = "page"
    TICKET = "ticket"


class Kind(StrEnum):
    """What an event says."""

    FIRING = "firing"
    NO_DATA = "no_data"
    RESOLVED = "resolved"
    NOTIFIED = "notified"
    FAILED = "failed"
    SILENCED = "silenced"
    UNSILENCED = "unsilenced"


@dataclass(frozen=True)
class Alert:
    """What can be wrong. `objective` is empty for the platform's own; `subject` tells several of one name apart."""

    name: str
    severity: Severity
    objective: str = ""
    subject: str = ""

    @property
    def fingerprint(self) -> str:
        """The same for each incident of this alert, after a restart and on another machine too."""
        text = "\n".join((self.name, self.objective, self.severity, self.subject))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Condition:
    """An alert at one moment. `holds` is None where it cannot be known: its incident stays as it is.

    `value` is the figure that matters, in the unit that `summary` says; `opens` is NO_DATA for an alert that only says so.
    """

    alert: Alert
    holds: bool | None
    value: float | None = None
    summary: str = ""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    opens: Kind = Kind.FIRING


@dataclass(frozen=True)
class Incident:
    """One time that an alert's condition held. `value` is the highest seen, the texts are of its begin.

    `told` has what each channel was told; `tried` are channels that may have heard of it although they said they had not;
    `missed` those that once did not take what they were told of it.
    """

    alert: Alert
    started_at: datetime
    value: float | None = None
    summary: str = ""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    opened: Kind = Kind.FIRING
    resolved_at: datetime | None = None
    silenced_by: str = ""
    told: Mapping[str, frozenset[str]] = field(default_factory=dict)
    told_at: Mapping[str, datetime] = field(default_factory=dict)
    tried: frozenset[str] = frozenset()
    missed: frozenset[str] = frozenset()
    false_since: datetime | None = None

    @property
    def key(self) -> str:
        """The deduplication key: of this incident alone, the same in every retry and in the resolve."""
        return f"spanledger-{self.alert.fingerprint}-{round(self.started_at.timestamp() * 1000)}"

    def has_to_hear_the_end(self, channel: str) -> bool:
        """May `channel` know that it began, and not yet that it is over?"""
        told = self.told.get(channel, frozenset())
        return self.resolved_at is not None and (bool(told) or channel in self.tried) and Kind.RESOLVED not in told


@dataclass(frozen=True)
class Event:
    """Something that happened to an incident, as `alert_events` keeps it."""

    at: datetime
    kind: Kind
    incident: Incident
    channel: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Notice:
    """Something that a channel is to be told: that an incident began (`kind` is what opened it), or is over."""

    kind: Kind
    incident: Incident


class Recipient(Protocol):
    """A channel, as far as it matters here. `resend`: how often it wants to hear again of what still fires; None for never."""

    @property
    def name(self) -> str: ...
    @property
    def severities(self) -> frozenset[Severity]: ...
    @property
    def resend(self) -> timedelta | None: ...


Silenced = Callable[[Incident], str]
"""The id of the silence that covers an incident, '' for none."""


class Incidents:
    """The incidents that are open, and those that are over while a channel has yet to hear so."""

    def __init__(self, known: Iterable[Incident] = (), hold: timedelta = HOLD) -> None:
        self._hold = hold
        self._open: dict[str, Incident] = {}
        self._over: dict[str, Incident] = {}
        for incident in known:
            self._keep(incident)

    @property
    def open(self) -> list[Incident]:
        """What is wrong now, oldest first."""
        return sorted(self._open.values(), key=lambda incident: incident.started_at)

    def step(
        self, conditions: Iterable[Condition], at: datetime, silenced: Silenced, objectives_known: bool = True
    ) -> list[Event]:
        """Take the conditions as they are at `at`; returns what began, ended or was silenced by it.

        An open incident without a condition is false from now on, except that without `objectives_known` those of
        objectives are as they were.
        """
        events: list[Event] = []
        seen: set[str] = set()
        for condition in conditions:
            fingerprint = condition.alert.fingerprint
            seen.add(fingerprint)
            if (incident := self._open.get(fingerprint)) is not None:
                events += self._follow(incident, condition.holds, condition.value, at)
            elif condition.holds:
                events.append(self._begin(condition, at))
        for fingerprint, incident in list(self._open.items()):
            if fingerprint not in seen and (objectives_known or not incident.alert.objective):
                events += self._follow(incident, False, None, at)
        return events + self._silence(silenced, at)

    def owed(self, recipient: Recipient, recipients: Iterable[Recipient], at: datetime) -> list[Notice]:
        """What `recipient` is to be told now, oldest first.

        A page that somebody was told of, or is being told of, stands for the ticket of the same objective.
        """
        recipients = tuple(recipients)
        paged = {
            (incident.alert.name, incident.alert.objective)
            for incident in self._open.values()
            if incident.alert.severity is Severity.PAGE and _is_heard(incident, recipient, recipients)
        }
        notices = []
        for incident in self.open:
            if not _concerns(recipient, incident):
                continue
            if not incident.told.get(recipient.name):
                alert = incident.alert
                due = (
                    alert.severity is Severity.PAGE or not alert.objective or (alert.name, alert.objective) not in paged
                )
            else:
                since = at - incident.told_at[recipient.name]  # below 0 where the clock was set back
                due = recipient.resend is not None and not timedelta(0) <= since < recipient.resend
            if due:
                notices.append(Notice(incident.opened, incident))
        return notices + [
            Notice(Kind.RESOLVED, incident)
            for incident in self._over.values()
            if incident.has_to_hear_the_end(recipient.name)  # silenced since, or not: it knows of the begin
        ]

    def trying(self, channel: str, notices: Iterable[Notice]) -> None:
        """`channel` is being told: from now on it may have heard, whatever it answers."""
        for incident in self._current(notices):
            self._keep(replace(incident, tried=incident.tried | {channel}))

    def told(self, channel: str, notices: Iterable[Notice], at: datetime, recovered: bool = False) -> list[Event]:
        """`channel` took `notices`. What it hears again is no event, unless it `recovered` by it."""
        events = []
        for notice in notices:
            for incident in self._current([notice]):
                before = incident.told.get(channel, frozenset())
                if notice.kind not in before or recovered:
                    events.append(Event(at, Kind.NOTIFIED, incident, channel, notice.kind))
                told = {**incident.told, channel: before | {notice.kind}}
                self._keep(replace(incident, told=told, told_at={**incident.told_at, channel: at}))
        return events

    def failed(self, channel: str, notices: Iterable[Notice], at: datetime, error: str) -> list[Event]:
        """`channel` did not take `notices`; they are still owed."""
        events = []
        for incident in self._current(notices):
            events.append(Event(at, Kind.FAILED, incident, channel, error))
            self._keep(replace(incident, missed=incident.missed | {channel}))
        return events

    def forget(self, channels: Iterable[str]) -> None:
        """Let go of what is over and what none of `channels` has to hear of any more."""
        names = tuple(channels)
        self._over = {
            key: incident for key, incident in self._over.items() if any(map(incident.has_to_hear_the_end, names))
        }

    def _begin(self, condition: Condition, at: datetime) -> Event:
        incident = Incident(
            condition.alert,
            at,
            condition.value,
            condition.summary,
            condition.description,
            condition.labels,
            condition.opens,
        )
        self._keep(incident)
        return Event(at, incident.opened, incident)

    def _follow(self, incident: Incident, holds: bool | None, value: float | None, at: datetime) -> list[Event]:
        if holds is None:  # and was not known to be false all the while
            self._keep(replace(incident, false_since=None))
            return []
        if holds:
            highest = max((v for v in (incident.value, value) if v is not None), default=None)
            self._keep(replace(incident, false_since=None, value=highest))
            return []
        since = min(incident.false_since or at, at)  # a clock that is set back begins the hold anew
        if at - since < self._hold:
            self._keep(replace(incident, false_since=since))
            return []
        del self._open[incident.alert.fingerprint]
        over = replace(incident, resolved_at=at)
        self._keep(over)
        return [Event(at, Kind.RESOLVED, over)]

    def _silence(self, silenced: Silenced, at: datetime) -> list[Event]:
        events = []
        for incident in list(self._open.values()):
            by = silenced(incident)
            if by == incident.silenced_by:
                continue
            if bool(by) != bool(incident.silenced_by):
                kind = Kind.SILENCED if by else Kind.UNSILENCED
                events.append(Event(at, kind, incident, detail=by or incident.silenced_by))
            self._keep(replace(incident, silenced_by=by))
        return events

    def _current(self, notices: Iterable[Notice]) -> list[Incident]:
        """The incidents of `notices` as they are now: time went on while they were told."""
        found = []
        for notice in notices:
            incident = self._open.get(notice.incident.alert.fingerprint)
            if incident is None or incident.key != notice.incident.key:
                incident = self._over.get(notice.incident.key)
            if incident is not None:
                found.append(incident)
        return found

    def _keep(self, incident: Incident) -> None:
        if incident.resolved_at is None:
            self._open[incident.alert.fingerprint] = incident
        else:
            self._over[incident.key] = incident


def _concerns(recipient: Recipient, incident: Incident) -> bool:
    """Would `recipient` be told of `incident`? That a channel is down concerns every other one, whatever it is for."""
    if incident.silenced_by:
        return False
    if incident.alert.subject:
        return incident.alert.subject != recipient.name
    return incident.alert.severity in recipient.severities


def _is_heard(page: Incident, recipient: Recipient, recipients: Iterable[Recipient]) -> bool:
    """Has anybody been told of `page`, or is still to be told of it for the first time? `recipient` itself gets it first."""
    takers = {other.name for other in recipients if _concerns(other, page)}
    told = any(page.told.values()) and not page.silenced_by
    return bool(takers) and (told or recipient.name in takers or not takers <= page.missed)
