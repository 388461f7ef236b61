"""The lists that a venue is read by, as this process needs them: complete or failed, and stamped with the venue's time.

`Listing` is the port; `bybit.py` and `unified.py` are its two implementations, and one contract suite runs over both.
Every method raises `ReadFailure` (or an error of ccxt's) for whatever is not complete; an empty list always means that
the venue said "none".
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from risksvc.venue.rows import Row
from risksvc.venue.tasks import TaskGroup

MAX_PAGES = 200  # of one list; more is a venue that pages for ever


@dataclass(frozen=True, slots=True)
class Listed:
    """Rows in ccxt's unified shape, and the venue's time (milliseconds) when the first of their pages was answered."""

    rows: Sequence[Row]
    venue_time_ms: int


@dataclass(frozen=True, slots=True)
class OrderReference:
    """One order at the venue; one of the ids may be empty."""

    instrument: str
    client_order_id: str = ""
    venue_order_id: str = ""

    @property
    def has_id(self) -> bool:
        """Say whether it names an order at all."""
        return bool(self.client_order_id or self.venue_order_id)

    def fits(self, row: Row) -> bool:
        """Say whether a unified order row is this order. A client id decides, being the one that was approved."""
        if self.client_order_id:
            return row.get("clientOrderId") == self.client_order_id
        return row.get("id") == self.venue_order_id


class Listing(Protocol):
    """One account's lists."""

    async def positions(self) -> Listed:
        """Read every position; a spot account has none."""

    async def balances(self, named: Sequence[str] = ()) -> Listed:
        """Read what the account has of each currency: rows of `currency`, `total`, and where known `debt`, `equity`.

        `named`: currencies to ask for by name where the venue shows only what is not zero, and can be asked so.
        """

    async def ledger(self, since_ms: int) -> Listed:
        """Read every entry of the account's ledger since a venue time (inclusive) until now."""

    @property
    def has_ledger(self) -> bool:
        """Say whether what moved the balances can be read, and is understood."""

    async def hedge_mode(self) -> bool:
        """Say whether the account holds two positions per instrument, as far as the venue can be asked."""

    @property
    def orders_per_instrument(self) -> bool:
        """Say whether open orders are listed only of instruments that are named or followed."""

    async def open_orders(self) -> Listed:
        """Read every working or waiting order."""

    async def fills(self, since_ms: int) -> Listed:
        """Read every execution since a venue time (inclusive) until now."""

    async def recent_orders(self, instruments: Sequence[str]) -> Listed:
        """Read the instruments' open and recently ended orders; a later row of an order is the newer one.

        What is absent may still exist: absence here proves nothing.
        """

    async def order(self, reference: OrderReference) -> Listed:
        """Read every row of one order, in whatever state; no row means that a complete look-up does not know it."""

    async def tickers(self, instruments: Sequence[str]) -> Listed:
        """Read tickers; instruments without one are left out."""

    async def book(self, instrument: str, levels: int) -> Row:
        """Read one order book in ccxt's shape; `levels` of a side at least, 0: as many as the venue likes."""

    def follow(self, instruments: frozenset[str]) -> None:
        """Name the instruments that fills may be expected in, for venues that list fills per instrument only."""


def merged(parts: Sequence[Listed]) -> Listed:
    """Put lists that were read together into one, stamped with the earliest time among them."""
    rows = [row for part in parts for row in part.rows]
    return Listed(rows, min(part.venue_time_ms for part in parts))


def newest_by_id(rows: Sequence[Row]) -> list[Row]:
    """Keep the last row of each order: a list that is read in pages may show an order twice."""
    by_id: Mapping[object, Row] = {(row.get("symbol"), row.get("id")): row for row in rows}
    return list(by_id.values())


async def together(*reads: Coroutine[None, None, Listed]) -> list[Listed]:
    """Read several lists at once; the first failure cancels the others and is raised."""
    try:
        async with TaskGroup() as group:
            tasks = [group.create_task(read) for read in reads]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures.exceptions[0].__cause__
    return [task.result() for task in tasks]


class Pace:
    """Spaces requests out evenly; a request that finds the line free goes at once."""

    def __init__(self, per_second: int) -> None:
        self._gap_s = 1 / per_second
        self._next_s = 0.0

    async def turn(self) -> None:
        """Wait for this request's turn."""
        now = asyncio.get_running_loop().time()
        at = max(now, self._next_s)
        self._next_s = at + self._gap_s
        if at > now:
            await asyncio.sleep(at - now)
