"""Positions: how a fill changes what is held, and what it realises.

An account in one-way mode has one position per instrument (leg `ONE_WAY`), in hedge mode one per side (`LONG_LEG`,
`SHORT_LEG`): Bybit's `positionIdx`. Pure. A position is replaced, never changed, so that earlier states can be kept
and shown (the position lag switch). Invariants: the removed and the remaining entry value add up exactly, so realised
and unrealised profit never lose a fraction; a flat position has no entry value.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from risksvc.core.types import ZERO
from risksvc.venue.paper.decimals import fine, money, worth
from risksvc.venue.paper.orders import ONE_WAY, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What an account holds of one instrument, or of one leg of it.

    `size` is signed, in the instrument's order unit; `entry_value` is what it cost, unsigned, in the settle coin;
    `inverse` says that this is the base coin; `realised` counts since the position was opened, `realised_total` since
    ever, both after fees and funding. `seq` is the cross sequence of the last change, -1 before any: executions up to
    it are in the position, later ones aren't.
    """

    symbol: str
    leg: int = ONE_WAY
    inverse: bool = False
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
        if not self.size:
            return ZERO
        size = abs(self.size)
        return money(size / self.entry_value if self.inverse else self.entry_value / size)

    def value(self, price: Decimal) -> Decimal:
        """Give what the position is worth at `price`, unsigned, in the settle coin."""
        return worth(abs(self.size), price, inverse=self.inverse)

    def unrealised(self, mark: Decimal) -> Decimal:
        """Give the profit of closing everything at `mark`, before fees."""
        return self.profit(self.value(mark), self.entry_value)

    def after_funding(self, paid: Decimal, *, seq: int, at_ms: int) -> "Position":
        """Give the position after `paid` (negative: received) for holding it; size and entry stay."""
        return replace(
            self,
            realised=self.realised - paid,
            realised_total=self.realised_total - paid,
            seq=seq,
            updated_ms=at_ms,
        )

    def profit(self, value: Decimal, entry: Decimal) -> Decimal:
        """Give what leaving at `value` brings: an inverse contract is worth less coin the higher the price."""
        return value - entry if (self.size > 0) is not self.inverse else entry - value


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
    pnl = position.profit(worth(closed, fill.price, inverse=position.inverse), released) if closed else ZERO
    size = position.size + fill.side.sign * fill.qty
    opened = fill.qty - closed
    net = pnl - fill.fee
    begins = opened > 0 and (opposite or not position.size)
    return Change(
        position=replace(
            position,
            size=size,
            entry_value=position.entry_value - released + worth(opened, fill.price, inverse=position.inverse),
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
    """Give the share of the entry value that `closed` units carry away, rounded as money is."""
    if not closed:
        return ZERO
    if closed == abs(position.size):
        return position.entry_value
    share = position.entry_value * closed / abs(position.size)
    return fine(share) if position.inverse else money(share)
