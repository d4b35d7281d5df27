"""A month of past calls as the OTLP request bodies that the services would have sent.

The same arguments give the same bytes, so a history that is posted twice is stored once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime

from spanledger_demo import otlp, past
from spanledger_demo.otlp import RESOURCE, Attribute
from spanledger_demo.past import PastCall
from spanledger_demo.spans import ANTHROPIC, APP, OPENAI, anthropic_span, openai_span, root_span
from spanledger_demo.world import FEATURES

SPANS_PER_BODY = 512


def bodies(*, calls: int = 300_000, days: float = 30, now: datetime, seed: int = 0) -> Iterator[bytes]:
    """`ExportTraceServiceRequest`s of about 512 spans, one service's each, in order of their last span's arrival."""
    ids = random.Random(seed)
    processes: dict[tuple[str, str], _Process] = {}
    for call in past.calls(calls=calls, days=days, now=now, seed=seed):
        key = call.feature.service, call.environment
        process = processes.get(key)
        if process is None:
            process = processes[key] = _Process(*key, ids)
        process.add(call)
        if process.count >= SPANS_PER_BODY:
            yield process.export()
    for process in processes.values():
        if process.count:
            yield process.export()


def expected_bodies(calls: int) -> int:
    """About how many bodies so many calls make."""
    share = sum(feature.share for feature in FEATURES)
    spans = sum(f.share * (1 + f.retrieves + (f.routed if f.route else 0)) for f in FEATURES) / share
    arrivals = calls / (1 + sum(f.share for f in FEATURES if f.retrieves) / share)
    return 1 + round(arrivals * spans / SPANS_PER_BODY)


class _Process:
    """One process of one service: its spans wait here for the next export."""

    def __init__(self, service: str, environment: str, ids: random.Random) -> None:
        instance = ids.randbytes(16).hex()
        uuid = "-".join((instance[:8], instance[8:12], instance[12:16], instance[16:20], instance[20:]))
        self._resource = b"".join(
            Attribute(key, RESOURCE).text(value)
            for key, value in {
                "telemetry.sdk.language": "python",
                "telemetry.sdk.name": "opentelemetry",
                "telemetry.sdk.version": "1.45.2",
                "service.instance.id": uuid,
                "service.name": service,
                "deployment.environment.name": environment,
                "spanledger.export.process": ids.randbytes(16).hex(),
            }.items()
        )
        self._sequence = self._sent = self._started = 0
        self._spans: dict[tuple[str, str, str], list[bytes]] = {}
        self.count = 0

    def add(self, call: PastCall) -> None:
        scope, span = (OPENAI, openai_span) if call.model.provider == "openai" else (ANTHROPIC, anthropic_span)
        self._started = self._started or call.start_ns // 10**9
        self._spans.setdefault(scope, []).append(span(call))
        self.count += 1
        if call.root:
            self._spans.setdefault(APP, []).append(root_span(call))
            self.count += 1

    def export(self) -> bytes:
        self._sequence += 1
        self._sent += self.count
        stamps = b"".join(
            Attribute(f"spanledger.export.{name}", RESOURCE).number(number)
            for name, number in {
                "started": self._started,
                "sequence": self._sequence,
                "emitted": self._sent,
                "sent": self._sent,
                "dropped": 0,
            }.items()
        )
        scopes = [otlp.scope_spans(*scope, spans) for scope, spans in self._spans.items()]
        self._spans, self.count = {}, 0
        return otlp.request(self._resource + stamps, scopes)
