"""The gate's memory on disk: what was decided, in order, before anybody is told.

Rule 1: an append is one `os.write` to an O_APPEND descriptor; when it returns, the entry survives kill -9 of this
process. Rule 2: one gate per folder: an exclusive lock, taken before anything is read. Rule 3: after a failed append
nothing more is taken, since what the gate holds in memory is not what the journal says; the gate closes, opens the
journal again and rebuilds from it. Rule 4: a torn tail, in the last segment only, is cut and told; any other damage
raises and says what to do. Never interprets a payload, never blocks on fsync (durability "process").
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from risksvc.core.types import RiskError
from risksvc.gate.file_lock import lock_file, private_folder
from risksvc.gate.frames import HEADER_SIZE, build
from risksvc.gate.segments import Link, SegmentEnd, header, list_segments, path_of, read_segment

SEGMENT_BYTES = 64 * 1024 * 1024
DURABILITIES = ("process",)
_LOCK = "lock"
_OPEN = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC


class JournalWriteError(RiskError):
    """An entry that is not in the journal: what it approves must not be told to anybody."""


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What a start found. `torn`: where and how the tail was cut, in words; empty: it was whole."""

    entries: int
    torn_bytes: int
    segments: int
    torn: str = ""


@dataclass(frozen=True, slots=True)
class JournalStats:
    """For status and metrics. `failed`: why nothing more is taken; empty: all is well."""

    entries: int
    bytes: int
    segments: int
    path: str
    durability: str
    recovered: int
    torn_bytes: int
    failed: str


class Journal:
    """One folder of segments, held exclusively. `recover()` must be read to its end before the first `append`.

    `durability`: "process". `segment_bytes`: a segment that would grow above it is followed by a new one.
    """

    def __init__(self, folder: Path, *, durability: str = "process", segment_bytes: int = SEGMENT_BYTES) -> None:
        if durability not in DURABILITIES:
            raise RiskError(f"journal.durability: {durability!r} is not known; allowed: {', '.join(DURABILITIES)}")
        self._folder = private_folder(folder)
        self._durability = durability
        self._segment_bytes = segment_bytes
        self._descriptor = -1
        self._link = Link()  # the segment that is open
        self._crc = 0
        self._size = 0
        self._earlier_bytes = 0
        self._entries = 0
        self._report: RecoveryReport | None = None
        self._failed = ""
        self._lock = lock_file(folder / _LOCK)

    def recover(self) -> Iterator[bytes]:
        """Yields every payload, oldest first; at its end the torn tail is cut and `append` is ready.

        Raises JournalCorruptError; then nothing was changed on disk.
        """
        self._forget()
        paths = list_segments(self._folder)
        link, end = Link(), SegmentEnd(0, 0)
        for path in paths:
            link = Link(link.number + (path is not paths[0]), self._entries, end.crc)
            for found in read_segment(path, link, last=path is paths[-1]):
                if isinstance(found, SegmentEnd):
                    end = found
                else:
                    self._entries += 1
                    yield found
            self._earlier_bytes += end.size
        self._resume(link, end, exists=bool(paths))

    def append(self, payload: bytes) -> None:
        """Writes one entry; when it returns, the entry survives this process. Raises JournalWriteError.

        `payload`: 1 byte to 16 MiB.
        """
        if self._failed or self._report is None:
            raise JournalWriteError(f"{self._folder}: {self._failed or 'recover() was not read to its end'}")
        if self._size + HEADER_SIZE + len(payload) > self._segment_bytes and self._entries > self._link.entries:
            self._rotate()
        try:
            frame, crc = build(payload, crc=self._crc)
        except ValueError as error:
            raise self._fail(str(error)) from error
        self._write(frame)
        self._crc = crc
        self._size += len(frame)
        self._entries += 1

    @property
    def report(self) -> RecoveryReport:
        """What the start found; only after `recover()`."""
        if self._report is None:
            raise RiskError(f"{self._folder}: recover() was not read to its end")
        return self._report

    @property
    def stats(self) -> JournalStats:
        """How it stands now."""
        return JournalStats(
            entries=self._entries,
            bytes=self._earlier_bytes + self._size,
            segments=self._link.number,
            path=str(self._folder),
            durability=self._durability,
            recovered=self._report.entries if self._report else 0,
            torn_bytes=self._report.torn_bytes if self._report else 0,
            failed=self._failed,
        )

    def close(self) -> None:
        """Lets the folder go; nothing is left to be written."""
        self._forget()
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

    def _forget(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1
        self._report = None
        self._failed = ""
        self._size = self._entries = self._earlier_bytes = 0

    def _resume(self, link: Link, end: SegmentEnd, *, exists: bool) -> None:
        path = path_of(self._folder, link.number)
        self._link = link
        if exists and end.size:
            self._descriptor = os.open(path, _OPEN)
            os.ftruncate(self._descriptor, end.size)
            self._size, self._crc = end.size, end.crc
            self._earlier_bytes -= end.size
        else:
            path.unlink(missing_ok=True)
            self._start_segment(link)
        torn = f"{path}: {end.problem}; {end.torn_bytes} bytes cut" if end.torn else ""
        self._report = RecoveryReport(self._entries, end.torn_bytes, link.number, torn)

    def _rotate(self) -> None:
        """The old segment stays open until the new one has its header, so a full disk leaves the journal as it was."""
        old, size = self._descriptor, self._size
        self._start_segment(Link(self._link.number + 1, self._entries, self._crc))
        self._earlier_bytes += size
        os.close(old)

    def _start_segment(self, link: Link) -> None:
        path = path_of(self._folder, link.number)
        data, crc = header(link)
        try:
            descriptor = os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise self._fail(f"{path} can't be made: {error}") from error
        try:
            _write_whole(descriptor, data)
        except OSError as error:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise self._fail(f"{path}: its header can't be written: {error}") from error
        self._descriptor, self._link, self._crc, self._size = descriptor, link, crc, len(data)

    def _write(self, frame: bytes) -> None:
        try:
            _write_whole(self._descriptor, frame)
        except OSError as error:
            # Best effort: what stays behind is a torn tail, which the next start cuts.
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise self._fail(f"an entry can't be written: {error}") from error

    def _fail(self, problem: str) -> JournalWriteError:
        self._failed = f"{problem}; nothing more is taken until the journal is opened again"
        return JournalWriteError(f"{self._folder}: {self._failed}")


def _write_whole(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    if written != len(data):
        raise OSError(f"only {written} of {len(data)} bytes were taken; is the disk full?")


def read_journal(path: Path) -> Iterator[bytes]:
    """Every payload of a journal folder, oldest first, for tools: takes no lock, changes nothing.

    A torn tail (an entry that a running gate is writing now) ends it; other damage raises JournalCorruptError.
    """
    paths = list_segments(path)
    if not paths:
        raise RiskError(f"{path}: no journal here (no file journal-00000001.rsj); name the journal's folder")
    link = Link()
    entries = 0
    for segment in paths:
        for found in read_segment(segment, link, last=segment is paths[-1]):
            if isinstance(found, SegmentEnd):
                link = Link(link.number + 1, entries, found.crc)
            else:
                entries += 1
                yield found
