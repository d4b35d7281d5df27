"""Posting a history: everything arrives, in spite of a full collector and of being stopped half-way."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from demo.sink import Sink
from spanledger_demo.post import HistoryError, Note, resume

NOW = datetime(2026, 11, 23, 20, tzinfo=UTC)
BODIES = [b"body %d" % n for n in range(50)]


def begin(path: Path) -> Note:
    return Note.begin(path, now=NOW, calls=50, days=1, seed=0)


def nothing(posted: int) -> None:
    pass


def test_every_body_arrives_once_though_the_collector_is_full_at_times(sink: Sink, tmp_path: Path) -> None:
    note = tmp_path / "note.json"
    progress: list[int] = []
    sink.answers.extend([503, 503, 429, 200, 503])

    resume(begin(note), note, BODIES, sink.url, progress.append)

    assert sorted(sink.bodies) == sorted(BODIES)
    assert progress == list(range(1, 51))
    assert json.loads(note.read_text())["complete"] is True


def test_a_refusal_ends_it_and_what_was_acknowledged_is_not_posted_again(sink: Sink, tmp_path: Path) -> None:
    note = tmp_path / "note.json"
    sink.answers.extend([200] * 30 + [400])
    with pytest.raises(HistoryError, match="400"):
        resume(begin(note), note, BODIES, sink.url, nothing)
    done = begin(note).posted
    assert 28 <= done < 50

    resume(begin(note), note, BODIES, sink.url, nothing)

    assert set(sink.bodies) == set(BODIES)
    assert len(sink.bodies) <= len(BODIES) + 3


def test_a_history_once_begun_is_finished_as_it_was_begun(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "note.json"
    first = begin(path)
    assert Note.begin(path, now=datetime(2027, 1, 1, tzinfo=UTC), calls=9, days=9, seed=9) == first
