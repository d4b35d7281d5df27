from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from collector.pipeline import recorded
from collector.pipeline.otlp import Pipeline, Posted
from stores import Stores


@pytest.fixture(scope="module")
def pipeline(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    pipeline = Pipeline(stores.unpriced(tmp_path_factory.mktemp("pipeline")))
    try:
        yield pipeline
    finally:
        pipeline.close()


@pytest.fixture(scope="module")
def samples(pipeline: Pipeline) -> Mapping[str, Posted]:
    """What each recorded sample came to."""
    return dict(zip(recorded.SAMPLES, pipeline.post_each(*map(recorded.received, recorded.SAMPLES)), strict=True))


@pytest.fixture
def stored(request: pytest.FixtureRequest, pipeline: Pipeline) -> Posted:
    """What the request of a test came to, of which there are several `together`."""
    posted: Posted = request.param(pipeline)
    return posted
