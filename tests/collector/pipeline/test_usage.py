"""Reported usage, checked and put into disjoint buckets: each token is in exactly one (D5)."""

from __future__ import annotations

from collector.pipeline.otlp import BUCKETS, Pipeline, Posted, Value, call
from collector.pipeline.together import together
from hypothesis import given, settings
from hypothesis import strategies as st

COUNTS = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_write.input_tokens",
    "cache_write_1h_tokens": "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "audio_input_tokens": "gen_ai.usage.audio.input_tokens",
    "audio_output_tokens": "gen_ai.usage.audio.output_tokens",
}


def usage(**counts: Value) -> dict[str, Value]:
    """Attributes of a call that reports these counts and no others."""
    return {attribute: counts.get(name) for name, attribute in COUNTS.items()}


def test_every_token_is_in_one_bucket(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(
        call(
            usage(
                input_tokens=1000, cache_read_tokens=600, cache_write_tokens=200, cache_write_1h_tokens=50,
                audio_input_tokens=30, output_tokens=300, reasoning_tokens=120, audio_output_tokens=80,
            )
        )
    )  # fmt: skip

    assert posted.buckets == {
        "input_uncached": 170, "cache_read": 600, "cache_write_5m": 150, "cache_write_1h": 50, "audio_in": 30,
        "output_text": 100, "reasoning": 120, "audio_out": 80,
    }  # fmt: skip
    assert posted.posting["tokens"] == 1300
    assert posted.span["usage_flags"] == []


def test_audio_that_was_read_from_a_cache_is_counted_there(pipeline: Pipeline) -> None:
    cached_audio = {"gen_ai.usage.audio.cache_read.input_tokens": 20}

    posted = pipeline.post_spans(
        call(usage(input_tokens=100, cache_read_tokens=60, audio_input_tokens=30) | cached_audio)
    )

    assert posted.buckets == {"input_uncached": 30, "cache_read": 60, "audio_in": 10}


def test_a_span_keeps_the_totals_as_they_were_reported(pipeline: Pipeline) -> None:
    reported = {name: 10 * number for number, name in enumerate(COUNTS, start=1)} | {
        "input_tokens": 500,
        "output_tokens": 400,
    }

    span = pipeline.post_spans(call(usage(**reported))).span

    assert {name: span[name] for name in COUNTS} == reported
    assert span["usage_raw"] == {COUNTS[name]: str(count) for name, count in reported.items()}


def test_what_was_not_reported_is_unknown_and_not_zero(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(call(usage(input_tokens=8)))

    assert {name: posted.span[name] for name in COUNTS} == {
        name: 8 if name == "input_tokens" else None for name in COUNTS
    }
    assert posted.buckets == {"input_uncached": 8}
    assert posted.posting["reports_cache"] is False


def test_a_reported_zero_is_a_zero(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(call(usage(input_tokens=0, output_tokens=0, cache_read_tokens=0)))

    assert [posted.span[name] for name in ("input_tokens", "output_tokens", "cache_read_tokens")] == [0, 0, 0]
    assert posted.posting["tokens"] == 0
    assert posted.posting["reports_cache"] is True


def test_a_call_without_usage_has_no_buckets(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(call(usage()))

    assert [posted.posting[bucket] for bucket in BUCKETS] == [None] * len(BUCKETS)
    assert posted.posting["tokens"] is None


@together("count", [1200, "1200", 1200.0], lambda count: call(usage(input_tokens=count)))
def test_a_count_may_be_an_int_a_text_or_a_whole_float(stored: Posted, count: Value) -> None:
    assert (stored.span["input_tokens"], stored.span["usage_flags"]) == (1200, [])


@together(
    ("count", "flag"),
    [
        (-1, "negative"),
        (-(2**63), "negative"),
        ("-5", "negative"),
        (2**28, "absurd"),
        (2**63 - 1, "absurd"),
        (1e300, "absurd"),
        (float("inf"), "absurd"),
        (12.5, "not_a_count"),
        (float("nan"), "not_a_count"),
        ("many", "not_a_count"),
        (True, "not_a_count"),
        ([1200], "not_a_count"),
        ({"n": 1}, "not_a_count"),
        (b"12", "not_a_count"),
    ],
    lambda count, flag: [
        call(usage(**{"input_tokens": 50, "output_tokens": 10, name: count}), name=name) for name in COUNTS
    ],
)
def test_a_count_that_is_none_is_null_and_flagged(stored: Posted, count: Value, flag: str) -> None:
    for row in stored.rows("spans"):
        assert row[row["name"]] is None
        assert row["usage_flags"] == [f"{row['name']}_{flag}"]
    assert sorted(row["tokens"] for row in stored.rows("ledger")) == [10, 50, *[60] * (len(COUNTS) - 2)]
    assert all(row["usage_flagged"] for row in stored.rows("ledger"))


def test_the_largest_count_that_is_believed(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(call(usage(input_tokens=2**28 - 1, output_tokens=2**28 - 1)))

    assert posted.posting["tokens"] == 2 * (2**28 - 1)
    assert posted.span["usage_flags"] == []


def test_an_empty_count_is_not_reported(pipeline: Pipeline) -> None:
    span = pipeline.post_spans(call(usage(input_tokens=1, output_tokens=""))).span

    assert (span["output_tokens"], span["usage_flags"]) == (None, [])


def test_input_with_more_cached_than_there_was_left_it_out(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(
        call(usage(input_tokens=100, cache_read_tokens=80, cache_write_tokens=21, output_tokens=9, reasoning_tokens=4))
    )

    assert posted.buckets == {
        "input_uncached": 100, "cache_read": 80, "cache_write_5m": 21, "output_text": 5, "reasoning": 4,
    }  # fmt: skip
    assert posted.span["usage_flags"] == ["input_excluded_cached"]
    assert posted.span["input_tokens"] == 201
    assert posted.span["attributes"]["gen_ai.usage.input_tokens"] == "100"


def test_input_subsets_beyond_their_total_are_not_believed(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(call(usage(input_tokens=100, cache_read_tokens=80, audio_input_tokens=21)))

    assert posted.buckets == {"input_uncached": 100}
    assert posted.span["usage_flags"] == ["input_subsets_exceed_total"]
    assert posted.span["cache_read_tokens"] == 80


def test_output_subsets_beyond_their_total_are_not_believed(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(
        call(usage(input_tokens=7, output_tokens=10, reasoning_tokens=6, audio_output_tokens=5))
    )

    assert posted.buckets == {"input_uncached": 7, "output_text": 10}
    assert posted.span["usage_flags"] == ["output_subsets_exceed_total"]


def test_subsets_that_are_all_of_their_total_are_believed(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(
        call(usage(input_tokens=10, cache_read_tokens=10, output_tokens=5, reasoning_tokens=5))
    )

    assert posted.buckets == {"cache_read": 10, "reasoning": 5}
    assert posted.span["usage_flags"] == []


def test_more_kept_for_an_hour_than_was_written_is_flagged(pipeline: Pipeline) -> None:
    posted = pipeline.post_spans(call(usage(input_tokens=100, cache_write_tokens=10, cache_write_1h_tokens=30)))

    assert posted.buckets == {"input_uncached": 90, "cache_write_1h": 10}
    assert posted.span["usage_flags"] == ["cache_write_1h_exceeds_cache_write"]


TOKENS = st.none() | st.integers(0, 60) | st.integers(0, 100_000_000) | st.integers(-3, 2**40)


@settings(max_examples=5)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(COUNTS, TOKENS)), min_size=20, max_size=80))
def test_the_buckets_sum_to_the_totals_whatever_is_reported(
    pipeline: Pipeline, reports: list[dict[str, int | None]]
) -> None:
    posted = pipeline.post_spans(
        *(call(usage(**report), span_id=number.to_bytes(8)) for number, report in enumerate(reports, start=1))
    )

    postings = {int(row["span_id"], 16): row for row in posted.rows("ledger")}
    for row in posted.rows("spans"):
        posting = postings[int(row["span_id"], 16)]
        if row["input_tokens"] is None and row["output_tokens"] is None:
            assert posting["tokens"] is None
            continue
        buckets = [posting[bucket] for bucket in BUCKETS]
        assert min(buckets) >= 0
        assert sum(buckets[:5]) == (row["input_tokens"] or 0)
        assert sum(buckets[5:]) == (row["output_tokens"] or 0)
        assert posting["usage_flagged"] is bool(row["usage_flags"])
