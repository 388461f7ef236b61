"""Places one reducing order that the gate has approved and journaled, through the unthrottled instance. Once.

Rule 1: an order is sent at most once, whatever comes of it: nothing here repeats a request, and an id that this process
has sent is refused, in whichever session. Rule 2: refused is only what proves that nothing was done; everything else is
`unknown`, and stays counted at the gate until a look-up tells (`order_outcomes.py`). Rule 3: nothing is sent past the
approval's end by the gate's own clock, nor by a feed that was not started to place orders, nor where ccxt was not
proven to send such an order whole (`quirk_orders.py`). Rule 4: what is sent is what was approved, to the digit.
"""

import asyncio
from decimal import Decimal
from typing import Any

from ccxt.base import errors as ccxt_errors

from risksvc.v1 import types_pb2, venue_pb2
from risksvc.venue.commands import CommandOutcome
from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import redacted
from risksvc.venue.gate_link import GateClock
from risksvc.venue.late_orders import late_orders_refused
from risksvc.venue.order_outcomes import is_refusal
from risksvc.venue.quirk_orders import LIMIT, MARKET

_SIDES = {types_pb2.SIDE_BUY: "buy", types_pb2.SIDE_SELL: "sell"}
_CLOSES = {types_pb2.SIDE_SELL: venue_pb2.POSITION_LEG_LONG, types_pb2.SIDE_BUY: venue_pb2.POSITION_LEG_SHORT}


class Placer:
    """Places the orders of one account."""

    def __init__(self, connection: VenueConnection, clock: GateClock) -> None:
        self._connection = connection
        self._clock = clock

    async def place(self, order: venue_pb2.PlaceOrder) -> tuple[CommandOutcome, str]:
        """Sends it; gives what is known of it, and the venue's id where the venue gave one."""
        problem = self._forbidden(order) or self._unfit(order) or self._leg_problem(order) or await self._late(order)
        if not problem and not self._connection.sent.take(order.client_order_id):
            problem = f"{order.client_order_id} was sent before"
        if problem:
            return CommandOutcome(ok=False, error=f"not sent: {problem}"), ""
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

    def _forbidden(self, order: venue_pb2.PlaceOrder) -> str:
        """Why this feed must not send it; empty: it may."""
        connection, kind = self._connection, _kind(order)
        if not (connection.config.allow_orders and connection.can_cancel):
            return "this feed may not place orders: it needs --allow-orders, and a key that can trade"
        if kind not in connection.quirks.places:
            return f"{kind} orders are not placed at {connection.exchange_id}: that ccxt sends one whole is not proven"
        if connection.quirks.spot and kind == MARKET and order.side == types_pb2.SIDE_BUY:
            return "a spot market buy is not placed, many venues take its quantity for an amount of money: name a limit"
        return ""

    def _unfit(self, order: venue_pb2.PlaceOrder) -> str:
        """What is wrong with the order itself; empty: nothing."""
        if order.instrument not in self._connection.instruments or order.side not in _SIDES:
            return "a listed instrument and a side are needed"
        if not order.client_order_id or not order.reduce_only:
            return "a client order id and reduce-only are needed"
        instrument, command = self._connection.instruments[order.instrument], self._connection.command
        checks = [("quantity", order.quantity, instrument.quantity_step, command.amount_to_precision)]
        if order.limit_price:
            checks.append(("price", order.limit_price, instrument.price_step, command.price_to_precision))
        for what, text, step, to_precision in checks:
            if step is not None and Decimal(text) % step:
                return f"the {what} {text} is not a multiple of the venue's step {step}"
            sent = _sent_as(to_precision, order.instrument, text)
            if sent is None or Decimal(sent) != Decimal(text):
                return f"ccxt would send the {what} {text} as {sent}"
        return ""

    def _leg_problem(self, order: venue_pb2.PlaceOrder) -> str:
        """In hedge mode an order without its leg could open the other one; where there are none it names none."""
        if not self._connection.hedge_mode:
            return "the account has one position per instrument, no legs" if order.leg else ""
        if order.leg != _CLOSES[order.side]:
            return "in hedge mode an order names the leg that it closes: a sell the long one, a buy the short one"
        if not self._connection.quirks.places_legs:
            return f"that ccxt names the leg of a hedge at {self._connection.exchange_id} is not proven"
        return ""

    async def _late(self, order: venue_pb2.PlaceOrder) -> str:
        now_ns = await self._clock.as_of_ns() + self._clock.silent_ms() * 1_000_000
        return "its approval has run out" if now_ns > order.valid_until_ns else ""

    # Quantity and price stay text, as with `number=str`: no float comes near them.
    async def _request(self, order: venue_pb2.PlaceOrder) -> dict[str, object]:
        quirks = self._connection.quirks
        params: dict[str, object] = {quirks.place_id_param: order.client_order_id}
        if quirks.enforces_reduce_only:
            params["reduceOnly"] = True
        if order.leg:
            params["hedged"] = True  # ccxt finds the leg from the side and from reduceOnly
        if order.limit_price:
            params |= quirks.ioc
        with late_orders_refused(self._connection) as window:
            answer: dict[str, object] = await self._connection.command.create_order(
                order.instrument,
                _kind(order),
                _SIDES[order.side],
                order.quantity,
                order.limit_price or None,
                {**params, **window},
            )
        return answer


def _kind(order: venue_pb2.PlaceOrder) -> str:
    return LIMIT if order.limit_price else MARKET


def _sent_as(to_precision: Any, instrument: str, text: str) -> str | None:  # noqa: ANN401 - ccxt's
    """Give what ccxt makes of a number; None: it can't send it."""
    try:
        return str(to_precision(instrument, text))
    except (ccxt_errors.BaseError, ArithmeticError, TypeError, ValueError, KeyError):
        return None
