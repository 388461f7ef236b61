"""The checks with a number: order size, order rate, exposure, total, and the band around the intended position.

A limit can stand at several scopes (instrument, account, strategy, strategy in an instrument); each is checked on its
own aggregate. `own` tells whether the strategy breaks it by its own doing (its position, its proven working orders,
this order) or only lacks headroom because of others and of what is not proven finished. Limits are inclusive.
"""

from collections.abc import Callable, Iterator, Sequence, Sized
from dataclasses import replace
from decimal import Decimal
from operator import attrgetter

from risksvc.core.check import Check, proven_working
from risksvc.core.denials import HEADLINE, Denial, DenialReason
from risksvc.core.exposure import worst_case
from risksvc.core.immutable import immutable
from risksvc.core.limits import SHADOW, Limit, OrderLimits
from risksvc.core.line import Line
from risksvc.core.types import BUY, HUNDRED, ZERO, PositionRange, Scope, plain

# Where a limit stands: the scope of a check that it is for, made only when it is broken.
Where = Callable[[Check], Scope]
HERE: Where = attrgetter("here")
WHOSE: Where = attrgetter("whose")
WHOSE_HERE: Where = attrgetter("whose_here")


@immutable
class Breach:
    """A limit that an order would break. `grows`: with the order it would be broken further than it is without."""

    denial: Denial
    limit: Limit
    own: bool = True
    grows: bool = True

    @property
    def shadow(self) -> bool:
        """Only told, not denied."""
        return self.limit.mode is SHADOW

    @property
    def trips(self) -> bool:
        """Trips the strategy's kill switch, as far as the limit's `on_breach` says."""
        return self.own and self.grows and not self.shadow and self.denial.reason in HEADLINE

    def as_denied(self) -> Denial:
        """What the strategy is told: for want of headroom that others hold, HEADROOM_RESERVED."""
        if self.own or self.denial.reason not in HEADLINE:
            return self.denial
        return replace(
            self.denial,
            reason=DenialReason.HEADROOM_RESERVED,
            message=f"{self.denial.message}; room is held by others or by orders not proven finished: try again",
        )


NONE: tuple[Breach, ...] = ()


def order_size(check: Check) -> Sequence[Breach]:
    """`max_order_quantity` and `max_order_notional`, at every scope that has them; the operator's exits pass."""
    own = check.strategy_limits
    if own is None:
        return NONE
    both = own.instruments.get(check.order.instrument)
    row, quantity, value = check.instrument_limits.order, check.order.quantity, check.order.quantity * check.order_unit
    for limits in (row, own.order) if both is None else (row, own.order, both.order):
        most, worth = limits.max_order_quantity, limits.max_order_notional
        if (most is not None and quantity > most.value) or (worth is not None and value > worth.value):
            break
    else:
        return NONE  # at a glance; where it is too large is asked below
    found = (*_too_large(check, HERE, row), *_too_large(check, WHOSE, own.order))
    return found if both is None else (*found, *_too_large(check, WHOSE_HERE, both.order))


def _too_large(check: Check, where: Where, limits: OrderLimits) -> tuple[Breach, ...]:
    found, order = NONE, check.order
    limit = limits.max_order_quantity
    if limit is not None and order.quantity > limit.value:
        found += (_above(DenialReason.MAX_ORDER_QUANTITY, where(check), limit, observed=order.quantity),)
    limit = limits.max_order_notional
    if limit is not None and order.quantity * check.order_unit > limit.value:
        value = order.quantity * check.order_unit
        found += (_above(DenialReason.MAX_ORDER_NOTIONAL, where(check), limit, observed=value),)
    return found


def order_rate(check: Check) -> Sequence[Breach]:
    """`max_orders_per_second` of the account and of the strategy: approvals of the last second and this one."""
    own = check.strategy_limits
    if check.reduces or own is None:
        return NONE
    ours, mine = check.limits.max_orders_per_second, own.max_orders_per_second
    found = NONE
    if ours is not None and 1 + len(check.book.approvals) > ours.value:
        found += (_too_many(check.everywhere, ours, check.book.approvals),)
    if mine is not None and 1 + len(check.mine.approvals) > mine.value:
        found += (_too_many(check.whose, mine, check.mine.approvals),)
    return found


def _too_many(scope: Scope, limit: Limit, approvals: Sized) -> Breach:
    return _above(DenialReason.MAX_ORDERS_PER_SECOND, scope, limit, observed=Decimal(1 + len(approvals)))


def net_exposure(check: Check) -> Sequence[Breach]:
    """`max_net_exposure`: the instrument's worst case; the strategy's own, where it has a limit of its own."""
    own = check.strategy_limits
    if check.reduces or own is None:
        return NONE
    found, limit = NONE, check.instrument_limits.max_net_exposure
    if check.after.exposure > limit.value:
        found += (_net(check, check.here, limit),)
    if len(check.line.marks) > 1:
        found += tuple(_of_other_pairs(check))
    both, mine = own.instruments.get(check.order.instrument), check.mine_after.exposure
    narrow = own.max_net_exposure
    if narrow is not None and mine > narrow.value:
        found += (_own_net(check, check.whose, narrow),)
    narrow = None if both is None else both.max_net_exposure
    if narrow is not None and mine > narrow.value:
        found += (_own_net(check, check.whose_here, narrow),)
    return found


def _of_other_pairs(check: Check) -> Iterator[Breach]:
    """By the limits of every other pair that a spot asset is traded in."""
    for symbol in check.line.marks:
        row = check.limits.instruments.get(symbol)
        if row is not None and symbol != check.order.instrument and check.after.exposure > row.max_net_exposure.value:
            yield _net(check, Scope(check.order.account, instrument=symbol), row.max_net_exposure)


def _net(check: Check, scope: Scope, limit: Limit) -> Breach:
    return _grown(check, scope, limit, was=check.line.worst.exposure, observed=check.after.exposure)


def _own_net(check: Check, scope: Scope, limit: Limit) -> Breach:
    return _grown(check, scope, limit, was=check.part.worst.exposure, observed=check.mine_after.exposure)


def _grown(check: Check, scope: Scope, limit: Limit, *, was: Decimal, observed: Decimal) -> Breach:
    breach = _above(DenialReason.MAX_NET_EXPOSURE, scope, limit, observed=observed)
    return replace(breach, own=check.proven_after().exposure > limit.value, grows=observed > was)


def gross_exposure(check: Check) -> Sequence[Breach]:
    """`max_gross_exposure`, where an account holds two legs: both, everything working on either side, this order.

    A closing order counts as well: by its quantity alone nobody can tell it from one that opens the other leg.
    """
    limit = check.instrument_limits.max_gross_exposure
    if limit is None or check.reduces or not check.book.hedge_mode:
        return NONE
    replaced = ZERO if check.amends is None else check.amends.counted_value
    gross = gross_value(check.line) + check.value - replaced
    if gross <= limit.value:
        return NONE
    return (_above(DenialReason.MAX_GROSS_EXPOSURE, check.here, limit, observed=gross),)


def gross_value(line: Line) -> Decimal:
    """The value of both legs and of everything that may still open one. Where ledger and venue differ, the larger."""
    legs = line.long + line.short
    if line.drifting:
        legs = max(line.long, line.venue_long or ZERO) + max(line.short, line.venue_short or ZERO)
    return legs * (line.unit or ZERO) + line.working.buy_value + line.working.sell_value


def total_exposure(check: Check) -> Sequence[Breach]:
    """`max_total_exposure`: the account's worst case over all instruments; the strategy's, where it has a limit."""
    own = check.strategy_limits
    if check.reduces or own is None:
        return NONE
    found, limit, narrow = NONE, check.limits.max_total_exposure, own.max_total_exposure
    if check.total_after > limit.value:
        found += (_total(check, check.everywhere, limit, was=check.book.total, observed=check.total_after),)
    if narrow is not None:
        was = check.mine.total
        observed = was - check.part.worst.exposure + check.mine_after.exposure
        if observed > narrow.value:
            found += (_total(check, check.whose, narrow, was=was, observed=observed),)
    return found


def _total(check: Check, scope: Scope, limit: Limit, *, was: Decimal, observed: Decimal) -> Breach:
    breach = _above(DenialReason.MAX_TOTAL_EXPOSURE, scope, limit, observed=observed)
    return replace(breach, own=_own_total(check) > limit.value, grows=observed > was)


def _own_total(check: Check) -> Decimal:
    """The strategy's own doing over all instruments. Walks them, so only asked when a limit is broken."""
    total = check.proven_after().exposure
    for key, line in check.book.lines.items():
        part = line.strategies.get(check.order.strategy)
        if part is not None and key != check.line.key:
            working = proven_working(part)
            unit = line.unit or ZERO
            total += worst_case(part.position, part.position, working=working, unit=unit).exposure
    return total


def intended_band(check: Check) -> Sequence[Breach]:
    """The 150 % rule: an order that grows the position may not take its worst case out of the band.

    What stood at the declaration is in the band too, but never further out than the worst case without the order.
    """
    intent, own = check.intent, check.strategy_limits
    if check.reduces or intent is None or own is None or check.delta_quantity <= ZERO:
        return NONE
    buying, percent = check.order.side is BUY, own.band.value
    reach = check.mine_after.high if buying else check.mine_after.low
    if buying and (reach <= ZERO or reach * HUNDRED <= intent.high * percent):
        return NONE
    if not buying and (reach >= ZERO or reach * HUNDRED >= intent.low * percent):
        return NONE
    return (_out_of_band(check, own.band, check.part.band(intent, percent=percent)),)


def _out_of_band(check: Check, limit: Limit, band: PositionRange) -> Breach:
    buying = check.order.side is BUY
    edge, observed = (band.high, check.mine_after.high) if buying else (band.low, check.mine_after.low)
    proven = check.proven_after()
    text = (
        f"{check.order.strategy} could reach {plain(observed)} {check.order.instrument}; its band "
        f"({plain(limit.value)} % of what it intends) is {plain(band.low)} to {plain(band.high)}"
    )
    denial = Denial(DenialReason.INTENDED_BAND, check.whose_here, text, limit=edge, observed=observed)
    return Breach(denial, limit, own=proven.high > edge if buying else proven.low < edge)


_WHAT = {
    DenialReason.MAX_ORDER_QUANTITY: "order quantity",
    DenialReason.MAX_ORDER_NOTIONAL: "order notional",
    DenialReason.MAX_ORDERS_PER_SECOND: "orders per second",
    DenialReason.MAX_NET_EXPOSURE: "net exposure",
    DenialReason.MAX_TOTAL_EXPOSURE: "total exposure",
    DenialReason.MAX_GROSS_EXPOSURE: "gross exposure",
}


def _above(reason: DenialReason, scope: Scope, limit: Limit, *, observed: Decimal) -> Breach:
    text = f"{_WHAT[reason]} of {scope} would be {plain(observed)}; the limit is {plain(limit.value)}"
    return Breach(Denial(reason, scope, text, limit=limit.value, observed=observed), limit)


LIMIT_CHECKS: tuple[Callable[[Check], Sequence[Breach]], ...] = (
    order_size,
    order_rate,
    net_exposure,
    total_exposure,
    intended_band,
    gross_exposure,
)
