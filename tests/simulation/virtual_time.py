"""Virtual time: one scheduler for everything simulated, and an asyncio event loop for each simulated process.

Nothing waits: time jumps to the next thing that is due. What runs next depends on nothing but the order in which
things were asked for, so the same seed gives the same run. A process that is paused (SIGSTOP) keeps what is due for it
until it wakes; one that was killed loses it. No threads: what goes to an executor runs at a virtual delay.
"""

import asyncio
import heapq
from asyncio.events import _set_running_loop
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from typing import Any, TypeVar

from risksvc.core.types import SECOND

STEPS_AT_ONCE = 20_000
_T = TypeVar("_T")
Act = Callable[..., object]


class Due(asyncio.TimerHandle):
    """Something to be run; `process` None: by the world itself."""

    __slots__ = ("act", "arguments", "context", "dropped", "process")

    def __init__(  # noqa: PLR0917 - made a thousand times a second
        self, act: Act, arguments: tuple[Any, ...], process: "Process | None", context: Context | None, when: float
    ) -> None:
        self.act = act
        self.arguments = arguments
        self.process = process
        self.context = context
        self.dropped = False
        self._when = when

    def cancel(self) -> None:
        self.dropped = True

    def cancelled(self) -> bool:
        return self.dropped

    def when(self) -> float:
        return self._when


class LivelockError(Exception):
    """Something asks for its next turn for ever, and time does not go on."""


class Scheduler:
    """The one order in which everything happens. `now`: nanoseconds since the start."""

    def __init__(self) -> None:
        self.now = 0
        self.steps = 0
        self._ready: deque[Due] = deque()
        self._timers: list[tuple[int, int, Due]] = []
        self._count = 0

    def at(self, when: int, act: Act, *arguments: Any, process: "Process | None" = None) -> Due:  # noqa: ANN401
        """Runs it then, within the process (None: the world's doing)."""
        return self.push(when, Due(act, arguments, process, None, 0.0))

    def push(self, when: int, due: Due) -> Due:
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, due))
        return due

    def soon(self, due: Due) -> Due:
        self._ready.append(due)
        return due

    def run_until(self, end: int) -> None:
        """Everything that is due by then."""
        ready, timers, run = self._ready, self._timers, self._run
        while True:
            turns = self.steps
            while ready:
                run(ready.popleft())
                if self.steps > turns + STEPS_AT_ONCE:
                    raise LivelockError(f"{STEPS_AT_ONCE} steps, and no end, at {self.now} ns")
            if not timers or timers[0][0] > end:
                break
            when, _, due = heapq.heappop(timers)
            if not due.dropped:
                self.now = max(self.now, when)
                run(due)
        self.now = end

    def _run(self, due: Due) -> None:
        if due.dropped:
            return
        self.steps += 1
        process = due.process
        if process is None:
            due.act(*due.arguments)
        elif process.paused:
            process.backlog.append(due)
        elif process.alive:
            process.run(due)


class Process(asyncio.AbstractEventLoop):
    """One process, as the event loop that its code runs on.

    `disk`: gives the virtual nanoseconds from handing something to an executor until it is done, and from there until
    the process hears of it. `failed`: told of every exception that nobody caught.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        name: str,
        *,
        disk: Callable[[], tuple[int, int]] = lambda: (0, 0),
        failed: Callable[[str], None],
    ) -> None:
        self.scheduler = scheduler
        self.name = name
        self.paused = False
        self.alive = True
        self.backlog: list[Due] = []
        self._disk = disk
        self._failed = failed
        self._tasks: list[asyncio.Task[Any]] = []

    # -- what the world does to it -------------------------------------------------------------------------------

    def run(self, due: Due) -> None:
        _set_running_loop(self)
        try:
            if due.context is None:
                due.act(*due.arguments)
            else:
                due.context.run(due.act, *due.arguments)
        except Exception as error:  # noqa: BLE001 - the oracle judges it
            self._failed(f"{self.name}: {error!r} escaped")
        finally:
            _set_running_loop(None)

    def pause(self) -> None:
        self.paused = True

    def wake(self) -> None:
        """What fell due meanwhile happens now, in its order."""
        self.paused = False
        backlog, self.backlog = self.backlog, []
        for due in backlog:
            self.scheduler.soon(due)

    def kill(self) -> None:
        """Nothing of it runs any more; its coroutines are thrown away."""
        self.alive = self.paused = False
        self.backlog = []
        _set_running_loop(self)
        try:
            for task in self._tasks:
                if not task.done():
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    self._throw_away(task.get_coro())
        finally:
            _set_running_loop(None)
        self._tasks = []

    @staticmethod
    def _throw_away(coroutine: Any) -> None:  # noqa: ANN401
        with suppress(RuntimeError, asyncio.InvalidStateError):  # it asked for something: a dead process gets nothing
            coroutine.close()

    # -- what asyncio asks of a loop -----------------------------------------------------------------------------

    def time(self) -> float:
        return self.scheduler.now / SECOND

    def call_soon(self, callback: Act, *args: Any, context: Context | None = None) -> Due:  # type: ignore[override]  # noqa: ANN401
        return self.scheduler.soon(Due(callback, args, self, context, 0.0))

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(self, delay: float, callback: Act, *args: Any, context: Context | None = None) -> Due:  # type: ignore[override]  # noqa: ANN401
        due = Due(callback, args, self, context, self.time() + delay)
        return self.scheduler.push(self.scheduler.now + max(0, round(delay * SECOND)), due)

    def call_at(self, when: float, callback: Act, *args: Any, context: Context | None = None) -> Due:  # type: ignore[override]  # noqa: ANN401
        due = Due(callback, args, self, context, when)
        return self.scheduler.push(max(self.scheduler.now, round(when * SECOND)), due)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, _T], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[_T]:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks.append(task)
        return task

    def run_in_executor(self, executor: Any, func: Callable[..., _T], *args: Any) -> asyncio.Future[_T]:  # type: ignore[override]  # noqa: ANN401
        future: asyncio.Future[_T] = self.create_future()
        until_done, until_heard = self._disk()

        def work() -> None:
            try:
                result = func(*args)
            except Exception as error:  # noqa: BLE001 - given to whoever awaits it
                self._in(until_heard, _give_error, future, error)
            else:
                self._in(until_heard, _give, future, result)

        self._in(until_done, work)
        return future

    def _in(self, delay: int, act: Act, *arguments: Any) -> None:  # noqa: ANN401
        self.scheduler.at(self.scheduler.now + delay, act, *arguments, process=self)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self.alive:
            self._failed(f"{self.name}: {context.get('message')}: {context.get('exception')!r}")


def new_process(
    scheduler: Scheduler,
    name: str,
    *,
    failed: Callable[[str], None],
    disk: Callable[[], tuple[int, int]] = lambda: (0, 0),
) -> Process:
    """A process; of asyncio's many calls only those are there that the product makes."""
    return Process(scheduler, name, disk=disk, failed=failed)  # type: ignore[abstract]


def _give(future: asyncio.Future[_T], result: _T) -> None:
    if not future.done():
        future.set_result(result)


def _give_error(future: asyncio.Future[_T], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
