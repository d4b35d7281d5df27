"""The spool's journal: what it says is on disk, and what is torn was never said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spanledger_collector.errors import StartError
from spanledger_collector.journal import Journal, State


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "journal"


def reread(path: Path) -> State:
    with closing(Journal(path)) as journal:
        return journal.state


def test_attempts_of_a_segment_are_numbered_from_one_across_restarts(path: Path) -> None:
    with closing(Journal(path)) as journal:
        assert [journal.start(7), journal.start(7), journal.start(8)] == [1, 2, 1]
    with closing(Journal(path)) as journal:
        assert journal.start(7) == 3


def test_what_is_done_is_neither_started_nor_split(path: Path) -> None:
    with closing(Journal(path)) as journal:
        journal.start(1)
        journal.start(2)
        journal.split(2, (3, 4))
        journal.done(1)
        journal.done(2)

    assert reread(path) == State(started={}, split={}, done={1, 2}, last=4)


def test_a_number_that_was_done_and_is_started_again_is_to_be_posted(path: Path) -> None:
    with closing(Journal(path)) as journal:
        journal.done(1)
        journal.start(1)

    assert reread(path) == State(started={1: 1}, last=1)


@given(st.integers(0, 200))
def test_cut_anywhere_it_says_what_its_whole_lines_say(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    lines = [
        "start 100 1\n",
        "done 100\n",
        "start 101 1\n",
        "split 101 102 103\n",
        "done 101\n",
        "last 110\n",
        "start 102 1\n",
    ]
    text = "".join(lines)[:cut]
    expected = State()
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            expected.take(line)
    path = tmp_path_factory.mktemp("cut") / "journal"
    path.write_text(text)

    assert reread(path) == expected


@pytest.mark.parametrize("torn", ["start 12", "\0\0\0\0", "\0\0\0\n", "start\n", "start x 1\n", "nonsense 1\n", "\n"])
def test_a_torn_last_line_is_dropped_and_written_over(path: Path, torn: str) -> None:
    path.write_bytes(b"start 5 1\n" + torn.encode())
    with closing(Journal(path)) as journal:
        assert journal.state == State(started={5: 1}, last=5)
        journal.done(5)

    assert path.read_text() == "start 5 1\ndone 5\n"


def test_a_lost_line_among_others_stops_the_start_and_names_the_place(path: Path) -> None:
    path.write_bytes(b"start 5 1\n\0\0\0\0\ndone 5\n")

    with pytest.raises(StartError, match="line 2"):
        Journal(path)


def test_compaction_keeps_what_is_open_and_the_highest_number(path: Path) -> None:
    with closing(Journal(path)) as journal:
        for number in range(1, 500):
            journal.start(number)
            journal.done(number)
        journal.start(600)
        journal.split(600, (601, 602))
        journal.start(700)
        journal.done(999)
        before = journal.size

        journal.compact()

        assert journal.size == path.stat().st_size < before / 100
        assert journal.start(700) == 2  # it goes on in the new file
    assert reread(path) == State(started={600: 1, 700: 2}, split={600: (601, 602)}, last=999)


def test_compaction_does_not_take_the_highest_number_for_done(path: Path) -> None:
    with closing(Journal(path)) as journal:
        journal.split(1, (2, 3))
        journal.done(1)
        journal.compact()

    assert reread(path) == State(last=3)


def test_a_crash_in_the_middle_of_a_compaction_changes_nothing(path: Path) -> None:
    with closing(Journal(path)) as journal:
        journal.start(1)
    path.with_suffix(".new").write_text("last ")

    assert reread(path) == State(started={1: 1}, last=1)
