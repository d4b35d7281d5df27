"""The rules of `schemas/burn_windows.yaml`: how fast an error budget may burn, over which windows, before somebody is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from spanledger_collector import yaml_file
from spanledger_collector.schemas_folder import SCHEMAS

WHOLE_HOURS_FROM = 86_400
"""Windows of so many seconds and more begin with an hour, and are read from the rollup by hour; shorter ones with a minute."""

LONGEST_DAYS = 3650
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")


@dataclass(frozen=True)
class Window:
    """A pair of windows, in seconds, and the burn rate that both must be above."""

    severity: str
    factor: float
    long: int
    short: int


def burn_windows() -> tuple[Window, ...]:
    """The pairs, as they are in the file."""
    return tuple(
        Window(rule["severity"], rule["factor"], int(seconds(rule["long"])), int(seconds(rule["short"])))
        for rule in yaml_file.read(SCHEMAS / "burn_windows.yaml")
    )


def duration(said: str) -> timedelta:
    """`said` as a time that can be waited for. Raises ValueError for what is none, is 0, or longer than LONGEST_DAYS."""
    found = seconds(said)
    if not 0 < found <= LONGEST_DAYS * 86_400:
        raise ValueError(f"a duration has to be above 0 and at most {LONGEST_DAYS}d")
    return timedelta(seconds=found)


def seconds(duration: str) -> float:
    """Seconds of `2.5s`, `300ms`, `5m`, `1h` or `14d`. Raises ValueError for what is none of them."""
    if (found := _DURATION.fullmatch(duration.strip())) is None:
        raise ValueError(f"{duration!r} is no duration: say a number and ms, s, m, h or d, as in 2.5s")
    return float(found[1]) * _UNITS[found[2]]
