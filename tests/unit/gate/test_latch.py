"""The latch: on disk before anything follows from it; whatever damages it, the gate is halted."""

import os
import zlib
from pathlib import Path

import pytest

from risksvc.core.types import Scope, Severity, TradingState
from risksvc.gate import frames
from risksvc.gate.file_lock import LockedError
from risksvc.gate.kill_switch.records import Mark, Record
from risksvc.gate.latch import LatchFault, LatchState, LatchWriteError, LocalLatch, open_latch, read_latch
from tests.unit.gate.halts import clear, halt

RECORDS: list[Record] = [
    halt("h1"),
    halt("h2", account=""),
    Mark("main", "gen", 2),
    clear("h1"),
    Mark("main", "gen", 3),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "latch"


def open_at(path: Path, *, expected: bool = False, now: int = 1000) -> LocalLatch:
    return open_latch(path, gate_id="g1", now=now, expected=expected)


def fill(path: Path) -> None:
    with open_at(path) as latch:
        for record in RECORDS:
            latch.write([record])


def test_a_new_one_is_empty_and_sound(path: Path) -> None:
    with open_at(path) as latch:
        assert latch.state == LatchState()
        assert latch.damage is None
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_what_was_written_is_there_again(path: Path) -> None:
    fill(path)
    with open_at(path, expected=True) as latch:
        assert latch.damage is None
        assert latch.state.halts == {"h1": halt("h1"), "h2": halt("h2", account="")}
        assert latch.state.clears == {"h1": clear("h1")}
        assert latch.state.marks == {"main": Mark("main", "gen", 3)}
        assert latch.state.uncleared == {"h2": halt("h2", account="")}


def test_it_can_be_written_on(path: Path) -> None:
    fill(path)
    with open_at(path) as latch:
        latch.write([halt("h3")])
    with open_at(path) as latch:
        assert set(latch.state.halts) == {"h1", "h2", "h3"}


def test_it_is_on_disk_before_write_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    with open_at(path) as latch:
        latch.write([halt("h1"), halt("h2")])
        assert len(synced) == 1
        assert latch.write([halt("h1")]) == ()
        assert len(synced) == 1, "what is known costs no fsync"


def test_only_what_is_new_is_given_back_and_the_first_stands(path: Path) -> None:
    with open_at(path) as latch:
        assert latch.write([halt("h1", at=1)]) == (halt("h1", at=1),)
        assert latch.write([halt("h1", at=2), halt("h2")]) == (halt("h2"),)
        assert latch.state.halts["h1"].at == 1


def test_a_clear_may_come_before_its_halt(path: Path) -> None:
    with open_at(path) as latch:
        latch.write([clear("h1")])
        latch.write([halt("h1")])
        assert not latch.state.uncleared


def test_one_process_at_a_time(path: Path) -> None:
    with open_at(path), pytest.raises(LockedError):
        open_at(path)


def test_tools_may_look_while_it_is_open(path: Path, tmp_path: Path) -> None:
    fill(path)
    with open_at(path) as latch:
        assert read_latch(path) == (latch.state, "")
    assert read_latch(tmp_path / "none")[1].endswith("no latch here")


# -- I13: damage means halted -------------------------------------------------------------------------------------


def assert_halted(latch: LocalLatch, *, fault: LatchFault) -> None:
    assert latch.damage is not None
    assert latch.damage.fault is fault
    (found,) = [found for found in latch.state.uncleared.values() if found.trigger == fault.value]
    assert (found.scope, found.state, found.severity) == (Scope(), TradingState.HALTED, Severity.P0)
    assert "halts may be lost" in found.reason


def test_i13_cut_at_every_byte(path: Path) -> None:
    """Between two records as well: the end mark is missing then."""
    fill(path)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with open_at(path, now=size) as latch:
            assert_halted(latch, fault=LatchFault.TORN)
            assert latch.damage is not None
            assert latch.damage.kept is not None
            assert latch.damage.kept.read_bytes() == whole[:size]
            assert set(latch.state.halts) - {"h1", "h2"} == {next(reversed(latch.state.halts))}
        with open_at(path) as latch:
            assert latch.damage is None, "the fresh file is sound"
            assert len([found for found in latch.state.uncleared.values() if found.trigger == "LATCH_TORN"]) == 1


def test_i13_every_flipped_bit(path: Path) -> None:
    fill(path)
    whole = path.read_bytes()
    for offset in range(len(whole)):
        damaged = bytearray(whole)
        damaged[offset] ^= 1 << (offset % 8)
        path.write_bytes(damaged)
        with open_at(path) as latch:
            assert latch.damage is not None
            assert_halted(latch, fault=latch.damage.fault)
            assert latch.damage.fault is LatchFault.CORRUPT or offset >= len(whole) - 8, "the end mark may look torn"
        with open_at(path) as latch:
            assert latch.damage is None
            assert latch.state.uncleared


def test_what_can_be_read_of_a_corrupt_one_is_kept(path: Path) -> None:
    fill(path)
    data = bytearray(path.read_bytes())
    data[data.rindex(b"it is safe")] ^= 1
    path.write_bytes(data)
    with open_at(path, now=77) as latch:
        assert_halted(latch, fault=LatchFault.CORRUPT)
        assert latch.damage is not None
        assert latch.damage.kept == path.with_name("latch.bad-77")
        assert {"h1", "h2"} <= set(latch.state.uncleared), "the clear that can't be read clears nothing"


def test_a_record_of_a_newer_version_is_damage(path: Path) -> None:
    with open_at(path) as latch:
        latch.write([halt("h1")])
        frame, crc = frames.build(b'{"Curfew":{}}', crc=latch._crc)
        latch._put(frame + b"END." + zlib.crc32(b"END.", crc).to_bytes(4, "little"))
    with open_at(path) as latch:
        assert_halted(latch, fault=LatchFault.CORRUPT)
        assert "h1" in latch.state.uncleared


def test_one_that_is_gone_where_a_gate_has_run_is_damage(path: Path) -> None:
    fill(path)
    path.unlink()
    with open_at(path, expected=True) as latch:
        assert_halted(latch, fault=LatchFault.MISSING)


def test_one_that_is_gone_where_a_bad_one_was_put_aside_is_damage(path: Path) -> None:
    fill(path)
    path.rename(path.with_name("latch.bad-5"))
    with open_at(path) as latch:
        assert_halted(latch, fault=LatchFault.MISSING)


# -- a disk that takes no more ------------------------------------------------------------------------------------


@pytest.mark.parametrize("take", [-1, 0, 1, 20])
def test_a_failed_write_tells_and_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch, take: int) -> None:
    fill(path)
    pwrite = os.pwrite
    refusals = [take]

    def pwrite_some(descriptor: int, data: bytes, offset: int) -> int:
        if not refusals:
            return pwrite(descriptor, data, offset)
        size = refusals.pop()
        if size < 0:
            raise OSError(28, "No space left on device")
        return pwrite(descriptor, data[:size], offset)

    with open_at(path) as latch:
        monkeypatch.setattr(os, "pwrite", pwrite_some)
        with pytest.raises(LatchWriteError, match="free or repair the disk"):
            latch.write([halt("h3")])
        assert "h3" not in latch.state.halts
        monkeypatch.undo()
        latch.write([halt("h4")])
    with open_at(path) as latch:
        assert latch.damage is None
        assert set(latch.state.halts) == {"h1", "h2", "h4"}
