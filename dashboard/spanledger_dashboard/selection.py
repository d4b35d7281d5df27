"""What is looked at: range of time, project, filters, dimension and the like, as the URL carries them from page to page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from spanledger_dashboard.find import Find

RANGES = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
CUSTOM = "custom"
DEFAULT_RANGE = "24h"
DIMENSIONS = ("environment", "service", "provider", "model", "team", "feature", "customer")
DEFAULT_DIMENSION = "model"
BY = (*DIMENSIONS, "prompt", "error_type")
"""What figures can be split by: not all of it can be filtered by."""
_MINUTE = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True)
class Period:
    """From `since`, inside, to `until`, outside, both in UTC and at whole minutes."""

    since: datetime
    until: datetime

    @property
    def before(self) -> Period:
        """As long, ending where this one begins."""
        return Period(self.since - (self.until - self.since), self.since)

    @property
    def length(self) -> timedelta:
        return self.until - self.since

    def parts(self, number: float) -> list[Period]:
        """So many periods or a few more, one after another, of whole hours but for the last; the youngest first."""
        length = max(self.length / max(number, 1), timedelta(hours=1))
        hours = timedelta(hours=math.ceil(length / timedelta(hours=1)))
        found, end = list[Period](), self.until
        while end > self.since:
            found.append(Period(max(end - hours, self.since), end))
            end -= hours
        return found

    def step(self, finest: int = 60) -> int:
        """Seconds of a bucket: about 25 to 170 of them, hours as soon as the rollups can answer, `finest` at least."""
        hours = self.length / timedelta(hours=1)
        steps = ((2, 60), (6, 300), (12, 600), (26, 3600), (170, 3600), (800, 21600), (24 * 180, 86400))
        return max(finest, next((step for limit, step in steps if hours <= limit), 7 * 86400))

    def bar(self) -> int:
        """Seconds of a bar: 12 to 31 of them."""
        hours = self.length / timedelta(hours=1)
        steps = ((1, 120), (2, 300), (6, 900), (12, 1800), (26, 3600), (50, 7200), (170, 21600), (24 * 62, 86400))
        return next((step for limit, step in steps if hours <= limit), 7 * 86400)


@dataclass(frozen=True)
class Selection:
    """`chosen`: values kept by dimension; a dimension that is not in it is not filtered. Empty project: all of them."""

    range: str = DEFAULT_RANGE
    since: datetime | None = None
    until: datetime | None = None
    project: str = ""
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by: str = DEFAULT_DIMENSION
    classes: tuple[str, ...] = ()
    """Error classes that Errors looks at; empty: all of them."""
    objective: str = ""
    """The SLO or budget that Reliability shows in full; empty: the one that is worst off."""
    find: Find = field(default_factory=Find)

    def period(self, now: datetime) -> Period:
        """The range in time. Presets end with the minute that runs."""
        if self.since is not None and self.until is not None:
            return Period(self.since, self.until)
        until = now.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        return Period(until - RANGES[self.range], until)

    def query(self) -> dict[str, list[str]]:
        """The URL's parameters."""
        query = {"range": [self.range]}
        if self.since is not None and self.until is not None:
            query |= {"from": [f"{self.since:{_MINUTE}}"], "to": [f"{self.until:{_MINUTE}}"]}
        if self.project:
            query["project"] = [self.project]
        query |= {dimension: list(values) for dimension, values in self.chosen.items() if values}
        if self.by != DEFAULT_DIMENSION:
            query["by"] = [self.by]
        if self.classes:
            query["class"] = list(self.classes)
        if self.objective:
            query["objective"] = [self.objective]
        return query | self.find.query()

    @classmethod
    def of(cls, query: Mapping[str, Sequence[str]]) -> Selection:
        """What a URL selects. What it says wrongly counts as not said."""

        def last(name: str) -> str:
            values = query.get(name, [])
            return values[-1] if values else ""

        since, until = _moment(last("from")), _moment(last("to"), end=True)
        named_range = last("range")
        custom = named_range == CUSTOM and since is not None and until is not None and since < until
        return cls(
            range=CUSTOM if custom else named_range if named_range in RANGES else DEFAULT_RANGE,
            since=since if custom else None,
            until=until if custom else None,
            project=last("project"),
            chosen={
                dimension: tuple(dict.fromkeys(query[dimension])) for dimension in DIMENSIONS if query.get(dimension)
            },
            by=last("by") if last("by") in BY else DEFAULT_DIMENSION,
            classes=tuple(dict.fromkeys(query.get("class", []))),
            objective=last("objective"),
            find=Find.of(query),
        )


def _moment(text: str, end: bool = False) -> datetime | None:
    """A time of ISO 8601, in UTC where it does not say otherwise (Grafana's links have milliseconds and a Z), cut to its minute; an
    `end` goes to the end of the minute that it is in."""
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        minute = at.replace(second=0, microsecond=0)
        return minute + timedelta(minutes=1) if end and at > minute else minute
    except (ValueError, OverflowError):
        return None
