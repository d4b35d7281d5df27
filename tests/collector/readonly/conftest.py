from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from collector.readonly.toy import SCHEMA, Engine, Interface, Serve, served
from spanledger_collector.readonly import Limits


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = Engine(tmp_path_factory.mktemp("engine"))
    try:
        client = engine.open()
        for statement in SCHEMA:
            client.command(statement)
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="module")
def serve(engine: Engine) -> Iterator[Serve]:
    with ExitStack() as running:
        yield lambda limits: running.enter_context(served(engine, limits))


@pytest.fixture(scope="module")
def interface(serve: Serve) -> Interface:
    return serve(Limits(seconds=5))
