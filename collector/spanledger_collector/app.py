"""The collector's HTTP face: OTLP in, health and metrics out. The only file that knows FastAPI."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.requests import ClientDisconnect, Request

from spanledger_collector import wire
from spanledger_collector.door import Door
from spanledger_collector.errors import CollectorError, RefusedError, RetryableError

PROTOBUF = "application/x-protobuf"
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
    on_refused: Callable[[int], None],
    limits: Limits,
) -> FastAPI:
    """The app. `ready` says what is not ready, '' where all is; `metrics` is Prometheus text; `on_refused` hears each error status."""
    app = FastAPI(title="spanledger collector", docs_url=None, redoc_url=None, openapi_url=None)

    async def export(signal: wire.Signal, request: Request) -> Response:
        try:
            project = door.project_of(request.headers.get("authorization", ""))
            await door.accept(project, signal, await _body(request, limits.body))
        except ClientDisconnect:
            return Response(status_code=499)
        except RefusedError as error:
            return _error(error.status, str(error))
        except RetryableError as error:
            return _error(503, str(error), {"Retry-After": str(error.after)})
        except CollectorError as error:  # nobody's request is at fault: a client may keep it and come back
            return _error(503, str(error), {"Retry-After": "30"})
        return Response(b"", media_type=PROTOBUF)  # an empty Export…ServiceResponse: all of it was taken

    def _error(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
        on_refused(status)
        return Response(wire.status(_RPC_CODES.get(status, 2), text), status, headers, media_type=PROTOBUF)

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
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != PROTOBUF:
        raise RefusedError(f"Content-Type {media_type or '(none)'} is not taken here: send {PROTOBUF}", status=415)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise RefusedError(f"Content-Encoding {encoding} is not taken here: send gzip or none", status=415)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise RefusedError(f"the body is more than {limit} bytes: send smaller batches", status=413)
        chunks.append(chunk)
    body = b"".join(chunks)
    return wire.gunzip(body, limit) if encoding == "gzip" else body
