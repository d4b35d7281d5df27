"""What a message says: what, how bad, since when, where to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from spanledger_collector.alerts.state import Kind, Notice, Severity

# A link shows this much before the incident began, and after it ended.
_AROUND = timedelta(hours=1)
# The scope of an objective as the dashboard's URL names its filters.
_FILTERS = {
    "environments": "environment",
    "services": "service",
    "providers": "provider",
    "models": "model",
    "teams": "team",
}
_WORDS = {Kind.FIRING: "FIRING", Kind.NO_DATA: "NO DATA", Kind.RESOLVED: "RESOLVED"}


@dataclass(frozen=True)
class Message:
    """One message of one or more notices. `key` is the same for every try to deliver it."""

    title: str
    body: str
    kind: Kind
    severity: Severity
    key: str


class Writer:
    """Writes messages with links into the dashboard at `dashboard_url`; without one there are none."""

    def __init__(self, dashboard_url: str = "") -> None:
        self._dashboard = dashboard_url.rstrip("/")

    def write(self, notices: Sequence[Notice], at: datetime) -> Message:
        """One message for `notices`, of which there is at least one."""
        if len(notices) == 1:
            [notice] = notices
            return Message(title(notice), self.body(notice, at), notice.kind, _severity(notices), notice.incident.key)
        kinds = [notice.kind for notice in notices]
        counts = [f"{kinds.count(kind)} {word.lower()}" for kind, word in _WORDS.items() if kind in kinds]
        body = "\n\n".join(f"{title(notice)}\n{self.body(notice, at)}" for notice in notices)
        kind = next(kind for kind in _WORDS if kind in kinds)
        key = " ".join(f"{notice.incident.key}:{notice.kind}" for notice in notices)
        return Message(f"spanledger: {', '.join(counts)}", body, kind, _severity(notices), key)

    def body(self, notice: Notice, at: datetime) -> str:
        """The text of one notice, without its title."""
        incident = notice.incident
        since = f"Since {_minute(incident.started_at)} UTC"
        if notice.kind is Kind.RESOLVED:
            end = incident.resolved_at or at
            lines = [f"{since}, over at {_minute(end)} UTC after {_duration(end - incident.started_at)}."]
            lines += [f"It said: {incident.summary}."]
        else:
            age = at - incident.started_at
            lines = [incident.description, since + (f", {_duration(age)} ago." if age >= timedelta(minutes=1) else ".")]
        lines += [f"{name}: {url}" for name, url in self.links(notice, at).items()]
        lines.append(f"Alert {incident.key}")
        return "\n".join(line for line in lines if line)

    def links(self, notice: Notice, at: datetime) -> dict[str, str]:
        """Where to look: the dashboard, with the scope's filters and the time around the incident, and the runbook."""
        incident = notice.incident
        links = {}
        if self._dashboard:
            page = "reliability" if incident.alert.objective else "alerts"
            links["Dashboard"] = f"{self._dashboard}/{page}?{self._query(notice, at)}"
        if runbook := incident.labels.get("runbook"):
            links["Runbook"] = runbook
        return links

    def _query(self, notice: Notice, at: datetime) -> str:
        incident = notice.incident
        until = (incident.resolved_at or at) + (_AROUND if incident.resolved_at else timedelta(minutes=1))
        query = {
            "range": ["custom"],
            "from": [_minute(incident.started_at - _AROUND, "T")],
            "to": [_minute(until, "T")],
            **{_FILTERS[name]: values.split(",") for name, values in incident.labels.items() if name in _FILTERS},
        }
        if incident.alert.objective:
            query["objective"] = [incident.alert.objective]
        # the dashboard looks at one project or at all of them
        projects = incident.labels.get("projects", "")
        if projects and "," not in projects:
            query["project"] = [projects]
        return urlencode(query, doseq=True)


def title(notice: Notice) -> str:
    """`FIRING page: …`, fit for the subject of a mail."""
    return f"{_WORDS[notice.kind]} {notice.incident.alert.severity}: {notice.incident.summary}"


def labels_of(notice: Notice) -> Mapping[str, str]:
    """What tells the alert apart, for systems that group and route by labels."""
    incident = notice.incident
    named = {
        "alertname": incident.alert.name,
        "severity": str(incident.alert.severity),
        "objective": incident.alert.objective,
        "subject": incident.alert.subject,
    }
    scope = {name: text for name, text in incident.labels.items() if name != "runbook"}
    return {name: text for name, text in (scope | named).items() if text}


def _severity(notices: Sequence[Notice]) -> Severity:
    return min((notice.incident.alert.severity for notice in notices), key=list(Severity).index)


def _minute(moment: datetime, between: str = " ") -> str:
    return moment.astimezone(UTC).strftime(f"%Y-%m-%d{between}%H:%M")


def _duration(length: timedelta) -> str:
    minutes = round(length / timedelta(minutes=1))
    days, hours = divmod(minutes // 60, 24)
    parts = [(days, "d"), (hours, "h"), (minutes % 60, "min")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "less than a minute"
