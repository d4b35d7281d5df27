"""The price book: dated rates from `genai-prices`, which only this file of the collector knows, under the user's rules.

Rates are data (D8): every edition is recorded in `spanledger.prices` and asked by the pipeline through a dictionary. A new
edition, and a changed rule, append what they changed and overwrite nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache, cached_property
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, TypeVar

import genai_prices
from clickhouse_connect.driver.client import Client
from genai_prices.data_snapshot import DataSnapshot, get_snapshot
from genai_prices.types import (
    ClauseEquals,
    ClauseOr,
    MatchLogic,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from spanledger_collector.price_rules import FOREVER, PriceRules
from spanledger_collector.timeline import DAY, UNKNOWN, USER, Card, Timeline, with_rules

T = TypeVar("T")
Pair = tuple[str, str]
"""A provider and a model, as spans name them."""

OTEL_PROVIDERS: Mapping[str, str] = {
    "aws.bedrock": "aws",
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
}
"""Value of `gen_ai.provider.name` to the seller's id in genai-prices, where they differ."""

# Each bucket's rate, or the next best: tokens without a rate of their own are billed as what they are a part of.
RATES: Mapping[str, tuple[str, ...]] = {
    "input_uncached": ("input_mtok",),
    "cache_read": ("cache_read_mtok", "input_mtok"),
    "cache_write_5m": ("cache_write_5m_mtok", "cache_write_mtok", "input_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
    "audio_in": ("input_audio_mtok", "input_mtok"),
    "output_text": ("output_mtok",),
    "reasoning": ("output_reasoning_mtok", "output_mtok"),
    "audio_out": ("output_audio_mtok", "output_mtok"),
    "per_call": ("requests_kcount",),
}
SOURCE = "genai-prices"
# What routers (LiteLLM, Genkit) and Google put before the name of a model. (`openai/gpt-oss-…` is a name of Hugging Face's: whoever
# serves that model, it is not OpenAI.)
_ROUTED = re.compile(r"^(?:models|googleai|gemini|vertexai|vertex_ai|bedrock|azure|anthropic|openai(?!/gpt-oss))/")
_PLACES = Decimal("1e-12")
_CARD = ("price_id", "valid_from", "valid_to", "minute_from", "minute_to", "input_from")
_HOUR = ("usd_an_hour", "shared_by")
_COLUMNS = (*_CARD, *RATES, *_HOUR)

Rates = tuple[Decimal | None, ...]


class Edition:
    """The book as one version of genai-prices prints it."""

    def __init__(self, snapshot: DataSnapshot, version: str) -> None:
        self.version = f"{SOURCE} {version}"
        self._providers = snapshot.providers
        self._makers = {id(model): provider.id for provider in self._providers for model in provider.models}
        self._timelines: dict[tuple[int, bool], Timeline | None] = {}

    @classmethod
    @cache  # to list what it has takes half a second
    def installed(cls) -> Edition:
        """The edition of the genai-prices that is installed."""
        return cls(get_snapshot(), genai_prices.__version__)

    @cached_property
    def entries(self) -> Mapping[Pair, Timeline]:
        """Every priced model under every exact name that a span may give it and its seller."""
        return dict(self._named())

    def _named(self) -> Iterator[tuple[Pair, Timeline]]:
        for seller in self._providers:
            names = [seller.id, *(name for name, sold_by in OTEL_PROVIDERS.items() if sold_by == seller.id)]
            for model_name in dict.fromkeys(self._names_sold_by(seller)):
                model = seller.find_model(model_name, all_providers=self._providers)
                price = self._entry(seller, model) if model else None
                if price:
                    yield from (((name, model_name), price) for name in names)

    def find(self, provider: str, model: str) -> Timeline | None:
        """The list price by genai-prices' own matching of names, else without what a router puts before them. None for a model
        or a seller that it does not know."""
        snapshot = DataSnapshot(self._providers, from_auto_update=False)  # the shared one remembers every miss for ever
        for name in dict.fromkeys((model, _ROUTED.sub("", model))):
            with suppress(LookupError):
                seller, found = snapshot.find_provider_model(
                    name, None, OTEL_PROVIDERS.get(provider, provider) or None, None
                )
                return self._entry(seller, found)
        return None

    def _names_sold_by(self, seller: Provider) -> Iterator[str]:
        for provider in self._providers:
            if provider is seller or provider.id in (seller.fallback_model_providers or ()):
                for model in provider.models:
                    yield from (model.id, *_literals(model.match))

    def _entry(self, seller: Provider, model: ModelInfo) -> Timeline | None:
        # a model listed by another provider has that provider's tiers, which this seller need not offer
        own = self._makers[id(model)] == seller.id
        key = id(model), own
        if key not in self._timelines:
            self._timelines[key] = _price(self._makers[id(model)], model, own)
        return self._timelines[key]


class PriceBook:
    """What is recorded in the store. Nothing else may post while it writes: a segment sees one state of the book (D15)."""

    def __init__(self, client: Client, edition: Edition | None = None, rules: PriceRules | None = None) -> None:
        self._client = client
        self._edition = edition or Edition.installed()
        self._rules = rules or PriceRules()
        self._versions = {rule.price_id: rule.version for rule in self._rules.rules}
        self._loaded = False  # whether the dictionary has what is recorded: a server may go away in between

    def record_edition(self, at: datetime) -> int:
        """Record whatever this edition and the rules say that the book does not say already, as of `at`; returns the number
        of rows.

        A model that was found by matching, or was not known, is looked up again. What the edition has dropped stays.
        """
        recorded, versions = self._recorded()
        listed: dict[Pair, Timeline | None] = dict(self._edition.entries)
        for pair, tiers in _list_prices(recorded).items():
            if pair not in listed:  # found by matching, or not known: by this edition, as versions say, or by another
                known = versions[pair] == {self._edition.version}
                listed[pair] = tiers if known else self._edition.find(*pair) or tiers
        for rule in self._rules.rules:  # one that names its models need not see them first
            if not {"*", "?"} & {*rule.provider, *rule.model}:
                listed.setdefault((rule.provider, rule.model), None)
        return self._record(listed, recorded, at)

    def record_found(self, pairs: Iterable[Pair], at: datetime) -> int:
        """Look up models by the rules and by genai-prices' matching and record the outcome, as of `at`; returns how many have
        a price.

        One that is not known is recorded as such, so that it is asked for once an edition. Its calls stay `unpriced`.
        """
        listed = {pair: self._edition.find(*pair) for pair in pairs}
        self._record(listed, {}, at)
        return sum(bool(self._ruled(pair, price)) for pair, price in listed.items())

    def _ruled(self, pair: Pair, listed: Timeline | None) -> Timeline:
        return with_rules(listed or {}, self._rules.of(*pair))

    def _record(
        self,
        listed: Mapping[Pair, Timeline | None],
        recorded: Mapping[tuple[str, str, str], frozenset[Card]],
        at: datetime,
    ) -> int:
        seconds = at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00").replace("T", " ")
        rows = [
            {"provider": provider, "model": model, "service_tier": tier}
            | {name: getattr(card, name) for name in (*_CARD, *_HOUR)}
            | dict(zip(RATES, card.rates, strict=True))
            | {"price_version": self._versions.get(card.price_id, self._edition.version)}
            | {"source": USER if card.price_id in self._versions else SOURCE, "recorded_at": seconds}
            for (provider, model), price in listed.items()
            for tier, cards in (self._ruled((provider, model), price) or {"": (UNKNOWN,)}).items()
            if recorded.get((provider, model, tier)) != frozenset(cards)
            for card in cards
        ]
        if rows:
            self._loaded = False
            lines = "\n".join(json.dumps(row, default="{:f}".format) for row in rows)
            self._client.command(f"INSERT INTO spanledger.prices SETTINGS async_insert = 0 FORMAT JSONEachRow\n{lines}")
        if not self._loaded:
            self._client.command("SYSTEM RELOAD DICTIONARY spanledger.price_book")
            self._loaded = True
        return len(rows)

    def _recorded(self) -> tuple[dict[tuple[str, str, str], frozenset[Card]], dict[Pair, set[str]]]:
        """What the book says now, by provider, model and tier; and which editions and rules said it, by provider and model."""
        columns = ", ".join(f"toUnixTimestamp({name})" if name.startswith("valid") else name for name in _COLUMNS)
        rows = self._client.query(
            f"SELECT provider, model, service_tier, price_version, {columns} FROM spanledger.prices "
            "WHERE (provider, model, service_tier, recorded_at) IN (SELECT provider, model, service_tier, max(recorded_at) "
            "FROM spanledger.prices GROUP BY provider, model, service_tier) ORDER BY provider, model, service_tier"
        ).result_rows
        cards = {key: frozenset(map(_card, said)) for key, said in groupby(rows, itemgetter(0, 1, 2))}
        return cards, {pair: {row[3] for row in said} for pair, said in groupby(rows, itemgetter(0, 1))}


def _card(row: Sequence[Any]) -> Card:
    """A row of `_recorded`."""
    said = dict(zip(_COLUMNS, row[4:], strict=True))
    return Card(**{name: said[name] for name in (*_CARD, *_HOUR)}, rates=tuple(said[name] for name in RATES))


def _list_prices(recorded: Mapping[tuple[str, str, str], frozenset[Card]]) -> dict[Pair, Timeline]:
    """What is recorded, the user's rules apart."""
    listed: dict[Pair, dict[str, tuple[Card, ...]]] = {}
    for (provider, model, tier), cards in recorded.items():
        tiers = listed.setdefault((provider, model), {})
        if own := tuple(card for card in cards if card.price_id and not card.price_id.startswith("user:")):
            tiers[tier] = own
    return dict(listed)


def _literals(match: MatchLogic) -> Iterator[str]:
    if isinstance(match, ClauseEquals):
        yield match.equals
    elif isinstance(match, ClauseOr):
        for clause in match.or_:
            yield from _literals(clause)


def _price(maker: str, model: ModelInfo, with_tiers: bool) -> Timeline | None:
    price_id = f"{maker}/{model.id}"
    cards = {"": _timeline(price_id, model, {})}
    for variant in model.price_variants or () if with_tiers else ():
        if list(variant.when) == ["service_tier"]:
            cards[variant.when["service_tier"]] = _timeline(price_id, model, variant.when)
        elif variant.when == {"processing": "batch"}:
            cards["batch"] = _timeline(price_id, model, variant.when)
    return {tier: timeline for tier, timeline in cards.items() if timeline} or None


def _timeline(price_id: str, model: ModelInfo, context: Mapping[str, str]) -> tuple[Card, ...]:
    """A model's cards through time, by asking it for the prices of each stretch of days and of the day."""
    dated = [] if isinstance(model.prices, ModelPrice) else model.prices
    constraints = [entry.constraint for entry in (*dated, *(model.price_variants or ()))]
    starts = {_midnight(c.start_date) for c in constraints if isinstance(c, StartDateConstraint)}
    windows = [c for c in constraints if isinstance(c, TimeOfDateConstraint)]
    minutes = {_minute(moment) for c in windows for moment in (c.start_time, c.end_time)}
    days = []
    for start, end in pairwise(sorted({0, FOREVER} | starts)):
        midnight = datetime.fromtimestamp(start, UTC)
        if context and not any(_offered(variant, context, midnight) for variant in model.price_variants or ()):
            continue  # genai-prices would give the list price for the tier's; the pipeline does, and calls it estimated
        day = [
            (first, last, _tiers(model, model.get_prices(midnight + timedelta(minutes=first), context)))
            for first, last in pairwise(sorted({0, DAY} | minutes))
        ]
        days.append((start, end, _merged(day)))
    return tuple(
        Card(price_id, start, end, first, last, input_from, rates)
        for start, end, day in _merged(days)
        for first, last, tiers in day
        for input_from, rates in tiers
    )


def _offered(variant: PriceVariant, context: Mapping[str, str], at: datetime) -> bool:
    constraint = variant.constraint
    return variant.when == context and not (isinstance(constraint, StartDateConstraint) and not constraint.active(at))


def _merged(stretches: Iterable[tuple[int, int, T]]) -> tuple[tuple[int, int, T], ...]:
    """Neighbouring stretches (from, to, what holds) that say the same, as one."""
    runs = [(said, list(run)) for said, run in groupby(stretches, itemgetter(2))]
    return tuple((run[0][0], run[-1][1], said) for said, run in runs)


def _tiers(model: ModelInfo, prices: ModelPrice) -> tuple[tuple[int, Rates], ...]:
    """The rates by the smallest total input that pays them. Empty where the book has no price for tokens."""
    given = vars(prices)
    if not given and model.id.endswith(":free"):
        return ((0, (Decimal(0),) * len(RATES)),)
    if all(given.get(name) is None for name in ("input_mtok", "output_mtok")):
        return ()  # sold by the second, the page or the character: tokens say nothing
    steps = {tier.start + 1 for price in given.values() if isinstance(price, TieredPrices) for tier in price.tiers}
    tiers = [(step, _rates(given, step)) for step in sorted({0} | steps)]
    return tuple(next(alike) for _, alike in groupby(tiers, itemgetter(1)))


def _rates(given: Mapping[str, Decimal | TieredPrices | None], total_input: int) -> Rates:
    best = [next((price for name in names if (price := given.get(name)) is not None), None) for names in RATES.values()]
    *tokens, thousand_calls = [_rate(price, total_input) for price in best]
    return (*tokens, thousand_calls and thousand_calls * 1000)


def _rate(price: Decimal | TieredPrices | None, total_input: int) -> Decimal | None:
    if isinstance(price, TieredPrices):
        price = next((tier.price for tier in reversed(price.tiers) if total_input > tier.start), price.base)
    return None if price is None else price.quantize(_PLACES, ROUND_HALF_EVEN)


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())


def _minute(moment: time) -> int:
    """Minute of the day in UTC."""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    utc = datetime.combine(date(2000, 1, 1), moment).astimezone(UTC)
    return utc.hour * 60 + utc.minute
