"""OpenAI chat streams: their tokens arrive, and the app sees what it would have seen."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import openai
import pytest
import spanledger
from opentelemetry.sdk.trace import TracerProvider
from sdk.loopback import MESSAGES, OPENAI_COST, OPENAI_MODEL, Receiver, Server


def ask(client: openai.OpenAI, model: str = OPENAI_MODEL, **options: Any) -> Any:
    return client.chat.completions.create(model=model, messages=MESSAGES, stream=True, **options)


def seen(stream: Any) -> list[dict[str, Any]]:
    return [chunk.to_dict() for chunk in stream]


@pytest.fixture
def untouched(client: openai.OpenAI) -> list[dict[str, Any]]:
    """What the app sees of a stream without us."""
    return seen(ask(client))


@pytest.fixture
def instrumented(untouched: object, collector: Receiver, app: TracerProvider) -> None:
    spanledger.instrument(endpoint=collector.url, tracer_provider=app)


pytestmark = pytest.mark.usefixtures("instrumented")


def only_call(collector: Receiver) -> dict[str, Any]:
    assert spanledger.flush()
    [call] = collector.calls()
    return call.attributes


def test_the_usage_of_a_stream_arrives_and_the_app_sees_the_same_chunks(
    client: openai.OpenAI, collector: Receiver, untouched: list[dict[str, Any]]
) -> None:
    stream = ask(client)
    assert isinstance(stream, openai.Stream)
    assert seen(stream) == untouched
    assert only_call(collector)["gen_ai.usage.cost.amount"] == pytest.approx(OPENAI_COST)


def test_an_async_stream_likewise(provider: Server, collector: Receiver, untouched: list[dict[str, Any]]) -> None:
    async def read() -> list[dict[str, Any]]:
        async with openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
            stream: Any = await client.chat.completions.create(model=OPENAI_MODEL, messages=MESSAGES, stream=True)
            assert isinstance(stream, openai.AsyncStream)
            async with stream as entered:
                return [chunk.to_dict() async for chunk in entered]

    assert asyncio.run(read()) == untouched
    assert only_call(collector)["gen_ai.usage.cost.amount"] == pytest.approx(OPENAI_COST)


def test_a_stream_is_read_by_next_and_in_a_with_block_and_closed_as_ever(client: openai.OpenAI) -> None:
    with ask(client) as stream:
        assert next(stream).choices[0].delta.content == "hel"
        assert stream.response.status_code == 200
    assert stream.response.is_closed
    assert [chunk.choices[0].delta.content for chunk in ask(client)] == ["hel", "lo", None]


def test_an_app_that_asks_for_the_usage_itself_gets_its_chunk(client: openai.OpenAI, collector: Receiver) -> None:
    chunks = list(ask(client, stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage.prompt_tokens == 1200
    assert only_call(collector)["gen_ai.usage.input_tokens"] == 1200


def test_an_app_that_does_not_want_the_usage_is_not_overruled(client: openai.OpenAI, provider: Server) -> None:
    list(ask(client, stream_options={"include_usage": False}))
    assert provider.posts[-1].json()["stream_options"] == {"include_usage": False}


def test_other_stream_options_are_kept(client: openai.OpenAI, provider: Server) -> None:
    list(ask(client, stream_options={"include_obfuscation": False}))
    assert provider.posts[-1].json()["stream_options"] == {"include_obfuscation": False, "include_usage": True}


def test_the_stream_helper_works_and_has_its_usage(client: openai.OpenAI, collector: Receiver) -> None:
    with client.chat.completions.stream(model=OPENAI_MODEL, messages=MESSAGES) as stream:
        assert stream.get_final_completion().choices[0].message.content == "hello"
    assert only_call(collector)["gen_ai.usage.input_tokens"] == 1200


def test_a_raw_response_is_left_alone_because_the_app_reads_its_bytes(client: openai.OpenAI, provider: Server) -> None:
    raw = client.chat.completions.with_raw_response.create(model=OPENAI_MODEL, messages=MESSAGES, stream=True)
    assert len(list(raw.parse())) == 3
    assert "stream_options" not in provider.posts[-1].json()


def test_a_server_that_rejects_the_option_is_asked_without_it_and_then_left_alone(
    client: openai.OpenAI, provider: Server
) -> None:
    before = len(provider.posts)
    for _ in range(2):
        assert len(list(ask(client, "no-options"))) == 3
    asked = ["stream_options" in post.json() for post in provider.posts[before:]]
    assert asked == [True, False, False]


def test_an_async_client_of_such_a_server_gets_its_stream_too(provider: Server) -> None:
    async def read() -> int:
        async with openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
            stream: Any = await client.chat.completions.create(model="no-options", messages=MESSAGES, stream=True)
            return len([chunk async for chunk in stream])

    assert asyncio.run(read()) == 3


def test_the_error_of_a_stream_that_is_wrong_anyway_is_the_apps_own(client: openai.OpenAI, provider: Server) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "error-400")
    assert not isinstance(caught.value.__context__, openai.OpenAIError)
    assert "stream_options" not in provider.posts[-1].json()
    asked = len(provider.posts)
    with pytest.raises(openai.RateLimitError):
        ask(client, "error-429")
    assert len(provider.posts) == asked + 1


def test_an_abandoned_stream_still_makes_its_span(client: openai.OpenAI, collector: Receiver) -> None:
    stream = ask(client)
    next(stream)
    stream.response.close()
    del stream
    gc.collect()
    assert only_call(collector)["gen_ai.request.model"] == OPENAI_MODEL


def test_it_can_be_turned_off(
    client: openai.OpenAI, collector: Receiver, provider: Server, app: TracerProvider
) -> None:
    spanledger.shutdown()
    spanledger.instrument(endpoint=collector.url, tracer_provider=app, stream_usage=False)
    list(ask(client))
    assert "stream_options" not in provider.posts[-1].json()


def test_shutdown_leaves_the_client_library_as_it_was(client: openai.OpenAI, untouched: list[dict[str, Any]]) -> None:
    spanledger.shutdown()
    from openai.resources.chat.completions import Completions

    assert type(Completions.create).__module__ == "builtins"
    assert seen(ask(client)) == untouched
