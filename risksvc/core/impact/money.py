"""Exact arithmetic for a review: what rounds is in one function here, and everything else may not round.

Inside `exact()` an operation that would lose a digit raises. So a sum that is said to be exact can't be off by the last
digit of anything; what has to be divided (an average price, coins per dollar) goes through `ratio`, once, to 24
decimals, and is from then on a number like any other.
"""

import decimal
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from risksvc.core.impact.types import ImpactInstrument
from risksvc.core.types import InstrumentKind

_GRAIN = Decimal("1E-24")
_FAULTS = [decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow, decimal.FloatOperation]
_EXACT = decimal.Context(prec=400, rounding=decimal.ROUND_HALF_EVEN, traps=[*_FAULTS, decimal.Inexact])
_DIVIDING = decimal.Context(prec=140, rounding=decimal.ROUND_HALF_EVEN, traps=_FAULTS)
# `with exact():` is a context in which nothing is rounded: what can't be exact raises `decimal.Inexact`.
exact = partial(decimal.localcontext, _EXACT)


def ratio(dividend: Decimal, divisor: Decimal) -> Decimal:
    """The one division: to 24 decimals."""
    return _DIVIDING.quantize(_DIVIDING.divide(dividend, divisor), _GRAIN)


def whole_steps(quantity: Decimal, step: Decimal | None) -> Decimal:
    """A quantity rounded towards zero to the venue's step; without a step as it is."""
    return quantity if step is None else quantity // step * step


@dataclass(frozen=True, slots=True)
class Valuation:
    """What one long unit is worth at a price, and what the settle currency is in the report's.

    Linear and spot: size x price, in the quote currency. Inverse: - size / price, in the base coin.
    """

    size: Decimal
    rate: Decimal
    inverse: bool = False

    def worth(self, price: Decimal) -> Decimal:
        """One long unit's worth in the settle currency; differences of it are profit."""
        return -ratio(self.size, price) if self.inverse else self.size * price

    def into_report(self, mark: Decimal) -> Decimal:
        """Report currency per unit of the settle currency, at the horizon's mark."""
        return self.rate * mark if self.inverse else self.rate

    def exposure(self, quantity: Decimal, mark: Decimal) -> Decimal:
        """A position's absolute value in the report's currency."""
        return abs(quantity) * self.size * (self.rate if self.inverse else self.rate * mark)


def valuation(of: ImpactInstrument) -> Valuation:
    """An instrument's."""
    instrument = of.instrument
    return Valuation(instrument.contract_size, of.rate, instrument.kind is InstrumentKind.INVERSE)
