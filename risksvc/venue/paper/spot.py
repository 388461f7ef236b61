"""Spot pairs: which coin pays, what is kept back for an order, and how a fill exchanges coins.

A buy pays with the quote coin and receives the base coin, a sell the other way round; the fee is taken out of what is
received. There are no positions and nothing is borrowed: what isn't in the wallet can't be sold.
"""

from decimal import Decimal
from typing import NamedTuple

from risksvc.core.types import ZERO
from risksvc.venue.paper.decimals import floor_to
from risksvc.venue.paper.instruments import Instrument
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.orders import Side


class Exchange(NamedTuple):
    """What a fill does to two wallets; `fee` is in the coin received, and not yet taken off `received`."""

    paid_coin: str
    paid: Decimal
    received_coin: str
    received: Decimal
    fee: Decimal


def paid_coin(instrument: Instrument, side: Side) -> str:
    """Give the coin that an order of `side` pays with."""
    return instrument.quote if side is Side.BUY else instrument.base


def received_coin(instrument: Instrument, side: Side) -> str:
    """Give the coin that an order of `side` receives, and pays its fee in."""
    return paid_coin(instrument, side.opposite)


def cost(side: Side, *, qty: Decimal, price: Decimal) -> Decimal:
    """Give how much of the paying coin an order needs."""
    return qty * price if side is Side.BUY else qty


def exchange(instrument: Instrument, side: Side, *, qty: Decimal, price: Decimal, rate: Decimal) -> Exchange:
    """Reckon a fill."""
    received = cost(side.opposite, qty=qty, price=price)
    return Exchange(
        paid_coin=paid_coin(instrument, side),
        paid=cost(side, qty=qty, price=price),
        received_coin=received_coin(instrument, side),
        received=received,
        fee=instrument.rounded(received * rate),
    )


def quantity_for(market: Market, side: Side, quote_amount: Decimal) -> Decimal:
    """Give the base quantity of a market order for `quote_amount` of the quote coin, at what the depth offers now."""
    total = ZERO
    for level in market.levels(side.opposite):
        part = min(level.size, quote_amount / level.price)
        total += part
        quote_amount -= part * level.price
        if part < level.size:
            break
    return floor_to(total, market.instrument.step)
