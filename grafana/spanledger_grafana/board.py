"""A board: its panels in rows, its variables, annotations and links, as one JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from spanledger_grafana import versions
from spanledger_grafana.sources import Json

WIDTH = 24
TAG = "spanledger"


@dataclass(frozen=True)
class Row:
    """Panels side by side, as wide as `widths` says, or all alike. `height` in Grafana's units of 30 pixels."""

    height: int
    panels: Sequence[Json]
    widths: Sequence[int] = ()


@dataclass(frozen=True)
class Board:
    """`since`: the range that it opens with, as Grafana writes it (`now-24h`)."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    variables: Sequence[Json]
    annotations: Sequence[Json] = ()
    links: Sequence[Json] = field(default_factory=tuple)
    since: str = "now-24h"
    refresh: str = "1m"

    def json(self) -> Json:
        """The document that Grafana takes."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": versions.SCHEMA,
            "editable": True,
            "graphTooltip": 1,
            "timezone": "utc",
            "time": {"from": self.since, "to": "now"},
            "refresh": self.refresh,
            "templating": {"list": list(self.variables)},
            "annotations": {"list": list(self.annotations)},
            "links": list(self.links),
            "panels": self._panels(),
        }

    def _panels(self) -> list[Json]:
        placed: list[Json] = []
        below = 0
        for row in self.rows:
            widths = row.widths or [WIDTH // len(row.panels)] * len(row.panels)
            across = 0
            for panel, width in zip(row.panels, widths, strict=True):
                where = {"x": across, "y": below, "w": width, "h": row.height}
                placed.append({"id": len(placed) + 1, **panel, "gridPos": where})
                across += width
            below += row.height
        return placed
