"""What a call cost, from `genai-prices`; the only file that knows that package.

This is the cost that the app's owner sees on the span at once. The ledger's own figure is made by the collector.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from genai_prices import Usage
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

from spanledger.conventions import COST_AMOUNT

Rate = Decimal | TieredPrices

logger = logging.getLogger("spanledger")

_MILLION = Decimal(1_000_000)

_BILLABLE = frozenset({"chat", "generate_content", "text_completion", "embeddings", "rerank"})
"""Operations that a provider bills. An agent's or a workflow's span repeats the usage of the calls inside it."""

_REPORTED = (
    COST_AMOUNT,
    "gen_ai.usage.cost",
    "gen_ai.usage.total_cost",
    "gen_ai.cost.total_cost",
    "operation.cost",
    "llm.cost.total",
    "litellm.cost.total",
)

_USAGE: Mapping[str, str] = {
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
    "gen_ai.usage.cache_read.input_tokens": "cache_read_tokens",
    "gen_ai.usage.cache_creation.input_tokens": "cache_write_tokens",
    "gen_ai.usage.cache_write.input_tokens": "cache_write_tokens",
    "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": "cache_write_1h_tokens",
    "gen_ai.usage.reasoning.output_tokens": "output_reasoning_tokens",
    "gen_ai.usage.audio.input_tokens": "input_audio_tokens",
    "gen_ai.usage.audio.output_tokens": "output_audio_tokens",
    "gen_ai.usage.audio.cache_read.input_tokens": "cache_audio_read_tokens",
    "gen_ai.usage.image.input_tokens": "input_image_tokens",
    "gen_ai.usage.image.output_tokens": "output_image_tokens",
    "gen_ai.usage.image.cache_read.input_tokens": "cache_image_read_tokens",
}
"""Span attribute to the usage key of genai-prices. Of two names of one key the later wins."""

_TEXT = frozenset({"input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"})

_PROVIDERS: Mapping[str, str] = {
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "aws.bedrock": "aws",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "gcp.gen_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
}
"""Value of `gen_ai.provider.name` to provider id, where they differ."""


def price_call(attributes: Mapping[str, object], start_ns: int) -> Decimal | None:
    """US dollars for the call of a span with these attributes that began at `start_ns` (Unix time in ns).

    None where there is nothing to price (not a billable operation, no usage, a reported cost), where the model has no
    known price (said once a model in the log), and where the usage contradicts itself (more cached than input).
    """
    if attributes.get("gen_ai.operation.name") not in _BILLABLE or any(name in attributes for name in _REPORTED):
        return None
    usage = {key: n for name, key in _USAGE.items() if type(n := attributes.get(name)) is int and n >= 0}
    models = _texts(attributes, "gen_ai.response.model", "gen_ai.request.model")
    if usage.keys().isdisjoint(("input_tokens", "output_tokens")) or not models:
        return None
    seller = (_text(attributes, "gen_ai.provider.name"), _text(attributes, "server.address"))
    # Prices change by the minute at most (off-peak windows), so calls of one minute share a look-up.
    minute = start_ns // 60_000_000_000
    for model in models:
        price = _price(*seller, model, _context(attributes), minute)
        if price is not None:
            return price.cost(usage)
    _warn_unpriced(models[0], seller[0])
    return None


def _text(attributes: Mapping[str, object], name: str) -> str:
    value = attributes.get(name)
    return value if isinstance(value, str) else ""


def _texts(attributes: Mapping[str, object], *names: str) -> list[str]:
    return list(dict.fromkeys(text for name in names if (text := _text(attributes, name))))


def _context(attributes: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """The service tier, in the terms of genai-prices."""
    tiers = _texts(attributes, "openai.response.service_tier", "anthropic.response.service_tier")
    if not tiers:
        return ()
    return (("processing", "batch"),) if tiers[0] == "batch" else (("service_tier", tiers[0]),)


@lru_cache(maxsize=256)
def _warn_unpriced(model: str, provider: str) -> None:
    logger.warning(
        "spanledger knows no price for model %r of %r: its calls carry no cost", model, provider or "unknown"
    )


@dataclass(frozen=True, slots=True)
class _Price:
    """A price resolved for one provider, model, tier and minute. A look-up takes about 60 us, `cost()` about 3."""

    provider: Provider
    model: ModelInfo
    rates: ModelPrice
    context: Mapping[str, str] | None
    at: datetime
    also_priced: frozenset[str]
    """Usage keys outside `_TEXT` that this price has a rate for, or all of them where each call has a fee."""

    def cost(self, usage: Mapping[str, int]) -> Decimal | None:
        rates = self.rates
        if rates.input_mtok is None and rates.output_mtok is None:
            return None  # sold by the second, the page or the character: tokens say nothing
        if not self.also_priced.isdisjoint({"requests", *usage}):
            return self._by_genai_prices(usage)
        total = usage.get("input_tokens", 0)
        read, write_1h = usage.get("cache_read_tokens", 0), usage.get("cache_write_1h_tokens", 0)
        # Anthropic reports the one-hour part of what was written; the rest lives five minutes.
        write_5m = max(usage.get("cache_write_tokens", 0) - write_1h, 0)
        uncached = total - read - write_5m - write_1h
        if uncached < 0:
            return None
        read_rate = _first(rates.cache_read_mtok, rates.input_mtok)
        write_rate = _first(rates.cache_write_mtok, rates.input_mtok)
        write_1h_rate = _first(rates.cache_write_1h_mtok, write_rate)
        dollars = (
            _at(rates.input_mtok, total) * uncached
            + _at(read_rate, total) * read
            + _at(write_rate, total) * write_5m
            + _at(write_1h_rate, total) * write_1h
            + _at(rates.output_mtok, total) * usage.get("output_tokens", 0)
        )
        return dollars / _MILLION

    def _by_genai_prices(self, usage: Mapping[str, int]) -> Decimal | None:
        try:
            priced = self.model.calc_price(
                Usage(**usage), self.provider, genai_request_timestamp=self.at, price_context=self.context
            )
        except ValueError:
            return None
        return priced.total_price


def _first(rate: Rate | None, otherwise: Rate | None) -> Rate | None:
    """Tokens without a rate of their own are billed as what they are a part of. A rate of zero is a rate."""
    return otherwise if rate is None else rate


def _at(rate: Rate | None, total_input: int) -> Decimal:
    """The rate for a call with this much input: long contexts are dearer, all their tokens alike."""
    if rate is None:
        return Decimal(0)
    if isinstance(rate, Decimal):
        return rate
    return next((tier.price for tier in reversed(rate.tiers) if total_input > tier.start), rate.base)


@lru_cache(maxsize=1024)
def _price(
    provider_name: str, address: str, model_ref: str, context: tuple[tuple[str, str], ...], minute: int
) -> _Price | None:
    snapshot = get_snapshot()
    at = datetime.fromtimestamp(minute * 60, UTC)
    # The host tells who bills, also where the client library only knows its own maker (Azure, OpenRouter, DeepSeek,
    # ...).
    asked: list[dict[str, str]] = [{"provider_api_url": f"https://{address}"}] if address else []
    asked += [{"provider_id": _PROVIDERS.get(provider_name, provider_name)}] if provider_name else []
    for by in asked:
        try:
            provider = snapshot.find_provider(None, by.get("provider_id"), by.get("provider_api_url"))
        except LookupError:
            continue
        break
    else:
        return None
    model = provider.find_model(model_ref.lower(), all_providers=snapshot.providers)
    if model is None:
        return None
    # A model that is listed under another provider has that provider's tiers, which this one need not offer.
    tier = dict(context) if any(model is own for own in provider.models) else None
    rates = model.get_prices(at, tier)
    also_priced = {f"{name.removesuffix('_mtok')}_tokens" for name in vars(rates) if name.endswith("_mtok")} - _TEXT
    if "requests_kcount" in vars(rates):
        also_priced.add("requests")
    return _Price(provider, model, rates, tier, at, frozenset(also_priced))
