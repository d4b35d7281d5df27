"""OpenAI streams: watched, and the usage of chat streams asked for on the app's behalf and kept from its sight.

OpenAI sends a stream's token counts only where `stream_options={"include_usage": True}` asks for them, in one more
chunk at the end that has no choices. No instrumentor asks. We do, outside of the instrumentor, so that it sees that
chunk and the app, whose `chunk.choices[0]` would fail on it, does not.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from spanledger.faults import faults
from spanledger.partial import Watch, watching
from spanledger.patch import Patch
from spanledger.streams import WatchedAsyncStream, WatchedStream, watched, watched_async

_RAW_RESPONSE = "X-Stainless-Raw-Response"
_KEPT = 1024


class OpenAIStreams:
    """Asks for the usage of every chat stream that does not say itself whether it wants it.

    Left alone are calls that set `include_usage`, and calls through `with_raw_response` or `with_streaming_response`:
    there the app reads the bytes, and would see the chunk. A server that rejects the option (an old Azure API version,
    some compatible servers) is asked again without it, and from then on not asked; the app gets what it would have got.
    """

    def __init__(self, ask_for_usage: bool) -> None:
        self._ask_for_usage = ask_for_usage
        self._accepts: dict[tuple[str, str], bool] = {}

    def install(self) -> list[Patch]:
        from openai.resources.chat.completions import AsyncCompletions, Completions

        patches = [
            Patch(Completions, "create", self._create, only="stream"),
            Patch(AsyncCompletions, "create", self._create_async, only="stream"),
        ]
        try:
            from openai.resources.responses import AsyncResponses, Responses
        except ImportError:
            return patches
        return [
            *patches,
            Patch(Responses, "create", watched(_count_response, _is_raw), only="stream"),
            Patch(AsyncResponses, "create", watched_async(_count_response, _is_raw), only="stream"),
        ]

    def _create(self, wrapped: Callable[..., Any], resource: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if _is_raw(kwargs):
            return wrapped(*args, **kwargs)
        watch = Watch(kwargs)
        asking, server = self._asking(resource, kwargs)
        if asking is not None:
            try:
                with watching(watch):
                    stream = wrapped(*args, **asking)
            except Exception as error:
                if not self._may_be_the_option(server, error):
                    raise
            else:
                self._learn(server, accepts=True)
                return WatchedStream(stream, watch, _count_chat, _is_usage_alone)
            watch = Watch(kwargs)
        with watching(watch):
            stream = wrapped(*args, **kwargs)
        if asking is not None:
            self._learn(server, accepts=False)
        return WatchedStream(stream, watch, _count_chat, None)

    def _create_async(self, wrapped: Callable[..., Any], resource: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        return wrapped(*args, **kwargs) if _is_raw(kwargs) else self._stream_async(wrapped, resource, args, kwargs)

    async def _stream_async(
        self, wrapped: Callable[..., Coroutine[Any, Any, Any]], resource: Any, args: Any, kwargs: dict[str, Any]
    ) -> Any:
        watch = Watch(kwargs)
        asking, server = self._asking(resource, kwargs)
        if asking is not None:
            try:
                with watching(watch):
                    stream = await wrapped(*args, **asking)
            except Exception as error:
                if not self._may_be_the_option(server, error):
                    raise
            else:
                self._learn(server, accepts=True)
                return WatchedAsyncStream(stream, watch, _count_chat, _is_usage_alone)
            watch = Watch(kwargs)
        with watching(watch):
            stream = await wrapped(*args, **kwargs)
        if asking is not None:
            self._learn(server, accepts=False)
        return WatchedAsyncStream(stream, watch, _count_chat, None)

    def _asking(self, resource: Any, kwargs: dict[str, Any]) -> tuple[dict[str, Any] | None, tuple[str, str]]:
        """The arguments with the option added, or None where the call is left alone; and the server that is called."""
        server = ("", "")
        try:
            options = kwargs.get("stream_options")
            given = options if isinstance(options, dict) else {}
            if not self._ask_for_usage or "include_usage" in given:
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


def _is_raw(kwargs: dict[str, Any]) -> bool:
    return _RAW_RESPONSE in (kwargs.get("extra_headers") or {})


def _count_chat(watch: Watch, chunk: Any) -> None:
    watch.complete = watch.complete or getattr(chunk, "usage", None) is not None
    for choice in getattr(chunk, "choices", None) or ():
        delta = choice.delta
        for name in ("content", "refusal", "reasoning_content"):
            watch.arrived += len(getattr(delta, name, None) or "")
        for call in getattr(delta, "tool_calls", None) or ():
            watch.arrived += len(getattr(call.function, "arguments", None) or "")


def _count_response(watch: Watch, event: Any) -> None:
    delta = getattr(event, "delta", None)
    if isinstance(delta, str):
        watch.arrived += len(delta)
    elif getattr(event, "type", "") in ("response.completed", "response.incomplete"):
        watch.complete = getattr(event.response, "usage", None) is not None


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
