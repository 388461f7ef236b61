"""One whole read of the account, by the window method: fills, then positions and open orders at once, then fills again.

The positions were true at some moment between the two reads of fills, so they must equal the ledger at some point of
that window; comparing without it was wrong in up to 72 % of checks. A read is complete, or it raises `ReadFailure`: an
error, a cut list, an unreadable row or an unknown instrument never becomes a shorter list. Fills are passed on before
the snapshot that includes them, and also when the rest of the read fails: each is true by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from risksvc.core.types import Instrument
from risksvc.venue.balances import Expected, normalise_balances, normalise_booking
from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import ReadFailure, failing_as, read_failure
from risksvc.venue.fills import FillCursor, OrderIds, Reach
from risksvc.venue.listing import Listed, Listing, OrderReference, newest_by_id
from risksvc.venue.normalise import net_positions, normalise_fill, normalise_order, normalise_position
from risksvc.venue.quirks import FillKind
from risksvc.venue.rows import FillRow, OrderRow, PositionRow, Row, UnknownInstrumentError
from risksvc.venue.spot import booked, grains, moves, side_moves, spot_positions
from risksvc.venue.tasks import TaskGroup

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
        """Give the instruments that are held or worked; a spot asset by the pair that it is valued by."""
        return _followed(self.positions, self.open_orders)


def _followed(positions: Iterable[PositionRow], orders: Iterable[OrderRow]) -> frozenset[str]:
    return frozenset([*(row.pair or row.symbol for row in positions), *(row.symbol for row in orders)])


class AccountReader:
    """Reads one account for one session. `pass_on` takes fills away at once: it must not wait."""

    def __init__(self, connection: VenueConnection, *, cursor: FillCursor, orders: OrderIds, pass_on: PassOn) -> None:
        self._connection = connection
        self._cursor = cursor
        self._orders = orders
        self._pass_on = pass_on
        self._secrets = connection.config.secrets()
        self._holdings = Expected("positions")

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
                self._known("fills", fill)
            if self._connection.quirks.spot and reach is not Reach.SHORT:
                fills += await self._transfers(self._cursor.start_ms(reach))
        new = self._cursor.absorb(fills, listed.venue_time_ms)
        self.note_moves(new)
        self._send(new)
        return listed.venue_time_ms

    def fills_of(self, rows: Sequence[Row]) -> list[FillRow]:
        """Read execution rows, whoever gave them; raises UnreadableRowError. A spot trade moves several assets."""
        quirks, hedged = self._connection.quirks, self._connection.hedge_mode
        read = (normalise_fill(row, quirks=quirks, hedged=hedged) for row in rows)
        fills = [fill for fill in read if fill is not None]
        if not quirks.spot:
            return fills
        assets, pairs = self._connection.assets, self._connection.instruments
        beside = [side_moves(fill, pairs[fill.symbol], assets) for fill in fills if fill.symbol in pairs]
        return [*fills, *(moved for several in beside for moved in several)]

    def live_fills_of(self, rows: Sequence[Row]) -> list[FillRow]:
        """As `fills_of`, for a private stream, which tells of kinds of instrument, too, that are not read."""
        return [fill for fill in self.fills_of(rows) if fill.kind is FillKind.TRANSFER or self._lists(fill.symbol)]

    async def _transfers(self, since_ms: int) -> list[FillRow]:
        """Read what moved assets without a trade, as far as the venue lists it.

        Some throttles count this request so high that no read would ever end: it goes by the unthrottled connection.
        """
        if not self._connection.reads_ledger:
            return []
        listing = self._connection.command_listing
        assets, quirks = self._connection.assets, self._connection.quirks
        entries = (normalise_booking(row, quirks=quirks, what="fills") for row in (await listing.ledger(since_ms)).rows)
        moved = (booked(entry, assets) for entry in entries if entry is not None)
        return [fill for fill in moved if fill is not None]

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
            positions = self._held(listed_positions.rows)
        with failing_as("open_orders", self._secrets):
            orders = self._open_orders(listed_orders.rows)
        self._orders.learn(orders)
        listing.follow(_followed(positions, orders))
        end_ms = await self.read_fills(listing, Reach.USUAL)
        self._send(self._cursor.resolve_known())
        return positions, orders, start_ms, max(start_ms, end_ms)  # another of the venue's servers may be a bit behind

    async def _positions_and_orders(self, listing: Listing) -> tuple[Listed, Listed]:
        try:
            async with TaskGroup() as group:
                held = self._balances(listing) if self._connection.quirks.spot else listing.positions
                positions = group.create_task(self._list("positions", held))
                orders = group.create_task(self._list("open_orders", listing.open_orders))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures.exceptions[0].__cause__
        return positions.result(), orders.result()

    async def _list(self, what: str, read: Callable[[], Awaitable[Listed]]) -> Listed:
        with failing_as(what, self._secrets):
            return await read()

    def _balances(self, listing: Listing) -> Callable[[], Awaitable[Listed]]:
        names = self._holdings.names()
        return lambda: listing.balances(names)

    def _held(self, rows: Sequence[Row]) -> list[PositionRow]:
        return self._assets(rows) if self._connection.quirks.spot else self._positions(rows)

    def _assets(self, rows: Sequence[Row]) -> list[PositionRow]:
        """Give what is held of each asset. What trades have brought and nothing took away must be there."""
        assets, balances = self._connection.assets, normalise_balances(rows, what="positions")
        shown = {name: row.held for name, row in balances.items() if name in assets}
        self._holdings.check(shown, grains=grains(assets))
        return spot_positions(balances, assets)

    def _positions(self, rows: Sequence[Row]) -> list[PositionRow]:
        quirks = self._connection.quirks
        read = [
            normalise_position(row, instrument=self._instrument("positions", row.get("symbol")), quirks=quirks)
            for row in rows
        ]
        found = net_positions([row for row in read if row is not None])
        if not self._connection.hedge_mode and any(row.long is not None for row in found):
            self._connection.saw_legs()
            problem = "the account is in hedge mode, which the gate is told now"
            raise ReadFailure("positions", problem, markets_stale=True)
        return found

    def _open_orders(self, rows: Sequence[Row]) -> list[OrderRow]:
        quirks = self._connection.quirks
        orders = [normalise_order(row, quirks=quirks, listed_open=True) for row in newest_by_id(rows)]
        for order in orders:
            self._instrument("open_orders", order.symbol)
        return [order for order in orders if not order.status.final]

    def _lists(self, symbol: str) -> bool:
        return symbol in self._connection.instruments

    def _known(self, what: str, fill: FillRow) -> None:
        if fill.kind is not FillKind.TRANSFER:
            self._instrument(what, fill.symbol)

    def _instrument(self, what: str, symbol: object) -> Instrument:
        found = self._connection.instruments.get(str(symbol))
        if found is None:
            raise UnknownInstrumentError(what, str(symbol), "not in the loaded markets, which are loaded again")
        return found

    def _send(self, fills: Sequence[FillRow]) -> None:
        if fills:
            self._pass_on(fills)

    def note_moves(self, fills: Sequence[FillRow]) -> None:
        """Note what new fills move, so that balances without it are not believed; each once, whoever told it."""
        if self._connection.quirks.spot:
            for fill in fills:
                self._holdings.move(self._moves(fill))

    def _moves(self, fill: FillRow) -> dict[str, Decimal]:
        if fill.kind is FillKind.TRANSFER:
            return {fill.symbol: fill.side.sign * fill.quantity}
        pair = self._instrument("fills", fill.symbol)
        return {asset: amount for asset, amount in moves(fill, pair).items() if asset == pair.base}
