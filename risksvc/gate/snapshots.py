"""Snapshots of the state: all of it, exactly before the first entry of a segment, so a start reads no older ones.

A file is `snapshot-00000012.rss` in the journal's folder, little-endian: magic `RISKSVCS`, schema u32, then frames
(`risksvc.gate.frames`, chained from the crc32 of those twelve bytes). The first frame is a MessagePack map (`_Head`):
how segment 12 begins, the state's SHA-256 and size, and what the gate's process keeps beside the state. The others are
the state (`risksvc.gate.state_codec`) in pieces.

Rule 1: a file appears whole, under its name, after it was read back and is on the disk; what is cut off half way has
another name. Rule 2: it is used only when every checksum, the size and the hash agree. Rule 3: a snapshot is a copy: a
damaged one is told, and costs time (the one before it, or the whole journal), never knowledge. Never reads a segment.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from risksvc import __version__
from risksvc.core.types import Nanoseconds, RiskError
from risksvc.gate.codec import CodecError, decode, encode
from risksvc.gate.file_lock import sync_folder
from risksvc.gate.frames import ScanEnd, build, scan
from risksvc.gate.replay import Replayed
from risksvc.gate.segments import Link
from risksvc.gate.state_classes import fingerprint
from risksvc.gate.state_codec import StateCodecError, dump_gate, load_gate

SCHEMA_VERSION = 1
_START = struct.Struct("<8sI")
_MAGIC = b"RISKSVCS"
_PIECE = 1024 * 1024
_NAME = "snapshot-{:08d}.rss"
_PATTERN = "snapshot-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9].rss"
_UNFINISHED = ".unfinished"
_DIGITS = slice(9, 17)


class SnapshotError(RiskError):
    """A snapshot that can't be used; the text says which and why."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: this snapshot can't be used: {problem}")


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first frame. `limits_loaded`: a journal entry. `software`: who wrote it; `shape`: what of."""

    number: int
    entries: int
    crc: int
    chain: bytes
    last: Nanoseconds
    limits_loaded: bytes | None
    read_windows: dict[str, int]
    state_hash: bytes
    state_size: int
    software: str
    shape: str = ""

    @property
    def link(self) -> Link:
        return Link(self.number, self.entries, self.crc, self.chain)


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(_Head).decode


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One that was read: how the segment begins that it goes on with, and the state there. `hash`: in hex.

    `same_shape`: written by a version whose state is made of the same classes and fields.
    """

    link: Link
    state: Replayed
    hash: str
    same_shape: bool = True


def path_of(folder: Path, number: int) -> Path:
    """Where the snapshot before a segment is."""
    return folder / _NAME.format(number)


def number_of(path: Path) -> int:
    """The number in a snapshot's name: of the segment that it stands before."""
    return int(path.name[_DIGITS])


def list_snapshots(folder: Path) -> list[Path]:
    """The folder's snapshots, newest first."""
    return sorted(folder.glob(_PATTERN), reverse=True)


# -- writing ------------------------------------------------------------------------------------------------------


def write_snapshot(folder: Path, link: Link, state: Replayed) -> str:
    """Writes the state before segment `link.number`, reads it back, gives it its name; returns the state's hash.

    Raises SnapshotError, StateCodecError, OSError; then nothing of it is left under a snapshot's name.
    """
    content = dump_gate(state.gate)
    head = _head_of(link, state, content)
    path = path_of(folder, link.number)
    unfinished = path.with_name(path.name + _UNFINISHED)
    try:
        _write_synced(unfinished, _frames(_ENCODE(head), content))
        _check_written(unfinished, link, content)
        unfinished.rename(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    sync_folder(folder)
    return head.state_hash.hex()


def _check_written(path: Path, link: Link, content: bytes) -> None:
    written = read_snapshot(path)
    if written.link != link or dump_gate(written.state.gate) != content:
        raise SnapshotError(path, "what was read back is not what was written")


def _head_of(link: Link, state: Replayed, content: bytes) -> _Head:
    loaded = state.limits_loaded
    return _Head(
        number=link.number,
        entries=link.entries,
        crc=link.crc,
        chain=link.head,
        last=state.last,
        limits_loaded=None if loaded is None else encode(loaded.seq, loaded.now, loaded.input, loaded.outputs),
        read_windows=state.read_windows,
        state_hash=hashlib.sha256(content).digest(),
        state_size=len(content),
        software=__version__,
        shape=fingerprint(),
    )


def _frames(head: bytes, content: bytes) -> Iterator[bytes]:
    start = _START.pack(_MAGIC, SCHEMA_VERSION)
    yield start
    frame, crc = build(head, crc=zlib.crc32(start))
    yield frame
    for offset in range(0, len(content), _PIECE):
        frame, crc = build(content[offset : offset + _PIECE], crc=crc)
        yield frame


def _write_synced(path: Path, pieces: Iterator[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def remove_others(folder: Path, kept: tuple[int, ...]) -> None:
    """Removes every other snapshot, and what writers that were killed have left."""
    for path in list_snapshots(folder):
        if number_of(path) not in kept:
            path.unlink(missing_ok=True)
    for path in folder.glob(_PATTERN + _UNFINISHED):
        path.unlink(missing_ok=True)
    sync_folder(folder)


# -- reading ------------------------------------------------------------------------------------------------------


def read_snapshot(path: Path) -> Snapshot:
    """The state of a snapshot, checked. Raises SnapshotError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SnapshotError(path, f"it can't be read: {error.strerror}") from error
    start = data[: _START.size]
    if len(start) < _START.size or _START.unpack(start)[0] != _MAGIC:
        raise SnapshotError(path, "it does not begin as a snapshot does")
    if (version := _START.unpack(start)[1]) != SCHEMA_VERSION:
        raise SnapshotError(path, f"schema {version}, this risksvc reads {SCHEMA_VERSION}")
    head, content = _checked(path, data)
    try:
        same = head.shape == fingerprint()
        return Snapshot(head.link, _state(head, content), head.state_hash.hex(), same_shape=same)
    except (StateCodecError, CodecError) as error:
        raise SnapshotError(path, f"written by risksvc {head.software}: {error}") from error


def _pieces(path: Path, data: bytes) -> Iterator[bytes]:
    for found in scan(data, start=_START.size, crc=zlib.crc32(data[: _START.size])):
        if not isinstance(found, ScanEnd):
            yield found
        elif found.damage is not None:
            raise SnapshotError(path, f"damaged at byte {found.offset}: {found.problem}")


def _checked(path: Path, data: bytes) -> tuple[_Head, bytes]:
    pieces = list(_pieces(path, data))
    if not pieces:
        raise SnapshotError(path, "it ends too early")
    try:
        head = _DECODE(pieces[0])
    except msgspec.MsgspecError as error:
        raise SnapshotError(path, f"its head can't be read: {error}") from error
    if not path.name.startswith(_NAME.format(head.number)):
        raise SnapshotError(path, f"it is snapshot {head.number} under another name")
    content = b"".join(pieces[1:])
    if len(content) != head.state_size:
        raise SnapshotError(path, f"it ends too early: {len(content)} of {head.state_size} bytes of state")
    if hashlib.sha256(content).digest() != head.state_hash:
        raise SnapshotError(path, "the state's hash is another one")
    return head, content


def _state(head: _Head, content: bytes) -> Replayed:
    return Replayed(
        load_gate(content),
        entries=head.entries,
        last=head.last,
        limits_loaded=None if head.limits_loaded is None else decode(head.limits_loaded),
        read_windows=head.read_windows,
        snapshot=head.number,
        snapshot_entries=head.entries,
    )
