"""Corrections: whatever was charged late, twice or without a price, the ledger sums to what each call cost, once."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from collector.books import NOON, Books, Call
from genai_prices.data_snapshot import DataSnapshot
from genai_prices.types import ClauseEquals, ClauseStartsWith, ModelInfo, ModelPrice, PriceVariant, Provider
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from spanledger_collector.corrections import Corrections
from spanledger_collector.pricing import Edition, PriceBook

LATER = NOON + timedelta(days=21)
FIGURES = (
    "calls, input_uncached, cache_read, cache_write_5m, cache_write_1h, audio_in, output_text, reasoning, audio_out"
)


def rates(into: int, out: int) -> ModelPrice:
    return ModelPrice(input_mtok=Decimal(into), output_mtok=Decimal(out))


# `known` is in the book from the start, `late…` is found by matching only; `house` sells both.
KNOWN = ModelInfo(id="known", match=ClauseEquals("known"), prices=rates(2, 10))
LATE = ModelInfo(
    id="late",
    match=ClauseStartsWith("late-"),
    prices=rates(3, 30),
    price_variants=[PriceVariant({"service_tier": "flex"}, rates(1, 20))],
)
HOUSE = Provider(id="house", name="House", api_pattern="", models=[KNOWN, LATE])
EDITION = Edition(DataSnapshot([HOUSE], from_auto_update=False), "1")


@dataclass
class Desk:
    """Books, and who keeps them."""

    books: Books
    book: PriceBook
    corrections: Corrections
    now: datetime = LATER

    def find_prices(self) -> int:
        """Look up what is unpriced, and post what came of it; returns the number of postings."""
        self.book.record_found(self.corrections.find_unpriced(), self.tick())
        return self.corrections.post_price_found(self.run(), self.tick())

    def reverse_duplicates(self, *segments: int) -> int:
        """Look for calls of these segments, or of all, that are charged more than once; returns the number of postings."""
        return self.corrections.post_duplicates(
            self.run(), self.tick(), segments or list(range(1, self.books.segment + 1))
        )

    def run(self) -> int:
        """The number of a segment that nothing was posted as yet."""
        self.books.segment += 1
        return self.books.segment

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def desk(engine: Books) -> Desk:
    engine.clear()
    desk = Desk(engine, PriceBook(engine.client, EDITION), Corrections(engine.client))
    desk.book.record_edition(NOON)
    return desk


def call(number: int = 1, model: str = "known", **more: Any) -> Call:
    return Call(number, provider="house", model=model, **more)


KNOWN_COST, LATE_COST = Decimal("0.003"), Decimal("0.006")  # of 1000 tokens in and 100 out


# -- a price that is found late


def test_a_call_without_a_price_is_reversed_and_charged_again_once_it_has_one(desk: Desk) -> None:
    segment = desk.books.post([call(model="late-1"), call(2)])
    assert desk.books.total() == KNOWN_COST
    assert desk.find_prices() == 2
    first, reversal, charge = desk.books.ledger("*, posting_id", order="posted_at, segment, kind DESC")[-3:]
    assert (first["kind"], first["reason"], first["cost_usd"], first["cost_status"]) == ("charge", "", None, "unpriced")
    assert first["segment"] == segment
    assert (reversal["kind"], reversal["calls"], reversal["cost_usd"], reversal["cost_status"]) == (
        "reversal", -1, None, "unpriced",
    )  # fmt: skip
    assert (reversal["input_uncached"], reversal["output_text"], reversal["reasoning"]) == (-1000, -100, 0)
    assert (charge["kind"], charge["calls"], charge["cost_usd"], charge["cost_status"]) == (
        "charge", 1, LATE_COST, "priced",
    )  # fmt: skip
    assert (charge["price_id"], charge["price_version"]) == ("house/late", "genai-prices 1")
    for correction in (reversal, charge):
        assert correction["reason"] == "price_found"
        assert correction["refers_to"] == first["posting_id"]
        assert correction["posted_at"].replace(tzinfo=NOON.tzinfo) == desk.now
        same = ("project", "timestamp", "period", "trace_id", "span_id", "model", "duration_ns", "status", "operation")
        assert [correction[name] for name in same] == [first[name] for name in same]
    assert desk.books.total() == KNOWN_COST + LATE_COST
    assert desk.books.standing() == {"priced": 2}


def test_the_readmes_question_for_unpriced_calls_lists_none_that_was_priced_since(desk: Desk) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    [question] = re.findall(r"`(SELECT model, cost_status, [^`]+)`", readme)
    question = question.replace("FROM ledger", "FROM spanledger.ledger")
    desk.books.post([call(1, "late-1"), call(2, "other"), call(3)])
    assert {row["model"] for row in desk.books.ask(question)} == {"late-1", "other"}
    desk.find_prices()
    assert desk.books.ask(question) == [{"model": "other", "cost_status": "unpriced", "calls": 1}]


def test_a_correction_is_made_once(desk: Desk) -> None:
    desk.books.post([call(number, model="late-1") for number in range(5)], [call(3, model="late-1")])
    assert desk.find_prices() == 12
    assert desk.reverse_duplicates() == 1
    assert desk.books.total() == 5 * LATE_COST
    assert (desk.find_prices(), desk.reverse_duplicates()) == (0, 0)
    assert not desk.corrections.find_price_found()
    assert not desk.corrections.find_duplicates([1])


def test_unpriced_models_are_asked_for_once_the_busiest_first(desk: Desk) -> None:
    segments = [
        desk.books.post([call(1, "other"), call(2, "late-1"), call(3, "late-1")]),
        desk.books.post([call(4, "late-2"), call(5), call(6, "no-usage", usage={})]),
    ]
    find = desk.corrections.find_unpriced
    assert find(segments[1:]) == {("house", "late-2")}
    assert find() == find(segments) == {("house", "other"), ("house", "late-1"), ("house", "late-2")}
    assert find(limit=1) == {("house", "late-1")}
    assert desk.book.record_found(find(), LATER) == 2
    assert find() == set()
    assert desk.corrections.find_price_found()


def test_a_call_whose_usage_is_not_known_stays_unpriced(desk: Desk) -> None:
    desk.books.post([call(1, "late-1", usage={}), call(2, "late-1")])
    desk.find_prices()
    assert desk.books.standing() == {"unpriced": 1, "priced": 1}
    assert desk.find_prices() == 0


def test_a_tier_is_charged_by_its_own_rates_and_an_unknown_one_is_estimated(desk: Desk) -> None:
    desk.books.post([call(number, "late-1", tier=tier) for number, tier in enumerate(["", "default", "flex", "turbo"])])
    desk.find_prices()
    rows = desk.books.ask(
        "SELECT cost_usd, cost_status FROM spanledger.ledger WHERE kind = 'charge' AND reason != '' ORDER BY trace_id"
    )
    assert [(row["cost_usd"], row["cost_status"]) for row in rows] == [
        (LATE_COST, "priced"),
        (LATE_COST, "priced"),
        (Decimal("0.003"), "priced"),
        (LATE_COST, "estimated"),
    ]


def test_usage_that_contradicts_itself_is_partial_with_a_price_too(desk: Desk) -> None:
    desk.books.post([call(1, "late-1", usage={"input": 1000, "cache_read": 2000, "output": 100})])
    desk.find_prices()
    assert desk.books.standing() == {"partial": 1}


def test_a_charge_made_late_is_what_the_pipeline_would_have_made_of_it(desk: Desk) -> None:
    draw = random.Random(5)
    calls = []
    for number in range(60):
        output = draw.randrange(10_000)
        usage = {name: draw.randrange(5_000) for name in ("cache_read", "cache_write", "audio_in")}
        usage |= {"input": sum(usage.values()) + draw.randrange(-1_000, 5_000), "output": output}
        usage |= {"reasoning": draw.randrange(output + 1), "cache_write_1h": draw.randrange(usage["cache_write"] + 1)}
        tier = draw.choice(["", "flex", "turbo"])
        calls.append(call(number, f"late-{number % 3}", usage=usage, tier=tier))
    desk.books.post(calls)
    desk.find_prices()
    desk.books.post([replace(one, number=one.number + 1000) for one in calls])
    columns = f"{FIGURES}, cost_usd, cost_status, price_id, price_version, usage_flagged, reports_cache"
    late, at_once = (
        desk.books.ask(
            f"SELECT {columns} FROM spanledger.ledger WHERE kind = 'charge' AND cost_status != 'unpriced' "
            f"AND reason = '{reason}' ORDER BY trace_id"
        )
        for reason in ("price_found", "")
    )
    assert len(late) == 60
    assert late == at_once


def test_latency_counts_a_call_that_was_charged_again_once(desk: Desk) -> None:
    desk.books.post([call(number, "late-1") for number in range(3)])
    desk.find_prices()
    [row] = desk.books.ask("SELECT countIf(kind = 'charge' AND reason = '') AS firsts FROM spanledger.ledger")
    assert row["firsts"] == 3


# -- what was charged twice


def test_the_same_call_in_another_request_is_reversed(desk: Desk) -> None:
    desk.books.post([call(1), call(2)])
    segment = desk.books.post([call(2, usage={"input": 5000, "output": 0}), call(3)])
    assert desk.corrections.find_duplicates([segment])
    assert desk.reverse_duplicates(segment) == 1
    [reversal] = desk.books.ask("SELECT * FROM spanledger.ledger WHERE kind = 'reversal'")
    later = desk.books.ask(f"SELECT posting_id FROM spanledger.ledger WHERE segment = {segment} ORDER BY trace_id")[0]
    assert (reversal["reason"], reversal["refers_to"]) == ("duplicate", later["posting_id"])
    assert (reversal["calls"], reversal["input_uncached"], reversal["cost_usd"]) == (-1, -5000, -Decimal("0.01"))
    assert desk.books.total() == 3 * KNOWN_COST


def test_what_was_received_first_stays(desk: Desk) -> None:
    first, second = call(1, usage={"input": 1, "output": 0}), call(1, usage={"input": 2, "output": 0})
    desk.books.post([second], at=LATER)
    desk.books.post([first], at=LATER - timedelta(seconds=1))
    desk.reverse_duplicates()
    assert desk.books.total() == Decimal("0.000002")


def test_a_call_repeated_within_a_segment_or_a_request_is_charged_once(desk: Desk) -> None:
    short = call(1, usage={"input": 1, "output": 0})
    desk.books.post([call(1), call(1), call(1), short], [short, call(1)], [call(2), call(2)])
    assert desk.reverse_duplicates() == 6
    assert desk.books.standing() == {"priced": 2}
    assert desk.books.total() in (2 * KNOWN_COST, KNOWN_COST + Decimal("0.000002"))
    assert desk.reverse_duplicates() == 0


def test_only_calls_of_the_segments_asked_for_are_looked_at(desk: Desk) -> None:
    segments = [desk.books.post([call(number)]) for number in (1, 1, 2, 2)]
    assert not desk.corrections.find_duplicates([])
    assert desk.reverse_duplicates(segments[0]) == 1
    assert desk.books.standing() == {"priced": 3}
    assert desk.reverse_duplicates(segments[3]) == 1
    assert desk.books.total() == 2 * KNOWN_COST


def test_calls_of_two_projects_or_of_other_spans_are_not_the_same(desk: Desk) -> None:
    desk.books.post([call(1), call(2)])
    desk.books.client.command(
        "INSERT INTO spanledger.ledger SELECT * REPLACE('other' AS project) FROM spanledger.ledger"
    )
    assert desk.reverse_duplicates() == 0


def test_a_start_that_another_source_rounds_is_the_same_call_even_in_another_hour(desk: Desk) -> None:
    last = NOON.replace(minute=59, second=59, microsecond=999_999)
    desk.books.post([call(1, start=last)])
    segment = desk.books.post([call(1, start=last + timedelta(microseconds=1))])
    assert desk.reverse_duplicates(segment) == 1
    assert desk.books.total() == KNOWN_COST


def test_copies_that_come_before_between_and_after_the_price_leave_one_charge(desk: Desk) -> None:
    one = call(1, "late-1")
    desk.books.post([one])
    desk.books.post([one])
    desk.reverse_duplicates()
    desk.books.post([one])
    desk.find_prices()
    desk.books.post([one, one])
    desk.reverse_duplicates()
    assert desk.books.standing() == {"priced": 1}
    assert desk.books.total() == LATE_COST


def test_a_long_run_is_made_in_parts(desk: Desk) -> None:
    desk.corrections = Corrections(desk.books.client, calls_a_statement=7)
    calls = [call(number, "late-1", start=NOON + timedelta(seconds=number * 700)) for number in range(40)]
    desk.books.post(calls, calls)
    desk.find_prices()
    assert desk.reverse_duplicates() == 40
    assert desk.books.standing() == {"priced": 40}
    assert desk.books.total() == 40 * LATE_COST


# -- whatever happens, in whatever order


@st.composite
def histories(draw: st.DrawFn) -> list[str]:
    """Steps: post some calls, tidy the books in one way or the other, or crash while doing so and settle."""
    return draw(st.lists(st.sampled_from(["post", "post", "prices", "duplicates", "crash"]), min_size=3, max_size=8))


@settings(
    max_examples=4,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(steps=histories(), seed=st.integers(0, 2**32))
def test_the_ledger_sums_to_each_call_once_at_its_price(desk: Desk, steps: list[str], seed: int) -> None:
    desk.books.clear()
    desk.book.record_edition(NOON)
    draw = random.Random(seed)
    seen: dict[int, Call] = {}

    def some_call() -> Call:
        if seen and draw.random() < 0.4:
            return draw.choice(list(seen.values()))
        number = len(seen)
        usage = {"input": draw.randrange(10**6), "output": draw.randrange(10**4)} if draw.random() < 0.9 else {}
        model = draw.choice(["known", "late-1", "late-2", "unknown"])
        start = NOON + timedelta(seconds=draw.randrange(40 * 86400), microseconds=draw.randrange(10**6))
        seen[number] = call(number, model, usage=usage, tier=draw.choice(["", "", "flex"]), start=start)
        return seen[number]

    def crash() -> None:
        """A run dies when only some of its rows, or all but the journal's entry, are there; its segment is settled."""
        segment = desk.run()
        desk.book.record_found(desk.corrections.find_unpriced(), desk.tick())
        if draw.random() < 0.5:
            desk.corrections.post_price_found(segment, desk.tick())
        else:
            desk.corrections.post_duplicates(segment, desk.tick(), range(1, segment))
        odd = f"DELETE FROM spanledger.ledger WHERE segment = {segment} AND cityHash64(trace_id, kind) % 2"
        desk.books.client.command(odd)
        desk.books.store.settle(segment)

    for step in [*steps, "post", "duplicates", "prices", "duplicates"]:
        if step == "post":
            desk.books.post(
                *([some_call() for _ in range(draw.randrange(1, 30))] for _ in range(draw.randrange(1, 4))),
                at=NOON + timedelta(days=40),
            )
        elif step == "prices":
            desk.find_prices()
        elif step == "duplicates":
            desk.reverse_duplicates()
        else:
            crash()

    assert desk.books.total() == sum((cost for one in seen.values() if (cost := price(one)) is not None), Decimal(0))
    unpriced = sum(price(one) is None for one in seen.values())
    assert desk.books.standing().get("unpriced", 0) == unpriced
    rows = desk.books.ask("SELECT trace_id, sum(calls) AS n FROM spanledger.ledger GROUP BY trace_id")
    assert {row["n"] for row in rows} == {1}
    assert len(rows) == len(seen)
    assert (desk.find_prices(), desk.reverse_duplicates()) == (0, 0)
    assert by_model(desk, projections=True) == by_model(desk, projections=False)


def price(one: Call) -> Decimal | None:
    into, out = {"known": (2, 10), "late-1": (3, 30), "late-2": (3, 30)}.get(one.model, (None, None))
    if into is None or out is None or not one.usage:
        return None
    if one.tier == "flex" and one.model != "known":
        into, out = 1, 20
    return (Decimal(into) * one.usage["input"] + Decimal(out) * one.usage["output"]) / 1_000_000


def by_model(desk: Desk, *, projections: bool) -> list[dict[str, Any]]:
    sums = ", ".join(f"sum({name}) AS {name}_" for name in [*FIGURES.split(", "), "cost_usd"])
    return desk.books.ask(
        f"SELECT model, hour, cost_status, {sums} FROM spanledger.ledger GROUP BY model, hour, cost_status "
        f"ORDER BY model, hour, cost_status SETTINGS optimize_use_projections = {int(projections)}"
    )


# -- traces, sessions and versions of prompts cost what the ledger says

WHO = {"session.id": "s-1", "gen_ai.prompt.name": "greet", "gen_ai.prompt.version": "2"}
EVERYTHING = "project='', " + ", ".join(
    f"{name}=[]" for name in ("environments", "services", "providers", "models", "teams", "features", "customers")
)
RANGE = f"from='{NOON - timedelta(hours=1):%Y-%m-%d %H:%M:%S}', to='{NOON + timedelta(hours=1):%Y-%m-%d %H:%M:%S}'"
TRACE = f"project='', trace_id='{2:032x}'"


def pages(desk: Desk) -> dict[str, tuple[Decimal | None, int]]:
    """What each view of spans says that trace 1 of session s-1 and of version 2 of the prompt costs, and in how many calls."""
    single = f"{TRACE}, span_id='{2:016x}'"
    of_spans = "if(countIf(isNotNull(cost_usd)) = 0, NULL, sumIf(cost_usd, billing_owner)) AS cost, countIf(billing_owner) AS calls"
    views = {
        f"traces({RANGE}, project='', hashes=[], trace_ids=['{2:032x}'])": "cost_usd AS cost, calls",
        f"sessions({RANGE}, project='', session_ids=['s-1'])": "cost_usd AS cost, calls",
        f"compare_prompts({RANGE}, {EVERYTHING}, prompt_name='greet')": "cost_usd AS cost, calls",
        f"trace_spans({TRACE})": of_spans,
        f"trace({TRACE})": of_spans,
        f"span({single})": of_spans,
    }
    found = {}
    for view, figures in views.items():
        [row] = desk.books.ask(f"SELECT {figures} FROM spanledger.{view}")
        found[view.partition("(")[0]] = row["cost"], row["calls"]
    return found


def dearest(desk: Desk, **bounds: float) -> list[Decimal]:
    """The cost of each trace of the page of the dearest."""
    given = {f"{end}_{what}": 0.0 for end in ("min", "max") for what in ("cost_usd", "duration_ns", "tokens")} | bounds
    passes = (
        "status='', classes=[], prompt_name='', prompt_version='', trace_ids=[], tags=[], user_id='', session_id=''"
    )
    first = f"before_rank={2**63 - 1}, before_hash={2**64 - 1}, limit=51, sort='dearest', totals=1"
    limits = ", ".join(f"{name}={value if name.endswith('usd') else int(value)}" for name, value in given.items())
    rows = desk.books.ask(f"SELECT rank FROM spanledger.trace_page({EVERYTHING}, {passes}, {first}, {limits}, {RANGE})")
    return [Decimal(row["rank"]) / 10**9 for row in rows]


def test_a_price_that_is_found_late_is_on_every_page(desk: Desk) -> None:
    desk.books.post([call(model="late-1", attributes=WHO), call(2)])
    assert set(pages(desk).values()) == {(None, 1)}
    assert dearest(desk) == [KNOWN_COST, 0]
    desk.find_prices()
    assert set(pages(desk).values()) == {(LATE_COST, 1)}
    assert dearest(desk) == [LATE_COST, KNOWN_COST]
    assert dearest(desk, min_cost_usd=0.005) == [LATE_COST]
    [span] = desk.books.ask(f"SELECT cost_status FROM spanledger.trace_spans({TRACE})")
    assert span["cost_status"] == "priced"
    [unpriced] = desk.books.ask(
        f"SELECT unpriced_calls FROM spanledger.traces({RANGE}, project='', hashes=[], trace_ids=['{2:032x}'])"
    )
    assert unpriced["unpriced_calls"] == 0


def test_a_call_that_came_twice_costs_once_on_every_page(desk: Desk) -> None:
    desk.books.post([call(attributes=WHO)])
    desk.books.post([call(attributes=WHO), call(3)])
    desk.books.post([call(attributes=WHO), call(4)])
    assert desk.reverse_duplicates() == 2
    found = pages(desk)
    assert {figures[0] for figures in found.values()} == {KNOWN_COST}
    assert {view: calls for view, (_, calls) in found.items() if calls != 1} == {}
    assert dearest(desk) == [KNOWN_COST] * 3
    rows = desk.books.ask(f"SELECT billing_owner, cost_usd, cost_status FROM spanledger.trace_spans({TRACE})")
    assert sorted(
        (row["billing_owner"], row["cost_usd"], row["cost_status"]) for row in rows if row["billing_owner"]
    ) == [(True, KNOWN_COST, "priced")]
    assert [row["cost_usd"] for row in rows if not row["billing_owner"]] == [None, None]


def test_a_price_that_is_found_after_a_call_came_twice_counts_once(desk: Desk) -> None:
    desk.books.post([call(model="late-1", attributes=WHO)])
    desk.books.post([call(model="late-1", attributes=WHO)])
    desk.reverse_duplicates()
    desk.find_prices()
    assert set(pages(desk).values()) == {(LATE_COST, 1)}
