"""Which leg of a hedge a position, an order or an execution belongs to: the long one of an instrument or the short one.

Pure. A venue that holds one net position per instrument has no legs: then none is named, and nothing changes. What
names a leg and contradicts itself is refused; a leg is never guessed from the sign of a trade alone.
"""

from decimal import Decimal

from risksvc.core.types import ZERO, Side
from risksvc.venue.quirks import Leg, Quirks
from risksvc.venue.rows import PositionRow, RowReader

_OPENED_BY = {Side.BUY: Leg.LONG, Side.SELL: Leg.SHORT}
_CLOSED_BY = {Side.BUY: Leg.SHORT, Side.SELL: Leg.LONG}


def named_leg(reader: RowReader, quirks: Quirks) -> Leg | None:
    """Give the leg that a row's `info` names; None in one-way mode, or where the venue does not say."""
    return _value(reader, quirks.leg_key, quirks)


def position_leg(reader: RowReader, quantity: Decimal, quirks: Quirks) -> Leg | None:
    """Give a position's leg: the one that is named, else that of its side where ccxt says that the account hedges."""
    held = Leg.LONG if quantity > ZERO else Leg.SHORT
    named = named_leg(reader, quirks)
    if named is None:
        return held if reader.row.get("hedged") is True else None
    if named is not held:
        raise reader.refuse(f"contradicts itself: the {named.value.lower()} leg holds {quantity}")
    return named


def fill_leg(reader: RowReader, *, side: Side, quantity: Decimal, quirks: Quirks, hedged: bool) -> Leg | None:
    """Give an execution's leg: the one that is named, else the one that follows from how much of a position it closed.

    `hedged`: the account is in hedge mode. In one-way mode an execution may close and open at once, and says so too.
    """
    named = _value(reader, quirks.fill_leg_key, quirks)
    if named is not None or not hedged:
        return named
    if not quirks.closed_key or quirks.closed_key not in reader.info:
        return None
    closed = reader.instead(quirks.closed_key, reader.info[quirks.closed_key]).exact(quirks.closed_key) or ZERO
    if closed == ZERO:
        return _OPENED_BY[side]
    if closed == quantity:
        return _CLOSED_BY[side]
    raise reader.refuse(
        f"{quirks.closed_key} is {closed} of {quantity}: in hedge mode it opens a leg or closes one, never both"
    )


def leg_quantities(rows: list[PositionRow]) -> tuple[Decimal | None, Decimal | None]:
    """Give what an instrument's long and short position hold; None twice where it has one net position."""
    signs = {row.quantity > ZERO for row in rows}
    if len(signs) == 1 and all(row.leg is None for row in rows):
        return None, None
    long = sum((row.quantity for row in rows if row.quantity > ZERO), ZERO)
    short = -sum((row.quantity for row in rows if row.quantity < ZERO), ZERO)
    return long, short


def _value(reader: RowReader, key: str, quirks: Quirks) -> Leg | None:
    return quirks.leg_values.get(str(reader.info.get(key, ""))) if key else None
