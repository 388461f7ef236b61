"""The local latch: every halt and clear that this gate has seen, and how far the store's history had come, on disk.

Rule 1: a record is on disk (fdatasync) before anything that depends on it: before a clear lets go, before a halt counts
as acknowledged. Rule 2: the file always ends with an end mark, rewritten with every record, so that a file cut short
anywhere, even between two records, is seen. Rule 3: damage of any kind means halted. What can be read is kept, the bad
file is put aside, and a global halt goes into the fresh one: a lost record may have been a halt. That holds for a torn
tail too, since what was being written is not known. Rule 4: a latch that is missing where a journal shows that this
gate has run before is damage as well. Only ever grows; never trusts the store more than itself.
"""

import os
import secrets
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self

from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import Nanoseconds, RiskError, Scope, Severity, TradingState
from risksvc.gate import frames
from risksvc.gate.file_lock import lock_file, private_folder, sync_folder
from risksvc.gate.frames import Damage, ScanEnd
from risksvc.gate.kill_switch.records import Mark, Record, RecordUnreadableError, read_line, record_line

_MAGIC = b"RISKSVCL\x01\x00\x00\x00"  # the last four bytes are the schema version
_END = b"END."
_END_SIZE = len(_END) + 4
_LOOKS = 3  # a running gate may be writing: what is half there at one look is whole at the next


class LatchWriteError(RiskError):
    """A record that is not on disk: whoever asked must not rely on it."""


class LatchFault(Enum):
    """What was wrong with a latch when it was opened; the value is the trigger of the halt that follows."""

    TORN = "LATCH_TORN"
    CORRUPT = "LATCH_CORRUPT"
    MISSING = "LATCH_MISSING"


@dataclass(frozen=True, slots=True)
class LatchDamage:
    """What was wrong, in words, and where the bad file was put aside (None: there was none)."""

    fault: LatchFault
    problem: str
    kept: Path | None


@dataclass(slots=True)
class LatchState:
    """What the latch holds: halts and clears by halt id, marks by namespace; `uncleared`: the halts in force."""

    halts: dict[str, Halt] = field(default_factory=dict)
    clears: dict[str, Clear] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    uncleared: dict[str, Halt] = field(default_factory=dict)

    def add(self, record: Record) -> bool:
        """Takes a record in; True when it says something new. The first halt or clear of an id stands."""
        if self.knows(record):
            return False
        if isinstance(record, Mark):
            self.marks[record.namespace] = record
        elif isinstance(record, Clear):
            self.clears[record.halt_id] = record
            self.uncleared.pop(record.halt_id, None)
        else:
            self.halts[record.halt_id] = record
            if record.halt_id not in self.clears:
                self.uncleared[record.halt_id] = record
        return True

    def knows(self, record: Record) -> bool:
        """True when `add` would change nothing."""
        if isinstance(record, Mark):
            return self.marks.get(record.namespace) == record
        return record.halt_id in (self.halts if isinstance(record, Halt) else self.clears)


class LocalLatch:
    """The open latch. Its methods block (fdatasync): call them off the event loop, one at a time, in order."""

    def __init__(
        self, path: Path, *, descriptor: int, lock: int, state: LatchState, damage: LatchDamage | None
    ) -> None:
        self.path = path
        self.state = state
        self.damage = damage
        self._descriptor = descriptor
        self._lock = lock
        self._offset, self._crc = _end_of(os.pread(descriptor, os.fstat(descriptor).st_size, 0))

    def write(self, records: Iterable[Record]) -> tuple[Record, ...]:
        """Puts records on disk and then into `state`; gives back those that were new. Raises LatchWriteError."""
        new = tuple(record for record in records if not self.state.knows(record))
        self.put(new)
        return tuple(record for record in new if self.state.add(record))

    def put(self, records: tuple[Record, ...]) -> None:
        """Only the disk half of `write`, for whoever keeps `state` in another thread. Raises LatchWriteError."""
        if not records:
            return
        data, crc = _frames(records, crc=self._crc)
        try:
            self._put(data + _end_mark(crc))
        except OSError as error:
            # The end mark goes back to where it was. Should even that fail, the next start finds damage: halted.
            with suppress(OSError):
                self._put(_end_mark(self._crc))
                os.ftruncate(self._descriptor, self._offset + _END_SIZE)
            raise LatchWriteError(f"{self.path} can't be written: {error}; free or repair the disk") from error
        self._offset += len(data)
        self._crc = crc

    def close(self) -> None:
        """Lets the file go."""
        for descriptor in (self._descriptor, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._descriptor = self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, data: bytes) -> None:
        written = os.pwrite(self._descriptor, data, self._offset)
        if written != len(data):
            raise OSError(f"only {written} of {len(data)} bytes were taken; is the disk full?")
        os.fdatasync(self._descriptor)


def open_latch(path: Path, *, gate_id: str, now: Nanoseconds, expected: bool) -> LocalLatch:
    """Opens the latch of this gate, making it if there is none; damage adds a global halt (rule 3).

    `expected`: this gate has run on this state folder before (its journal has entries), so the latch must be there.
    Raises LockedError when another process holds it, LatchWriteError when the disk takes nothing.
    """
    private_folder(path.parent)
    lock = lock_file(path.with_suffix(".lock"))
    try:
        state, damage = _load(path, expected=expected, now=now)
        if damage is not None:
            state.add(_halt(damage, gate_id=gate_id, now=now))
        if damage is not None or not path.exists():
            _replace(path, state)
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        os.close(lock)
        raise LatchWriteError(f"{path} can't be opened: {error}; free or repair the disk") from error
    return LocalLatch(path, descriptor=descriptor, lock=lock, state=state, damage=damage)


def read_latch(path: Path) -> tuple[LatchState, str]:
    """For tools: what can be read of a latch, and what is wrong with it (empty: nothing). Changes nothing."""
    state, problem = LatchState(), f"{path}: no latch here"
    for _ in range(_LOOKS):
        try:
            state, _, problem = _parse(path.read_bytes())
        except FileNotFoundError:
            return LatchState(), f"{path}: no latch here"
        if not problem:
            break
    return state, problem


def _load(path: Path, *, expected: bool, now: Nanoseconds) -> tuple[LatchState, LatchDamage | None]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        missing = LatchDamage(LatchFault.MISSING, f"{path} is missing although this gate has run before", None)
        return LatchState(), missing if expected or _was_put_aside(path) else None
    state, fault, problem = _parse(data)
    if fault is None:
        return state, None
    kept = path.with_name(f"{path.name}.bad-{now}")
    _write_synced(kept, data)
    return state, LatchDamage(fault, f"{path}: {problem}", kept)


def _was_put_aside(path: Path) -> bool:
    return any(path.parent.glob(f"{path.name}.bad-*"))


def _parse(data: bytes) -> tuple[LatchState, LatchFault | None, str]:
    """What can be read, and what is wrong."""
    state = LatchState()
    if data[: len(_MAGIC)] != _MAGIC:
        torn = _MAGIC.startswith(data)
        return state, LatchFault.TORN if torn else LatchFault.CORRUPT, "the file does not begin like a latch"
    whole = data[-_END_SIZE:].startswith(_END)
    end = _read_records(data[:-_END_SIZE] if whole else data, state)
    if end.damage is not None:
        torn = end.damage is Damage.TORN and not whole
        return state, LatchFault.TORN if torn else LatchFault.CORRUPT, f"byte {end.offset}: {end.problem}"
    if not whole:
        return state, LatchFault.TORN, f"byte {end.offset}: the end mark is missing, records may be"
    if data[-_END_SIZE:] != _end_mark(end.crc):
        return state, LatchFault.CORRUPT, f"byte {end.offset}: the end mark does not match the records before it"
    return state, None, ""


def _read_records(data: bytes, state: LatchState) -> ScanEnd:
    offset = len(_MAGIC)
    for found in frames.scan(data, start=offset, crc=zlib.crc32(_MAGIC)):
        if isinstance(found, ScanEnd):
            return found
        try:
            state.add(read_line(found))
        except RecordUnreadableError as error:
            return ScanEnd(offset, 0, Damage.CORRUPT, str(error))
        offset += frames.HEADER_SIZE + len(found)
    raise AssertionError("a scan ends with a ScanEnd")


def _halt(damage: LatchDamage, *, gate_id: str, now: Nanoseconds) -> Halt:
    where = f" (kept as {damage.kept})" if damage.kept else ""
    return Halt(
        halt_id=secrets.token_hex(16),
        scope=Scope(),
        state=TradingState.HALTED,
        severity=Severity.P0,
        trigger=damage.fault.value,
        reason=f"this gate's latch was damaged, halts may be lost: {damage.problem}{where}",
        by=f"gate:{gate_id}",
        at=now,
        origin=gate_id,
    )


def _replace(path: Path, state: LatchState) -> None:
    records: list[Record] = [*state.halts.values(), *state.clears.values(), *state.marks.values()]
    data, crc = _frames(records, crc=zlib.crc32(_MAGIC))
    fresh = path.with_name(f"{path.name}.new")
    _write_synced(fresh, _MAGIC + data + _end_mark(crc))
    fresh.replace(path)
    sync_folder(path.parent)


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _frames(records: Iterable[Record], *, crc: int) -> tuple[bytes, int]:
    parts = []
    for record in records:
        part, crc = frames.build(record_line(record), crc=crc)
        parts.append(part)
    return b"".join(parts), crc


def _end_mark(crc: int) -> bytes:
    return _END + zlib.crc32(_END, crc).to_bytes(4, "little")


def _end_of(data: bytes) -> tuple[int, int]:
    """Where the end mark of a sound latch stands, and the checksum before it."""
    end = _read_records(data[:-_END_SIZE], LatchState())
    return end.offset, end.crc
