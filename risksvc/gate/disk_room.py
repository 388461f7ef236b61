"""How much room is left on the disk that holds a folder, and what to do when there is none."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class DiskRoom:
    """In bytes. `free`: for a process without privileges."""

    free: int
    total: int


def disk_room(folder: Path) -> DiskRoom | None:
    """As of now; None where the system can't say."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return DiskRoom(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


def no_room(folder: Path, error: OSError) -> str:
    """What to do about a disk that takes no more; empty when something else is wrong."""
    if error.errno not in _NO_ROOM:
        return ""
    room = disk_room(folder)
    free = "" if room is None else f" ({room.free:,} bytes free)"
    return (
        f". The disk that holds {folder}{free} takes no more: free some room on it. The gate tries again every second, "
        "and comes back by itself, halted until a person resumes"
    )
