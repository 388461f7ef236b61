"""Order events of a private stream: which order is which, and the proof that one is finished.

A finished order is told at once when the fills that are known add up to what the venue counts for it, because its
reservation ends with it. Else its fills are given a moment to come by themselves, then it is looked up as any other
order is: fills first, and with no less filled than they say. So is every one where the venue's count is not known to be
right: streams have said "cancelled, nothing filled" of orders that were executed. Working orders are not told: complete
reads show them.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from risksvc.core.types import Instrument, RiskError
from risksvc.venue.connection import VenueConnection
from risksvc.venue.fills import OrderIds
from risksvc.venue.gate_link import GateClock
from risksvc.venue.listing import OrderReference
from risksvc.venue.lookup import OrderLookUp
from risksvc.venue.normalise import normalise_order
from risksvc.venue.rows import OrderRow, Row

Tell = Callable[[Sequence[OrderRow], int], None]  # the orders, and the gate's time that they are not older than

_FILLS_GRACE_S = 0.03  # executions come in messages of their own
_MAX_WAITING = 1_000  # finished orders; the oldest are left to the complete reads


class LiveOrders:
    """A session's order events."""

    def __init__(
        self, connection: VenueConnection, *, orders: OrderIds, look_up: OrderLookUp, clock: GateClock, tell: Tell
    ) -> None:
        self._connection = connection
        self._counts_right = connection.quirks.listing == "bybit"
        self._orders = orders
        self._look_up = look_up
        self._tell = tell
        self._clock = clock
        self._opened_ns = 0
        self._finished: dict[tuple[str, str], OrderRow] = {}
        self._wake = asyncio.Event()

    async def opening(self) -> None:
        """Note that a connection is opened now: what it will tell is not older than that, and no more can be said."""
        self._opened_ns = await self._clock.as_of_ns()

    def hear(self, rows: Sequence[Row]) -> None:
        """Take in the order rows of one message. What can't be read proves nothing; a complete read follows anyway."""
        for row in rows:
            order = self._read(row)
            if order is None:
                continue
            self._orders.learn([order])
            if order.status.final:
                self._finished[order.symbol, order.venue_order_id] = order
        while len(self._finished) > _MAX_WAITING:
            del self._finished[next(iter(self._finished))]

    def settle(self) -> None:
        """Tell the finished orders whose fills are all known; have the others looked up soon."""
        proven = {key: order for key, order in self._finished.items() if self._adds_up(order)}
        for key in proven:
            del self._finished[key]
        if proven:
            self._tell(list(proven.values()), self._opened_ns)
        if self._finished:
            self._wake.set()

    def _adds_up(self, order: OrderRow) -> bool:
        return self._counts_right and self._orders.counted(order) == order.filled

    async def run(self) -> None:
        """Look up for ever what the stream alone did not prove."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(_FILLS_GRACE_S)
            self._wake.clear()
            waiting, self._finished = self._finished, {}
            if waiting:
                await self._look_up_now([OrderReference(symbol, venue_order_id=name) for symbol, name in waiting])

    async def _look_up_now(self, references: Sequence[OrderReference]) -> None:
        """Look orders up and tell what was found; what fails is found by a complete read, or asked for by the gate."""
        as_of_ns = await self._clock.as_of_ns()
        found = await self._look_up.look_up(references)
        if found.orders:
            self._tell(found.orders, as_of_ns)

    def _read(self, row: Row) -> OrderRow | None:
        try:
            order = normalise_order(row, quirks=self._connection.quirks)
        except RiskError:
            return None
        return order if order.symbol in self._instruments else None

    @property
    def _instruments(self) -> Mapping[str, Instrument]:
        """The account's stream tells of categories, too, that are not read here."""
        return self._connection.instruments
