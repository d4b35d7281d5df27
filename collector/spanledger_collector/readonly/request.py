"""A request of ClickHouse's HTTP protocol, read: the key it presents and the query it asks."""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

from spanledger_collector.readonly import errors
from spanledger_collector.readonly.catalog import DATABASE
from spanledger_collector.readonly.errors import ClickHouseError
from spanledger_collector.readonly.gate import FORMATS
from spanledger_collector.readonly.pool import Settings

# The settings that a client's own reading of an answer depends on, and their values. A handle belongs to one set of
# them, so they are few; every other setting of a client is dropped: the limits are the server's.
_SWITCH = frozenset({"0", "1", "true", "false"})
_SETTINGS: Mapping[str, frozenset[str]] = {
    "date_time_output_format": frozenset({"simple", "iso", "unix_timestamp"}),
    "output_format_json_quote_64bit_integers": _SWITCH,
    "output_format_json_quote_decimals": _SWITCH,
    "output_format_json_quote_denormals": _SWITCH,
}

# A client's default database; here it is ours.
_DATABASES = frozenset({"", "default", DATABASE})


@dataclass(frozen=True)
class Request:
    """What a client asks. `parameters`: escaped text by name. `gzip`: whether it wants the answer compressed."""

    text: str
    parameters: Mapping[str, str]
    default_format: str
    settings: Settings
    query_id: str
    gzip: bool


def key_presented(headers: Mapping[str, str], arguments: Mapping[str, str]) -> str | None:
    """The API key of a request, wherever a ClickHouse client puts a password; None where there is none."""
    if key := headers.get("x-clickhouse-key"):
        return key
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip() or None
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials, validate=True).decode().partition(":")[2] or None
        except (binascii.Error, UnicodeDecodeError):
            return credentials
    return arguments.get("password") or None


def url_arguments(query_string: bytes) -> dict[str, str]:
    return dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="surrogateescape"))


def read_request(headers: Mapping[str, str], arguments: Mapping[str, str], body: bytes, limit_bytes: int) -> Request:
    """The request of `arguments` (of the URL) and `body`. `limit_bytes` bounds the statement.

    Raises ClickHouseError where it is not one that this interface takes.
    """
    arguments = dict(arguments)
    body = _decoded(headers.get("content-encoding", ""), body, limit_bytes)
    content_type = headers.get("content-type", "")
    if content_type.lower().startswith("multipart/form-data"):
        arguments |= _form(content_type, body)
        body = b""
    if arguments.get("decompress", "0") not in {"0", ""} or arguments.get("compress", "0") not in {"0", ""}:
        raise ClickHouseError(48, "NOT_IMPLEMENTED", "ClickHouse's own compression is not offered, use gzip.")
    database = arguments.get("database") or headers.get("x-clickhouse-database") or ""
    if database not in _DATABASES:
        raise errors.unknown_database(database)
    default_format = arguments.get("default_format") or headers.get("x-clickhouse-format") or "TabSeparated"
    if default_format not in FORMATS:
        raise ClickHouseError(73, "UNKNOWN_FORMAT", f"Format {default_format} is not offered here.")
    return Request(
        text=_statement(arguments.get("query", ""), body, limit_bytes),
        parameters={
            name.removeprefix("param_"): value for name, value in arguments.items() if name.startswith("param_")
        },
        default_format=default_format,
        settings=frozenset(
            (name, arguments[name]) for name, values in _SETTINGS.items() if arguments.get(name) in values
        ),
        query_id=arguments.get("query_id", ""),
        gzip=arguments.get("enable_http_compression") in {"1", "true"} and "gzip" in headers.get("accept-encoding", ""),
    )


def _statement(argument: str, body: bytes, limit_bytes: int) -> str:
    try:
        parts = [part for part in (argument.encode("utf-8", "surrogateescape").decode(), body.decode()) if part]
    except UnicodeDecodeError as error:
        raise errors.syntax_error("The query is not UTF-8 text.") from error
    text = "\n".join(parts)
    if len(text.encode()) > limit_bytes:
        raise ClickHouseError(62, "SYNTAX_ERROR", f"Max query size exceeded: {limit_bytes} bytes.")
    return text


def _decoded(encoding: str, body: bytes, limit_bytes: int) -> bytes:
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise ClickHouseError(48, "NOT_IMPLEMENTED", f"Content-Encoding {encoding} is not offered, use gzip.")
    try:
        return zlib.decompressobj(wbits=31).decompress(body, limit_bytes + 1)
    except zlib.error as error:
        raise errors.syntax_error("The body is not gzip.") from error


def _form(content_type: str, body: bytes) -> dict[str, str]:
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + body
    )
    fields = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes) or part.get_filename() is not None:
            raise ClickHouseError(48, "NOT_IMPLEMENTED", "External data is not offered here.")
        fields[name] = content.decode("utf-8", "surrogateescape")
    return fields


def compressed(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=1, mtime=0)
