"""One whole read of the account, by the window method: fills, then positions and open orders at once, then fills again.

The positions were true at some moment between the two reads of fills, so they must equal the ledger at some point of
that window; comparing without it was wrong in up to 72 % of checks. A read is complete, or it raises `ReadFailure`: an
error, a cut list, an unreadable row or an unknown instrument never becomes a shorter list. Fills are passed on before
the snapshot that includes them, and also when the rest of the read fails: each is true by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from risksvc.core.types import Instrument
from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import ReadFailure, failing_as, read_failure
from risksvc.venue.fills import FillCursor, OrderIds, Reach
from risksvc.venue.listing import Listed, Listing, OrderReference, newest_by_id
from risksvc.venue.normalise import net_positions, normalise_fill, normalise_order, normalise_position
from risksvc.venue.rows import FillRow, OrderRow, PositionRow, Row, UnknownInstrumentError

PassOn = Callable[[Sequence[FillRow]], None]

_JITTER_MS = 1_000  # by which the clocks of one venue's servers may differ
_RESOLVED_AT_ONCE = 20  # look-ups of fills' orders in one go


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A complete read; times are the venue's, milliseconds. `duration_ms` is by this machine's clock."""

    positions: tuple[PositionRow, ...]
    open_orders: tuple[OrderRow, ...]
    window_start_ms: int
    window_end_ms: int
    duration_ms: int

    def instruments(self) -> frozenset[str]:
        """Give the instruments that are held or worked."""
        return frozenset([row.symbol for row in self.positions] + [row.symbol for row in self.open_orders])


class AccountReader:
    """Reads one account for one session. `pass_on` takes fills away at once: it must not wait."""

    def __init__(self, connection: VenueConnection, *, cursor: FillCursor, orders: OrderIds, pass_on: PassOn) -> None:
        self._connection = connection
        self._cursor = cursor
        self._orders = orders
        self._pass_on = pass_on
        self._secrets = connection.config.secrets()

    async def read(self, reach: Reach = Reach.USUAL) -> Snapshot:
        """Make one complete read."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._connection.config.read_timeout_ms / 1_000):
                positions, orders, start_ms, end_ms = await self._window(reach)
        except TimeoutError as error:
            raise read_failure("positions", error) from error
        duration_ms = round((loop.time() - began) * 1_000)
        return Snapshot(tuple(positions), tuple(orders), start_ms, end_ms, duration_ms)

    async def read_fills(self, listing: Listing, reach: Reach) -> int:
        """Read fills up to now and pass the new ones on; give the venue's time of the read."""
        with failing_as("fills", self._secrets):
            listed = await listing.fills(self._cursor.start_ms(reach))
            fills = self.fills_of(listed.rows)
            for fill in fills:
                self._instrument("fills", fill.symbol)
        self._send(self._cursor.absorb(fills, listed.venue_time_ms))
        return listed.venue_time_ms

    def fills_of(self, rows: Sequence[Row]) -> list[FillRow]:
        """Read execution rows, whoever gave them; raises UnreadableRowError."""
        read = (normalise_fill(row, quirks=self._connection.quirks) for row in rows)
        return [fill for fill in read if fill is not None]

    async def resolve_fills(self) -> None:
        """Look up the orders of fills that do not say which order they belong to; what fails is tried again later."""
        for fill in self._cursor.unresolved()[:_RESOLVED_AT_ONCE]:
            reference = OrderReference(fill.symbol, venue_order_id=fill.venue_order_id)
            with failing_as("order", self._secrets):
                listed = await self._connection.command_listing.order(reference)
            client_id = next((str(row.get("clientOrderId") or "") for row in listed.rows), "")
            self._send([self._cursor.resolve(fill, client_id)])

    async def _window(self, reach: Reach) -> tuple[list[PositionRow], list[OrderRow], int, int]:
        listing = self._connection.poll_listing
        start_ms = await self.read_fills(listing, reach)
        listed_positions, listed_orders = await self._positions_and_orders(listing)
        for what, listed in (("positions", listed_positions), ("open_orders", listed_orders)):
            if listed.venue_time_ms < start_ms - _JITTER_MS:
                raise ReadFailure(what, "the answer is older than the fills that were read before it", clock_off=True)
        with failing_as("positions", self._secrets):
            positions = self._positions(listed_positions.rows)
        with failing_as("open_orders", self._secrets):
            orders = self._open_orders(listed_orders.rows)
        self._orders.learn(orders)
        listing.follow(frozenset([*(row.symbol for row in positions), *(row.symbol for row in orders)]))
        end_ms = await self.read_fills(listing, Reach.USUAL)
        self._send(self._cursor.resolve_known())
        return positions, orders, start_ms, max(start_ms, end_ms)  # another of the venue's servers may be a bit behind

    async def _positions_and_orders(self, listing: Listing) -> tuple[Listed, Listed]:
        try:
            async with asyncio.TaskGroup() as group:
                positions = group.create_task(self._list("positions", listing.positions))
                orders = group.create_task(self._list("open_orders", listing.open_orders))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures.exceptions[0].__cause__
        return positions.result(), orders.result()

    async def _list(self, what: str, read: Callable[[], Awaitable[Listed]]) -> Listed:
        with failing_as(what, self._secrets):
            return await read()

    def _positions(self, rows: Sequence[Row]) -> list[PositionRow]:
        quirks = self._connection.quirks
        read = [
            normalise_position(row, instrument=self._instrument("positions", row.get("symbol")), quirks=quirks)
            for row in rows
        ]
        return net_positions([row for row in read if row is not None])

    def _open_orders(self, rows: Sequence[Row]) -> list[OrderRow]:
        quirks = self._connection.quirks
        orders = [normalise_order(row, quirks=quirks, listed_open=True) for row in newest_by_id(rows)]
        for order in orders:
            self._instrument("open_orders", order.symbol)
        return [order for order in orders if not order.status.final]

    def _instrument(self, what: str, symbol: object) -> Instrument:
        found = self._connection.instruments.get(str(symbol))
        if found is None:
            raise UnknownInstrumentError(what, str(symbol), "not in the loaded markets, which are loaded again")
        return found

    def _send(self, fills: Sequence[FillRow]) -> None:
        if fills:
            self._pass_on(fills)
