"""Marks: the price that positions are valued at, and when it can be trusted.

A mark that jumps by more than 10 %, or is off the book's mid by more than the collar, denies growth until two reads
agree. Meanwhile the larger of the two counts.
"""

from dataclasses import dataclass
from decimal import Decimal

from risksvc.core.types import HUNDRED, ONE, Nanoseconds, Side
from risksvc.core.venue_events import Mark

MAX_JUMP = Decimal("0.1")


@dataclass(slots=True)
class MarkState:
    """One instrument's mark. `price` is what counts; `last` what the last read said."""

    price: Decimal
    last: Decimal
    as_of: Nanoseconds
    confirmed: bool


def next_mark(state: MarkState | None, mark: Mark, *, as_of: Nanoseconds, collar: Decimal) -> MarkState:
    """The state after a read."""
    if state is not None and as_of < state.as_of:
        return state
    agrees = state is None or abs(mark.price - state.last) <= MAX_JUMP * state.last
    confirmed = agrees and _near_mid(mark, collar)
    price = mark.price if confirmed or state is None else max(mark.price, state.price)
    return MarkState(price, mark.price, as_of, confirmed)


def _near_mid(mark: Mark, collar: Decimal) -> bool:
    if mark.bid is None or mark.ask is None:
        return True
    twice_mid = mark.bid + mark.ask
    return abs(2 * mark.price - twice_mid) * HUNDRED <= collar * twice_mid


def collared(mark: Decimal, collar: Decimal, side: Side) -> Decimal:
    """The furthest limit price that the collar allows: above the mark for a buy, below it for a sell."""
    share = collar / HUNDRED
    return mark * (ONE + share) if side is Side.BUY else mark * (ONE - share)
