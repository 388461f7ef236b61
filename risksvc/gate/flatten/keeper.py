"""Keeps every running flatten going: one executor each, from the state alone, so a restarted gate goes on by itself.

Never ends by itself. What goes wrong in an executor is logged and counted, and it is tried again: the flatten's own
patience ends what can't go on. While the gate is closed by a fault nothing is done.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from risksvc.core.events import Input, OrderChecked, OrderExpected, OrdersChecked
from risksvc.core.incident.exit_cost import Book
from risksvc.core.outputs import Output
from risksvc.core.types import Nanoseconds
from risksvc.gate.app import GateApp
from risksvc.gate.event_log import log_event
from risksvc.gate.flatten.executor import FlattenExecutor, Ports
from risksvc.gate.flatten.operations import books_of
from risksvc.gate.incident.looking import look
from risksvc.gate.owner import GateClosedError

LOOK_SECONDS = 1.0
AGAIN_SECONDS = 1.0
_log = logging.getLogger(__name__)


class FlattenKeeper:
    """All executors of one gate. `heard` is an owner's listener."""

    def __init__(self, app: GateApp) -> None:
        self._app = app
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._moved = asyncio.Event()

    def heard(self, event: Input, _outputs: tuple[Output, ...], _now: Nanoseconds) -> None:
        """Something may have moved: whoever waits looks again. Checks move nothing, a flood of them is no work."""
        if isinstance(event, OrderChecked | OrdersChecked | OrderExpected):
            return
        if self._tasks or self._app.owner.state.flattens.running:
            self._moved.set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self._begin_missing()
                await self.changed(LOOK_SECONDS)
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _begin_missing(self) -> None:
        self._tasks = {id_: task for id_, task in self._tasks.items() if not task.done()}
        for flatten_id in self._app.owner.state.flattens.running:
            if flatten_id not in self._tasks and self._app.owner.fault is None:
                task = asyncio.get_running_loop().create_task(self._carry_on(flatten_id), name=flatten_id)
                self._tasks[flatten_id] = task

    async def _carry_on(self, flatten_id: str) -> None:
        log_event("flatten_carried_on", flatten=flatten_id)
        ports = Ports(self._app.owner, self._app.clock.now, self._app.feeds.command, self._books, self.changed)
        try:
            await FlattenExecutor(flatten_id, ports).run()
        except GateClosedError:
            await asyncio.sleep(AGAIN_SECONDS)
        except Exception:  # noqa: BLE001 - a flatten must not stop because of one step that failed
            self._app.counters.internal_errors += 1
            _log.exception("flatten %s met an internal error; it is tried again", flatten_id)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _books(self, account: str, instruments: Sequence[str]) -> Mapping[str, Book]:
        return books_of(await look(self._app, account, instruments))

    async def changed(self, seconds: float) -> None:
        """Returns once the state has moved, or so much time has passed."""
        self._moved.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._moved.wait()
        except TimeoutError:
            return
