"""Streams that are not read to their end: what is known of them arrives, and is called estimated."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import anthropic
import openai
import pydantic
import pytest
import spanledger
from opentelemetry.sdk.trace import TracerProvider
from sdk.loopback import ANTHROPIC_MODEL, MESSAGES, OPENAI_MODEL, Receiver, Server

ASKED = -(-len("the secret prompt") // 4)


@pytest.fixture(autouse=True)
def instrumented(collector: Receiver, app: TracerProvider) -> None:
    spanledger.instrument(endpoint=collector.url, tracer_provider=app)


def ask(client: openai.OpenAI, model: str = OPENAI_MODEL, **options: Any) -> Any:
    return client.chat.completions.create(model=model, messages=MESSAGES, stream=True, **options)


def told(collector: Receiver) -> dict[str, Any]:
    """What is said of the only call: tokens, whether they are estimated, why it ended, its error, whether it has a cost."""
    assert spanledger.flush()
    [call] = collector.calls()
    attributes = call.attributes
    return {
        "input": attributes.get("gen_ai.usage.input_tokens"),
        "output": attributes.get("gen_ai.usage.output_tokens"),
        "estimated": attributes.get("spanledger.usage.estimated", False),
        "finish": [one.string_value for one in attributes["gen_ai.response.finish_reasons"].values],
        "error": attributes.get("error.type"),
        "priced": "gen_ai.usage.cost.amount" in attributes,
    }


CANCELLED = {"input": ASKED, "output": 1, "estimated": True, "finish": ["cancelled"], "error": None, "priced": True}


def test_a_chat_stream_that_is_closed_keeps_the_tokens_so_far(client: openai.OpenAI, collector: Receiver) -> None:
    stream = ask(client)
    next(stream)
    stream.close()
    assert stream.response.is_closed
    assert told(collector) == CANCELLED


def test_one_that_is_left_by_its_with_block_likewise(client: openai.OpenAI, collector: Receiver) -> None:
    with ask(client) as stream:
        next(stream)
    assert told(collector) == CANCELLED


def test_one_that_is_dropped_is_cancelled_and_not_an_error_of_the_provider(
    client: openai.OpenAI, collector: Receiver
) -> None:
    for _ in ask(client):
        break
    gc.collect()
    assert told(collector) == {**CANCELLED, "error": "cancelled"}


def test_one_that_breaks_off_keeps_the_tokens_so_far_and_the_app_gets_its_error(
    client: openai.OpenAI, collector: Receiver
) -> None:
    with pytest.raises(Exception, match="Connection error") as caught:
        list(ask(client, "cut-gpt-4o"))
    assert not type(caught.value).__module__.startswith("spanledger")
    ended = told(collector)
    assert ended["output"] == -(-len("hello") // 4) and ended["input"] == ASKED
    assert ended["estimated"] and ended["finish"] == ["error"] and ended["error"]


def test_an_async_stream_that_is_cancelled_says_so(provider: Server, collector: Receiver) -> None:
    async def read() -> None:
        async with openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
            stream: Any = await client.chat.completions.create(model=OPENAI_MODEL, messages=MESSAGES, stream=True)
            await anext(stream)
            await stream.close()

    asyncio.run(read())
    assert told(collector) == CANCELLED


def test_a_stream_that_is_read_to_its_end_is_not_estimated(client: openai.OpenAI, collector: Receiver) -> None:
    with ask(client) as stream:
        assert len(list(stream)) == 3
    ended = told(collector)
    assert (ended["input"], ended["output"], ended["estimated"], ended["finish"]) == (1200, 85, False, ["stop"])


def test_a_refused_stream_is_not_estimated(client: openai.OpenAI, collector: Receiver) -> None:
    with pytest.raises(openai.RateLimitError):
        ask(client, "error-429")
    assert spanledger.flush()
    assert "spanledger.usage.estimated" not in collector.calls()[0].attributes


def test_a_responses_stream_that_is_closed_keeps_the_tokens_so_far(client: openai.OpenAI, collector: Receiver) -> None:
    with client.responses.create(model=OPENAI_MODEL, input="the secret prompt", stream=True) as stream:
        assert isinstance(stream, openai.Stream)
        for event in stream:
            if event.type == "response.output_text.delta":
                break
    assert told(collector) == CANCELLED


def test_a_responses_stream_has_its_usage(client: openai.OpenAI, collector: Receiver) -> None:
    events = list(client.responses.create(model=OPENAI_MODEL, input="hi", stream=True))
    assert events[-1].type == "response.completed"
    ended = told(collector)
    assert (ended["input"], ended["output"], ended["estimated"]) == (1200, 85, False)


def test_an_anthropic_stream_that_is_closed_has_its_input_and_the_output_so_far(
    claude: anthropic.Anthropic, collector: Receiver
) -> None:
    stream = claude.messages.create(model=ANTHROPIC_MODEL, max_tokens=9, messages=MESSAGES, stream=True)
    assert isinstance(stream, anthropic.Stream)
    for event in stream:
        if event.type == "content_block_delta":
            break
    stream.close()
    ended = told(collector)
    assert (ended["input"], ended["output"]) == (1050, 2)
    assert ended["estimated"] and ended["finish"] == ["cancelled"] and ended["priced"]


def test_so_has_one_of_its_stream_helper(claude: anthropic.Anthropic, collector: Receiver) -> None:
    with claude.messages.stream(model=ANTHROPIC_MODEL, max_tokens=9, messages=MESSAGES) as stream:
        assert next(iter(stream.text_stream)) == "hello"
    ended = told(collector)
    assert (ended["input"], ended["output"], ended["estimated"]) == (1050, 2, True)
    assert ended["finish"] == ["cancelled"]


def test_the_methods_of_an_openai_client_give_what_they_give_without_us_and_make_one_span_each(
    client: openai.OpenAI, collector: Receiver
) -> None:
    class Parsed(pydantic.BaseModel):
        pass

    chat, responses = client.chat.completions, client.responses
    with chat.with_streaming_response.create(model=OPENAI_MODEL, messages=MESSAGES) as raw:
        streamed = raw.parse()
    results: list[Any] = [
        streamed,
        chat.create(model=OPENAI_MODEL, messages=MESSAGES),
        chat.with_raw_response.create(model=OPENAI_MODEL, messages=MESSAGES).parse(),
        chat.parse(model=OPENAI_MODEL, messages=MESSAGES, response_format=Parsed),
        responses.create(model=OPENAI_MODEL, input="hi"),
        responses.with_raw_response.create(model=OPENAI_MODEL, input="hi").parse(),
    ]
    assert [type(one).__name__.partition("[")[0] for one in results] == [
        *("ChatCompletion", "ChatCompletion", "ChatCompletion", "ParsedChatCompletion", "Response", "Response")
    ]
    assert spanledger.flush()
    tokens = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")
    assert [tuple(call.attributes[name] for name in tokens) for call in collector.calls()] == [(1200, 85)] * 6


def test_async_calls_likewise(provider: Server, collector: Receiver) -> None:
    async def call() -> list[Any]:
        async with openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
            chat, responses = client.chat.completions, client.responses
            stream = await responses.create(model=OPENAI_MODEL, input="hi", stream=True)
            assert isinstance(stream, openai.AsyncStream)
            return [
                [event async for event in stream],
                await chat.create(model=OPENAI_MODEL, messages=MESSAGES),
                (await chat.with_raw_response.create(model=OPENAI_MODEL, messages=MESSAGES)).parse(),
                await responses.create(model=OPENAI_MODEL, input="hi"),
            ]

    assert [type(one).__name__ for one in asyncio.run(call())] == [
        "list",
        "ChatCompletion",
        "ChatCompletion",
        "Response",
    ]
    assert spanledger.flush()
    assert [call.attributes["gen_ai.usage.output_tokens"] for call in collector.calls()] == [85] * 4
