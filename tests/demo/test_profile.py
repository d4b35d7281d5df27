"""The committed profile is the trace's, and what is drawn from it looks like it."""

from __future__ import annotations

import random
import statistics
from pathlib import Path

import pytest
from spanledger_demo.profile import COMMITTED, LEVELS, SOURCE, Profile, Sampler, quantiles, rank_correlation

TRACE = Path(__file__).parents[3] / "shared/data/azure_llm_inference_2023_conv.csv"


@pytest.mark.skipif(not TRACE.exists(), reason=f"the trace that the profile was fitted to is not here: {TRACE}")
def test_the_committed_numbers_are_those_of_the_trace() -> None:
    assert Profile.fit(TRACE).to_yaml() == COMMITTED.read_text()


def test_the_committed_file_names_its_source_and_licence() -> None:
    text = COMMITTED.read_text()
    assert SOURCE["licence"] in text and "Splitwise" in text and SOURCE["url"] in text


def test_sampled_tokens_have_the_profiles_quantiles_and_correlation() -> None:
    profile = Profile.load()
    sampler = Sampler(profile, random.Random(7))
    draws = [sampler.tokens() for _ in range(40_000)]

    for drawn, table in ((0, profile.context_tokens), (1, profile.generated_tokens)):
        values = [draw[drawn] for draw in draws]
        sampled = dict(zip(LEVELS, quantiles(values), strict=True))
        for level, expected in zip(LEVELS, table, strict=True):
            if 0.05 <= level <= 0.95:
                # Where the distribution is steep, a value may move far while hardly any calls do: compare the levels.
                below = sum(value <= expected + 1 for value in values) / len(values)
                assert sampled[level] == pytest.approx(expected, rel=0.05) or below == pytest.approx(level, abs=0.02)

    context, generated = zip(*draws, strict=True)
    assert rank_correlation(context, generated) == pytest.approx(profile.rank_correlation, abs=0.02)


def test_sampled_gaps_have_mean_one_and_the_same_seed_gives_the_same_draws() -> None:
    profile = Profile.load()
    one, other = Sampler(profile, random.Random(7)), Sampler(profile, random.Random(7))
    gaps = [one.gap() for _ in range(50_000)]
    assert gaps == [other.gap() for _ in range(50_000)]
    assert statistics.fmean(gaps) == pytest.approx(1.0, rel=0.02)
