"""The dead man's switch: the venue cancels everything by itself when this process, or its gate, has been silent.

Asked again every third of the time while a gate is heard; a gate that falls silent ends the session, and with it the
asking. It cancels what protects a position too, which is why it is off unless the settings ask for it. What the venue
makes of it is its own: some count from the last call, Bybit from the moment when its private stream is gone.
"""

import asyncio
import logging

from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import ReadFailure, failing_as

_LOG = logging.getLogger("risksvc.venue")
_TIMES = 3


class DeadMan:
    """Keeps the venue's timer going for one session."""

    def __init__(self, connection: VenueConnection) -> None:
        self._connection = connection
        self._problem = ""

    @property
    def is_wanted(self) -> bool:
        """Whether the settings ask for it, and this process may."""
        config = self._connection.config
        return bool(config.dead_man_ms) and config.allow_orders and self._connection.can_cancel

    def offered(self) -> bool:
        """Whether ccxt has the call at this venue."""
        return self._connection.command.has.get("cancelAllOrdersAfter") is True

    async def run(self) -> None:
        """Ask for ever; at once, and every third of the time. Without the venue's call it says so once and ends."""
        if not self.is_wanted:
            return
        if not self.offered():
            _LOG.error("dead_man: ccxt has no cancelAllOrdersAfter at this venue: nothing cancels by itself")
            return
        timeout_ms = self._connection.config.dead_man_ms
        while True:
            await self._ask(timeout_ms)
            await asyncio.sleep(timeout_ms / 1_000 / _TIMES)

    async def _ask(self, timeout_ms: int) -> None:
        problem = ""
        try:
            with failing_as("dead_man", self._connection.config.secrets()):
                await self._connection.command.cancel_all_orders_after(timeout_ms)
        except ReadFailure as failure:
            problem = str(failure)
        if problem and problem != self._problem:
            _LOG.error("%s: until it is asked again, nothing cancels by itself", problem)
        elif self._problem and not problem:
            _LOG.info("dead_man: the venue takes it again")
        self._problem = problem
