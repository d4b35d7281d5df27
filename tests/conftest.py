from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from stores import Stores

# How long an example takes says more of the machine than of the code. What tests share is emptied, or told apart, by the tests.
settings.register_profile(
    "suite", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """Where tests get their stores from."""
    own = tmp_path_factory.getbasetemp()
    return Stores(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)
