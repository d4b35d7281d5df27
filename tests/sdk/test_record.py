"""`record_call()`: a call that no instrumentor knows is a span like any other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import spanledger
from opentelemetry.sdk.trace import TracerProvider
from sdk.loopback import OPENAI_COST, Receiver
from spanledger.record import Call


@pytest.fixture(autouse=True)
def instrumented(collector: Receiver, app: TracerProvider) -> None:
    spanledger.instrument(endpoint=collector.url, tracer_provider=app)


def gpt() -> spanledger.record_call:
    return spanledger.record_call(provider="openai", model="gpt-4o")


def only_call(collector: Receiver) -> Any:
    assert spanledger.flush()
    [call] = collector.calls()
    return call


def test_a_block_is_a_call_with_its_tokens_its_cost_and_whom_it_is_for(collector: Receiver) -> None:
    with spanledger.attribute(team="search"), gpt() as call:
        call.first_token()
        call.usage(input=1200, output=85, cache_read=1024)
        call.response(model="gpt-4o-2024-08-06", id="r-1", finish_reason="stop")
    recorded = only_call(collector)
    assert recorded.name == "chat gpt-4o" and not recorded.error
    assert recorded.attributes["gen_ai.usage.cost.amount"] == pytest.approx(OPENAI_COST)
    assert recorded.attributes["spanledger.team"] == "search"
    assert recorded.attributes["gen_ai.response.id"] == "r-1"
    assert recorded.attributes["gen_ai.response.model"] == "gpt-4o-2024-08-06"
    assert recorded.attributes["gen_ai.response.time_to_first_chunk"] >= 0


def test_only_the_first_token_is_the_first(collector: Receiver) -> None:
    with gpt() as call:
        call.first_token()
        first = call._span.attributes["gen_ai.response.time_to_first_chunk"]  # type: ignore[attr-defined]
        call.first_token()
    assert only_call(collector).attributes["gen_ai.response.time_to_first_chunk"] == first


def test_an_error_is_recorded_and_raised_on(collector: Receiver) -> None:
    with pytest.raises(TimeoutError, match="too late"), gpt():
        raise TimeoutError("too late")
    recorded = only_call(collector)
    assert recorded.error and recorded.attributes["error.type"] == "TimeoutError"


def test_tokens_that_the_app_has_estimated_are_said_to_be(collector: Receiver) -> None:
    with gpt() as call:
        call.usage(input=10, output=2, estimated=True)
    assert only_call(collector).attributes["spanledger.usage.estimated"] is True


def test_an_async_block_and_what_it_calls_are_one_trace(collector: Receiver, app: TracerProvider) -> None:
    async def ask() -> None:
        async with gpt() as call:
            with app.get_tracer("openinference.instrumentation.x").start_as_current_span("inner"):
                await asyncio.sleep(0)
            call.usage(input=1, output=1)

    asyncio.run(ask())
    assert spanledger.flush()
    inner, outer = collector.spans()
    assert inner.parent_id == outer.span_id


def test_a_decorator_reads_the_result_and_gives_it_on(collector: Receiver) -> None:
    def read(call: Call, answer: dict[str, int]) -> None:
        call.usage(input=answer["in"], output=answer["out"])

    @spanledger.record_call(provider="openai", model="gpt-4o", read=read)
    def ask(question: str) -> dict[str, int]:
        """Asks."""
        return {"in": len(question), "out": 2}

    assert ask("hello") == {"in": 5, "out": 2}
    assert (ask.__name__, ask.__doc__) == ("ask", "Asks.")
    assert only_call(collector).attributes["gen_ai.usage.input_tokens"] == 5


def test_a_decorated_coroutine_may_run_many_times_at_once(collector: Receiver) -> None:
    @spanledger.record_call(provider="openai", model="gpt-4o", read=lambda call, n: call.usage(input=n, output=n))
    async def ask(n: int) -> int:
        await asyncio.sleep(0)
        return n

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(ask(n) for n in range(3)))

    assert asyncio.run(all_of_them()) == [0, 1, 2]
    assert spanledger.flush()
    calls = collector.calls()
    assert sorted(call.attributes["gen_ai.usage.input_tokens"] for call in calls) == [0, 1, 2]
    assert len({call.trace_id for call in calls}) == 3


@pytest.mark.usefixtures("expects_faults")
def test_what_reading_the_result_raises_is_kept_from_the_app(collector: Receiver) -> None:
    @spanledger.record_call(provider="openai", model="gpt-4o", read=lambda call, answer: answer["absent"])
    def ask() -> dict[str, int]:
        return {}

    assert ask() == {}
    assert not only_call(collector).error


def test_without_instrument_nothing_happens(collector: Receiver) -> None:
    spanledger.shutdown()
    with gpt() as call:
        call.usage(input=1)
    assert collector.calls() == []
