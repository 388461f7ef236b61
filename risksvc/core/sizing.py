"""The checks with a number: order size, order rate, exposure, total, and the band around the intended position.

A limit can stand at several scopes (instrument, account, strategy, strategy in an instrument); each is checked on its
own aggregate. `own` tells whether the strategy breaks it by its own doing (its position, its proven working orders,
this order) or only lacks headroom because of others and of what is not proven finished. Limits are inclusive.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from risksvc.core.checks import Check, proven_working
from risksvc.core.denials import HEADLINE, Denial, DenialReason
from risksvc.core.exposure import worst_case
from risksvc.core.limits import Limit, LimitMode, OrderLimits
from risksvc.core.line import Line
from risksvc.core.types import ZERO, Scope, Side, plain


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that an order would break. `grows`: with the order it would be broken further than it is without."""

    denial: Denial
    limit: Limit
    own: bool = True
    grows: bool = True

    @property
    def shadow(self) -> bool:
        """Only told, not denied."""
        return self.limit.mode is LimitMode.SHADOW

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


def order_size(check: Check) -> Iterator[Breach]:
    """`max_order_quantity` and `max_order_notional`, at every scope that has them; the operator's exits pass."""
    if check.operator:
        return
    value = check.order.quantity * check.book.order_unit(check.line, check.candidate)
    for scope, limits in _order_limits(check):
        yield from _above(
            DenialReason.MAX_ORDER_QUANTITY, scope, limits.max_order_quantity, observed=check.order.quantity
        )
        yield from _above(DenialReason.MAX_ORDER_NOTIONAL, scope, limits.max_order_notional, observed=value)


def _order_limits(check: Check) -> Iterator[tuple[Scope, OrderLimits]]:
    yield check.here, check.instrument_limits.order
    yield check.mine, check.own_limits.order
    both = check.own_limits.instruments.get(check.order.instrument)
    if both is not None:
        yield check.mine_here, both.order


def order_rate(check: Check) -> Iterator[Breach]:
    """`max_orders_per_second` of the account and of the strategy: approvals of the last second and this one."""
    if check.reduces:
        return
    all_ours, mine = check.book.approvals, check.book.strategy(check.order.strategy).approvals
    for scope, limit, approvals in (
        (Scope(check.order.account), check.limits.max_orders_per_second, all_ours),
        (check.mine, check.own_limits.max_orders_per_second, mine),
    ):
        recent = Decimal(1 + len(approvals))
        yield from _above(DenialReason.MAX_ORDERS_PER_SECOND, scope, limit, observed=recent)


def net_exposure(check: Check) -> Iterator[Breach]:
    """`max_net_exposure`: the instrument's worst case; the strategy's own, where it has a limit of its own."""
    if check.reduces:
        return
    reason, own = DenialReason.MAX_NET_EXPOSURE, check.own_limits
    both = own.instruments.get(check.order.instrument)
    before, after = check.line.worst.exposure, check.after.exposure
    mine_before, mine_after = check.part.worst.exposure, check.mine_after.exposure
    for scope, limit, was, observed in (
        *((scope, limit, before, after) for scope, limit in _net_limits(check)),
        (check.mine, own.max_net_exposure, mine_before, mine_after),
        (check.mine_here, None if both is None else both.max_net_exposure, mine_before, mine_after),
    ):
        for breach in _above(reason, scope, limit, observed=observed):
            yield replace(breach, own=check.proven_after().exposure > breach.limit.value, grows=observed > was)


def _net_limits(check: Check) -> Iterator[tuple[Scope, Limit]]:
    """The instrument's, and those of every other pair that a spot asset is traded in."""
    yield check.here, check.instrument_limits.max_net_exposure
    for symbol in check.line.marks:
        row = check.limits.instruments.get(symbol)
        if row is not None and symbol != check.order.instrument:
            yield Scope(check.order.account, instrument=symbol), row.max_net_exposure


def gross_exposure(check: Check) -> Iterator[Breach]:
    """`max_gross_exposure`, where an account holds two legs: both, everything working on either side, this order.

    A closing order counts as well: by its quantity alone nobody can tell it from one that opens the other leg.
    """
    if check.reduces or not check.book.hedge_mode:
        return
    replaced = ZERO if check.amends is None else check.amends.counted_value
    gross = gross_value(check.line) + check.value - replaced
    limit = check.instrument_limits.max_gross_exposure
    yield from _above(DenialReason.MAX_GROSS_EXPOSURE, check.here, limit, observed=gross)


def gross_value(line: Line) -> Decimal:
    """The value of both legs and of everything that may still open one. Where ledger and venue differ, the larger."""
    legs = line.long + line.short
    if line.drifting:
        legs = max(line.long, line.venue_long or ZERO) + max(line.short, line.venue_short or ZERO)
    return legs * (line.unit or ZERO) + line.working.buy_value + line.working.sell_value


def total_exposure(check: Check) -> Iterator[Breach]:
    """`max_total_exposure`: the account's worst case over all instruments; the strategy's, where it has a limit."""
    if check.reduces:
        return
    reason = DenialReason.MAX_TOTAL_EXPOSURE
    before, mine_before = check.book.total, check.book.strategy(check.order.strategy).total
    after = before - check.line.worst.exposure + check.after.exposure
    mine_after = mine_before - check.part.worst.exposure + check.mine_after.exposure
    for scope, limit, was, observed in (
        (Scope(check.order.account), check.limits.max_total_exposure, before, after),
        (check.mine, check.own_limits.max_total_exposure, mine_before, mine_after),
    ):
        for breach in _above(reason, scope, limit, observed=observed):
            yield replace(breach, own=_own_total(check) > breach.limit.value, grows=observed > was)


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


def intended_band(check: Check) -> Iterator[Breach]:
    """The 150 % rule: an order that grows the position may not take its worst case out of the band."""
    if check.reduces or check.band is None or check.delta_quantity <= ZERO:
        return
    buying = check.order.side is Side.BUY
    edge = check.band.high if buying else check.band.low
    observed = check.mine_after.high if buying else check.mine_after.low
    if observed <= edge if buying else observed >= edge:
        return
    proven = check.proven_after()
    percent = check.own_limits.band.value
    text = (
        f"{check.order.strategy} could reach {plain(observed)} {check.order.instrument}; its band "
        f"({plain(percent)} % of what it intends) is {plain(check.band.low)} to {plain(check.band.high)}"
    )
    denial = Denial(DenialReason.INTENDED_BAND, check.mine_here, text, limit=edge, observed=observed)
    yield Breach(denial, check.own_limits.band, own=proven.high > edge if buying else proven.low < edge)


_WHAT = {
    DenialReason.MAX_ORDER_QUANTITY: "order quantity",
    DenialReason.MAX_ORDER_NOTIONAL: "order notional",
    DenialReason.MAX_ORDERS_PER_SECOND: "orders per second",
    DenialReason.MAX_NET_EXPOSURE: "net exposure",
    DenialReason.MAX_TOTAL_EXPOSURE: "total exposure",
    DenialReason.MAX_GROSS_EXPOSURE: "gross exposure",
}


def _above(reason: DenialReason, scope: Scope, limit: Limit | None, *, observed: Decimal) -> Iterator[Breach]:
    if limit is None or observed <= limit.value:
        return
    text = f"{_WHAT[reason]} of {scope} would be {plain(observed)}; the limit is {plain(limit.value)}"
    yield Breach(Denial(reason, scope, text, limit=limit.value, observed=observed), limit)


LIMIT_CHECKS: tuple[Callable[[Check], Iterator[Breach]], ...] = (
    order_size,
    order_rate,
    net_exposure,
    total_exposure,
    intended_band,
    gross_exposure,
)
