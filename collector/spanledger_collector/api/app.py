"""The routes: views, traces and sessions in; JSON, CSV or Parquet out."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse, Response
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request

from spanledger_collector.api import paging
from spanledger_collector.api.docs import documented, page_of
from spanledger_collector.api.problems import MEDIA_TYPE, ProblemError
from spanledger_collector.api.request import FORMATS, PAGED, format_of, given_by, limit_of, ranged, text_of, time_of
from spanledger_collector.api.values import Parameter
from spanledger_collector.api.views import View
from spanledger_collector.loopback import asked_by_own_name
from spanledger_collector.readonly.app import Authorize, UnauthorizedError
from spanledger_collector.readonly.catalog import Scope
from spanledger_collector.readonly.errors import ClickHouseError
from spanledger_collector.readonly.service import Query, Service

RATE = "600/minute"
CORS_SECONDS = 600
"""For how long a browser need not ask again whether it may ask."""
_SETTINGS = frozenset({
    ("date_time_output_format", "iso"), ("output_format_json_quote_64bit_integers", "0"),
    ("output_format_json_quote_decimals", "1"),  # money is exact: as a number it would be read as a float
})  # fmt: skip
_ALWAYS = {"from": "1971-01-01 00:00:00", "to": "2100-01-01 00:00:00"}
_TOTALS = frozenset(f"{end}_{what}" for end in ("min", "max") for what in ("cost_usd", "duration_ns", "tokens"))
_OF_A_PAGE = frozenset({"totals", "limit", "before_rank", "before_hash", "before_ns", "before_session"})


def api_app(
    service: Service,
    views: Mapping[str, View],
    authorize: Authorize,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    rate: str = RATE,
    origins: Sequence[str] = (),
) -> FastAPI:
    """The API, to be mounted where `/api/v1` is. `rate`: what a key, or an address without one, may ask, as `limits` writes it.
    `origins`: whose web pages may read the answers (CORS)."""
    app = FastAPI(
        title="spanledger", version="1", docs_url=None, redoc_url=None, description=(
            "Every view of the ledger, traces and sessions. Money is in USD, as text, exact; times are ISO 8601, in UTC."
        ),
    )  # fmt: skip
    if origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(origins), allow_methods=["GET"], allow_headers=["Authorization"],
            expose_headers=["Link", "Retry-After"], max_age=CORS_SECONDS,
        )  # fmt: skip
    limiter, allowed = MovingWindowRateLimiter(MemoryStorage()), parse(rate)

    def reader(request: Request) -> Scope:
        """The projects that may be read. Raises ProblemError: 401, 429."""
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        key = credentials.strip() if scheme.lower() == "bearer" else ""
        challenge = {"WWW-Authenticate": 'Bearer realm="spanledger"'}
        if not key and not asked_by_own_name(request.headers.get("host", "")):
            raise ProblemError(401, "Send a read key: `Authorization: Bearer sl_…`.", headers=challenge)
        try:
            projects = authorize(key or None)
        except UnauthorizedError as refused:
            raise ProblemError(
                401, f"{str(refused) or 'the key is missing or not valid'}.", headers=challenge
            ) from refused
        who = hashlib.sha256(key.encode()).hexdigest() if key else request.client.host if request.client else ""
        if not limiter.hit(allowed, who):
            seconds = max(1, round(limiter.get_window_stats(allowed, who).reset_time - now().timestamp()))
            raise ProblemError(429, f"More than {allowed}: try again later.", headers={"Retry-After": str(seconds)})
        return projects

    async def ask(
        request: Request, scope: Scope, view: View, given: Mapping[str, str], form: str, columns: str = "*"
    ) -> bytes:
        gone = asyncio.Event()
        watch = asyncio.ensure_future(_set_when_client_leaves(request, gone))
        try:
            query = Query(view.select(columns), given, FORMATS[form][0], _SETTINGS, scope)
            return (await service.answer(query, gone)).body
        except ClickHouseError as error:
            raise ProblemError.of(error) from error
        finally:
            watch.cancel()

    async def rows(request: Request, scope: Scope, name: str, given: Mapping[str, str]) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (await ask(request, scope, views[name], given, "json")).splitlines()]

    @app.exception_handler(ProblemError)
    async def problem(_: Request, error: ProblemError) -> Response:
        return JSONResponse(error.body, error.status, error.headers, MEDIA_TYPE)

    @app.exception_handler(HTTPException)
    async def not_found(request: Request, error: HTTPException) -> Response:
        return JSONResponse(
            ProblemError(error.status_code, f"{request.url.path}: {error.detail}.").body,
            error.status_code,
            error.headers,
            MEDIA_TYPE,
        )

    @app.get("/views", summary="What can be asked")
    async def list_views(request: Request) -> Response:
        reader(request)
        return JSONResponse({"data": [
            {"name": view.name, "question": view.question, "description": view.description,
             "parameters": [{"name": p.name, "type": p.type, "required": p.required, **({"words": p.words} if p.words else {})}
                            for p in view.parameters]}
            for view in views.values()
        ], "next": None})  # fmt: skip

    def offer(view: View) -> None:
        async def answer(request: Request) -> Response:
            scope = reader(request)
            form = format_of(request)
            return _answer(await ask(request, scope, view, given_by(request, view.parameters), form), form)

        app.add_api_route(
            f"/views/{view.name}", answer, name=view.name, summary=view.question, description=view.description,
            openapi_extra=documented((*view.parameters, PAGED[2])), tags=["views"], response_class=Response,
        )  # fmt: skip

    for view in views.values():
        offer(view)

    async def traces(request: Request) -> Response:
        scope, form, page = reader(request), format_of(request), views["trace_page"]
        kept = [p for p in page.parameters if p.name not in _OF_A_PAGE]
        query = ranged(request, now())
        if query.setdefault("sort", ["newest"])[-1] not in {"newest", "dearest", "slowest"}:
            raise ProblemError(400, "sort is newest, dearest or slowest.", "sort")
        ordered = query["sort"][-1]
        totals = ordered != "newest" or any(query.get(name, ["0"]) != ["0"] for name in _TOTALS)
        for name in _TOTALS:
            query.setdefault(name, ["0"])
        limit = limit_of(query)
        rank, hash_ = (
            paging.key_of(query["cursor"][-1], (int, int)) if query.get("cursor") else (paging.LAST, 2**64 - 1)
        )
        given = given_by(request, kept, query) | {
            "totals": str(int(totals)),
            "limit": str(limit + 1),
            "before_rank": str(rank),
            "before_hash": str(hash_),
        }
        since, until = time_of(given["from"]), time_of(given["to"])
        before = datetime.fromtimestamp(rank // 10**9 + 1, UTC) if rank < paging.LAST else None
        ranges = paging.windows(since, until, before) if ordered == "newest" else [(since, until)]
        begin, end, found = since, until, list[dict[str, Any]]()
        for begin, end in ranges:
            found = await rows(request, scope, "trace_page", given | {"from": text_of(begin), "to": text_of(end)})
            if len(found) > limit:
                break
        hashes = [row["hash"] for row in found[:limit]]
        asked = {
            "hashes": str(hashes),
            "trace_ids": "[]",
            "project": given["project"],
            "from": text_of(begin - paging.LONG if ordered == "newest" else begin),
            "to": text_of(end),
        }
        body = await ask(request, scope, views["traces"], asked, form, "* EXCEPT (hash)")
        more = paging.cursor(found[limit - 1]["rank"], found[limit - 1]["hash"]) if len(found) > limit else None
        return _answer(body, form, request, more)

    async def sessions(request: Request) -> Response:
        scope, form, page = reader(request), format_of(request), views["session_page"]
        query = ranged(request, now())
        limit = limit_of(query)
        last, name = paging.key_of(query["cursor"][-1], (int, str)) if query.get("cursor") else (paging.LAST, "")
        before = Parameter("before_session", "String").read([name])
        kept = [p for p in page.parameters if p.name not in _OF_A_PAGE]
        given = given_by(request, kept, query) | {
            "limit": str(limit + 1),
            "before_ns": str(last),
            "before_session": before,
        }
        since, until = time_of(given["from"]), time_of(given["to"])
        begin, end, found = since, until, list[dict[str, Any]]()
        for begin, end in paging.windows(
            since, until, datetime.fromtimestamp(last // 10**9 + 1, UTC) if query.get("cursor") else None
        ):
            found = await rows(request, scope, "session_page", given | {"from": text_of(begin), "to": text_of(end)})
            if len(found) > limit:
                break
        ids = Parameter("session_ids", "Array(String)").read([row["session_id"] for row in found[:limit]])
        asked = {"session_ids": ids, "project": given["project"], "from": given["from"], "to": given["to"]}
        body = await ask(request, scope, views["sessions"], asked, form)
        more = (
            paging.cursor(found[limit - 1]["last_ns"], found[limit - 1]["session_id"]) if len(found) > limit else None
        )
        return _answer(body, form, request, more)

    for path, answer, page, summary in (
        ("/traces", traces, "trace_page", "Traces, a page of them: newest, dearest or slowest first"),
        ("/sessions", sessions, "session_page", "Sessions, a page of them: the one that was active last first"),
    ):
        described = [p for p in views[page].parameters if p.name not in _OF_A_PAGE]
        app.add_api_route(
            path,
            answer,
            summary=summary,
            openapi_extra=documented((*described, *PAGED), required=False),
            response_class=Response,
        )

    @app.get(
        "/traces/{trace_id}",
        summary="A trace: its figures and its spans",
        openapi_extra=documented((Parameter("project", "String"), PAGED[2])),
        response_class=Response,
    )
    async def trace(request: Request, trace_id: str) -> Response:
        scope, form = reader(request), format_of(request)
        given = given_by(request, [Parameter("project", "String")]) | {
            "trace_id": Parameter("trace_id", "String").read([trace_id])
        }
        spans = await ask(request, scope, views["trace_spans"], given, form)
        ids = Parameter("trace_ids", "Array(String)").read([trace_id])
        figures = await rows(
            request, scope, "traces", {"hashes": "[]", "trace_ids": ids, "project": given["project"], **_ALWAYS}
        )
        if not figures:
            raise ProblemError(
                404, f"There is no trace {trace_id}: its spans are gone, or are none that this key may read."
            )
        if form != "json":
            return _answer(spans, form)
        return JSONResponse({"traces": [{k: v for k, v in row.items() if k != "hash"} for row in figures],
                             "spans": [json.loads(line) for line in spans.splitlines()]})  # fmt: skip

    @app.get(
        "/traces/{trace_id}/spans/{span_id}",
        summary="All that was kept of a span",
        openapi_extra=documented((Parameter("project", "String"),)),
    )
    async def span(request: Request, trace_id: str, span_id: str) -> Response:
        scope = reader(request)
        ids = {
            name: Parameter(name, "String").read([text])
            for name, text in (("trace_id", trace_id), ("span_id", span_id))
        }
        found = await rows(request, scope, "span", given_by(request, [Parameter("project", "String")]) | ids)
        if not found:
            raise ProblemError(404, f"There is no span {span_id} in trace {trace_id} that this key may read.")
        return JSONResponse(found[0])

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(page_of(app.openapi()))

    return app


def _answer(body: bytes, form: str, request: Request | None = None, more: str | None = None) -> Response:
    headers = {}
    if request is not None and more is not None:
        link = request.url.include_query_params(cursor=more)
        headers["Link"] = f'<{link.path}?{link.query}>; rel="next"'
    if form == "json":
        body = b'{"data":[' + b",".join(body.splitlines()) + b'],"next":' + json.dumps(more).encode() + b"}"
    return Response(body, headers=headers, media_type=FORMATS[form][1])


async def _set_when_client_leaves(request: Request, gone: asyncio.Event) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    gone.set()
