from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import clickhouse_connect
import pytest
from collector.rig import Running, until
from grafana.northwind import CALLS, STATEMENTS, UNPRICED, Live, others
from spanledger_collector.platform import Options
from spanledger_demo import history
from stores import Stores


@pytest.fixture(scope="module")  # one engine a process: it is closed before another test file opens one
def live(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    data = stores.priced(tmp_path_factory.mktemp("grafana"))
    now = datetime.now(UTC)
    with ExitStack() as stack:
        platform = Running(Options(data=data, otlp_port=0, grpc_port=0, clickhouse_port=0, dashboard_port=None))
        stack.callback(platform.stop)
        # the first calls began some minutes before two days
        since = (now - timedelta(days=2, hours=1)).replace(second=0, microsecond=0)
        middle = int((since + timedelta(days=1)).timestamp())
        for body in [*history.bodies(calls=CALLS, days=2, now=now), *others(middle)]:
            assert platform.send(body).status_code == 200
        platform.drained()
        until(lambda: platform.one(UNPRICED) == "0")  # a model seen for the first time is priced moments later
        for statement in STATEMENTS:
            platform.platform.store.command(statement, {"moment": middle})
        client = stack.enter_context(clickhouse_connect.get_client(dsn=platform.platform.addresses.clickhouse))
        # all that was received is before it
        ended = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        yield Live(platform, client, since, ended)
