"""A ClickHouse server, as far as the collector and the dashboard can tell: the embedded engine behind ClickHouse's HTTP protocol,
read and write, in a process of its own. It has one user, takes INSERT bodies, and can be told what to do to the next segment.

`python clickhouse.py FOLDER [PORT] [VERSION]` prints its port. The password is PASSWORD.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from spanledger_collector.literals import quote

USER, PASSWORD = "writer", "p%40ss:word/"
READS = re.compile(r"(\s|--.*\n|/\*.*?\*/)*(SELECT|WITH|SHOW|DESCRIBE|EXISTS|EXPLAIN)\b", re.IGNORECASE)
SEGMENT = b"INSERT INTO spanledger.otlp_traces "
INLINE = re.compile(rb" FORMAT Protobuf\n")
# of a URL, what is no setting of the engine's
NO_SETTINGS = {
    "query",
    "query_id",
    "database",
    "default_format",
    "session_id",
    "wait_end_of_query",
    "compress",
    "client_protocol_version",
}
Settings = tuple[tuple[str, str], ...]
FORMAT = re.compile(r"\s+FORMAT\s+(\w+)\s*$")


class _Escaped:
    """A parameter's value as the protocol carries it; the driver would escape a str once more."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


class _Engine:
    def __init__(self, folder: Path, version: str) -> None:
        self._folder = folder
        self._version = version
        # by their settings: to open a handle takes longer than most questions
        self._handles: defaultdict[Settings, queue.SimpleQueue[Client]] = defaultdict(queue.SimpleQueue)
        with self._handle({}):
            pass

    def ask(
        self, text: str, parameters: Mapping[str, str], output_format: str, settings: Mapping[str, str] | None = None
    ) -> bytes:
        with self._handle(settings or {}) as client:
            given = {name: _Escaped(value) for name, value in parameters.items()}
            if not READS.match(text):
                client.command(text, parameters=given or None)
                return b""
            if self._version:
                text = text.replace("version()", f"'{self._version}'")
            if found := FORMAT.search(text):
                text, output_format = text[: found.start()], found[1]
            return client.raw_query(text, parameters=given or None, fmt=output_format, use_database=False)

    def insert(self, statement: bytes, data: bytes) -> None:
        """As a server does from a body."""
        with tempfile.NamedTemporaryFile(suffix=".pb") as file:
            file.write(data)
            file.flush()
            text = statement.decode().replace(" SETTINGS ", f" FROM INFILE '{file.name}' SETTINGS ", 1)
            self.ask(f"{text} FORMAT Protobuf", {}, "")

    @contextlib.contextmanager
    def _handle(self, settings: Mapping[str, str]) -> Iterator[Client]:
        """A handle that nobody else has, with these settings."""
        handles = self._handles[tuple(sorted(settings.items()))]
        try:
            client = handles.get_nowait()
        except queue.Empty:
            client = clickhouse_connect.get_client(interface="chdb", path=str(self._folder))
            for name, value in sorted(settings.items(), key=lambda setting: setting[0] == "readonly"):  # that one last
                client.command(f"SET {name} = {quote(value)}")
        try:
            yield client
        finally:
            handles.put(client)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # an answer is written in two parts
    engine: _Engine
    told: list[str]  # what to do to the next segments

    def do_GET(self) -> None:
        if self.path == "/ping":
            return self._answer(200, b"Ok.\n")
        self._query(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/tell":
            self.told.append(body.decode())
            return self._answer(200, b"")
        self._query(body)

    def _query(self, body: bytes) -> None:
        arguments = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        given = base64.b64decode(self.headers.get("authorization", "").removeprefix("Basic ")).decode()
        if given != f"{USER}:{PASSWORD}":
            return self._error(516, "AUTHENTICATION_FAILED", 401, "writer: Authentication failed")
        parameters = {name[6:]: value for name, value in arguments.items() if name.startswith("param_")}
        try:
            if body.startswith(SEGMENT):
                return self._segment(body)
            text = "\n".join(part for part in (arguments.get("query", ""), body.decode()) if part)
            default_format = (
                arguments.get("default_format") or self.headers.get("x-clickhouse-format") or "TabSeparated"
            )
            settings = {
                name: value for name, value in arguments.items() if name not in NO_SETTINGS and name[:6] != "param_"
            }
            answer = self.engine.ask(text, parameters, default_format, settings)
        except ClickHouseError as error:
            return self._error(getattr(error, "code", None) or 1002, "ERROR", 500, str(error))
        self._answer(200, answer, **{"x-clickhouse-timezone": "UTC"})

    def _segment(self, body: bytes) -> None:
        statement, data = INLINE.split(body, maxsplit=1)
        told = self.told.pop(0) if self.told else ""
        if told.startswith("die in"):  # seconds after the INSERT has begun
            threading.Timer(float(told.split()[2]), os.kill, (os.getpid(), signal.SIGKILL)).start()
        if told == "leave":  # the client hears nothing, the INSERT goes on
            threading.Thread(target=self._left_alone, args=(statement, data)).start()
            self.wait_for_insert()
            return self._hang_up()
        if told == "refuse":
            return self._error(241, "MEMORY_LIMIT_EXCEEDED", 500, "memory limit exceeded: none to be had")
        if told == "unavailable":
            return self._answer(503, b"upstream connect error")
        self.engine.insert(statement, data)
        if told == "die after":
            os.kill(os.getpid(), signal.SIGKILL)
        if told == "hang up after":
            return self._hang_up()
        self._answer(200, b"")

    def wait_for_insert(self) -> None:
        running = "SELECT count() FROM system.processes WHERE startsWith(query, 'INSERT INTO spanledger.otlp_traces')"
        while self.engine.ask(running, {}, "TabSeparated") == b"0\n":
            time.sleep(0.01)

    def _left_alone(self, statement: bytes, data: bytes) -> None:
        with contextlib.suppress(ClickHouseError):
            self.engine.insert(statement, data)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _error(self, code: int, name: str, status: int, text: str) -> None:
        message = text if text.startswith("Code:") else f"Code: {code}. DB::Exception: {text}. ({name})"
        self._answer(status, message.encode(), **{"x-clickhouse-exception-code": str(code)})

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


def main(folder: str, port: str = "0", version: str = "") -> None:
    _Handler.engine, _Handler.told = _Engine(Path(folder), version), []
    ThreadingHTTPServer.request_queue_size = 64
    with ThreadingHTTPServer(("127.0.0.1", int(port)), _Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


class ClickHouse:
    """The server, from outside: started, told, killed and started again, on one folder and one port."""

    def __init__(self, folder: Path, version: str = "") -> None:
        self._folder, self._version, self.port = folder, version, 0
        self.start()

    @property
    def dsn(self) -> str:
        return f"http://{USER}:p%2540ss%3Aword%2F@127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, __file__, str(self._folder), str(self.port), self._version]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            self.port = int(stdout.readline())

    def restart(self) -> None:
        self.kill()
        self.start()

    def tell(self, *what: str) -> None:
        """What to do to the next segments: die in SECONDS, die after, leave, hang up after, refuse, unavailable."""
        for each in what:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            with contextlib.closing(connection):
                connection.request("POST", "/tell", each.encode())
                connection.getresponse().read()

    @property
    def died(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def clickhouse(folder: Path, version: str = "") -> Iterator[ClickHouse]:
    server = ClickHouse(folder, version)
    try:
        yield server
    finally:
        server.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])
