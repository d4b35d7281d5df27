"""OTLP on the wire: is a body a trace request? The only file that knows protobuf's Python library."""

from __future__ import annotations

import zlib
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from spanledger_collector.errors import RefusedError


def _lenient_request() -> type[message.Message]:
    """OTLP's own request, with every string read as bytes: one string that is not UTF-8 must not fail its neighbours."""
    pool = descriptor_pool.DescriptorPool()
    for module in (common_pb2, resource_pb2, trace_pb2, trace_service_pb2):
        file = descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
        pending: list[Any] = list(file.message_type)
        while pending:
            kind = pending.pop()
            pending += kind.nested_type
            for field in kind.field:
                if field.type == descriptor_pb2.FieldDescriptorProto.TYPE_STRING:
                    field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
        pool.Add(file)
    name = trace_service_pb2.ExportTraceServiceRequest.DESCRIPTOR.full_name
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


_REQUEST = _lenient_request()


def check_traces(body: bytes) -> None:
    """Raises RefusedError (400) where `body` is not an `ExportTraceServiceRequest`."""
    try:
        _REQUEST.FromString(body)
    except message.DecodeError as error:
        raise RefusedError(f"the body is not an OTLP trace request (protobuf): {error}") from error


def gunzip(body: bytes, limit: int) -> bytes:
    """`body` unpacked. Raises RefusedError: 400 where it is no gzip, 413 where it would be more than `limit` bytes."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise RefusedError(f"the body is not gzip: {error}") from error
    if len(plain) > limit:
        raise RefusedError(f"the body unpacks to more than {limit} bytes: send smaller batches", status=413)
    if not unpacker.eof:
        raise RefusedError("the body's gzip is cut short")
    if unpacker.unused_data:  # to take the first part alone would be to lose the rest
        raise RefusedError("the body's gzip is followed by something else: send it as one gzip member")
    return plain


def status(code: int, text: str) -> bytes:
    """The body of an OTLP error: a `google.rpc.Status`."""
    body: bytes = Status(code=code, message=text).SerializeToString()
    return body
