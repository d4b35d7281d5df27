"""Every metric of schemas/views against plain Python over the same postings, and the rollups that the views read."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from spanledger_collector.schemas_folder import SCHEMAS
from spanledger_collector.store import Store
from stores import Stores

MIDNIGHT = datetime(2026, 9, 1, tzinfo=UTC)
BUCKETS = (
    "input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "audio_in",
    "output_text", "reasoning", "audio_out",
)  # fmt: skip
INPUT, OUTPUT = BUCKETS[:5], BUCKETS[5:]
DIMENSIONS = {
    "environment": "environment", "service": "service_name", "provider": "provider", "model": "model", "team": "team",
    "feature": "feature", "customer": "customer",
}  # fmt: skip
CLASS_OF = {"529": "provider", "429": "rate_limit", "400": "client", "something_odd": "unknown"}
Figure = int | float | Decimal | None


@dataclass(frozen=True)
class Posting:
    """One row of the ledger; what a test does not say is a priced call without usage details."""

    timestamp: datetime = MIDNIGHT
    kind: str = "charge"
    reason: str = ""
    project: str = "default"
    environment: str = "production"
    service_name: str = "web"
    provider: str = "openai"
    model: str = "gpt-5"
    team: str = "growth"
    feature: str = "search"
    customer: str = "acme"
    calls: int = 1
    input_uncached: int | None = None
    cache_read: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    audio_in: int | None = None
    output_text: int | None = None
    reasoning: int | None = None
    audio_out: int | None = None
    reports_cache: bool = False
    cost_usd: Decimal | None = Decimal("0.01")
    cost_status: str = "priced"
    duration_ns: int = 1_000_000_000
    ttft_ns: int | None = None
    status: str = "ok"
    error_type: str = ""
    prompt_name: str = ""
    prompt_version: str = ""
    posted_at: datetime = field(default=MIDNIGHT + timedelta(days=60))

    def reversed(self, reason: str) -> Posting:
        figures: dict[str, Any] = {
            name: None if (figure := getattr(self, name)) is None else -figure for name in (*BUCKETS, "cost_usd")
        }
        return replace(self, kind="reversal", reason=reason, calls=-self.calls, **figures)


class Ledger:
    """The ledger and its views in an engine, beside the same postings in a list."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.postings: list[Posting] = []

    def post(self, *postings: Posting, segment: int = 1) -> None:
        rows = [
            asdict(posting) | {"period": posting.timestamp.date().replace(day=1), "segment": segment}
            for posting in postings
        ]
        names = list(rows[0])
        self.client.insert("spanledger.ledger", [[row[name] for name in names] for row in rows], column_names=names)
        self.postings += postings

    def ask(self, view: str, **parameters: Any) -> list[dict[str, Any]]:
        return list(self.client.query(statement(view, **parameters)).named_results())

    def merge(self) -> None:
        """What the engine does by itself, in time: merges make the rollups."""
        self.client.command("OPTIMIZE TABLE spanledger.ledger FINAL")

    def rollups(self, view: str, **parameters: Any) -> list[str]:
        """The rollups, or tables, that the engine reads for a view."""
        plan = self.client.query(f"EXPLAIN {statement(view, **parameters)}").result_rows
        return [
            str(line).partition("ReadFromMergeTree (")[2].rstrip(")") for (line,) in plan if "ReadFrom" in str(line)
        ]


FILTERS = ("environments", "services", "providers", "models", "teams", "features", "customers")
TAKES = {
    "usage": {"step", "by", "from", "to", "project", *FILTERS},
    "latency": {"step", "by", "from", "to", "project", *FILTERS},
    "coverage": {"from", "to", "project", *FILTERS},
    "movers": {"by", "from", "to", "project", *FILTERS},
    "dimension_values": {"from", "to", "project"},
    "freshness": {"project"},
    "first_call": {"project", *FILTERS},
    "heatmap": {"step", "from", "to", "project", *FILTERS},
    "speed": {"step", "by", "from", "to", "project", *FILTERS},
    "errors": {"step", "by", "classes", "from", "to", "project", *FILTERS},
    "provider_health": {"from", "to", "project", *FILTERS},
}
PAGE_VIEWS = tuple(
    view for view in TAKES if view != "first_call"
)  # what it reads of a rollup it has read before there is a plan
BY_HOUR = {"spend_by_hour", "spend_by_customer", "durations_by_hour", "calls_by_hour"}
BY_DAY = {"spend_by_day", "spend_by_customer_and_day", "durations_by_day", "calls_by_day"}
ROLLUPS = BY_HOUR | BY_DAY


def statement(view: str, **parameters: Any) -> str:
    given = {"from": MIDNIGHT, "to": MIDNIGHT + timedelta(days=3), "project": "", "step": 0, "by": "", "classes": []}
    given |= {key: [] for key in FILTERS} | {name.rstrip("_"): value for name, value in parameters.items()}
    arguments = ", ".join(f"{name}={literal(value)}" for name, value in given.items() if name in TAKES[view])
    return f"SELECT * FROM spanledger.{view}({arguments})"


def literal(value: Any) -> str:
    if isinstance(value, datetime):
        return f"'{value:%Y-%m-%d %H:%M:%S}'"
    return str(value) if isinstance(value, int) else repr(value)


@pytest.fixture(scope="module")
def client(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    store = Store(stores.unpriced(tmp_path_factory.mktemp("data")) / "store")
    opened = store.open()
    yield opened
    opened.close()
    store.close()


def views() -> list[Path]:
    return sorted((SCHEMAS / "views").glob("*.sql"))


@pytest.fixture
def ledger(client: Client) -> Ledger:
    client.command("TRUNCATE TABLE spanledger.ledger")
    return Ledger(client)


def some_calls(seed: int, number: int = 400) -> list[Posting]:
    """Three days of calls of all kinds, some of them corrected."""
    draw = random.Random(seed)
    postings = []
    for _ in range(number):
        cost_status = draw.choice(["priced"] * 6 + ["reported", "estimated", "partial", "unpriced", "free"])
        usage: dict[str, Any] = dict.fromkeys(BUCKETS)
        if cost_status != "free" and draw.random() < 0.9:
            usage = {name: draw.choice([None, 0, draw.randrange(5000)]) for name in BUCKETS}
        cost = {"unpriced": None, "free": Decimal(0)}.get(cost_status, Decimal(draw.randrange(10**12)).scaleb(-12))
        call = Posting(
            timestamp=MIDNIGHT + timedelta(seconds=draw.randrange(3 * 86400)),
            project=draw.choice(["default", "other"]),
            environment=draw.choice(["production", "staging"]),
            service_name=draw.choice(["web", "batch", ""]),
            provider=(provider := draw.choice(["openai", "anthropic"])),
            model={"openai": "gpt-5", "anthropic": "claude-sonnet-4-5"}[provider],
            team=draw.choice(["growth", "core"]),
            feature=draw.choice(["search", "chat", "O'Hara"]),
            customer=draw.choice(["acme", "umbrella", "initech"]),
            reports_cache=usage["cache_read"] is not None,
            cost_usd=cost,
            cost_status=cost_status,
            duration_ns=draw.randrange(10**7, 10**11),
            ttft_ns=draw.choice([None, draw.randrange(10**7, 10**10)]),
            status=(status := "error" if cost_status == "free" else draw.choice(["ok", "ok", "error"])),
            error_type=draw.choice(list(CLASS_OF)) if status == "error" else "",
            prompt_name=(prompt := draw.choice(["", "answer"])),
            prompt_version=draw.choice(["", "v1"]) if prompt else "",
            **usage,
        )
        postings.append(call)
        if draw.random() < 0.1:
            postings.append(call.reversed("duplicate"))
        elif draw.random() < 0.1:
            dearer = replace(call, reason="price_found", cost_usd=Decimal("0.25"), cost_status="priced")
            postings += [call.reversed("price_found"), dearer]
    return postings


def total(figures: Iterable[Figure]) -> Figure:
    known = [figure for figure in figures if figure is not None]
    return sum(known[1:], start=known[0]) if known else None


def over(figure: Figure, by: Figure) -> float | None:
    return None if figure is None or not by else float(figure) / float(by)


def tokens(postings: Iterable[Posting], names: tuple[str, ...] = BUCKETS) -> Figure:
    """The sum of some buckets; one whose reversals cancel it is a known zero."""
    return total(getattr(posting, name) for posting in postings for name in names)


def metrics(postings: list[Posting]) -> dict[str, Figure]:
    """What usage should say about some postings, spelled out."""

    def calls(condition: Callable[[Posting], bool] = lambda _: True) -> int:
        return sum(posting.calls for posting in postings if condition(posting))

    by_status = {
        status: calls(lambda posting, status=status: posting.cost_status == status)  # type: ignore[misc]
        for status in ("priced", "reported", "estimated", "partial", "unpriced", "free")
    }
    billable = calls() - by_status["free"]
    with_cache = [posting for posting in postings if posting.reports_cache]
    # nothing but unpriced calls, and free ones: what was spent is not known, and not $0
    unknown = billable > 0 and billable == by_status["unpriced"]
    cost = None if unknown else total(posting.cost_usd for posting in postings)
    unpriced_tokens = tokens(posting for posting in postings if posting.cost_status == "unpriced")
    if by_status["unpriced"] == 0:
        unpriced_tokens = 0
    errors = calls(lambda posting: posting.status == "error")
    return {
        "calls": calls(),
        "errors": errors,
        "error_rate": over(errors, calls()),
        "cost_usd": cost,
        "cost_usd_per_call": over(cost, billable - by_status["unpriced"]),
        "billable_calls": billable,
        **{f"{status}_calls": number for status, number in by_status.items() if status != "free"},
        "priced_share": over(by_status["priced"], billable),
        "unpriced_share": over(by_status["unpriced"], billable),
        "input_tokens": tokens(postings, INPUT),
        "output_tokens": tokens(postings, OUTPUT),
        "cache_read_tokens": tokens(postings, ("cache_read",)),
        "reasoning_tokens": tokens(postings, ("reasoning",)),
        "tokens": tokens(postings),
        "unpriced_tokens": unpriced_tokens,
        "unpriced_tokens_share": over(unpriced_tokens, tokens(postings)),
        "cache_hit_rate": over(tokens(with_cache, ("cache_read",)), tokens(with_cache, INPUT)),
    }


def assert_same(row: dict[str, Any], expected: dict[str, Figure]) -> None:
    for name, figure in expected.items():
        if isinstance(figure, float):
            assert float(row[name]) == pytest.approx(figure, rel=1e-9, abs=1e-11), name
        else:
            assert row[name] == figure, name


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_usage_of_a_range_is_what_plain_python_makes_of_its_postings(ledger: Ledger, seed: int) -> None:
    ledger.post(*some_calls(seed))
    [row] = ledger.ask("usage")
    assert_same(row, metrics(ledger.postings))
    assert row["time"].replace(tzinfo=UTC) == MIDNIGHT


@pytest.mark.parametrize(("start", "end"), [(615, 2903), (60, 120), (61, 119), (59, 121), (600, 1200), (0, 4320)])
def test_a_range_counts_to_the_minute_wherever_it_begins_and_ends(ledger: Ledger, start: int, end: int) -> None:
    ledger.post(*some_calls(4, 1500))
    since, until = MIDNIGHT + timedelta(minutes=start), MIDNIGHT + timedelta(minutes=end)
    inside = [posting for posting in ledger.postings if since <= posting.timestamp < until]
    [row] = ledger.ask("usage", from_=since, to=until)
    assert_same(row, metrics(inside))


@pytest.mark.parametrize("by", sorted(DIMENSIONS))
def test_usage_by_a_dimension_has_a_row_for_each_value_and_shares_that_sum_to_one(ledger: Ledger, by: str) -> None:
    ledger.post(*some_calls(5))
    rows = {row["value"]: row for row in ledger.ask("usage", by=by)}
    groups = {value: [p for p in ledger.postings if getattr(p, DIMENSIONS[by]) == value]
              for value in {getattr(p, DIMENSIONS[by]) for p in ledger.postings}}  # fmt: skip
    assert rows.keys() == groups.keys()
    for value, postings in groups.items():
        assert_same(rows[value], metrics(postings))
    assert sum(row["cost_share"] for row in rows.values()) == pytest.approx(1)
    assert sum(row["cost_usd"] for row in rows.values()) == total(posting.cost_usd for posting in ledger.postings)


@pytest.mark.parametrize("step", [300, 3600, 21600, 86400])
def test_usage_over_time_has_a_row_for_each_bucket_that_had_calls(ledger: Ledger, step: int) -> None:
    ledger.post(*some_calls(6))
    buckets: dict[int, list[Posting]] = {}
    for posting in ledger.postings:
        moment = int(posting.timestamp.timestamp())
        buckets.setdefault(moment - moment % step, []).append(posting)
    rows = {int(row["time"].replace(tzinfo=UTC).timestamp()): row for row in ledger.ask("usage", step=step)}
    nothing_left = {time for time, postings in buckets.items() if sum(posting.calls for posting in postings) == 0}
    assert rows.keys() - nothing_left == buckets.keys() - nothing_left
    for time in rows.keys() - nothing_left:
        assert_same(rows[time], metrics(buckets[time]))


def test_each_filter_keeps_only_the_values_it_names(ledger: Ledger) -> None:
    ledger.post(*some_calls(7))
    for dimension, column in DIMENSIONS.items():
        value = getattr(ledger.postings[0], column)
        kept = [posting for posting in ledger.postings if getattr(posting, column) == value]
        [row] = ledger.ask("usage", **{f"{dimension}s": [value]})
        assert_same(row, metrics(kept))
    two = [posting for posting in ledger.postings if posting.team == "core" and posting.customer in {"acme", "initech"}]
    [row] = ledger.ask("usage", teams=["core"], customers=["acme", "initech"])
    assert_same(row, metrics(two))


def test_a_project_sees_only_its_own_postings(ledger: Ledger) -> None:
    ledger.post(*some_calls(8))
    [row] = ledger.ask("usage", project="other")
    assert_same(row, metrics([posting for posting in ledger.postings if posting.project == "other"]))


def test_what_no_call_reported_is_null_and_never_zero(ledger: Ledger) -> None:
    ledger.post(Posting(cost_usd=None, cost_status="unpriced"))
    [usage] = ledger.ask("usage")
    unknown = ("cost_usd", "cost_share", "cost_usd_per_call", "input_tokens", "output_tokens", "cache_read_tokens",
               "reasoning_tokens", "tokens", "unpriced_tokens", "cache_hit_rate")  # fmt: skip
    assert {name: usage[name] for name in unknown} == dict.fromkeys(unknown)
    assert (usage["calls"], usage["unpriced_calls"], usage["unpriced_share"]) == (1, 1, 1.0)
    [latency] = ledger.ask("latency")
    assert latency["p50_duration_ns"] == pytest.approx(1e9, rel=0.01)
    assert latency["p50_ttft_ns"] is None


def test_a_range_without_calls_has_no_row(ledger: Ledger) -> None:
    ledger.post(Posting(), Posting().reversed("duplicate"))
    assert ledger.ask("usage") == []
    assert ledger.ask("usage", from_=MIDNIGHT + timedelta(days=9), to=MIDNIGHT + timedelta(days=10)) == []


def test_cache_hit_rate_leaves_out_calls_that_do_not_report_their_cache(ledger: Ledger) -> None:
    ledger.post(
        Posting(input_uncached=100, cache_read=300, reports_cache=True),
        Posting(input_uncached=600, cache_read=0, reports_cache=True),
        Posting(input_uncached=9000),
    )
    [row] = ledger.ask("usage")
    assert row["cache_hit_rate"] == 0.3  # 300 / (100 + 300 + 600 + 0)


@pytest.mark.parametrize(("start", "end"), [(0, 4320), (90, 4000)])
def test_latency_is_within_one_percent_of_the_first_charges(ledger: Ledger, start: int, end: int) -> None:
    ledger.post(*some_calls(9, 2000))
    since, until = MIDNIGHT + timedelta(minutes=start), MIDNIGHT + timedelta(minutes=end)
    first = [p for p in ledger.postings if p.kind == "charge" and not p.reason and since <= p.timestamp < until]
    [row] = ledger.ask("latency", from_=since, to=until)
    for name in ("duration_ns", "ttft_ns"):
        values = sorted(value for posting in first if (value := getattr(posting, name)) is not None)
        for level in (50, 95, 99):
            rank = level / 100 * (len(values) - 1)
            low, high = values[max(0, int(rank) - 1)], values[min(len(values) - 1, int(rank) + 1)]
            assert low * 0.99 <= row[f"p{level}_{name}"] <= high * 1.01


def in_range(ledger: Ledger, start: int, end: int) -> tuple[dict[str, datetime], list[Posting]]:
    since, until = MIDNIGHT + timedelta(minutes=start), MIDNIGHT + timedelta(minutes=end)
    return {"from_": since, "to": until}, [p for p in ledger.postings if since <= p.timestamp < until]


def grouped(postings: Iterable[Posting], key: Callable[[Posting], Any]) -> dict[Any, list[Posting]]:
    groups: dict[Any, list[Posting]] = {}
    for posting in postings:
        groups.setdefault(key(posting), []).append(posting)
    return groups


@pytest.mark.parametrize(("start", "end"), [(0, 4320), (90, 4000)])
def test_the_heatmap_counts_each_call_in_the_band_of_its_duration(ledger: Ledger, start: int, end: int) -> None:
    ledger.post(*some_calls(12))
    asked, postings = in_range(ledger, start, end)
    rows = ledger.ask("heatmap", step=3600, **asked)
    expected = {
        (hour, band): sum(posting.calls for posting in group)
        for (hour, band), group in grouped(
            postings, lambda p: (p.timestamp.replace(minute=0, second=0), math.floor(math.log10(p.duration_ns) * 8))
        ).items()
    }
    assert {(row["time"].replace(tzinfo=UTC), row["band"]): row["calls"] for row in rows} == {
        key: calls for key, calls in expected.items() if calls
    }
    for row in rows:
        assert row["from_ns"] == pytest.approx(10 ** (row["band"] / 8))
        assert row["to_ns"] == pytest.approx(10 ** ((row["band"] + 1) / 8))


@pytest.mark.parametrize("by", ["", "service", "model", "prompt"])
def test_speed_is_output_over_the_time_of_the_calls_that_put_out_any(ledger: Ledger, by: str) -> None:
    ledger.post(*some_calls(13))
    names: dict[str, Callable[[Posting], str]] = {
        "": lambda p: "", "service": lambda p: p.service_name, "model": lambda p: p.model,
        "prompt": lambda p: f"{p.prompt_name} {p.prompt_version}".strip(),
    }  # fmt: skip
    asked, postings = in_range(ledger, 90, 4000)
    rows = {row["value"]: row for row in ledger.ask("speed", by=by, **asked)}
    groups = grouped(postings, names[by])
    assert rows.keys() == groups.keys()
    for value, group in groups.items():
        output = tokens(group, OUTPUT) or 0
        microseconds = sum(p.calls * (p.duration_ns // 1000) for p in group if tokens([p], OUTPUT))
        assert rows[value]["calls"] == sum(posting.calls for posting in group)
        assert rows[value]["output_tokens"] == output
        assert rows[value]["output_tokens_per_s"] == pytest.approx(over(output, microseconds / 1e6))


def test_speed_of_what_puts_nothing_out_is_not_known(ledger: Ledger) -> None:
    ledger.post(Posting(input_uncached=10), Posting(status="error", error_type="529"))
    [row] = ledger.ask("speed")
    assert (row["calls"], row["output_tokens_per_s"]) == (2, None)


@pytest.mark.parametrize("classes", [[], ["provider", "client"]])
@pytest.mark.parametrize("by", ["", "error_class", "error_type", "service", "provider", "prompt"])
def test_errors_are_what_plain_python_makes_of_the_postings(ledger: Ledger, by: str, classes: list[str]) -> None:
    ledger.post(*some_calls(14, 1200))
    asked, postings = in_range(ledger, 90, 4000)
    names: dict[str, Callable[[Posting], str]] = {
        "": lambda p: "",
        "error_class": lambda p: CLASS_OF[p.error_type],
        "error_type": lambda p: p.error_type,
        "service": lambda p: p.service_name,
        "provider": lambda p: p.provider,
        "prompt": lambda p: f"{p.prompt_name} {p.prompt_version}".strip(),
    }
    failed = [p for p in postings if p.status == "error" and (not classes or CLASS_OF[p.error_type] in classes)]
    rows = {row["value"]: row for row in ledger.ask("errors", by=by, classes=classes, **asked)}
    groups = {value: group for value, group in grouped(failed, names[by]).items() if sum(p.calls for p in group)}
    assert rows.keys() == groups.keys()
    for value, group in groups.items():
        of_error = by in ("error_class", "error_type")
        all_calls = sum(p.calls for p in postings if of_error or names[by](p) == value)
        errors = sum(p.calls for p in group)
        assert rows[value]["errors"] == errors
        assert rows[value]["share"] == pytest.approx(errors / sum(p.calls for p in failed))
        assert (rows[value]["calls"], rows[value]["rate"]) == (all_calls, pytest.approx(errors / all_calls))
    if by == "error_type":
        assert {value: row["error_class"] for value, row in rows.items()} == {value: CLASS_OF[value] for value in rows}


def test_errors_of_usage_and_of_errors_are_the_same_figure(ledger: Ledger) -> None:
    ledger.post(*some_calls(15))
    [usage], [errors] = ledger.ask("usage"), ledger.ask("errors")
    assert (usage["errors"], usage["error_rate"]) == (errors["errors"], errors["rate"])


def test_calls_of_a_model_are_counted_together_whatever_its_release(ledger: Ledger) -> None:
    answered = ("gpt-4o-2024-08-06", "claude-haiku-4-5-20251001", "gpt-4o-latest", "house-8b")
    ledger.post(
        *[Posting(model=model) for model in answered], Posting(model="gpt-4o", status="error", error_type="529")
    )
    calls = {row["value"]: row["calls"] for row in ledger.ask("speed", by="family")}
    assert calls == {"gpt-4o": 3, "claude-haiku-4-5": 1, "house-8b": 1}
    assert {row["value"] for row in ledger.ask("latency", by="family")} == calls.keys()
    [errors] = ledger.ask("errors", by="family")
    assert (errors["value"], errors["errors"], errors["calls"]) == ("gpt-4o", 1, 3)


def test_an_error_was_first_and_last_seen_when_its_calls_began(ledger: Ledger) -> None:
    day, minute = timedelta(days=1), timedelta(minutes=1)
    times = [MIDNIGHT + 30 * minute, MIDNIGHT + day, MIDNIGHT + day + 17 * minute]
    ledger.post(
        *[Posting(status="error", error_type="429", timestamp=time) for time in times],
        Posting(timestamp=MIDNIGHT),
        Posting(timestamp=MIDNIGHT + 2 * day),
    )
    for end in (day, 2 * day):
        [row] = ledger.ask("errors", by="error_type", to=MIDNIGHT + end + 5 * minute)
        assert row["first_seen"].replace(tzinfo=UTC) == times[0]
        assert row["last_seen"].replace(tzinfo=UTC) == (times[1] if end == day else times[2])


def week_of_calls(**now: dict[str, Any]) -> list[Posting]:
    """Two services that ask one model 40 times each between 10 and 11 o'clock, on eight days; `now`: how the first 10 of
    the calls of a service are on the last day."""
    return [
        Posting(
            timestamp=MIDNIGHT + timedelta(days=day, hours=10, minutes=minute),
            service_name=service,
            **(now.get(service, {}) if day == 7 and minute < 10 else {}),
        )
        for day in range(8)
        for service in ("web", "batch")
        for minute in range(40)
    ]


FAILED: dict[str, Any] = {"status": "error", "error_type": "529"}


@pytest.mark.parametrize(
    ("now", "verdict", "reason"),
    [
        ({}, "ok", ""),
        ({"web": FAILED, "batch": FAILED}, "them", "failing"),
        ({"web": FAILED}, "us", "failing"),
        ({"web": FAILED | {"error_type": "400"}, "batch": FAILED | {"error_type": "400"}}, "us", "refused"),
        ({"web": FAILED | {"error_type": "429"}}, "us", "limited"),
        ({"web": {"duration_ns": 5 * 10**9}, "batch": {"duration_ns": 5 * 10**9}}, "them", "slow"),
        ({"batch": {"duration_ns": 5 * 10**9}}, "us", "slow"),
    ],
)
def test_several_services_that_a_provider_fails_are_them_and_a_single_one_is_us(
    ledger: Ledger, now: dict[str, Any], verdict: str, reason: str
) -> None:
    ledger.post(*week_of_calls(**now))
    ten = MIDNIGHT + timedelta(days=7, hours=10)
    rows = ledger.ask("provider_health", from_=ten + timedelta(minutes=5), to=ten + timedelta(minutes=55))
    assert {row["model"]: (row["verdict"], row["reason"]) for row in rows} == {
        "": (verdict, reason),
        "gpt-5": (verdict, reason),
    }
    for row in rows:
        assert (row["provider"], row["calls"], row["history_days"]) == ("openai", 80, 7)
        assert sorted(row["services"]) == ["batch", "web"]
        assert row["errors"] == 10 * sum("status" in change for change in now.values())
        assert row["error_rate"] == pytest.approx(row["errors"] / 80)
        assert row["usual_error_rate"] == 0
        assert row["usual_p95_duration_ns"] == pytest.approx(1e9, rel=0.01)


def test_a_provider_that_one_service_calls_leaves_the_verdict_open(ledger: Ledger) -> None:
    ledger.post(*[call for call in week_of_calls(web=FAILED) if call.service_name == "web"])
    ten = MIDNIGHT + timedelta(days=7, hours=10)
    rows = ledger.ask("provider_health", from_=ten, to=ten + timedelta(hours=1))
    assert {(row["verdict"], row["reason"]) for row in rows} == {("unclear", "failing")}
    assert [row["p95_ttft_ns"] for row in rows] == [row["usual_p95_ttft_ns"] for row in rows] == [None, None]


def test_too_few_calls_or_days_make_no_verdict(ledger: Ledger) -> None:
    calls = week_of_calls(web=FAILED, batch=FAILED)
    ten = MIDNIGHT + timedelta(days=7, hours=10)
    ledger.post(*[call for call in calls if call.timestamp > ten - timedelta(days=2)])
    [row, _] = ledger.ask("provider_health", from_=ten, to=ten + timedelta(hours=1))
    assert row["verdict"] == "no_history"
    ledger.post(*[Posting(provider="house", model="m", timestamp=ten) for _ in range(19)])
    rows = ledger.ask("provider_health", from_=ten, to=ten + timedelta(hours=1), providers=["house"])
    assert {row["verdict"] for row in rows} == {"quiet"}


def test_coverage_tells_each_cost_status_its_share_of_billable_calls_and_of_tokens(ledger: Ledger) -> None:
    ledger.post(
        *[Posting(input_uncached=100, output_text=20)] * 7,
        *[Posting(input_uncached=50, output_text=10, cost_usd=None, cost_status="unpriced")] * 2,
        Posting(cost_usd=None, cost_status="unpriced"),
        *[Posting(cost_usd=Decimal(0), cost_status="free", status="error")] * 5,
    )
    rows = {row.pop("cost_status"): row for row in ledger.ask("coverage")}
    assert rows == {
        "priced": {
            "calls": 7,
            "cost_usd": Decimal("0.07"),
            "tokens": 840,
            "calls_share": 0.7,
            "tokens_share": 840 / 960,
        },
        "unpriced": {"calls": 3, "cost_usd": None, "tokens": 120, "calls_share": 0.3, "tokens_share": 120 / 960},
        "free": {"calls": 5, "cost_usd": Decimal(0), "tokens": None, "calls_share": None, "tokens_share": None},
    }


def test_movers_compare_with_the_period_before_of_the_same_length(ledger: Ledger) -> None:
    day = timedelta(days=1)
    ledger.post(
        Posting(model="up", cost_usd=Decimal(2), timestamp=MIDNIGHT),
        Posting(model="up", cost_usd=Decimal(5), timestamp=MIDNIGHT + day),
        Posting(model="new", cost_usd=Decimal(1), timestamp=MIDNIGHT + day),
        Posting(model="gone", cost_usd=Decimal(4), timestamp=MIDNIGHT),
        Posting(model="unknown", cost_usd=None, cost_status="unpriced", timestamp=MIDNIGHT + day),
        Posting(model="long ago", timestamp=MIDNIGHT - day),
    )
    rows = ledger.ask("movers", by="model", from_=MIDNIGHT + day, to=MIDNIGHT + 2 * day)
    columns = ("cost_usd_before", "cost_usd_now", "change_usd", "change_ratio")
    assert {row["value"]: tuple(row[column] for column in columns) for row in rows} == {
        "up": (2, 5, 3, 1.5),
        "new": (0, 1, 1, None),
        "gone": (4, 0, -4, -1),
        "unknown": (0, None, None, None),
    }  # fmt: skip


@pytest.mark.parametrize(("start", "end"), [(1440, 2880), (1445, 2903), (2903, 2911), (1500, 2820)])
def test_movers_say_what_usage_says_of_each_of_the_periods(ledger: Ledger, start: int, end: int) -> None:
    ledger.post(*some_calls(12, 1500))
    since, until = MIDNIGHT + timedelta(minutes=start), MIDNIGHT + timedelta(minutes=end)
    now = {row["value"]: row for row in ledger.ask("usage", by="feature", from_=since, to=until)}
    before = {row["value"]: row for row in ledger.ask("usage", by="feature", from_=since - (until - since), to=since)}
    movers = {row["value"]: row for row in ledger.ask("movers", by="feature", from_=since, to=until)}
    assert movers.keys() == now.keys() | before.keys()
    for value, row in movers.items():
        for name, rows in (("now", now), ("before", before)):
            assert row[f"calls_{name}"] == (rows[value]["calls"] if value in rows else 0)
            assert row[f"cost_usd_{name}"] == (rows[value]["cost_usd"] if value in rows else 0)


def test_dimension_values_are_what_the_range_has_to_filter_by(ledger: Ledger) -> None:
    ledger.post(
        Posting(),
        Posting(service_name="batch", customer=""),
        Posting(team="old", timestamp=MIDNIGHT - timedelta(days=9)),
    )
    rows = {(row["dimension"], row["value"]): row["calls"] for row in ledger.ask("dimension_values")}
    assert rows == {
        ("environment", "production"): 2, ("service", "web"): 1, ("service", "batch"): 1, ("provider", "openai"): 2,
        ("model", "gpt-5"): 2, ("team", "growth"): 2, ("feature", "search"): 2, ("customer", "acme"): 1,
    }  # fmt: skip


def test_freshness_says_how_far_the_ledger_reaches_and_when_it_was_last_posted_to(ledger: Ledger) -> None:
    posted = datetime(2026, 9, 3, 4, 5, 6, tzinfo=UTC)
    ledger.post(
        Posting(posted_at=posted - timedelta(days=1)),
        Posting(timestamp=MIDNIGHT + timedelta(hours=30), posted_at=posted),
    )
    [row] = ledger.ask("freshness")
    assert (row["project"], row["calls"]) == ("default", 2)
    assert row["last_posted_at"].replace(tzinfo=UTC) == posted
    assert row["first_hour"].replace(tzinfo=UTC) == MIDNIGHT
    assert row["last_hour"].replace(tzinfo=UTC) == MIDNIGHT + timedelta(hours=30)
    assert ledger.ask("freshness", project="nobody") == []


def test_the_first_call_is_that_of_the_project_and_the_filters_to_the_minute(ledger: Ledger) -> None:
    ledger.post(
        Posting(timestamp=MIDNIGHT + timedelta(days=40, minutes=7)),
        Posting(timestamp=MIDNIGHT + timedelta(hours=5, minutes=4, seconds=3), team="growth"),
        Posting(timestamp=MIDNIGHT + timedelta(hours=4), team="core", project="other"),
        Posting(timestamp=MIDNIGHT + timedelta(days=2, hours=1), team="core", customer="acme"),
    )

    def first(**filters: Any) -> datetime | None:
        [row] = ledger.ask("first_call", **filters)
        return None if row["first_call_at"] is None else row["first_call_at"].replace(tzinfo=UTC)

    assert first() == MIDNIGHT + timedelta(hours=4)
    assert first(project="default") == MIDNIGHT + timedelta(hours=5, minutes=4)
    assert first(project="default", teams=["core"], customers=["acme"]) == MIDNIGHT + timedelta(days=2, hours=1)
    assert first(teams=["nobody"]) is None


@pytest.fixture
def long_ledger(ledger: Ledger) -> Ledger:
    """Enough rows that the engine has reason to prefer a rollup, and of the rollups the one by the day: it reads whole granules."""
    ledger.client.command(f"""
        INSERT INTO spanledger.ledger
            (timestamp, posted_at, period, kind, project, service_name, model, feature, customer, prompt_version, calls, duration_ns)
        SELECT
            toDateTime64('{MIDNIGHT:%F %T}', 9, 'UTC') + number * 2.5 AS timestamp, timestamp,
            toStartOfMonth(timestamp), 'charge', 'default', 'web', 'gpt-5', toString(number % 600) AS of_many, of_many,
            of_many, 1, 1000000000
        FROM numbers(100000)""")
    ledger.merge()
    return ledger


def test_what_was_not_merged_yet_is_counted_beside_the_rollups(long_ledger: Ledger) -> None:
    fresh = Posting(MIDNIGHT + timedelta(hours=1, minutes=5), cost_usd=Decimal("0.25"))
    asked = {"step": 0, "by": "", "from_": MIDNIGHT, "to": MIDNIGHT + timedelta(hours=3)}
    [before] = long_ledger.ask("usage", **asked)
    long_ledger.post(fresh, fresh, segment=2)
    [after] = long_ledger.ask("usage", **asked)
    assert set(long_ledger.rollups("usage", **asked)) == {"spend_by_hour", "spanledger.ledger"}
    assert after["calls"] == before["calls"] + 2
    assert after["cost_usd"] == Decimal("0.50")
    long_ledger.merge()
    assert long_ledger.ask("usage", **asked) == [after]


def test_each_view_of_the_pages_reads_a_rollup(long_ledger: Ledger) -> None:
    for view, step, minutes in product(PAGE_VIEWS, (0, 3600, 86400), (0, 17)):
        until = MIDNIGHT + timedelta(days=2, minutes=minutes)
        rollups = long_ledger.rollups(view, step=step, from_=MIDNIGHT + timedelta(days=1), to=until)
        assert set(rollups) - {"spanledger.ledger"} and set(rollups) <= ROLLUPS | {"spanledger.ledger"}, (view, step)


@pytest.mark.parametrize(
    ("view", "asked", "rollup"),
    [
        ("usage", {"by": "feature"}, "spend_by_day"),
        ("usage", {"by": "customer"}, "spend_by_customer_and_day"),
        ("coverage", {}, "spend_by_day"),
        ("freshness", {}, "spend_by_day"),
        ("latency", {"by": "model"}, "durations_by_day"),
        ("errors", {"by": "error_type"}, "calls_by_day"),
        ("speed", {"by": "prompt"}, "calls_by_day"),
        ("heatmap", {}, "calls_by_day"),
    ],
)
def test_days_that_lie_wholly_in_a_range_are_read_from_the_rollups_by_the_day(
    long_ledger: Ledger, view: str, asked: dict[str, str], rollup: str
) -> None:
    since, until = MIDNIGHT - timedelta(minutes=7), MIDNIGHT + timedelta(days=2, hours=3, minutes=17)
    for step in (0, 86400, 7 * 86400):
        rollups = long_ledger.rollups(view, step=step, from_=since, to=until, **asked)
        assert set(rollups) & BY_DAY == {rollup}, step
    if "step" in TAKES[view]:
        assert not set(long_ledger.rollups(view, step=3600, from_=since, to=until, **asked)) & BY_DAY


@pytest.mark.parametrize(("start", "end"), [(-7, 3077), (0, 2880), (615, 2903), (1439, 1441), (600, 630), (1440, 4320)])
def test_rollups_and_rows_give_the_same_answer_wherever_a_range_begins_and_ends(
    long_ledger: Ledger, start: int, end: int
) -> None:
    since, until = MIDNIGHT + timedelta(minutes=start), MIDNIGHT + timedelta(minutes=end)
    given = {"from_": since, "to": until}
    for view, step in product(("usage", "latency", "coverage", "heatmap", "speed", "movers"), (0, 3600, 86400)):
        asked = statement(view, step=step, **given)
        from_rows = long_ledger.client.query(f"{asked} SETTINGS optimize_use_projections = 0").result_rows
        assert Counter(long_ledger.client.query(asked).result_rows) == Counter(from_rows), (view, step)
    [usage] = long_ledger.ask("usage", **given)
    seconds = [number * 2.5 for number in range(100_000)]
    assert usage["calls"] == sum(start * 60 <= second < end * 60 for second in seconds)


def test_spend_by_a_dimension_reads_the_rollup_with_the_common_filters_too(long_ledger: Ledger) -> None:
    filters = {
        "project": "default",
        "services": ["web"],
        "models": ["gpt-5"],
        "teams": ["core"],
        "features": ["search"],
    }
    for view, by in product(("usage", "movers"), sorted(set(DIMENSIONS) - {"customer"})):
        assert {"spend_by_hour", "spend_by_day"} & set(long_ledger.rollups(view, by=by)), by
        assert {"spend_by_hour", "spend_by_day"} & set(long_ledger.rollups(view, by=by, **filters)), by


def test_spend_by_customer_and_of_some_customers_reads_the_rollup_of_customers(long_ledger: Ledger) -> None:
    assert "spend_by_customer" in long_ledger.rollups(
        "usage", by="customer", step=3600, customers=["1", "2"], environments=["production"]
    )


def test_latency_reads_its_rollup_by_service_and_model(long_ledger: Ledger) -> None:
    for by in ("", "service", "provider", "model", "family", "environment"):
        assert "durations_by_hour" in long_ledger.rollups(
            "latency", by=by, step=3600, services=["web"], models=["gpt-5"]
        )


def test_errors_and_speed_read_their_rollup_by_whatever_it_has(long_ledger: Ledger) -> None:
    has = ("", "service", "provider", "model", "family", "environment", "prompt", "error_class", "error_type")
    for view, by in product(("errors", "speed"), has):
        assert "calls_by_hour" in long_ledger.rollups(view, by=by, step=3600, services=["web"], models=["gpt-5"]), by


def test_provider_health_reads_rollups_alone(long_ledger: Ledger) -> None:
    until = MIDNIGHT + timedelta(days=2, minutes=17)
    rollups = long_ledger.rollups("provider_health", from_=until - timedelta(hours=3), to=until)
    assert set(rollups) == {"calls_by_hour", "durations_by_hour"}


def test_the_rollups_agree_with_the_rows_after_a_segment_is_deleted_and_parts_are_merged(ledger: Ledger) -> None:
    first, second = some_calls(10), some_calls(11)
    ledger.post(*first, segment=1)
    ledger.post(*second, segment=2)
    before = ledger.ask("latency", from_=MIDNIGHT)
    ledger.client.command("DELETE FROM spanledger.ledger WHERE segment = 2")
    ledger.client.command("OPTIMIZE TABLE spanledger.ledger FINAL")
    [row] = ledger.ask("usage")
    assert_same(row, metrics(first))
    assert ledger.ask("latency") != before
    whole = ledger.ask("latency", step=3600)
    from_rows = ledger.client.query(statement("latency", step=3600) + " SETTINGS optimize_use_projections = 0")
    assert sorted(whole, key=lambda row: row["time"]) == sorted(from_rows.named_results(), key=lambda row: row["time"])


@pytest.mark.parametrize("path", views(), ids=lambda path: path.stem)
def test_each_view_file_holds_one_view_of_its_name_under_a_comment_that_asks_its_question(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("-- ") and "?" in text.splitlines()[0]
    assert text.count("CREATE OR REPLACE VIEW") == 1
    assert f"CREATE OR REPLACE VIEW spanledger.{path.stem.partition('_')[2]} AS" in text
