"""Wrapping a method of somebody else's class, or a function of a module, so that it can be undone."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
"""`wrapper(wrapped, instance, args, kwargs)`: `wrapped` is bound, and is what the app would have called."""


class Patch:
    """`owner.name` goes through `wrapper` until `undo()`; with `only`, just the calls where that argument is True.

    A plain function, not a `wrapt` wrapper: this is on the way of every call, where one costs a microsecond more.
    """

    def __init__(self, owner: type, name: str, wrapper: Wrapper, only: str = "") -> None:
        self._owner, self._name = owner, name
        self._on = True
        self._original = original = vars(owner)[name]
        bind = original.__get__

        @functools.wraps(original)
        def patched(instance: Any, /, *args: Any, **kwargs: Any) -> Any:
            if (not only or kwargs.get(only) is True) and self._on:
                return wrapper(bind(instance, owner), instance, args, kwargs)
            return bind(instance, owner)(*args, **kwargs)

        self._installed = patched
        setattr(owner, name, patched)

    def undo(self) -> None:
        """Takes the wrapper out. One that somebody has wrapped since, or holds a bound copy of, just calls through."""
        self._on = False
        if vars(self._owner)[self._name] is self._installed:
            setattr(self._owner, self._name, self._original)


class FunctionPatch:
    """`module.name(..., stream=True)` goes through `wrapper(wrapped, args, kwargs)` until `undo()`."""

    def __init__(self, module: ModuleType, name: str, wrapper: Callable[..., Any]) -> None:
        self._module, self._name, self._on = module, name, True
        self._original = original = getattr(module, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if kwargs.get("stream") and self._on:
                return wrapper(original, args, kwargs)
            return original(*args, **kwargs)

        async def call_async(*args: Any, **kwargs: Any) -> Any:
            return await call(*args, **kwargs)

        patched = call_async if inspect.iscoroutinefunction(original) else call
        self._installed = functools.wraps(original)(patched)
        setattr(module, name, self._installed)

    def undo(self) -> None:
        self._on = False
        if getattr(self._module, self._name) is self._installed:
            setattr(self._module, self._name, self._original)
