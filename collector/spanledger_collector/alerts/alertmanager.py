"""Alertmanager by its own API: https://prometheus.io/docs/alerting/latest/alerts_api/"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import requests

from spanledger_collector.alerts.messages import Writer, labels_of
from spanledger_collector.alerts.state import Kind, Notice, Severity
from spanledger_collector.errors import RetryableError

TIMEOUT = 10.0
# Alertmanager takes an alert for resolved that it has not heard of for a while, so that it hears of it until it is over.
RESEND = timedelta(minutes=2)
KEEPS = 4 * RESEND


@dataclass(frozen=True)
class AlertmanagerChannel:
    """A channel that posts to `url`/api/v2/alerts. Labels tell an alert apart there, so they are the same at each post."""

    name: str
    url: str
    writer: Writer
    severities: frozenset[Severity] = frozenset(Severity)
    resend: timedelta | None = RESEND

    def send(self, notices: Sequence[Notice], at: datetime) -> None:
        try:
            answer = requests.post(
                f"{self.url.rstrip('/')}/api/v2/alerts",
                json=[self._alert(notice, at) for notice in notices],
                timeout=TIMEOUT,
            )
        except requests.RequestException as error:
            raise RetryableError(f"Alertmanager does not answer: {type(error).__name__}") from error
        if not answer.ok:
            raise RetryableError(f"Alertmanager answered {answer.status_code} {answer.reason}: {answer.text[:200]}")

    def _alert(self, notice: Notice, at: datetime) -> dict[str, object]:
        incident = notice.incident
        links = self.writer.links(notice, at)
        ends_at = incident.resolved_at if notice.kind is Kind.RESOLVED and incident.resolved_at else at + KEEPS
        annotations = {
            "summary": incident.summary,
            "description": incident.description,
            "runbook_url": links.get("Runbook", ""),
            "dashboard_url": links.get("Dashboard", ""),
            "dedup_key": incident.key,
        }
        return {
            "labels": labels_of(notice),
            "annotations": {name: text for name, text in annotations.items() if text},
            "startsAt": _rfc3339(incident.started_at),
            "endsAt": _rfc3339(ends_at),
            "generatorURL": links.get("Dashboard", ""),
        }


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
