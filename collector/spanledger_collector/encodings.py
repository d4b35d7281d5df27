"""Content-Encoding: bodies unpacked, and no further than they may be."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from typing import Protocol

from spanledger_collector.errors import RefusedError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# A packed body may be several parts, one after another. Each costs a copy of what follows it, so there is an end to it.
MOST_PARTS = 100


class _Unpacker(Protocol):
    """One part. What follows it is in `unused_data`."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def _gzip(body: bytes, limit: int) -> _Unpacker:
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)


def _deflate(body: bytes, limit: int) -> _Unpacker:
    # by the RFC it is zlib's format; some send the bare one, whose first byte never looks like this
    framed = len(body) > 1 and body[0] & 0x0F == 8 and int.from_bytes(body[:2]) % 31 == 0
    return zlib.decompressobj(wbits=zlib.MAX_WBITS if framed else -zlib.MAX_WBITS)


def _zstd(body: bytes, limit: int) -> _Unpacker:
    # a frame says how much memory it wants: RFC 9659 allows 8 MiB, and a frame of one piece is its own window
    window = max(23, (limit - 1).bit_length())
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: window})


_UNPACKERS: dict[str, Callable[[bytes, int], _Unpacker]] = {"gzip": _gzip, "deflate": _deflate, "zstd": _zstd}


def unpack(body: bytes, encoding: str, limit: int) -> bytes:
    """`body` without its Content-Encoding.

    Raises RefusedError: 415 where the encoding is not known, 400 where the body is not of it, 413 where it would be more than
    `limit` bytes.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in _UNPACKERS:
        raise RefusedError(
            f"Content-Encoding {encoding} is not taken here: send {', '.join(_UNPACKERS)} or none", status=415
        )
    parts: list[bytes] = []
    room = limit
    for _ in range(MOST_PARTS):
        unpacker = _UNPACKERS[encoding](body, limit)
        try:
            part = unpacker.decompress(body, room + 1)
        except (zlib.error, zstd.ZstdError) as error:
            raise RefusedError(f"the body is not {encoding}: {error}") from error
        room -= len(part)
        if room < 0:
            raise RefusedError(f"the body unpacks to more than {limit} bytes: send smaller batches", status=413)
        if not unpacker.eof:
            raise RefusedError(f"the body's {encoding} is cut short")
        parts.append(part)
        body = unpacker.unused_data
        if not body:
            return b"".join(parts)
    raise RefusedError(f"the body's {encoding} has more than {MOST_PARTS} parts: send it as one")
