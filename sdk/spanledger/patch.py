"""Wrapping a method of somebody else's class so that it can be undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wrapt

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
"""`wrapper(wrapped, instance, args, kwargs)`: `wrapped` is bound, and is what the app would have called."""


class Patch:
    """`owner.name` goes through `wrapper` until `undo()`."""

    def __init__(self, owner: type, name: str, wrapper: Wrapper) -> None:
        self._owner, self._name = owner, name
        self._on = True
        self._original = vars(owner)[name]
        self._installed = wrapt.FunctionWrapper(self._original, wrapper, enabled=lambda: self._on)
        setattr(owner, name, self._installed)

    def undo(self) -> None:
        """Takes the wrapper out. One that somebody has wrapped since, or holds a bound copy of, just calls through."""
        self._on = False
        if vars(self._owner)[self._name] is self._installed:
            setattr(self._owner, self._name, self._original)
