"""Worst-case exposure: what can still happen, in any order of fills.

With P in [low, high], ordinary buys B and sells S, venue-enforced reduce-only R_buy and R_sell:

    lo = min(P, max(0, P - R_sell)) - S        hi = max(P, min(0, P + R_buy)) + B
    E  = max(|value(lo)|, |value(hi)|)

The position is valued at the mark, every order at the worst price it can fill at (`order_price`). Quantities are signed
order units; values are in the limits' currency.
"""

from decimal import Decimal

from risksvc.core.immutable import immutable
from risksvc.core.types import BUY, HUNDRED, INVERSE, LIMIT, ONE, ZERO, Instrument, OrderType, Side


@immutable
class Working:
    """Sums over everything approved and not proven finished. Values at the worst prices; reduce-only needs no value."""

    buy: Decimal = ZERO
    sell: Decimal = ZERO
    reduce_buy: Decimal = ZERO
    reduce_sell: Decimal = ZERO
    buy_value: Decimal = ZERO
    sell_value: Decimal = ZERO

    def plus(self, side: Side, quantity: Decimal, *, value: Decimal, reduces: bool) -> "Working":
        """These sums with `quantity` more (or, negative, less) on a side."""
        buy, sell, reduce_buy, reduce_sell = self.buy, self.sell, self.reduce_buy, self.reduce_sell
        buy_value, sell_value = self.buy_value, self.sell_value
        if not reduces:
            if side is BUY:
                buy, buy_value = buy + quantity, buy_value + value
            else:
                sell, sell_value = sell + quantity, sell_value + value
        elif side is BUY:
            reduce_buy += quantity
        else:
            reduce_sell += quantity
        return Working(buy, sell, reduce_buy, reduce_sell, buy_value, sell_value)

    def on_side(self, side: Side) -> Decimal:
        """All quantity working on a side, reduce-only included."""
        return self.buy + self.reduce_buy if side is BUY else self.sell + self.reduce_sell


NOTHING_WORKING = Working()


@immutable
class WorstCase:
    """Lowest and highest quantity that can come about, and the larger absolute value of the two."""

    low: Decimal
    high: Decimal
    exposure: Decimal


FLAT = WorstCase(ZERO, ZERO, ZERO)
Counted = tuple[Working, WorstCase]  # what works, and what can come of it


def worst_case(low: Decimal, high: Decimal, working: Working, unit: Decimal) -> WorstCase:
    """Worst case of a position in [low, high]; `unit` is the value of one order unit of position."""
    assert low <= high, "a position interval runs upwards"
    low_held, high_held = low, high
    if working.reduce_sell:
        low_held = min(low, max(ZERO, low - working.reduce_sell))
    if working.reduce_buy:
        high_held = max(high, min(ZERO, high + working.reduce_buy))
    low_value = abs(low_held * unit - working.sell_value)
    high_value = abs(high_held * unit + working.buy_value)
    exposure = low_value if low_value >= high_value else high_value  # noqa: FURB136 - max() costs three times as much
    return WorstCase(low_held - working.sell, high_held + working.buy, exposure)


def with_order(
    low: Decimal, high: Decimal, working: Working, unit: Decimal, *, more: tuple[bool, Decimal, Decimal]
) -> Counted:
    """Sums and worst case with one ordinary order more (buys it, quantity, value): every check asks for this twice.

    `plus` and `worst_case` in one step, where nothing reduces.
    """
    buying, quantity, value = more
    buy, sell, buy_value, sell_value = working.buy, working.sell, working.buy_value, working.sell_value
    if buying:
        buy, buy_value = buy + quantity, buy_value + value
    else:
        sell, sell_value = sell + quantity, sell_value + value
    sums = Working(buy, sell, working.reduce_buy, working.reduce_sell, buy_value, sell_value)
    if working.reduce_buy or working.reduce_sell:
        return sums, worst_case(low, high, sums, unit)
    low_value, high_value = abs(low * unit - sell_value), abs(high * unit + buy_value)
    exposure = low_value if low_value >= high_value else high_value  # noqa: FURB136 - as above
    return sums, WorstCase(low - sell, high + buy, exposure)


def is_within(low: Decimal, high: Decimal, working: Working, unit: Decimal, *, limit: Decimal) -> bool:
    """Whether `worst_case` is within a limit, asked of its two ends: what the invariant is asserted with."""
    if working.reduce_buy or working.reduce_sell:
        return worst_case(low, high, working=working, unit=unit).exposure <= limit
    return high * unit + working.buy_value <= limit and low * unit - working.sell_value >= -limit


def unit_value(instrument: Instrument, *, rate: Decimal, price: Decimal) -> Decimal:
    """The value of one order unit at a price, in the limits' currency."""
    if instrument.kind is INVERSE:
        return instrument.contract_size * rate
    return instrument.contract_size * price * rate


def order_price(
    side: Side, order_type: OrderType, *, limit_price: Decimal | None, mark: Decimal, collar: Decimal
) -> Decimal:
    """The worst price that an order can fill at: a resting one at max(mark, limit), a market buy a collar above."""
    if order_type is LIMIT:
        assert limit_price is not None, "a limit order has a price"
        return mark if mark >= limit_price else limit_price  # noqa: FURB136 - as above
    return mark * (ONE + collar / HUNDRED) if side is BUY else mark
