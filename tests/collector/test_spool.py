"""The spool: what is acknowledged is on disk and stays until it is posted; what is not is nowhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from collector.rig import DEADLINE, until
from collector.traffic import envelope
from spanledger_collector.envelope import Envelope, scan
from spanledger_collector.errors import RetryableError
from spanledger_collector.journal import Journal
from spanledger_collector.spool import COMPACT_AT, Segment, Spool, SpoolSettings

SLOW_TO_SEAL = SpoolSettings(seal_after=3600)
ROOMLESS = SpoolSettings(seal_after=3600, disk_reserve=0)


@contextmanager
def opened(
    folder: Path, settings: SpoolSettings = SLOW_TO_SEAL, clock: Callable[[], int] = lambda: 1_000
) -> Iterator[Spool]:
    spool = Spool(folder, settings, clock)
    try:
        yield spool
    finally:
        spool.close()
        spool.journal.close()


def body(number: int, size: int = 100) -> Envelope:
    return envelope(number.to_bytes(8) * (size // 8), received_at=number)


def take_all(spool: Spool) -> list[Envelope]:
    """Seal, take and finish everything, in order."""
    spool.close()
    found = []
    while segment := spool.take(timeout=0):
        found += spool.read(segment)
        spool.done(segment)
    return found


def on_disk(folder: Path) -> list[Envelope]:
    return [e for path in sorted(folder.glob("*.segment")) for e in scan(path.read_bytes()).envelopes]


# -- acknowledged is on disk


def test_a_future_is_done_only_once_its_bytes_can_be_read_from_the_file(tmp_path: Path) -> None:
    missing: list[Envelope] = []

    def check(sent: Envelope) -> Callable[[Future[None]], None]:
        return lambda done: None if sent in on_disk(tmp_path) else missing.append(sent)

    with opened(tmp_path) as spool:
        futures = []
        for number in range(100):
            futures.append(spool.append(body(number)))
            futures[-1].add_done_callback(check(body(number)))
        for future in futures:
            future.result(DEADLINE)
    assert missing == []


def test_envelopes_of_many_threads_are_each_kept_once(tmp_path: Path) -> None:
    with opened(tmp_path, SpoolSettings(seal_after=3600, segment_bytes=5_000)) as spool:

        def send(sender: int) -> None:
            for number in range(50):
                spool.append(body(sender * 1000 + number)).result(DEADLINE)

        threads = [threading.Thread(target=send, args=(sender,)) for sender in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = take_all(spool)
    assert sorted(e.received_at for e in found) == sorted(s * 1000 + n for s in range(8) for n in range(50))


def test_whoever_waits_for_an_envelope_cannot_take_it_back(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        assert not spool.append(body(1)).cancel()
        spool.append(body(2)).result(DEADLINE)  # the writer lives
        assert take_all(spool) == [body(1), body(2)]


def test_the_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    with opened(tmp_path / "spool") as spool:
        spool.append(body(1)).result(DEADLINE)
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "spool").iterdir() if path.is_file()}
        assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
    assert len(modes) == 2 and set(modes.values()) == {0o600}


# -- full


def test_a_full_spool_refuses_before_it_takes_anything(tmp_path: Path) -> None:
    with opened(tmp_path, SpoolSettings(seal_after=3600, limit=1_000)) as spool:
        taken: list[Future[None]] = []
        with pytest.raises(RetryableError, match="full"):
            while True:
                taken.append(spool.append(body(len(taken))))
        for future in taken:
            future.result(DEADLINE)
        with pytest.raises(RetryableError, match="full"):
            spool.append(body(99))
        assert spool.size <= 1_000 + 60 * len(taken)  # the limit is of requests, each with its envelope around it
        assert take_all(spool) == [body(number) for number in range(len(taken))]


def test_a_spool_that_was_full_takes_more_once_a_segment_is_done(tmp_path: Path) -> None:
    with opened(tmp_path, SpoolSettings(seal_after=0, limit=300)) as spool:
        spool.append(body(1, 240)).result(DEADLINE)
        with pytest.raises(RetryableError):
            spool.append(body(2, 240))
        segment = spool.take(DEADLINE)
        assert segment is not None
        spool.done(segment)
        assert spool.size == 0
        spool.append(body(2, 240)).result(DEADLINE)


def test_a_disk_that_is_nearly_full_is_left_to_the_store(tmp_path: Path) -> None:
    reserve = shutil.disk_usage(tmp_path).total
    with (
        opened(tmp_path, SpoolSettings(disk_reserve=reserve)) as spool,
        pytest.raises(RetryableError, match="nearly full"),
    ):
        spool.append(body(1))


def test_a_closed_spool_takes_nothing_and_gives_what_it_has(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        futures = [spool.append(body(number)) for number in range(20)]
        spool.close()
        assert all(future.done() for future in futures)
        with pytest.raises(RetryableError, match="stopping"):
            spool.append(body(99))
        assert take_all(spool) == [body(number) for number in range(20)]
        assert spool.closed


# -- sealing


def test_a_segment_is_sealed_when_it_is_large_enough(tmp_path: Path) -> None:
    with opened(tmp_path, SpoolSettings(seal_after=3600, segment_bytes=1_000)) as spool:
        for number in range(20):
            spool.append(body(number)).result(DEADLINE)
        first = spool.take(timeout=0)
        assert first is not None
        assert 1_000 <= first.size < 1_300
        assert first.path.stat().st_size == first.size
        assert len(spool.read(first)) == first.requests


def test_one_batch_is_spread_over_segments_and_keeps_its_order(tmp_path: Path) -> None:
    with opened(tmp_path, SpoolSettings(seal_after=3600, segment_bytes=1_000)) as spool:
        for future in [spool.append(body(number)) for number in range(100)]:
            future.result(DEADLINE)
        assert spool.segments > 5
        assert take_all(spool) == [body(number) for number in range(100)]


def test_a_segment_is_sealed_when_it_is_old_enough(tmp_path: Path) -> None:
    with opened(tmp_path, SpoolSettings(seal_after=0.01)) as spool:
        spool.append(body(1)).result(DEADLINE)
        segment = spool.take(DEADLINE)
        assert segment is not None and spool.read(segment) == [body(1)]


def test_a_young_segment_is_not_taken(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        spool.append(body(1)).result(DEADLINE)
        assert spool.take(timeout=0) is None
        assert spool.oldest_age() > 0


def test_a_request_larger_than_a_segment_has_one_to_itself_or_ends_one(tmp_path: Path) -> None:
    with opened(tmp_path, SpoolSettings(seal_after=3600, segment_bytes=500)) as spool:
        for envelope_ in (body(1, 80), body(2, 4_000), body(3, 80)):
            spool.append(envelope_).result(DEADLINE)
        assert take_all(spool) == [body(1, 80), body(2, 4_000), body(3, 80)]


def test_a_segment_that_is_given_back_is_the_next_to_be_taken(tmp_path: Path) -> None:
    with opened(tmp_path, SpoolSettings(seal_after=0, segment_bytes=1)) as spool:
        for number in range(3):
            spool.append(body(number)).result(DEADLINE)
        first = spool.take(DEADLINE)
        assert first is not None
        spool.give_back(first)
        assert spool.take(DEADLINE) is first


def test_numbers_rise_when_the_clock_goes_back_even_across_a_restart(tmp_path: Path) -> None:
    backwards = iter(range(10_000, 0, -1_000)).__next__
    numbers = []
    with opened(tmp_path, SpoolSettings(seal_after=0, segment_bytes=1), backwards) as spool:
        for number in range(3):
            spool.append(body(number)).result(DEADLINE)
            segment = spool.take(DEADLINE)
            assert segment is not None
            numbers.append(segment.number)
            spool.journal.start(segment.number)
            spool.done(segment)
    for _ in range(2):  # the second time from a compacted journal
        with opened(tmp_path, clock=lambda: 1) as spool:
            numbers.append(spool.next_number())
            spool.journal.done(numbers[-1])
    assert numbers == sorted(set(numbers))


# -- after a crash


@pytest.mark.parametrize("keep", ["", "journal"])
def test_a_kill_at_any_byte_keeps_what_was_acknowledged_and_cuts_the_rest(tmp_path: Path, keep: str) -> None:
    with opened(tmp_path / "before") as spool:
        for number in range(3):
            spool.append(body(number)).result(DEADLINE)
        [path] = (tmp_path / "before").glob("*.segment")
        acknowledged = path.read_bytes()
        next_one = body(3).encode(int(path.stem))
    for torn in range(0, len(next_one) + 1, 7):
        folder = tmp_path / f"killed-{torn}"
        folder.mkdir()
        (folder / path.name).write_bytes(acknowledged + next_one[:torn])
        if keep:
            (folder / "journal").write_text(f"start {path.stem} 1\n")
        whole = [body(number) for number in range(3)] + ([body(3)] if torn == len(next_one) else [])

        with opened(folder) as spool:
            assert spool.recovered == [e.digest for e in whole]
            assert spool.cut_bytes == (0 if torn == len(next_one) else torn)
            segment = spool.take(timeout=0)
            assert segment is not None
            assert segment.attempts == (1 if keep else 0)
            assert segment.path.stat().st_size == segment.size == spool.size
            spool.give_back(segment)
            assert take_all(spool) == whole
        tails = list((folder / "quarantine").iterdir())
        assert [tail.read_bytes() for tail in tails] == ([next_one[:torn]] if spool.cut_bytes else [])


def test_a_kill_between_the_end_of_a_segment_and_its_removal_does_not_post_it_again(tmp_path: Path) -> None:
    with opened(tmp_path, SpoolSettings(seal_after=0)) as spool:
        spool.append(body(1)).result(DEADLINE)
        segment = spool.take(DEADLINE)
        assert segment is not None
        data = segment.path.read_bytes()
        spool.journal.start(segment.number)
        spool.done(segment)
    segment.path.write_bytes(data)  # as a power cut brings it back

    with opened(tmp_path) as spool:
        assert spool.recovered == [] and take_all(spool) == []
    assert not segment.path.exists()


def test_an_empty_segment_that_a_crash_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / f"{5:020d}.segment").touch()
    with opened(tmp_path) as spool:
        assert spool.segments == 0
    assert list(tmp_path.glob("*.segment")) == []


def test_the_backlog_of_a_former_process_is_taken_oldest_first_and_before_what_is_new(tmp_path: Path) -> None:
    with opened(tmp_path, SpoolSettings(seal_after=3600, segment_bytes=1)) as spool:
        for number in range(4):
            spool.append(body(number)).result(DEADLINE)
    with opened(tmp_path) as spool:
        spool.append(body(4)).result(DEADLINE)
        assert spool.size == sum(path.stat().st_size for path in tmp_path.glob("*.segment"))
        assert take_all(spool) == [body(number) for number in range(5)]


def snapshots_of_a_split(tmp_path: Path) -> list[Path]:
    """Copies of the folder at each moment of a split between which the disk changed, in the order of the calls."""
    found: list[Path] = []

    def photograph(frame: object, event: str, function: object) -> None:
        state = sorted((path.name, path.read_bytes()) for path in folder.iterdir() if path.is_file())
        if not states or states[-1] != state:
            states.append(state)
            found.append(shutil.copytree(folder, tmp_path / f"moment-{len(found)}"))

    folder = tmp_path / "split"
    states: list[object] = []
    with opened(folder, SpoolSettings(seal_after=0)) as spool:
        for future in [spool.append(body(number)) for number in range(5)]:
            future.result(DEADLINE)
        segment = until(lambda: spool.take(timeout=0))
        spool.journal.start(segment.number)
        sys.setprofile(photograph)  # hears every call of this thread, those of the system included
        try:
            spool.split(segment, spool.read(segment))
        finally:
            sys.setprofile(None)
        photograph(None, "", None)
        assert take_all(spool) == [body(number) for number in range(5)]
    return found


def test_a_kill_at_any_moment_of_a_split_neither_loses_nor_doubles_a_request(tmp_path: Path) -> None:
    moments = snapshots_of_a_split(tmp_path)
    assert len(moments) >= 8
    for moment in moments:
        with opened(moment) as spool:
            assert sorted(take_all(spool), key=lambda e: e.received_at) == [body(n) for n in range(5)], moment.name
        assert [path.suffix for path in moment.iterdir() if path.suffix in (".part", ".segment")] == []


def test_a_kill_after_the_journals_line_of_a_split_puts_the_parts_in_the_segments_place(tmp_path: Path) -> None:
    [first, second, third] = [body(number) for number in range(3)]
    name = "{:020d}{}".format
    (tmp_path / name(10, ".segment")).write_bytes(first.encode(10) + second.encode(10) + third.encode(10))
    (tmp_path / name(11, ".segment")).write_bytes(first.encode(11))
    (tmp_path / name(12, ".part")).write_bytes(second.encode(12) + third.encode(12))
    (tmp_path / "journal").write_text("start 10 1\nsplit 10 11 12\n")

    with opened(tmp_path) as spool:
        assert spool.journal.state.started == {}
        assert spool.numbers() == {11, 12}
        assert take_all(spool) == [first, second, third]


def test_a_kill_before_the_journals_line_of_a_split_leaves_the_segment_as_it_was(tmp_path: Path) -> None:
    name = "{:020d}{}".format
    (tmp_path / name(10, ".segment")).write_bytes(body(0).encode(10) + body(1).encode(10))
    (tmp_path / name(11, ".part")).write_bytes(body(0).encode(11))
    (tmp_path / "journal").write_text("start 10 1\nsplit 10 11 1")

    with opened(tmp_path) as spool:
        assert spool.numbers() == {10}
        assert spool.journal.state.started == {10: 1}
        assert take_all(spool) == [body(0), body(1)]
    assert list(tmp_path.glob("*.part")) == []


def test_a_quarantined_segment_is_kept_apart_and_never_taken_again(tmp_path: Path) -> None:
    with opened(tmp_path, SpoolSettings(seal_after=0)) as spool:
        spool.append(body(1)).result(DEADLINE)
        segment = spool.take(DEADLINE)
        assert segment is not None
        kept = spool.quarantine(segment)
        assert scan(kept.read_bytes()).envelopes == [body(1)]
        assert spool.segments == 0 and spool.size == 0
    with opened(tmp_path) as spool:
        assert spool.segments == 0


def test_a_damaged_segment_gives_its_whole_records_and_keeps_the_rest_apart(tmp_path: Path) -> None:
    with opened(tmp_path, SpoolSettings(seal_after=3600)) as spool:
        for number in range(3):
            spool.append(body(number)).result(DEADLINE)
        spool.close()
        segment = spool.take(timeout=0)
        assert segment is not None
        data = bytearray(segment.path.read_bytes())
        data[len(data) // 2] ^= 1
        segment.path.write_bytes(bytes(data))

        assert spool.read(segment) == [body(0)]
        [tail] = (tmp_path / "quarantine").iterdir()
        assert bytes(data).endswith(tail.read_bytes()) and len(tail.read_bytes()) > len(data) / 2


def test_the_journal_stays_short_however_many_segments_pass(tmp_path: Path) -> None:
    passed = "".join(f"start {n} 1\ndone {n}\n" for n in range(10**9, 10**9 + COMPACT_AT // 20))
    (tmp_path / "journal").write_text(passed)
    with opened(tmp_path, SpoolSettings(seal_after=0)) as spool:
        assert spool.journal.size < 100  # compacted at the start,
        for number in range(10**9, 10**9 + COMPACT_AT // 10 // 100):
            spool.journal.split(number, (number,) * 100)
            spool.journal.done(number)
        assert spool.journal.size > COMPACT_AT
        spool.append(body(1)).result(DEADLINE)
        segment = spool.take(DEADLINE)
        assert segment is not None
        spool.done(segment)
        assert spool.journal.size < 100  # and under way
        assert spool.next_number() > 10**9


# -- a disk that fails


FILL = """
import json, resource, signal, sys
from pathlib import Path
from spanledger_collector.spool import Spool, SpoolSettings
from spanledger_collector.errors import RetryableError
from collector.test_spool import body

folder, limit = Path(sys.argv[1]), int(sys.argv[2])
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
spool = Spool(folder, SpoolSettings(seal_after=3600, disk_reserve=0))
kept, failed = [], []
for start in range(0, 60, 3):
    futures = [(number, spool.append(body(number, 4096))) for number in range(start, start + 3)]
    for number, future in futures:
        try:
            future.result(60)
            kept.append(number)
        except RetryableError:
            failed.append(number)
spool.close()
taken = []
while segment := spool.take(timeout=0):
    taken += [e.received_at for e in spool.read(segment)]
print(json.dumps({"kept": kept, "failed": failed, "taken": taken}))
"""


def fill(folder: Path, file_limit: int = 0) -> dict[str, list[int]]:
    """Append 60 envelopes of 4 KB to a spool whose disk does not take them all, in a process of its own."""
    tests = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(folder), str(file_limit)],
        env={**os.environ, "PYTHONPATH": tests}, capture_output=True, text=True, timeout=DEADLINE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, list[int]] = json.loads(done.stdout)
    return found


def test_where_a_write_fails_nothing_acknowledged_is_lost_and_nothing_else_is_posted(tmp_path: Path) -> None:
    done = fill(tmp_path, file_limit=20_000)  # a file that may not grow: the write fails in the middle of a record

    assert done["failed"] and done["kept"]
    assert done["taken"] == done["kept"]
    with opened(tmp_path) as spool:
        assert [e.received_at for e in take_all(spool)] == done["kept"]


def test_on_a_disk_that_runs_full_nothing_acknowledged_is_lost_and_nothing_else_is_posted(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kilobytes=128) as disk:
        (disk / "ballast").write_bytes(bytes(16_384))
        done = fill(disk / "spool")
        assert done["failed"] and done["kept"]
        assert done["taken"] == done["kept"]

        (disk / "ballast").unlink()
        with opened(disk / "spool", ROOMLESS) as spool:
            assert [e.received_at for e in take_all(spool)] == done["kept"]
        with opened(disk / "spool", ROOMLESS) as spool:  # what was posted has made room
            spool.append(body(99, 4096)).result(DEADLINE)


def test_a_split_on_a_full_disk_leaves_the_segment_to_be_tried_again(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kilobytes=128) as disk, opened(disk / "spool", ROOMLESS) as spool:
        (disk / "ballast").write_bytes(bytes(16_384))
        for number in range(15):
            spool.append(body(number, 4096)).result(DEADLINE)
        spool.close()
        segment = spool.take(timeout=0)
        assert isinstance(segment, Segment)
        with pytest.raises(OSError):
            spool.split(segment, spool.read(segment))
        spool.give_back(segment)

        (disk / "ballast").unlink()
        assert take_all(spool) == [body(number, 4096) for number in range(15)]


def test_a_journal_on_a_full_disk_says_nothing_that_it_could_not_write(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kilobytes=64) as disk:
        journal = Journal(disk / "journal")
        journal.start(1)
        (disk / "ballast").write_bytes(bytes(16_384))
        with (disk / "more").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        written = 1
        with pytest.raises(OSError):
            while True:
                journal.start(written + 1)
                written += 1
        assert journal.state.started == dict.fromkeys(range(1, written + 1), 1)
        assert (disk / "journal").stat().st_size == journal.size

        (disk / "ballast").unlink()
        journal.done(1)
        journal.close()
        again = Journal(disk / "journal")
        again.close()
        assert again.state.started == dict.fromkeys(range(2, written + 1), 1)


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a disk that runs full needs a right to mount one: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
