"""Content-Encoding: everything that is packed is unpacked, whole, and never past the limit."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spanledger_collector.encodings import MOST_PARTS, unpack
from spanledger_collector.errors import RefusedError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LIMIT = 100_000


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", bare_deflate),
    ("zstd", zstd.compress),
]
packers = pytest.mark.parametrize(("encoding", "pack"), PACKERS, ids=["gzip", "zlib", "deflate", "zstd"])


def status(body: bytes, encoding: str) -> int:
    with pytest.raises(RefusedError) as refused:
        unpack(body, encoding, LIMIT)
    return refused.value.status


@packers
@given(body=st.binary(max_size=1000))
def test_what_was_packed_comes_out(encoding: str, pack: Callable[[bytes], bytes], body: bytes) -> None:
    assert unpack(pack(body), encoding, LIMIT) == body


@packers
def test_a_body_at_the_limit_is_unpacked_and_one_byte_more_is_not(
    encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    assert unpack(pack(bytes(LIMIT)), encoding, LIMIT) == bytes(LIMIT)
    assert status(pack(bytes(LIMIT + 1)), encoding) == 413
    assert status(pack(bytes(200 * LIMIT)), encoding) == 413


@packers
def test_parts_one_after_another_are_one_body_and_the_limit_is_of_all(
    encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    assert unpack(pack(b"first ") + pack(b"") + pack(b"second"), encoding, LIMIT) == b"first second"
    assert status(pack(bytes(LIMIT // 2)) * 3, encoding) == 413
    assert status(pack(b"") * (MOST_PARTS + 1), encoding) == 400


@packers
def test_what_is_cut_short_or_followed_by_something_else_is_refused(
    encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    packed = pack(b"some text" * 99)
    for wrong in (b"", packed[:-1], packed[: len(packed) // 2], packed + b"\xff\xff", b"\xff" + packed):
        assert status(wrong, encoding) == 400


def test_a_frame_that_wants_more_memory_than_a_body_may_have_is_refused() -> None:
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    frame = packer.compress(b"x") + packer.flush()
    assert status(frame, "zstd") == 400


def test_no_encoding_is_one_and_an_unknown_one_is_named() -> None:
    assert unpack(b"as it is", "", LIMIT) == unpack(b"as it is", "identity", LIMIT) == b"as it is"
    assert status(b"", "br") == status(b"", "gzip, gzip") == 415
