"""A call that no instrumentor knows, recorded by hand."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar, cast

from opentelemetry import context, trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from spanledger import conventions as names
from spanledger import lifecycle
from spanledger.faults import faults

F = TypeVar("F", bound=Callable[..., Any])


class Call:
    """What is to be said of a call while it runs. No method raises; what is not said is not known."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._began = time.perf_counter()
        self._has_first_token = False

    def usage(
        self,
        *,
        input: int | None = None,
        output: int | None = None,
        cache_read: int | None = None,
        cache_write: int | None = None,
        reasoning: int | None = None,
        estimated: bool = False,
    ) -> None:
        """Tokens of the whole call. `input` includes `cache_read` and `cache_write`; `output` includes `reasoning`.

        estimated: they were not counted by the provider. The cost is then called estimated.
        """
        self._set(names.INPUT_TOKENS, input)
        self._set(names.OUTPUT_TOKENS, output)
        self._set(names.CACHE_READ_TOKENS, cache_read)
        self._set(names.CACHE_WRITE_TOKENS, cache_write)
        self._set(names.REASONING_TOKENS, reasoning)
        self._set(names.USAGE_ESTIMATED, estimated or None)

    def first_token(self) -> None:
        """The answer begins to arrive. Only the first time counts."""
        if not self._has_first_token:
            self._has_first_token = True
            self._set(names.FIRST_CHUNK, time.perf_counter() - self._began)
            self._set(names.REQUEST_STREAM, True)

    def response(self, *, model: str | None = None, id: str | None = None, finish_reason: str | None = None) -> None:
        """What the answer says of itself: the model that answered, its id, why it ended."""
        self._set(names.RESPONSE_MODEL, model)
        self._set(names.RESPONSE_ID, id)
        self._set(names.FINISH_REASONS, None if finish_reason is None else [finish_reason])

    def _set(self, name: str, value: AttributeValue | None) -> None:
        if value is None:
            return
        try:
            self._span.set_attribute(name, value)
        except Exception:
            faults.record("record_call")


class record_call:  # noqa: N801 - reads as the verb it is: `with record_call(...) as call:`
    """Records a call of a model that no instrumentor knows: a span like any other, priced and attributed alike.

        with spanledger.record_call(provider="mistral_ai", model="mistral-large-latest") as call:
            answer = post(...)
            call.usage(input=answer["usage"]["prompt_tokens"], output=answer["usage"]["completion_tokens"])

    Also `async with`, and a decorator of plain and async functions; `read(call, result)` then says what the result
    tells, and what it raises is kept from the app:

        @spanledger.record_call(provider="acme", model="acme-1", read=lambda call, answer: call.usage(output=answer.n))
        def ask(question: str) -> Answer: ...

    provider: as in `gen_ai.provider.name` ("openai", "aws.bedrock", ...). With the model, it finds the price.
    operation: "chat", "text_completion", "embeddings" and "rerank" are billed; "invoke_agent", "execute_tool" are not.

    An exception is recorded and raised on. Nothing of ours is raised, and without `instrument()` nothing happens.
    One object may be entered many times, but not again inside itself.
    """

    def __init__(
        self,
        *,
        provider: str,
        model: str,
        operation: str = "chat",
        read: Callable[[Call, Any], None] | None = None,
    ) -> None:
        self._provider, self._model, self._operation, self._read = provider, model, operation, read
        self._entered: tuple[Call, trace.Span, Any] | None = None

    def __enter__(self) -> Call:
        call, *_ = self._entered = self._begin()
        return call

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        entered, self._entered = self._entered, None
        if entered is not None:
            self._end(entered[1], entered[2], exc)

    async def __aenter__(self) -> Call:
        return self.__enter__()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(exc_type, exc, traceback)

    def __call__(self, function: F) -> F:
        def again() -> record_call:
            return record_call(provider=self._provider, model=self._model, operation=self._operation, read=self._read)

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with again() as call:
                result = function(*args, **kwargs)
                self._tell(call, result)
                return result

        async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
            with again() as call:
                result = await function(*args, **kwargs)
                self._tell(call, result)
                return result

        chosen = async_wrapper if inspect.iscoroutinefunction(function) else wrapper
        return cast(F, functools.wraps(function)(chosen))

    def _tell(self, call: Call, result: Any) -> None:
        if self._read is None:
            return
        try:
            self._read(call, result)
        except Exception:
            faults.record("record_call(read=...)")

    def _begin(self) -> tuple[Call, trace.Span, Any]:
        span: trace.Span = trace.INVALID_SPAN
        token = None
        try:
            span = lifecycle.tracer().start_span(
                f"{self._operation} {self._model}",
                kind=SpanKind.CLIENT,
                attributes={
                    names.OPERATION: self._operation,
                    names.PROVIDER: self._provider,
                    names.REQUEST_MODEL: self._model,
                },
            )
            token = context.attach(trace.set_span_in_context(span))
        except Exception:
            faults.record("record_call")
        return Call(span), span, token

    def _end(self, span: trace.Span, token: Any, error: BaseException | None) -> None:
        try:
            if error is not None:
                kind = type(error)
                span.set_attribute(names.ERROR_TYPE, kind.__qualname__)
                span.set_status(Status(StatusCode.ERROR, str(error)))
            span.end()
        except Exception:
            faults.record("record_call")
        if token is not None:
            context.detach(token)
