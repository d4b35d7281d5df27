"""A collector's parts, put together as far as a test needs them, on a store that is made once and copied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from collector.books import Books
from collector.rig import QUICK, Rig, Rigged, Running, Start
from spanledger_collector.platform import Options
from spanledger_collector.spool import SpoolSettings
from spanledger_collector.store import Store
from stores import Stores


@pytest.fixture
def data(stores: Stores, tmp_path: Path) -> Path:
    """A data folder of the test's own: an empty store and its price book."""
    return stores.priced(tmp_path / "data")


@pytest.fixture
def rig(data: Path) -> Iterator[Rigged]:
    """Begins a collector without a network: `rig()`; the one before it, if any, is over then."""
    with ExitStack() as stack:
        running: list[Rig] = []

        def begin(settings: SpoolSettings = QUICK, **options: Any) -> Rig:
            for former in running:
                former.close()
            running[:] = [Rig(data, settings, **options)]
            stack.callback(running[0].close)
            return running[0]

        yield begin


@pytest.fixture
def platform(data: Path) -> Iterator[Start]:
    """Runs a platform: `platform(host="127.0.0.1", …)`, on free ports and without a dashboard; the one before it is over then."""
    running: list[Running] = []

    def start(**options: Any) -> Running:
        for former in running:
            former.stop()
        chosen = {"data": data, "otlp_port": 0, "grpc_port": 0, "clickhouse_port": 0, "dashboard_port": None, **options}
        running[:] = [Running(Options(**chosen))]
        return running[0]

    yield start
    for last in running:
        last.stop()


@pytest.fixture(scope="module")
def engine(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    """A ledger and a price book alone, for all tests of a file."""
    books = Books(stores.unpriced(tmp_path_factory.mktemp("books")))
    yield books
    books.close()


@pytest.fixture
def store(data: Path) -> Iterator[Store]:
    """The store of a data folder, and nothing else."""
    store = Store(data / "store")
    yield store
    store.close()
