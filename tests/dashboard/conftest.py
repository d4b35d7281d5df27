from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import spanledger_dashboard
from dashboard_store import CALLS, ON_CALL, Open, Store, serve
from spanledger_dashboard import ask
from stores import Stores
from streamlit.testing.v1 import AppTest


@pytest.fixture(scope="module")
def store(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Two days of calls, with objectives and alerts."""
    yield from serve(stores.unpriced(tmp_path_factory.mktemp("store")), CALLS, *ON_CALL)


@pytest.fixture(scope="module")
def empty_store(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    yield from serve(stores.unpriced(tmp_path_factory.mktemp("empty_store")))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Open:
    def open_app(dsn: str, page: str = "", **query: str) -> AppTest:
        monkeypatch.setenv("SPANLEDGER_CLICKHOUSE_DSN", dsn)
        ask.forget()
        app = AppTest.from_file(str(Path(spanledger_dashboard.__file__).parent / "app.py"), default_timeout=30)
        if page:
            app.session_state["go"] = page, query
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        return app

    return open_app


@pytest.fixture(scope="session")
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
