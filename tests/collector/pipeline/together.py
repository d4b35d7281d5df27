"""Many cases of one test, posted by one INSERT."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import pytest
from collector.pipeline.otlp import Pipeline, Posted, envelope, request, resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from spanledger_collector.envelope import Envelope

Built = Span | Sequence[Span] | bytes | Envelope


def together(
    names: str | tuple[str, ...], cases: Iterable[Any], build: Callable[..., Built], ids: Iterable[str] | None = None
) -> pytest.MarkDecorator:
    """As `pytest.mark.parametrize`, for a test of what a request comes to: `build` makes the request of a case, or its spans.

    The test takes its rows as `stored`. Each case is a segment of its own.
    """
    valued = [case if isinstance(names, tuple) else (case,) for case in cases]
    batch = _Batch([_envelope(build(*case)) for case in valued])
    return pytest.mark.parametrize(
        ("stored", *(names if isinstance(names, tuple) else (names,))),
        [(partial(batch.posted, number), *case) for number, case in enumerate(valued)],
        indirect=["stored"],
        ids=ids,
    )


class _Batch:
    def __init__(self, envelopes: Sequence[Envelope]) -> None:
        self._envelopes = envelopes
        self._posted: tuple[Pipeline, list[Posted]] | None = None

    def posted(self, number: int, pipeline: Pipeline) -> Posted:
        if self._posted is None or self._posted[0] is not pipeline:
            self._posted = pipeline, pipeline.post_each(*self._envelopes)
        return self._posted[1][number]


def _envelope(built: Built) -> Envelope:
    match built:
        case Envelope():
            return built
        case bytes():
            return envelope(built)
        case Span():
            return envelope(request(resource(built)))
        case _:
            return envelope(request(resource(*built)))
