"""A platform with a day of traces, behind its API. One for each module: an engine's folder belongs to one process."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from collector.books import Call
from collector.clickhouse import clickhouse
from collector.rig import Running
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from spanledger_collector.keys import Keys, Scope
from spanledger_collector.platform import Options
from stores import Stores

TRACES = 12
ORIGIN = "https://app.example"


def body(calls: list[Call]) -> bytes:
    spans = [ScopeSpans(spans=[call.span() for call in calls])]
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=Resource(), scope_spans=spans)]
    ).SerializeToString()


@pytest.fixture(scope="module", params=["embedded", "server"])
def served(
    request: pytest.FixtureRequest, stores: Stores, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Running, str, str]]:
    """A platform, and keys of project a, which has TRACES traces a minute apart, and of project b, which has one. On either store."""
    data = stores.priced(tmp_path_factory.mktemp("api") / "data")
    with contextlib.ExitStack() as stack:
        dsn = ""
        if request.param == "server":
            shutil.move(data / "store", data.with_name("server"))
            dsn = stack.enter_context(clickhouse(data.with_name("server"))).dsn
        yield from _served(data, dsn)


def _served(data: Path, dsn: str) -> Iterator[tuple[Running, str, str]]:
    keys = Keys(data / "keys.json")
    a, b = (keys.create(project, list(Scope), datetime.now(UTC)) for project in "ab")
    running = Running(
        Options(
            data=data,
            store=dsn,
            otlp_port=0,
            grpc_port=None,
            clickhouse_port=0,
            dashboard_port=None,
            api_origins=[ORIGIN],
        )
    )
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=3)
    for number in range(TRACES):
        attributes: dict[str, str | bool | int | float] = {
            "session.id": f"s{number % 3}",
            "user.id": "ada",
            "app.odd": "it's \\ a\ttab\nline",
            "app.number": number,
        }
        usage = {"input": 1000 * (number + 1), "output": 100}
        call = Call(number, usage=usage, start=start + timedelta(minutes=number), attributes=attributes)
        assert running.send(body([call]), key=a).status_code == 200
    assert running.send(body([Call(99, start=start)]), key=b).status_code == 200
    running.drained()
    yield running, a, b
    running.stop()
    shutil.rmtree(data)
