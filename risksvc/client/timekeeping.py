"""Ends the streams whose question was not answered in time: the one deadline that nothing and nobody can hold up.

A thread that asks over a stream waits inside grpc, without a timeout of its own. Rules: a question is ended by the
asker or by the timekeeper, never by both, so a stream that went on to its next question is never cancelled for an old
one; asking wakes nobody, because the timekeeper looks at least once in every deadline while anything is asked, and all
questions of a gate object have the same one. Moments are nanoseconds on the monotonic clock.
"""

import logging
import threading
import time
from typing import Protocol

from risksvc.core.types import SECOND, Nanoseconds

logger = logging.getLogger("risksvc.client")

# How long the timekeeper goes on looking after the last question.
_LINGER_NS = 1 * SECOND


class Cancellable(Protocol):
    """What can be made to stop waiting, from any thread."""

    def cancel(self) -> None:
        """Do it."""


class Timekeeper:
    """Keeps the time of one gate object's questions. The thread begins with the first and ends with `stop`."""

    def __init__(self, deadline_ns: Nanoseconds) -> None:
        self._deadline_ns = deadline_ns
        self._under_way: dict[int, tuple[Nanoseconds, Cancellable]] = {}
        self._wake = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False
        # Nobody looks now: whoever asks has to wake the timekeeper.
        self._parked = True

    def begin(self, number: int, due_ns: Nanoseconds, waiting: Cancellable) -> None:
        """Note a question that is about to be asked, under a number of its own."""
        self._under_way[number] = (due_ns, waiting)
        if self._parked:
            self._begin_looking()

    def end(self, number: int) -> bool:
        """Note that a question has ended; False: it was cancelled, because it was late."""
        return self._under_way.pop(number, None) is not None

    def stop(self) -> None:
        """End the thread. What is under way must be ended by others."""
        self._stopped = True
        self._wake.set()

    def join(self, timeout: float) -> None:
        """Wait for the thread to end."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _begin_looking(self) -> None:
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    thread = threading.Thread(target=self._run, name="risksvc-deadline", daemon=True)
                    thread.start()
                    self._thread = thread
        self._wake.set()

    def _run(self) -> None:
        self._parked = False
        last_asked_ns = time.monotonic_ns()
        while not self._stopped:
            now_ns = time.monotonic_ns()
            soonest_ns = self.look(now_ns)
            if self._under_way:
                last_asked_ns = now_ns
            if now_ns - last_asked_ns > _LINGER_NS:
                self._park()
                last_asked_ns = time.monotonic_ns()
            else:
                self._wake.wait(max(0, soonest_ns - time.monotonic_ns()) / SECOND)
                self._wake.clear()

    def _park(self) -> None:
        self._parked = True
        # Looked at once more after saying so: whoever asked before did not know that he has to wake anybody.
        if not self._under_way and not self._stopped:
            self._wake.wait()
        self._parked = False
        self._wake.clear()

    def look(self, now_ns: Nanoseconds) -> Nanoseconds:
        """Cancel what is late. Returns when to look again."""
        soonest_ns = now_ns + self._deadline_ns
        for number, (due_ns, waiting) in list(self._under_way.items()):
            if due_ns > now_ns:
                soonest_ns = min(soonest_ns, due_ns)
            elif self.end(number):
                _cancel(waiting)
        return soonest_ns


def _cancel(waiting: Cancellable) -> None:
    try:
        waiting.cancel()
    except Exception:  # whatever it is: the other questions must not lose their timekeeper
        logger.exception("a late check could not be cancelled")
