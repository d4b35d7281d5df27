from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spanledger_dashboard import explain

THIN = "\u202f"
amounts = st.decimals(min_value=-(10**15), max_value=10**15, places=12)


@pytest.mark.parametrize(
    ("usd", "words"),
    [
        ("0", "$0.00"),
        ("0.000123", "$0.000123"),
        ("0.0001234567", "$0.000123"),
        ("0.0094", "$0.00940"),
        ("0.1", "$0.100"),
        ("0.99949", "$0.999"),
        ("0.9996", "$1.00"),
        ("1", "$1.00"),
        ("1234.56", "$1,234.56"),
        ("1234.565", "$1,234.56"),
        ("999999.99", "$999,999.99"),
        ("1234567.89", "$1.23M"),
        ("-3.5", "\u2212$3.50"),
    ],
)
def test_money_has_cents_from_a_dollar_on_and_three_digits_below(usd: str, words: str) -> None:
    assert explain.money(Decimal(usd)) == words


@given(amounts)
def test_money_in_words_is_the_amount_to_half_a_percent(usd: Decimal) -> None:
    words = explain.money(usd)
    scale = 1_000_000 if words.endswith("M") else 1
    read = Decimal(words.replace("\u2212", "-").replace("$", "").replace(",", "").removesuffix("M")) * scale
    assert abs(read - usd) <= abs(usd) * Decimal("0.00501")


@given(amounts)
def test_signed_money_says_which_way_it_went(usd: Decimal) -> None:
    first = explain.money(usd, signed=True)[0]
    assert first == ("$" if usd == 0 else "+" if usd > 0 else "\u2212")


def test_what_is_not_known_is_a_dash() -> None:
    nothing = {explain.money(None), explain.count(None), explain.tokens(None), explain.duration(None),
               explain.percent(None), explain.duration(math.nan), explain.percent(math.nan)}  # fmt: skip
    assert nothing == {explain.UNKNOWN}


@pytest.mark.parametrize(
    ("ns", "words"),
    [
        (0, "0.0 ns"),
        (850e6, "850 ms"),
        (999.4e6, "999 ms"),
        (999.9e6, "1.00 s"),
        (2.24e9, "2.24 s"),
        (9.999e9, "10.0 s"),
        (59.9e9, "59.9 s"),
        (59.999e9, "1 min"),
        (61e9, "1 min 1 s"),
        (200e9, "3 min 20 s"),
        (3780e9, "1 h 3 min"),
        (12_300, "12.3 µs"),
    ],
)
def test_durations_come_in_the_unit_one_would_say(ns: float, words: str) -> None:
    assert explain.duration(ns) == words.replace(" ", THIN)


@given(st.integers(0, 10**14))
def test_tokens_have_at_most_three_digits_and_a_unit(number: int) -> None:
    words = explain.tokens(number)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kMBT]?)", words)
    assert match is not None and len(match[1].replace(".", "")) <= 3
    assert float(match[1]) * 1000 ** "\0kMBT".index(match[2] or "\0") == pytest.approx(number, rel=0.006)


def test_counts_show_every_digit_up_to_a_million() -> None:
    assert [explain.count(n) for n in (0, 950, 123_456, 1_234_567)] == ["0", "950", "123,456", "1.23M"]


@given(st.floats(0, 1))
def test_no_share_is_called_all_or_nothing_that_is_not(share: float) -> None:
    words = explain.percent(share)
    assert (words == f"0{THIN}%") == (share == 0)
    assert (words == f"100{THIN}%") == (share == 1)


def test_shares_are_given_to_a_tenth() -> None:
    shares = (0, 0.0001, 0.009, 0.972, 0.9999, 1)
    words = [explain.percent(share).replace(THIN, " ") for share in shares]
    assert words == ["0 %", "<0.1 %", "0.9 %", "97.2 %", ">99.9 %", "100 %"]


@pytest.mark.parametrize(
    ("now", "before", "better", "words", "tone"),
    [
        (110, 100, None, "+10.0 %", "neutral"),
        (110, 100, "less", "+10.0 %", "bad"),
        (90, 100, "less", "\u221210.0 %", "good"),
        (110, 100, "more", "+10.0 %", "good"),
        (100, 100, "less", "no change", "neutral"),
        (1500, 100, "less", "\u00d715", "bad"),
        (1, 0, "less", "none before", "neutral"),
        (1, None, "less", "none before", "neutral"),
        (None, 1, "less", "none before", "neutral"),
    ],
)
def test_a_change_says_how_much_and_whether_that_is_good(
    now: float | None, before: float | None, better: explain.Better, words: str, tone: explain.Tone
) -> None:
    assert explain.change(now, before, better) == explain.Change(
        words.replace(" ", THIN) if "%" in words else words, tone
    )


def test_a_share_changes_by_points() -> None:
    assert explain.change_of_share(0.031, 0.02, "less") == explain.Change(f"+1.1{THIN}pts", "bad")
    assert explain.change_of_share(0.3, 0.4, "more") == explain.Change(f"\u221210.0{THIN}pts", "bad")


def test_coverage_says_what_part_of_a_total_is_known() -> None:
    def said(priced: int, unpriced: int, reported: int = 0, estimated: int = 0, partial: int = 0) -> str:
        calls = {
            "priced": priced,
            "unpriced": unpriced,
            "reported": reported,
            "estimated": estimated,
            "partial": partial,
        }
        usage = {f"{status}_calls": number for status, number in calls.items()}
        return (
            explain.coverage(usage | {"billable_calls": sum(calls.values())}).replace(THIN, " ").replace("\u00a0", " ")
        )

    assert said(priced=991, unpriced=9) == "99.1 % priced, 0.9 % unpriced"
    assert said(priced=991, unpriced=7, estimated=2) == "99.1 % priced, 0.2 % estimated, 0.7 % unpriced"
    assert said(10, 10, 10, 5, 5) == "25.0 % priced, 25.0 % reported, 12.5 % estimated, 12.5 % partial, 25.0 % unpriced"
    assert said(priced=99_960, unpriced=0, partial=40) == ">99.9 % priced, 0 % unpriced"
    assert said(priced=0, unpriced=0) == "no billable calls"


def test_a_figure_in_words_of_somebody_else_stays_with_its_unit() -> None:
    said = explain.unbroken("0.7746 % of calls bad (last 1 h); only 92.5% have a cost; 5 services in 20 min")
    assert said == (
        f"0.7746{THIN}% of calls bad (last 1{THIN}h); only 92.5{THIN}% have a cost; 5 services in 20{THIN}min"
    )


def test_ranges_and_ages_are_told_in_utc() -> None:
    noon = datetime(2026, 9, 1, 12, tzinfo=UTC)
    assert explain.span(noon, noon + timedelta(hours=1), noon) == "Sep 1, 12:00 to 13:00 UTC"
    assert explain.span(noon, noon + timedelta(days=1), noon) == "Sep 1, 12:00 to Sep 2, 12:00 UTC"
    ages = (timedelta(seconds=5), timedelta(minutes=5), timedelta(hours=5), timedelta(days=5), timedelta(seconds=-1))
    assert [explain.ago(noon - age, noon).replace(THIN, " ") for age in ages] == [
        "5 s ago", "5 min ago", "5 h ago", "5 days ago", "0 s ago",
    ]  # fmt: skip
    lengths = (timedelta(hours=1), timedelta(hours=24), timedelta(days=7), timedelta(hours=25, minutes=5))
    assert [explain.length(length).replace(THIN, " ") for length in lengths] == [
        "60 minutes", "24 h", "7 days", "25 h 5 min",
    ]  # fmt: skip


def test_one_is_not_many() -> None:
    assert [explain.counted(number, "call") for number in (0, 1, 1234)] == ["0 calls", "1 call", "1,234 calls"]


def test_a_range_of_another_year_says_so() -> None:
    since, until = datetime(2025, 12, 30, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)
    assert explain.span(since, until, datetime(2025, 12, 31, tzinfo=UTC)) == "Dec 30, 00:00 to Dec 31, 00:00 UTC"
    later = datetime(2026, 1, 5, tzinfo=UTC)
    assert explain.span(since, until, later) == "Dec 30, 00:00 to Dec 31, 2025, 00:00 UTC"
    assert explain.span(since, since + timedelta(hours=2), later) == "Dec 30, 2025, 00:00 to 02:00 UTC"
    assert explain.span(since, later, later) == "Dec 30, 2025, 00:00 to Jan 5, 00:00 UTC"


def test_what_is_missing_to_all_of_it_is_cut_and_not_rounded_away() -> None:
    shares = (1, 0.9999999, 0.99953, 0.0, None)
    words = [explain.exact_percent(share).replace(THIN, " ") for share in shares]
    assert words == ["100.000 %", "99.999 %", "99.953 %", "0.000 %", explain.UNKNOWN]
    assert [explain.objective(ratio).replace(THIN, " ") for ratio in (0.999, 0.9995, 0.95)] == [
        "99.9 %",
        "99.95 %",
        "95 %",
    ]


def test_burn_is_said_in_times_and_speed_without_its_unit() -> None:
    assert [explain.burn(rate) for rate in (0.0, 14.4, 850.0, None)] == [
        "0.0\u00d7",
        "14.4\u00d7",
        "850\u00d7",
        explain.UNKNOWN,
    ]
    assert [explain.per_second(speed) for speed in (70.24, 1234.0, None)] == ["70.2", "1,234", explain.UNKNOWN]


def test_what_was_reported_twice_is_said_in_a_sentence_and_nothing_where_nothing_was() -> None:
    rows: list[dict[str, Decimal | None]] = [
        {"cost_usd": Decimal("12")},
        {"cost_usd": None},
        {"cost_usd": Decimal("0.3")},
    ]
    assert explain.suppressed(rows) == "$12.30 was reported more than once and billed once."
    assert explain.suppressed([]) == explain.suppressed([{"cost_usd": None}]) == ""
