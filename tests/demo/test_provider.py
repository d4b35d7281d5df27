"""The fake provider, judged by the real client libraries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from spanledger_demo.provider import FakeProvider
from spanledger_demo.reply import ANTHROPIC_USAGE, EMBEDDING_USAGE, OPENAI_USAGE, ORDER_HEADER, Usage

ASK: Any = [{"role": "user", "content": "Where is my order?"}]


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider(seed=1) as provider:
        yield provider


@pytest.fixture
def openai_client(provider: FakeProvider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=provider.openai_url, api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic_client(provider: FakeProvider) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=provider.anthropic_url, api_key="any", max_retries=0) as client:
        yield client


def test_a_chat_completion_says_what_is_billed(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    answer = openai_client.chat.completions.create(model="gpt-4o", messages=ASK)

    usage = answer.usage
    assert usage and usage.prompt_tokens_details and usage.completion_tokens_details
    assert answer.model == "gpt-4o-2024-08-06" and answer.choices[0].message.content
    assert (usage.prompt_tokens, usage.completion_tokens) == (OPENAI_USAGE.input, OPENAI_USAGE.output) == (1200, 85)
    assert usage.prompt_tokens_details.cached_tokens == OPENAI_USAGE.cache_read
    assert usage.completion_tokens_details.reasoning_tokens == OPENAI_USAGE.reasoning
    [call] = provider.calls
    assert (call.id, call.status, call.usage, call.complete) == (answer.id, 200, OPENAI_USAGE, True)
    assert answer._request_id == call.request_id


@pytest.mark.parametrize("include_usage", [True, False])
def test_a_chat_stream_brings_its_usage_only_when_asked(
    provider: FakeProvider, openai_client: openai.OpenAI, include_usage: bool
) -> None:
    stream = openai_client.chat.completions.create(
        model="gpt-4o",
        messages=ASK,
        stream=True,
        stream_options={"include_usage": include_usage},
    )
    chunks = list(stream)

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    usages = [chunk.usage for chunk in chunks if chunk.usage]
    assert text.startswith("the order left")
    assert [usage.total_tokens for usage in usages] == ([1285] if include_usage else [])
    [call] = provider.calls
    assert call.usage == OPENAI_USAGE and call.usage_sent is include_usage and call.complete


@pytest.mark.parametrize("stream", [True, False])
def test_the_responses_api_answers_whole_or_streamed(
    provider: FakeProvider, openai_client: openai.OpenAI, stream: bool
) -> None:
    if stream:
        with openai_client.responses.stream(model="gpt-5-mini", input="hi") as events:
            answer = events.get_final_response()
    else:
        answer = openai_client.responses.create(model="gpt-5-mini", input="hi")  # type: ignore[assignment]

    assert answer.output_text.startswith("the order left") and answer.usage
    assert answer.usage.input_tokens_details.cached_tokens == OPENAI_USAGE.cache_read
    assert answer.usage.output_tokens_details.reasoning_tokens == OPENAI_USAGE.reasoning
    assert [call.id for call in provider.calls] == [answer.id]


def test_embeddings_have_a_vector_for_each_text(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    answer = openai_client.embeddings.create(model="text-embedding-3-small", input=["one", "two"], dimensions=8)

    assert [len(item.embedding) for item in answer.data] == [8, 8]
    assert answer.usage.prompt_tokens == EMBEDDING_USAGE.input
    assert provider.calls[0].usage == EMBEDDING_USAGE


@pytest.mark.parametrize("stream", [True, False])
def test_a_message_splits_its_cache_writes_by_lifetime(
    provider: FakeProvider, anthropic_client: anthropic.Anthropic, stream: bool
) -> None:
    answer: anthropic.types.Message
    if stream:
        with anthropic_client.messages.stream(model="claude-haiku-4-5", max_tokens=9, messages=ASK) as events:
            answer = events.get_final_message()
    else:
        answer = anthropic_client.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=ASK)

    usage = answer.usage
    assert usage.cache_creation
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (50, 700, 300)
    assert usage.cache_creation.ephemeral_5m_input_tokens == ANTHROPIC_USAGE.cache_write_5m
    assert usage.cache_creation.ephemeral_1h_input_tokens == ANTHROPIC_USAGE.cache_write_1h
    assert usage.output_tokens == ANTHROPIC_USAGE.output
    assert [(call.id, call.usage) for call in provider.calls] == [(answer.id, ANTHROPIC_USAGE)]


def test_refusals_raise_the_clients_own_errors_and_bill_nothing(
    provider: FakeProvider, openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic
) -> None:
    openai_errors = {
        "err-400": openai.BadRequestError,
        "err-429": openai.RateLimitError,
        "err-500": openai.InternalServerError,
    }
    for model, error in openai_errors.items():
        with pytest.raises(error):
            openai_client.chat.completions.create(model=model, messages=ASK)
    anthropic_errors = {
        "err-400": "invalid_request_error",
        "err-429": "rate_limit_error",
        "err-529": "overloaded_error",
    }
    for model, kind in anthropic_errors.items():
        with pytest.raises(anthropic.APIStatusError, match=kind):
            anthropic_client.messages.create(model=model, max_tokens=9, messages=ASK)

    assert [call.status for call in provider.calls] == [400, 429, 500, 400, 429, 529]
    assert {call.usage for call in provider.calls} == {Usage()}


def test_a_retried_call_is_two_requests_and_one_bill(provider: FakeProvider) -> None:
    with openai.OpenAI(base_url=provider.openai_url, api_key="any", max_retries=1) as client:
        client.chat.completions.create(model="err-429-once", messages=ASK)

    assert [call.status for call in provider.calls] == [429, 200]
    assert [call.usage for call in provider.calls] == [Usage(), OPENAI_USAGE]


def test_a_header_orders_any_usage_and_any_refusal(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    usage = {"input_uncached": 10, "cache_write_5m": 64, "audio_in": 7, "output_text": 3, "audio_out": 5}
    answer = openai_client.chat.completions.create(
        model="gpt-4o",
        messages=ASK,
        extra_headers={ORDER_HEADER: json.dumps({"usage": usage})},
    )
    with pytest.raises(openai.BadRequestError, match="filter"):
        openai_client.chat.completions.create(
            model="gpt-4o",
            messages=ASK,
            extra_headers={ORDER_HEADER: json.dumps({"status": 400, "code": "content_filter"})},
        )

    assert answer.usage and (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (81, 8)
    assert provider.calls[0].usage == Usage(**usage)


def test_an_abandoned_stream_is_billed_and_marked(provider: FakeProvider, openai_client: openai.OpenAI) -> None:
    slow = json.dumps({"generation_s": 30})
    stream = openai_client.chat.completions.create(
        model="gpt-4o",
        messages=ASK,
        stream=True,
        extra_headers={ORDER_HEADER: slow},
    )
    next(iter(stream))
    stream.close()
    provider.__exit__(None, None, None)

    [call] = provider.calls
    assert call.complete is False and call.usage == OPENAI_USAGE
