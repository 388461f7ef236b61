"""Cancels, through the unthrottled instance: a cancel never queues behind a list.

Refused unless the settings allow orders and the key can place them. Never resends by itself, except after a refusal for
the clock's sake, which proves that nothing was done. What the venue has not clearly answered is `unknown`: the order
stays counted, and a look-up tells.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ccxt.base import errors as ccxt_errors

from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import ReadFailure, WriteOutcome, cancel_outcome, failing_as, redacted
from risksvc.venue.listing import OrderReference

_AT_ONCE = 10
_PASSED = (WriteOutcome.DONE, WriteOutcome.NOTHING_TO_DO)


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """As in FeedCommandResult: done, or what went wrong, or not known."""

    ok: bool
    error: str = ""
    unknown: bool = False


class Canceller:
    """Cancels orders of one account."""

    def __init__(self, connection: VenueConnection) -> None:
        self._connection = connection
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def refusal(self) -> str:
        """Say why nothing may be sent; empty: it may."""
        if not self._connection.config.allow_orders:
            return "this feed was started without --allow-orders: cancel by hand"
        if not self._connection.can_cancel:
            return "the venue says that this key can only read: cancel by hand"
        return ""

    async def cancel(self, references: Sequence[OrderReference]) -> CommandOutcome:
        """Cancel orders; one that is not there any more counts as done, its look-up proves what became of it."""
        refusal = self.refusal()
        if refusal:
            return CommandOutcome(ok=False, error=refusal)
        results = await asyncio.gather(*(self._one(each) for each in references))
        problems = [problem for outcome, problem in results if outcome not in _PASSED]
        unknown = any(outcome is WriteOutcome.UNKNOWN for outcome, _ in results)
        return CommandOutcome(ok=not problems, error="; ".join(problems), unknown=unknown)

    async def _one(self, reference: OrderReference) -> tuple[WriteOutcome, str]:
        name = f"{reference.instrument} {reference.client_order_id or reference.venue_order_id}"
        if reference.instrument not in self._connection.instruments or not reference.has_id:
            return WriteOutcome.REFUSED, f"{name}: not sent: a listed instrument and an id are needed"
        async with self._slots:
            try:
                await self._send(reference)
            except ReadFailure as failure:
                return WriteOutcome.REFUSED, f"{name}: not sent: {failure}"
            except Exception as error:  # noqa: BLE001 - whatever it was, the venue may have acted
                shown = redacted(f"{type(error).__name__}: {error}", self._connection.config.secrets())
                return cancel_outcome(error), f"{name}: {shown}"
        return WriteOutcome.DONE, ""

    async def _send(self, reference: OrderReference) -> None:
        try:
            await self._request(reference)
        except ccxt_errors.InvalidNonce:  # refused for its time stamp, before anything was done
            await self._connection.measure_clock()
            await self._request(reference)

    async def _request(self, reference: OrderReference) -> None:
        exchange, param = self._connection.command, self._connection.quirks.cancel_client_id_param
        order_id = reference.venue_order_id
        if not order_id and not param:
            order_id = await self._venue_id(reference)
        params = {} if order_id else {param: reference.client_order_id}
        try:
            await exchange.cancel_order(order_id or None, reference.instrument, params)
        except ccxt_errors.OrderNotFound:
            if not self._connection.triggers_apart:
                raise
            await exchange.cancel_order(order_id or None, reference.instrument, {**params, "trigger": True})

    async def _venue_id(self, reference: OrderReference) -> str:
        """Find the venue's id, where a cancel can't name the client's."""
        with failing_as("order", self._connection.config.secrets()):
            listed = await self._connection.command_listing.order(reference)
        if not listed.rows:
            raise ccxt_errors.OrderNotFound(f"{reference.client_order_id} is not at the venue")
        return str(listed.rows[-1]["id"])
