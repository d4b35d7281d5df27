"""The user's own prices: `prices.yaml`, read and checked. Contracts, discounts, and models on GPUs of one's own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from spanledger_collector.config import Kinds, Model, Name, Usd, read_checked

FILE_NAME = "prices.yaml"
FOREVER = int(datetime(2106, 1, 1, tzinfo=UTC).timestamp())
# A rate is kept as Decimal(18, 12).
_TOO_MUCH = Decimal(1_000_000)


def _moment(value: object) -> int:
    """Unix seconds of a date (its midnight) or a time; UTC, where it does not say."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"{value!r} is no date or time: say 2026-11-01 or 2026-11-01T10:30:00Z") from error
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise ValueError(f"{value!r} is no date or time: say 2026-11-01 or 2026-11-01T10:30:00Z")
    seconds = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if not 0 <= seconds <= FOREVER or seconds != int(seconds):
        raise ValueError("it has to be a whole second between 1970 and 2106")
    return int(seconds)


def _share(value: object) -> Decimal:
    """`12%` as 0.12."""
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?) ?%", value) if isinstance(value, str) else None
    if not found or not 0 < Decimal(found[1]) <= 100:
        raise ValueError(f"{value!r} is no discount: say a percentage above 0 and up to 100, as in 12%")
    return Decimal(found[1]) / 100


def _rate(usd: object) -> object:
    if isinstance(usd, (int, float)) and usd >= _TOO_MUCH:
        raise ValueError(f"{usd} is too much: below a million USD can be kept")
    return usd


Moment = Annotated[int, BeforeValidator(_moment)]
Rate = Annotated[Usd, BeforeValidator(_rate)]
Pattern = Annotated[str, Field(min_length=1, max_length=500)]


class Rates(Model):
    """USD per million tokens. A bucket that is not given is charged as what it is a part of: input, or output."""

    input: Rate
    output: Rate
    cache_read: Rate | None = None
    cache_write_5m: Rate | None = None
    cache_write_1h: Rate | None = None
    audio_in: Rate | None = None
    reasoning: Rate | None = None
    audio_out: Rate | None = None


class Rule(Model):
    """Which calls: whose provider and model, as spans name them, match; `*` is any text, `?` any sign, case does not count."""

    name: Name
    provider: Pattern = "*"
    model: Pattern = "*"
    valid_from: Moment = 0
    valid_to: Moment = FOREVER

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if not {"provider", "model"} & self.model_fields_set:
            raise ValueError(f"the rule {self.name} says for no calls: give it a provider, a model or both")
        if self.valid_from >= self.valid_to:
            raise ValueError(f"the rule {self.name} is never valid: valid_to has to be later than valid_from")
        return self

    @property
    def price_id(self) -> str:
        return f"user:{self.name}"

    @property
    def version(self) -> str:
        """Changes with whatever the rule says."""
        return f"{FILE_NAME} {hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]}"

    def matches(self, provider: str, model: str) -> bool:
        return bool(_regex(self.provider).fullmatch(provider) and _regex(self.model).fullmatch(model))

    def meets(self, other: Rule) -> bool:
        """Whether there may be a call that both are for."""
        return (
            self.valid_from < other.valid_to
            and other.valid_from < self.valid_to
            and _meet(self.provider.lower(), other.provider.lower())
            and _meet(self.model.lower(), other.model.lower())
        )


class PerToken(Rule):
    """Rates of a contract, or a `discount` (a share between 0 and 1) on the list price."""

    usd_per_million: Rates | None = None
    usd_per_call: Rate | None = None
    discount: Annotated[Decimal, BeforeValidator(_share)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.usd_per_million is None) == (self.discount is None):
            raise ValueError(f"the rule {self.name} has to have either usd_per_million or discount")
        if self.discount is not None and self.usd_per_call is not None:
            raise ValueError(f"the rule {self.name} has a discount, which holds for fees too: leave usd_per_call out")
        return self


class PerGpuHour(Rule):
    """GPUs whose cost in an hour is shared by the calls that began in it: by their tokens, or by the time that they took.

    With `charge_idle`, an hour without calls is posted too, to `idle_project`.
    """

    usd_per_gpu_hour: Rate
    gpus: Annotated[int, Field(ge=1, le=100_000)]
    shared_by: Literal["tokens", "time"]
    charge_idle: bool = False
    idle_project: str = "default"

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.usd_an_hour >= _TOO_MUCH:
            raise ValueError(f"the rule {self.name} makes {self.usd_an_hour} USD an hour: below a million can be kept")
        if self.charge_idle and self.valid_from == 0:
            raise ValueError(f"the rule {self.name} charges idle hours: say from when on, with valid_from")
        return self

    @property
    def usd_an_hour(self) -> Decimal:
        return self.usd_per_gpu_hour * self.gpus


class PriceRules(Model):
    """The whole file. A call is priced by one rule at most."""

    per_token: Annotated[tuple[PerToken, ...], Field(strict=False)] = ()
    per_gpu_hour: Annotated[tuple[PerGpuHour, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _no_two(self) -> Self:
        for one, other in combinations(self.rules, 2):
            if one.name == other.name:
                raise ValueError(f"the name {one.name} is given twice: each rule has to have its own")
            if one.meets(other):
                raise ValueError(
                    f"the rules {one.name} and {other.name} overlap, so that a call could have two prices: let one end "
                    "(valid_to) where the other begins (valid_from), or have them match other providers or models"
                )
        return self

    @property
    def rules(self) -> tuple[PerToken | PerGpuHour, ...]:
        return (*self.per_token, *self.per_gpu_hour)

    def of(self, provider: str, model: str) -> Iterator[PerToken | PerGpuHour]:
        """The rules for calls of a model, at different times."""
        return (rule for rule in self.rules if rule.matches(provider, model))


_KINDS: Kinds = {
    (): PriceRules, ("per_token",): PerToken, ("per_gpu_hour",): PerGpuHour, ("per_token", "usd_per_million"): Rates,
}  # fmt: skip


def load(path: Path) -> PriceRules:
    """Read and check a file of price rules. Raises StartError, which names the file, the place in it, and the way out."""
    return read_checked(path, PriceRules, "price rules file", _KINDS)


def load_default(path: Path | None, data: Path) -> PriceRules:
    """The rules at `path`, or those of the data folder, which may have none. Raises StartError."""
    if path is None and not (data / FILE_NAME).exists():
        return PriceRules()
    return load(path or data / FILE_NAME)


@cache
def _regex(pattern: str) -> re.Pattern[str]:
    parts = ({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in pattern)
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)


def _meet(one: str, other: str) -> bool:
    """Whether some text matches both patterns."""
    heads = {0}  # how much of `other` can have been used up by what `one` has used up so far

    def skipped(heads: set[int]) -> set[int]:
        """Stars of `other` that stand for nothing."""
        reached = set(heads)
        for head in sorted(heads):
            while head < len(other) and other[head] == "*":
                head += 1
                reached.add(head)
        return reached

    heads = skipped(heads)
    for sign in one:
        if sign == "*":
            heads = set(range(min(heads), len(other) + 1)) if heads else heads
            continue
        heads = skipped({
            head if other[head] == "*" else head + 1
            for head in heads
            if head < len(other) and (other[head] in ("*", "?", sign) or sign == "?")
        })  # fmt: skip
    return len(other) in heads
