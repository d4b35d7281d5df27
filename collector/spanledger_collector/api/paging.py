"""Pages by key: where a page goes on, and how far back is looked for it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from spanledger_collector.api.problems import ProblemError

LAST = 2**63 - 1
LONGEST = timedelta(hours=1)
"""A trace or session that goes on for longer may come on two pages."""
LONG = timedelta(hours=2)
"""So much further back than its page is looked for what belongs to a trace, beside the view's own hour."""
_WIDTHS = (timedelta(minutes=10), timedelta(hours=2), timedelta(days=1))


def cursor(*key: object) -> str:
    """The key of a page's last row, as a URL carries it."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def key_of(text: str, kinds: Sequence[type]) -> list[Any]:
    """What `cursor` was given. Raises ProblemError (400)."""
    try:
        key = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(key, list) or [type(part) for part in key] != list(kinds):
            raise ValueError
    except (binascii.Error, ValueError):
        raise ProblemError(
            400, "This cursor is not one that was given out here: leave it out for the first page.", "cursor"
        ) from None
    return key


def windows(since: datetime, until: datetime, before: datetime | None) -> Iterator[tuple[datetime, datetime]]:
    """Ranges that end where the page does, each wider than the last: the first that fills a page need read no more."""
    newest = until if before is None else min(before, until)
    end = until if before is None else min(until, before + LONGEST)
    for width in _WIDTHS:
        if newest - width > since:
            yield newest - width, end
    yield since, end
