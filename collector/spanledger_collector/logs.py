"""The collector's own log, on standard error: lines for a person, or JSON in the shape of the SDK's `JsonFormatter`."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from enum import StrEnum


class LogFormat(StrEnum):
    """How the log is written."""

    TEXT = "text"
    JSON = "json"


class JsonFormatter(logging.Formatter):
    """One line of JSON a record, with the names of OpenTelemetry's log data model. Our own records: plain messages."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "timestamp": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
            "severity_text": record.levelname,
            "severity_number": 1 + 4 * min(max(record.levelno // 10, 0), 5),
            "body": record.getMessage(),
            "resource": {"service.name": "spanledger-collector"},
            "scope": {"name": record.name},
        }
        if record.exc_info and (error := record.exc_info[1]) is not None:
            kind = type(error)
            fields["attributes"] = {
                "exception.type": kind.__qualname__
                if kind.__module__ == "builtins"
                else f"{kind.__module__}.{kind.__qualname__}",
                "exception.message": str(error),
                "exception.stacktrace": self.formatException(record.exc_info),
            }
        return json.dumps(fields)


def set_up_logging(log_format: LogFormat, level: str) -> None:
    """Write every record of `level` and above. Calling again changes how. Raises ValueError for a level that there is not."""
    handler = logging.StreamHandler()
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonFormatter() if log_format is LogFormat.JSON else text)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for library in ("urllib3", "clickhouse_connect"):  # what goes wrong is said once, by us
        logging.getLogger(library).setLevel(logging.ERROR)
