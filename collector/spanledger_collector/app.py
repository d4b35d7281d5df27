"""The collector's HTTP face: OTLP in, health and metrics out. The only file that knows FastAPI."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.requests import ClientDisconnect, Request

from spanledger_collector import otlp_json, wire
from spanledger_collector.door import Door
from spanledger_collector.encodings import unpack
from spanledger_collector.errors import CollectorError, RefusedError

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_PROTOCOLS = {PROTOBUF: "protobuf", JSON: "json"}
# google.rpc.Code of what we answer, by HTTP status
_RPC_CODES = {400: 3, 401: 16, 403: 7, 413: 3, 415: 3, 503: 14}


@dataclass(frozen=True)
class Limits:
    """The largest request, in bytes, packed or not."""

    body: int = 16 << 20


def collector_app(
    door: Door,
    ready: Callable[[], str],
    metrics: Callable[[], bytes],
    on_taken: Callable[[str], None],
    on_refused: Callable[[str, int], None],
    limits: Limits,
) -> FastAPI:
    """The app. `ready` says what is not ready, '' where all is; `metrics` is Prometheus text; `on_taken` and
    `on_refused` hear of each answer: the protocol (protobuf or json), and the error status."""
    app = FastAPI(title="spanledger collector", docs_url=None, redoc_url=None, openapi_url=None)

    async def export(signal: wire.Signal, request: Request) -> Response:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        refuse = partial(_error, JSON if media_type == JSON else PROTOBUF)
        try:
            project = door.project_of(request.headers.get("authorization", ""))
            if media_type not in (PROTOBUF, JSON):
                raise RefusedError(
                    f"Content-Type {media_type or '(none)'} is not taken here: send {PROTOBUF} or {JSON}", status=415
                )
            body = await _body(request, limits.body)
            if media_type == JSON:  # some milliseconds a hundred spans: in a thread, so that the others need not wait
                body = await asyncio.to_thread(otlp_json.to_protobuf, signal, body)
            await door.accept(project, signal, body)
        except ClientDisconnect:
            return Response(status_code=499)
        except CollectorError as error:
            return refuse(error.status, str(error), error.after)
        # an empty Export…ServiceResponse: all of it was taken
        on_taken(_PROTOCOLS[media_type])
        return Response(b"{}" if media_type == JSON else b"", media_type=media_type)

    def _error(media_type: str, status: int, text: str, after: int | None) -> Response:
        headers = None if after is None else {"Retry-After": str(after)}
        on_refused(_PROTOCOLS[media_type], status)
        code = _RPC_CODES.get(status, 2)
        if media_type == JSON:
            return JSONResponse({"code": code, "message": text}, status, headers)
        return Response(wire.status(code, text), status, headers, media_type=PROTOBUF)

    # a bare route: FastAPI's own would resolve parameters that this one has none of, thousands of times a second
    for signal in wire.Signal:
        app.add_route(f"/v1/{signal}", partial(export, signal), methods=["POST"])

    @app.get("/healthz")
    def healthz() -> PlainTextResponse:
        """Is the process alive?"""
        return PlainTextResponse("ok\n")

    @app.get("/readyz")
    def readyz() -> JSONResponse:
        """Would a request be taken now, and posted soon?"""
        problem = ready()
        return JSONResponse({"ready": not problem, "problem": problem}, 503 if problem else 200)

    @app.get("/metrics")
    def prometheus() -> Response:
        return Response(metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return app


async def _body(request: Request, limit: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise RefusedError(f"the body is more than {limit} bytes: send smaller batches", status=413)
        chunks.append(chunk)
    return unpack(b"".join(chunks), request.headers.get("content-encoding", "").strip().lower(), limit)
