"""A parameter of a view, and its value: read from a URL, checked, and written as the engine takes it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from spanledger_collector.api.problems import ProblemError
from spanledger_collector.literals import quote
from spanledger_collector.readonly.sql import escaped

_ARRAY = re.compile(r"Array\((.*)\)")
_TAGS = "tags"
_INTEGER = re.compile(r"(U?)Int(8|16|32|64)")


@dataclass(frozen=True)
class Parameter:
    """`type` is ClickHouse's. `words`: all that it can be, where it chooses among a few."""

    name: str
    type: str
    words: tuple[str, ...] = ()

    @cached_property
    def element(self) -> str:
        """The type of one value: of an array, of its elements."""
        match = _ARRAY.fullmatch(self.type)
        return match[1] if match else self.type

    @property
    def many(self) -> bool:
        return self.element != self.type

    @property
    def required(self) -> bool:
        """What filters may be left out; what says which question it is may not."""
        return not self.many and self.element != "String"

    @property
    def schema(self) -> dict[str, Any]:
        """As JSON Schema has it."""
        if self.element.startswith("DateTime"):
            one: dict[str, Any] = {"type": "string", "format": "date-time"}
        elif integer := _INTEGER.fullmatch(self.element):
            one = {"type": "integer", **({"minimum": 0} if integer[1] else {})}
        else:
            one = {"type": {"Bool": "boolean", "Float64": "number"}.get(self.element, "string")}
            one |= {"enum": list(self.words)} if self.words else {}
        return {"type": "array", "items": one} if self.many else one

    def read(self, given: Sequence[str]) -> str:
        """The escaped text of what a URL gave, '' and [] where it gave nothing. Raises ProblemError (400)."""
        if self.many:
            written = quote if self.element == "String" else str
            return "[" + ", ".join(written(self._one(text)) for text in given) + "]"
        if not given:
            if self.required:
                raise ProblemError(400, f"{self.name} is missing: {self._wanted}.", self.name)
            return ""
        if len(given) > 1:
            raise ProblemError(400, f"{self.name} is given {len(given)} times, and can be given once.", self.name)
        return escaped(self._one(given[0]))

    def _one(self, text: str) -> str:
        try:
            if "\0" in text:
                raise ValueError
            if self.element.startswith("DateTime"):
                return moment(text)
            if integer := _INTEGER.fullmatch(self.element):
                bits = int(integer[2])
                low, high = (0, 2**bits - 1) if integer[1] else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
                if not low <= int(text) <= high:
                    raise ValueError
                return str(int(text))
            if self.element == "Float64" and not math.isfinite(float(text)):
                raise ValueError
            if self.element == "Bool" and text not in {"0", "1", "true", "false"}:
                raise ValueError
            if self.words and text and text not in self.words:
                raise ValueError
            if self.name == _TAGS and text.find("=") < 1:
                raise ValueError
        except (ValueError, OverflowError):
            raise ProblemError(400, f"{self.name} cannot be {text[:100]!r}: {self._wanted}.", self.name) from None
        return text

    @property
    def _wanted(self) -> str:
        if self.element.startswith("DateTime"):
            return "a time as in 2026-09-01T12:00:00Z"
        if self.words:
            return f"one of {', '.join(self.words)}"
        if self.name == _TAGS:
            return "a name and its value, as in app.tenant=acme"
        return f"a value of ClickHouse's type {self.element}"


def moment(text: str) -> str:
    """An ISO 8601 time as the engine takes it, in UTC; without an offset it is UTC. Raises ValueError, OverflowError."""
    at = datetime.fromisoformat(text)
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    if not 1970 <= at.year < 2106:
        raise ValueError
    return f"{at:%Y-%m-%d %H:%M:%S}"
