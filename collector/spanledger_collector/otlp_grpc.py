"""The collector's gRPC face: OTLP in by the same door, on the same promises. The only file that knows gRPC.

Messages come and go as bytes: what is in one is the door's affair, and the only answer is an empty one.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, NoReturn

import grpc
import grpc.aio

from spanledger_collector import wire
from spanledger_collector.door import Door
from spanledger_collector.errors import CollectorError, StartError

# Seconds that calls under way have to be answered in when the collector stops.
GRACE = 10.0
_SERVICES = {
    "opentelemetry.proto.collector.trace.v1.TraceService": wire.Signal.TRACES,
    "opentelemetry.proto.collector.logs.v1.LogsService": wire.Signal.LOGS,
    "opentelemetry.proto.collector.metrics.v1.MetricsService": wire.Signal.METRICS,
}
# by the HTTP status of the same refusal
_CODES = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
}
# HealthCheckResponse with its only field, status
_SERVING, _NOT_SERVING = b"\x08\x01", b"\x08\x02"
Context = grpc.aio.ServicerContext[bytes, bytes]


class GrpcServer:
    """OTLP/gRPC and health. `ready` says what is not ready; `on_taken` hears of each answer OK, `on_refused` each HTTP status."""

    def __init__(
        self,
        door: Door,
        ready: Callable[[], str],
        on_taken: Callable[[], None],
        on_refused: Callable[[int], None],
        limit: int,
    ) -> None:
        self._door, self._ready, self._limit = door, ready, limit
        self._on_taken, self._on_refused = on_taken, on_refused

    @contextlib.asynccontextmanager
    async def serving(self, address: str) -> AsyncIterator[int]:
        """Serve at host:port until the end of the block, then answer what is under way. Gives the port. Raises StartError."""
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", self._limit),  # unpacked
                ("grpc.so_reuseport", 0),  # else two collectors would share a port, and nobody would know
            ]
        )
        server.add_generic_rpc_handlers(tuple(self._handlers()))
        try:
            port = server.add_insecure_port(address)
        except RuntimeError as error:
            raise StartError(f"{address} cannot be used: choose another port with --grpc-port") from error
        await server.start()
        try:
            yield port
        finally:
            await server.stop(GRACE)

    def _handlers(self) -> list[grpc.GenericRpcHandler]:
        methods: dict[str, dict[str, Any]] = {
            service: {"Export": grpc.unary_unary_rpc_method_handler(partial(self._export, signal))}
            for service, signal in _SERVICES.items()
        }
        methods["grpc.health.v1.Health"] = {"Check": grpc.unary_unary_rpc_method_handler(self._check)}
        return [grpc.method_handlers_generic_handler(service, method) for service, method in methods.items()]

    async def _export(self, signal: wire.Signal, body: bytes, context: Context) -> bytes:
        try:
            await self._door.accept(self._door.project_of(_authorization(context)), signal, body)
        except CollectorError as error:
            await self._refuse(context, error)
        self._on_taken()
        return b""  # an empty Export…ServiceResponse: all of it was taken

    async def _refuse(self, context: Context, error: CollectorError) -> NoReturn:
        self._on_refused(error.status)
        code = _CODES.get(error.status, grpc.StatusCode.INVALID_ARGUMENT)
        details = wire.status(code.value[0], str(error), error.after)
        await context.abort(code, str(error), (("grpc-status-details-bin", details),))

    async def _check(self, body: bytes, context: Context) -> bytes:
        return _NOT_SERVING if self._ready() else _SERVING


def _authorization(context: Context) -> str:
    for name, value in context.invocation_metadata() or ():
        if name == "authorization" and isinstance(value, str):
            return value
    return ""
