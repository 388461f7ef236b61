"""Which venues this process places orders at, as data: what ccxt 4.5.90 was seen to send there.

Each row is tried against the real classes by a test: the request carries the client order id, the exact quantity and
price, immediate or cancel for a limit order, and reduce-only (in hedge mode the leg, where `legs` says so). What does
not come out whole is not in here, and no order is placed there:

- kucoinfutures compares an amount as a number, so that it can't be handed over as text; mexc turns it into a float, and
  lets an immediate-or-cancel order rest.
- htx drops a client order id that is no whole number; cryptocom, bitflyer send none; bullish and dydx ask before they
  send, so nothing could be proven.
- blofin and every venue without an entry in the table of venues: not tried.

Never imports ccxt.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

LIMIT, MARKET = "limit", "market"
_BOTH = (LIMIT, MARKET)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWays:
    """How one venue's orders are sent; the fields are those of `Quirks` (places, place_id_param, ioc, places_legs)."""

    places: tuple[str, ...] = ()
    id_param: str = "clientOrderId"
    ioc: Mapping[str, object] = field(default_factory=lambda: {"timeInForce": "IOC"})
    legs: bool = False


_PLAIN = OrderWays(places=_BOTH)
_WITH_LEGS = OrderWays(places=_BOTH, legs=True)

ORDER_WAYS: Mapping[str, OrderWays] = {
    "bybit": _WITH_LEGS,
    "binance": _WITH_LEGS,
    "binanceusdm": _WITH_LEGS,
    "binancecoinm": _WITH_LEGS,
    "okx": _WITH_LEGS,
    "bingx": _WITH_LEGS,
    "phemex": _WITH_LEGS,
    "bitget": _PLAIN,
    "gate": _PLAIN,
    "woo": _PLAIN,
    "whitebit": _PLAIN,
    "kraken": _PLAIN,
    "coinbase": OrderWays(places=_BOTH, id_param="client_order_id"),  # ccxt replaces its own clientOrderId
    "deribit": OrderWays(places=_BOTH, id_param="label"),  # ccxt hands clientOrderId on, and the venue knows no such
    "krakenfutures": OrderWays(places=_BOTH, ioc={"timeInForce": "ioc"}),  # in capitals it rests
    "delta": OrderWays(places=_BOTH, ioc={"time_in_force": "ioc"}),  # ccxt hands timeInForce on as it is: it rests
    "hyperliquid": OrderWays(places=(LIMIT,)),  # a market order there is a limit order at a price of ccxt's choice
}


def order_ways(exchange_id: str) -> OrderWays:
    """Give a venue's row; one that places nothing where there is none."""
    return ORDER_WAYS.get(exchange_id, OrderWays())
