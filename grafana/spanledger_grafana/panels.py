"""The kinds of panel, as Grafana's JSON has them. Size, place and number are the board's to give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spanledger_grafana import colours
from spanledger_grafana.sources import Json

NO_CALLS = "No calls in this range"
BARS_AT_MOST = 60


def stat(
    title: str, description: str, target: Json, unit: str, steps: colours.Steps | None = None, *,
    decimals: int | None = None, sparkline: bool = False, nothing: str = "—", mappings: Sequence[Json] = (),
) -> Json:  # fmt: skip
    """A figure. With `sparkline` the sum of a curve, and the curve; else the last row's."""
    options = {
        "colorMode": "value",
        "graphMode": "area" if sparkline else "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": ["sum" if sparkline else "lastNotNull"], "fields": "", "values": False},
        "showPercentChange": False,
        "textMode": "value",
        "wideLayout": True,
    }
    defaults = _defaults(unit, decimals, nothing, mappings) | _thresholds(steps or colours.plain())
    return _panel("stat", title, description, target, options, defaults) | _buckets(sparkline)


def timeseries(
    title: str, description: str, *targets: Json, unit: str, bars: bool = False, decimals: int | None = None,
    names: Mapping[str, tuple[str, str]] | None = None, at_least: float | None = 0, at_most: float | None = None,
    line: float | None = None, calcs: Sequence[str] = (), nothing: str = NO_CALLS,
) -> Json:  # fmt: skip
    """Curves, or stacked bars. `names`: of columns, each with its name and colour; without them a series is named by its
    label. `line`: a threshold to draw. `calcs`: the legend's figures, which make it a table."""
    custom: Json = {
        "drawStyle": "bars" if bars else "line",
        "fillOpacity": 80 if bars else 8,
        "gradientMode": "none",
        "lineInterpolation": "linear",
        "lineWidth": 0 if bars else 2,
        "showPoints": "never" if bars else "auto",
        "pointSize": 4,
        "spanNulls": False,
        "stacking": {"mode": "normal" if bars else "none", "group": "A"},
        "axisBorderShow": False,
        "thresholdsStyle": {"mode": "off" if line is None else "dashed"},
    }
    defaults = _defaults(unit, decimals, nothing) | {"color": {"mode": "palette-classic-by-name"}, "custom": custom}
    if line is not None:
        defaults |= _steps([{"color": "transparent", "value": None}, {"color": colours.BAD, "value": line}])
    if at_least is not None:
        defaults["min"] = at_least
    if at_most is not None:
        defaults["max"] = at_most
    if names is None and targets[0].get("rawSql"):
        defaults["displayName"] = "${__field.labels.series}"
    options = {
        "legend": {
            "calcs": list(calcs),
            "displayMode": "table" if calcs else "list",
            "placement": "bottom",
            "showLegend": True,
        },
        "tooltip": {"hideZeros": True, "mode": "multi", "sort": "desc"},
    }
    overrides = [
        _override(column, displayName=name, color={"fixedColor": colour, "mode": "fixed"})
        for column, (name, colour) in (names or {}).items()
    ]
    return _panel("timeseries", title, description, targets, options, defaults, overrides) | _buckets(bars)


def table(
    title: str, description: str, target: Json, columns: Mapping[str, Json], *, sort: str = "", nothing: str = NO_CALLS
) -> Json:
    """Rows. `columns`: each column's name to the properties that it is shown by (`column`)."""
    options: Json = {"cellHeight": "sm", "frameIndex": 0, "showHeader": True}
    if sort:
        shown = str(columns[sort].get("displayName", sort))
        options["sortBy"] = [{"desc": True, "displayName": shown}]
    defaults = {"noValue": nothing, "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False}}
    overrides = [_override(name, **properties) for name, properties in columns.items() if properties]
    return _panel("table", title, description, target, options, defaults, overrides)


def column(
    name: str, unit: str = "", *, decimals: int | None = None, width: int | None = None, bar: bool = False,
    steps: colours.Steps | None = None, mappings: Sequence[Json] = (), link: tuple[str, str] | None = None,
    filled: bool = False,
) -> Json:  # fmt: skip
    """How a column is shown. `bar`: as long as the figure is large. `steps`: colours by the figure. `link`: title and URL."""
    properties: Json = {"displayName": name}
    if unit:
        properties["unit"] = unit
    if decimals is not None:
        properties["decimals"] = decimals
    if width is not None:
        properties["custom.width"] = width
    if bar:
        properties["custom.cellOptions"] = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
        properties["color"] = {"fixedColor": colours.ACCENT, "mode": "fixed"}
        properties["min"] = 0
    if steps is not None:
        properties |= _thresholds(steps)
    if steps is not None or filled:
        properties["custom.cellOptions"] = {"type": "color-background" if filled else "color-text", "mode": "basic"}
    if mappings:
        properties["mappings"] = list(mappings)
    if link:
        properties["links"] = [{"title": link[0], "url": link[1], "targetBlank": True}]
    return properties


def states(shown: Mapping[str, tuple[str, str]]) -> list[Json]:
    """Words for values: value to text and colour."""
    options = {
        value: {"text": text, "color": colour, "index": index}
        for index, (value, (text, colour)) in enumerate(shown.items())
    }
    return [{"type": "value", "options": options}]


def _panel(
    kind: str, title: str, description: str, targets: Json | Sequence[Json], options: Json, defaults: Json,
    overrides: Sequence[Json] = (),
) -> Json:  # fmt: skip
    listed = [targets] if isinstance(targets, dict) else list(targets)
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": listed[0]["datasource"],
        "targets": listed,
        "options": options,
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
    }


def _defaults(unit: str, decimals: int | None, nothing: str, mappings: Sequence[Json] = ()) -> Json:
    defaults: Json = {"unit": unit, "noValue": nothing}
    if decimals is not None:
        defaults["decimals"] = decimals
    if mappings:
        defaults["mappings"] = list(mappings)
    return defaults


def _steps(steps: colours.Steps) -> Json:
    return {"thresholds": {"mode": "absolute", "steps": steps}}


def _thresholds(steps: colours.Steps) -> Json:
    return {"color": {"mode": "thresholds"}, **_steps(steps)}


def _buckets(few: bool) -> Json:
    """How wide a bucket is: a minute at least; bars need room."""
    return {"interval": "1m", **({"maxDataPoints": BARS_AT_MOST} if few else {})}


def _override(column: str, **properties: Any) -> Json:
    given = [{"id": name, "value": value} for name, value in properties.items()]
    return {"matcher": {"id": "byName", "options": column}, "properties": given}
