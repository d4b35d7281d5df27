"""The spool's record: one OTLP request, of any signal, in an `Envelope` of `schemas/otlp.proto`, length-delimited.

A segment file is such records one after another, and is, byte for byte, the body of the INSERT that posts it.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from spanledger_collector.wire import Signal

DIGEST_BYTES = 16
# tags: field, wire type. The check is ours alone: crc32 of what stands before it, which the digest does not cover.
_PROJECT, _RECEIVED_AT, _DIGEST, _SEGMENT, _CHECK = b"\x0a", b"\x11", b"\x1a", b"\x29", b"\x35"
_REQUESTS = {Signal.TRACES: b"\x22", Signal.LOGS: b"\x3a", Signal.METRICS: b"\x42"}
_SIGNALS = {tag: signal for signal, tag in _REQUESTS.items()}
SMALL = [bytes((number,)) for number in range(128)]  # varints
_FIXED64, _FIXED32 = struct.Struct("<Q"), struct.Struct("<I")
_SIZES = {_RECEIVED_AT: 8, _SEGMENT: 8, _CHECK: 4}


def digest(project: str, request: bytes, signal: Signal = Signal.TRACES) -> bytes:
    """What a client's retry has in common with its first try: 16 bytes of sha256 over project, signal and request."""
    # a request that begins like a signal's name is no protobuf, so no two of these are the same text
    hashed = hashlib.sha256(project.encode() + b"\0" + (b"" if signal is Signal.TRACES else signal.encode() + b"\0"))
    hashed.update(request)
    return hashed.digest()[:DIGEST_BYTES]


@dataclass(frozen=True, slots=True)
class Envelope:
    """One accepted request. `received_at` is unix nanoseconds by the collector's clock."""

    project: str
    received_at: int
    digest: bytes
    request: bytes
    signal: Signal = Signal.TRACES

    def encode(self, segment: int) -> bytes:
        """The record of this envelope in segment number `segment`, with its length before it."""
        return b"".join(self.parts(segment))

    def parts(self, segment: int) -> tuple[bytes, bytes]:
        """The record in two pieces, the second being the request itself: a copy of it costs as much as its digest."""
        project = self.project.encode()
        head = b"".join(
            (
                _PROJECT + varint(len(project)) + project,
                _RECEIVED_AT + _FIXED64.pack(self.received_at),
                _DIGEST + varint(len(self.digest)) + self.digest,
                _SEGMENT + _FIXED64.pack(segment),
            )
        )
        head += _CHECK + _FIXED32.pack(zlib.crc32(head)) + _REQUESTS[self.signal] + varint(len(self.request))
        return varint(len(head) + len(self.request)) + head, self.request


@dataclass(frozen=True, slots=True)
class Scan:
    """What a segment's bytes hold: whole `envelopes`, and how many bytes at the start they take (`whole`)."""

    envelopes: list[Envelope]
    whole: int


def scan(data: bytes) -> Scan:
    """Read records until the end, or until the first that is cut short or is not what was written.

    What follows such a record was never acknowledged: an acknowledgement waits for the fsync of everything before it.
    """
    envelopes, position = [], 0
    while position < len(data):
        try:
            size, start = _read_varint(data, position)
            if start + size > len(data):
                break
            envelope = _decode(memoryview(data)[start : start + size])
        except (IndexError, ValueError, struct.error):
            break
        envelopes.append(envelope)
        position = start + size
    return Scan(envelopes, position)


def _decode(record: memoryview) -> Envelope:
    fields: dict[bytes, bytes] = {}
    check = None
    for tag, value, start in _fields(record):
        if tag == _CHECK:
            check = zlib.crc32(record[:start]) == _FIXED32.unpack(value)[0]
        fields[tag] = value
    requests = fields.keys() & _SIGNALS.keys()
    if not check or len(requests) != 1 or not fields.keys() >= {_PROJECT, _RECEIVED_AT, _DIGEST}:
        raise ValueError("not an envelope")
    [tag] = requests
    envelope = Envelope(
        fields[_PROJECT].decode(),
        _FIXED64.unpack(fields[_RECEIVED_AT])[0],
        fields[_DIGEST],
        fields[tag],
        _SIGNALS[tag],
    )
    if envelope.digest != digest(envelope.project, envelope.request, envelope.signal):
        raise ValueError("not the request that was written")
    return envelope


def _fields(record: memoryview) -> Iterator[tuple[bytes, bytes, int]]:
    """Each field's tag, its value, and where it starts."""
    position = 0
    while position < len(record):
        start, tag = position, bytes(record[position : position + 1])
        position += 1
        if tag in (_PROJECT, _DIGEST) or tag in _SIGNALS:
            size, position = _read_varint(record, position)
        elif tag in _SIZES:
            size = _SIZES[tag]
        else:
            raise ValueError("unknown field")
        if position + size > len(record):
            raise ValueError("a field ends behind its record")
        yield tag, bytes(record[position : position + size]), start
        position += size


def varint(number: int) -> bytes:
    """A whole number as protobuf writes it. The short ones are nearly all there are, in what comes as JSON by the hundred a span."""
    if number < 128:
        return SMALL[number]
    if number < 16_384:
        return bytes((number & 0x7F | 0x80, number >> 7))
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(data: bytes | memoryview, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7
        if shift > 63:
            raise ValueError("varint too long")
