"""Cancels everything at the venue, known to the gate or not: by the venue's own call, per instrument, and per order.

What is left is read from the venue between the steps, so a call that does less than its name says (one settle coin, no
trigger orders) only makes the next step work more. Cancels are harmless to repeat. Done is said only of a complete
list that shows nothing.
"""

import logging
from collections.abc import Sequence

from ccxt.base import errors as ccxt_errors

from risksvc.venue.commands import Canceller, CommandOutcome
from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import ReadFailure, failing_as, redacted
from risksvc.venue.listing import OrderReference
from risksvc.venue.rows import Row

_LOG = logging.getLogger("risksvc.venue")
_SHOWN = 5


class Sweeper:
    """Cancels everything of one account."""

    def __init__(self, connection: VenueConnection, canceller: Canceller) -> None:
        self._connection = connection
        self._canceller = canceller

    async def sweep(self, instruments: Sequence[str]) -> CommandOutcome:
        """Cancels all orders of these instruments; of the account where none is named."""
        refusal = self._canceller.refusal()
        if refusal:
            return CommandOutcome(ok=False, error=refusal)
        wanted = frozenset(instruments)
        unlisted = sorted(wanted - self._connection.instruments.keys())
        if unlisted:
            return CommandOutcome(ok=False, error=f"not sent: the venue does not list {', '.join(unlisted)}")
        try:
            return await self._in_steps(wanted)
        except ReadFailure as failure:
            text = f"what is left can't be read: {failure}"
            return CommandOutcome(ok=False, error=text, unknown=True)

    async def _in_steps(self, wanted: frozenset[str]) -> CommandOutcome:
        if not wanted:
            await self._venue_wide()
        left = await self._left(wanted)
        for symbol in dict.fromkeys(str(row["symbol"]) for row in left):
            await self._of_instrument(symbol, left)
        left = await self._left(wanted) if left else left
        one_by_one = CommandOutcome(ok=True)
        if left:
            one_by_one = await self._canceller.cancel([_reference(row) for row in left])
            left = await self._left(wanted)
        if not left:
            return CommandOutcome(ok=True)
        shown = ", ".join(f"{row['symbol']} {row.get('clientOrderId') or row['id']}" for row in left[:_SHOWN])
        many = f"{len(left)} orders still stand: {shown}{', …' if len(left) > _SHOWN else ''}"
        return CommandOutcome(
            ok=False, error=f"{many}; {one_by_one.error}" if one_by_one.error else many, unknown=one_by_one.unknown
        )

    async def _venue_wide(self) -> None:
        """One call for all, where ccxt has it."""
        if self._connection.command.has.get("cancelAllOrders") is True:
            await self._try("the whole account", None, {})

    async def _of_instrument(self, symbol: str, left: Sequence[Row]) -> None:
        if self._connection.command.has.get("cancelAllOrders") is not True:
            return
        mine = [row for row in left if row["symbol"] == symbol]
        if any(not _waits(row) for row in mine):
            await self._try(symbol, symbol, {})
        if any(_waits(row) for row in mine):
            await self._try(f"{symbol}, trigger orders", symbol, {"trigger": True})

    async def _try(self, what: str, symbol: str | None, params: dict[str, object]) -> None:
        """Whatever comes of it is seen in what is left."""
        try:
            await self._connection.command.cancel_all_orders(symbol, params)
        except (ccxt_errors.BaseError, TypeError, ValueError, KeyError) as error:  # a venue's call may want more
            shown = redacted(f"{type(error).__name__}: {error}", self._connection.config.secrets())
            _LOG.info("cancelling %s at once: %s", what, shown)

    async def _left(self, wanted: frozenset[str]) -> list[Row]:
        with failing_as("open_orders", self._connection.config.secrets()):
            listed = await self._connection.command_listing.open_orders()
            waiting = await self._waiting(wanted) if self._connection.triggers_apart else []
        return [row for row in (*listed.rows, *waiting) if not wanted or row["symbol"] in wanted]

    async def _waiting(self, wanted: frozenset[str]) -> list[Row]:
        """Read the orders that wait for a trigger, where the venue keeps them in a list of their own."""
        connection = self._connection
        symbols: list[str | None] = [None]
        if wanted or connection.command_listing.orders_per_instrument:
            symbols = [*sorted(wanted or connection.config.instruments)]
        lists = [await connection.command.fetch_open_orders(each, None, None, {"trigger": True}) for each in symbols]
        return [{**row, "waits": True} for rows in lists for row in rows]


def _reference(row: Row) -> OrderReference:
    return OrderReference(str(row["symbol"]), venue_order_id=str(row["id"]))


def _waits(row: Row) -> bool:
    """Whether it is a trigger order."""
    return bool(row.get("waits") or row.get("triggerPrice") or row.get("stopPrice"))
