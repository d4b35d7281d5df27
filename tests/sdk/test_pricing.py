"""What a call costs: the same as genai-prices says, term by term, for calls of any time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from hypothesis import given
from hypothesis import strategies as st
from spanledger.pricing import price_call

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def price(
    model: str, provider: str, at: datetime = NOON, more: Mapping[str, object] | None = None, **usage: Any
) -> Decimal | None:
    names = {
        "input": "gen_ai.usage.input_tokens",
        "output": "gen_ai.usage.output_tokens",
        "read": "gen_ai.usage.cache_read.input_tokens",
        "write": "gen_ai.usage.cache_write.input_tokens",
        "write_1h": "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
        "audio": "gen_ai.usage.audio.input_tokens",
        "reasoning": "gen_ai.usage.reasoning.output_tokens",
    }
    attributes: dict[str, object] = {names[name]: count for name, count in usage.items()}
    attributes |= {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        **(more or {}),
    }
    return price_call(attributes, int(at.timestamp()) * 1_000_000_000)


def mtok(rate: str, tokens: int) -> Decimal:
    return Decimal(rate) * tokens / 1_000_000


def test_cached_input_is_a_part_of_the_input() -> None:
    expected = mtok("2.5", 1200 - 1024) + mtok("1.25", 1024) + mtok("10", 85)
    assert price("gpt-4o", "openai", input=1200, read=1024, output=85) == expected


def test_cache_writes_of_one_hour_and_of_five_minutes_differ() -> None:
    expected = mtok("3", 50) + mtok("0.3", 700) + mtok("3.75", 200) + mtok("6", 100) + mtok("15", 30)
    actual = price("claude-sonnet-4-5", "anthropic", input=1050, read=700, write=300, write_1h=100, output=30)
    assert actual == expected


def test_a_long_context_is_dearer_for_all_of_its_tokens() -> None:
    assert price("claude-sonnet-4-5", "anthropic", input=200_000, output=0) == mtok("3", 200_000)
    assert price("claude-sonnet-4-5", "anthropic", input=200_001, output=0) == mtok("6", 200_001)


def test_the_price_is_that_of_the_day_of_the_call() -> None:
    """o3 cost five times as much before 2025-06-10."""
    before, after = datetime(2025, 6, 9, 12, tzinfo=UTC), datetime(2025, 6, 10, 12, tzinfo=UTC)
    assert price("o3", "openai", before, input=1_000_000) == 10
    assert price("o3", "openai", after, input=1_000_000) == 2


def test_the_service_tier_of_the_answer_has_its_own_price() -> None:
    usage: dict[str, Any] = {"input": 1_000_000, "output": 0}
    for tier in ("flex", "priority"):
        direct = calc_price(
            Usage(input_tokens=1_000_000),
            "gpt-5",
            provider_id="openai",
            genai_request_timestamp=NOON,
            price_context={"service_tier": tier},
        )
        at_tier = price("gpt-5", "openai", more={"openai.response.service_tier": tier}, **usage)
        assert at_tier == direct.total_price
        assert at_tier != price("gpt-5", "openai", **usage)


def test_a_batch_is_priced_as_a_batch() -> None:
    more = {"anthropic.response.service_tier": "batch"}
    assert price("claude-sonnet-4-5", "anthropic", more=more, input=1_000_000) == Decimal("3")  # long context
    assert price("claude-sonnet-4-5", "anthropic", more=more, input=100_000) == mtok("1.5", 100_000)


def test_who_bills_is_told_by_the_host() -> None:
    """The OpenAI client reports itself as `openai` whomever it talks to."""
    azure = {"server.address": "example.openai.azure.com"}
    direct = calc_price(Usage(input_tokens=1000), "gpt-4", provider_id="azure", genai_request_timestamp=NOON)
    assert price("gpt-4", "openai", more=azure, input=1000) == direct.total_price
    assert price("gpt-4o", "openai", more={"server.address": "127.0.0.1"}, input=1000) == mtok("2.5", 1000)


def test_the_model_that_answered_is_priced_and_where_it_is_unknown_the_one_that_was_asked() -> None:
    assert price("gpt-4o-mini", "openai", more={"gen_ai.response.model": "gpt-4o"}, input=1000) == mtok("2.5", 1000)
    assert price("gpt-4o", "openai", more={"gen_ai.response.model": "my-alias"}, input=1000) == mtok("2.5", 1000)


def test_audio_has_its_own_rate_where_the_model_has_one() -> None:
    expected = mtok("4", 600) + mtok("32", 400)
    assert price("gpt-realtime", "openai", input=1000, audio=400) == expected


def test_an_unknown_model_has_no_cost_and_one_warning(log: Callable[[], list[str]]) -> None:
    for _ in range(3):
        assert price("model-of-tomorrow", "openai", input=10) is None
    assert log() == ["spanledger knows no price for model 'model-of-tomorrow' of 'openai': its calls carry no cost"]


def test_there_is_no_cost_without_usage_or_for_what_is_not_a_call_or_where_the_usage_contradicts_itself() -> None:
    assert price("gpt-4o", "openai") is None
    assert price("gpt-4o", "openai", more={"gen_ai.operation.name": "invoke_agent"}, input=10) is None
    assert price("gpt-4o", "openai", input=10, read=11) is None
    assert price("whisper-1", "openai", input=10) is None  # sold by the minute


TOKENS = st.integers(min_value=0, max_value=400_000)
MODELS = st.sampled_from(
    [
        ("gpt-4o", "openai"),
        ("gpt-5-mini", "openai"),
        ("text-embedding-3-small", "openai"),
        ("claude-sonnet-4-5", "anthropic"),
        ("claude-opus-4-1", "anthropic"),
        ("claude-3-5-haiku-latest", "anthropic"),
        ("gemini-2.5-pro", "google"),
        ("deepseek-chat", "deepseek"),
        ("mistral-large-latest", "mistral"),
        ("grok-4", "x-ai"),
        ("sonar-pro", "perplexity"),
    ]
)


@given(
    model=MODELS,
    uncached=TOKENS,
    read=TOKENS,
    write_5m=TOKENS,
    write_1h=TOKENS,
    output=TOKENS,
    at=st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
)
def test_every_text_usage_costs_what_genai_prices_says(
    model: tuple[str, str], uncached: int, read: int, write_5m: int, write_1h: int, output: int, at: datetime
) -> None:
    usage: dict[str, Any] = {"input": uncached + read + write_5m + write_1h, "read": read, "output": output}
    usage |= {"write": write_5m + write_1h, "write_1h": write_1h}
    direct = calc_price(
        Usage(
            input_tokens=usage["input"],
            cache_read_tokens=read,
            cache_write_tokens=usage["write"],
            cache_write_1h_tokens=write_1h,
            output_tokens=output,
        ),
        model[0],
        provider_id=model[1],
        genai_request_timestamp=at,
    )
    assert price(*model, at, **usage) == direct.total_price


def test_prices_are_looked_up_once_a_minute_and_model(monkeypatch: pytest.MonkeyPatch) -> None:
    from spanledger import pricing

    before = pricing._price.cache_info().misses
    for second in range(60):
        price("gpt-4.1-nano", "openai", NOON.replace(second=second), input=1)
    assert pricing._price.cache_info().misses == before + 1
