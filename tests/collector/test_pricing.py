"""The price book: what a call costs in the ledger is what genai-prices says, to the last of twelve places."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from collector.books import NOON, Books, Call
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import DataSnapshot, get_snapshot
from genai_prices.types import (
    ClauseEquals,
    ClauseOr,
    ClauseStartsWith,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from spanledger_collector.pricing import OTEL_PROVIDERS, Edition, PriceBook

DAY = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.fixture
def empty(engine: Books) -> Books:
    engine.clear()
    return engine


@pytest.fixture
def books(engine: Books) -> Books:
    """With the whole edition of genai-prices in it, which takes a second to record: kept between tests that only read it."""
    if engine.ask("SELECT count() AS cards FROM spanledger.prices")[0]["cards"] < 5000:
        engine.clear()
        PriceBook(engine.client).record_edition(NOON)
    return engine


def costs(books: Books, *calls: Call) -> list[Decimal | None]:
    """What the pipeline makes these calls cost, in their order."""
    posted = [replace(call, number=number) for number, call in enumerate(calls)]
    books.client.command("TRUNCATE TABLE spanledger.ledger")
    books.post(posted)
    return [row["cost_usd"] for row in books.ledger("cost_usd", order="trace_id")]


def usd_per_million(rate: str, tokens: int) -> Decimal:
    return Decimal(rate) * tokens / 1_000_000


# -- the sums, term by term


def test_gpt_4o_with_a_cached_prefix(books: Books) -> None:
    usage = {"input": 1200, "output": 85, "cache_read": 1024}
    expected = usd_per_million("2.5", 1200 - 1024) + usd_per_million("1.25", 1024) + usd_per_million("10", 85)
    assert expected == Decimal("0.00257")
    assert costs(books, Call(usage=usage)) == [expected]


def test_claude_with_cache_reads_and_writes_of_five_minutes_and_an_hour(books: Books) -> None:
    usage = {"input": 1050, "output": 30, "cache_read": 700, "cache_write": 300, "cache_write_1h": 100}
    expected = (
        usd_per_million("3", 1050 - 700 - 300)
        + usd_per_million("0.3", 700)
        + usd_per_million("3.75", 300 - 100)
        + usd_per_million("6", 100)
        + usd_per_million("15", 30)
    )
    assert expected == Decimal("0.00216")
    assert costs(books, Call(provider="anthropic", model="claude-sonnet-4-5", usage=usage)) == [expected]


def test_a_call_with_a_fee_pays_it_beside_its_tokens(books: Books) -> None:
    call = Call(provider="perplexity", model="sonar", usage={"input": 10, "output": 20})
    expected = Decimal("0.012") + usd_per_million("1", 10) + usd_per_million("1", 20)
    assert costs(books, call) == [expected]


def test_a_long_input_pays_the_dearer_tier_for_all_its_tokens_from_the_first_one_past_the_threshold(
    books: Books,
) -> None:
    at, past = (
        Call(provider="anthropic", model="claude-sonnet-4-5", usage={"input": tokens, "output": 10})
        for tokens in (200_000, 200_001)
    )
    assert costs(books, at, past) == [
        usd_per_million("3", 200_000) + usd_per_million("15", 10),
        usd_per_million("6", 200_001) + usd_per_million("22.5", 10),
    ]


def test_what_is_cached_counts_for_the_threshold(books: Books) -> None:
    usage = {"input": 200_001, "output": 0, "cache_read": 200_000}
    expected = usd_per_million("6", 1) + usd_per_million("0.6", 200_000)
    assert costs(books, Call(provider="anthropic", model="claude-sonnet-4-5", usage=usage)) == [expected]


@pytest.mark.parametrize(
    ("clock", "dear"),
    [(time(0, 29, 59), False), (time(0, 30), True), (time(16, 29, 59), True), (time(16, 30), False)],
)
def test_deepseek_is_cheaper_at_night(books: Books, clock: time, dear: bool) -> None:
    call = Call(provider="deepseek", model="deepseek-chat", start=datetime.combine(DAY, clock, UTC))
    into, out = ("0.27", "1.1") if dear else ("0.135", "0.55")
    assert costs(books, call) == [usd_per_million(into, 1000) + usd_per_million(out, 100)]


def test_a_new_rate_begins_at_midnight_utc(books: Books) -> None:
    call = Call(provider="deepseek", model="deepseek-v4-pro")
    change = datetime(2026, 8, 17, tzinfo=UTC)
    before, after = replace(call, start=change - timedelta(microseconds=1)), replace(call, start=change)
    assert costs(books, before, after) == [
        usd_per_million("0.435", 1000) + usd_per_million("0.87", 100),
        usd_per_million("0.66", 1000) + usd_per_million("1.98", 100),
    ]


def test_a_service_tier_has_its_own_rates_and_an_unknown_one_pays_the_list_price_as_an_estimate(books: Books) -> None:
    listed = usd_per_million("2.5", 1000) + usd_per_million("10", 100)
    posted = costs(books, *(Call(tier=tier) for tier in ["", "default", "batch", "turbo"]))
    statuses = [row["cost_status"] for row in books.ledger("cost_status", order="trace_id")]
    assert list(zip(posted, statuses, strict=True)) == [
        (listed, "priced"),
        (listed, "priced"),
        (listed / 2, "priced"),
        (listed, "estimated"),
    ]


def test_a_tier_that_has_no_price_yet_is_an_estimate(books: Books) -> None:
    early = Call(tier="batch", start=datetime(2026, 10, 13, tzinfo=UTC))
    assert costs(books, early) == [usd_per_million("2.5", 1000) + usd_per_million("10", 100)]
    assert books.ledger("cost_status") == [{"cost_status": "estimated"}]


def test_an_embedding_has_no_price_for_output(books: Books) -> None:
    inputs_only = Call(model="text-embedding-3-small", usage={"input": 1000})
    with_output = replace(inputs_only, usage={"input": 1000, "output": 1})
    assert costs(books, inputs_only, with_output) == [usd_per_million("0.02", 1000), None]


# -- against genai-prices itself

# genai-prices wants to hear of what may overlap: no cached audio, no spoken reasoning
NONE = ("cache_audio_read_tokens", "cache_audio_write_tokens", "output_audio_reasoning_tokens")
TIERS = ["", "batch", "flex", "priority", "fast"]


def oracle(call: Call) -> Decimal | None:
    """What genai-prices makes of a call, with its rates as they are (more than 12 places at some models)."""
    names = {
        "input": "input_tokens",
        "output": "output_tokens",
        "cache_read": "cache_read_tokens",
        "cache_write": "cache_write_tokens",
        "cache_write_1h": "cache_write_1h_tokens",
        "reasoning": "output_reasoning_tokens",
        "audio_in": "input_audio_tokens",
        "audio_out": "output_audio_tokens",
    }
    context = {"": {}, "batch": {"processing": "batch"}}.get(call.tier, {"service_tier": call.tier})
    price = calc_price(
        Usage(**dict.fromkeys(NONE, 0) | {names[name]: tokens for name, tokens in call.usage.items()}),
        call.model,
        provider_id=OTEL_PROVIDERS.get(call.provider, call.provider),
        genai_request_timestamp=call.start,
        price_context=context,
    )
    rates = {name for name, rate in vars(price.model_price).items() if rate is not None}
    unpriced = {"input_mtok": call.usage["input"], "output_mtok": call.usage["output"]}
    if not rates & unpriced.keys():
        return Decimal(0) if not rates and price.model.id.endswith(":free") else None
    if any(tokens and name not in rates for name, tokens in unpriced.items()):
        return None  # genai-prices adds nothing for what it has no rate for; the ledger would rather not know
    return price.total_price


@st.composite
def priced_calls(draw: st.DrawFn) -> Call:
    provider, model = draw(st.sampled_from(MODELS))
    parts = {name: draw(st.integers(0, 60_000)) for name in ("text_in", "cache_read", "cache_write", "audio_in")}
    scale = draw(st.sampled_from([1, 1, 10, 100]))
    written = parts["cache_write"] * scale
    return Call(
        provider=provider,
        model=model,
        tier=draw(st.sampled_from(TIERS)),
        start=datetime(2025, 6, 1, tzinfo=UTC) + timedelta(minutes=draw(st.integers(0, 760 * 1000))),
        usage={
            "input": sum(parts.values()) * scale,
            "cache_read": parts["cache_read"] * scale,
            "cache_write": written,
            "cache_write_1h": draw(st.integers(0, written)),
            "audio_in": parts["audio_in"] * scale,
            "output": (output := draw(st.integers(0, 60_000))),
            "reasoning": (reasoning := draw(st.integers(0, output))),
            "audio_out": draw(st.integers(0, output - reasoning)),
        },
    )


MODELS = list(Edition.installed().entries)


@settings(
    max_examples=5,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a failing call is shown as it is
)
@given(calls=st.lists(priced_calls(), min_size=100, max_size=200))
def test_any_call_of_any_model_at_any_time_costs_what_genai_prices_says(books: Books, calls: list[Call]) -> None:
    for call, cost in zip(calls, costs(books, *calls), strict=True):
        expected = oracle(call)
        if expected is None or cost is None:
            assert cost is expected, call
        else:
            # a rate is rounded to 12 places, so a million tokens may be off by half the last place, and rounding adds one
            off = Decimal(sum(call.usage.values())) / 1_000_000 * Decimal("5e-13") + Decimal("5e-13")
            assert abs(cost - expected) <= off, call


# -- editions of our own


def provider(*models: ModelInfo, name: str = "house", **more: Any) -> Provider:
    return Provider(id=name, name=name, api_pattern="", models=list(models), **more)


def model(
    name: str, prices: ModelPrice | list[ConditionalPrice], *, variants: list[PriceVariant] | None = None, **more: Any
) -> ModelInfo:
    return ModelInfo(id=name, match=more.pop("match", ClauseEquals(name)), prices=prices, price_variants=variants)


def rates(into: str, out: str = "1") -> ModelPrice:
    return ModelPrice(input_mtok=Decimal(into), output_mtok=Decimal(out))


def edition(*providers: Provider, version: str = "1") -> Edition:
    return Edition(DataSnapshot(list(providers), from_auto_update=False), version)


def million(model: str = "small", **more: Any) -> Call:
    """A call of a million input tokens: it costs what the rate says."""
    return Call(**{"provider": "house", "model": model, "usage": {"input": 1_000_000, "output": 0}} | more)


def test_a_window_of_the_day_may_reach_over_midnight_and_be_given_in_another_zone(empty: Books) -> None:
    night = TimeOfDateConstraint(time(0, 30, tzinfo=timezone(timedelta(hours=2))), time(6, tzinfo=UTC))  # 22:30 UTC
    small = model("small", [ConditionalPrice(None, prices=rates("4")), ConditionalPrice(night, prices=rates("3"))])
    PriceBook(empty.client, edition(provider(small))).record_edition(NOON)
    moments = [time(22, 29, 59), time(22, 30), time(0, 0), time(5, 59, 59), time(6, 0)]
    calls = [million(start=datetime.combine(DAY, moment, UTC)) for moment in moments]
    assert costs(empty, *calls) == [4, 3, 3, 3, 4]


def test_a_dated_price_and_a_dated_tier_change_on_their_own_days(empty: Books) -> None:
    def since(day: int) -> StartDateConstraint:
        return StartDateConstraint(date(2026, 11, day))

    small = model(
        "small",
        [ConditionalPrice(None, prices=rates("4")), ConditionalPrice(since(4), prices=rates("5"))],
        variants=[
            PriceVariant({"service_tier": "flex"}, ModelPrice(input_mtok=Decimal(2)), since(3)),
            PriceVariant({"speed": "fast"}, ModelPrice(input_mtok=Decimal(9))),
        ],
    )
    PriceBook(empty.client, edition(provider(small))).record_edition(NOON)
    days = [datetime(2026, 11, day, tzinfo=UTC) for day in (2, 3, 4)]
    assert costs(empty, *(million(start=day) for day in days)) == [4, 4, 5]
    assert costs(empty, *(million(start=day, tier="flex") for day in days)) == [4, 2, 2]
    assert {row["service_tier"] for row in empty.ask("SELECT service_tier FROM spanledger.prices")} == {"", "flex"}


def test_each_bucket_without_a_rate_pays_what_it_is_a_part_of(empty: Books) -> None:
    bare = model("bare", rates("1", "10"))
    full = model(
        "full",
        ModelPrice(
            input_mtok=Decimal(1), cache_read_mtok=Decimal(2), cache_write_mtok=Decimal(3),
            cache_write_1h_mtok=Decimal(4), input_audio_mtok=Decimal(5), output_mtok=Decimal(10),
            output_reasoning_mtok=Decimal(20), output_audio_mtok=Decimal(30),
        ),
    )  # fmt: skip
    PriceBook(empty.client, edition(provider(bare, full))).record_edition(NOON)
    m = 1_000_000
    usage = {"input": 9 * m, "cache_read": m, "cache_write": 3 * m, "cache_write_1h": m, "audio_in": m,
             "output": 3 * m, "reasoning": m, "audio_out": m}  # fmt: skip
    calls = [Call(provider="house", model=name, usage=usage) for name in ("bare", "full")]
    assert costs(empty, *calls) == [9 * 1 + 3 * 10, 4 * 1 + 2 + 2 * 3 + 4 + 5 + 10 + 20 + 30]


def test_prices_step_up_where_any_of_their_tiers_begins(empty: Books) -> None:
    steps = [Tier(start=500_000, price=Decimal(6)), Tier(start=900_000, price=Decimal(7))]
    tiered = ModelPrice(
        input_mtok=TieredPrices(Decimal(5), steps),
        output_mtok=TieredPrices(Decimal(1), [Tier(start=700_000, price=Decimal(2))]),
    )
    PriceBook(empty.client, edition(provider(model("small", tiered)))).record_edition(NOON)
    inputs = [500_000, 500_001, 700_000, 700_001, 900_000, 900_001]
    calls = [million(usage={"input": tokens, "output": 1_000_000}) for tokens in inputs]
    rate_and_output = zip(inputs, [5, 6, 6, 6, 6, 7], [1, 1, 1, 2, 2, 2], strict=True)
    assert costs(empty, *calls) == [
        usd_per_million(str(rate), tokens) + output for tokens, rate, output in rate_and_output
    ]


def test_rates_are_rounded_half_even_to_twelve_places(empty: Books) -> None:
    small = model("small", rates("0.0000000000025", "0.0000000000035"))
    PriceBook(empty.client, edition(provider(small))).record_edition(NOON)
    m = 1_000_000
    assert costs(empty, million(usage={"input": m, "output": 0}), million(usage={"input": 0, "output": m})) == [
        Decimal("2e-12"),
        Decimal("4e-12"),
    ]


def test_what_is_sold_by_the_minute_or_the_page_has_no_price(empty: Books) -> None:
    spoken = model("spoken", ModelPrice(audio_hours=Decimal("0.36")))
    unknown = model("unknown", ModelPrice())
    free = model("some:free", ModelPrice())
    PriceBook(empty.client, edition(provider(spoken, unknown, free))).record_edition(NOON)
    assert costs(empty, million("spoken"), million("unknown"), million("some:free")) == [None, None, 0]


def test_every_name_of_a_model_and_of_its_seller_is_priced(empty: Books) -> None:
    small = model("small", rates("2"), match=ClauseOr([ClauseEquals("small-2026"), ClauseStartsWith("tiny")]))
    google = provider(name="google", fallback_model_providers=["house"])
    PriceBook(empty.client, edition(provider(small), google)).record_edition(NOON)
    sellers = ["house", "google", "gcp.gemini", "gcp.vertex_ai", "gcp.gen_ai"]
    # a model is found under the names that its own clauses match, in whatever way
    assert costs(empty, *(million("small-2026", provider=seller) for seller in sellers)) == [2] * 5
    assert costs(empty, million("tiny-3"), million("small-2026", provider="other")) == [None, None]


def test_the_names_of_sellers_lead_to_sellers_that_the_book_knows() -> None:
    assert {provider.id for provider in get_snapshot().providers} >= set(OTEL_PROVIDERS.values())


# -- what is recorded


def recorded(books: Books) -> list[dict[str, Any]]:
    return books.ask(
        "SELECT model, service_tier, toFloat64(input_uncached) AS rate, price_id, price_version, toDate(recorded_at) AS day "
        "FROM spanledger.prices ORDER BY recorded_at, provider, model, service_tier, valid_from"
    )


def test_an_edition_is_recorded_once(empty: Books) -> None:
    book = PriceBook(empty.client)
    rows = book.record_edition(NOON)
    [[count]] = empty.client.query("SELECT count() FROM spanledger.prices").result_rows
    assert rows == count > 5000
    assert book.record_edition(NOON + timedelta(days=1)) == 0
    assert PriceBook(empty.client).record_edition(NOON + timedelta(days=2)) == 0


def test_a_new_edition_appends_what_it_changed_and_overwrites_nothing(empty: Books) -> None:
    first = edition(provider(model("small", rates("2")), model("large", rates("8"))))
    dated = [
        ConditionalPrice(None, prices=rates("2")),
        ConditionalPrice(StartDateConstraint(date(2026, 11, 3)), prices=rates("1")),
    ]
    second = edition(provider(model("small", dated), model("large", rates("8"))), version="2")
    PriceBook(empty.client, first).record_edition(NOON)
    before = recorded(empty)
    assert PriceBook(empty.client, second).record_edition(NOON + timedelta(days=1)) == 2
    assert recorded(empty)[:2] == before
    assert [(row["model"], row["rate"], row["price_version"]) for row in recorded(empty)[2:]] == [
        ("small", 2.0, "genai-prices 2"),
        ("small", 1.0, "genai-prices 2"),
    ]
    calls = [million(start=NOON), million(start=NOON + timedelta(days=1)), million("large")]
    assert costs(empty, *calls) == [2, 1, 8]
    [row] = empty.ask("SELECT DISTINCT price_id, price_version FROM spanledger.ledger WHERE model = 'large'")
    assert row == {"price_id": "house/large", "price_version": "genai-prices 1"}


def test_a_model_that_an_edition_drops_keeps_its_last_price(empty: Books) -> None:
    PriceBook(empty.client, edition(provider(model("small", rates("2"))))).record_edition(NOON)
    PriceBook(empty.client, edition(provider(), version="2")).record_edition(NOON + timedelta(days=1))
    assert costs(empty, million()) == [2]


def test_a_model_never_seen_is_found_by_matching_and_kept_under_the_name_it_came_with(empty: Books) -> None:
    small = model("small", rates("2"), match=ClauseStartsWith("small"))
    book = PriceBook(empty.client, edition(provider(small)))
    book.record_edition(NOON)
    assert costs(empty, million("Small-2026-preview")) == [None]
    assert book.record_found({("house", "Small-2026-preview")}, NOON + timedelta(hours=1)) == 1
    assert costs(empty, million("Small-2026-preview")) == [2]
    assert recorded(empty)[-1]["price_id"] == "house/small"


@pytest.mark.parametrize(
    ("seller", "name", "found"),
    [
        ("openai", "gpt-4o-2024-08-06", "openai/gpt-4o"),
        ("openai", "gpt-5.2-20251211", "openai/gpt-5.2"),
        ("azure.ai.openai", "gpt-4o", "openai/gpt-4o"),
        ("gcp.vertex_ai", "claude-sonnet-4-5@20250929", "google/claude-sonnet-4-5"),
        ("litellm", "anthropic/claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        ("", "gpt-4o", "openai/gpt-4o"),
        ("gcp.gemini", "models/gemini-2.5-flash", "google/gemini-2.5-flash"),
        ("gcp.gemini", "googleai/gemini-2.5-flash", "google/gemini-2.5-flash"),
        ("openai", "openai/gpt-4o", "openai/gpt-4o"),
        (
            "aws.bedrock",
            "bedrock/us.anthropic.claude-sonnet-4-20250514-v1:0",
            "aws/regional.anthropic.claude-sonnet-4-20250514-v1:0",
        ),
    ],
)
def test_genai_prices_own_matching_knows_dated_names_and_who_sells_whose_models(
    seller: str, name: str, found: str
) -> None:
    price = Edition.installed().find(seller, name)
    assert price is not None
    assert {card.price_id for cards in price.values() for card in cards} == {found}


@pytest.mark.parametrize(
    ("seller", "name"),
    [("openai", "no-such-model"), ("no-such-seller", "gpt-4o"), ("", ""), ("openai", "openai/gpt-oss-120b")],
)
def test_what_genai_prices_does_not_know_has_no_price(seller: str, name: str) -> None:
    assert Edition.installed().find(seller, name) is None


def test_who_sells_the_model_of_another_has_no_tiers_for_it() -> None:
    at_home, at_azure = (Edition.installed().find(seller, "gpt-4o") for seller in ("openai", "azure"))
    assert at_home is not None and "batch" in at_home
    assert at_azure is not None and list(at_azure) == [""]


def test_a_model_that_is_not_known_is_recorded_so_and_stays_unpriced_until_an_edition_knows_it(empty: Books) -> None:
    pair = ("house", "large")
    small = model("small", rates("2"))
    first = PriceBook(empty.client, edition(provider(small)))
    first.record_edition(NOON)
    assert first.record_found({pair}, NOON + timedelta(hours=1)) == 0
    assert first.record_edition(NOON + timedelta(hours=2)) == 0
    assert costs(empty, million("large"), million("large", usage={"input": 0, "output": 0})) == [None, None]
    assert [(row["model"], row["price_id"]) for row in recorded(empty)] == [("small", "house/small"), ("large", "")]
    large = model("large", rates("8"))
    PriceBook(empty.client, edition(provider(small, large), version="2")).record_edition(NOON + timedelta(days=1))
    assert costs(empty, million("large")) == [8]


def test_what_was_found_by_matching_is_looked_up_again_in_a_new_edition(empty: Books) -> None:
    def book(rate: str, version: str) -> PriceBook:
        small = model("small", rates(rate), match=ClauseStartsWith("small"))
        return PriceBook(empty.client, edition(provider(small), version=version))

    first = book("2", "1")
    assert first.record_edition(NOON) == first.record_found({("house", "small-7")}, NOON) == 1
    assert book("2", "2").record_edition(NOON + timedelta(days=1)) == 0
    assert book("3", "3").record_edition(NOON + timedelta(days=2)) == 2
    assert costs(empty, million("small-7")) == [3]


def test_costs_are_rounded_half_even_once(empty: Books) -> None:
    small = model("small", rates("0.0000005", "0.0000005"))
    PriceBook(empty.client, edition(provider(small))).record_edition(NOON)
    usages = [(1, 0), (2, 1), (1, 1), (5, 0)]
    expected = [
        (Decimal("0.0000005") * (into + out) / 1_000_000).quantize(Decimal("1e-12"), ROUND_HALF_EVEN)
        for into, out in usages
    ]
    calls = [million(usage={"input": into, "output": out}) for into, out in usages]
    assert expected == [0, Decimal("2e-12"), Decimal("1e-12"), Decimal("2e-12")]
    assert costs(empty, *calls) == expected
