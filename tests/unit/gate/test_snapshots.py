"""Snapshot files: whole or not there, and no damage is ever taken for a state."""

from pathlib import Path

import pytest

from risksvc.core.gate import RiskGate
from risksvc.core.types import use_exact_arithmetic
from risksvc.gate import snapshots
from risksvc.gate.replay import Replayed
from risksvc.gate.segments import Link
from risksvc.gate.snapshots import (
    Snapshot,
    SnapshotError,
    list_snapshots,
    number_of,
    path_of,
    read_snapshot,
    remove_others,
    write_snapshot,
)
from risksvc.gate.state_codec import state_hash
from tests.unit.gate.steps import StepClock, opening, order

LINK = Link(12, 110_000, 0xDEADBEEF, bytes(range(32)))


@pytest.fixture
def state() -> Replayed:
    use_exact_arithmetic()
    gate, clock = RiskGate(), StepClock()
    for event in [*opening(), order()]:
        gate.apply(event, clock.now())
    return Replayed(gate, entries=LINK.entries, last=gate.last, read_windows={"main": 7})


def test_what_is_written_is_read(tmp_path: Path, state: Replayed) -> None:
    digest = write_snapshot(tmp_path, LINK, state)

    found = read_snapshot(path_of(tmp_path, 12))

    assert isinstance(found, Snapshot)
    assert found.link == LINK
    assert found.hash == digest == state_hash(state.gate) == state_hash(found.state.gate)
    assert (found.state.entries, found.state.last, found.state.read_windows) == (110_000, state.last, {"main": 7})
    assert (found.state.snapshot, found.state.snapshot_entries, found.state.tail) == (12, 110_000, 0)
    assert path_of(tmp_path, 12).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot-00000012.rss"]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    write_snapshot(tmp_path, Link(2, 1, 5), Replayed(RiskGate(), entries=1))
    return path_of(tmp_path, 2)


def test_one_that_is_cut_short_anywhere_is_not_used(small: Path) -> None:
    whole = small.read_bytes()
    for size in range(len(whole)):
        small.write_bytes(whole[:size])
        with pytest.raises(SnapshotError):
            read_snapshot(small)


def test_one_with_any_bit_of_any_byte_changed_is_not_used(small: Path) -> None:
    whole = small.read_bytes()
    for offset in range(len(whole)):
        changed = bytearray(whole)
        changed[offset] ^= 1 << (offset % 8)
        small.write_bytes(changed)
        with pytest.raises(SnapshotError):
            read_snapshot(small)


def test_one_with_something_behind_it_is_not_used(small: Path) -> None:
    with small.open("ab") as file:
        file.write(b"more")
    with pytest.raises(SnapshotError):
        read_snapshot(small)


def test_one_under_another_name_is_not_used(small: Path) -> None:
    other = small.rename(path_of(small.parent, 3))
    with pytest.raises(SnapshotError, match="it is snapshot 2 under another name"):
        read_snapshot(other)


def test_one_that_is_gone_is_not_used(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="No such file"):
        read_snapshot(path_of(tmp_path, 1))


def test_one_of_a_newer_schema_says_so(small: Path) -> None:
    data = bytearray(small.read_bytes())
    data[8] = 2
    small.write_bytes(data)
    with pytest.raises(SnapshotError, match="schema 2, this risksvc reads 1"):
        read_snapshot(small)


def test_one_whose_state_this_version_can_not_read_says_who_wrote_it(
    tmp_path: Path, state: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_snapshot(tmp_path, LINK, state)
    monkeypatch.delitem(snapshots_by_name(), "AccountBook")
    with pytest.raises(SnapshotError, match=r"written by risksvc [\d.]+: class 'AccountBook' is not known"):
        read_snapshot(path_of(tmp_path, 12))


def snapshots_by_name() -> dict[str, object]:
    from risksvc.gate import state_classes  # noqa: PLC0415 - patched in place

    return state_classes.SHAPES_BY_NAME  # type: ignore[return-value]


def test_one_that_does_not_read_back_as_it_was_written_is_not_kept(
    tmp_path: Path, state: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "load_gate", lambda _: RiskGate())
    with pytest.raises(SnapshotError, match="read back"):
        write_snapshot(tmp_path, LINK, state)
    assert not list(tmp_path.iterdir())


def test_the_newest_comes_first_and_others_go_with_what_killed_writers_left(tmp_path: Path) -> None:
    for number in (2, 11, 9):
        write_snapshot(tmp_path, Link(number, number), Replayed(RiskGate(), entries=number))
    (tmp_path / "snapshot-00000013.rss.unfinished").write_bytes(b"half")
    assert [number_of(path) for path in list_snapshots(tmp_path)] == [11, 9, 2]

    remove_others(tmp_path, (11, 9))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["snapshot-00000009.rss", "snapshot-00000011.rss"]
