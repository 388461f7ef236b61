"""One process at a time in a folder: an exclusive lock that the kernel drops when its last holder dies.

Never waits: who finds the lock held is told so, and by which process. The lock belongs to the open file, so a child
that inherits the descriptor keeps it held after its parent has died (the private server's orphan guard).
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from risksvc.core.types import RiskError


class LockedError(RiskError):
    """Somebody else holds the lock. `pid` is what the holder wrote into the file; 0: nothing readable."""

    def __init__(self, path: Path, pid: int) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(f"{path}: {who} uses this folder; stop it first, or give this one its own state folder")
        self.path = path
        self.pid = pid


def private_folder(path: Path) -> Path:
    """Makes the folder if it is missing, and makes it (new or not) readable by its owner only."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def lock_file(path: Path) -> int:
    """Takes the lock and returns the open descriptor, which holds it until closed. Raises LockedError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = read_pid(descriptor)
        os.close(descriptor)
        raise LockedError(path, holder) from None
    write_pid(descriptor, os.getpid())
    return descriptor


def write_pid(descriptor: int, pid: int) -> None:
    """Names the holder in the lock's file, for whoever finds it held."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, b"%d\n" % pid, 0)


def read_pid(descriptor: int) -> int:
    """The holder's process id as written in the lock's file; 0 when there is none."""
    with suppress(ValueError):
        return int(os.pread(descriptor, 20, 0))
    return 0


def sync_folder(path: Path) -> None:
    """Makes the folder's entries (a created or renamed file) survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
