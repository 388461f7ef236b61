"""Places one reducing order that the gate has approved and journaled, through the unthrottled instance. Once.

Rule 1: an order is sent at most once, whatever comes of it: nothing here repeats a request, and an id that was sent is
refused. Rule 2: refused is only what proves that nothing was done; everything else is `unknown`, and stays counted at
the gate until a look-up tells. Rule 3: nothing is sent past the approval's end by the gate's own clock, nor by a feed
that was not started to place orders.
"""

import asyncio
from collections import OrderedDict
from decimal import Decimal

import aiohttp
from ccxt.base import errors as ccxt_errors

from risksvc.v1 import types_pb2, venue_pb2
from risksvc.venue.commands import CommandOutcome
from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import redacted
from risksvc.venue.gate_link import GateClock

_SENT_KEPT = 10_000
_SIDES = {types_pb2.SIDE_BUY: "buy", types_pb2.SIDE_SELL: "sell"}
# Each of these is raised before anything is done; a duplicate id is one of InvalidOrder, and proves the contrary.
_REFUSED: tuple[type[Exception], ...] = (
    ccxt_errors.InvalidOrder,
    ccxt_errors.InsufficientFunds,
    ccxt_errors.AuthenticationError,
    ccxt_errors.RateLimitExceeded,
    ccxt_errors.InvalidNonce,
    ccxt_errors.BadRequest,
    ccxt_errors.ArgumentsRequired,
    ccxt_errors.NotSupported,
)
_DUPLICATE = ("duplicate", "110072")


class Placer:
    """Places the orders of one account."""

    def __init__(self, connection: VenueConnection, clock: GateClock) -> None:
        self._connection = connection
        self._clock = clock
        self._sent: OrderedDict[str, None] = OrderedDict()

    async def place(self, order: venue_pb2.PlaceOrder) -> tuple[CommandOutcome, str]:
        """Sends it; gives what is known of it, and the venue's id where the venue gave one."""
        problem = await self._problem(order)
        if problem:
            return CommandOutcome(ok=False, error=f"not sent: {problem}"), ""
        self._sent[order.client_order_id] = None
        if len(self._sent) > _SENT_KEPT:
            self._sent.popitem(last=False)
        try:
            # A task that is cancelled meanwhile must not cut the request off: the venue may have it already.
            answer = await asyncio.shield(self._request(order))
        except Exception as error:  # noqa: BLE001 - whatever it was, the venue may have acted
            shown = redacted(f"{type(error).__name__}: {error}", self._connection.config.secrets())
            return CommandOutcome(ok=False, error=shown, unknown=not is_refusal(error)), ""
        venue_order_id = str(answer.get("id") or "")
        if not venue_order_id:
            return CommandOutcome(ok=False, error="the venue's answer names no order", unknown=True), ""
        return CommandOutcome(ok=True), venue_order_id

    async def _problem(self, order: venue_pb2.PlaceOrder) -> str:
        """Why it must not be sent; empty: it may."""
        if not (self._connection.config.allow_orders and self._connection.can_cancel):
            return "this feed may not place orders: it needs --allow-orders, and a key that can trade"
        if order.instrument not in self._connection.instruments or order.side not in _SIDES:
            return "a listed instrument and a side are needed"
        step = self._connection.instruments[order.instrument].quantity_step
        if step is not None and Decimal(order.quantity) % step:  # ccxt would cut it, and trade another quantity
            return f"{order.quantity} is not a multiple of the venue's step {step}"
        if not order.client_order_id or not order.reduce_only:
            return "a client order id and reduce-only are needed"
        if order.client_order_id in self._sent:
            return f"{order.client_order_id} was sent before"
        now_ns = await self._clock.as_of_ns() + self._clock.silent_ms() * 1_000_000
        return "its approval has run out" if now_ns > order.valid_until_ns else ""

    # Quantity and price stay text, as with `number=str`: no float comes near them.
    async def _request(self, order: venue_pb2.PlaceOrder) -> dict[str, object]:
        params: dict[str, object] = {"clientOrderId": order.client_order_id}
        if self._connection.quirks.enforces_reduce_only:
            params["reduceOnly"] = True
        if order.leg:
            params["hedged"] = True  # ccxt finds the leg from the side and from reduceOnly
        if order.limit_price:
            params["timeInForce"] = "IOC"
        answer: dict[str, object] = await self._connection.command.create_order(
            order.instrument,
            "limit" if order.limit_price else "market",
            _SIDES[order.side],
            order.quantity,
            order.limit_price or None,
            params,
        )
        return answer


def is_refusal(error: Exception) -> bool:
    """Whether an error of a placing request proves that there is no order."""
    if isinstance(error.__cause__, aiohttp.ClientConnectorError):
        return True  # no connection was made, so nothing was sent
    if isinstance(error, ccxt_errors.DuplicateOrderId) or any(one in str(error).lower() for one in _DUPLICATE):
        return False
    return isinstance(error, _REFUSED)
