"""Structured content as JSON: what OTLP nests in lists and maps is one text from the door on, so that SQL can read it.

Only where content is captured, and before the digest is taken: a request that came in again comes to the same bytes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from typing import Any

from spanledger_collector.wire import Signal, check

# What an event's body becomes an attribute of its record as: a name for content that instrumentors use themselves.
BODY = "gen_ai.event.content"
IsContent = Callable[[str], bool]


def flattened(signal: Signal, body: bytes, is_content: IsContent) -> bytes:
    """`body` with each list and map that is content as a JSON string, and bodies of log records as attributes beside them.

    Raises RefusedError (400) where it is no request of `signal`. What is not UTF-8 in a text is replaced.
    """
    if signal is Signal.METRICS:
        return body
    request = check(signal, body)
    changed = False
    for attributes in _attributes(signal, request):
        for attribute in attributes:
            if attribute.value.WhichOneof("value") in ("array_value", "kvlist_value") and is_content(
                _text(attribute.key)
            ):
                _set(attribute.value, _json(attribute.value))
                changed = True
    if signal is Signal.LOGS:
        for record in _records(request):
            if record.body.WhichOneof("value"):
                _set(record.attributes.add(key=BODY.encode()).value, _json(record.body))
                changed = True
    return bytes(request.SerializeToString()) if changed else body


def _attributes(signal: Signal, request: Any) -> Iterable[Any]:
    """Every list of attributes that content is read from."""
    if signal is Signal.LOGS:
        yield from (record.attributes for record in _records(request))
        return
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield span.attributes
                yield from (event.attributes for event in span.events)


def _records(request: Any) -> Iterable[Any]:
    return (
        record for resource in request.resource_logs for scope in resource.scope_logs for record in scope.log_records
    )


def _set(value: Any, text: str) -> None:
    value.Clear()
    value.string_value = text.encode()


def _json(value: Any) -> str:
    said = _plain(value)
    return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """An AnyValue as JSON has it. Its depth is protobuf's, at most a hundred."""
    match value.WhichOneof("value"):
        case "string_value":
            return _text(value.string_value)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "array_value":
            return [_plain(element) for element in value.array_value.values]
        case "kvlist_value":
            return {_text(pair.key): _plain(pair.value) for pair in value.kvlist_value.values}
        case "double_value" if value.double_value - value.double_value != 0:  # JSON has no infinity
            return str(value.double_value)
        case None:
            return None
        case kind:
            return getattr(value, kind)


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")
