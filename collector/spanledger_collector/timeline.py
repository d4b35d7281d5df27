"""What a model costs through time: the list price, and the user's rules before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal

from spanledger_collector.price_rules import FOREVER, PerGpuHour, PerToken, Rates

DAY = 24 * 60
BUCKETS = (
    "input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "audio_in", "output_text", "reasoning", "audio_out",
)  # fmt: skip
USER = "prices.yaml"
"""Where a user's prices come from, as `source` says it."""
_PLACES = Decimal("1e-12")
# Of what is priced by the hour: no rate is known, and the fee is one that makes every call unpriced, one without tokens too.
_BY_THE_HOUR = (*[None] * len(BUCKETS), Decimal(-1))


@dataclass(frozen=True, slots=True)
class Card:
    """What a call pays, when, and from which total input on. Times are Unix seconds, `valid_to` exclusive; minutes are of the
    day in UTC; rates are US dollars per million tokens, in the order of BUCKETS, and per million calls, of 12 places.

    Where `shared_by` is said, `usd_an_hour` is shared by the calls of an hour.
    """

    price_id: str
    valid_from: int = 0
    valid_to: int = FOREVER
    minute_from: int = 0
    minute_to: int = DAY
    input_from: int = 0
    rates: tuple[Decimal | None, ...] = (None,) * (len(BUCKETS) + 1)
    usd_an_hour: Decimal | None = None
    shared_by: str = ""


UNKNOWN = Card("")
"""Says that a model has no price."""
Timeline = Mapping[str, tuple[Card, ...]]
"""A model's cards by service tier; '' is the list price."""


def with_rules(listed: Timeline, rules: Iterable[PerToken | PerGpuHour]) -> Timeline:
    """The list price with `rules`, no two of which hold at one time, before it. They hold for every service tier."""
    own = sorted(rules, key=lambda rule: rule.valid_from)
    if not own:
        return listed
    merged = {tier: (*_left(cards, own), *_ruled(cards, own)) for tier, cards in {"": (), **listed}.items()}
    return {tier: cards for tier, cards in merged.items() if cards}


def _left(cards: Iterable[Card], rules: Iterable[PerToken | PerGpuHour]) -> Iterator[Card]:
    """The list price where no rule holds."""
    for card in cards:
        start = card.valid_from
        for rule in rules:
            yield from _between(card, start, rule.valid_from)
            start = max(start, rule.valid_to)
        yield from _between(card, start, card.valid_to)


def _ruled(cards: Iterable[Card], rules: Iterable[PerToken | PerGpuHour]) -> Iterator[Card]:
    cards = tuple(cards)
    for rule in rules:
        if isinstance(rule, PerToken) and rule.discount is not None:
            for card in cards:
                for part in _between(card, rule.valid_from, rule.valid_to):
                    yield replace(part, price_id=rule.price_id, rates=_reduced(part.rates, rule.discount))
            continue
        hour = (rule.usd_an_hour, rule.shared_by) if isinstance(rule, PerGpuHour) else (None, "")
        rates = _BY_THE_HOUR if isinstance(rule, PerGpuHour) else _rates(rule)
        yield Card(rule.price_id, rule.valid_from, rule.valid_to, 0, DAY, 0, rates, *hour)


def _between(card: Card, start: int, end: int) -> Iterator[Card]:
    start, end = max(start, card.valid_from), min(end, card.valid_to)
    if start < end:
        yield replace(card, valid_from=start, valid_to=end)


def _reduced(rates: tuple[Decimal | None, ...], discount: Decimal) -> tuple[Decimal | None, ...]:
    return tuple(None if rate is None else (rate * (1 - discount)).quantize(_PLACES, ROUND_HALF_EVEN) for rate in rates)


def _rates(rule: PerToken) -> tuple[Decimal | None, ...]:
    given = rule.usd_per_million
    assert isinstance(given, Rates)  # the other way, a discount, is done with

    def best(rate: Decimal | None, whole: Decimal) -> Decimal:
        return whole if rate is None else rate

    per_call = rule.usd_per_call
    return (
        given.input, best(given.cache_read, given.input), best(given.cache_write_5m, given.input),
        best(given.cache_write_1h, given.input), best(given.audio_in, given.input),
        given.output, best(given.reasoning, given.output), best(given.audio_out, given.output),
        None if per_call is None else per_call * 1_000_000,
    )  # fmt: skip
