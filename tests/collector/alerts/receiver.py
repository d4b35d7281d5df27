"""A local HTTP server that stands in for Slack, PagerDuty, Alertmanager and the like: it keeps what it is sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Post:
    """A request that arrived. `body` is its JSON, None where it had none."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Receiver:
    """`status` and `answer` are what it answers with; `posts` is what it took, in order, `refused` what it did not."""

    address: str
    status: int = 202
    answer: bytes = b'{"status": "success", "requestId": "43a29c5c"}'
    posts: list[Post] = field(default_factory=list)
    refused: list[Post] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def bodies(self) -> list[Any]:
        return [post.body for post in self.posts]


@contextmanager
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            text = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            post = Post(self.command, self.path, headers, json.loads(text) if text else None)
            (here.posts if here.status < 300 else here.refused).append(post)
            self.send_response(here.status)
            self.send_header("content-length", str(len(here.answer)))
            self.end_headers()
            self.wfile.write(here.answer)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Receiver(f"127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
