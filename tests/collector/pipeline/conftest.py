from __future__ import annotations

from collections.abc import Iterator

import pytest
from collector.pipeline.otlp import Pipeline


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    pipeline = Pipeline(tmp_path_factory.mktemp("pipeline"))
    try:
        yield pipeline
    finally:
        pipeline.close()
