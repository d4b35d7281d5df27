"""What a call costs, and what that figure is worth (D6, D8)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from collector.pipeline.otlp import (
    BUCKETS,
    DAY,
    NOW_NS,
    SECOND,
    Card,
    Pipeline,
    Posted,
    Value,
    call,
    failed,
    rates,
    span,
)
from collector.pipeline.together import together
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

INPUT, OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
NO_USAGE: dict[str, Value] = {INPUT: None, OUTPUT: None}
TIER = "openai.response.service_tier"
PLACE = Decimal("1e-12")


@pytest.fixture(scope="module", autouse=True)
def book(pipeline: Pipeline) -> None:
    dollars = rates(input_uncached="2", output_text="8", reasoning="10")
    pipeline.record(
        Card(dollars),
        Card(rates(input_uncached="4", output_text="16"), tier="priority"),
        Card(rates(input_uncached="1", output_text="1"), model="tiered", input_from=0),
        Card(rates(input_uncached="3", output_text="2"), model="tiered", input_from=200_001),
        Card(rates(input_uncached="5", output_text="5"), model="by-day", minutes=(0, 30)),
        Card(rates(input_uncached="1", output_text="1"), model="by-day", minutes=(30, 1380)),
        Card(rates(input_uncached="5", output_text="5"), model="by-day", minutes=(1380, 1440)),
        Card(rates(input_uncached="8"), model="dated", valid=("2026-01-01", "2026-11-01")),
        Card(rates(input_uncached="6"), model="dated", valid=("2026-11-01", "2100-01-01")),
        Card(rates(input_uncached="0.0000005"), model="dust"),
        Card(rates(input_uncached="1", per_call="10000"), model="with-fee"),
    )


def cost(posted: Posted) -> tuple[str, Decimal | None]:
    """Status and cost of the only call, after looking that ledger and span say the same."""
    assert (posted.span["cost_status"], posted.span["cost_usd"]) == (
        posted.posting["cost_status"],
        posted.posting["cost_usd"],
    )
    return posted.posting["cost_status"], posted.posting["cost_usd"]


def test_a_call_with_usage_and_a_price_is_priced(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(call({INPUT: 1000, OUTPUT: 100, "gen_ai.usage.reasoning.output_tokens": 40}))

    assert cost(posted) == ("priced", Decimal("0.00288"))  # 1000 * 2 + 60 * 8 + 40 * 10, in millionths
    assert (posted.posting["price_id"], posted.posting["price_version"]) == ("acme/model-1", "test 1")


def test_a_call_that_used_nothing_costs_nothing(pipeline: Pipeline) -> None:
    assert cost(pipeline.post_spans(call({INPUT: 0, OUTPUT: 0}))) == ("priced", Decimal(0))


def test_the_answering_model_is_priced_and_else_the_requested_one(pipeline: Pipeline) -> None:
    answered = pipeline.post_spans(call({"gen_ai.request.model": "an-alias", "gen_ai.response.model": "model-1"}))
    requested = pipeline.post_spans(call({"gen_ai.request.model": "model-1"}))

    assert [posted.posting["model"] for posted in (answered, requested)] == ["model-1", "model-1"]
    assert cost(answered) == cost(requested) == ("priced", Decimal("0.0028"))


def test_a_call_of_a_model_that_the_book_does_not_know_is_unpriced_and_not_free(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(call({"gen_ai.request.model": "model-x"}))

    assert cost(posted) == ("unpriced", None)
    assert (posted.posting["price_id"], posted.posting["price_version"]) == ("", "")


def test_tokens_without_a_rate_leave_the_call_unpriced(pipeline: Pipeline) -> None:
    assert cost(pipeline.post_spans(call({CACHE_READ: 5}))) == ("unpriced", None)
    assert cost(pipeline.post_spans(call({CACHE_READ: 0}))) == ("priced", Decimal("0.0028"))


@together("tier", ["default", "standard", "auto", "on_demand", None], lambda tier: call({TIER: tier}))
def test_a_standard_service_tier_pays_the_list_price(stored: Posted, tier: str | None) -> None:
    assert cost(stored) == ("priced", Decimal("0.0028"))


def test_a_service_tier_with_rates_of_its_own_pays_those(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(call({TIER: "priority"}))

    assert cost(posted) == ("priced", Decimal("0.0056"))
    assert posted.posting["service_tier"] == "priority"


def test_tokens_that_the_sdk_has_estimated_make_an_estimated_cost(pipeline: Pipeline) -> None:
    assert cost(pipeline.post_spans(call({"spanledger.usage.estimated": True}))) == ("estimated", Decimal("0.0028"))
    assert cost(pipeline.post_spans(call({"spanledger.usage.estimated": False})))[0] == "priced"


def test_a_service_tier_unknown_to_the_book_is_estimated_at_the_list_price(pipeline: Pipeline) -> None:
    assert cost(pipeline.post_spans(call({TIER: "scale"}))) == ("estimated", Decimal("0.0028"))


def test_a_call_with_doubtful_usage_is_partial_and_costs_what_can_be_believed(pipeline: Pipeline) -> None:
    assert cost(pipeline.post_spans(call({OUTPUT: -1}))) == ("partial", Decimal("0.002"))
    assert cost(pipeline.post_spans(call({OUTPUT: -1, TIER: "scale"}))) == ("partial", Decimal("0.002"))


@together(
    "refusal",
    [
        {"error.type": "openai.RateLimitError"},
        {"error.type": "rate_limit_error"},
        {"error.type": "429"},
        {"error.type": "whatever", "http.response.status_code": 503},
        {"http.response.status_code": 400},
    ],
    lambda refusal: call(NO_USAGE | refusal),
)
def test_a_refused_call_without_usage_is_free(stored: Posted, refusal: dict[str, Value]) -> None:
    assert cost(stored) == ("free", Decimal(0))
    assert stored.posting["status"] == "error"


def test_a_refusal_may_be_known_by_the_exception_alone(pipeline: Pipeline) -> None:
    exception = {
        "name": "exception",
        "attributes": [{"key": "exception.type", "value": {"string_value": "RateLimitError"}}],
    }

    posted = pipeline.post_spans(call(NO_USAGE, status=failed(), events=[exception]))

    assert cost(posted) == ("free", Decimal(0))
    assert posted.posting["error_type"] == "RateLimitError"


@together(
    "error",
    ["TimeoutError", "asyncio.CancelledError", "openai.APITimeoutError", "_OTHER"],
    lambda error: call(NO_USAGE | {"error.type": error}),
)
def test_a_call_that_failed_otherwise_without_usage_may_have_been_billed_so_it_is_unpriced(
    stored: Posted, error: str
) -> None:
    assert cost(stored) == ("unpriced", None)


def test_a_call_that_succeeded_without_usage_is_unpriced(pipeline: Pipeline) -> None:
    assert cost(pipeline.post_spans(call(NO_USAGE))) == ("unpriced", None)


def test_a_refused_call_with_usage_is_priced(pipeline: Pipeline) -> None:
    assert cost(pipeline.post_spans(call({"http.response.status_code": 500}))) == ("priced", Decimal("0.0028"))


def reported(amount: Value, source: str = "provider", currency: str | None = "USD") -> dict[str, Value]:
    return {
        "gen_ai.usage.cost.amount": amount,
        "gen_ai.usage.cost.currency": currency,
        "gen_ai.usage.cost.source": source,
    }


UNKNOWN: dict[str, Value] = {"gen_ai.request.model": "model-x"}


@together("currency", ["USD", None], lambda currency: call(UNKNOWN | reported(0.25, currency=currency)))
def test_a_reported_cost_stands_in_where_no_price_is_known(stored: Posted, currency: str | None) -> None:
    assert cost(stored) == ("reported", Decimal("0.25"))


def test_a_reported_cost_stands_in_where_no_usage_is_known(pipeline: Pipeline) -> None:
    assert cost(pipeline.post_spans(call(NO_USAGE | reported(0.25)))) == ("reported", Decimal("0.25"))


def test_a_known_price_goes_before_a_reported_cost_which_is_kept_beside_it(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(call(reported(0.25)))

    assert cost(posted) == ("priced", Decimal("0.0028"))
    assert (posted.span["reported_cost_usd"], posted.span["reported_cost_source"]) == (Decimal("0.25"), "provider")


def test_our_own_sdk_knows_no_more_than_the_book(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(call(UNKNOWN | reported(0.25, source="local")))

    assert cost(posted) == ("unpriced", None)
    assert (posted.span["reported_cost_usd"], posted.span["reported_cost_source"]) == (Decimal("0.25"), "local")


@together(
    "amount",
    [-0.01, 100_000.01, 1e300, float("nan"), float("inf"), "much", True, [0.25], ""],
    lambda amount: call(UNKNOWN | reported(amount)),
)
def test_a_reported_cost_beyond_reason_is_not_believed(stored: Posted, amount: Value) -> None:
    assert cost(stored) == ("unpriced", None)
    assert (stored.span["reported_cost_usd"], stored.span["reported_cost_source"]) == (None, "")


def test_a_reported_cost_in_another_currency_is_not_believed(pipeline: Pipeline) -> None:
    assert cost(pipeline.post_spans(call(UNKNOWN | reported(0.25, currency="EUR")))) == ("unpriced", None)


@together(
    ("amount", "posted_as"),
    [(1e-9, "0.000000001"), ("0.10", "0.1"), (3, "3"), (100_000, "100000")],
    lambda amount, posted_as: call(UNKNOWN | reported(amount)),
)
def test_a_reported_cost_may_be_a_float_a_text_or_an_int(stored: Posted, amount: Value, posted_as: str) -> None:
    assert cost(stored) == ("reported", Decimal(posted_as))


@together(
    ("amount", "posted_as"),
    [
        (633 * 1.5e-7 + 34 * 6e-7, "0.00011535"),  # 0.00011534999999999998
        ("0.0000000000005", "0"),
        ("0.0000000000015", "0.000000000002"),
        ("0.00000000000050000001", "0.000000000001"),
    ],
    lambda amount, posted_as: call(UNKNOWN | reported(amount)),
)
def test_a_reported_cost_is_rounded_half_even_to_twelve_decimals(stored: Posted, amount: Value, posted_as: str) -> None:
    assert cost(stored) == ("reported", Decimal(posted_as))


@together(
    "operation",
    ["invoke_agent", "execute_tool", "create_agent", "invoke_workflow", "something_new"],
    lambda operation: call({"gen_ai.operation.name": operation} | reported(0.25)),
)
def test_what_is_no_call_is_never_billed(stored: Posted, operation: str) -> None:
    assert stored.counts["ledger"] == 0
    assert (stored.span["billing_owner"], stored.span["cost_usd"], stored.span["cost_status"]) == (False, None, "")
    assert stored.span["input_tokens"] == 1000


@together(
    "operation",
    ["chat", "generate_content", "text_completion", "embeddings", "rerank"],
    lambda operation: call({"gen_ai.operation.name": operation}),
)
def test_every_kind_of_call_is_billed(stored: Posted, operation: str) -> None:
    assert cost(stored) == ("priced", Decimal("0.0028"))
    assert (stored.posting["operation"], stored.span["billing_owner"]) == (operation, True)


def test_usage_without_an_operation_is_a_chat(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(call({"gen_ai.operation.name": None}))

    assert posted.posting["operation"] == "chat"


def test_a_span_that_has_nothing_to_do_with_models_is_not_billed(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(span({"http.request.method": "GET"}))

    assert posted.counts == {"spans": 1, "ledger": 0, "rejected": 0, "deliveries": 1}


@together(
    ("tokens", "dollars"),
    [(200_000, "0.2"), (200_001, "0.600003")],
    lambda tokens, dollars: call({"gen_ai.request.model": "tiered", INPUT: tokens, OUTPUT: 0}),
    ids=["below the tier", "at the tier, for all tokens"],
)
def test_the_total_input_chooses_the_rate_card(stored: Posted, tokens: int, dollars: str) -> None:
    assert cost(stored) == ("priced", Decimal(dollars))


def million(model: str, start: int) -> Span:
    """A call of a million tokens that began at `start`."""
    values: dict[str, Value] = {"gen_ai.request.model": model, INPUT: 1_000_000, OUTPUT: 0}
    return call(values, start_time_unix_nano=start, end_time_unix_nano=start + 1)


@together(
    ("hour", "minute", "dollars"),
    [(0, 0, "5"), (0, 29, "5"), (0, 30, "1"), (12, 0, "1"), (22, 59, "1"), (23, 0, "5"), (23, 59, "5")],
    lambda hour, minute, dollars: million(
        "by-day", NOW_NS - DAY // 2 + (60 * hour + minute) * 60 * SECOND + 59 * SECOND
    ),
)
def test_the_minute_of_the_day_chooses_the_rate_card(stored: Posted, hour: int, minute: int, dollars: str) -> None:
    assert cost(stored) == ("priced", Decimal(dollars))


@together(
    ("start", "dollars"),
    [
        (NOW_NS - 3 * DAY // 2 - 1, Decimal(8)),
        (NOW_NS - 3 * DAY // 2, Decimal(6)),
        (NOW_NS - 400 * DAY, None),
    ],
    lambda start, dollars: million("dated", start),
    ids=["the last moment of October", "the first of November", "before the book began"],
)
def test_the_day_of_the_call_chooses_the_price(stored: Posted, start: int, dollars: Decimal | None) -> None:
    assert cost(stored) == (("unpriced" if dollars is None else "priced"), dollars)


def test_a_fee_for_the_call_is_added(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(call({"gen_ai.request.model": "with-fee", INPUT: 1000, OUTPUT: 0}))

    assert cost(posted) == ("priced", Decimal("0.011"))  # 1,000 tokens at 1 dollar a million, and a cent


@together(
    ("tokens", "picodollars"),
    [(1, 0), (2, 1), (3, 2), (4, 2), (5, 2), (6, 3), (7, 4)],
    lambda tokens, picodollars: call({"gen_ai.request.model": "dust", INPUT: tokens, OUTPUT: 0}),
)  # half a picodollar each
def test_money_is_rounded_half_even_at_the_twelfth_decimal(stored: Posted, tokens: int, picodollars: int) -> None:
    assert cost(stored) == ("priced", picodollars * PLACE)


BUCKET_ATTRIBUTES = {
    "cache_read": CACHE_READ,
    "cache_write_5m": "gen_ai.usage.cache_write.input_tokens",
    "audio_in": "gen_ai.usage.audio.input_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
    "audio_out": "gen_ai.usage.audio.output_tokens",
}
RATES = st.decimals(0, 999_999, places=12) | st.decimals(0, 100, places=3)


@st.composite
def priced_calls(draw: st.DrawFn) -> tuple[dict[str, Decimal], dict[str, int]]:
    """Rates, and the tokens of each bucket."""
    tokens = {bucket: draw(st.integers(0, 10_000_000)) for bucket in BUCKETS if bucket != "cache_write_1h"}
    return {bucket: draw(RATES) for bucket in BUCKETS}, tokens


@settings(max_examples=4)
@given(st.lists(priced_calls(), min_size=20, max_size=40))
def test_a_cost_is_the_exact_sum_rounded_once(
    pipeline: Pipeline, examples: list[tuple[dict[str, Decimal], dict[str, int]]]
) -> None:
    model = f"random-{pipeline.segments}"
    pipeline.record(*(Card(dollars, model=f"{model}-{number}") for number, (dollars, _) in enumerate(examples)))

    posted = pipeline.post_spans(
        *(
            call(
                {
                    "gen_ai.request.model": f"{model}-{number}",
                    INPUT: sum(tokens[bucket] for bucket in BUCKETS[:5] if bucket in tokens),
                    OUTPUT: sum(tokens[bucket] for bucket in BUCKETS[5:]),
                    **{attribute: tokens[bucket] for bucket, attribute in BUCKET_ATTRIBUTES.items()},
                }
            )
            for number, (_, tokens) in enumerate(examples)
        )
    )

    costs = {int(row["model"].rsplit("-", 1)[1]): row["cost_usd"] for row in posted.rows("ledger")}
    for number, (dollars, tokens) in enumerate(examples):
        exact = sum(count * Fraction(dollars[bucket]) for bucket, count in tokens.items()) / 10**6
        assert costs[number] == round(exact * 10**12) * PLACE  # Python rounds fractions half to even
