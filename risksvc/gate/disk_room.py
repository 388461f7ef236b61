"""How much room is left on the disk that holds a folder."""

import os
from dataclasses import dataclass
from pathlib import Path


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
