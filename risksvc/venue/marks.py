"""Mark prices of the instruments that need them: those of the limits file, and those that are held or worked.

An instrument whose ticker has no mark price is left out: the gate then denies, which is better than a last price that
somebody's small trade has set.
"""

import asyncio
from collections.abc import Iterable

from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import failing_as, read_failure
from risksvc.venue.normalise import normalise_mark
from risksvc.venue.rows import MarkRow


class MarkReader:
    """Reads marks. `limited` are the instruments that the gate named, `held` those of the last snapshot."""

    def __init__(self, connection: VenueConnection, limited: Iterable[str]) -> None:
        self._connection = connection
        self.limited = frozenset(limited)
        self.held: frozenset[str] = frozenset()

    async def read(self) -> list[MarkRow]:
        """Read the marks of all instruments that need one; raises ReadFailure."""
        wanted = self._connection.known([*self.limited, *self.held])
        try:
            async with asyncio.timeout(self._connection.config.read_timeout_ms / 1_000):
                with failing_as("marks", self._connection.config.secrets()):
                    listed = await self._connection.command_listing.tickers(wanted)
                    read = [normalise_mark(row, quirks=self._connection.quirks) for row in listed.rows]
        except TimeoutError as error:
            raise read_failure("marks", error) from error
        return [mark for mark in read if mark is not None]
