"""Halts on their way out: every halt that the core raises is latched on disk and published, each by its own task.

A halt is in force and journaled before it comes here. One that neither latch nor store would take is tried again every
second, for as long as the process runs. An owner's listener.
"""

import asyncio
import logging

from risksvc.core.events import Input
from risksvc.core.outputs import HaltRaised, Output
from risksvc.core.trading_state import Halt
from risksvc.core.types import Nanoseconds
from risksvc.gate.kill_switch.effect import HaltPaths
from risksvc.gate.kill_switch.follower import KillSwitchFollower

AGAIN_SECONDS = 1.0
_log = logging.getLogger(__name__)


class HaltPublisher:
    """Publishes halts; `published` waits for one. Used on the event loop only."""

    def __init__(self, kill_switch: KillSwitchFollower) -> None:
        self._kill_switch = kill_switch
        self._under_way: dict[str, asyncio.Task[HaltPaths]] = {}

    def heard(self, _event: Input, outputs: tuple[Output, ...], _now: Nanoseconds) -> None:
        """Starts publishing what was raised."""
        for output in outputs:
            if isinstance(output, HaltRaised):
                self.publish(output.halt)

    def publish(self, halt: Halt) -> "asyncio.Task[HaltPaths]":
        """Starts, or finds the task that does it already."""
        task = self._under_way.get(halt.halt_id)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._publish(halt), name=f"publish {halt.halt_id}")
            self._under_way[halt.halt_id] = task
            task.add_done_callback(lambda _: self._under_way.pop(halt.halt_id, None))
        return task

    async def settled(self, *, within_seconds: float) -> None:
        """Waits, a bounded time, for everything under way."""
        if self._under_way:
            await asyncio.wait(list(self._under_way.values()), timeout=within_seconds)

    async def _publish(self, halt: Halt) -> HaltPaths:
        while True:
            paths = await self._kill_switch.publish_halt(halt)
            if paths.problem:
                _log.error(
                    "halt %s: latched=%s stored=%s: %s", halt.halt_id, paths.latched, paths.stored, paths.problem
                )
            if paths.latched or paths.stored:
                return paths
            await asyncio.sleep(AGAIN_SECONDS)
