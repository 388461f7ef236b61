"""Which closed segments of a journal may go: behind the kept snapshots, and old or beyond the journal's room.

Rule 1: oldest first, and each deletion is on disk before the next one, so that a crash never leaves a hole in the
middle. Rule 2: a segment that no kept snapshot stands in for is never deleted, whatever its age and the room. Rule 3:
what goes before its time, because the room is too small, is told. Never opens a segment; blocks for the disk.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from risksvc.core.types import SECOND, Nanoseconds
from risksvc.gate.file_lock import sync_folder
from risksvc.gate.segments import list_segments, number_of

DAY = 24 * 60 * 60 * SECOND
KEEP: Nanoseconds = 30 * DAY
MAX_BYTES = 20 * 1024**3
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """`keep`: how long a closed segment is kept after its last entry; `max_bytes`: of all segments together.

    `wall`: seconds since 1970, as files are dated.
    """

    keep: Nanoseconds = KEEP
    max_bytes: int = MAX_BYTES
    wall: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class Forgotten:
    """One deleted segment. `early`: before `keep` was over, because the journal is beyond its room."""

    number: int
    bytes: int
    early: bool


def delete_segments(folder: Path, retention: Retention, *, before: int) -> Iterator[Forgotten]:
    """Deletes what may go of the segments below `before`, oldest first, and yields each once it is gone for good.

    `before` must be a closed segment's successor, at most the open segment's number.
    """
    paths = list_segments(folder)
    sizes = [path.stat().st_size for path in paths]
    total = sum(sizes)
    oldest_kept = retention.wall() - retention.keep / SECOND
    for path, size in zip(paths, sizes, strict=True):
        old = path.stat().st_mtime < oldest_kept
        if number_of(path) >= before or not (old or total > retention.max_bytes):
            return
        path.unlink()
        sync_folder(folder)
        total -= size
        if not old:
            _log.warning(
                "%s was deleted before journal.keep was over: the journal is beyond journal.max_size (%d bytes)",
                path,
                retention.max_bytes,
            )
        yield Forgotten(number_of(path), size, early=not old)
