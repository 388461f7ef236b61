"""The journal's segment files: their names, their header, and how they are read, one by one and in a row.

A segment is `journal-00000001.rsj`, a header, then frames (`risksvc.gate.frames`). The header holds, little-endian:
magic `RISKSVCJ`, schema u32, the segment's number u64, how many entries come before it u64, the checksum that the
segment before it ended with u32, since schema 2 the head of the hash chain before it (32 bytes, `risksvc.gate.chain`),
and the header's own crc32 u32, which the first frame chains over. So a missing, swapped or foreign segment is seen.

Schema 1 is still read and chained the same way; its headers just don't say the head. New segments are schema 2.
"""

import mmap
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from risksvc.core.types import RiskError
from risksvc.gate.chain import GENESIS, UNKNOWN, Chain
from risksvc.gate.frames import Damage, ScanEnd, scan

SCHEMA_VERSION = 2
_MAGIC = b"RISKSVCJ"
_START = struct.Struct("<8sI")
_HEADERS = {1: struct.Struct("<8sIQQI"), 2: struct.Struct("<8sIQQI32s")}
_CHECKSUM = struct.Struct("<I")
HEADER_SIZE = _HEADERS[SCHEMA_VERSION].size + _CHECKSUM.size
_NAME = "journal-{:08d}.rsj"
_PATTERN = "journal-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9].rsj"
_DIGITS = slice(8, 16)


class JournalCorruptError(RiskError):
    """A journal that can't be trusted; the text says which file, where in it, and what to do."""

    def __init__(self, path: Path, *, offset: int, problem: str) -> None:
        super().__init__(
            f"{path}: corrupt at byte {offset}: {problem}. Nothing after it can be trusted, so the gate does not "
            f"start. Look: `risksvc journal verify {path.parent}`. Keep a copy of {path.parent}; then restore the "
            "folder from a good copy, or move it away and start without a journal: the gate then denies until what "
            "the account holds is adopted"
        )
        self.path = path
        self.offset = offset
        self.problem = problem


class JournalGapError(JournalCorruptError):
    """Segments that reading has to begin with are not there."""

    def __init__(self, path: Path, *, problem: str) -> None:
        RiskError.__init__(
            self,
            f"{path.parent}: {problem}. Early segments go when retention deletes them (journal.keep, "
            "journal.max_size), and then a snapshot of the state must stand in for them: restore the snapshots and "
            f"segments that belong together from a good copy (`risksvc journal verify {path.parent}` says what is "
            "here), or move the folder away and start without a journal: the gate then denies until what the account "
            "holds is adopted",
        )
        self.path = path
        self.offset = 0
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Link:
    """What a segment continues: its number, the entries before it, the checksum and the chain's head before it."""

    number: int = 1
    entries: int = 0
    crc: int = 0
    head: bytes = GENESIS


@dataclass(frozen=True, slots=True)
class SegmentEnd:
    """A segment read to its end: `size` good bytes (0: not even the header), and damage that reaches its end.

    `entries` counts from the journal's first. `chain` goes on from here.
    """

    link: Link
    size: int = 0
    crc: int = 0
    entries: int = 0
    chain: Chain = field(default_factory=Chain)
    torn_bytes: int = 0
    problem: str = ""

    @property
    def torn(self) -> bool:
        """A write was cut short here."""
        return bool(self.problem)

    @property
    def next(self) -> Link:
        """How the segment after it must begin."""
        return Link(self.link.number + 1, self.entries, self.crc, self.chain.head())


def path_of(folder: Path, number: int) -> Path:
    """Where a segment is."""
    return folder / _NAME.format(number)


def number_of(path: Path) -> int:
    """The number in a segment's name."""
    return int(path.name[_DIGITS])


def list_segments(folder: Path) -> list[Path]:
    """The folder's segments, oldest first."""
    return sorted(folder.glob(_PATTERN))


# -- headers ------------------------------------------------------------------------------------------------------


def header(link: Link) -> tuple[bytes, int, Chain]:
    """A new segment's first bytes, the checksum that its first frame chains over, and its hash chain."""
    body = _HEADERS[SCHEMA_VERSION].pack(_MAGIC, SCHEMA_VERSION, link.number, link.entries, link.crc, link.head)
    crc = zlib.crc32(body)
    return body + _CHECKSUM.pack(crc), crc, Chain(link.head, body)


@dataclass(frozen=True, slots=True)
class _Header:
    """What a segment's header says. `link.head` is UNKNOWN where schema 1 can't say it."""

    link: Link
    body: bytes
    checksum: int

    @property
    def size(self) -> int:
        return len(self.body) + _CHECKSUM.size


def stored_link(path: Path) -> Link:
    """What a segment says that it continues. Raises JournalCorruptError."""
    return _read_header(path).link


def chain_of(path: Path, link: Link) -> Chain:
    """The hash chain at the beginning of a segment that continues `link`. Raises JournalCorruptError."""
    return _check(path, _read_header(path), link)


def _read_header(path: Path) -> _Header:
    with path.open("rb") as file:
        data = file.read(HEADER_SIZE)
    if (size := _header_size(data)) > len(data):
        raise JournalCorruptError(path, offset=len(data), problem="the segment ends inside its header")
    return _parse(path, data[:size])


def _header_size(data: bytes) -> int:
    """How long the header that begins like this is; as long as the shortest where that can't be said."""
    version = _START.unpack_from(data)[1] if len(data) >= _START.size else 0
    return _HEADERS.get(version, _HEADERS[1]).size + _CHECKSUM.size


def _parse(path: Path, data: bytes) -> _Header:
    magic, version = _START.unpack_from(data)
    layout = _HEADERS.get(version)
    if magic == _MAGIC and layout is None:
        known = " and ".join(map(str, _HEADERS))
        raise RiskError(
            f"{path}: journal schema {version}, this risksvc reads {known}; run the version that wrote it, or newer. "
            "If no newer one ever ran here, the file is damaged at byte 8"
        )
    checksum = _CHECKSUM.unpack_from(data, len(data) - _CHECKSUM.size)[0]
    body = data[: -_CHECKSUM.size]
    if magic != _MAGIC or layout is None or checksum != zlib.crc32(body):
        raise JournalCorruptError(path, offset=0, problem="no journal header, or one that does not match its checksum")
    _, _, number, entries, crc, *stored = layout.unpack(body)
    head = stored[0] if stored else UNKNOWN
    return _Header(Link(number, entries, crc, GENESIS if number == 1 and not stored else head), body, checksum)


def _check(path: Path, found: _Header, link: Link) -> Chain:
    """The chain of a segment that does continue `link`."""
    one = found.link
    if (one.number, one.entries, one.crc) != (link.number, link.entries, link.crc):
        problem = f"segment {one.number} does not continue the one before it (one is missing, swapped, cut or foreign)"
        raise JournalCorruptError(path, offset=0, problem=problem)
    if UNKNOWN not in (one.head, link.head) and one.head != link.head:
        problem = f"segment {one.number} has another hash of what is before it than what is there: that was changed"
        raise JournalCorruptError(path, offset=0, problem=problem)
    return Chain(link.head if one.head == UNKNOWN else one.head, found.body)


# -- reading ------------------------------------------------------------------------------------------------------


def read_segment(path: Path, link: Link, *, last: bool) -> Iterator[bytes | SegmentEnd]:
    """Yields each payload, then one SegmentEnd. Only the last segment may be torn; all else raises."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        start = file.read(HEADER_SIZE)
        needed = _header_size(start)
        if size < needed or (last and not any(start) and _only_zeros(path)):
            yield _unreadable_header(path, link, size=size, last=last)
            return
        found = _parse(path, start[:needed])
        chain = _check(path, found, link)
        with mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ) as data:
            view = memoryview(data)
            try:
                entries = link.entries
                for one in scan(view, start=needed, crc=found.checksum):
                    if isinstance(one, bytes):
                        entries += 1
                        chain.add(one)
                        yield one
                    else:
                        yield _judge(path, one, SegmentEnd(link, size, one.crc, entries, chain), last=last)
            finally:
                view.release()


def _only_zeros(path: Path) -> bool:
    """As a power cut leaves a file whose length reached the disk and whose content did not."""
    with path.open("rb") as file:
        return all(not any(piece) for piece in iter(lambda: file.read(1 << 20), b""))


def _unreadable_header(path: Path, link: Link, *, size: int, last: bool) -> SegmentEnd:
    problem = "the segment ends inside its header"
    if not last:
        raise JournalCorruptError(path, offset=size, problem=problem)
    return SegmentEnd(link, entries=link.entries, torn_bytes=size, problem=problem)


def _judge(path: Path, end: ScanEnd, whole: SegmentEnd, *, last: bool) -> SegmentEnd:
    if end.damage is None:
        return whole
    if end.damage is Damage.TORN and last:
        torn = whole.size - end.offset
        return SegmentEnd(whole.link, end.offset, end.crc, whole.entries, whole.chain, torn, end.problem)
    raise JournalCorruptError(path, offset=end.offset, problem=end.problem)


def read_row(paths: Sequence[Path], link: Link, *, torn_last: bool) -> Iterator[bytes | SegmentEnd]:
    """Segments that continue each other, the first one `link`: payloads, with a SegmentEnd after each segment.

    `torn_last`: the last of them may end in a torn tail (it is the journal's last).
    """
    for path in paths:
        for found in read_segment(path, link, last=torn_last and path is paths[-1]):
            yield found
            if isinstance(found, SegmentEnd):
                link = found.next


def from_link(folder: Path, since: Link | None) -> list[Path]:
    """The segments from the one that begins with `since` on; None: all, which then begin with number 1.

    Raises JournalGapError where that one is missing. An empty folder has none.
    """
    paths = list_segments(folder)
    if since is None:
        if paths and number_of(paths[0]) != 1:
            problem = f"the first segment here is number {number_of(paths[0])}, and no snapshot says what was before it"
            raise JournalGapError(paths[0], problem=problem)
        return paths
    wanted = path_of(folder, since.number)
    if wanted not in paths:
        raise JournalGapError(wanted, problem=f"segment {since.number}, which goes on from the snapshot, is missing")
    return paths[paths.index(wanted) :]


def read_closed(folder: Path, *, since: Link | None, before: int) -> Iterator[bytes | Link]:
    """The payloads of the segments since.number to before - 1, then the Link that segment `before` begins with.

    For another process while the gate writes: takes no lock, changes nothing. None: from the first, number 1. Segments
    before `before` are closed, so none of them may be torn. Raises JournalCorruptError.
    """
    link = since or Link()
    paths = [path for path in from_link(folder, since) if number_of(path) < before]
    for found in read_row(paths, link, torn_last=False):
        if isinstance(found, SegmentEnd):
            link = found.next
        else:
            yield found
    if link.number != before:
        raise JournalGapError(path_of(folder, link.number), problem=f"segment {link.number} is missing")
    yield link
