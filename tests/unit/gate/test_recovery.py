"""A start: the newest snapshot and what came after it, and what happens when either can't be trusted."""

import logging
from pathlib import Path

import pytest

from risksvc.gate.journal import Journal
from risksvc.gate.recovery import newest_usable, recover
from risksvc.gate.replay import Replayed, ReplayError, replay
from risksvc.gate.segments import JournalGapError, list_segments
from risksvc.gate.segments import path_of as segment_path
from risksvc.gate.snapshots import list_snapshots, number_of, path_of
from risksvc.gate.snapshotting import make_snapshot
from risksvc.gate.state_codec import state_hash
from tests.corpus.walk import OwnedWalk

SEGMENT = 40


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a journal of eight segments."""
    folder = tmp_path_factory.mktemp("journal")
    with Journal(folder, segment_entries=SEGMENT) as journal:
        walk = OwnedWalk(40, journal)
        while journal.stats.segments < 8:
            walk.run(10)
        walk._drain()
    return {path.name: path.read_bytes() for path in list_segments(folder)}


@pytest.fixture
def folder(tmp_path: Path, recorded: dict[str, bytes]) -> Path:
    for name, data in recorded.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def recovered(folder: Path) -> Replayed:
    with Journal(folder, segment_entries=SEGMENT) as journal:
        return recover(journal)


def all_of_it(folder: Path) -> Replayed:
    with Journal(folder, segment_entries=SEGMENT) as journal:
        return replay(journal.recover())


def test_without_a_snapshot_every_entry_is_applied(folder: Path) -> None:
    found = recovered(folder)

    assert found.entries > 7 * SEGMENT
    assert (found.snapshot, found.tail) == (0, found.entries)
    assert state_hash(found.gate) == state_hash(all_of_it(folder).gate)


@pytest.mark.parametrize("before", range(2, 9))
def test_a_snapshot_and_the_tail_give_what_the_whole_journal_gives(folder: Path, before: int) -> None:
    made = make_snapshot(folder, before=before)
    whole = all_of_it(folder)

    found = recovered(folder)

    assert made.entries == (before - 1) * SEGMENT == found.snapshot_entries
    assert (found.snapshot, found.entries, found.last) == (before, whole.entries, whole.last)
    assert found.tail == whole.entries - made.entries
    assert state_hash(found.gate) == state_hash(whole.gate)
    assert found.limits_loaded == whole.limits_loaded
    assert found.read_windows == whole.read_windows


def test_the_journal_goes_on_after_a_snapshot(folder: Path) -> None:
    make_snapshot(folder, before=8)
    with Journal(folder, segment_entries=SEGMENT) as journal:
        entries = recover(journal).entries
        assert (journal.stats.entries, journal.report.entries) == (entries, entries)


def test_each_snapshot_starts_from_the_one_before_and_two_are_kept(folder: Path) -> None:
    assert (make_snapshot(folder, before=3).replayed, make_snapshot(folder, before=5).older) == (2 * SEGMENT, 3)

    made = make_snapshot(folder, before=8)

    assert (made.replayed, made.older) == (3 * SEGMENT, 5)
    assert [number_of(path) for path in list_snapshots(folder)] == [8, 5]
    assert made.state_hash == newest_usable(folder)[0].hash  # type: ignore[union-attr]


def test_one_that_is_far_behind_catches_up_step_by_step(folder: Path) -> None:
    assert [make_snapshot(folder, before=8, at_once=3).number for _ in range(3)] == [4, 7, 8]
    assert state_hash(recovered(folder).gate) == state_hash(all_of_it(folder).gate)


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def test_a_damaged_snapshot_is_told_and_the_one_before_it_is_used(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_snapshot(folder, before=4)
    make_snapshot(folder, before=7)
    damage(path_of(folder, 7))

    with caplog.at_level(logging.ERROR):
        found = recovered(folder)

    assert found.snapshot == 4
    assert "snapshot-00000007.rss: this snapshot can't be used: damaged at byte" in caplog.text
    assert state_hash(found.gate) == state_hash(all_of_it(folder).gate)


def test_with_every_snapshot_damaged_the_whole_journal_is_used(folder: Path) -> None:
    make_snapshot(folder, before=4)
    damage(path_of(folder, 4))

    found = recovered(folder)

    assert (found.snapshot, found.tail) == (0, found.entries)


def test_a_new_snapshot_takes_a_damaged_one_s_place(folder: Path) -> None:
    make_snapshot(folder, before=4)
    make_snapshot(folder, before=6)
    damage(path_of(folder, 6))

    made = make_snapshot(folder, before=8)

    assert (made.older, made.replayed) == (4, 4 * SEGMENT)
    assert [number_of(path) for path in list_snapshots(folder)] == [8, 4]


def test_early_segments_are_not_needed_where_a_snapshot_stands_in(folder: Path) -> None:
    make_snapshot(folder, before=6)
    whole = state_hash(all_of_it(folder).gate)
    for number in range(1, 6):
        segment_path(folder, number).unlink()

    assert state_hash(recovered(folder).gate) == whole


def test_early_segments_gone_and_no_snapshot_that_can_be_used_is_refused(folder: Path) -> None:
    make_snapshot(folder, before=6)
    damage(path_of(folder, 6))
    for number in range(1, 6):
        segment_path(folder, number).unlink()

    with pytest.raises(JournalGapError) as refused:
        recovered(folder)

    text = str(refused.value)
    assert "the first segment here is number 6" in text
    assert "snapshot-00000006.rss: this snapshot can't be used" in text
    assert "from a good copy" in text


def test_a_snapshot_that_the_journal_does_not_go_on_from_is_never_passed_over(folder: Path) -> None:
    """What the journal lacks was decided: a gate that started from an older snapshot would not know it."""
    make_snapshot(folder, before=4)
    make_snapshot(folder, before=8)
    segment_path(folder, 8).unlink()

    with pytest.raises(JournalGapError, match="segment 8, which goes on from the snapshot, is missing"):
        recovered(folder)


def test_a_journal_that_gives_something_else_makes_no_snapshot(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_snapshot(folder, before=3)
    monkeypatch.setattr("risksvc.core.state.GateState.limits_hash", "another")

    with pytest.raises(ReplayError, match="gives other outputs than were recorded"):
        make_snapshot(folder, before=8)
    assert [number_of(path) for path in list_snapshots(folder)] == [3]
    assert not list(folder.glob("*.unfinished"))
