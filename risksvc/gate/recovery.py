"""The gate's state at a start: the newest snapshot that can be used, then every entry after it.

Rule 1: a snapshot that can't be used is told and passed over for the one before it, or for the whole journal: that
costs time only. So is one of a version whose state was made of other fields, while the whole journal is there: what it
lacks has defaults, which need not be what the entries add up to. Rule 2: one that can be used, and that the journal
does not go on from, is never passed over: what the journal lacks was decided, and a gate that does not know it would
approve too much. Blocks; called before anything is served, or on a thread.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from risksvc.gate.memory import no_collections
from risksvc.gate.replay import Replayed, replay
from risksvc.gate.segments import JournalGapError, Link, list_segments, path_of
from risksvc.gate.snapshots import Snapshot, SnapshotError, list_snapshots, read_snapshot

_log = logging.getLogger(__name__)


class Recoverable(Protocol):
    """What this needs of a journal (`risksvc.gate.journal.Journal`)."""

    @property
    def folder(self) -> Path:
        """Where segments and snapshots are."""
        ...

    def recover(self, *, since: Link | None = None) -> Iterator[bytes]:
        """Every payload from a segment on; after its end `append` is ready."""
        ...


def recover(journal: Recoverable) -> Replayed:
    """The state that snapshot and journal give; then the journal takes entries.

    Raises JournalCorruptError (JournalGapError: entries are missing that no snapshot stands in for), ReplayError.
    """
    base, unusable = newest_usable(journal.folder)
    since = None if base is None else base.link
    try:
        with no_collections():
            return replay(journal.recover(since=since), onto=None if base is None else base.state)
    except JournalGapError as error:
        if not unusable:
            raise
        raise JournalGapError(error.path, problem="; ".join((error.problem, *unusable))) from error


def newest_usable(folder: Path, *, before: int | None = None) -> tuple[Snapshot | None, list[str]]:
    """The newest snapshot that can be used, and why those newer than it can't. `before`: older ones only."""
    unusable: list[str] = []
    for path in list_snapshots(folder):
        try:
            found = read_snapshot(path)
        except SnapshotError as error:
            _log.error("%s; the one before it or the whole journal is used", error)
            unusable.append(str(error))
            continue
        if before is not None and found.link.number >= before:
            continue
        if found.same_shape or not _has_first(folder):
            return found, unusable
        _log.warning("%s was written by a version with another state; the whole journal is replayed instead", path)
    return None, unusable


def _has_first(folder: Path) -> bool:
    """The journal is there from its first entry on, so nothing needs a snapshot but speed."""
    segments = list_segments(folder)
    return bool(segments) and segments[0] == path_of(folder, 1)
