"""Decimal arithmetic on a grid of ticks and lot steps, and the rounding of money.

Never a float. Reading and writing decimal text is the core's (`parse_decimal`, `plain`).
"""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Decimal
from typing import Final

BPS: Final = Decimal(10_000)

_CENTIMIL: Final = Decimal("0.00000001")


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
