"""The colours, by the names of Grafana's own palette, which has a shade of each for dark and one for light."""

from __future__ import annotations

from typing import Any

GOOD, WARN, BAD = "semi-dark-green", "semi-dark-yellow", "semi-dark-red"
ACCENT, SECOND, THIRD, QUIET = "semi-dark-purple", "semi-dark-blue", "semi-dark-orange", "text"

Steps = list[dict[str, Any]]


def plain(colour: str = ACCENT) -> Steps:
    """One colour, whatever the figure."""
    return [{"color": colour, "value": None}]


def rising(warn: float, bad: float) -> Steps:
    """The more the worse."""
    return [{"color": GOOD, "value": None}, {"color": WARN, "value": warn}, {"color": BAD, "value": bad}]


def falling(bad: float, warn: float) -> Steps:
    """The less the worse: below `bad` bad, below `warn` to be looked at."""
    return [{"color": BAD, "value": None}, {"color": WARN, "value": bad}, {"color": GOOD, "value": warn}]
