"""The dashboard on a ClickHouse server: the same questions, asked by a user with a password."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from collector.clickhouse import ClickHouse, clickhouse
from dashboard_store import CALLS, Open, words
from spanledger_collector.store import Store as Collector
from spanledger_dashboard import explain
from stores import Stores

RANGE = {"range": "custom", "from": "2026-09-02T00:00", "to": "2026-09-03T00:00"}
USAGE = """
SELECT calls, cost_usd, error_rate FROM spanledger.usage(step=0, by='', from='2026-09-02 00:00:00', to='2026-09-03 00:00:00',
    project='', environments=[], services=[], providers=[], models=[], teams=[], features=[], customers=[])
"""


@pytest.fixture(scope="module")
def server(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ClickHouse, tuple[Any, ...]]]:
    """A server with two days of calls, and what its view says of the second."""
    with clickhouse(stores.unpriced(tmp_path_factory.mktemp("server")) / "store") as server:
        collector = Collector(server.dsn)
        collector.command(CALLS)
        [usage] = collector.query(USAGE)
        collector.close()
        yield server, tuple(usage)


def test_a_page_says_of_a_server_what_its_views_say(server: tuple[ClickHouse, tuple[Any, ...]], opened: Open) -> None:
    clickhouse, (calls, cost_usd, error_rate) = server
    said = words(opened(clickhouse.dsn, **RANGE))
    for figure in (explain.count(calls), explain.money(cost_usd), explain.percent(error_rate)):
        assert figure in said


def test_a_server_that_does_not_take_the_password_is_told_from_one_that_is_away(
    server: tuple[ClickHouse, tuple[Any, ...]], opened: Open
) -> None:
    refused = words(opened(server[0].dsn.replace("word", "wort"), **RANGE))
    away = words(opened("http://writer:x@127.0.0.1:1", **RANGE))
    assert refused != away and "key" in refused.lower()
