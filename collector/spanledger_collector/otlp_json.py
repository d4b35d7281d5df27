"""OTLP/HTTP JSON to protobuf, so that the spool and the SQL know one form.

The encoders are made from OTLP's own descriptors. The mapping is protobuf's JSON, but trace and span ids are hexadecimal; names may
be camelCase or as in the .proto, what is not known is left out. Where one span can be at fault alone, its neighbours are not
made to pay for it: an id that is none becomes one that the pipeline refuses, half of a surrogate pair becomes U+FFFD.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Callable
from typing import Any

from spanledger_collector import wire
from spanledger_collector.envelope import SMALL, varint
from spanledger_collector.errors import RefusedError

Encode = Callable[[Any], bytes]
"""Of a field's JSON value: its tag and its value on the wire. Raises _MisfitError."""
_HEXADECIMAL = {"trace_id", "span_id", "parent_span_id"}
# longer than any id, so that the pipeline sees that it is none, and a reader of `rejected` sees what it was
_NO_ID = b"not hexadecimal: "
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class _MisfitError(Exception):
    """A value is not of its field's type; `place` leads to it, innermost step first."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.place: list[str] = []


def to_protobuf(signal: wire.Signal, body: bytes) -> bytes:
    """The protobuf form of a JSON request, fields in their order. Raises RefusedError (400), which says what is wrong and where."""
    try:
        request = json.loads(body.decode("utf-8-sig", "replace"))
        return wire.canonical(signal, _ENCODERS[signal](request))
    except json.JSONDecodeError as error:
        raise RefusedError(f"the body is not JSON: {error}") from error
    except _MisfitError as error:
        place = "".join(reversed(error.place)).removeprefix(".") or "the body"
        raise RefusedError(f"the body is not an OTLP request of {signal} (JSON): {place}: {error}") from error
    except RecursionError as error:
        raise RefusedError("the body is nested too deeply") from error
    except ValueError as error:  # a number of thousands of digits
        raise RefusedError(f"the body is not JSON that can be read: {error}") from error


def _message(descriptor: Any, known: dict[str, Encode]) -> Encode:
    """An encoder of a message's fields. `known` has those of the messages around it, which it may contain again."""
    fields: dict[str, Encode] = {}

    def encode(value: Any) -> bytes:
        if type(value) is not dict:
            raise _MisfitError(f"{_shown(value)} is no object")
        parts, name = [], ""
        try:
            for name, item in value.items():
                if item is not None and (field := fields.get(name)) is not None:
                    parts.append(field(item))
        except _MisfitError as error:
            error.place.append(f".{name}")
            raise
        return b"".join(parts)

    known[descriptor.full_name] = encode
    for field in descriptor.fields:
        fields[field.name] = fields[field.json_name] = _field(field, known)
    if "int_value" in fields:
        fields["int_value"] = fields["intValue"] = _integer_or_double(fields["intValue"], fields["doubleValue"])
    return encode


def _field(field: Any, known: dict[str, Encode]) -> Encode:
    wire_type, value_of = _scalar(field, known)
    tag = varint(field.number << 3 | wire_type)
    if value_of is _string:  # most of what there is, so in one piece

        def one(value: Any) -> bytes:
            try:
                data: bytes = value.encode()
            except (UnicodeEncodeError, AttributeError):
                data = _string(value)
            size = len(data)
            return tag + (SMALL[size] if size < 128 else varint(size)) + data
    elif wire_type == _BYTES:

        def one(value: Any) -> bytes:
            data = value_of(value)
            size = len(data)
            return tag + (SMALL[size] if size < 128 else varint(size)) + data
    else:

        def one(value: Any) -> bytes:
            return tag + value_of(value)

    def many(values: Any) -> bytes:
        if type(values) is not list:
            raise _MisfitError(f"{_shown(values)} is no array")
        parts: list[bytes] = []
        try:
            for value in values:
                parts.append(one({} if value is None and field.message_type else value))  # noqa: PERF401, its length tells where
        except _MisfitError as error:
            error.place.append(f"[{len(parts)}]")
            raise
        return b"".join(parts)

    return many if field.is_repeated else one


def _scalar(field: Any, known: dict[str, Encode]) -> tuple[int, Encode]:
    """The wire type of a field's value, and its encoder."""
    if field.message_type:
        name = field.message_type.full_name
        return _BYTES, known.get(name) or _message(field.message_type, known)
    if field.enum_type:
        numbers = {value.name: value.number for value in field.enum_type.values}
        plain = _varint_of(32)
        return _VARINT, lambda value: plain(numbers.get(value, 0) if type(value) is str else value)
    if field.type == field.TYPE_BYTES:
        return _BYTES, _identity if field.name in _HEXADECIMAL else _base64
    return {
        field.TYPE_STRING: (_BYTES, _string),
        field.TYPE_BOOL: (_VARINT, _boolean),
        field.TYPE_DOUBLE: (_FIXED64, _double),
        field.TYPE_INT32: (_VARINT, _varint_of(32)),
        field.TYPE_INT64: (_VARINT, _varint_of(64)),
        field.TYPE_SINT32: (_VARINT, _zigzag),
        field.TYPE_UINT32: (_VARINT, _varint_of(32, signed=False)),
        field.TYPE_UINT64: (_VARINT, _varint_of(64, signed=False)),
        field.TYPE_FIXED32: (_FIXED32, _packed("<I", 32, signed=False)),
        field.TYPE_FIXED64: (_FIXED64, _packed("<Q", 64, signed=False)),
        field.TYPE_SFIXED64: (_FIXED64, _packed("<q", 64)),
    }[field.type]


def _string(value: Any) -> bytes:
    if type(value) is not str:
        raise _MisfitError(f"{_shown(value)} is no string")
    try:
        return value.encode()
    except UnicodeEncodeError:  # half of a pair: a string that JavaScript cut to a length
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _identity(value: Any) -> bytes:
    try:
        return binascii.unhexlify(value)
    except (ValueError, TypeError):
        return _NO_ID + _string(value)


def _base64(value: Any) -> bytes:
    text = _string(value).rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise _MisfitError(f"{_shown(value)} is no base64") from None


def _boolean(value: Any) -> bytes:
    if type(value) is not bool:
        raise _MisfitError(f"{_shown(value)} is neither true nor false")
    return SMALL[value]


def _double(value: Any) -> bytes:
    try:
        if type(value) is not bool:
            return struct.pack("<d", float(value))
    except (ValueError, TypeError, OverflowError):
        pass
    raise _MisfitError(f"{_shown(value)} is no number that a double can be")


def _integer(value: Any, bits: int, signed: bool) -> int:
    number = value if type(value) is int else _whole(value)
    if not (-(1 << bits - 1) <= number < 1 << bits - 1 if signed else 0 <= number < 1 << bits):
        raise _OutOfRangeError(f"{_shown(value)} does not fit into {bits} bits")
    return number


def _whole(value: Any) -> int:
    try:
        if type(value) is str or (type(value) is float and value.is_integer()):
            return int(value)
    except ValueError:
        pass
    raise _MisfitError(f"{_shown(value)} is no whole number")


class _OutOfRangeError(_MisfitError):
    """A whole number, but too large for its field."""


def _integer_or_double(integer: Encode, double: Encode) -> Encode:
    """JavaScript has one kind of number, and its exporter calls 1e21 an intValue."""

    def encode(value: Any) -> bytes:
        try:
            return integer(value)
        except _OutOfRangeError:
            return double(value)

    return encode


def _varint_of(bits: int, signed: bool = True) -> Encode:
    return lambda value: varint(_integer(value, bits, signed) & (1 << 64) - 1)


def _zigzag(value: Any) -> bytes:
    number = _integer(value, 32, signed=True)
    return varint((number << 1 ^ number >> 31) & (1 << 32) - 1)


def _packed(layout: str, bits: int, signed: bool = True) -> Encode:
    return lambda value: struct.pack(layout, _integer(value, bits, signed))


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


_ENCODERS = {signal: _message(request.DESCRIPTOR, {}) for signal, request in wire.OTLP.items()}
