"""OTLP protobuf, written straight to bytes: ten times as fast as message objects, and a history is 400,000 spans.

Only what spans need. The parts are plain bytes, so that what many spans share is made once and joined in.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

_DOUBLE = struct.Struct("<d")
_TIMES = struct.Struct("<BQBQ")

INTERNAL, SERVER, CLIENT = 1, 2, 3
STATUS_UNSET, STATUS_OK = b"\x7a\x00", b"\x7a\x02\x18\x01"
LOCAL_PARENT = b"\x85\x01" + (0x100).to_bytes(4, "little")
"""Field `flags`: the SDK knows whether the parent is remote, and it is not."""


def varint(value: int) -> bytes:
    """A number from 0 on."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def block(tag: bytes, content: bytes) -> bytes:
    """A length-delimited field; `tag` is its key byte."""
    return tag + varint(len(content)) + content


class Attribute:
    """A key that waits for its values: `Attribute("user.id").text("jo")` is a whole field 9 of a span."""

    def __init__(self, key: str, tag: bytes = b"\x4a") -> None:
        self._tag = tag
        self._key = block(b"\x0a", key.encode())

    def _value(self, value: bytes) -> bytes:
        return block(self._tag, self._key + block(b"\x12", value))

    def text(self, value: str) -> bytes:
        return self._value(block(b"\x0a", value.encode()))

    def number(self, value: int) -> bytes:
        return self._value(b"\x18" + varint(value))

    def real(self, value: float) -> bytes:
        return self._value(b"\x21" + _DOUBLE.pack(value))

    def true(self) -> bytes:
        return self._value(b"\x10\x01")

    def texts(self, values: Iterable[str]) -> bytes:
        items = b"".join(block(b"\x0a", block(b"\x0a", value.encode())) for value in values)
        return self._value(block(b"\x2a", items))


def span(
    trace_id: bytes, span_id: bytes, parent_id: bytes, name: bytes, kind: int, start_ns: int, end_ns: int,
    attributes: bytes, status: bytes,
) -> bytes:  # fmt: skip
    """The content of a Span message. `name`, `attributes` and `status` are whole fields, as made below and above."""
    return b"".join(
        (
            b"\x0a\x10", trace_id, b"\x12\x08", span_id, b"\x22\x08" + parent_id if parent_id else b"", name,
            bytes((0x30, kind)), _TIMES.pack(0x39, start_ns, 0x41, end_ns), attributes, status, LOCAL_PARENT,
        )
    )  # fmt: skip


def name(text: str) -> bytes:
    return block(b"\x2a", text.encode())


def status_error(message: str = "") -> bytes:
    return block(b"\x7a", (block(b"\x12", message.encode()) if message else b"") + b"\x18\x02")


def scope_spans(scope: str, version: str, schema_url: str, spans: Iterable[bytes]) -> bytes:
    """A ScopeSpans as a field of ResourceSpans."""
    head = block(b"\x0a", block(b"\x0a", scope.encode()) + (block(b"\x12", version.encode()) if version else b""))
    body = b"".join(block(b"\x12", content) for content in spans)
    tail = block(b"\x1a", schema_url.encode()) if schema_url else b""
    return block(b"\x12", head + body + tail)


def request(resource_attributes: bytes, scopes: Iterable[bytes]) -> bytes:
    """An ExportTraceServiceRequest of one resource; its attributes are made with the tag `RESOURCE`."""
    return block(b"\x0a", block(b"\x0a", resource_attributes) + b"".join(scopes))


RESOURCE = b"\x0a"
