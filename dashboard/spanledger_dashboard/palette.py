"""The colours, once for light and once for dark. Words on their background have a contrast of 4.5 to 1 or more, the
accent, which is under white words and is itself a word, 4 to 1 both ways."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Palette:
    page: str
    panel: str
    text: str
    muted: str
    line: str
    accent: str
    good: str
    bad: str
    warn: str
    other: str
    """Of what is summed up or unknown."""
    series: tuple[str, ...]
    """Of values told apart, the largest first; neighbours differ in lightness too, for who does not see the hue."""
    heat: tuple[str, str, str]
    """Of how many, from few to many."""
    more: str
    """What the shades of many are beside those of few."""


LIGHT = Palette(
    page="#FFFFFF",
    panel="#F6F7F9",
    text="#14181F",
    muted="#5B6472",
    line="#E2E5EA",
    accent="#4338CA",
    good="#0B7A4B",
    bad="#C4281C",
    warn="#96590A",
    other="#A3ABB8",
    series=("#4F46E5", "#0EA5B7", "#E08A0B", "#9D5BD2", "#12805C", "#D6457E", "#5C8DF0", "#8A6D3B"),
    heat=("#D5D2F8", "#8A82EA", "#312A9A"),
    more="darker",
)
DARK = Palette(
    page="#0E1116",
    panel="#161B22",
    text="#E8EBF0",
    muted="#9AA4B2",
    line="#2A313C",
    accent="#6E66F2",
    good="#3FCF8E",
    bad="#FF7B72",
    warn="#E3B341",
    other="#5F6B7A",
    series=("#837DFF", "#2CC4D4", "#F2A93B", "#BE8AED", "#34B98A", "#F0709F", "#8FB3FF", "#C4A46B"),
    heat=("#2E2C63", "#5A53C8", "#B9B4FF"),
    more="brighter",
)


def only(palette: Palette, *colours: str) -> Palette:
    """The palette with these for its series."""
    return replace(palette, series=colours)
