"""Checksummed frames for append-only files, and the one judge of what is wrong with a damaged one.

A frame is `[length u32][head crc32 u32][body crc32 u32][payload]`, little-endian. The head's crc covers the length and
is chained over the previous frame's body crc (the first over the file's seed); the body's crc covers the payload and is
chained over the head's. So a changed, removed, repeated or reordered frame is seen, and a damaged length can't pass for
a write that was cut short.

What is wrong is one of two. TORN: the damage reaches the end of the file, as a write that was cut short leaves it: an
incomplete frame, a last frame whose payload does not match, or nothing but zeros. CORRUPT: anything else. Which of the
two a file may survive is its owner's decision (journal, latch), never made here.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

MAX_PAYLOAD = 16 * 1024 * 1024
_LENGTH = struct.Struct("<I")
_HEAD = struct.Struct("<II")
_BODY = struct.Struct("<I")
_WHOLE = struct.Struct("<III")
HEADER_SIZE = _WHOLE.size

Buffer = bytes | memoryview


class Damage(Enum):
    """What is wrong with a file."""

    TORN = "TORN"
    CORRUPT = "CORRUPT"


@dataclass(frozen=True, slots=True)
class ScanEnd:
    """Where a scan ended: the first byte that is no good frame, the crc that the next one chains over, and why."""

    offset: int
    crc: int
    damage: Damage | None = None
    problem: str = ""


def build(payload: bytes, *, crc: int) -> tuple[bytes, int]:
    """One frame, and the crc that the next one chains over. `payload` must not be empty."""
    size = len(payload)
    if not 0 < size <= MAX_PAYLOAD:
        raise ValueError(f"a frame holds 1 to {MAX_PAYLOAD} bytes, not {size}")
    head = zlib.crc32(_LENGTH.pack(size), crc)
    body = zlib.crc32(payload, head)
    return _WHOLE.pack(size, head, body) + payload, body


def scan(data: Buffer, *, start: int, crc: int) -> Iterator[bytes | ScanEnd]:
    """Yields each good payload from `start` on, then exactly one ScanEnd."""
    view = memoryview(data)
    offset = start
    while offset < len(view):
        found = _read(view, offset=offset, crc=crc)
        if isinstance(found, ScanEnd):
            yield found
            return
        payload, crc = found
        offset += HEADER_SIZE + len(payload)
        yield payload
    yield ScanEnd(offset, crc)


def _read(view: memoryview, *, offset: int, crc: int) -> tuple[bytes, int] | ScanEnd:
    remaining = len(view) - offset
    if remaining < HEADER_SIZE:
        return ScanEnd(offset, crc, Damage.TORN, "an incomplete frame header at the end")
    length, stored_head = _HEAD.unpack_from(view, offset)
    head = zlib.crc32(view[offset : offset + 4], crc)
    if head != stored_head or not 0 < length <= MAX_PAYLOAD:
        return _judge_header(view, offset=offset, crc=crc)
    end = offset + HEADER_SIZE + length
    if end > len(view):
        return ScanEnd(offset, crc, Damage.TORN, f"a frame of {length} bytes cut short at the end")
    payload = bytes(view[offset + HEADER_SIZE : end])
    body = zlib.crc32(payload, head)
    if body == _BODY.unpack_from(view, offset + _HEAD.size)[0]:
        return payload, body
    # Nothing but zeros (or nothing) behind it: the last thing written, and its end did not reach the disk.
    damage = Damage.CORRUPT if any(view[end:]) else Damage.TORN
    return ScanEnd(offset, crc, damage, "a frame's payload does not match its checksum")


def _judge_header(view: memoryview, *, offset: int, crc: int) -> ScanEnd:
    # After a power cut a file can be longer than what reached the disk: the rest reads as zeros.
    written = bytes(view[offset:]).rstrip(b"\0")
    if len(written) < HEADER_SIZE:
        return ScanEnd(offset, crc, Damage.TORN, "an incomplete frame header and zeros at the end")
    return ScanEnd(offset, crc, Damage.CORRUPT, "a frame's header does not match its checksum")
