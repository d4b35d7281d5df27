"""An acknowledgement is a promise in the server way too: whichever of the two is killed, the collector or the server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from collector.clickhouse import clickhouse
from e2e.crashes import Crashes
from spanledger_collector.store import Store
from stores import Stores


def test_kills_of_the_collector_and_of_its_server_lose_nothing_and_double_nothing(
    tmp_path: Path, stores: Stores
) -> None:
    with clickhouse(stores.unpriced(tmp_path / "server") / "store") as server:
        migrator = Store(server.dsn)
        migrator.migrate(datetime.now(UTC))  # a server's tables are synced otherwise than embedded ones
        migrator.close()
        with Crashes(tmp_path / "data", seed=4, store=server.dsn).load() as crashes:
            for _ in range(3):
                crashes.round(beside=server.restart)
            found = crashes.books()

    assert found.exact, str(found)
    assert found.acknowledged > 1_000
