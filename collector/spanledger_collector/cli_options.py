"""What several commands take: the data folder, the configuration, and where to ask in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import clickhouse_connect
import platformdirs
import typer
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from spanledger_collector.errors import StartError

Data = Annotated[
    Path,
    typer.Option(
        "--data",
        envvar="SPANLEDGER_DATA",
        help="The data folder: store, spool and keys.",
        show_default="the user's data directory",
        default_factory=lambda: Path(platformdirs.user_data_dir("spanledger")),
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="SPANLEDGER_CONFIG",
        help="The configuration: SLOs, budgets, alerting, capture of content.",
        show_default="spanledger.yaml in the data folder, where it is",
    ),
]
PricesFile = Annotated[
    Path | None,
    typer.Option(
        "--prices",
        envvar="SPANLEDGER_PRICES",
        help="Prices of your own: contracts, discounts, models on your GPUs.",
        show_default="prices.yaml in the data folder, where it is",
    ),
]
SqlPort = Annotated[str, typer.Option(envvar="SPANLEDGER_CLICKHOUSE_DSN", help="The read-only SQL port.")]
ReadKey = Annotated[
    str, typer.Option(envvar="SPANLEDGER_READ_KEY", help="An API key that may read.", show_default=False)
]
SQL_PORT = "http://127.0.0.1:8123"


def moment(text: str) -> datetime:
    """A time that an option names, in UTC: a date is its midnight. Raises BadParameter, with the forms that there are."""
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is no time: say 2026-11-24, 2026-11-24T10:00 or 2026-11-24T10:00:30; it is UTC"
        ) from None


def ask(url: str, key: str, query: str, output: str, parameters: Mapping[str, Any] | None = None) -> bytes:
    """The answer of the read-only SQL port, in form `output` where the query has no FORMAT of its own. Raises StartError, of one line."""
    parts = urlsplit(url)
    where = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()  # a server's may have a password in it
    secure = parts.scheme == "https"
    try:
        with clickhouse_connect.get_client(dsn=url, secure=secure, password=key, database="spanledger") as client:
            form = {"X-ClickHouse-Format": output}
            return client.raw_query(query, parameters=dict(parameters or {}), transport_settings=form)
    except OperationalError as error:
        raise StartError(f"{where} does not answer: is `spanledger up` running there?") from error
    except ClickHouseError as error:
        raise StartError(f"{where}: {str(error).splitlines()[0]}") from error
