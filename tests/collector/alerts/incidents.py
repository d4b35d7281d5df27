"""Builders of alerts: conditions, silences, and channels that need no network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from spanledger_collector.alerts.state import Alert, Condition, Incident, Kind, Notice, Severity
from spanledger_collector.errors import RetryableError

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PAGE = Alert("burn-rate", Severity.PAGE, "checkout")
TICKET = Alert("burn-rate", Severity.TICKET, "checkout")
QUIET = Alert("no-data", Severity.TICKET, "checkout")


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def burning(alert: Alert = PAGE, value: float = 20.0, **labels: str) -> Condition:
    return Condition(
        alert,
        True,
        value,
        f"{alert.objective} burns {value:g} times as fast as it may",
        "312 of 312 calls failed.",
        labels,
    )


def fine(alert: Alert = PAGE) -> Condition:
    return Condition(alert, False)


def unknown(alert: Alert = PAGE) -> Condition:
    return Condition(alert, None)


def quiet() -> Condition:
    return Condition(QUIET, True, summary="checkout has had no calls for 3 d", opens=Kind.NO_DATA)


def notice(kind: Kind = Kind.FIRING, alert: Alert = PAGE, ended_after: float | None = None, **labels: str) -> Notice:
    made = burning(alert)
    return Notice(
        kind,
        Incident(
            alert, NOON, made.value, made.summary, made.description, labels,
            resolved_at=None if ended_after is None else after(ended_after),
        ),
    )  # fmt: skip


def nobody(_: Incident) -> str:
    """No silence covers it."""
    return ""


@dataclass
class Mailbox:
    """A channel that keeps what it is sent; while it is `down`, it takes nothing."""

    name: str = "mailbox"
    severities: frozenset[Severity] = frozenset(Severity)
    resend: timedelta | None = None
    down: bool = False
    letters: list[Sequence[Notice]] = field(default_factory=list)
    before_answering: Callable[[], object] = lambda: None

    def send(self, notices: Sequence[Notice], at: datetime) -> None:
        self.before_answering()
        if self.down:
            raise RetryableError("nobody answers")
        self.letters.append(tuple(notices))

    @property
    def heard(self) -> list[tuple[Kind, str]]:
        """What it was told, in order, and of which incident."""
        return [(notice.kind, notice.incident.key) for letter in self.letters for notice in letter]

    @property
    def kinds(self) -> list[Kind]:
        return [kind for kind, _ in self.heard]


@dataclass
class Script:
    """A source whose conditions are what the test says; `broken`: as if the store failed."""

    now: list[Condition] = field(default_factory=list)
    broken: bool = False

    def conditions(self, at: datetime) -> list[Condition]:
        if self.broken:
            raise RetryableError("the store is away")
        return list(self.now)
