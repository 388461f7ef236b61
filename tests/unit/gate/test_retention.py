"""Old segments go: by age and by room, oldest first, never one that no snapshot stands in for, never a hole."""

import logging
import os
from pathlib import Path

import pytest

from risksvc.core.types import SECOND
from risksvc.gate.journal import Journal
from risksvc.gate.retention import Retention
from risksvc.gate.segments import Link, list_segments, number_of, path_of

NOW = 1_800_000_000.0
DAY = 86_400


class Rig:
    """A journal of ten closed segments, one made each day, the last one today, and an open one."""

    def __init__(self, folder: Path, *, keep_days: int = 30, max_bytes: int = 1 << 40) -> None:
        self.folder = folder
        self.links: list[Link] = []
        retention = Retention(keep_days * DAY * SECOND, max_bytes, wall=lambda: NOW)
        self.journal = Journal(folder, segment_entries=2, retention=retention)
        self.journal.on_rotate = self.links.append
        list(self.journal.recover())
        for number in range(21):
            self.journal.append(b"entry %02d" % number)
        for number in range(1, 12):
            at = NOW - (10 - min(number, 10)) * DAY
            os.utime(path_of(folder, number), (at, at))

    @property
    def numbers(self) -> list[int]:
        return [number_of(path) for path in list_segments(self.folder)]

    @property
    def bytes(self) -> int:
        return sum(path.stat().st_size for path in list_segments(self.folder))


def test_what_is_old_goes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(tmp_path / "j", keep_days=3)
    with rig.journal as journal:
        journal.forget_before(11)
        assert rig.numbers == [7, 8, 9, 10, 11]
        stats = journal.stats
        assert (stats.segments, stats.bytes, stats.forgotten_early, stats.entries) == (5, rig.bytes, 0, 21)
        journal.append(b"goes on")
    assert not caplog.records
    with Journal(rig.folder) as journal:
        assert len(list(journal.recover(since=rig.links[8]))) == 4


def test_what_no_snapshot_stands_in_for_stays_whatever_its_age_and_room(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "j", keep_days=0, max_bytes=1)
    with rig.journal as journal:
        journal.forget_before(4)
        assert rig.numbers == [4, 5, 6, 7, 8, 9, 10, 11]
        journal.forget_before(1)
        assert rig.numbers[0] == 4
        journal.forget_before(99)
        assert rig.numbers == [11], "never the open one"


def test_what_goes_early_for_want_of_room_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(tmp_path / "j", max_bytes=400)
    with rig.journal as journal, caplog.at_level(logging.WARNING):
        journal.forget_before(11)
        assert rig.bytes <= 400
        assert rig.numbers == list(range(rig.numbers[0], 12))
        assert journal.stats.forgotten_early == 11 - len(rig.numbers)
        assert journal.stats.bytes == rig.bytes
    assert len(caplog.records) == 11 - len(rig.numbers)
    assert "before journal.keep was over: the journal is beyond journal.max_size (400 bytes)" in caplog.text


def test_never_a_hole_in_the_middle(tmp_path: Path) -> None:
    """A segment that is kept keeps all after it, though they be older (a clock that was wrong when they were made)."""
    rig = Rig(tmp_path / "j", keep_days=3)
    os.utime(path_of(rig.folder, 3), (NOW, NOW))
    with rig.journal as journal:
        journal.forget_before(11)
    assert rig.numbers == list(range(3, 12))


def test_it_goes_on_where_a_crash_left_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "j", keep_days=3)
    path_of(rig.folder, 1).unlink()  # what a crash after the first deletion leaves
    with rig.journal as journal:
        list(journal.recover(since=rig.links[5]))
        assert journal.stats.segments == 10
        journal.forget_before(11)
        assert journal.stats.segments == 5
    assert rig.numbers == [7, 8, 9, 10, 11]


def test_files_stay_bounded(tmp_path: Path) -> None:
    """I19: with a snapshot after each rotation, neither the files nor their bytes grow without end."""
    retention = Retention(keep=365 * DAY * SECOND, max_bytes=5_000)
    most_files = most_bytes = 0
    rotated: list[Link] = []
    with Journal(tmp_path / "j", segment_entries=20, retention=retention) as journal:
        journal.on_rotate = rotated.append
        list(journal.recover())
        for number in range(3_000):
            journal.append(b"an entry of forty bytes, number %08d" % number)
            if rotated:
                journal.forget_before(rotated.pop().number - 1)
                most_files = max(most_files, len(list_segments(tmp_path / "j")))
                most_bytes = max(most_bytes, journal.stats.bytes)
        assert journal.stats.forgotten_early > 100
    assert most_files <= 6
    assert most_bytes <= 5_000
