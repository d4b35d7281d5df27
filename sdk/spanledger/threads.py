"""Attribution across threads: a plain thread does not inherit the context of the one that starts it.

OpenTelemetry has an instrumentor for this, `opentelemetry-instrumentation-threading`. It hands over the whole context,
the current span included, and so changes the shape of the app's own traces; and it pins its siblings to one exact
release. Only attribution is ours to carry, and that takes two methods.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from spanledger.attribution import Frame, current, resume
from spanledger.patch import Patch


def carry() -> list[Patch]:
    """Has attribution follow threads started, and work submitted to a pool, inside an `attribute()` block."""
    return [Patch(threading.Thread, "start", _start), Patch(ThreadPoolExecutor, "submit", _submit)]


def _start(wrapped: Callable[..., Any], thread: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    frame = current()
    if frame is not None:
        # On the instance, so that `run` is the right one whether it was overridden or given as a target.
        vars(thread)["run"] = _under(frame, thread.run)
    return wrapped(*args, **kwargs)


def _submit(wrapped: Callable[..., Any], pool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    frame = current()
    if frame is None or not args:
        return wrapped(*args, **kwargs)
    # The pool may start a worker here. It outlives this block and serves others, so it must not take the frame itself.
    resume(None)
    try:
        return wrapped(_under(frame, args[0]), *args[1:], **kwargs)
    finally:
        resume(frame)


def _under(frame: Frame, function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        before = current()
        resume(frame)
        try:
            return function(*args, **kwargs)
        finally:
            resume(before)

    return run
