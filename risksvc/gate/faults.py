"""What happens when the owner has closed: latch a halt, rebuild from the journal, stay halted until a person resumes.

Rule 1: halts go to the latch and the store before anything is rebuilt: a gate that dies now comes back halted. Rule 2:
a journal that can't be read or written now is tried again every second; one that can't be trusted ends the process.
Rule 3: after a failed assertion or fsync the process ends, with a code that is not 0, once the halts are durable: its
supervisor starts it again, and it comes back halted. Rule 4: the journal is read beside the event loop, which goes on
answering: denials, and halts, which are latched, published and kept for the core.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator

from risksvc.core.events import HaltSeen
from risksvc.core.trading_state import Halt
from risksvc.core.trips import TRIPS, Trigger
from risksvc.core.types import Scope
from risksvc.gate.app import GateApp
from risksvc.gate.journal import NotDurableError
from risksvc.gate.owner import Fault
from risksvc.gate.replay import ReplayError
from risksvc.gate.segments import JournalCorruptError

EXIT_FAULT = 70
AGAIN_SECONDS = 1.0
LATCHED_WITHIN_SECONDS = 2.0
_log = logging.getLogger(__name__)


class FaultKeeper:
    """Brings a closed owner back. `end`: called with an exit code when this process must not go on."""

    def __init__(self, app: GateApp, *, end: Callable[[int], None]) -> None:
        self._app = app
        self._end = end
        self._task: asyncio.Task[None] | None = None

    def closed(self, fault: Fault) -> None:
        """The owner's `on_fault`."""
        for halt in self._halts(fault):
            self._app.owner.submit_or_keep(HaltSeen(halt))
            self._app.publisher.publish(halt)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._bring_back(), name="bring back")

    def _halts(self, fault: Fault) -> Iterator[Halt]:
        """What the core will raise when it can be asked again: the same trigger and scopes, so it joins these."""
        now, row = self._app.clock.now(), TRIPS[Trigger.GATE_FAULT]
        active = [
            halt.scope for halt in self._app.owner.state.halts.active() if halt.trigger == Trigger.GATE_FAULT.value
        ]
        for account in self._app.settings.accounts:
            if Scope(account) not in active:
                yield Halt(
                    halt_id=f"{self._app.gate_id}-{now}-fault-{account}",
                    scope=Scope(account),
                    state=row.state,
                    severity=row.severity,
                    trigger=Trigger.GATE_FAULT.value,
                    reason=fault.what[:500],
                    by=f"gate:{self._app.gate_id}",
                    at=now,
                    origin=self._app.gate_id,
                )

    async def stop(self) -> None:
        """For the end of the process: no more tries."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _bring_back(self) -> None:
        owner = self._app.owner
        while owner.fault is not None:
            await self._app.publisher.settled(within_seconds=LATCHED_WITHIN_SECONDS)
            try:
                await owner.reopen()
            except (ReplayError, JournalCorruptError, NotDurableError):
                _log.critical("the journal can't be trusted any more; the process ends", exc_info=True)
                break
            except Exception:  # noqa: BLE001 - a disk that is still full, for one
                _log.exception("the gate stays closed; tried again in %g s", AGAIN_SECONDS)
                if owner.must_end:
                    break
                await asyncio.sleep(AGAIN_SECONDS)
        if owner.must_end or owner.fault is not None:
            await self._app.publisher.settled(within_seconds=LATCHED_WITHIN_SECONDS)
            self._end(EXIT_FAULT)
