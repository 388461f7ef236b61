"""Inspects the store's server beside the rounds: before a first lease, then every minute.

An unsound store never opens a gate; found out while a gate is open it does not close it (every halt is in each gate's
own latch), but it is told: in the log, in `status`, as a metric. Another server, or the same one started again, is
inspected before it opens anything: that fits into the barrier which it brings anyway.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol, runtime_checkable

from risksvc.gate.kill_switch.cancelling import heed_cancel
from risksvc.gate.kill_switch.soundness import Inspection
from risksvc.gate.kill_switch.view import StoreError

EVERY_SECONDS = 60.0
_AGAIN_SECONDS = 2.0  # while something is wrong, so that a repair is seen
_GAP_SECONDS = 0.05
_log = logging.getLogger(__name__)


@runtime_checkable
class Inspectable(Protocol):
    """A store with a server that can be misconfigured; one in memory is none."""

    async def inspect(self, namespaces: Sequence[str]) -> Inspection:
        """Raises StoreError."""
        ...


class StoreWatch:
    """What is known of the server's configuration. `last`: None before the first inspection."""

    def __init__(self, store: Inspectable, namespaces: Sequence[str]) -> None:
        self.last: Inspection | None = None
        self._store = store
        self._namespaces = tuple(namespaces)
        self._now = asyncio.Event()
        self._told: tuple[str, ...] = ()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            heed_cancel()
            with suppress(StoreError):
                await self.look()
            heed_cancel()  # before a minute's wait
            sound = self.last is not None and not self.last.problems
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_SECONDS if sound else _AGAIN_SECONDS):
                    await self._now.wait()
            self._now.clear()
            await asyncio.sleep(_GAP_SECONDS)

    async def look(self) -> None:
        """One inspection. Raises StoreError."""
        self.last = await self._store.inspect(self._namespaces)
        problems = self.last.problems
        for problem in problems:
            if problem not in self._told:
                _log.error("the kill switch's store is unsound: %s", problem)
        if self._told and not problems:
            _log.warning("the kill switch's store is sound again")
        self._told = problems

    def refusal(self, run_id: str) -> str:
        """Why this start of a server opens no gate; empty: nothing speaks against it."""
        if self.last is None or self.last.run_id != run_id:
            self._now.set()
            return "the configuration of the store's server has not been checked yet"
        return "; ".join(self.last.problems)
