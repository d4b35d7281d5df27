"""What the demo's tests share."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from demo.sink import Sink


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    thread = threading.Thread(target=sink.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield sink
    sink.server.shutdown()
    thread.join()
    sink.server.server_close()
