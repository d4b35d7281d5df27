"""Anthropic streams, watched: those of `create(stream=True)` by their events, those of `stream()` by their snapshot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from spanledger.faults import faults
from spanledger.partial import Watch, watching
from spanledger.patch import Patch
from spanledger.streams import watched, watched_async


def install() -> list[Patch]:
    from anthropic.lib.streaming import AsyncMessageStreamManager, MessageStreamManager
    from anthropic.resources.messages import AsyncMessages, Messages

    managed: WeakKeyDictionary[Any, tuple[Watch, Any]] = WeakKeyDictionary()

    def enter(wrapped: Callable[..., Any], manager: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        watch = Watch({})
        with watching(watch):
            stream = wrapped(*args, **kwargs)
        return _manage(managed, manager, watch, stream)

    async def enter_async(wrapped: Callable[..., Any], manager: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        watch = Watch({})
        with watching(watch):
            stream = await wrapped(*args, **kwargs)
        return _manage(managed, manager, watch, stream)

    def leave(wrapped: Callable[..., Any], manager: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        _count_snapshot(managed, manager, args)
        return wrapped(*args, **kwargs)

    return [
        Patch(Messages, "create", watched(_count, _is_raw), only="stream"),
        Patch(AsyncMessages, "create", watched_async(_count, _is_raw), only="stream"),
        Patch(MessageStreamManager, "__enter__", enter),
        Patch(MessageStreamManager, "__exit__", leave),
        Patch(AsyncMessageStreamManager, "__aenter__", enter_async),
        Patch(AsyncMessageStreamManager, "__aexit__", leave),
    ]


def _is_raw(kwargs: dict[str, Any]) -> bool:
    return any(name.lower() == "x-stainless-raw-response" for name in kwargs.get("extra_headers") or {})


def _count(watch: Watch, event: Any) -> None:
    kind = getattr(event, "type", "")
    if kind == "content_block_delta":
        for name in ("text", "thinking", "partial_json"):
            watch.arrived += len(getattr(event.delta, name, None) or "")
    elif kind == "message_delta":
        watch.complete = True


def _manage(managed: WeakKeyDictionary[Any, tuple[Watch, Any]], manager: Any, watch: Watch, stream: Any) -> Any:
    try:
        watch.streaming = True
        managed[manager] = watch, stream
    except Exception:
        faults.record("watching a stream")
    return stream


def _count_snapshot(managed: WeakKeyDictionary[Any, tuple[Watch, Any]], manager: Any, exc_info: Any) -> None:
    """What had arrived when the app left; the helper keeps the message as it grows."""
    try:
        if manager not in managed:
            return
        watch, stream = managed.pop(manager)
        watch.dropped = not exc_info or exc_info[0] is None or not issubclass(exc_info[0], Exception)
        try:
            message = stream.current_message_snapshot
        except AssertionError:
            return  # nothing has arrived
        watch.complete = message.stop_reason is not None
        watch.arrived = sum(len(getattr(block, "text", None) or "") for block in message.content)
    except Exception:
        faults.record("counting a message")
