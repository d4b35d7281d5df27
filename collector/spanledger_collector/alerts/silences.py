"""Silences: of which incidents nobody is told for a while. A file in the data folder, read again whenever it changes."""

from __future__ import annotations

import getpass
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from spanledger_collector import list_file
from spanledger_collector.alerts.state import Incident
from spanledger_collector.errors import CollectorError

# What a silence can match: what every alert has, and the labels.
MATCHERS = (
    "alert", "objective", "severity", "channel", "kind",
    "projects", "environments", "services", "providers", "models", "teams", "runbook",
)  # fmt: skip
# Silences that were over for this long are dropped from the file; table `silences` has them.
KEPT = timedelta(days=90)


@dataclass(frozen=True)
class Silence:
    """`matchers`: alert, objective, severity or a label, to the value that it must have; `*` stands for any text.

    All of them must match. It holds from `starts_at`, inside, to `ends_at`, outside.
    """

    id: str
    matchers: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str

    def covers(self, incident: Incident, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at and self.matches(incident)

    def matches(self, incident: Incident) -> bool:
        # a label of several values (services: checkout,search) is matched by any of them
        alert = incident.alert
        said = {"alert": alert.name, "objective": alert.objective, "severity": str(alert.severity)}
        said = {**incident.labels, **said}
        return all(
            # `*` is any text, and no text is none
            any(fnmatchcase(value, pattern) for value in said.get(name, "").split(",") if value or not pattern)
            for name, pattern in self.matchers.items()
        )


class Silences:
    """The silences of one file (mode 0600)."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = path
        self._clock = clock
        self._stamp: tuple[int, int] | None = None
        self._silences: tuple[Silence, ...] = ()

    def all(self) -> tuple[Silence, ...]:
        """Every silence, those that are over too, oldest first. Raises CollectorError for a file that is no silence file."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._silences = None, ()
            return ()
        if (stamp := (status.st_mtime_ns, status.st_ino)) != self._stamp:
            try:
                self._silences = tuple(map(_silence, json.loads(self._path.read_text(encoding="utf-8"))))
            except (OSError, ValueError, TypeError, KeyError) as error:
                raise CollectorError(
                    f"{self._path} is no silence file: {error}. Move it away and silence anew."
                ) from error
            self._stamp = stamp
        return self._silences

    def create(
        self, matchers: Mapping[str, str], starts_at: datetime, ends_at: datetime, comment: str, created_by: str = ""
    ) -> Silence:
        """Silence what matches. Raises CollectorError for one that would match everything by mistake, or nothing, or never."""
        if not matchers:
            raise CollectorError("a silence needs something to match: severity=* silences everything")
        if unknown := sorted(set(matchers) - set(MATCHERS)):
            raise CollectorError(f"nothing has a {', '.join(unknown)} to match: there are {', '.join(MATCHERS)}")
        if ends_at <= starts_at:
            raise CollectorError("a silence ends after it starts")
        start, end = (moment.astimezone(UTC).replace(microsecond=0) for moment in (starts_at, ends_at))
        silence = Silence(secrets.token_hex(4), dict(matchers), start, end, created_by or _user(), comment)
        with list_file.alone(self._path):
            self._write((*self.all(), silence))
        return silence

    def expire(self, identity: str, at: datetime) -> Silence:
        """End a silence now. Raises CollectorError where there is none of this id."""
        with list_file.alone(self._path):
            silences = {silence.id: silence for silence in self.all()}
            if identity not in silences:
                raise CollectorError(f"no silence {identity}: `spanledger alerts silences` shows them")
            found = silences[identity]
            if at < found.ends_at:
                end = at.astimezone(UTC).replace(microsecond=0)
                silences[identity] = replace(found, starts_at=min(found.starts_at, end), ends_at=end)
                self._write(tuple(silences.values()))
            return silences[identity]

    def _write(self, silences: tuple[Silence, ...]) -> None:
        oldest = self._clock() - KEPT
        silences = tuple(silence for silence in silences if silence.ends_at > oldest)
        list_file.write(self._path, map(asdict, silences), default=datetime.isoformat)


def _silence(row: Mapping[str, Any]) -> Silence:
    """A row of the file, which may be edited by hand. Raises ValueError, TypeError or KeyError."""
    times = {name: datetime.fromisoformat(row[name]) for name in ("starts_at", "ends_at")}
    for name, moment in times.items():
        if moment.tzinfo is None:
            raise ValueError(f"{name} of silence {row.get('id')} has no time zone (+00:00)")
    if not all(isinstance(text, str) for pair in dict(row["matchers"]).items() for text in pair):
        raise ValueError(f"a matcher of silence {row.get('id')} is no text")
    return Silence(**{**row, **times})


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())
