"""An acknowledgement is a promise, whatever happens to the process that made it."""

from __future__ import annotations

from pathlib import Path

from e2e.crashes import Crashes


def test_three_kills_under_load_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    with Crashes(tmp_path / "data", seed=3).load() as crashes:
        for _ in range(3):
            crashes.round()
        found = crashes.books()

    assert found.exact, str(found)
    assert found.acknowledged > 1_000
