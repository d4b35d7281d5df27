"""The platform: everything of one machine, put together, started, and stopped in order; the store in it, or on a server."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hmac
import importlib.util
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import uvicorn

from spanledger_collector.alerts.assembly import evaluator_of
from spanledger_collector.alerts.evaluator import EVERY
from spanledger_collector.alerts.platform_alerts import Vitals
from spanledger_collector.api import api_app, read_views
from spanledger_collector.app import Limits, collector_app
from spanledger_collector.bookkeeper import Bookkeeper, settle_interrupted
from spanledger_collector.config import Config
from spanledger_collector.content import capture
from spanledger_collector.door import REMEMBERED_REQUESTS, Door
from spanledger_collector.errors import CollectorError, StartError
from spanledger_collector.forwarder import Forwarder
from spanledger_collector.keys import Keys, Scope
from spanledger_collector.loopback import is_loopback
from spanledger_collector.metrics import Metrics
from spanledger_collector.objectives import Objectives
from spanledger_collector.otlp_grpc import GrpcServer
from spanledger_collector.price_rules import PriceRules
from spanledger_collector.readonly import EVERYTHING, UnauthorizedError, readonly_app
from spanledger_collector.readonly import Scope as ReadScope
from spanledger_collector.spool import Spool, SpoolSettings
from spanledger_collector.store import Store
from spanledger_collector.structured import flattened
from spanledger_collector.wire import Signal

log = logging.getLogger(__name__)

DRAIN_SECONDS = 20.0
_PATTERN = set("*?{}")
# `python -m spanledger_dashboard`, but it ends when this process does, even by a kill: else it would keep the port
_DASHBOARD = (
    "import ctypes, runpy, signal; ctypes.CDLL(None).prctl(1, signal.SIGTERM);"
    "runpy.run_module('spanledger_dashboard', run_name='__main__')"
)


@dataclass(frozen=True)
class Options:
    """What `spanledger up` is told. `keep` is days by table, 0 for ever; a port of 0 takes a free one, None none; with `alerts_every`
    None, alerts are evaluated only by whoever calls for it.

    `store` is a ClickHouse server's DSN; without one, the store is embedded and read by way of `clickhouse_port`. `api_origins`: web
    pages of these may read the HTTP API.
    """

    data: Path
    store: str = ""
    host: str = "127.0.0.1"
    otlp_port: int = 4318
    grpc_port: int | None = 4317
    clickhouse_port: int = 8123
    dashboard_port: int | None = 8501
    keep: Mapping[str, int] = field(default_factory=dict)
    config: Config = field(default_factory=Config)
    prices: PriceRules = field(default_factory=PriceRules)
    spool: SpoolSettings = field(default_factory=SpoolSettings)
    limits: Limits = field(default_factory=Limits)
    alerts_every: timedelta | None = EVERY
    api_origins: Sequence[str] = ()


@dataclass(frozen=True)
class Addresses:
    """Where the platform listens; `clickhouse` may be the server's own address."""

    otlp: str
    grpc: str | None
    clickhouse: str
    dashboard: str | None


class Platform:
    """The platform in this process. `run` returns once it has been stopped, by SIGINT, SIGTERM or `stop`."""

    def __init__(self, options: Options) -> None:
        """Lock the folder, bind the ports, migrate, settle what a crash left. Raises StartError, which says what to do."""
        self._options = options
        self._cleanup = contextlib.ExitStack()
        try:
            self._prepare()
        except BaseException:
            self._cleanup.close()
            raise

    def _prepare(self) -> None:
        options = self._options
        data = options.data.absolute()
        self._cleanup.enter_context(lock_folder(data))
        self._keys = Keys(data / "keys.json")
        loopback = is_loopback(options.host)
        if not loopback and not self._keys.any_active():
            raise StartError(
                f"{options.host} can be reached from other machines, and there is no API key yet: "
                f"`spanledger keys create --data {options.data}` makes one. Without keys only a loopback address is served."
            )
        if options.dashboard_port is not None and importlib.util.find_spec("spanledger_dashboard.app") is None:
            raise StartError("the dashboard is not installed")
        if options.store and options.dashboard_port is not None and not os.environ.get("SPANLEDGER_CLICKHOUSE_DSN"):
            raise StartError(
                "the dashboard reads the server as a user of its own: name it in SPANLEDGER_CLICKHOUSE_DSN "
                "(http://reader:password@host:8123), or run with --no-dashboard"
            )
        self._otlp = self._bind(options.host, options.otlp_port, "--otlp-port")
        self._grpc_port: socket.socket | None = None  # kept from others until gRPC, which binds by itself, is started
        if options.grpc_port is not None:
            self._grpc_port = self._bind(options.host, options.grpc_port, "--grpc-port")
        self._clickhouse: socket.socket | None = None  # a server has a port and users of its own
        if not options.store:
            self._clickhouse = self._bind(options.host, options.clickhouse_port, "--clickhouse-port")
        dashboard_port = options.dashboard_port
        if dashboard_port is not None:
            with contextlib.closing(bind("127.0.0.1", dashboard_port, "--dashboard-port")) as probe:
                dashboard_port = probe.getsockname()[1]
        self._dashboard_port = dashboard_port
        self.store = Store(options.store or data / "store")
        self._cleanup.callback(self.store.close)
        self.addresses = Addresses(
            otlp=_url(self._otlp),
            grpc=_url(self._grpc_port) if self._grpc_port else None,
            clickhouse=_url(self._clickhouse) if self._clickhouse else self.store.name,
            dashboard=None if dashboard_port is None else f"http://127.0.0.1:{dashboard_port}",
        )
        self._prepare_store()
        try:
            self.spool = Spool(data / "spool", options.spool)
        except OSError as error:
            raise StartError(f"the spool in {data / 'spool'} cannot be opened: {error.strerror}") from error
        self._cleanup.callback(self.spool.journal.close)
        self._cleanup.callback(self.spool.close)
        settle_interrupted(self.store, self.spool)
        Objectives(self.store, self.spool).record(options.config, datetime.now(UTC))
        capture(self.store, options.config.content)
        self._bookkeeper = Bookkeeper(self.store, self.spool, prices=options.prices)
        self._cleanup.callback(self._bookkeeper.close)
        self._bookkeeper.open_book()
        self._forwarder = Forwarder(self.spool, self.store, on_posted=self._posted, idle=self._bookkeeper.tidy)
        seen = [*remembered(self.store), *self.spool.recovered]
        door = Door(self.spool, self._keys, time.time_ns, open_door=loopback, seen=seen, as_stored=self._as_stored)
        self._alerts_client = self.store.open()
        self._cleanup.callback(self._alerts_client.close)
        with self.store.said():
            own_dashboard = self.addresses.dashboard or ""
            self.alerts = evaluator_of(options.config, data, self._alerts_client, self._vitals, own_dashboard)
        self._cleanup.callback(self.alerts.stop)
        self._metrics = Metrics(self.store.query, door, self.spool, self._forwarder, self.alerts)
        # what the dashboard of this platform shows its key: it reads every project
        self._own_key = secrets.token_urlsafe(32)
        metrics, limits = self._metrics, options.limits
        app = collector_app(door, self._problem, metrics.text, metrics.taken, metrics.refused, limits)
        self._grpc = GrpcServer(
            door, self._problem, partial(metrics.taken, "grpc"), partial(metrics.refused, "grpc"), limits.body
        )
        self._servers = [(_server(app), self._otlp)]
        with self.store.said():
            self._readonly = readonly_app(self.store.open, self._authorize, sessions=self.store.embedded)
        self._cleanup.callback(self._readonly.close)
        if self._clickhouse:
            self._servers.append((_server(self._readonly), self._clickhouse))
        definitions = self.store.query(
            "SELECT name, create_table_query FROM system.tables WHERE database = 'spanledger' AND engine = 'View'"
        )
        views = read_views((str(name), str(statement)) for name, statement in definitions)
        api = api_app(self._readonly.service, views, self._authorize, origins=options.api_origins)
        app.mount("/api/v1", api)
        self._loopback = loopback

    def _prepare_store(self) -> None:
        """An embedded store is ours to change; a server's schema is its migrator's, and we write as a user who may not."""
        keep = self._options.keep
        if self.store.embedded:
            self.migrated = self.store.migrate(datetime.now(UTC))
            for table, days in keep.items():
                self.store.keep(table, days)
            return
        if keep:
            raise StartError("how long a server keeps its rows is set by `spanledger migrate --store … --keep …`")
        if pending := self.store.pending():
            raise StartError(
                f"the schema of {self.store.name} is not up to date ({len(pending)} to apply, {pending[0]} first): "
                "run `spanledger migrate --store …` as a user who may create tables"
            )

    def run(self) -> None:
        """Serve until stopped, then stop in order: no new request, what was taken to disk, what is on disk posted."""
        with self._cleanup:
            dashboard = self._start_dashboard()
            self._forwarder.start()
            if self._options.alerts_every is not None:
                self.alerts.start(every=self._options.alerts_every)
            try:
                asyncio.run(self._serve())
            finally:
                if dashboard is not None:
                    dashboard.terminate()
                self.alerts.stop()
                self.spool.close()
                self._forwarder.stop(DRAIN_SECONDS)
                if dashboard is not None:
                    _leave(dashboard)

    def stop(self) -> None:
        """Make `run` return. Safe from any thread and from a signal handler."""
        self._readonly.close()
        for server, _ in self._servers:
            server.should_exit = True

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ValueError, RuntimeError):  # signals are the main thread's
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.stop)
        async with contextlib.AsyncExitStack() as ending:
            if self._grpc_port:
                address = _url(self._grpc_port).removeprefix("http://")
                self._grpc_port.close()
                await ending.enter_async_context(self._grpc.serving(address))
            await asyncio.gather(*(server.serve([listener]) for server, listener in self._servers))

    def _start_dashboard(self) -> subprocess.Popen[bytes] | None:
        if self._dashboard_port is None:
            return None
        environment = dict(os.environ)
        if self._clickhouse:
            environment["SPANLEDGER_CLICKHOUSE_DSN"] = f"http://127.0.0.1:{self._clickhouse.getsockname()[1]}"
            environment["SPANLEDGER_READ_KEY"] = self._own_key
        environment.pop("SPANLEDGER_STORE_DSN", None)  # who reads need not know who writes
        command = [sys.executable, "-c", _DASHBOARD, "--port", str(self._dashboard_port)]
        # its own group: a Ctrl-C is for us to pass on, after the store has been closed to it
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)

    def _as_stored(self, signal: Signal, body: bytes) -> bytes:
        return flattened(signal, body, self.store.contract.is_content) if self._options.config.content.capture else body

    def _posted(self, segment: int) -> None:
        self._bookkeeper.posted(segment)
        self._metrics.posted(segment)

    def _problem(self) -> str:
        if self.spool.size >= self.spool.settings.limit:
            return "the spool is full"
        if self._forwarder.failures:
            return f"posting fails: {self._forwarder.last_error}"
        return ""

    def _vitals(self) -> Vitals:
        spool, forwarder = self.spool, self._forwarder
        return Vitals(spool.size, spool.settings.limit, spool.oldest_age(), forwarder.failures, forwarder.last_error)

    def _authorize(self, key: str | None) -> ReadScope:
        if key and hmac.compare_digest(key.encode(), self._own_key.encode()):
            return EVERYTHING
        try:
            if key:
                known = self._keys.key_of(key, Scope.READ)
                return ReadScope(frozenset({known.project}), Scope.CONTENT in known.scopes)
            # who is on this machine can read its files, and it was here that capture was turned on
            if self._loopback and not self._keys.any_active():
                return EVERYTHING
        except CollectorError as error:
            raise UnauthorizedError(str(error)) from error
        raise UnauthorizedError("an API key is needed")

    def _bind(self, host: str, port: int, option: str) -> socket.socket:
        listener = bind(host, port, option)
        self._cleanup.callback(listener.close)
        return listener


def _leave(dashboard: subprocess.Popen[bytes]) -> None:
    try:
        dashboard.wait(5)
    except subprocess.TimeoutExpired:
        dashboard.kill()
        dashboard.wait()


def remembered(store: Store) -> list[bytes]:
    """The digests of the newest requests that were posted, oldest first: a retry may come after a restart."""
    rows = store.query(
        "SELECT digest FROM spanledger.deliveries "
        "WHERE received_at >= (SELECT max(received_at) FROM spanledger.deliveries) - INTERVAL 1 DAY "
        f"ORDER BY received_at DESC LIMIT {REMEMBERED_REQUESTS}"
    )
    return [bytes(row[0]) for row in reversed(rows)]


def migrate_folder(
    data: Path, keep: Mapping[str, int], config: Config | None, at: datetime
) -> tuple[list[str], list[str]]:
    """Bring the store and the objectives of a data folder up to date; returns the names of what was applied, and of the
    objectives that are new, changed or gone. Without a `config`, those in force stay."""
    with contextlib.ExitStack() as cleanup:
        cleanup.enter_context(lock_folder(data))
        store = Store(data / "store")
        cleanup.callback(store.close)
        applied = store.migrate(at)
        for table, days in keep.items():
            store.keep(table, days)
        spool = Spool(data / "spool")
        cleanup.callback(spool.journal.close)
        cleanup.callback(spool.close)
        settle_interrupted(store, spool)
        if config is None:
            return applied, []
        capture(store, config.content)
        return applied, Objectives(store, spool).record(config, at)


def migrate_server(dsn: str, dictionary_user: str, keep: Mapping[str, int], at: datetime) -> list[str]:
    """Bring the schema of a server up to date; returns the names of what was applied."""
    with contextlib.closing(Store(dsn, dictionary_user)) as store:
        applied = store.migrate(at)
        for table, days in keep.items():
            store.keep(table, days)
        return applied


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold the data folder for this process. Raises StartError where another one holds it, or it cannot be used."""
    if _PATTERN & set(str(folder.absolute())):
        raise StartError(f"the data folder {folder} cannot be used: the store takes * ? {{ }} in a path for a pattern")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartError(f"the data folder {folder} cannot be used: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
            raise StartError(
                f"the data folder {folder} is in use by process {owner}: stop it, or choose another folder with --data"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def bind(host: str, port: int, option: str) -> socket.socket:
    """A listening socket. Raises StartError where the port is taken or the address is not this machine's."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror as error:
        raise StartError(f"{host} is no address of this machine: {error.strerror}") from error
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # of each connection too: else the second half of an answer waits 40 ms for the client's delayed ACK of the first
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise StartError(
            f"port {port} of {host} cannot be used ({error.strerror}): choose another one with {option}"
        ) from error
    return listener


class _Server(uvicorn.Server):
    """uvicorn, but signals are ours: two servers share a process and stop in our order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: object) -> _Server:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        log_config=None,  # its log is ours
        log_level="warning",
        access_log=False,
        lifespan="off",
        http="httptools",
        timeout_graceful_shutdown=10,
        server_header=False,
    )
    return _Server(config)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
