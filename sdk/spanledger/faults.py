"""Nothing of ours is ever raised into the app: a fault is counted, and the first one is logged."""

from __future__ import annotations

import contextlib
import logging

logger = logging.getLogger("spanledger")


class Faults:
    """Counts what went wrong in our own code. One instance a process; it survives `shutdown()`."""

    def __init__(self) -> None:
        self.count = 0

    def record(self, where: str) -> None:
        """Call from an `except` block. Never raises: a log handler of the app's may, and so may a full stack."""
        self.count += 1
        if self.count == 1:
            warn(
                "spanledger failed in %s; the app is not affected. Later faults are only counted: spanledger.stats()",
                where,
                traceback=True,
            )


def warn(message: str, *args: object, traceback: bool = False) -> None:
    """A line in the app's log. Whatever the app has hung into its logging stays there."""
    with contextlib.suppress(Exception):
        logger.warning(message, *args, exc_info=traceback)


faults = Faults()
