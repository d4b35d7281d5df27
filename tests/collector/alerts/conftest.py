from __future__ import annotations

from collections.abc import Iterator

import pytest
from collector.alerts.receiver import Receiver, receiver


@pytest.fixture
def server() -> Iterator[Receiver]:
    """A service that takes messages."""
    with receiver() as here:
        yield here
