from __future__ import annotations

from collections.abc import Iterator

import pytest
from collector.pipeline.otlp import Pipeline
from stores import Stores


@pytest.fixture(scope="module")
def pipeline(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    pipeline = Pipeline(stores.unpriced(tmp_path_factory.mktemp("pipeline")))
    try:
        yield pipeline
    finally:
        pipeline.close()
