"""An acknowledgement is a promise in the server way too: whichever of the two is killed, the collector or the server."""

from __future__ import annotations

from pathlib import Path

from collector.clickhouse import clickhouse
from e2e.crashes import Crashes
from spanledger_collector.store import Store


def test_kills_of_the_collector_and_of_its_server_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    with clickhouse(tmp_path / "server") as server:
        migrator = Store(server.dsn, dictionary_user="default")
        migrator.migrate(migrator.query("SELECT now('UTC')")[0][0])
        migrator.close()
        with Crashes(tmp_path / "data", seed=4, store=server.dsn).load() as crashes:
            for _ in range(3):
                crashes.round(beside=server.restart)
            found = crashes.books()

    assert found.exact, str(found)
    assert found.acknowledged > 1_000
