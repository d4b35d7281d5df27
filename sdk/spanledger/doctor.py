"""What is wrong, or looks wrong, in an app's environment: found without the app, without sending a span."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from importlib.metadata import distributions
from typing import Literal

from spanledger import lifecycle
from spanledger.config import Config, read_config
from spanledger.disk_queue import DiskQueue
from spanledger.report import State
from spanledger.transport import Delivered, Refused, Transport

_SKEW = 30.0
"""Seconds between two clocks that are worth a word."""
_TRACERS = ("openlit", "traceloop-sdk", "langfuse", "logfire", "openinference-instrumentation-", "opentelemetry-instrumentation-openai",
            "opentelemetry-instrumentation-anthropic", "langsmith", "ddtrace", "sentry-sdk", "newrelic")  # fmt: skip
"""Distributions that can trace LLM calls, once somebody activates them."""


@dataclass(frozen=True, slots=True)
class Finding:
    mark: Literal["ok", "warn", "FAIL"]
    about: str
    text: str

    def __str__(self) -> str:
        return f"{self.mark:<5} {self.about:<18} {self.text}"


def diagnose() -> Iterator[Finding]:
    config = read_config(os.environ)
    for note in config.notes:
        yield Finding("warn", "settings", note)
    yield from _libraries()
    yield from _others()
    yield from _collector(config)
    yield from _disk_queue(config)


def _libraries() -> Iterator[Finding]:
    report = lifecycle.instrument()
    lifecycle.shutdown(0.0)
    if not report.enabled:
        yield Finding("FAIL", "instrument()", report.reason)
        return
    named = not report.service.startswith("unknown_service")
    yield Finding(
        "ok" if named else "warn", "service", report.service if named else "has no name: set OTEL_SERVICE_NAME"
    )
    installed = [library for library in report.libraries if library.version or library.state is not State.NOT_TRACED]
    for library in installed:
        traced = library.state is not State.NOT_TRACED
        name = f"{library.name} {library.version}".strip()
        yield Finding("ok" if traced else "warn", name, f"{library.state}{f' by {library.by}' if library.by else ''}"
                      f"{': ' if library.reason else ''}{library.reason}")  # fmt: skip
    if not installed:
        yield Finding("warn", "client libraries", "none that spanledger knows is installed")


def _others() -> Iterator[Finding]:
    names = {str(found.name).lower().replace("_", "-") for found in distributions() if found.name}
    for name in sorted(name for name in names if name.startswith(_TRACERS)):
        yield Finding(
            "warn", name, "is installed: where the app activates it as well, see that each call keeps one span"
        )


def _collector(config: Config) -> Iterator[Finding]:
    transport = Transport(config)
    began = time.time()
    try:
        outcome = transport.post(b"")  # a request without spans, as good as any to try the key with
    except Exception as error:
        yield Finding("FAIL", "collector", f"{config.endpoint}: {type(error).__name__}: {error}")
        return
    finally:
        transport.close()
    if not isinstance(outcome, Delivered):
        what = "refuses" if isinstance(outcome, Refused) else "cannot be reached"
        yield Finding("FAIL", "collector", f"{config.endpoint} {what} ({outcome.reason})")
        return
    key = "the key is valid" if "authorization" in config.headers else "no key was sent, and none is asked for"
    yield Finding("ok", "collector", f"{config.endpoint} takes spans; {key}")
    if transport.date:
        skew = began - parsedate_to_datetime(transport.date).timestamp()
        near = abs(skew) <= _SKEW
        yield Finding(
            "ok" if near else "warn",
            "clock",
            f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the collector's",
        )


def _disk_queue(config: Config) -> Iterator[Finding]:
    if config.disk_queue is None:
        return
    try:
        queue = DiskQueue(config.disk_queue, config.disk_queue_bytes)
        waiting = sum(path.stat().st_size for path in config.disk_queue.glob("*.otlp"))
        queue.close()
    except (OSError, ValueError, ImportError) as error:
        yield Finding("FAIL", "disk queue", str(error))
        return
    share = waiting / config.disk_queue_bytes
    text = f"{config.disk_queue}: {waiting:,} of {config.disk_queue_bytes:,} bytes wait"
    yield Finding("ok" if share < 0.5 else "warn", "disk queue", text)
