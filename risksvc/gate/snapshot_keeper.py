"""Has snapshots of the state made, one process at a time: when a segment is closed, and at a start that finds none new.

Rule 1: the gate's event loop only waits for it; a snapshot that fails never changes what the gate decides. Rule 2: a
failure is loud (CRITICAL, a metric, an alert): the journal could not be replayed, so the next start would be refused as
well. It is tried again every minute. Rule 3: the journal forgets only what the older of the two kept snapshots stands
in for, and only after both are on the disk.
"""

import asyncio
import json
import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from risksvc.gate import aside
from risksvc.gate.event_log import log_event
from risksvc.gate.replay import Replayed
from risksvc.gate.segments import Link, list_segments, number_of
from risksvc.gate.snapshots import path_of

AGAIN_SECONDS = 60.0
PAUSE_SECONDS = 10.0  # a processor is the gate's for at least so long between two of them, however fast segments close
LONGEST_SECONDS = 900.0
NICENESS = 19  # the lowest priority
_ENDING_SECONDS = 5.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class SnapshotStats:
    """For status and metrics.

    `number` 0: there is no snapshot. `entries`: what it stands in for. `made_at`: seconds since 1970, as the file is
    dated. `failed`: why the last attempt made none; empty: it did. `started_from`, `started_tail`: the snapshot that
    this process started from (0: none), and how many entries it applied on top.
    """

    number: int = 0
    entries: int = 0
    made_at: float = 0.0
    failures: int = 0
    failed: str = ""
    started_from: int = 0
    started_tail: int = 0


class Forgetting(Protocol):
    """What this needs of a journal (`risksvc.gate.journal.Journal`)."""

    @property
    def folder(self) -> Path:
        """Where segments and snapshots are."""
        ...

    def forget_before(self, number: int) -> None:
        """Deletes what retention allows of the segments before this one; blocks."""
        ...


class SnapshotKeeper:
    """Follows one journal's rotations: `rotated` is its `on_rotate`. The journal has been recovered."""

    def __init__(self, journal: Forgetting, stats: SnapshotStats) -> None:
        self.stats = stats
        self._journal = journal
        self._wanted = number_of(list_segments(journal.folder)[-1])
        self._rotated = asyncio.Event()

    def rotated(self, link: Link) -> None:
        """A segment was closed; `link`: how the new one begins. On the event loop's thread."""
        self._wanted = link.number
        self._rotated.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._rotated.clear()
            wanted = self._wanted > max(1, self.stats.number)
            done = not wanted or await self._make(self._wanted)
            if wanted and done:
                await asyncio.sleep(PAUSE_SECONDS)
            if done and self._wanted > max(1, self.stats.number):
                continue  # another segment was closed meanwhile
            with suppress(TimeoutError):
                await asyncio.wait_for(self._rotated.wait(), None if done else AGAIN_SECONDS)

    async def _make(self, before: int) -> bool:
        answer = await self._in_process(before)
        problem = str(answer.get("failed", ""))
        if not problem:
            problem = await self._take(answer)
        if problem:
            self.stats.failures += 1
            self.stats.failed = problem
            _log.critical("the snapshot before segment %d was not made: %s", before, problem)
            return False
        self.stats.failed = ""
        log_event("state_snapshot_made", **answer)
        return True

    async def _take(self, answer: dict[str, Any]) -> str:
        """What was made counts from here on; why not, in words."""
        number, older = int(answer["number"]), int(answer["older"])
        self.stats.number, self.stats.entries, self.stats.made_at = number, int(answer["entries"]), time.time()
        if older:
            try:
                await asyncio.to_thread(self._journal.forget_before, older)
            except OSError as error:
                return f"made, but old segments can't be deleted: {error}"
        return ""

    async def _in_process(self, before: int) -> dict[str, Any]:
        """Makes it in a process of its own; its answer, or why there is none."""
        folder, parent = str(self._journal.folder), str(os.getpid())
        words = aside.words("risksvc.gate.snapshotting", folder, str(before), parent, niceness=NICENESS)
        nothing, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(*words, stdin=nothing, stdout=pipe)
        except OSError as error:
            return {"failed": f"its process can't be started: {error}"}
        try:
            said, _ = await asyncio.wait_for(process.communicate(), LONGEST_SECONDS)
        except TimeoutError:
            return {"failed": f"its process took longer than {LONGEST_SECONDS:g} s"}
        finally:
            await _end(process)
        return _answer(said, process.returncode)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await asyncio.wait_for(process.wait(), _ENDING_SECONDS)


def _answer(said: bytes, code: int | None) -> dict[str, Any]:
    try:
        answer = json.loads(said)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        return {"failed": f"its process ended with code {code} and said nothing; see the log"}
    return answer


def stats_of(folder: Path, found: Replayed) -> SnapshotStats:
    """How snapshots stand at a start: the newest is the one that the state was read from; a damaged one is none."""
    stats = SnapshotStats(found.snapshot, found.snapshot_entries, started_from=found.snapshot, started_tail=found.tail)
    if found.snapshot:
        with suppress(OSError):
            stats.made_at = path_of(folder, found.snapshot).stat().st_mtime
    return stats
