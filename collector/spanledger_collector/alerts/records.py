"""What the evaluator keeps in the store: its events, and a copy of the silences. It is also how its state survives a restart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from spanledger_collector.alerts.silences import Silence
from spanledger_collector.alerts.state import Alert, Event, Incident, Kind, Severity

_COLUMNS = "alert, objective, severity, fingerprint, started_at"
# What is open, and what is over without every channel that may have heard of it having been told so.
_UNFINISHED = f"""
SELECT {_COLUMNS},
    maxOrNullIf(at, event = 'resolved') AS resolved_at,
    anyIf(event, event IN ('firing', 'no_data')) AS opened,
    anyIf(value, event IN ('firing', 'no_data')) AS value,
    anyIf(summary, event IN ('firing', 'no_data')) AS summary,
    anyIf(description, event IN ('firing', 'no_data')) AS description,
    anyIf(labels, event IN ('firing', 'no_data')) AS labels,
    argMaxIf(if(event = 'silenced', detail, ''), at, event IN ('silenced', 'unsilenced')) AS silenced_by,
    groupArrayIf((channel, detail, at), event = 'notified') AS told,
    groupUniqArrayIf(channel, event = 'failed') AS tried
FROM spanledger.alert_events
GROUP BY {_COLUMNS}
HAVING opened != '' AND (isNull(resolved_at) OR arrayExists(
    name -> NOT arrayExists(told_ -> told_.1 = name AND told_.2 = 'resolved', told), arrayConcat(tried, told.1)))
ORDER BY started_at
"""


class Reader(Protocol):
    """A handle on the store."""

    def query(self, query: str, parameters: dict[str, Any] | None = None) -> Any: ...
    def command(self, cmd: str) -> Any: ...


class Records:
    """Reads and writes `alert_events` and `silences` through a handle of its own."""

    def __init__(self, client: Reader) -> None:
        self._client = client
        self._mirrored: list[Mapping[str, object]] | None = None

    def unfinished(self) -> list[Incident]:
        """The incidents that are open or that a channel has yet to hear the end of, as the last process left them."""
        return [_incident(row) for row in self._client.query(_UNFINISHED).named_results()]

    def write(self, events: Iterable[Event]) -> None:
        """Append events; they are durable when this returns."""
        self._insert("alert_events", [_row(event) for event in events])

    def mirror(self, silences: Iterable[Silence], at: datetime) -> None:
        """Have table `silences` say what the file says, where it does not yet."""
        rows: list[Mapping[str, object]] = [
            {
                "id": silence.id,
                "matchers": dict(silence.matchers),
                "starts_at": _text(silence.starts_at)[:19],
                "ends_at": _text(silence.ends_at)[:19],
                "created_by": silence.created_by,
                "comment": silence.comment,
                "expired": silence.ends_at <= at,
            }
            for silence in silences
        ]
        if rows != self._mirrored:
            self._insert("silences", [{**row, "recorded_at": _text(at)} for row in rows])
            self._mirrored = rows

    def _insert(self, table: str, rows: list[dict[str, object]]) -> None:
        if rows:
            lines = "\n".join(map(json.dumps, rows))
            self._client.command(
                f"INSERT INTO spanledger.{table} SETTINGS async_insert = 0 FORMAT JSONEachRow\n{lines}"
            )


def _row(event: Event) -> dict[str, object]:
    incident = event.incident
    return {
        "at": _text(event.at),
        "alert": incident.alert.name,
        "objective": incident.alert.objective,
        "severity": incident.alert.severity,
        "fingerprint": incident.alert.fingerprint,
        "started_at": _text(incident.started_at),
        "event": event.kind,
        "value": incident.value,
        "summary": incident.summary,
        "description": incident.description,
        # the subject is part of what the alert is, and has to be read back
        "labels": {**incident.labels, **({"subject": incident.alert.subject} if incident.alert.subject else {})},
        "channel": event.channel,
        "detail": event.detail,
    }


def _incident(row: Mapping[str, Any]) -> Incident:
    labels = dict(row["labels"])
    told: dict[str, frozenset[str]] = {}
    told_at: dict[str, datetime] = {}
    for channel, kind, at in row["told"]:
        told[channel] = told.get(channel, frozenset()) | {kind}
        told_at[channel] = max(_utc(at), told_at.get(channel, _utc(at)))
    return Incident(
        alert=Alert(row["alert"], Severity(row["severity"]), row["objective"], labels.pop("subject", "")),
        started_at=_utc(row["started_at"]),
        value=row["value"],
        summary=row["summary"],
        description=row["description"],
        labels=labels,
        opened=Kind(row["opened"]),
        resolved_at=None if row["resolved_at"] is None else _utc(row["resolved_at"]),
        silenced_by=row["silenced_by"],
        told=told,
        told_at=told_at,
        tried=frozenset(row["tried"]),
        missed=frozenset(row["tried"]),
    )


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
