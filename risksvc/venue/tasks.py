"""Tasks that belong together: they end together, at the first failure or when whoever waits for them is cancelled.

Unlike asyncio.TaskGroup before Python 3.13 it never loses a cancellation that arrives in the moment in which one of the
tasks fails, as a connection does that is closed while the process is told to stop: whoever caught the failure and went
on would then never end.
"""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


class TaskGroup:
    """Use as an asynchronous context manager; its end waits for the tasks. Failures are raised as an ExceptionGroup."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failed: list[Exception] = []
        self._changed = asyncio.Event()

    def create_task(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start one more."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            while kind is None and self._tasks and not self._failed:
                self._changed.clear()
                await self._changed.wait()
        finally:
            while self._tasks:
                for task in self._tasks:
                    task.cancel()
                await asyncio.wait(self._tasks)
                await asyncio.sleep(0)  # so that their ends have been noted
        if self._failed and kind is None:
            raise ExceptionGroup("tasks failed", self._failed)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        failure = None if task.cancelled() else task.exception()
        if isinstance(failure, Exception):
            self._failed.append(failure)
        self._changed.set()
