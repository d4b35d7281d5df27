"""Nothing of ours is ever raised into the app: a fault is counted, and the first one is logged."""

from __future__ import annotations

import logging

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
