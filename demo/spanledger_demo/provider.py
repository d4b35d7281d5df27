"""A fake LLM provider on loopback, good enough for the real `openai` and `anthropic` client libraries.

    with FakeProvider() as provider:
        client = OpenAI(base_url=provider.openai_url, api_key="any")
        client.chat.completions.create(model="gpt-4o", messages=[...])
    provider.calls[0].usage      # what was truly billed

A request says how it shall go: by its model name (`err-429`, `err-500`, `err-529`, `err-400`; with `-once` at the end
only the client's first attempt fails), or by the header `x-demo-reply`, a JSON object with the fields of `Reply`, and
in its `usage` those of `Usage`. All others are answered at once with a fixed usage. A demo that wants weather instead
of orders passes its own `decide`.
"""

from __future__ import annotations

import asyncio
import random
import socket
import string
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from types import TracebackType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from spanledger_demo import anthropic_wire, openai_wire
from spanledger_demo.reply import Answer, Call, Reply, Request, Usage, obey

Wire = Callable[[Request, Reply, Callable[[str, int], str]], Answer]

ROUTES: dict[str, tuple[str, Wire]] = {
    "/v1/chat/completions": ("chat", openai_wire.chat),
    "/v1/responses": ("responses", openai_wire.responses),
    "/v1/embeddings": ("embeddings", openai_wire.embeddings),
    "/v1/messages": ("messages", anthropic_wire.messages),
}


class FakeProvider:
    """The server, in a thread of its own between `__enter__` and `__exit__`.

    `decide` turns each request into a reply; it runs on the server's thread and must not block. `seed` fixes the ids.
    Raises OSError where `port` is taken.
    """

    def __init__(self, decide: Callable[[Request], Reply] = obey, *, port: int = 0, seed: int | None = None) -> None:
        self._decide = decide
        self._rng = random.Random(seed)
        self._calls: list[Call] = []
        self._socket = socket.create_server(("127.0.0.1", port))
        # else an answer in two parts takes 40 ms more
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        routes = [Route(path, self._endpoint(api, wire), methods=["POST"]) for path, (api, wire) in ROUTES.items()]
        config = uvicorn.Config(
            Starlette(routes=routes), lifespan="off", log_level="error", access_log=False, ws="none",
            timeout_graceful_shutdown=2,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="fake-provider")

    @property
    def openai_url(self) -> str:
        """The `base_url` of an OpenAI client."""
        return f"{self.url}/v1"

    @property
    def anthropic_url(self) -> str:
        """The `base_url` of an Anthropic client."""
        return self.url

    @property
    def calls(self) -> list[Call]:
        """A copy of the books: every request so far, in the order in which their answers ended."""
        return list(self._calls)

    def __enter__(self) -> FakeProvider:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def _endpoint(self, api: str, wire: Wire) -> Callable[[HttpRequest], Any]:
        async def endpoint(http: HttpRequest) -> Response:
            body = await http.json()
            attempt = int(http.headers.get("x-stainless-retry-count", "0"))
            request = Request(api, str(body.get("model", "")), body, http.headers, attempt)
            reply = self._decide(request)
            refused = reply.status != 200
            answer = Answer(usage_sent=False) if refused else wire(request, reply, self._new_id)
            call = self._call(request, replace(reply, usage=Usage()) if refused else reply, answer)
            headers = {"x-request-id": call.request_id, "request-id": call.request_id}
            # As with the real ones, the headers come with the first token.
            left = await _leaves_within(http, reply.first_token_s + (0 if answer.frames else reply.generation_s))
            if left or not answer.frames:
                self._calls.append(replace(call, complete=not left))
            if left:
                return Response(status_code=499)
            if answer.frames:
                frames = self._paced(answer, reply, call)
                return StreamingResponse(frames, headers=headers, media_type="text/event-stream")
            if not refused:
                return JSONResponse(dict(answer.body), headers=headers)
            if reply.retry_after is not None:
                headers["retry-after"] = f"{reply.retry_after:g}"
            refusal = anthropic_wire.refusal if api == "messages" else openai_wire.refusal
            return JSONResponse(refusal(reply, call.request_id), reply.status, headers)

        return endpoint

    async def _paced(self, answer: Answer, reply: Reply, call: Call) -> AsyncIterator[str]:
        *frames, last = answer.frames
        complete = False
        try:
            for frame in frames:
                yield frame
                await asyncio.sleep(reply.generation_s / len(frames))
            complete = True
        finally:
            # Before the last frame, so that a caller who has read it finds its call in the books.
            self._calls.append(replace(call, complete=complete))
        yield last

    def _call(self, request: Request, reply: Reply, answer: Answer) -> Call:
        return Call(
            id=answer.id,
            request_id=self._new_id("req_", 24),
            api=request.api,
            request_model=request.model,
            model=request.snapshot,
            stream=request.stream,
            status=reply.status,
            usage=reply.usage,
            usage_sent=answer.usage_sent,
            complete=True,
        )

    def _new_id(self, prefix: str, length: int) -> str:
        return prefix + "".join(self._rng.choices(string.ascii_letters + string.digits, k=length))


async def _leaves_within(http: HttpRequest, seconds: float) -> bool:
    """Waits so long, or until the client hangs up (there is nothing left to receive but that)."""
    try:
        await asyncio.wait_for(http.receive(), seconds)
    except TimeoutError:
        return False
    return True
