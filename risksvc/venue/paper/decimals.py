"""Decimal arithmetic on a grid of ticks and lot steps, and the rounding of money.

Never a float. Reading and writing decimal text is the core's (`parse_decimal`, `plain`).
"""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Decimal
from typing import Final

BPS: Final = Decimal(10_000)

_CENTIMIL: Final = Decimal("0.00000001")
_FINE: Final = Decimal("0.000000000000000001")


def is_multiple(value: Decimal, *, of: Decimal) -> bool:
    """Whether `value` lies on the grid of `of` (a tick or a lot step)."""
    return value % of == 0


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Round towards zero onto the grid of `step`."""
    return (value / step).to_integral_value(ROUND_DOWN) * step


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """Round away from zero onto the grid of `step`."""
    return (value / step).to_integral_value(ROUND_UP) * step


def nearest_to(value: Decimal, step: Decimal) -> Decimal:
    """Round to the nearest point on the grid of `step`."""
    return (value / step).to_integral_value(ROUND_HALF_EVEN) * step


def money(value: Decimal) -> Decimal:
    """Round to the eight decimals in which Bybit keeps money and average prices."""
    return value.quantize(_CENTIMIL, ROUND_HALF_EVEN)


def worth(qty: Decimal, price: Decimal, *, inverse: bool) -> Decimal:
    """Give what `qty` is worth at `price`: in the quote coin, or in the base coin for contracts of one quote coin.

    A quotient is rounded once, here, to eighteen decimals. What is worth the same thing is always worth the same
    number, so sums and differences of worths are exact.
    """
    return fine(qty / price) if inverse else qty * price


def fine(value: Decimal) -> Decimal:
    """Round to the eighteen decimals in which amounts of the coins of inverse contracts are kept."""
    return value.quantize(_FINE, ROUND_HALF_EVEN)
