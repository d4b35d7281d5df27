"""Usage of OpenAI chat streams: asked for on the app's behalf, and kept from its sight.

OpenAI sends a stream's token counts only where `stream_options={"include_usage": True}` asks for them, in one more
chunk at the end that has no choices. No instrumentor asks. We do, outside of the instrumentor, so that it sees that
chunk and the app, whose `chunk.choices[0]` would fail on it, does not.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Self

import wrapt

from spanledger.faults import faults
from spanledger.patch import Patch

_RAW_RESPONSE = "X-Stainless-Raw-Response"
_KEPT = 1024


class StreamUsage:
    """Asks for the usage of every chat stream that does not say itself whether it wants it.

    Left alone are calls that set `include_usage`, and calls through `with_raw_response` or `with_streaming_response`:
    there the app reads the bytes, and would see the chunk. A server that rejects the option (an old Azure API version,
    some compatible servers) is asked again without it, and from then on not asked; the app gets what it would have got.
    """

    def __init__(self) -> None:
        self._accepts: dict[tuple[str, str], bool] = {}

    def install(self) -> list[Patch]:
        from openai.resources.chat.completions import AsyncCompletions, Completions

        return [
            Patch(Completions, "create", self._create, only="stream"),
            Patch(AsyncCompletions, "create", self._create_async, only="stream"),
        ]

    def _create(self, wrapped: Callable[..., Any], resource: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        asking, server = self._asking(resource, kwargs)
        if asking is None:
            return wrapped(*args, **kwargs)
        try:
            stream = wrapped(*args, **asking)
        except Exception as error:
            if not self._may_be_the_option(server, error):
                raise
        else:
            self._learn(server, accepts=True)
            return _Stream(stream)
        stream = wrapped(*args, **kwargs)
        self._learn(server, accepts=False)
        return stream

    def _create_async(self, wrapped: Callable[..., Any], resource: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        asking, server = self._asking(resource, kwargs)
        if asking is None:
            return wrapped(*args, **kwargs)
        return self._stream_async(wrapped, args, kwargs, asking, server)

    async def _stream_async(
        self,
        wrapped: Callable[..., Coroutine[Any, Any, Any]],
        args: Any,
        kwargs: dict[str, Any],
        asking: dict[str, Any],
        server: tuple[str, str],
    ) -> Any:
        try:
            stream = await wrapped(*args, **asking)
        except Exception as error:
            if not self._may_be_the_option(server, error):
                raise
        else:
            self._learn(server, accepts=True)
            return _AsyncStream(stream)
        stream = await wrapped(*args, **kwargs)
        self._learn(server, accepts=False)
        return stream

    def _asking(self, resource: Any, kwargs: dict[str, Any]) -> tuple[dict[str, Any] | None, tuple[str, str]]:
        """The arguments with the option added, or None where the call is left alone; and the server that is called."""
        server = ("", "")
        try:
            options = kwargs.get("stream_options")
            given = options if isinstance(options, dict) else {}
            if "include_usage" in given or _RAW_RESPONSE in (kwargs.get("extra_headers") or {}):
                return None, server
            server = (str(resource._client.base_url), str(kwargs.get("model")))
            if self._accepts.get(server) is False:
                return None, server
            return {**kwargs, "stream_options": {**given, "include_usage": True}}, server
        except Exception:
            faults.record("stream_options")
            return None, server

    def _may_be_the_option(self, server: tuple[str, str], error: Exception) -> bool:
        """A bad request, by a server that has not taken the option before."""
        return getattr(error, "status_code", None) in (400, 422) and server not in self._accepts

    def _learn(self, server: tuple[str, str], *, accepts: bool) -> None:
        if len(self._accepts) >= _KEPT:
            self._accepts.clear()
        self._accepts[server] = accepts


def _is_usage_alone(chunk: Any) -> bool:
    """Whether the chunk is the one that only our option brought; else it is made as it would have been without."""
    usage = getattr(chunk, "usage", None)
    if usage is not None:
        return not getattr(chunk, "choices", True)
    # With the option, every other chunk says `"usage": null`, which `to_dict()` shows.
    fields = getattr(chunk, "model_fields_set", None)
    if isinstance(fields, set):
        fields.discard("usage")
    return False


class _Stream(wrapt.ObjectProxy[Any]):
    """An `openai.Stream` in every respect, without the chunk that the app did not ask for."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        while _is_usage_alone(chunk := self.__wrapped__.__next__()):
            pass
        return chunk

    def __enter__(self) -> Self:
        self.__wrapped__.__enter__()
        return self

    def __exit__(self, *exc_info: Any) -> Any:
        return self.__wrapped__.__exit__(*exc_info)


class _AsyncStream(wrapt.ObjectProxy[Any]):
    """An `openai.AsyncStream` in every respect, without the chunk that the app did not ask for."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while _is_usage_alone(chunk := await self.__wrapped__.__anext__()):
            pass
        return chunk

    async def __aenter__(self) -> Self:
        await self.__wrapped__.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> Any:
        return await self.__wrapped__.__aexit__(*exc_info)
