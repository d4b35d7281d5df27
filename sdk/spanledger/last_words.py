"""Ends of a process that run no `atexit`: SIGTERM without a handler, and the workers of celery.

Of the others, `multiprocessing`'s have their own finalizers (see lifecycle), and SIGKILL and `os._exit()` leave nobody to send:
what was queued is lost then, and the Delivery page says that the process ended without a word.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from spanledger.outbox import Outbox

_TIMEOUT = 5.0
_undo: list[Callable[[], object]] = []


def on_sigterm(outbox: Outbox) -> bool:
    """Sends what is queued before SIGTERM does what it does by default. False, and nothing done, where the app has a handler."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return False

    def handle(number: int, _: FrameType | None) -> None:
        try:
            outbox.close(_TIMEOUT)
        finally:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)  # whoever waits for this process sees it killed by the signal, as ever

    def undo() -> None:
        if signal.getsignal(signal.SIGTERM) is handle and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, handle)
    _undo.append(undo)
    return True


def at_exit_of_celery_workers(outbox: Outbox) -> None:
    """They are forked by celery's own copy of multiprocessing and leave by `os._exit()`; it says so in a signal of its own."""
    signals: Any = sys.modules.get("celery.signals")
    if signals is None:
        return

    def leave(**_: object) -> None:
        outbox.close(_TIMEOUT)

    signals.worker_process_shutdown.connect(leave, weak=False)
    _undo.append(lambda: signals.worker_process_shutdown.disconnect(leave))


def undo() -> None:
    while _undo:
        _undo.pop()()
