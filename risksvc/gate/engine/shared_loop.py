"""The event loop that shares the gate with one other thread: whoever runs the gate's Python holds the one lock.

Rule 1: the loop holds the lock whenever it runs, and gives it up only while it waits for something to happen. Rule 2:
the other thread holds it for each of its turns, which are short. Rule 3: who gives the lock up while the other waits
can't take it again before the other had it: neither a flood there nor a busy loop here keeps the other out. Rule 4:
within a turn everything may be done that the loop's own thread may do: wake futures, make tasks, ask for the running
loop. What a turn left for the loop to do wakes it, once, at the turn's end.

So state, owner and listeners need no lock of their own, and none of them knows on which thread it runs.
"""

import asyncio
import selectors
import threading
from collections.abc import Callable
from contextvars import Context
from typing import TypeVarTuple

_Arguments = TypeVarTuple("_Arguments")


class Baton:
    """A lock that two threads hold in turns. Not reentrant."""

    def __init__(self) -> None:
        self._held = threading.Lock()
        self._next = threading.Lock()  # held by the one that waits, so that the holder must queue behind it

    def take(self) -> None:
        """Waits for the lock."""
        with self._next:
            self._held.acquire()

    def give(self) -> None:
        """Lets the lock go."""
        self._held.release()


class _YieldingSelector(selectors.DefaultSelector):
    """Gives the baton up while it waits. `about_to_wait` is called just before, still with the baton."""

    def __init__(self, baton: Baton, about_to_wait: Callable[[], None]) -> None:
        super().__init__()
        self._baton = baton
        self._about_to_wait = about_to_wait

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """As ever, but without the lock."""
        self._about_to_wait()
        self._baton.give()
        try:
            return super().select(timeout)
        finally:
            self._baton.take()


class SharedLoop(asyncio.SelectorEventLoop):
    """An event loop for `asyncio.Runner(loop_factory=SharedLoop)`. The thread that makes it holds the lock from then.

    The other thread: `join` once, then `begin_turn` and `end_turn` around whatever touches the gate.
    """

    def __init__(self) -> None:
        self._baton = Baton()
        self._baton.take()
        self._left_something = False
        super().__init__(_YieldingSelector(self._baton, self._looked_at_everything))

    # -- for the other thread ------------------------------------------------------------------------------------

    def join(self) -> None:
        """Makes this thread a part of the loop: what runs in its turns finds the running loop, as on its own thread."""
        asyncio._set_running_loop(self)  # noqa: SLF001 - made for those who run loops, which is what turns do

    def begin_turn(self) -> None:
        """Waits for the lock."""
        self._baton.take()

    def end_turn(self) -> None:
        """Gives the lock up; wakes the loop when the turn left something for it."""
        left = self._left_something
        self._baton.give()
        if left:
            self.call_soon_threadsafe(_nothing)

    def _looked_at_everything(self) -> None:
        self._left_something = False

    # -- what a turn may leave -----------------------------------------------------------------------------------

    def call_soon(
        self, callback: Callable[[*_Arguments], object], *args: *_Arguments, context: Context | None = None
    ) -> asyncio.Handle:
        """As ever; noted for the end of a turn."""
        self._left_something = True
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*_Arguments], object], *args: *_Arguments, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As ever; noted for the end of a turn: it may be earlier than what the loop waits for."""
        self._left_something = True
        return super().call_at(when, callback, *args, context=context)

    def _check_thread(self) -> None:
        """In asyncio's debug mode: who holds the lock is on the right thread."""


def _nothing() -> None:
    pass


def resolve(future: "asyncio.Future[None] | None") -> None:
    """What somebody waits for has happened; harmless when nobody waits any more."""
    if future is not None and not future.done():
        future.set_result(None)


def fail(future: "asyncio.Future[None]", what: str) -> None:
    """The same for what went wrong."""
    if not future.done():
        future.set_exception(RuntimeError(what))
