"""Nothing of ours is ever raised into the app: a fault is counted, and the first one is logged."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")

logger = logging.getLogger("spanledger")


class Faults:
    """Counts what went wrong in our own code. One instance a process; it survives `shutdown()`."""

    def __init__(self) -> None:
        self.count = 0

    def record(self, where: str) -> None:
        """Call from an `except` block."""
        self.count += 1
        if self.count == 1:
            logger.warning(
                "spanledger failed in %s; the app is not affected. Later faults are only counted: spanledger.stats()",
                where,
                exc_info=True,
            )


faults = Faults()


def harmless(hook: Callable[P, None]) -> Callable[P, None]:
    """Keeps every `Exception` of `hook` from its caller, which is the app."""

    @functools.wraps(hook)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            hook(*args, **kwargs)
        except Exception:
            faults.record(hook.__qualname__)

    return guarded
