"""What went wrong, as RFC 9457 has it: `application/problem+json`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from spanledger_collector.readonly.errors import ClickHouseError

MEDIA_TYPE = "application/problem+json"


class ProblemError(Exception):
    """A request that is not answered. `parameter`: the one that is at fault, if one is."""

    def __init__(self, status: int, detail: str, parameter: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.parameter = parameter
        self.headers = dict(headers or {})

    @classmethod
    def of(cls, error: ClickHouseError) -> ProblemError:
        """What the store answered. An answer or a question that is too large is the request's to make smaller."""
        text = error.text.partition("DB::Exception: ")[2] or error.text
        status = {408: 503, 500: 500}.get(error.status, error.status)
        if error.code in {241, 307, 158}:  # memory, bytes or rows beyond what one question may use
            status, text = 413, f"The question is too dear: choose a shorter range. {text}"
        if error.code == 159:
            text = f"The question took too long: choose a shorter range. {text}"
        return cls(status, text, headers={"Retry-After": "1"} if status == 503 else {})

    @property
    def body(self) -> dict[str, Any]:
        body = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        return body | ({"parameter": self.parameter} if self.parameter else {})
