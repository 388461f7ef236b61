"""The journal read again beside the event loop, on a thread that does not hold up the end of the process.

Not asyncio's own pool: at exit that waits for its threads, and reading a long journal takes seconds. Rule: while the
thread runs the journal is its own; whoever would close it asks `finished` first and, where it is not, leaves it to the
end of the process, which is as safe as a kill -9.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from risksvc.gate.replay import Replayed


class Rebuilder:
    """One rebuild at a time: the owner sees to that."""

    def __init__(self) -> None:
        self._running: asyncio.Future[Replayed] | None = None

    def run(self, rebuild: Callable[[], Replayed]) -> "asyncio.Future[Replayed]":
        """What `rebuild` gives or raises, awaited on the loop. Cancelling the wait does not stop the thread."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Replayed] = loop.create_future()
        done.add_done_callback(_noticed)
        self._running = done

        def work() -> None:
            try:
                tell = partial(done.set_result, rebuild())
            except Exception as error:  # noqa: BLE001 - raised where it is awaited
                tell = partial(done.set_exception, error)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(tell)

        threading.Thread(target=work, name="rebuild", daemon=True).start()
        return asyncio.shield(done)

    async def finished(self, *, within_seconds: float) -> bool:
        """True when no thread reads the journal."""
        if self._running is None or self._running.done():
            return True
        await asyncio.wait([self._running], timeout=within_seconds)
        return self._running.done()


def _noticed(done: "asyncio.Future[Replayed]") -> None:
    """An error that nobody waits for any more is no news."""
    if not done.cancelled():
        done.exception()
