"""The disk queue: what a collector that is away for long does not lose."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import spanledger
from opentelemetry.sdk.trace import TracerProvider
from sdk.loopback import Receiver
from spanledger.disk_queue import DiskQueue
from spanledger.stats import Loss

A, B = "a" * 32, "b" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "queue"


def calls(app: TracerProvider, count: int = 1) -> None:
    for _ in range(count):
        app.get_tracer("openlit.test").start_span("chat").end()


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.otlp"))


def test_what_cannot_be_sent_is_kept_and_sent_in_order_as_the_same_bytes_after_a_restart(
    app: TracerProvider, collector: Receiver, folder: Path
) -> None:
    collector.away = True
    spanledger.instrument(endpoint=collector.url, disk_queue=folder, tracer_provider=app)
    for _ in range(3):
        calls(app, 2)
        assert spanledger.flush()
    process = spanledger.stats().process
    assert (spanledger.stats().on_disk, spanledger.stats().dropped) == (6, {})
    assert spanledger.shutdown()
    kept = [path.read_bytes() for path in files(folder)]
    assert len(kept) == 3
    collector.posts.clear()
    collector.away = False
    spanledger.instrument(endpoint=collector.url, disk_queue=folder, tracer_provider=app)
    calls(app)
    while files(folder) or len(collector.posts) < 4:
        spanledger.flush(1)
    bodies = [post.body for post in collector.posts]
    assert [body for body in bodies if body in kept] == kept
    assert [stamp["sequence"] for stamp in collector.stamps() if stamp["process"] == process] == [1, 2, 3]
    assert spanledger.stats().delivered == 1


def test_what_is_too_large_for_one_request_is_kept_in_several(
    app: TracerProvider, collector: Receiver, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
    collector.away = True
    spanledger.instrument(endpoint=collector.url, disk_queue=folder, tracer_provider=app)
    for _ in range(20):
        app.get_tracer("openlit.test").start_span("chat", attributes={"app.note": "x" * (1 << 20)}).end()
    assert spanledger.flush()
    assert (spanledger.stats().on_disk, spanledger.stats().dropped) == (20, {})
    assert max(path.stat().st_size for path in files(folder)) <= 16 << 20


def test_its_files_are_its_owners_alone(app: TracerProvider, collector: Receiver, folder: Path) -> None:
    collector.away = True
    spanledger.instrument(endpoint=collector.url, disk_queue=folder, tracer_provider=app)
    calls(app)
    assert spanledger.flush()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in files(folder)] == [0o600]


def test_a_folder_that_others_can_read_is_not_used_and_the_report_says_so(
    app: TracerProvider, collector: Receiver, folder: Path
) -> None:
    folder.mkdir(mode=0o755)
    report = spanledger.instrument(endpoint=collector.url, disk_queue=folder, tracer_provider=app)
    assert any("the disk queue is off" in note and "open to other users" in note for note in report.notes)
    calls(app)
    assert spanledger.flush()
    assert len(collector.spans()) == 1


def test_the_environment_turns_it_on(
    app: TracerProvider, collector: Receiver, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPANLEDGER_DISK_QUEUE", str(folder))
    monkeypatch.setenv("SPANLEDGER_DISK_QUEUE_BYTES", "1")
    collector.away = True
    spanledger.instrument(endpoint=collector.url, tracer_provider=app)
    calls(app, 3)
    assert spanledger.flush()
    assert (spanledger.stats().dropped, spanledger.stats().on_disk) == ({Loss.DISK_FULL: 3}, 0)


def test_the_oldest_make_room_and_are_counted_by_who_sent_them(folder: Path) -> None:
    queue = DiskQueue(folder, 10)
    assert queue.put(b"12345", A, 1, 7) == []
    assert queue.put(b"12345", B, 1, 1) == []
    [gone] = queue.put(b"123456", B, 2, 2)[:1]
    assert (gone.process, gone.spans) == (A, 7)
    assert (queue.spans_of(A), queue.spans_of(B)) == (0, 2)
    [itself] = queue.put(b"x" * 11, B, 3, 9)
    assert itself.spans == 9


def test_drops_are_in_the_stamps_of_the_process_that_they_were_of(
    app: TracerProvider, collector: Receiver, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    DiskQueue(folder, 1 << 20).put(b"x" * 100, A, 1, 5)
    collector.away = True
    spanledger.instrument(endpoint=collector.url, disk_queue=folder, disk_queue_bytes=1, tracer_provider=app)
    calls(app, 2)
    assert spanledger.flush()
    collector.away = False
    calls(app)
    assert spanledger.flush()
    assert spanledger.stats().dropped == {Loss.DISK_FULL: 2}
    assert {key: collector.stamps()[-1][key] for key in ("emitted", "sent", "dropped")} == {
        "emitted": 3, "sent": 1, "dropped": 2,
    }  # fmt: skip


def test_one_process_at_a_time_sends(folder: Path) -> None:
    first, second = DiskQueue(folder, 1000), DiskQueue(folder, 1000)
    first.put(b"x", A, 1, 1)
    second.put(b"y", B, 1, 1)
    kept = first.take()
    assert kept is not None and kept.process == A
    assert second.take() is None
    first.give_back(kept)
    first.close()
    again = second.take()
    assert again is not None and again.process == A and again.path.read_bytes() == b"x"
    second.close()


def test_what_a_killed_process_left_is_found_and_no_half_of_a_file_is_sent(folder: Path) -> None:
    script = """
        import os, signal, sys
        from pathlib import Path
        from spanledger.disk_queue import DiskQueue
        queue = DiskQueue(Path(sys.argv[1]), 1000)
        queue.put(b"whole", "a" * 32, 1, 1)
        assert queue.take()
        (Path(sys.argv[1]) / ("0" * 20 + "-00000002-1-" + "a" * 32 + ".tmp")).write_bytes(b"ha")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(folder)], timeout=60)
    assert killed.returncode == -9
    [half] = folder.glob("*.tmp")
    os.utime(half, (1, 1))
    queue = DiskQueue(folder, 1000)
    kept = queue.take()
    assert kept is not None and kept.path.read_bytes() == b"whole"
    assert not half.exists()
    queue.remove(kept)
    assert queue.take() is None
    queue.close()


def test_a_wrong_key_keeps_what_is_on_disk_and_a_bad_request_does_not(
    app: TracerProvider, collector: Receiver, folder: Path
) -> None:
    DiskQueue(folder, 1000).put(b"", A, 1, 5)
    collector.answers = [(200, {}, b""), (401, {}, b"")]
    spanledger.instrument(endpoint=collector.url, disk_queue=folder, tracer_provider=app)
    calls(app)
    while len(collector.posts) < 2:
        spanledger.flush(1)
    assert spanledger.shutdown()
    assert len(files(folder)) == 1
    collector.posts.clear()
    collector.answers = [(200, {}, b""), (400, {}, b"")]
    spanledger.instrument(endpoint=collector.url, disk_queue=folder, tracer_provider=app)
    calls(app)
    while len(collector.posts) < 2:
        spanledger.flush(1)
    assert spanledger.shutdown()
    assert files(folder) == []


def test_a_disk_that_takes_nothing_leaves_the_spans_in_memory(
    app: TracerProvider, collector: Receiver, folder: Path
) -> None:
    collector.away = True
    spanledger.instrument(endpoint=collector.url, disk_queue=folder, tracer_provider=app)
    folder.rmdir()  # as a disk that is full, this raises OSError
    calls(app, 2)
    assert collector.asked.wait(30)
    collector.away = False
    assert spanledger.flush(30)
    stats = spanledger.stats()
    assert (stats.delivered, stats.on_disk, stats.dropped) == (2, 0, {})
