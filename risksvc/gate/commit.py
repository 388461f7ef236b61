"""Group commit: one thread that makes what was written survive a power failure, for everybody who waits, at once.

Rule 1: whoever waits is woken by an fdatasync that began after their entry was written, never by an earlier one; while
one runs, the next group gathers. Rule 2: a new file counts only once its folder was synced as well. Rule 3: a failed
fdatasync is final. The kernel reports it once and may then treat what it could not write as written, so a second
fdatasync that succeeds proves nothing: nobody is told "durable" any more, and nothing more is taken by this process.
Rule 4: one fdatasync at a time, whoever runs it: the committer's thread, or a thread that may wait (`commit`).
Never runs on the event loop; holds its own descriptors, so that the journal can close its own at any time.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from risksvc.gate.file_lock import sync_folder

STOPPED_WITHIN_SECONDS = 5.0
_log = logging.getLogger(__name__)

Sync = Callable[[int], None]
_Waiter = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class CommitFailedError(OSError):
    """What was written may not be on the disk."""


class Committer:
    """`written`: how many entries are written now; asked on the committer's thread before each fdatasync.

    `failed`: called once, on the thread that ran it, when an fdatasync failed. `sync`: fdatasync, or a test's.
    """

    def __init__(self, folder: Path, *, written: Callable[[], int], failed: Callable[[str], None], sync: Sync) -> None:
        self._folder = folder
        self._written = written
        self._tell_failed = failed
        self._sync = sync
        self._changed = threading.Condition()
        self._committing = threading.Lock()
        self._files: list[int] = []  # not known to be on disk, oldest first; the last is the one being written
        self._new_files = False
        self._waiting: list[_Waiter] = []
        self._durable = 0
        self._problem = ""
        self._stopping = False
        self.rounds = 0
        self._thread = threading.Thread(target=self._run, name="journal commit", daemon=True)
        self._thread.start()

    def follow(self, descriptor: int, *, new: bool) -> None:
        """What is appended from now on goes to this file. `new`: it was just made."""
        with self._changed:
            self._files.append(os.dup(descriptor))
            self._new_files = self._new_files or new

    async def durable(self, entries: int) -> None:
        """Returns once so many entries are durable. Raises CommitFailedError."""
        if entries <= self._durable and not self._problem:
            return
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        with self._changed:
            if self._problem or self._stopping:
                raise CommitFailedError(self._problem or "the journal is closed")
            self._waiting.append((loop, done))
            self._changed.notify()
        await done

    def commit(self, entries: int) -> None:
        """The same for a thread that may wait: it runs the fdatasync itself, for everybody who waits."""
        with self._committing:
            if entries > self._durable and not self._problem and not self._stopping:
                self._commit()
        if entries > self._durable or self._problem:
            raise CommitFailedError(self._problem or "the journal is closed")

    def stop(self) -> None:
        """Ends the thread, after a last fdatasync for who still waits."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(STOPPED_WITHIN_SECONDS)

    # -- on its own thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._wanted():
            with self._committing:
                if self._waiting:  # another thread's commit may have served them
                    self._commit()
        with self._committing:
            for descriptor in self._files:
                os.close(descriptor)

    def _wanted(self) -> bool:
        with self._changed:
            while not self._waiting and not self._stopping:
                self._changed.wait()
            return bool(self._waiting)

    # -- on whichever thread commits -----------------------------------------------------------------------------

    def _commit(self) -> None:
        with self._changed:
            group, self._waiting = self._waiting, []
            # In one step: an entry that is counted stands in one of these files (`follow` comes before the first).
            written, files, new_files = self._written(), list(self._files), self._new_files
            self._new_files = False
        try:
            for descriptor in files:
                self._sync(descriptor)
            if new_files:
                sync_folder(self._folder)
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody may wait for ever, nor be told that it is done
            self._fail(group, error)
            return
        self.rounds += 1
        with self._changed:
            self._durable = written
            done, self._files = self._files[: len(files) - 1], self._files[len(files) - 1 :]
        for descriptor in done:
            os.close(descriptor)
        _wake(group, None)

    def _fail(self, group: list[_Waiter], error: Exception) -> None:
        problem = (
            f"an fdatasync failed: {error}. What was written since the last good one may be lost in a power failure, "
            "and asking again proves nothing: check the disk (dmesg), then restart the gate"
        )
        _log.critical("the journal can't be made durable: %s", problem)
        with self._changed:
            self._problem = problem
            group += self._waiting
            self._waiting = []
        self._tell_failed(problem)
        _wake(group, problem)


def _wake(group: list[_Waiter], problem: str | None) -> None:
    """One hand-over to each event loop, however many wait on it."""
    for loop in dict.fromkeys(loop for loop, _ in group):
        waiting = [done for one, done in group if one is loop]
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve, waiting, problem)


def _resolve(waiting: list["asyncio.Future[None]"], problem: str | None) -> None:
    for done in waiting:
        if done.done():
            continue
        if problem is None:
            done.set_result(None)
        else:
            done.set_exception(CommitFailedError(problem))


def write_again(path: Path, *, sync: Sync) -> None:
    """Writes a file's bytes over themselves and syncs: after an fdatasync that failed, or that a kill cut short.

    What was read at a start may come from the kernel's memory only, marked as written though it never reached the
    disk; written again it is on the disk for certain, or the start fails. Changes nothing in the file.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        offset = 0
        while piece := os.pread(descriptor, 1 << 20, offset):
            offset += os.pwrite(descriptor, piece, offset)
        sync(descriptor)
    finally:
        os.close(descriptor)
