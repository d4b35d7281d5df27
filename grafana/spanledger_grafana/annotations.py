"""What else happened: marks on the time axis of every chart."""

from __future__ import annotations

from spanledger_grafana import ask, colours
from spanledger_grafana.sources import CLICKHOUSE, Json, rows

_SCOPE = "environments=[${environment:singlequote}], services=[${service:singlequote}]"


def deploys() -> Json:
    """A version of a service, or of a prompt, that had not run before."""
    return _marks(
        "Deploys",
        colours.SECOND,
        "SELECT time, concat(if(what = 'prompt', 'Prompt ', 'Deploy '), service) AS title,"
        " trim(concat(name, ' ', version)) AS text, concat(what, ',', service) AS tags\n"
        f"FROM spanledger.deploys({ask.PROJECT}, {_SCOPE}, {ask.RANGE})\nORDER BY time\nLIMIT 200",
    )


def price_changes() -> Json:
    """A list price that changed, of a model that is in use."""
    return _marks(
        "Price changes",
        colours.THIRD,
        "SELECT time, concat('Price of ', model) AS title,"
        " format('USD per million tokens: input {} → {}, output {} → {}', ifNull(toString(input_before), '—'),"
        " ifNull(toString(input_now), '—'), ifNull(toString(output_before), '—'), ifNull(toString(output_now), '—')) AS text,"
        " concat('price,', provider) AS tags\n"
        f"FROM spanledger.price_changes({ask.PROJECT}, {ask.RANGE})\nORDER BY time\nLIMIT 200",
    )


def alerts() -> Json:
    """The incidents of the built-in evaluator, from their start to their end."""
    return _marks(
        "Alerts",
        colours.BAD,
        f"SELECT started_at AS time, ifNull(resolved_at, toDateTime64({ask.UNTIL}, 3, 'UTC')) AS timeEnd,"
        " concat(severity, ': ', if(objective = '', alert, objective)) AS title, summary AS text, concat(severity, ',', alert) AS tags\n"
        f"FROM spanledger.alert_history({ask.RANGE})\nORDER BY time\nLIMIT 200",
    )


def _marks(name: str, colour: str, sql: str) -> Json:
    return {
        "name": name,
        "datasource": CLICKHOUSE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "target": rows(sql, "Anno"),
    }
