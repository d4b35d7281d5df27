"""What a request asks for: its parameters, its page, its format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from starlette.requests import Request

from spanledger_collector.api.problems import ProblemError
from spanledger_collector.api.values import Parameter, moment

FORMATS = {
    "json": ("JSONEachRow", "application/json"),
    "csv": ("CSVWithNames", "text/csv; charset=utf-8"),
    "parquet": ("Parquet", "application/vnd.apache.parquet"),
}
MOST = 500
"""Rows of a page of traces or sessions."""
PAGED = (Parameter("limit", "UInt32"), Parameter("cursor", "String"), Parameter("format", "String"))


def given_by(
    request: Request, parameters: Sequence[Parameter], query: Mapping[str, Sequence[str]] | None = None
) -> dict[str, str]:
    """The value of each parameter, from the URL. Raises ProblemError (400), for one that is not known too: a filter with a
    slip in its name would let everything pass."""
    said = query_of(request) if query is None else query
    known = {p.name for p in (*parameters, *PAGED)}
    for name in said:
        if name not in known:
            raise ProblemError(
                400,
                f"There is no parameter {name[:100]!r} here: {', '.join(p.name for p in parameters) or 'none'}.",
                name[:100],
            )
    given = {p.name: p.read(said.get(p.name, [])) for p in parameters}
    if "from" in given and "to" in given and given["from"] > given["to"]:
        raise ProblemError(400, f"from, {given['from']} UTC, is after to, {given['to']} UTC.", "from")
    return given


def query_of(request: Request) -> dict[str, list[str]]:
    return {name: request.query_params.getlist(name) for name in request.query_params}


def ranged(request: Request, now: datetime) -> dict[str, list[str]]:
    """What the URL says; where it does not, up to now, and from 24 hours before the end."""
    query = query_of(request)
    query.setdefault("to", [(now + timedelta(seconds=1)).isoformat()])
    until = time_of(Parameter("to", "DateTime").read(query["to"]))
    query.setdefault("from", [(until - timedelta(hours=24)).isoformat()])
    return query


def limit_of(query: Mapping[str, Sequence[str]]) -> int:
    limit = int(Parameter("limit", "UInt32").read(query.get("limit", ["50"])))
    if not 1 <= limit <= MOST:
        raise ProblemError(400, f"limit is 1 to {MOST}.", "limit")
    return limit


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def text_of(at: datetime) -> str:
    return moment(at.isoformat())


def format_of(request: Request) -> str:
    """By `format`, else by what is accepted; JSON where neither says. Raises ProblemError: 400, 406."""
    if wanted := request.query_params.get("format"):
        if wanted not in FORMATS:
            raise ProblemError(400, f"format is one of {', '.join(FORMATS)}.", "format")
        return wanted
    accepted = [part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "*/*").split(",")]
    for media_type in accepted:
        if media_type in {"*/*", "application/*", ""}:
            return "json"
        for name, (_, own) in FORMATS.items():
            if media_type == own.partition(";")[0]:
                return name
    raise ProblemError(406, f"Accept one of {', '.join(own.partition(';')[0] for _, own in FORMATS.values())}.")
