"""Who a call is for: carried in the OpenTelemetry context, written on every span begun there."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Any, TypeVar, cast

from opentelemetry.context import Context, attach, create_key, get_current, set_value

F = TypeVar("F", bound=Callable[..., Any])

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "team": "spanledger.team",
        "feature": "spanledger.feature",
        "customer": "spanledger.customer",
        "user": "user.id",
        "session": "session.id",
        "prompt": "gen_ai.prompt.name",
        "prompt_version": "gen_ai.prompt.version",
    }
)
"""Argument of `attribute()` to span attribute. Any other keyword is a tag: `spanledger.tag.<keyword>`."""

_WIRE_NAMES = tuple(NAMES.values())
_KEY = create_key("spanledger.attribution")


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One entered `attribute()`, with what it took over from those around it."""

    attributes: Mapping[str, str]
    owner: object
    outer: Frame | None


def current(context: Context | None = None) -> Frame | None:
    """The innermost frame of `context`, or of the calling thread's or task's own where that has none."""
    frame: Any = get_current().get(_KEY) if context is None else context.get(_KEY, get_current().get(_KEY))
    return frame if isinstance(frame, Frame) else None


def resume(frame: Frame | None) -> None:
    """Makes `frame` the current one; the rest of the context (the current span, baggage) stays as it is.

    The frame names the one around it, so there is no token to keep. That is what makes one `attribute(...)` safe to
    enter from many threads and tasks at once, and to leave from another context than it was entered in.
    """
    attach(set_value(_KEY, frame))


class attribute:  # noqa: N801 - reads as the verb it is: `with attribute(team="search"):`
    """Attributes every span begun inside to a team, feature, customer, user, session or prompt.

    A context manager and a decorator, of plain, async and generator functions:

        with spanledger.attribute(team="search", customer="acme", tier="gold"):
            answer(question)

        @spanledger.attribute(feature="summaries", prompt="summarise", prompt_version="7")
        async def summarise(text: str) -> str: ...

    It reaches asyncio tasks created inside, threads started inside (`threading.Thread`, `Timer`) and work submitted
    inside to a `ThreadPoolExecutor`; it does not reach other processes. Blocks nest: the inner one adds to the outer
    one and wins where both name the same thing. An attribute that a span sets itself always wins. Values are written as
    strings; `None` and the empty string mean "not said here".

    On the span: `team`, `feature`, `customer` are `spanledger.team`, `spanledger.feature`, `spanledger.customer`;
    `user` is `user.id`; `session` is `session.id`; `prompt` and `prompt_version` are `gen_ai.prompt.name` and
    `gen_ai.prompt.version`; each further keyword is `spanledger.tag.<keyword>`. The collector takes the same names, on
    spans or on the resource, from any language.
    """

    __slots__ = ("_attributes",)

    def __init__(
        self,
        *,
        team: object = None,
        feature: object = None,
        customer: object = None,
        user: object = None,
        session: object = None,
        prompt: object = None,
        prompt_version: object = None,
        **tags: object,
    ) -> None:
        named = (team, feature, customer, user, session, prompt, prompt_version)
        values = dict(zip(_WIRE_NAMES, named, strict=True))
        for key, value in tags.items():
            values[f"spanledger.tag.{key}"] = value
        self._attributes = {key: str(value) for key, value in values.items() if value is not None and value != ""}

    def __enter__(self) -> attribute:
        outer = current()
        attributes = {**outer.attributes, **self._attributes} if outer else self._attributes
        resume(Frame(attributes, self, outer))
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        frame = current()
        # A generator may be closed in a context that never entered it: then there is nothing of ours to leave.
        if frame is not None and frame.owner is self:
            resume(frame.outer)

    def __call__(self, function: F) -> F:
        if inspect.isasyncgenfunction(function):
            wrapper: Callable[..., Any] = self._async_generator(function)
        elif inspect.isgeneratorfunction(function):
            wrapper = self._generator(function)
        elif inspect.iscoroutinefunction(function):
            wrapper = self._coroutine(function)
        else:
            wrapper = self._function(function)
        return cast(F, functools.wraps(function)(wrapper))

    def _function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return wrapper

    def _coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self:
                return await function(*args, **kwargs)

        return wrapper

    def _generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Enters for each step alone, so that nothing leaks into the code that consumes the generator."""

        def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            inner = function(*args, **kwargs)
            step, value = inner.send, None
            while True:
                try:
                    with self:
                        item = step(value)
                except StopIteration as stop:
                    return stop.value
                try:
                    step, value = inner.send, (yield item)
                except GeneratorExit:
                    with self:
                        inner.close()
                    raise
                except BaseException as error:
                    step, value = inner.throw, error

        return wrapper

    def _async_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            inner = function(*args, **kwargs)
            step, value = inner.asend, None
            while True:
                try:
                    with self:
                        item = await step(value)
                except StopAsyncIteration:
                    return
                try:
                    step, value = inner.asend, (yield item)
                except GeneratorExit:
                    with self:
                        await inner.aclose()
                    raise
                except BaseException as error:
                    step, value = inner.athrow, error

        return wrapper
