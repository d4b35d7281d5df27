"""Whom a span is for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
import spanledger
from opentelemetry.sdk.trace import TracerProvider
from sdk.loopback import MESSAGES, OPENAI_MODEL, Receiver
from spanledger import attribute


class Spans:
    """Begins spans by name, and tells what they were attributed to."""

    def __init__(self, collector: Receiver, provider: TracerProvider) -> None:
        self._collector, self._tracer = collector, provider.get_tracer("app")

    def begin(self, name: str) -> None:
        self._tracer.start_span(name).end()

    def __getitem__(self, name: str) -> dict[str, Any]:
        assert spanledger.flush()
        [span] = [span for span in self._collector.spans() if span.name == name]
        return span.attributes


@pytest.fixture
def spans(collector: Receiver, app: TracerProvider) -> Spans:
    spanledger.instrument(endpoint=collector.url, tracer_provider=app, spans="all")
    return Spans(collector, app)


def test_every_name_is_written_as_documented(spans: Spans) -> None:
    with attribute(
        team="t", feature="f", customer=42, user="u", session="s", prompt="p", prompt_version="7", tier="gold"
    ):
        spans.begin("work")
    assert spans["work"] == {
        "spanledger.team": "t",
        "spanledger.feature": "f",
        "spanledger.customer": "42",
        "user.id": "u",
        "session.id": "s",
        "gen_ai.prompt.name": "p",
        "gen_ai.prompt.version": "7",
        "spanledger.tag.tier": "gold",
    }


def test_a_call_to_a_model_is_attributed(spans: Spans, client: openai.OpenAI) -> None:
    with attribute(team="search"):
        client.chat.completions.create(model=OPENAI_MODEL, messages=MESSAGES)
    assert spans["chat gpt-4o"]["spanledger.team"] == "search"


def test_inner_blocks_add_to_outer_ones_and_win_and_end(spans: Spans) -> None:
    with attribute(team="outer", customer="acme"):
        with attribute(team="inner", feature=None, session=""):
            spans.begin("inside")
        spans.begin("after")
    spans.begin("outside")
    assert spans["inside"] == {"spanledger.team": "inner", "spanledger.customer": "acme"}
    assert spans["after"] == {"spanledger.team": "outer", "spanledger.customer": "acme"}
    assert spans["outside"] == {}


def test_what_a_span_says_itself_wins(spans: Spans, app: TracerProvider) -> None:
    with attribute(user="block"):
        app.get_tracer("app").start_span("own", attributes={"user.id": "span"}).end()
    assert spans["own"] == {"user.id": "span"}


def test_a_prompts_name_alone_does_not_make_a_span_a_genai_span(collector: Receiver, app: TracerProvider) -> None:
    spanledger.instrument(endpoint=collector.url, tracer_provider=app)
    with attribute(prompt="summarise"):
        app.get_tracer("app").start_span("work").end()
    assert spanledger.flush()
    assert collector.spans() == []


def test_threads_and_timers_started_inside_are_attributed(spans: Spans) -> None:
    class Overridden(threading.Thread):
        def run(self) -> None:
            spans.begin("overridden")

    with attribute(team="t"):
        threads = [
            threading.Thread(target=spans.begin, args=["thread"]),
            Overridden(),
            threading.Timer(0.0, spans.begin, ["timer"]),
        ]
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()
    for name in ("thread", "overridden", "timer"):
        assert spans[name] == {"spanledger.team": "t"}


def test_work_given_to_a_pool_has_the_attribution_of_who_gave_it_and_the_worker_keeps_none(spans: Spans) -> None:
    with ThreadPoolExecutor(max_workers=1) as pool:
        with attribute(team="first"):
            pool.submit(spans.begin, "submitted").result()
        with attribute(team="second"):
            list(pool.map(spans.begin, ["mapped"]))
        pool.submit(spans.begin, "plain").result()
    assert spans["submitted"] == {"spanledger.team": "first"}
    assert spans["mapped"] == {"spanledger.team": "second"}
    assert spans["plain"] == {}


def test_asyncio_tasks_are_attributed_each_on_its_own(spans: Spans) -> None:
    async def work(team: str, ready: asyncio.Barrier) -> None:
        with attribute(team=team):
            await ready.wait()
            await asyncio.create_task(leaf(team))
            await asyncio.to_thread(spans.begin, f"thread of {team}")
            await asyncio.get_running_loop().run_in_executor(None, spans.begin, f"executor of {team}")

    async def leaf(team: str) -> None:
        spans.begin(f"task of {team}")

    async def main() -> None:
        ready = asyncio.Barrier(2)
        await asyncio.gather(work("a", ready), work("b", ready))

    asyncio.run(main())
    for team in "ab":
        for what in ("task", "thread", "executor"):
            assert spans[f"{what} of {team}"] == {"spanledger.team": team}


def test_one_block_may_be_entered_by_many_threads_at_once(spans: Spans) -> None:
    shared = attribute(team="shared")
    together = threading.Barrier(4)

    def work(name: str) -> None:
        with shared:
            together.wait()
            spans.begin(name)
            together.wait()
        spans.begin(f"{name} after")

    threads = [threading.Thread(target=work, args=[f"t{n}"]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(4):
        assert spans[f"t{n}"] == {"spanledger.team": "shared"}
        assert spans[f"t{n} after"] == {}


def test_it_decorates_functions_and_coroutines(spans: Spans) -> None:
    @attribute(feature="plain")
    def plain(name: str) -> str:
        spans.begin(name)
        return name

    @attribute(feature="async")
    async def coroutine(name: str) -> str:
        await asyncio.sleep(0)
        spans.begin(name)
        return name

    assert plain("p") == "p"
    assert asyncio.iscoroutinefunction(coroutine)
    assert asyncio.run(coroutine("c")) == "c"
    assert spans["p"] == {"spanledger.feature": "plain"}
    assert spans["c"] == {"spanledger.feature": "async"}


def test_a_decorated_generator_is_attributed_in_each_step_and_its_consumer_is_not(spans: Spans) -> None:
    @attribute(feature="steps")
    def steps() -> Iterator[str]:
        for name in ("one", "two"):
            spans.begin(name)
            yield name

    for name in steps():
        spans.begin(f"consumer of {name}")
    for name in ("one", "two"):
        assert spans[name] == {"spanledger.feature": "steps"}
        assert spans[f"consumer of {name}"] == {}


def test_a_decorated_generator_takes_values_errors_and_close() -> None:
    heard: list[object] = []

    @attribute(feature="steps")
    def conversation() -> Iterator[str]:
        try:
            heard.append((yield "hello"))
            try:
                yield "again"
            except KeyError as error:
                heard.append(error)
            yield "last"
        finally:
            heard.append("closed")

    talk: Any = conversation()
    error = KeyError("x")
    assert [next(talk), talk.send("hi"), talk.throw(error)] == ["hello", "again", "last"]
    talk.close()
    assert heard == ["hi", error, "closed"]


def test_a_decorated_async_generator_likewise(spans: Spans) -> None:
    @attribute(feature="steps")
    async def steps() -> AsyncIterator[str]:
        for name in ("one", "two"):
            await asyncio.sleep(0)
            spans.begin(name)
            yield name

    async def consume() -> None:
        async for name in steps():
            spans.begin(f"consumer of {name}")

    asyncio.run(consume())
    assert spans["two"] == {"spanledger.feature": "steps"}
    assert spans["consumer of two"] == {}


def test_without_instrument_it_does_nothing_and_harms_nothing() -> None:
    with attribute(team="t"):
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
