"""One-way positions: how a fill changes what is held, and what it realises.

Pure. A position is replaced, never changed, so that earlier states can be kept and shown (the position lag switch).
Invariants: the removed and the remaining entry value add up exactly, so realised and unrealised profit never lose a
fraction; a flat position has no entry value.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from risksvc.core.types import ZERO
from risksvc.venue.paper.decimals import money
from risksvc.venue.paper.orders import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What an account holds of one instrument.

    `size` is signed, in the base coin; `entry_value` is what it cost, unsigned, in the settle coin; `realised` counts
    since the position was opened, `realised_total` since ever, both after fees. `seq` is the cross sequence of the
    last change, -1 before any.
    """

    symbol: str
    size: Decimal = ZERO
    entry_value: Decimal = ZERO
    realised: Decimal = ZERO
    realised_total: Decimal = ZERO
    seq: int = -1
    created_ms: int = 0
    updated_ms: int = 0

    @property
    def side(self) -> Side | None:
        """Give Buy for long, Sell for short, None for flat."""
        if not self.size:
            return None
        return Side.BUY if self.size > 0 else Side.SELL

    @property
    def average_price(self) -> Decimal:
        """Give the mean entry price to eight decimals, 0 when flat."""
        return money(self.entry_value / abs(self.size)) if self.size else ZERO

    def unrealised(self, mark: Decimal) -> Decimal:
        """Give the profit of closing everything at `mark`, before fees."""
        value = abs(self.size) * mark
        return value - self.entry_value if self.size > 0 else self.entry_value - value


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A trade as far as a position cares; `fee` is positive when paid."""

    side: Side
    qty: Decimal
    price: Decimal
    fee: Decimal
    seq: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a fill did: the new position, how much of the old one it closed, and the profit on that before the fee."""

    position: Position
    closed: Decimal
    pnl: Decimal


def apply_fill(position: Position, fill: Fill) -> Change:
    """Close the opposite position first, then open with the rest."""
    opposite = position.side is not None and position.side is not fill.side
    closed = min(fill.qty, abs(position.size)) if opposite else ZERO
    released = _entry_of(position, closed)
    proceeds = closed * fill.price
    pnl = proceeds - released if position.size > 0 else released - proceeds
    size = position.size + fill.side.sign * fill.qty
    opened = fill.qty - closed
    net = pnl - fill.fee
    begins = opened > 0 and (opposite or not position.size)
    return Change(
        position=replace(
            position,
            size=size,
            entry_value=position.entry_value - released + opened * fill.price,
            realised=net if begins else position.realised + net,
            realised_total=position.realised_total + net,
            seq=fill.seq,
            created_ms=fill.at_ms if begins else position.created_ms,
            updated_ms=fill.at_ms,
        ),
        closed=closed,
        pnl=pnl,
    )


def _entry_of(position: Position, closed: Decimal) -> Decimal:
    """Give the share of the entry value that `closed` units carry away, rounded to eight decimals."""
    if not closed:
        return ZERO
    if closed == abs(position.size):
        return position.entry_value
    return money(position.entry_value * closed / abs(position.size))
