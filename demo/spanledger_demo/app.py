"""One of Northwind's services, live: the real client libraries, one line of spanledger, and a fake provider behind.

`python -m spanledger_demo.app support-bot --provider http://127.0.0.1:… --otlp http://127.0.0.1:4318 --rate 1` runs
until SIGTERM or SIGINT. What it asks, and how the provider answers, is drawn as the history was.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any

import anthropic
import httpx2
import openai
import spanledger
from opentelemetry import trace

from spanledger_demo.past import ABANDONED_STATUS, TIMEOUT_STATUS, Company, PastCall, today
from spanledger_demo.profile import Profile, Sampler
from spanledger_demo.reply import ORDER_HEADER

LONGEST_S = 20.0
"""Nobody who looks at a demo waits longer for one call."""
LEAVES_AFTER = 8
"""Events of a stream: into the text, and not at its end."""
TIMEOUT_S = 2.0
GRACE_S = 2.0
"""For how long calls under way may go on once the app is told to stop."""
RECOVERS = 0.6
"""The share of failures that the client library's own second attempt gets over."""
QUESTION: Any = [{"role": "user", "content": "Where is my order?"}]

tracer = trace.get_tracer("northwind")


class App:
    """A service with its clients. `serve` handles one arrival. No answer takes longer than `longest_s` seconds."""

    def __init__(self, provider_url: str, seed: int, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._rng = random.Random(seed)
        self._openai = openai.AsyncOpenAI(base_url=f"{provider_url}/v1", api_key="demo", max_retries=1)
        self._anthropic = anthropic.AsyncAnthropic(base_url=provider_url, api_key="demo", max_retries=1)

    async def close(self) -> None:
        await self._openai.close()
        await self._anthropic.close()

    async def serve(self, calls: list[PastCall]) -> None:
        """The calls of one request, one after the other, in a span of the service's own where it has a route."""
        last = calls[-1]
        feature = last.feature
        with spanledger.attribute(
            team=feature.team,
            feature=feature.name,
            customer=last.customer,
            user=last.user,
            session=last.session,
            prompt=feature.prompt,
            prompt_version=last.prompt_version,
        ):
            if not last.parent_id:
                await self._ask_all(calls)
                return
            route = {"http.request.method": "POST", "http.route": feature.route}
            with tracer.start_as_current_span(
                f"POST {feature.route}", kind=trace.SpanKind.SERVER, attributes=route
            ) as span:
                await self._ask_all(calls)
                span.set_attribute("http.response.status_code", 200)

    async def _ask_all(self, calls: list[PastCall]) -> None:
        for call in calls:
            if call is not calls[0]:
                with tracer.start_as_current_span("rank passages"):
                    await asyncio.sleep(self._rng.uniform(0.005, 0.04))
            # A failed call is what the demo wants to show, not what should end it.
            with suppress(openai.APIError, anthropic.APIError, httpx2.TransportError):
                await self._ask(call)

    async def _ask(self, call: PastCall) -> None:
        headers = {ORDER_HEADER: json.dumps(self._order(call))}
        timed_out = call.status == TIMEOUT_STATUS
        options: dict[str, Any] = {"timeout": TIMEOUT_S, "max_retries": 0} if timed_out else {}
        async with AsyncExitStack() as stack:
            answer = await self._create(call, headers, options)
            if call.stream:
                stack.push_async_callback(answer.close)
                await _read(answer, call.status == ABANDONED_STATUS)

    async def _create(self, call: PastCall, headers: dict[str, str], options: dict[str, Any]) -> Any:
        feature, model, stream = call.feature, call.model.name, call.stream
        if call.model.provider == "anthropic":
            messages = self._anthropic.with_options(**options).messages
            wanted = feature.max_tokens or 4096
            return await messages.create(
                model=model, messages=QUESTION, max_tokens=wanted, stream=stream, extra_headers=headers
            )
        client = self._openai.with_options(**options)
        if call.model.embedding:
            return await client.embeddings.create(model=model, input="a page", extra_headers=headers)
        limit: int | openai.Omit = feature.max_tokens or openai.omit
        if feature.api == "responses":
            return await client.responses.create(
                model=model, input="a contract", max_output_tokens=limit, stream=stream, extra_headers=headers
            )
        return await client.chat.completions.create(
            model=model, messages=QUESTION, max_completion_tokens=limit, stream=stream, extra_headers=headers
        )

    def _order(self, call: PastCall) -> dict[str, Any]:
        """How the provider shall answer, as drawn."""
        if call.status == TIMEOUT_STATUS:
            return {"first_token_s": TIMEOUT_S + 2}
        if call.status not in (200, ABANDONED_STATUS):
            once = self._rng.random() < RECOVERS
            return {"status": call.status, "once": once, "retry_after": 0.5, "first_token_s": 0.1}
        whole = min((call.end_ns - call.start_ns) / 1e9, self._longest_s)
        first = min((call.first_token_ns or 0) / 1e9, whole)
        order: dict[str, Any] = {"first_token_s": first, "generation_s": whole - first}
        if call.status == 200:
            order["usage"] = vars(call.usage)
        return order


async def _read(stream: AsyncIterator[Any], leaves: bool) -> None:
    read = 0
    async for _ in stream:
        read += 1
        if leaves and read == LEAVES_AFTER:
            return


async def run(service: str, provider_url: str, rate: float, seed: int) -> None:
    """Arrivals at `rate` a second on average, with the profile's gaps, until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    rng = random.Random(seed)
    sampler = Sampler(Profile.load(), rng)
    company, slot, app = Company(rng, sampler), today(service), App(provider_url, seed)
    under_way: set[asyncio.Task[None]] = set()
    while not stop.is_set():
        task = asyncio.create_task(app.serve(list(company.act(slot, time.time_ns()))))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), sampler.gap() / rate)
    if under_way:
        _, late = await asyncio.wait(under_way, timeout=GRACE_S)
        for task in late:
            task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)
    await app.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="spanledger_demo.app")
    parser.add_argument("service")
    parser.add_argument("--provider", required=True, help="the fake provider's URL")
    parser.add_argument("--otlp", required=True, help="the collector's URL, such as http://127.0.0.1:4318")
    parser.add_argument("--rate", type=float, default=1.0, help="arrivals a second")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    spanledger.instrument(endpoint=options.otlp, service=options.service, environment="production")
    asyncio.run(run(options.service, options.provider, options.rate, options.seed))
    spanledger.shutdown()


if __name__ == "__main__":
    main()
