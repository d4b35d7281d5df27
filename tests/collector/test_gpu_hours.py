"""GPU-hours: whatever comes late, twice or half, an hour's calls are charged what the hour cost, to the last of twelve places."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from collector.books import NOON, Books, Call
from genai_prices.data_snapshot import DataSnapshot
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from spanledger_collector.corrections import Corrections
from spanledger_collector.gpu_hours import GpuHours
from spanledger_collector.price_rules import PriceRules
from spanledger_collector.pricing import Edition, PriceBook

NOTHING_LISTED = Edition(DataSnapshot([], from_auto_update=False), "1")
UNIT = Decimal("1e-12")
CLOSED = NOON + timedelta(hours=1, minutes=10)
ALIKE = settings(
    max_examples=4,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


def gpus(**said: Any) -> PriceRules:
    """One rule: eight GPUs at 2.50 dollars an hour, for models whose name begins with qwen."""
    rule = {"name": "h100", "model": "qwen*", "usd_per_gpu_hour": "2.5", "gpus": 8, "shared_by": "tokens"}
    return PriceRules.model_validate({"per_gpu_hour": [rule | said]})


def call(number: int = 1, tokens: int = 1000, **more: Any) -> Call:
    return Call(number, **{"provider": "ollama", "model": "qwen3", "usage": {"input": tokens, "output": 0}, **more})


@dataclass
class Desk:
    """Books, and who shares their hours."""

    books: Books
    calls_a_statement: int = 200_000

    def rule(self, rules: PriceRules, at: datetime = NOON) -> None:
        """The platform starts, with these rules."""
        self.book = PriceBook(self.books.client, NOTHING_LISTED, rules)
        self.book.record_edition(at)
        self.hours = GpuHours(self.books.client, rules, self.calls_a_statement)
        self.hours.open()

    def look_up(self, at: datetime = NOON) -> None:
        self.book.record_found(Corrections(self.books.client).find_unpriced(), at)
        self.hours.open()

    def share(self, now: datetime = CLOSED, *segments: int) -> int:
        """Share what is over; returns the number of postings."""
        since = int(now.timestamp()) if segments else 0
        if not (due := self.hours.find(now, since, segments)):
            return 0
        self.books.segment += 1
        return self.hours.post(self.books.segment, now, due)

    def shares(self) -> dict[str, Decimal | None]:
        """What each call stands at, in the order of their numbers."""
        rows = self.books.ask(
            "SELECT trace_id, sum(cost_usd) AS cost, sum(calls) AS n FROM spanledger.ledger WHERE kind != 'adjustment' "
            "GROUP BY trace_id HAVING n != 0 ORDER BY trace_id"
        )
        assert {row["n"] for row in rows} <= {1}
        return {row["trace_id"]: row["cost"] for row in rows}


@pytest.fixture
def desk(engine: Books) -> Desk:
    engine.clear()
    return Desk(engine)


def test_a_call_is_unpriced_until_its_hour_is_over_and_then_charged_its_share(desk: Desk) -> None:
    desk.rule(gpus())
    desk.books.post([call(1, 3000)])  # the first of its model: it belongs to the rule all the same
    desk.look_up()
    desk.books.post([call(2, 1000, start=NOON + timedelta(minutes=59, seconds=59))])
    assert desk.books.standing() == {"unpriced": 2}
    assert desk.share(CLOSED - timedelta(seconds=1)) == 0
    assert desk.share(CLOSED) == 4
    assert list(desk.shares().values()) == [15, 5]
    assert desk.books.standing() == {"priced": 2}
    charge = desk.books.ledger("*, posting_id", order="segment, kind, trace_id")[-4]
    assert (charge["kind"], charge["reason"], charge["price_id"]) == ("charge", "gpu_hour", "user:h100")
    assert charge["price_version"].startswith("prices.yaml ")
    assert desk.share(CLOSED) == 0


@ALIKE
@given(
    tokens=st.lists(st.integers(0, 10**8), min_size=1, max_size=40),
    usd=st.decimals("0.000000000001", 90_000, places=12),
    seed=st.integers(0, 2**32),
)
def test_shares_sum_to_what_the_hour_cost_each_within_a_unit_of_its_part_whatever_the_order(
    desk: Desk, tokens: list[int], usd: Decimal, seed: int
) -> None:
    draw = random.Random(seed)
    calls = [
        call(number, size, start=NOON + timedelta(seconds=draw.randrange(3600))) for number, size in enumerate(tokens)
    ]
    found = []
    for calls_a_statement in (200_000, 3):
        desk.books.clear()
        desk.calls_a_statement = calls_a_statement
        desk.rule(gpus(usd_per_gpu_hour=str(usd)))
        draw.shuffle(calls)
        cut = draw.randrange(len(calls) + 1)
        desk.books.post(calls[:cut], calls[cut:])
        desk.look_up()
        desk.share()
        found.append(desk.shares())
        assert desk.books.total() == usd * 8
        assert desk.share() == 0
    assert found[0] == found[1]
    whole = sum(tokens)
    for share, size in zip(found[0].values(), tokens, strict=True):
        part = Fraction(size, whole) if whole else Fraction(1, len(tokens))
        assert share is not None and abs(Fraction(share) - part * Fraction(usd * 8)) < Fraction(UNIT)


def test_a_late_call_and_one_that_turns_out_to_be_a_duplicate_have_their_hour_shared_anew(desk: Desk) -> None:
    desk.rule(gpus())
    desk.books.post([call(1), call(2, model="qwen2")])
    desk.look_up()
    desk.share()
    segment = desk.books.post([call(3, 2000)], [call(1)])
    corrections = Corrections(desk.books.client)
    desk.books.segment += 1
    assert corrections.post_duplicates(desk.books.segment, CLOSED, [segment]) == 1
    assert desk.share(CLOSED, segment) == 6
    assert list(desk.shares().values()) == [5, 5, 10]
    assert desk.share(CLOSED, segment) == desk.share(CLOSED) == 0


def test_only_hours_that_were_touched_or_have_just_ended_are_looked_at(desk: Desk) -> None:
    desk.rule(gpus())
    desk.books.post([call(1)])
    desk.look_up()
    segment = desk.books.post([call(2, start=NOON - timedelta(hours=3))])
    assert [due.hour for due in desk.hours.find(CLOSED, int(CLOSED.timestamp()), [segment])] == [
        int((NOON - timedelta(hours=3)).timestamp())
    ]
    assert [due.hour for due in desk.hours.find(CLOSED, int(NOON.timestamp()))] == [int(NOON.timestamp())]


def test_shared_by_time_a_call_without_usage_pays_and_a_refused_one_does_not(desk: Desk) -> None:
    desk.rule(gpus(shared_by="time"))
    refused = {"error.type": "404", "http.response.status_code": 404}
    desk.books.post([call(1), call(2, usage={}), call(3, usage={}, attributes=refused), call(4, 0)])
    desk.look_up()
    desk.share()
    shares = list(desk.shares().values())
    assert shares[2] == 0 and sum(filter(None, shares)) == 20
    assert desk.books.standing() == {"priced": 3, "free": 1}


def test_shared_by_tokens_a_call_without_usage_stays_unpriced(desk: Desk) -> None:
    desk.rule(gpus())
    desk.books.post([call(1), call(2, usage={})])
    desk.look_up()
    desk.share()
    assert list(desk.shares().values()) == [20, None]
    assert desk.share() == 0


def test_what_another_said_that_it_cost_gives_way_to_the_share_but_what_was_charged_before_the_rule_stays(
    desk: Desk,
) -> None:
    reported = {"gen_ai.usage.cost.amount": 7.0}
    desk.rule(gpus())
    desk.books.post([call(1, attributes=reported), call(2)])
    desk.look_up()
    desk.books.post([call(3, attributes=reported)])
    desk.share()
    assert list(desk.shares().values()) == [7, 10, 10]
    assert desk.books.standing() == {"reported": 1, "priced": 2}
    assert desk.share() == 0


def test_a_rule_that_begins_within_an_hour_shares_the_rest_of_it(desk: Desk) -> None:
    desk.rule(gpus(valid_from=NOON + timedelta(minutes=30)))
    desk.books.post(
        [call(1, start=NOON + timedelta(minutes=29, seconds=59)), call(2, start=NOON + timedelta(minutes=30))]
    )
    desk.look_up()
    desk.share()
    assert list(desk.shares().values()) == [None, 10]


def test_a_changed_rule_is_for_hours_that_were_not_shared_yet(desk: Desk) -> None:
    desk.rule(gpus())
    desk.books.post([call(1), call(2, start=NOON + timedelta(hours=1))])
    desk.look_up()
    desk.share()
    desk.rule(gpus(usd_per_gpu_hour=5), at=CLOSED)
    assert desk.share(CLOSED) == 0
    desk.books.post([call(3)])  # late, of an hour that was shared before
    desk.share(CLOSED + timedelta(hours=1))
    assert list(desk.shares().values()) == [10, 40, 10]


def test_an_hour_without_calls_is_posted_where_the_rule_says_so_and_taken_back_when_one_comes(desk: Desk) -> None:
    since = NOON - timedelta(hours=2, minutes=30)
    desk.rule(gpus(valid_from=since, charge_idle=True, idle_project="platform"))
    desk.books.post([call(1)])
    desk.look_up()
    assert desk.share() == 2 + 3
    idle = desk.books.ask("SELECT * FROM spanledger.ledger WHERE kind = 'adjustment' ORDER BY timestamp")
    assert [(row["cost_usd"], row["reason"], row["project"], row["calls"]) for row in idle] == [
        (Decimal(10), "idle_gpu_hours", "platform", 0),
        (Decimal(20), "idle_gpu_hours", "platform", 0),
        (Decimal(20), "idle_gpu_hours", "platform", 0),
    ]
    segment = desk.books.post([call(2, start=NOON - timedelta(hours=1))])
    assert desk.share(CLOSED, segment) == 3
    assert desk.books.total() == 70
    assert desk.share() == 0


def test_idle_hours_cost_nothing_where_the_rule_does_not_charge_them(desk: Desk) -> None:
    desk.rule(gpus(valid_from=NOON - timedelta(hours=5)))
    assert desk.share() == 0


def test_the_last_hour_of_a_month_is_posted_to_that_month(desk: Desk) -> None:
    last = datetime(2026, 10, 31, 23, 59, 59, tzinfo=NOON.tzinfo)
    desk.rule(gpus())
    desk.books.post([call(1, start=last), call(2, start=last + timedelta(seconds=1))])
    desk.look_up()
    desk.share()
    rows = desk.books.ask("SELECT period, sum(cost_usd) AS cost FROM spanledger.ledger GROUP BY period ORDER BY period")
    assert [(str(row["period"]), row["cost"]) for row in rows] == [("2026-10-01", 20), ("2026-11-01", 20)]


@ALIKE
@given(seed=st.integers(0, 2**32))
def test_a_run_that_died_half_way_is_settled_and_made_anew_the_same(desk: Desk, seed: int) -> None:
    draw = random.Random(seed)
    desk.books.clear()
    desk.rule(gpus(valid_from=NOON - timedelta(hours=4), charge_idle=True))
    calls = [call(n, draw.randrange(9999), start=NOON - timedelta(minutes=draw.randrange(240))) for n in range(20)]
    desk.books.post(calls[:15])
    desk.look_up()
    if draw.random() < 0.5:
        desk.share()
        desk.books.post(calls[15:])
    desk.share()
    odd = f"DELETE FROM spanledger.ledger WHERE segment = {desk.books.segment} AND cityHash64(trace_id, kind) % 2"
    desk.books.client.command(odd)
    desk.books.store.settle(desk.books.segment)
    desk.share()
    assert desk.books.total() == 20 * 5
    assert desk.share() == 0
    assert set(desk.shares().values()) & {None} == set()
