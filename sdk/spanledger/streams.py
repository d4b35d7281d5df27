"""Streams as the app gets them: the client library's own in every respect, watched on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import wrapt

from spanledger.faults import faults
from spanledger.partial import Watch, watching

Count = Callable[[Watch, Any], None]
"""Adds what a chunk brings to a watch."""


class _Watched(wrapt.ObjectProxy[Any]):
    """`hides(chunk)` says which chunks the app did not ask for."""

    def __init__(self, stream: Any, watch: Watch, count: Count, hides: Callable[[Any], bool] | None) -> None:
        super().__init__(stream)
        watch.streaming = True
        self._self_watch, self._self_count, self._self_hides = watch, count, hides

    def _self_see(self, chunk: Any) -> bool:
        """Whether the app shall see the chunk."""
        try:
            self._self_count(self._self_watch, chunk)
            return self._self_hides is None or not self._self_hides(chunk)
        except Exception:
            faults.record("reading a chunk")
            return True

    def __del__(self) -> None:
        # The stream itself is let go of after this, and its span ends with it.
        watch = getattr(self, "_self_watch", None)
        if watch is not None:
            watch.dropped = True


class WatchedStream(_Watched):
    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        while not self._self_see(chunk := self.__wrapped__.__next__()):
            pass
        return chunk

    def __enter__(self) -> Self:
        self.__wrapped__.__enter__()
        return self

    def __exit__(self, *exc_info: Any) -> Any:
        self._self_watch.dropped = exc_info[0] is None or not issubclass(exc_info[0], Exception)
        return self.__wrapped__.__exit__(*exc_info)

    def close(self) -> Any:
        self._self_watch.dropped = True
        return self.__wrapped__.close()


class WatchedAsyncStream(_Watched):
    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while not self._self_see(chunk := await self.__wrapped__.__anext__()):
            pass
        return chunk

    async def __aenter__(self) -> Self:
        await self.__wrapped__.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> Any:
        self._self_watch.dropped = exc_info[0] is None or not issubclass(exc_info[0], Exception)
        return await self.__wrapped__.__aexit__(*exc_info)

    async def close(self) -> Any:
        self._self_watch.dropped = True
        return await self.__wrapped__.close()


Wrapper = Callable[[Callable[..., Any], Any, Any, dict[str, Any]], Any]
Raw = Callable[[dict[str, Any]], bool]
"""Whether a call asks for the bare response, of which nothing is to be made here."""


def watched(count: Count, is_raw: Raw) -> Wrapper:
    """A wrapper of a method that begins a stream."""

    def begin(wrapped: Callable[..., Any], resource: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if is_raw(kwargs):
            return wrapped(*args, **kwargs)
        watch = Watch(kwargs)
        with watching(watch):
            stream = wrapped(*args, **kwargs)
        return WatchedStream(stream, watch, count, None)

    return begin


def watched_async(count: Count, is_raw: Raw) -> Wrapper:
    """The same of an async method."""

    def begin(wrapped: Callable[..., Any], resource: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        async def stream_of() -> Any:
            watch = Watch(kwargs)
            with watching(watch):
                stream = await wrapped(*args, **kwargs)
            return WatchedAsyncStream(stream, watch, count, None)

        return wrapped(*args, **kwargs) if is_raw(kwargs) else stream_of()

    return begin
