from __future__ import annotations

import os

import pytest
from stores import Stores


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """Where tests get their stores from."""
    own = tmp_path_factory.getbasetemp()
    return Stores(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)
