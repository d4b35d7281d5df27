"""Figures in words: money, durations, tokens, shares, changes. What is not known is a dash, never a zero."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any, Literal

UNKNOWN = "\u2013"  # a dash
_MINUS = "\u2212"
_DOLLAR = Decimal("0.9995")  # and above: rounded to three digits it would be one
_SPACE = "\u202f"  # narrow, and no line break in it: between a figure and its unit

Tone = Literal["good", "bad", "neutral"]
Better = Literal["more", "less"] | None
"""Which way of a figure is good news."""


@dataclass(frozen=True)
class Change:
    """A figure against the period before: in words, and whether that is good news."""

    text: str
    tone: Tone = "neutral"


def money(usd: Decimal | None, signed: bool = False) -> str:
    """Dollars: cents from one dollar on, three significant digits below, millions shortened."""
    if usd is None:
        return UNKNOWN
    with localcontext() as context:
        context.prec = 60
        size = abs(usd)
        if size >= 1_000_000:
            text = f"{_rounded(size / 1_000_000, 2):,}M"
        else:
            text = f"{_rounded(size, 2):,}" if size == 0 or size >= _DOLLAR else _three_digits(size)
    return _sign(usd, signed and usd != 0) + "$" + text


def any_money(usd: Decimal | float | None) -> str:
    """Money, of an axis too, whose ticks are no postings."""
    return money(usd if usd is None or isinstance(usd, Decimal) else Decimal(repr(usd)))


def _rounded(number: Decimal, digits: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)


def _three_digits(number: Decimal) -> str:
    digits = 2 - number.adjusted()
    rounded = _rounded(number, digits)
    return f"{_rounded(rounded, 2 - rounded.adjusted()):f}"


def _sign(number: Decimal | float, plus: bool) -> str:
    if number < 0:
        return _MINUS
    return "+" if plus else ""


def count(number: int | None) -> str:
    """Calls and the like: every digit up to a million, then shortened."""
    if number is None:
        return UNKNOWN
    return f"{number:,}".replace("-", _MINUS) if abs(number) < 1_000_000 else tokens(number)


def counted(number: int, noun: str) -> str:
    """So many of something, whose plural ends in an s."""
    return f"{count(number)} {noun}{'s' * (number != 1)}"


def tokens(number: int | None) -> str:
    """Three significant digits and a unit: 950, 12.3k, 1.20M."""
    if number is None:
        return UNKNOWN
    size = abs(number)
    if size < 1000:
        return f"{_sign(number, False)}{size}"
    power = 1
    while power < 4 and size / 1000**power >= 999.5:
        power += 1
    scaled = size / 1000**power
    digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
    return f"{_sign(number, False)}{scaled:,.{digits}f}{'kMBT'[power - 1]}"


def duration(ns: float | None) -> str:
    if ns is None or math.isnan(ns):
        return UNKNOWN
    seconds = ns / 1e9
    if seconds >= 59.995:
        whole = round(seconds)
        if whole < 3600 and whole % 60 == 0:
            return f"{whole // 60}{_SPACE}min"
        if whole < 3600:
            return f"{whole // 60}{_SPACE}min{_SPACE}{whole % 60}{_SPACE}s"
        return f"{whole // 3600}{_SPACE}h{_SPACE}{whole % 3600 // 60}{_SPACE}min"
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")):
        if seconds >= factor * 0.9995 or unit == "ns":
            break
    size = seconds / factor
    return f"{size:.{2 if size < 9.995 and unit == 's' else 1 if size < 99.95 else 0}f}{_SPACE}{unit}"


def percent(share: float | None) -> str:
    """A share between 0 and 1, to a tenth. Nothing is called 0 % or 100 % that is not."""
    if share is None or math.isnan(share):
        return UNKNOWN
    if 0 < share < 0.0005:
        return f"<0.1{_SPACE}%"
    if 0.9995 <= share < 1:
        return f">99.9{_SPACE}%"
    text = f"{share * 100:,.1f}"
    return f"{text.removesuffix('.0') if share in (0, 1) else text}{_SPACE}%".replace("-", _MINUS)


def exact_percent(share: float | None) -> str:
    """A share to a thousandth of a percent, cut and not rounded: what is missing to 100 % is what matters."""
    if share is None or math.isnan(share):
        return UNKNOWN
    return f"{math.floor(share * 100_000 + 1e-6) / 1000:,.3f}{_SPACE}%".replace("-", _MINUS)


def objective(ratio: float) -> str:
    """The share that an SLO asks for, with the digits that it was written with."""
    return f"{ratio * 100:.6f}".rstrip("0").rstrip(".") + f"{_SPACE}%"


def burn(rate: float | None) -> str:
    """How many times as fast as it may a budget is used up."""
    if rate is None or math.isnan(rate):
        return UNKNOWN
    return f"{rate:.1f}\u00d7" if rate < 99.95 else f"{rate:,.0f}\u00d7"


def per_second(tokens_per_second: float | None) -> str:
    """Output speed, the unit apart."""
    if tokens_per_second is None or math.isnan(tokens_per_second):
        return UNKNOWN
    return f"{tokens_per_second:.1f}" if tokens_per_second < 99.95 else f"{tokens_per_second:,.0f}"


def change(now: Decimal | float | None, before: Decimal | float | None, better: Better = None) -> Change:
    """A figure's relative change; `better` says which way is good, None that neither is."""
    if now is None or before is None:
        return Change("none before")
    if before == 0:
        return Change("no change" if now == 0 else "none before")
    ratio = float(now) / float(before) - 1
    if abs(ratio) < 0.0005:
        return Change("no change")
    text = f"\u00d7{ratio + 1:,.0f}" if ratio >= 9 else _sign(ratio, True) + percent(abs(ratio))
    return Change(text, _tone(ratio, better))


def change_of_share(now: float | None, before: float | None, better: Better = None) -> Change:
    """A share's change, in percentage points."""
    if now is None or before is None:
        return Change("none before")
    points = (now - before) * 100
    if abs(points) < 0.05:
        return Change("no change")
    return Change(f"{_sign(points, True)}{abs(points):.1f}{_SPACE}pts", _tone(points, better))


def _tone(difference: float, better: Better) -> Tone:
    if better is None:
        return "neutral"
    return "good" if (difference > 0) == (better == "more") else "bad"


def coverage(usage: Mapping[str, Any]) -> str:
    """How much of a total is known, as every total says: of billable calls. What is neither priced nor unpriced is named where it is
    a tenth of a percent."""
    billable = usage["billable_calls"]
    if not billable:
        return "no billable calls"
    statuses = ("priced", "reported", "estimated", "partial", "unpriced")
    shares = {status: usage[f"{status}_calls"] / billable for status in statuses}
    said = [status for status, share in shares.items() if status in ("priced", "unpriced") or share >= 0.0005]
    return ", ".join(f"{percent(shares[status])}\u00a0{status}" for status in said)


def suppressed(rows: Sequence[Mapping[Any, Any]]) -> str:
    """What was reported more than once and billed once; empty where nothing was."""
    costs = [row["cost_usd"] for row in rows if row["cost_usd"]]
    return f"{money(sum(costs, Decimal(0)))} was reported more than once and billed once." if costs else ""


def unbroken(text: str) -> str:
    """Words of somebody else's, such as an alert's, in which no line ends between a figure and its unit."""
    return re.sub(r"(?<=\d)(?: ?(?=%)| (?=(?:ms|s|min|h)\b))", _SPACE, text)


def named(value: str) -> str:
    """A dimension's value; calls that did not say have none."""
    return value or "(not set)"


def short(error_type: str) -> str:
    """Without the module that it is from."""
    return named(error_type.rpartition(".")[2])


def moment(time: datetime, now: datetime | None = None) -> str:
    """To the minute; with the year, where it is not that of `now`."""
    return f"{_day(time, now)}, {time:%H:%M}"


def _day(time: datetime, now: datetime | None) -> str:
    return f"{time:%b} {time.day}" + (f", {time.year}" if now is not None and time.year != now.year else "")


def second(time: datetime) -> str:
    return f"{time:%b} {time.day}, {time:%H:%M:%S}"


def span(since: datetime, until: datetime, now: datetime) -> str:
    """A range of time, in UTC; with its year, once, where that is not the present one."""
    if since.date() == until.date():
        return f"{moment(since, now)} to {until:%H:%M} UTC"
    return f"{moment(since, until)} to {moment(until, now)} UTC"


def length(passed: timedelta) -> str:
    """How long a range is, in its largest whole units."""
    minutes = passed // timedelta(minutes=1)
    if minutes < 120:
        return f"{minutes}{_SPACE}minutes"
    hours, rest = divmod(minutes, 60)
    if hours < 72:
        return f"{hours}{_SPACE}h" + (f" {rest}{_SPACE}min" if rest else "")
    return f"{hours // 24}{_SPACE}days" + (f" {hours % 24}{_SPACE}h" if hours % 24 else "")


def period(name: str) -> str:
    """An objective's period."""
    return {"28d": f"28{_SPACE}days", "day": "a day", "week": "a week", "month": "a month", "quarter": "a quarter",
            "year": "a year"}.get(name, name)  # fmt: skip


def ago(time: datetime, now: datetime) -> str:
    passed = max(now - time, timedelta())
    if passed < timedelta(seconds=90):
        return f"{int(passed.total_seconds())}{_SPACE}s ago"
    if passed < timedelta(minutes=90):
        return f"{passed // timedelta(minutes=1)}{_SPACE}min ago"
    if passed < timedelta(hours=36):
        return f"{passed // timedelta(hours=1)}{_SPACE}h ago"
    return f"{passed // timedelta(days=1)}{_SPACE}days ago"
