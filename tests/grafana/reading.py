"""How Grafana reads a board: variables into the text of a query, then the data source's macros, then the engine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "grafana"
BOARDS = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((FOLDER / "boards").glob("*.json"))
}
CLICKHOUSE = "grafana-clickhouse-datasource"
ALL = "$__all"
Json = dict[str, Any]
Chosen = str | list[str]

_VARIABLE = re.compile(r"\$\{(?P<braced>\w+)(?::(?P<format>\w+))?\}|\$(?P<plain>\w+)")
_MACRO = re.compile(r"\$__(\w+)")


@dataclass(frozen=True)
class Reader:
    """Who looks at a board: a range of time, the width of a bucket in seconds, and the values chosen by variable."""

    since: datetime
    until: datetime
    interval: int = 3600
    chosen: Mapping[str, Chosen] = field(default_factory=dict)

    def sql(self, board: Json, text: str) -> str:
        """What the engine is asked. Raises AssertionError where something is left to expand."""
        macros = {
            "fromTime": f"toDateTime({int(self.since.timestamp())})",
            "toTime": f"toDateTime({int(self.until.timestamp())})",
            "interval_s": str(self.interval),
        }
        asked = _MACRO.sub(lambda found: macros.get(found[1], found[0]), self.interpolated(board, text))
        assert "$" not in asked, asked
        return asked

    def promql(self, board: Json, text: str) -> str:
        """What Prometheus is asked."""
        return self.interpolated(board, text).replace("$__rate_interval", "1m")

    def interpolated(self, board: Json, text: str) -> str:
        variables = {variable["name"]: variable for variable in board["templating"]["list"]}

        def put(found: re.Match[str]) -> str:
            variable = variables.get(found["braced"] or found["plain"])
            return found[0] if variable is None else self._value(variable, found["format"] or "")

        return _VARIABLE.sub(put, text)

    def _value(self, variable: Json, form: str) -> str:
        value = self.chosen.get(variable["name"], variable["current"]["value"])
        if value in (ALL, [ALL]):
            return str(variable["allValue"])  # as it is, whatever the format
        if form == "singlequote":
            values = value if isinstance(value, list) else [value]
            return ",".join("'" + one.replace("'", "\\'") + "'" for one in values)
        assert not form, form
        return f"'{"','".join(value)}'" if isinstance(value, list) else value


@dataclass(frozen=True)
class Query:
    """A query of a board: of a panel, a variable or an annotation."""

    board: str
    of: str
    text: str
    panel: Json | None = None
    target: Json | None = None

    def __str__(self) -> str:
        return f"{self.board}: {self.of}"


def panel_queries(source: str = CLICKHOUSE) -> Iterator[Query]:
    for name, board in BOARDS.items():
        for panel in board["panels"]:
            for target in panel["targets"]:
                if target["datasource"]["type"] == source:
                    yield Query(name, panel["title"], target.get("rawSql") or target["expr"], panel, target)


def variable_queries() -> Iterator[Query]:
    for name, board in BOARDS.items():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query" and variable["datasource"]["type"] == CLICKHOUSE:
                yield Query(name, variable["name"], variable["query"])


def annotation_queries() -> Iterator[Query]:
    for name, board in BOARDS.items():
        for annotation in board["annotations"]["list"]:
            yield Query(name, annotation["name"], annotation["target"]["rawSql"])


def utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
