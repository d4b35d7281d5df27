"""The app's own log as JSON, a line a record, with the trace that each line was written in."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from opentelemetry import trace

from spanledger import attribution, lifecycle
from spanledger.conventions import is_content

# What every record has; all else came as `extra`. OpenTelemetry's own logging instrumentor writes the last four.
_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message", "asctime", "taskName", "otelTraceID", "otelSpanID", "otelTraceSampled", "otelServiceName",
}  # fmt: skip
_WRITTEN_AS_TEXT = (BaseException, date, time, timedelta, Decimal, PurePath, UUID)
_DEPTH = 5
_VALUES = 200
"""Of one `extra` field: what lies deeper, or comes after so many, is left out."""


class JsonFormatter(logging.Formatter):
    """Formats each record as one line of JSON, with the names of OpenTelemetry's log data model.

        handler = logging.StreamHandler()
        handler.setFormatter(spanledger.JsonFormatter())

    `timestamp` (RFC 3339, UTC), `severity_text`, `severity_number`, `body` (the message), `trace_id`, `span_id` and
    `trace_flags` of the current span (absent where there is none), `resource` (`service.name`, where it is known), `scope`
    (the logger's name) and `attributes`: the attribution in force, `exception.type`, `.message` and `.stacktrace`,
    `code.stacktrace` of `stack_info`, and what came as `extra`. ASCII only. Never raises, whatever is logged:
    what cannot be written is named by its type.

    Fields of `extra` that hold prompts or completions by name are left out, and of objects that are not plain data only the
    type is written: a response in `extra` does not put what it says into the log. The message is the app's own words.

    service: default `OTEL_SERVICE_NAME`, else that of `instrument()`. The other arguments are `logging.Formatter`'s, for
    `logging.config`, and change nothing.
    """

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: Any = "%",
        validate: bool = True,
        *,
        service: str = "",
    ) -> None:
        super().__init__()
        self._service = service or os.environ.get("OTEL_SERVICE_NAME", "").strip()

    def format(self, record: logging.LogRecord) -> str:
        try:
            return json.dumps(self._fields(record), allow_nan=False)
        except Exception as error:
            body = f"a log record could not be written: {type(error).__name__}"
            return json.dumps(
                {
                    "timestamp": _rfc3339(datetime.now(UTC)),
                    "severity_text": "ERROR",
                    "severity_number": 17,
                    "body": body,
                }
            )

    def _fields(self, record: logging.LogRecord) -> dict[str, object]:
        attributes: dict[str, object] = {}
        fields: dict[str, object] = {
            "timestamp": _rfc3339(datetime.fromtimestamp(record.created, UTC)),
            "severity_text": _clean(record.levelname),
            "severity_number": 1 + 4 * min(max((record.levelno or 0) // 10, 0), 5),
        }
        try:
            fields["body"] = _clean(record.getMessage())
        except Exception as error:  # an argument's own __str__, or too few of them
            fields["body"] = _clean(record.msg) if isinstance(record.msg, str) else f"<{_type(record.msg)}>"
            attributes["log.error"] = f"the arguments could not be written: {type(error).__name__}"
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            fields["trace_id"] = trace.format_trace_id(span.trace_id)
            fields["span_id"] = trace.format_span_id(span.span_id)
            fields["trace_flags"] = f"{span.trace_flags:02x}"
        if service := self._service or lifecycle.service():
            fields["resource"] = {"service.name": _clean(service)}
        fields["scope"] = {"name": _clean(record.name)}
        if frame := attribution.current():
            attributes |= {key: _clean(value) for key, value in frame.attributes.items()}
        if record.exc_info:
            attributes |= self._exception(record)
        if record.stack_info:
            attributes["code.stacktrace"] = _text(record.stack_info)
        attributes |= {
            _clean(key): _plain(value, iter(range(_VALUES)))
            for key, value in record.__dict__.items()
            if key not in _OWN and not is_content(key)
        }
        return {**fields, "attributes": attributes} if attributes else fields

    def _exception(self, record: logging.LogRecord) -> Iterator[tuple[str, object]]:
        assert record.exc_info
        error = record.exc_info[1]
        if error is None:
            return
        yield "exception.type", _type(error)
        yield "exception.message", _text(error)
        try:
            yield "exception.stacktrace", _clean(self.formatException(record.exc_info))
        except Exception:
            yield "exception.stacktrace", ""


def _plain(value: object, budget: Iterator[int], depth: int = 0) -> object:
    """`value` as JSON can hold it: no more of it than the budget has values, no object that might say what was said."""
    try:
        if next(budget, None) is None or depth > _DEPTH:
            return "…"
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Enum):
            return _clean(value.name)
        if isinstance(value, int):
            return int(value) if -(2**63) <= value < 2**64 else hex(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else repr(float(value))
        if isinstance(value, str):
            return _clean(value)
        if isinstance(value, Mapping):
            return {
                name: _plain(item, budget, depth + 1)
                for (name, item), _ in zip(
                    ((_text(key), item) for key, item in value.items()), range(_VALUES), strict=False
                )
                if not is_content(name)
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [_plain(item, budget, depth + 1) for item, _ in zip(value, range(_VALUES), strict=False)]
        if isinstance(value, _WRITTEN_AS_TEXT):
            return _text(value)
    except Exception:
        pass
    return f"<{_type(value)}>"


def _text(value: object) -> str:
    try:
        return _clean(str(value))
    except Exception:
        return f"<{_type(value)}>"


def _type(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _clean(text: object) -> str:
    """A half of a surrogate pair is no text: strict readers would refuse the whole line."""
    return str(text).encode("utf-8", "replace").decode()


def _rfc3339(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
