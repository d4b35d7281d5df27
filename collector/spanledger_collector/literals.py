"""Values as SQL's literals."""

from __future__ import annotations

from collections.abc import Iterable


def quote(value: object) -> str:
    """A value as a string literal."""
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def array(values: Iterable[object]) -> str:
    """Values as an array literal: whole numbers as they are, all else as strings."""
    return "[" + ", ".join(str(value) if isinstance(value, int) else quote(value) for value in values) + "]"
