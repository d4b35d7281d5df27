"""LiteLLM's streams: their usage stands where the app does not see it, and is on the span all the same.

A module stands for litellm here, which the suite does not install; `make libraries` tries litellm itself.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import spanledger
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span
from sdk.loopback import MESSAGES, Receiver
from spanledger import litellm_streams
from spanledger.patch import FunctionPatch

SAID = {"input": 1200, "output": 85, "cache_read": 1024, "reasoning": 40, "estimated": False}
USAGE = SimpleNamespace(
    prompt_tokens=1200,
    completion_tokens=85,
    prompt_tokens_details=SimpleNamespace(cached_tokens=1024),
    completion_tokens_details=SimpleNamespace(reasoning_tokens=40),
)


def chunk(text: str, **hidden: Any) -> Any:
    return SimpleNamespace(choices=[SimpleNamespace(delta=SimpleNamespace(content=text))], _hidden_params=hidden)


class Stream:
    """As LiteLLM has it, under an instrumentor that ends its span with it. `hidden`: what the last chunk hides; `came`: all chunks."""

    def __init__(self, span: Span, hidden: dict[str, Any], came: list[Any]) -> None:
        self.span, self.chunks, self.left = span, came, iter([chunk("hel"), chunk("lo", **hidden)])

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self.left)
        except StopIteration:
            self.span.end()
            raise

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        try:
            return self.__next__()
        except StopIteration:
            raise StopAsyncIteration from None


@pytest.fixture
def litellm(app: TracerProvider, collector: Receiver) -> Iterator[Any]:
    spanledger.instrument(endpoint=collector.url, tracer_provider=app)
    tracer = app.get_tracer("openinference.instrumentation.litellm")
    module: Any = ModuleType("litellm")
    module.hidden, module.came, module.attributes = {"usage": USAGE}, [SimpleNamespace(usage=USAGE)], {}

    def completion(stream: bool = False, **_: Any) -> Any:
        span = tracer.start_span("completion", attributes={"openinference.span.kind": "LLM", **module.attributes})
        if stream:
            return Stream(span, module.hidden, module.came)
        span.end()
        return SimpleNamespace(usage=USAGE)

    async def acompletion(**options: Any) -> Any:
        return completion(**options)

    module.completion, module.acompletion = completion, acompletion
    patches = litellm_streams.install(module)
    yield module
    for patch in patches:
        patch.undo()
    assert (module.completion, module.acompletion) == (completion, acompletion)


def told(collector: Receiver) -> dict[str, Any]:
    assert spanledger.flush()
    [span] = collector.spans()
    usage = {name: span.attributes.get(f"gen_ai.usage.{name}_tokens") for name in ("input", "output")}
    return usage | {
        "cache_read": span.attributes.get("gen_ai.usage.cache_read.input_tokens"),
        "reasoning": span.attributes.get("gen_ai.usage.reasoning.output_tokens"),
        "estimated": span.attributes.get("spanledger.usage.estimated", False),
    }


def test_the_usage_of_a_stream_is_on_its_span_and_its_chunks_are_what_they_were(
    litellm: Any, collector: Receiver
) -> None:
    stream = litellm.completion(model="m", messages=MESSAGES, stream=True)
    assert isinstance(stream, Stream)
    assert [one.choices[0].delta.content for one in stream] == ["hel", "lo"]
    assert told(collector) == SAID


def test_of_an_async_stream_likewise(litellm: Any, collector: Receiver) -> None:
    async def read() -> list[Any]:
        return [one async for one in await litellm.acompletion(model="m", messages=MESSAGES, stream=True)]

    assert inspect.iscoroutinefunction(litellm.acompletion)
    assert len(asyncio.run(read())) == 2
    assert told(collector) == SAID


def test_what_litellm_counted_itself_is_called_estimated(litellm: Any, collector: Receiver) -> None:
    litellm.came = [chunk("hello")]
    list(litellm.completion(model="m", messages=MESSAGES, stream=True))
    assert told(collector) == {**SAID, "estimated": True}


def test_what_the_instrumentor_saw_is_left_as_it_is(litellm: Any, collector: Receiver) -> None:
    litellm.attributes = {"llm.token_count.prompt": 7}
    list(litellm.completion(model="m", messages=MESSAGES, stream=True))
    assert told(collector) == dict.fromkeys(SAID) | {"estimated": False}


def test_usage_that_cannot_be_read_does_not_reach_the_app(
    litellm: Any, collector: Receiver, expects_faults: None
) -> None:
    class Odd:
        @property
        def prompt_tokens(self) -> int:
            raise RuntimeError("odd")

    litellm.hidden = {"usage": Odd()}
    assert len(list(litellm.completion(model="m", messages=MESSAGES, stream=True))) == 2
    assert told(collector) == dict.fromkeys(SAID) | {"estimated": False}


def test_a_call_that_is_no_stream_is_left_alone(litellm: Any, collector: Receiver) -> None:
    assert litellm.completion(model="m", messages=MESSAGES).usage is USAGE
    assert told(collector)["input"] is None


def test_a_function_that_somebody_wrapped_since_is_left_to_them() -> None:
    module: Any = ModuleType("m")
    module.ask = lambda **_: "asked"
    patch = FunctionPatch(module, "ask", lambda wrapped, args, kwargs: f"{wrapped(*args, **kwargs)} and watched")
    ours = module.ask
    module.ask = lambda **options: ours(**options)
    assert module.ask(stream=True) == "asked and watched"
    patch.undo()
    assert module.ask(stream=True) == "asked"
