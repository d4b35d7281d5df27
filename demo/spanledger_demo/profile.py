"""A small statistical portrait of a real production trace: when calls arrive and how many tokens they move.

`profile.yaml` holds the fitted numbers. `python -m spanledger_demo fit trace.csv` makes it again from the trace.
"""

from __future__ import annotations

import csv
import math
import random
import statistics
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

COMMITTED = Path(__file__).with_name("profile.yaml")
LEVELS = (0, 0.01, 0.025, *(round(0.05 * n, 2) for n in range(1, 20)), 0.975, 0.99, 0.999, 1)
"""The quantile levels of each table."""
STEPS = 4096
"""How finely a sampler cuts each distribution."""

SOURCE = {
    "name": "Azure LLM inference trace 2023, conversation",
    "url": "https://github.com/Azure/AzurePublicDataset",
    "licence": "CC-BY",
    "cite": "Patel et al., Splitwise: Efficient generative LLM inference using phase splitting, ISCA 2024",
}


@dataclass(frozen=True)
class Profile:
    """Quantiles at `LEVELS` of three figures, and how two of them go together."""

    requests: int
    """How many requests it was fitted to."""
    mean_gap_s: float
    gap: tuple[float, ...]
    """Time between two arrivals, relative to the mean gap."""
    context_tokens: tuple[float, ...]
    generated_tokens: tuple[float, ...]
    rank_correlation: float
    """Spearman's, of context and generated tokens."""

    @classmethod
    def load(cls, path: Path = COMMITTED) -> Profile:
        """Raises OSError, or KeyError where the file is not a profile."""
        data = yaml.safe_load(path.read_text())
        return cls(
            requests=data["requests"],
            mean_gap_s=data["mean_gap_s"],
            gap=tuple(data["gap"].values()),
            context_tokens=tuple(data["context_tokens"].values()),
            generated_tokens=tuple(data["generated_tokens"].values()),
            rank_correlation=data["rank_correlation"],
        )

    @classmethod
    def fit(cls, trace: Path) -> Profile:
        """From a CSV with the columns TIMESTAMP, ContextTokens, GeneratedTokens, in order of time."""
        with trace.open(newline="") as file:
            rows = list(csv.DictReader(file))
        # The trace has seven digits of a second; Python reads six.
        times = [datetime.fromisoformat(row["TIMESTAMP"][:26]) for row in rows]
        gaps = [(after - before).total_seconds() for before, after in pairwise(times)]
        context = [int(row["ContextTokens"]) for row in rows]
        generated = [int(row["GeneratedTokens"]) for row in rows]
        mean_gap = statistics.mean(gaps)
        return cls(
            requests=len(rows),
            mean_gap_s=round(mean_gap, 4),
            gap=tuple(round(value, 4) for value in quantiles([gap / mean_gap for gap in gaps])),
            context_tokens=tuple(round(value, 1) for value in quantiles(context)),
            generated_tokens=tuple(round(value, 1) for value in quantiles(generated)),
            rank_correlation=round(rank_correlation(context, generated), 4),
        )

    def to_yaml(self) -> str:
        """With the source and its licence. Level -> value, so that it can be read."""
        tables: dict[str, Any] = asdict(self)
        for name in ("gap", "context_tokens", "generated_tokens"):
            tables[name] = dict(zip(LEVELS, tables[name], strict=True))
        notice = (
            "# Fitted by `python -m spanledger_demo fit`: quantile level -> value. Gaps are relative to their mean.\n"
        )
        return notice + yaml.safe_dump({"source": SOURCE, **tables}, sort_keys=False, width=120)


class Sampler:
    """Draws from a profile. The same `rng` state gives the same draws."""

    def __init__(self, profile: Profile, rng: random.Random) -> None:
        self._rng = rng
        self._gap = _grid(profile.gap)
        # A table of straight lines between quantiles has not quite the mean of the trace.
        self._gap_scale = 1 / statistics.fmean(self._gap)
        self._context = _grid(profile.context_tokens)
        self._generated = _grid(profile.generated_tokens)
        # The normal correlation that gives this rank correlation.
        self._rho = 2 * math.sin(math.pi / 6 * profile.rank_correlation)
        self._rest = math.sqrt(1 - self._rho**2)

    def gap(self) -> float:
        """The time to the next arrival, where 1.0 is the mean."""
        return self._gap[int(self._rng.random() * STEPS)] * self._gap_scale

    def tokens(self) -> tuple[int, int]:
        """Context and generated tokens of one call (a Gaussian copula over the two tables)."""
        first = self._rng.gauss(0.0, 1.0)
        second = self._rho * first + self._rest * self._rng.gauss(0.0, 1.0)
        return round(self._context[_cell(first)]), round(self._generated[_cell(second)])


def quantiles(values: Sequence[float]) -> Iterator[float]:
    """The values at `LEVELS`, straight lines between neighbours."""
    ordered = sorted(values)
    for level in LEVELS:
        place = level * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        yield ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's, with ties averaged (`statistics.correlation` ranks by itself only from Python 3.12 on)."""
    return statistics.correlation(_ranks(one), _ranks(other))


@cache
def _grid(table: tuple[float, ...]) -> tuple[float, ...]:
    """The inverse distribution function at the middle of each of `STEPS` equal cells."""
    grid = []
    for step in range(STEPS):
        u = (step + 0.5) / STEPS
        after = bisect_right(LEVELS, u)
        low, high = LEVELS[after - 1], LEVELS[after]
        grid.append(table[after - 1] + (table[after] - table[after - 1]) * (u - low) / (high - low))
    return tuple(grid)


def _cell(z: float) -> int:
    return min(int(0.5 * math.erfc(-z / math.sqrt(2)) * STEPS), STEPS - 1)


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(ordered):
        end = start
        while end < len(ordered) and values[ordered[end]] == values[ordered[start]]:
            end += 1
        for place in ordered[start:end]:
            ranks[place] = (start + end - 1) / 2
        start = end
    return ranks
