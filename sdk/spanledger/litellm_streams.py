"""LiteLLM's streams, watched: what was used stands in the last chunk, where the app does not see it, and no instrumentor looks.

LiteLLM asks each provider for the usage of a stream by itself. Where the app did not ask for it as well, the chunks have none,
and what they come to is put into the last one's `_hidden_params`; it is put on the span from there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.util.types import AttributeValue

from spanledger.conventions import (
    CACHE_READ_TOKENS,
    CACHE_WRITE_TOKENS,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    REASONING_TOKENS,
    USAGE_ESTIMATED,
)
from spanledger.partial import Watch, watching
from spanledger.patch import FunctionPatch
from spanledger.streams import WatchedAsyncStream, WatchedStream


def install(litellm: Any) -> list[FunctionPatch]:
    return [FunctionPatch(litellm, "completion", _begin), FunctionPatch(litellm, "acompletion", _begin_async)]


def _begin(wrapped: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    watch = Watch(kwargs)
    with watching(watch):
        stream = wrapped(*args, **kwargs)
    return WatchedStream(stream, watch, _counter(stream), None) if hasattr(stream, "__next__") else stream


async def _begin_async(wrapped: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    watch = Watch(kwargs)
    with watching(watch):
        stream = await wrapped(*args, **kwargs)
    return WatchedAsyncStream(stream, watch, _counter(stream), None) if hasattr(stream, "__anext__") else stream


def _counter(stream: Any) -> Callable[[Watch, Any], None]:
    chunks: list[Any] = getattr(stream, "chunks", [])  # all that came, those too that the app does not see

    def count(watch: Watch, chunk: Any) -> None:
        for choice in getattr(chunk, "choices", None) or ():
            for name in ("content", "reasoning_content"):
                watch.arrived += len(getattr(choice.delta, name, None) or "")
            for call in getattr(choice.delta, "tool_calls", None) or ():
                watch.arrived += len(getattr(call.function, "arguments", None) or "")
        hidden: Mapping[str, Any] = getattr(chunk, "_hidden_params", None) or {}
        if hidden.get("usage") is not None:
            # the provider's figures may come after the chunk, and are put into the same place then
            watch.usage = functools.partial(_usage, hidden, chunks)
            watch.complete = True

    return count


def _usage(hidden: Mapping[str, Any], chunks: list[Any]) -> dict[str, AttributeValue]:
    usage = hidden["usage"]
    asked, answered = (getattr(usage, f"{name}_tokens_details", None) for name in ("prompt", "completion"))
    counts = {
        INPUT_TOKENS: getattr(usage, "prompt_tokens", None),
        OUTPUT_TOKENS: getattr(usage, "completion_tokens", None),
        CACHE_READ_TOKENS: getattr(asked, "cached_tokens", None),
        CACHE_WRITE_TOKENS: getattr(usage, "cache_creation_input_tokens", None),
        REASONING_TOKENS: getattr(answered, "reasoning_tokens", None),
    }
    said: dict[str, AttributeValue] = {name: count for name, count in counts.items() if isinstance(count, int)}
    if not any(getattr(chunk, "usage", None) for chunk in chunks):
        said[USAGE_ESTIMATED] = True  # where the provider says nothing, LiteLLM counts by itself
    return said
