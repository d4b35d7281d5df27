"""A store behind the read-only interface, as the dashboard meets it, and how a test opens the pages on it."""

from __future__ import annotations

import html
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clickhouse_connect
import uvicorn
from clickhouse_connect.driver.client import Client
from spanledger_collector.contract import Contract
from spanledger_collector.readonly import readonly_app
from spanledger_collector.schemas_folder import SCHEMAS
from streamlit.testing.v1 import AppTest

# Two days of 500 calls each: every tenth fails, every eighth has a model without a price, none streams on Sunday.
CALLS = """
INSERT INTO spanledger.ledger
    (timestamp, posted_at, period, kind, project, service_name, environment, provider, model, team, feature, customer,
     calls, input_uncached, cache_read, output_text, reports_cache, cost_usd, cost_status, duration_ns, ttft_ns, status)
WITH number % 10 = 9 AS failed, number % 8 = 7 AS unknown
SELECT
    toDateTime64('2026-09-01 00:00:00', 9, 'UTC') + number * 172.8 AS timestamp, timestamp + 1,
    toStartOfMonth(timestamp), 'charge', if(number % 4 = 3, 'other', 'default'), ['web', 'batch'][number % 2 + 1],
    'production', if(unknown, 'house', 'openai'), if(unknown, 'house-model', ['gpt-5', 'gpt-5-mini'][number % 2 + 1]),
    ['growth', 'core', '<b>bold</b>'][number % 3 + 1], 'search', 'customer-' || toString(number % 12),
    1, if(failed, NULL, 300), if(failed, NULL, 100), if(failed, NULL, 50 + number % 7), NOT failed,
    multiIf(failed, 0, unknown, NULL, toDecimal128(0.0123 + number / 10000, 12)),
    multiIf(failed, 'free', unknown, 'unpriced', 'priced'),
    1000000000 + number * 1000000, if(number % 2 = 0, 200000000 + number * 100000, NULL), if(failed, 'error', 'ok')
FROM numbers(1000)
"""


@dataclass(frozen=True)
class Store:
    """A store that is served at `dsn`."""

    dsn: str
    client: Client

    def row(self, question: str) -> dict[str, Any]:
        """The only row of an answer."""
        [row] = self.client.query(question).named_results()
        return dict(row)


def serve(folder: Path, *statements: str) -> Iterator[Store]:
    where = f"chdb://{folder}"
    client = clickhouse_connect.get_client(dsn=where)
    schema = [SCHEMAS / "tables/001_database.sql", SCHEMAS / "tables/020_ledger.sql"]
    for path in [*schema, *sorted((SCHEMAS / "views").glob("*.sql"))]:
        client.command(Contract.load().render(path.read_text()))
    for statement in statements:
        client.command(statement)
    app = readonly_app(lambda: clickhouse_connect.get_client(dsn=where), lambda key: None)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Store(f"http://127.0.0.1:{listening.getsockname()[1]}", client)
    server.should_exit = True
    thread.join()
    app.close()
    client.close()


Open = Callable[..., AppTest]
"""Opens the dashboard on a store, `opened(dsn, **query)`, and waits until it has drawn."""


def words(app: AppTest) -> str:
    """All that the page says, without its markup."""
    parts = [element.proto.body for element in app.get("html")] + [button.label for button in app.button]
    return html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", " ".join(parts), flags=re.DOTALL))
