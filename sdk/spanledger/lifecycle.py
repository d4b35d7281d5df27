"""`instrument()` and what undoes it: one session a process, put together here from the other files."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Mapping
from functools import cache
from multiprocessing import parent_process, util
from typing import TYPE_CHECKING, Literal

from opentelemetry import trace

from spanledger.faults import faults
from spanledger.report import Report
from spanledger.stats import Stats

if TYPE_CHECKING:
    from spanledger.session import Session

_lock = threading.Lock()
_session: Session | None = None
_EXIT_TIMEOUT = 5.0


def instrument(
    *,
    endpoint: str | None = None,
    api_key: str | None = None,
    service: str | None = None,
    environment: str | None = None,
    spans: Literal["genai", "all"] | None = None,
    stream_usage: bool | None = None,
    disk_queue: str | os.PathLike[str] | None = None,
    disk_queue_bytes: int | None = None,
    capture_content: bool | None = None,
    redact: Mapping[str, str] | None = None,
    sigterm: bool | None = None,
    tracer_provider: trace.TracerProvider | None = None,
) -> Report:
    """Traces the LLM calls of this process and sends them, priced, to a spanledger collector.

    One line, once, after the app has set up its own OpenTelemetry, if it has any. A second call changes nothing and
    returns the first one's report. It never raises but for a wrong argument (ValueError), and what it sets up never
    raises into the app, never blocks it, and never changes what a call returns.

    endpoint: base URL of the collector; default `SPANLEDGER_ENDPOINT`, else the `OTEL_EXPORTER_OTLP_*` endpoint, else
        http://127.0.0.1:4318.
    api_key: project key; default `SPANLEDGER_API_KEY`. A collector on this machine needs none.
    service, environment: `service.name` and `deployment.environment.name` on the spans; default `OTEL_SERVICE_NAME` and
        `OTEL_RESOURCE_ATTRIBUTES`, or the resource of the app's own provider.
    spans: "genai" (default, `SPANLEDGER_SPANS`) sends GenAI spans and their local roots; "all" sends every sampled
        span as well. GenAI spans are sent in full, whatever the app samples.
    stream_usage: False (`SPANLEDGER_STREAM_USAGE=false`) stops asking OpenAI for the token counts of chat streams,
        without which a stream has no cost.
    capture_content: True (`SPANLEDGER_CAPTURE_CONTENT=true`) sends prompts and completions too, redacted on the
        background thread; as shipped they do not leave the process. The collector keeps them where it captures as well.
    redact: further kinds to take out of them, name to regular expression: `{"employee": r"\bE-[0-9]{6}\b"}`.
    disk_queue: a folder (`SPANLEDGER_DISK_QUEUE`) for requests that cannot be sent; they are sent when the collector is
        back, after a restart too. It must be this user's alone, and is made so. `disk_queue_bytes`
        (`SPANLEDGER_DISK_QUEUE_BYTES`, 64 MiB) bounds it: the oldest goes first, and is counted.
    sigterm: True (`SPANLEDGER_SIGTERM=true`) sends what is queued, for 5 s at most, before SIGTERM ends the process as
        it would have. Only where the app has no handler of its own, whose exit sends it anyway.
    tracer_provider: join this one. Default: the app's global provider, or a new one that becomes it.

    `OTEL_SDK_DISABLED=true` turns all of it off.
    """
    global _session
    with _lock:
        if _session is not None:
            return _session.report
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            return Report(enabled=False, reason="OTEL_SDK_DISABLED=true")
        try:
            from spanledger.config import read_config
            from spanledger.session import Session
        except Exception as error:
            faults.record("import")
            return Report(enabled=False, reason=f"{type(error).__name__}: {error}")
        config = read_config(
            os.environ,
            endpoint=endpoint,
            api_key=api_key,
            service=service,
            environment=environment,
            spans=spans,
            stream_usage=stream_usage,
            disk_queue=disk_queue,
            disk_queue_bytes=disk_queue_bytes,
            capture_content=capture_content,
            redact=redact,
            sigterm=sigterm,
        )
        session = Session(config)
        try:
            session.open(tracer_provider)
        except Exception as error:
            faults.record("instrument")
            try:
                session.close(0.0)
            except Exception:
                faults.record("undoing instrument")
            return Report(enabled=False, reason=f"{type(error).__name__}: {error}")
        _session = session
        _shut_down_at_exit()
        return session.report


def flush(timeout: float = 5.0) -> bool:
    """Sends what is queued now. True once each span that ended before is delivered, or counted as dropped.

    timeout: longest wait in seconds. For the end of a short job, or of a request where the process may be frozen
    (serverless).
    """
    session = _session
    return True if session is None else session.outbox.flush(timeout)


def shutdown(timeout: float = 5.0) -> bool:
    """Undoes `instrument()`: sends what is queued, for `timeout` seconds at most, and takes all wrappers out again.

    True if no span was lost by it. Runs by itself at exit. `instrument()` may be called again afterwards.
    """
    global _session
    with _lock:
        session, _session = _session, None
        return True if session is None else session.close(timeout)


def stats() -> Stats:
    """What was delivered, queued and dropped by this process so far, and why; zeros before `instrument()`."""
    session = _session
    return Stats(faults=faults.count) if session is None else session.outbox.stats()


def tracer() -> trace.Tracer:
    """Of our own spans; its spans go nowhere where `instrument()` was not called."""
    session = _session
    return trace.NoOpTracer() if session is None else session.tracer()


def service() -> str:
    """The name under which `instrument()` reports this process; empty where there is none."""
    session = _session
    name = "" if session is None else session.report.service
    return "" if name.startswith("unknown_service") else name


def _renew() -> None:
    """In a forked child: another thread of its parent may have been inside of `instrument()`."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew)


def _exit() -> None:
    shutdown(_EXIT_TIMEOUT)


@cache
def _shut_down_at_exit() -> None:
    """At the end of this process, and of each one that `multiprocessing` makes of it."""
    atexit.register(_exit)
    # Those leave by os._exit(), which runs multiprocessing's finalizers but not atexit's.
    util.register_after_fork(_exit, lambda _: util.Finalize(None, _exit, exitpriority=0))
    if parent_process() is not None:
        util.Finalize(None, _exit, exitpriority=0)
