"""How one decision filled, in the actual ledger and in the counterfactual one.

The counterfactual order fills together with the actual one, fill by fill, at the actual average price, up to what that
filled on the same side. What it is larger than the order that was sent fills at the decision's mark, the half spread
and the stated impact against it, at the same fee rate. What the venue did not fill of the order that was sent, it does
not fill in the counterfactual either: the market is held fixed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from risksvc.core.impact.market import highest, lowest
from risksvc.core.impact.money import Valuation, ratio
from risksvc.core.impact.types import ImpactAssumptions, ImpactFill, MarkPoint
from risksvc.core.types import ZERO, MalformedInputError, Nanoseconds

_BPS = Decimal("0.0001")


class Step(NamedTuple):
    """One change of a line's ledgers. `cash`: of the counterfactual less of the actual, in the settle currency.

    `difference`: how believed - actual changes.
    """

    at: Nanoseconds
    actual: Decimal
    counterfactual: Decimal
    cash: Decimal = ZERO
    difference: Decimal = ZERO


class Extra(NamedTuple):
    """What fills at the mark in the counterfactual alone: a unit's worth, and at the best and the worst price."""

    quantity: Decimal
    worth: Decimal
    best: Decimal
    worst: Decimal


@dataclass(slots=True)
class Filling:
    """Both fillings of a decision; `execution` and `fees` in the settle currency, above zero where the actual lost."""

    filled: Decimal = ZERO
    would_fill: Decimal = ZERO
    execution: Decimal = ZERO
    fees: Decimal = ZERO
    steps: list[Step] = field(default_factory=list)
    extra: Extra | None = None

    @property
    def delta(self) -> Decimal:
        """By how much the actual ledger moved more than the counterfactual one."""
        return self.filled - self.would_fill


@dataclass(frozen=True, slots=True)
class Terms:
    """What orders of a line fill by."""

    value: Valuation
    assumed: ImpactAssumptions


def as_it_was(fills: Sequence[ImpactFill]) -> Filling:
    """A decision that is the same in both ledgers."""
    filled = sum((fill.quantity for fill in fills), ZERO)
    return Filling(filled, filled, steps=[Step(fill.at, fill.quantity, fill.quantity) for fill in fills])


def order_sent(order: Decimal, fills: Sequence[ImpactFill], *, decision_id: str) -> Decimal:
    """The order, at least what filled of it (where only fills are recorded). An order has one side."""
    filled = sum((fill.quantity for fill in fills), ZERO)
    if any(fill.quantity * (order or filled) <= ZERO for fill in fills):
        raise MalformedInputError(
            f"decision {decision_id!r}", "has bought and sold; give each order a decision of its own"
        )
    return max(order, filled, key=abs)


def fill_both(
    would_send: Decimal, *, sent: Decimal, fills: Sequence[ImpactFill], at: Nanoseconds, mark: MarkPoint, terms: Terms
) -> Filling:
    """Fills `sent` as it was, and `would_send` as it would have been."""
    worth = terms.value.worth
    worths = [worth(fill.price) for fill in fills]
    filled = sum((fill.quantity for fill in fills), ZERO)
    cost = sum((fill.quantity * each for fill, each in zip(fills, worths, strict=True)), ZERO)
    fee = sum((fill.fee for fill in fills), ZERO)
    side = 1 if would_send > ZERO else -1
    matched = min(abs(would_send), max(filled * side, ZERO))
    shadow = _Shadow(fills, worths, matched=matched * side)
    result = Filling(filled, matched * side, steps=shadow.steps)
    at_mark = worth(mark.mark)
    result.execution = cost - filled * at_mark - (shadow.cost - result.would_fill * at_mark)
    result.fees = fee - shadow.fees
    larger = (abs(would_send) - max(sent * side, ZERO)) * side
    if larger * side > ZERO:
        rate = ratio(fee, abs(cost)) if cost else terms.assumed.fee_rate
        _add_extra(result, larger, at=at, mark=mark, terms=terms, rate=rate)
    return result


class _Shadow:
    """The part of the counterfactual order that fills together with the actual one, and how."""

    def __init__(self, fills: Sequence[ImpactFill], worths: Sequence[Decimal], *, matched: Decimal) -> None:
        self.steps: list[Step] = []
        self.cost = self.fees = ZERO
        whole = matched == sum((fill.quantity for fill in fills), ZERO)
        average, fee_each = (ZERO, ZERO) if whole else _averages(fills, worths)
        left = matched
        for fill, actual_worth in zip(fills, worths, strict=True):
            part = min(left, fill.quantity, key=abs)
            left -= part
            cost = part * (actual_worth if whole else average)
            fee = fill.fee if whole else abs(part) * fee_each
            self.cost, self.fees = self.cost + cost, self.fees + fee
            cash = fill.quantity * actual_worth + fill.fee - cost - fee
            self.steps.append(Step(fill.at, fill.quantity, part, cash))


def _averages(fills: Sequence[ImpactFill], worths: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    """What a unit was worth at the average price, and the fee of one."""
    quantity = sum((fill.quantity for fill in fills), ZERO)
    fee = ratio(sum((fill.fee for fill in fills), ZERO), abs(quantity))
    if len(fills) == 1:
        return worths[0], fee  # nothing to divide, so nothing to round
    return ratio(sum((fill.quantity * each for fill, each in zip(fills, worths, strict=True)), ZERO), quantity), fee


def _add_extra(
    result: Filling, quantity: Decimal, *, at: Nanoseconds, mark: MarkPoint, terms: Terms, rate: Decimal
) -> None:
    value, assumed, side = terms.value, terms.assumed, 1 if quantity > ZERO else -1
    spread = mark.mark * assumed.half_spread_bps * _BPS if mark.half_spread is None else mark.half_spread
    against = side * (spread + mark.mark * assumed.impact_bps * _BPS)
    near, far = (lowest(mark), highest(mark)) if side > 0 else (highest(mark), lowest(mark))
    widest = far + against * assumed.spread_range
    if min(mark.mark + against, widest) <= ZERO:
        raise MalformedInputError("half_spread", f"with the impact it is more than the mark {mark.mark} itself")
    extra = Extra(quantity, value.worth(mark.mark + against), value.worth(near), value.worth(widest))
    cost, fee = quantity * extra.worth, abs(quantity * extra.worth) * rate
    result.would_fill += quantity
    result.execution -= cost - quantity * value.worth(mark.mark)
    result.fees -= fee
    result.steps.append(Step(at, ZERO, quantity, -cost - fee))
    result.extra = extra
