"""The journal's segment files: their names, their header, and how one is read.

A segment is `journal-00000001.rsj`, a header, then frames (`risksvc.gate.frames`). The header holds magic, schema
version, the segment's number, how many entries come before it and the checksum that the segment before it ended with,
so a missing, swapped or foreign segment is seen. The header's own checksum is what the first frame chains over.
"""

import mmap
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from risksvc.core.types import RiskError
from risksvc.gate.frames import Damage, ScanEnd, scan

SCHEMA_VERSION = 1
_MAGIC = b"RISKSVCJ"
_HEADER = struct.Struct("<8sIQQI")
_CHECKSUM = struct.Struct("<I")
HEADER_SIZE = _HEADER.size + _CHECKSUM.size
_NAME = "journal-{:08d}.rsj"
_PATTERN = "journal-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9].rsj"


class JournalCorruptError(RiskError):
    """A journal that can't be trusted; the text says which file, where in it, and what to do."""

    def __init__(self, path: Path, *, offset: int, problem: str) -> None:
        super().__init__(
            f"{path}: corrupt at byte {offset}: {problem}. Nothing after it can be trusted, so the gate does not "
            f"start. Keep a copy of {path.parent}; restore the folder from a good copy, or move it away and start "
            "without a journal: the gate then denies until what the account holds is adopted"
        )
        self.path = path
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Link:
    """What a segment continues: its number, the entries before it, and the checksum that the one before ended with."""

    number: int = 1
    entries: int = 0
    crc: int = 0


@dataclass(frozen=True, slots=True)
class SegmentEnd:
    """A segment read to its end: `size` good bytes (0: not even the header), and damage that reaches its end."""

    size: int
    crc: int
    torn_bytes: int = 0
    problem: str = ""

    @property
    def torn(self) -> bool:
        """A write was cut short here."""
        return bool(self.problem)


def path_of(folder: Path, number: int) -> Path:
    """Where a segment is."""
    return folder / _NAME.format(number)


def list_segments(folder: Path) -> list[Path]:
    """The folder's segments, oldest first."""
    return sorted(folder.glob(_PATTERN))


def header(link: Link) -> tuple[bytes, int]:
    """A new segment's first bytes, and the checksum that its first frame chains over."""
    body = _HEADER.pack(_MAGIC, SCHEMA_VERSION, link.number, link.entries, link.crc)
    crc = zlib.crc32(body)
    return body + _CHECKSUM.pack(crc), crc


def read_segment(path: Path, link: Link, *, last: bool) -> Iterator[bytes | SegmentEnd]:
    """Yields each payload, then one SegmentEnd. Only the last segment may be torn; all else raises."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < HEADER_SIZE:
            yield _unreadable_header(path, size=size, last=last)
            return
        with mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ) as data:
            view = memoryview(data)
            try:
                crc = _check_header(path, bytes(view[:HEADER_SIZE]), link)
                for found in scan(view, start=HEADER_SIZE, crc=crc):
                    yield found if isinstance(found, bytes) else _judge(path, found, size=size, last=last)
            finally:
                view.release()


def _unreadable_header(path: Path, *, size: int, last: bool) -> SegmentEnd:
    problem = "the segment ends inside its header"
    if not last:
        raise JournalCorruptError(path, offset=size, problem=problem)
    return SegmentEnd(0, 0, size, problem)


def _judge(path: Path, end: ScanEnd, *, size: int, last: bool) -> SegmentEnd:
    if end.damage is None:
        return SegmentEnd(size, end.crc)
    if end.damage is Damage.TORN and last:
        return SegmentEnd(end.offset, end.crc, size - end.offset, end.problem)
    raise JournalCorruptError(path, offset=end.offset, problem=end.problem)


def _check_header(path: Path, data: bytes, link: Link) -> int:
    magic, version, number, entries, crc = _HEADER.unpack_from(data)
    (checksum,) = _CHECKSUM.unpack_from(data, _HEADER.size)
    if magic != _MAGIC or checksum != zlib.crc32(data[: _HEADER.size]):
        raise JournalCorruptError(path, offset=0, problem="no journal header, or one that does not match its checksum")
    if version != SCHEMA_VERSION:
        raise RiskError(
            f"{path}: journal schema {version}, this risksvc reads {SCHEMA_VERSION}; "
            "run the version that wrote it, or newer"
        )
    if Link(number, entries, crc) != link:
        problem = f"segment {number} does not continue the one before it (one is missing, swapped, cut or foreign)"
        raise JournalCorruptError(path, offset=0, problem=problem)
    return int(checksum)
