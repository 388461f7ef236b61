"""The gate's memory on disk: what was decided, in order, before anybody is told.

Rule 1: an append is one `os.write` to an O_APPEND descriptor; when it returns, the entry survives kill -9 of this
process; `durable()` returns when it also survives what journal.durability asks for. Rule 2: one gate per folder: an
exclusive lock, taken before anything is read. Rule 3: after a failed append nothing more is taken, since what the gate
holds in memory is not what the journal says; the gate closes, opens the journal again and rebuilds from it. Rule 4: a
torn tail, in the last segment only, is cut and told; any other damage raises and says what to do. Rule 5: after a
failed fdatasync this process takes nothing more, and can't open the journal again either (`risksvc.gate.commit`).

Never interprets a payload, never waits for an fsync on the thread that appends.
"""

import errno
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from risksvc.core.types import RiskError
from risksvc.gate.chain import Chain
from risksvc.gate.commit import CommitFailedError, Committer, Sync, write_again
from risksvc.gate.disk_room import disk_room
from risksvc.gate.file_lock import lock_file, private_folder
from risksvc.gate.frames import HEADER_SIZE, build
from risksvc.gate.retention import Retention, delete_segments
from risksvc.gate.segments import (
    Link,
    SegmentEnd,
    from_link,
    header,
    list_segments,
    number_of,
    path_of,
    read_row,
    stored_link,
)

SEGMENT_BYTES = 64 * 1024 * 1024
SEGMENT_ENTRIES = 5_000
PROCESS, POWER = DURABILITIES = ("process", "power")
_LOCK = "lock"
_OPEN = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MAY_BE_UNSYNCED = 2  # segments at the end that a killed process may have left unsynced
_log = logging.getLogger(__name__)


class JournalWriteError(RiskError):
    """An entry that is not in the journal: what it approves must not be told to anybody."""


class NotDurableError(JournalWriteError):
    """An fdatasync failed: this process can't go on with the journal; the next one makes sure of what is there."""


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What a start found. `torn`: where and how the tail was cut, in words; empty: it was whole.

    `entries` counts from the journal's first, also where a snapshot stood in for the early ones.
    """

    entries: int
    torn_bytes: int
    segments: int
    torn: str = ""


@dataclass(frozen=True, slots=True)
class JournalStats:
    """For status and metrics. `failed`: why nothing more is taken; empty: all is well.

    `forgotten_early`: segments deleted before journal.keep was over, since this process started.
    """

    entries: int
    bytes: int
    segments: int
    path: str
    durability: str
    recovered: int
    torn_bytes: int
    failed: str
    forgotten_early: int = 0


@dataclass(frozen=True, slots=True)
class Head:
    """The hash chain's head: after how many entries, in which segment, 32 bytes."""

    entries: int
    segment: int
    head: bytes


class Journal:
    """One folder of segments, held exclusively. `recover()` must be read to its end before the first `append`.

    `durability`: "process" or "power". A segment that would grow above `segment_bytes`, or that holds `segment_entries`
    entries, is followed by a new one; then `on_rotate` is called with what the new one continues: on the thread that
    appends, so it must be quick. `sync`: how a file is made to survive a power failure; another one in tests only.
    """

    def __init__(
        self,
        folder: Path,
        *,
        durability: str = PROCESS,
        segment_bytes: int = SEGMENT_BYTES,
        segment_entries: int = SEGMENT_ENTRIES,
        retention: Retention | None = None,
        sync: Sync = os.fdatasync,
    ) -> None:
        if durability not in DURABILITIES:
            raise RiskError(f"journal.durability: {durability!r} is not known; allowed: {', '.join(DURABILITIES)}")
        self.on_rotate: Callable[[Link], None] | None = None
        self._folder = private_folder(folder)
        self._path = str(folder)
        self._durability = durability
        self._segment_bytes = segment_bytes
        self._segment_entries = segment_entries
        self._retention = retention or Retention()
        self._sync = sync
        self._committer: Committer | None = None
        self._unsyncable = ""  # set once, for the rest of this process
        self._descriptor = -1
        self._link = Link()  # the segment that is open
        self._crc = 0
        self._chain = Chain()
        self._size = 0
        self._entries = 0
        self._earlier = threading.Lock()  # guards the next three: retention runs beside the appends
        self._earlier_bytes = 0
        self._first = 1
        self._forgotten_early = 0
        self._report: RecoveryReport | None = None
        self._failed = ""
        self._lock = lock_file(folder / _LOCK)

    def recover(self, *, since: Link | None = None) -> Iterator[bytes]:
        """Yields the payloads, oldest first; at its end the torn tail is cut and `append` is ready.

        `since`: from the segment that begins with exactly this, because a snapshot stands in for all before it; None:
        from the first, which must be number 1. Raises JournalCorruptError; then nothing was changed on disk.
        """
        self._let_go()
        if self._unsyncable:
            raise NotDurableError(f"{self._folder}: {self._unsyncable}")
        paths = from_link(self._folder, since)
        end = SegmentEnd(since or Link())
        self._entries = end.link.entries
        for found in read_row(paths, end.link, torn_last=True):
            if isinstance(found, SegmentEnd):
                end = found
            else:
                self._entries += 1
                yield found
        self._resume(end, exists=bool(paths))

    def append(self, payload: bytes) -> None:
        """Writes one entry; when it returns, the entry survives this process. Raises JournalWriteError.

        `payload`: 1 byte to 16 MiB.
        """
        if self._failed or self._report is None:
            raise JournalWriteError(f"{self._folder}: {self._failed or 'recover() was not read to its end'}")
        if self._is_full(len(payload)):
            self._rotate()
        try:
            frame, crc = build(payload, crc=self._crc)
        except ValueError as error:
            raise self._fail(str(error)) from error
        self._write(frame)
        self._crc = crc
        self._chain.add(payload)
        self._size += len(frame)
        self._entries += 1

    async def durable(self) -> None:
        """Returns when all that was appended before the call is as durable as configured. Raises NotDurableError.

        "process": at once. "power": after an fdatasync that began after the last append; many callers share one.
        """
        if (committer := self._committing()) is not None:
            try:
                await committer.durable(self._entries)
            except CommitFailedError as error:
                raise NotDurableError(f"{self._folder}: {error}") from error

    def commit(self) -> None:
        """The same for a thread that may wait for a disk. Raises NotDurableError."""
        if (committer := self._committing()) is not None:
            try:
                committer.commit(self._entries)
            except CommitFailedError as error:
                raise NotDurableError(f"{self._folder}: {error}") from error

    def _committing(self) -> Committer | None:
        """None: what is appended is as durable as it has to be."""
        committer = self._committer  # another thread may be opening the journal again
        if committer is None and self._durability == POWER:
            raise NotDurableError(f"{self._folder}: {self._failed or 'recover() was not read to its end'}")
        return committer

    def forget_before(self, number: int) -> None:
        """Deletes closed segments below `number` that are older than journal.keep or beyond journal.max_size.

        `number`: the segment that the older of the kept snapshots goes on from. Oldest first, never the open one;
        blocks for the disk, so it is called off the event loop. Raises OSError.
        """
        for gone in delete_segments(self._folder, self._retention, before=min(number, self._link.number)):
            with self._earlier:
                self._first = gone.number + 1
                self._earlier_bytes -= gone.bytes
                self._forgotten_early += gone.early

    @property
    def report(self) -> RecoveryReport:
        """What the start found; only after `recover()`."""
        if self._report is None:
            raise RiskError(f"{self._folder}: recover() was not read to its end")
        return self._report

    @property
    def folder(self) -> Path:
        """Where the segments are."""
        return self._folder

    @property
    def head(self) -> Head | None:
        """What stands for every entry so far; None while the journal is being opened."""
        if self._report is None:
            return None
        begun = self._entries > self._link.entries
        return Head(self._entries, self._link.number, self._chain.head() if begun else self._link.head)

    @property
    def stats(self) -> JournalStats:
        """How it stands now."""
        return JournalStats(
            entries=self._entries,
            bytes=self._earlier_bytes + self._size,
            segments=self._link.number - self._first + 1,
            path=self._path,
            durability=self._durability,
            recovered=self._report.entries if self._report else 0,
            torn_bytes=self._report.torn_bytes if self._report else 0,
            failed=self._failed,
            forgotten_early=self._forgotten_early,
        )

    def close(self) -> None:
        """Lets the folder go; nothing is left to be written."""
        self._let_go()
        self._failed = "the journal is closed"
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- opening and closing -------------------------------------------------------------------------------------

    def _let_go(self) -> None:
        if self._committer is not None:
            self._committer.stop()
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._committer, self._descriptor = None, -1
        self._report, self._failed = None, ""
        self._size = self._entries = self._earlier_bytes = 0

    def _resume(self, end: SegmentEnd, *, exists: bool) -> None:
        self._link = end.link
        path = path_of(self._folder, end.link.number)
        if exists and end.size:
            self._descriptor = os.open(path, _OPEN)
            os.ftruncate(self._descriptor, end.size)
            self._size, self._crc, self._chain = end.size, end.crc, end.chain
        else:
            path.unlink(missing_ok=True)
            self._start_segment(end.link)
        if self._durability == POWER:
            self._make_durable()
        self._look_around()
        torn = f"{path}: {end.problem}; {end.torn_bytes} bytes cut" if end.torn else ""
        self._report = RecoveryReport(self._entries, end.torn_bytes, end.link.number - self._first + 1, torn)

    def _make_durable(self) -> None:
        """What was read may be in the kernel's memory only; nothing is built on it before it is on the disk."""
        try:
            for path in list_segments(self._folder)[-_MAY_BE_UNSYNCED:]:
                write_again(path, sync=self._sync)
        except OSError as error:
            raise NotDurableError(f"{self._folder}: what is there can't be made durable: {error}") from error
        self._committer = Committer(
            self._folder, written=lambda: self._entries, failed=self._can_not_sync, sync=self._sync
        )
        self._committer.follow(self._descriptor, new=True)

    def _look_around(self) -> None:
        """The closed segments that are here: a row that ends at the open one."""
        closed = [path for path in list_segments(self._folder) if number_of(path) < self._link.number]
        with self._earlier:
            self._earlier_bytes = sum(path.stat().st_size for path in closed)
            self._first = number_of(closed[0]) if closed else self._link.number

    # -- writing -------------------------------------------------------------------------------------------------

    def _is_full(self, size: int) -> bool:
        held = self._entries - self._link.entries
        return held > 0 and (held >= self._segment_entries or self._size + HEADER_SIZE + size > self._segment_bytes)

    def _rotate(self) -> None:
        """The old segment stays open until the new one has its header, so a full disk leaves the journal as it was."""
        old, size = self._descriptor, self._size
        self._start_segment(Link(self._link.number + 1, self._entries, self._crc, self._chain.head()))
        with self._earlier:
            self._earlier_bytes += size
        os.close(old)
        if self._committer is not None:
            self._committer.follow(self._descriptor, new=True)
        if self.on_rotate is not None:
            try:
                self.on_rotate(self._link)
            except Exception:  # noqa: BLE001 - what listens can't undo a rotation, and must not stop an append
                _log.exception("what follows the journal's rotations failed")

    def _start_segment(self, link: Link) -> None:
        path = path_of(self._folder, link.number)
        data, crc, chain = header(link)
        try:
            descriptor = os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise self._fail(f"{path} can't be made: {error}{self._room(error)}") from error
        try:
            _write_whole(descriptor, data)
        except OSError as error:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise self._fail(f"{path}: its header can't be written: {error}{self._room(error)}") from error
        self._descriptor, self._link, self._crc, self._chain, self._size = descriptor, link, crc, chain, len(data)

    def _write(self, frame: bytes) -> None:
        try:
            _write_whole(self._descriptor, frame)
        except OSError as error:
            # Best effort: what stays behind is a torn tail, which the next start cuts.
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise self._fail(f"an entry can't be written: {error}{self._room(error)}") from error

    def _room(self, error: OSError) -> str:
        """What to do about a disk that takes no more; empty when something else is wrong."""
        if error.errno not in _NO_ROOM:
            return ""
        room = disk_room(self._folder)
        free = "" if room is None else f" ({room.free:,} bytes free)"
        return (
            f". The disk that holds {self._folder}{free} takes no more: free some room on it. The gate tries again "
            "every second, and comes back by itself, halted until a person resumes"
        )

    def _fail(self, problem: str) -> JournalWriteError:
        self._failed = f"{problem}; nothing more is taken until the journal is opened again"
        return JournalWriteError(f"{self._folder}: {self._failed}")

    def _can_not_sync(self, problem: str) -> None:
        self._failed = self._unsyncable = problem


def _write_whole(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    if written != len(data):
        raise OSError(errno.ENOSPC, f"only {written} of {len(data)} bytes were taken")


def read_journal(path: Path) -> Iterator[bytes]:
    """Every payload of a journal folder, oldest first, for tools: takes no lock, changes nothing.

    Begins with the first segment that is there. A torn tail (an entry that a running gate is writing now) ends it;
    other damage raises JournalCorruptError.
    """
    paths = list_segments(path)
    if not paths:
        raise RiskError(f"{path}: no journal here (no file journal-00000001.rsj); name the journal's folder")
    for found in read_row(paths, stored_link(paths[0]), torn_last=True):
        if not isinstance(found, SegmentEnd):
            yield found
