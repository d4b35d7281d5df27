"""What is looked for among traces and sessions, and what of it is open, as the URL carries it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

SORTS = ("newest", "dearest", "slowest")
STATUSES = ("ok", "error")


@dataclass(frozen=True)
class Find:
    """Empty texts and zeros ask for nothing. Money in USD, durations in seconds. `tag`s are `key=value`. `after`: the key of the last
    row of the page before. `trace`: the one that is open, or two that are compared."""

    sort: str = "newest"
    status: str = ""
    user: str = ""
    session: str = ""
    prompt: str = ""
    version: str = ""
    text: str = ""
    """In prompts and completions, where they are captured."""
    tag: tuple[str, ...] = ()
    min_cost: float = 0
    max_cost: float = 0
    min_seconds: float = 0
    max_seconds: float = 0
    min_tokens: int = 0
    max_tokens: int = 0
    after: str = ""
    trace: tuple[str, ...] = ()
    span: str = ""
    versions: tuple[str, ...] = ()

    def query(self) -> dict[str, list[str]]:
        """The URL's parameters, of what is not as it is by itself."""
        said: dict[str, list[str]] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                said[field.name] = list(value) if isinstance(value, tuple) else [_text(value)]
        return said

    @classmethod
    def of(cls, query: Mapping[str, Sequence[str]]) -> Find:
        """What a URL looks for. What it says wrongly counts as not said."""
        said: dict[str, object] = {}
        for field in fields(cls):
            values = list(query.get(field.name, []))
            if not values:
                continue
            if isinstance(field.default, tuple):
                said[field.name] = tuple(dict.fromkeys(value for value in values if value))
            elif isinstance(field.default, str):
                said[field.name] = values[-1]
            else:
                said[field.name] = _number(values[-1], whole="tokens" in field.name)
        if said.get("sort") not in SORTS:
            said.pop("sort", None)
        if said.get("status") not in STATUSES:
            said.pop("status", None)
        return cls(**said)  # type: ignore[arg-type]

    @property
    def bounded(self) -> bool:
        return any((self.min_cost, self.max_cost, self.min_seconds, self.max_seconds, self.min_tokens, self.max_tokens))


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else repr(value)


def _number(text: str, whole: bool) -> float:
    try:
        number = float(text)
    except ValueError:
        return 0
    if not math.isfinite(number) or not 0 < number < 1e9:
        return 0
    return int(number) if whole else number
