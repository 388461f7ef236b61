"""One small file, read whole and now: settings, limits, secrets.

Never waits (a pipe is refused, not opened for ever), never reads more than it was told to, never mixes two versions of
a file, and remembers nothing: what a symbolic link points to is looked up at each read.
"""

import os
import stat
from pathlib import Path


class FileRefusedError(Exception):
    """The file can't be read; the text says why, as the end of a sentence that begins with its path."""


def read_whole(path: Path, *, at_most: int) -> tuple[bytes, os.stat_result]:
    """The content and what `stat` says of the very file that was read. Raises FileRefusedError."""
    try:
        return _read(path, at_most)
    except OSError as error:
        raise FileRefusedError(f"can't be read: {error.strerror or error}") from error
    except ValueError as error:  # a path with a zero byte
        raise FileRefusedError(f"can't be read: {error}") from error


def _read(path: Path, at_most: int) -> tuple[bytes, os.stat_result]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise FileRefusedError("is not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(at_most + 1)
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if len(content) > at_most:
        raise FileRefusedError(f"is larger than {_size(at_most)}")
    if _version(before) != _version(after) or len(content) != after.st_size:
        raise FileRefusedError("was written to while it was read; write a new file and rename it over the old one")
    return content, after


def _version(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _size(count: int) -> str:
    mebibytes = count // (1024 * 1024)
    return f"{mebibytes} MB" if mebibytes else f"{count // 1024} KB"
