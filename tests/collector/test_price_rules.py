"""The user's prices: what the file may say, what is said where it is wrong, and what comes before the list price."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from collector.books import NOON, Books, Call
from genai_prices.data_snapshot import DataSnapshot
from genai_prices.types import ClauseStartsWith, ModelInfo, ModelPrice, PriceVariant, Provider
from hypothesis import given
from hypothesis import strategies as st
from spanledger_collector.bookkeeper import Bookkeeper
from spanledger_collector.corrections import Corrections
from spanledger_collector.errors import StartError
from spanledger_collector.price_rules import PriceRules, load, load_default
from spanledger_collector.pricing import Edition, PriceBook
from spanledger_collector.spool import Spool

Write = Callable[[str], Path]
MILLION = {"input": 1_000_000, "output": 0}
SMALL = ModelInfo(
    id="small",
    match=ClauseStartsWith("small"),
    prices=ModelPrice(input_mtok=Decimal(2), output_mtok=Decimal(8)),
    price_variants=[PriceVariant({"service_tier": "flex"}, ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(4)))],
)
HOUSE = Provider(id="house", name="House", api_pattern="", models=[SMALL])
EDITION = Edition(DataSnapshot([HOUSE], from_auto_update=False), "1")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(said: str) -> Path:
        path = tmp_path / "prices.yaml"
        path.write_text(said)
        return path

    return to_file


# -- the file


def test_a_file_says_rates_discounts_and_gpus(write: Write) -> None:
    found = load(
        write("""
per_token:
  - {name: contract, provider: openai, model: gpt*, discount: 12%, valid_from: 2026-11-01, valid_to: 2027-01-01}
  - {name: qwen, model: qwen*, valid_from: 2026-11-02T10:30:00+01:00, usd_per_million: {input: 0.2, output: 0.6}}
per_gpu_hour:
  - {name: h100, model: llama*, provider: ollama, usd_per_gpu_hour: 2.5, gpus: 8, shared_by: time}
""")
    )
    contract, qwen, h100 = found.rules
    assert datetime.fromtimestamp(contract.valid_from, UTC) == datetime(2026, 11, 1, tzinfo=UTC)
    assert datetime.fromtimestamp(qwen.valid_from, UTC) == datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
    assert found.per_token[0].discount == Decimal("0.12")
    assert found.per_gpu_hour[0].usd_an_hour == 20
    assert h100.matches("ollama", "LLAMA3.2:70b") and not h100.matches("openai", "llama3")


def test_without_a_file_there_are_no_rules(tmp_path: Path, write: Write) -> None:
    assert load_default(None, tmp_path) == PriceRules() == load(write(""))
    write("per_token: [{name: a, model: b, discount: 1%}]")
    assert [rule.name for rule in load_default(None, tmp_path).rules] == ["a"]


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("per_tokn: []", "there is no per_tokn; there are per_token, per_gpu_hour"),
        ("per_token: [{name: a, model: b, usd_per_million: {input: 1}}]", r"per_token\[0\].usd_per_million.output: it is missing"),
        ("per_token: [{name: a, model: b, usd_per_million: {input: 1, output: 1, in: 2}}]", "there is no in; there are input, output"),
        ("per_token: [{name: a, model: b}]", "the rule a has to have either usd_per_million or discount"),
        ("per_token: [{name: a, discount: 12%}]", "the rule a says for no calls: give it a provider, a model or both"),
        ("per_token: [{name: a, model: b, discount: 0.12}]", r"per_token\[0\].discount: 0.12 is no discount: say a percentage"),
        ("per_token: [{name: a, model: b, discount: 120%}]", "up to 100"),
        ("per_token: [{name: a, model: b, discount: 1%, usd_per_call: 1}]", "leave usd_per_call out"),
        ("per_token: [{name: a, model: b, discount: 1%, valid_from: soon}]", "'soon' is no date or time: say 2026-11-01"),
        ("per_token: [{name: a, model: b, discount: 1%, valid_from: 2026-02-01, valid_to: 2026-01-01}]", "the rule a is never valid"),
        ("per_token: [{name: a, model: b, usd_per_million: {input: -1, output: 1}}]", "it cannot be less than 0"),
        ("per_token: [{name: a, model: b, usd_per_million: {input: 1000000, output: 1}}]", "too much"),
        ("per_gpu_hour: [{name: a, model: b, usd_per_gpu_hour: 1, gpus: 1, shared_by: calls}]", "'calls' is none of 'tokens' or 'time'"),
        ("per_gpu_hour: [{name: a, model: b, usd_per_gpu_hour: 1, gpus: 1, shared_by: time, charge_idle: true}]", "say from when on"),
        ("per_token: [{name: a, model: b, discount: 1%}, {name: a, model: c, discount: 1%}]", "the name a is given twice"),
        ("per_token: [{name: a, model: qwen*, discount: 1%}, {name: b, provider: openai, discount: 2%}]", "the rules a and b overlap"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place_and_the_way_out(write: Write, said: str, error: str) -> None:
    with pytest.raises(StartError, match=error):
        load(write(said))


def test_rules_of_other_models_providers_or_times_do_not_overlap(write: Write) -> None:
    rules = [
        "{name: a, model: qwen2*, discount: 1%, valid_to: 2026-11-01}",
        "{name: b, model: qwen2*, discount: 2%, valid_from: 2026-11-01}",
        "{name: c, model: qwen3*, provider: vllm, discount: 3%}",
        "{name: d, model: qwen3*, provider: ollama, discount: 4%}",
    ]
    assert len(load(write(f"per_token: [{', '.join(rules)}]")).rules) == 4


PATTERNS = st.text("ab*?", min_size=1, max_size=5)


@given(one=PATTERNS, other=PATTERNS, text=st.text("ab", min_size=0, max_size=7))
def test_two_patterns_that_match_one_text_overlap(one: str, other: str, text: str) -> None:
    rules = [{"name": name, "model": pattern, "discount": "1%"} for name, pattern in (("one", one), ("other", other))]
    both = fnmatch.fnmatchcase(text, one) and fnmatch.fnmatchcase(text, other)
    if both:
        with pytest.raises(ValueError, match="overlap"):
            PriceRules.model_validate({"per_token": rules})


def test_patterns_that_can_match_no_text_together_do_not_overlap() -> None:
    for one, other in [("a*", "b*"), ("*a", "*b"), ("a?", "a"), ("??*", "?"), ("a*b", "a*c"), ("ab", "a*bb")]:
        rules = [{"name": name, "model": at, "discount": "1%"} for name, at in (("one", one), ("other", other))]
        assert len(PriceRules.model_validate({"per_token": rules}).rules) == 2


# -- before the list price


@pytest.fixture
def books(engine: Books) -> Books:
    engine.clear()
    return engine


def start(books: Books, at: datetime = NOON, **rules: Any) -> PriceBook:
    book = PriceBook(books.client, EDITION, PriceRules.model_validate(rules))
    book.record_edition(at)
    return book


def posted(books: Books, *calls: Call) -> list[tuple[Any, ...]]:
    books.client.command("TRUNCATE TABLE spanledger.ledger")
    books.post([replace(call, number=number) for number, call in enumerate(calls)])
    rows = books.ledger("cost_usd, cost_status, price_id", order="trace_id")
    return [(row["cost_usd"], row["cost_status"], row["price_id"]) for row in rows]


def small(number: int = 1, **more: Any) -> Call:
    return Call(number, **{"provider": "house", "model": "small", "usage": MILLION, **more})


def test_a_rule_goes_before_the_list_price_in_its_time_and_for_every_tier(books: Books) -> None:
    rate = {"name": "ours", "model": "small", "valid_from": NOON, "valid_to": NOON + timedelta(hours=1)}
    start(books, per_token=[rate | {"usd_per_million": {"input": "0.5", "output": 1}}])
    moments = [NOON - timedelta(seconds=1), NOON, NOON + timedelta(minutes=59, seconds=59), NOON + timedelta(hours=1)]
    assert posted(books, *(small(start=moment) for moment in moments)) == [
        (2, "priced", "house/small"), (Decimal("0.5"), "priced", "user:ours"),
        (Decimal("0.5"), "priced", "user:ours"), (2, "priced", "house/small"),
    ]  # fmt: skip
    assert posted(books, small(tier="flex"), small(tier="flex", start=moments[0])) == [
        (Decimal("0.5"), "priced", "user:ours"), (1, "priced", "house/small"),
    ]  # fmt: skip


def test_a_discount_is_taken_off_every_rate_and_tier(books: Books) -> None:
    start(books, per_token=[{"name": "contract", "provider": "house", "discount": "12%"}])
    assert posted(books, small(), small(tier="flex"), small(usage={"input": 0, "output": 1_000_000})) == [
        (Decimal("1.76"), "priced", "user:contract"), (Decimal("0.88"), "priced", "user:contract"),
        (Decimal("7.04"), "priced", "user:contract"),
    ]  # fmt: skip


def test_a_bucket_that_is_not_given_is_charged_as_what_it_is_a_part_of_and_a_call_pays_its_fee(books: Books) -> None:
    given = {"input": 1, "output": 10, "cache_read": "0.1", "reasoning": 20}
    start(books, per_token=[{"name": "a", "model": "small", "usd_per_million": given, "usd_per_call": "0.003"}])
    usage = {"input": 1_000_000, "cache_read": 400_000, "cache_write": 100_000, "output": 300_000, "reasoning": 100_000}
    expected = Decimal("0.5") + Decimal("0.04") + Decimal("0.1") + 2 + 2 + Decimal("0.003")
    assert posted(books, small(usage=usage)) == [(expected, "priced", "user:a")]


def test_a_rule_with_a_pattern_prices_models_that_come_later_and_reprices_nothing(books: Books) -> None:
    book = start(books, per_token=[{"name": "q", "model": "qwen*", "usd_per_million": {"input": 1, "output": 1}}])
    books.post([small(model="qwen3", provider="ollama")])
    corrections = Corrections(books.client)
    assert book.record_found(corrections.find_unpriced(), NOON) == 1
    assert corrections.post_price_found(99, NOON) == 2
    books.segment = 99
    start(
        books,
        NOON + timedelta(hours=1),
        per_token=[{"name": "q", "model": "qwen*", "usd_per_million": {"input": 5, "output": 5}}],
    )
    assert not corrections.find_price_found()
    [row] = books.ask("SELECT sum(cost_usd) AS cost FROM spanledger.ledger")
    assert row["cost"] == 1
    assert posted(books, small(model="qwen3", provider="ollama")) == [(5, "priced", "user:q")]


def test_a_rule_that_names_its_model_prices_the_first_call_at_once(books: Books) -> None:
    rule = {"name": "q", "provider": "ollama", "model": "qwen3", "usd_per_million": {"input": 1, "output": 1}}
    start(books, per_token=[rule])
    assert posted(books, small(model="qwen3", provider="ollama")) == [(1, "priced", "user:q")]


def test_what_a_rule_said_stays_recorded_and_without_it_the_list_price_is_back(books: Books) -> None:
    rule = {"name": "a", "model": "small*", "usd_per_million": {"input": 1, "output": 1}}
    book = start(books, per_token=[rule])
    book.record_found({("house", "small-7")}, NOON)
    before = books.ask("SELECT * FROM spanledger.prices ORDER BY ALL")
    assert start(books, NOON, per_token=[rule]).record_edition(NOON) == 0
    start(books, NOON + timedelta(hours=1))
    after = books.ask("SELECT * FROM spanledger.prices ORDER BY ALL")
    assert [row for row in before if row not in after] == []
    assert posted(books, small(), small(model="small-7")) == [(2, "priced", "house/small")] * 2


def test_a_self_hosted_model_that_is_called_as_a_listed_one_pays_the_list_price_until_a_rule_says_otherwise(
    books: Books,
) -> None:
    own = small(attributes={"server.address": "gpu-7.internal"})
    start(books)
    assert posted(books, own) == [(2, "priced", "house/small")]
    start(books, per_token=[{"name": "own", "model": "small", "usd_per_million": {"input": 0, "output": 0}}])
    assert posted(books, own) == [(0, "priced", "user:own")]


# -- between segments


def test_the_bookkeeper_shares_hours_when_they_are_over_and_what_comes_late_and_takes_up_a_run_that_died(
    books: Books, tmp_path: Path
) -> None:
    rule = {"name": "h", "model": "qwen*", "usd_per_gpu_hour": 4, "gpus": 1, "shared_by": "tokens"}
    rules = PriceRules.model_validate({"per_gpu_hour": [rule]})
    now = [NOON + timedelta(minutes=30)]
    spool = Spool(tmp_path / "spool")
    spool.next_number()

    def tidied(*segments: int) -> Any:
        keeper = Bookkeeper(books.store, spool, lambda: now[0], rules)
        keeper.open_book()
        for segment in segments:
            keeper.posted(segment)
        keeper.tidy(False)
        keeper.close()
        [row] = books.ask("SELECT sum(cost_usd) AS cost FROM spanledger.ledger")
        return row["cost"]

    books.segment = 1000
    assert tidied(books.post([small(1, model="qwen3")])) is None
    now[0] = NOON + timedelta(hours=1, minutes=10)
    assert tidied() == 4
    number = spool.next_number()
    spool.journal.start(number)  # a run that died: half of its rows are there
    books.client.command(
        "INSERT INTO spanledger.ledger SELECT * REPLACE("
        f"{number} AS segment, 'reversal' AS kind, -1 AS calls, -cost_usd AS cost_usd) FROM spanledger.ledger "
        "WHERE reason = 'gpu_hour' AND kind = 'charge'"
    )
    assert tidied(books.post([small(2, model="qwen3")])) == 4
    rows = books.ask("SELECT trace_id, sum(cost_usd) AS cost FROM spanledger.ledger GROUP BY trace_id")
    assert [row["cost"] for row in rows] == [2, 2]
    spool.close()
    spool.journal.close()
