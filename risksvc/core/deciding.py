"""One order in, one decision out: what closes the gate, whose order it is, what it would do, which rules it breaks."""

from collections.abc import Sequence
from dataclasses import dataclass

from risksvc.core.book import AccountBook
from risksvc.core.check import Asked, Check
from risksvc.core.checks import CHECKS, none_objects
from risksvc.core.denials import Denial, DenialReason
from risksvc.core.events import OrderChecked, OrderExpected, ReducingOrderChecked
from risksvc.core.expected import announcement_rules
from risksvc.core.limits import AccountLimits
from risksvc.core.outputs import Decision, ExposureUse
from risksvc.core.reservations import Reservation
from risksvc.core.sizing import LIMIT_CHECKS, Breach
from risksvc.core.types import LIMIT, ZERO, Nanoseconds, Order, ReplaceMode, Scope, TradingState
from risksvc.core.venue_events import FeedConnected

NO_EXPOSURE = ExposureUse()
NOTHING: tuple[str, ...] = ()


@dataclass(slots=True)
class Verdict:
    """What the rules say of one order, before anything is done about it."""

    check: Check
    denials: list[Denial]
    breaches: list[Breach]

    def headline(self) -> tuple[Denial, ...]:
        """Every denial, in descending precedence."""
        return tuple(sorted(self.denials, key=_precedence))


def _precedence(denial: Denial) -> int:
    return denial.reason


def malformed(event: Asked) -> Sequence[Denial]:
    """What no order can be, whoever let it through. The door refuses it earlier, and names the field better."""
    order, found = event.order, NOTHING
    price = order.limit_price
    if order.quantity <= ZERO:
        found += ("the quantity must be above 0",)
    if (price is None) is (order.type is LIMIT):
        found += ("a limit order has a price, a market order has none",)
    if price is not None and price <= ZERO:
        found += ("the limit price must be above 0",)
    if isinstance(event, OrderChecked):
        if event.intent is not None and event.intent.low > event.intent.high:
            found += ("the intended range must run upwards",)
    elif isinstance(event, OrderExpected):
        found += tuple(text for holds, text in announcement_rules(event) if not holds)
    elif not order.reduce_only:
        found += ("an operator's order must be reduce-only",)
    return [Denial(DenialReason.INVALID_REQUEST, Scope(order.account), text) for text in found] if found else ()


def identify(book: AccountBook, limits: AccountLimits, event: Asked) -> list[Denial]:
    """Whose order it is, and whether venue and file know what it names."""
    order, feed, found = event.order, book.feed, []
    operator, account = type(event) is ReducingOrderChecked, order.account
    if order.strategy not in limits.strategies and not (operator and not order.strategy):
        text = f"strategy {order.strategy!r} is not in the limits file under account {account}"
        found.append(Denial(DenialReason.STRATEGY_UNKNOWN, Scope(account), text))
    if order.instrument not in limits.instruments and not operator:
        text = f"instrument {order.instrument!r} is not in the limits file under account {account}"
        found.append(Denial(DenialReason.INSTRUMENT_UNKNOWN, Scope(account), text))
    elif feed is not None and order.instrument not in book.instruments:
        text = f"the venue does not list {order.instrument!r}"
        found.append(Denial(DenialReason.INSTRUMENT_UNKNOWN, Scope(account), text))
    if feed is not None and not (isinstance(event, OrderExpected) and not event.named):
        assert book.id_pattern is not None, "a feed says what ids it carries"
        if not book.id_pattern.fullmatch(order.client_order_id):
            found.append(_not_carried(feed, order))
    return found


def _not_carried(feed: FeedConnected, order: Order) -> Denial:
    text = (
        f"client order id {order.client_order_id!r} can't be carried by {feed.venue}: "
        f"at most {feed.id_max_length} characters of [{feed.id_characters}]"
    )
    return Denial(DenialReason.CLIENT_ORDER_ID_INVALID, Scope(order.account), text)


def replaced(book: AccountBook, order: Order) -> tuple[Reservation | None, Denial | None]:
    """The live order that this one amends, or why it can't. Cancelled and sent anew, it may have ended already."""
    if not order.replaces:
        return None, None
    amends = order.replace_mode is ReplaceMode.AMEND
    old = book.reservations.get(order.replaces)
    if old is None and not amends and order.replaces in book.finished:
        old = book.finished[order.replaces].reservation
    mine = old is not None and (old.order.strategy, old.order.instrument) == (order.strategy, order.instrument)
    if old is None or not mine or (amends and old.final_filled is not None):
        text = f"{order.replaces} is not a live order of {order.strategy} in {order.instrument}"
        return None, Denial(DenialReason.REPLACED_ORDER_UNKNOWN, Scope(order.account), text)
    if not amends:
        return None, None
    same = (old.order.side, old.order.type, old.order.reduce_only) == (order.side, order.type, order.reduce_only)
    if not same:
        text = f"an amendment keeps side, type and reduce_only of {order.replaces}"
        return None, Denial(DenialReason.REPLACED_ORDER_UNKNOWN, Scope(order.account), text)
    return old, None


def run(check: Check) -> Verdict:
    """Every rule on one order."""
    verdict = Verdict(check, [], [])
    if not none_objects(check):
        for rule in CHECKS:
            denial = rule(check)
            if denial is not None:
                verdict.denials.append(denial)
    for sizing in LIMIT_CHECKS:
        for breach in sizing(check):
            verdict.breaches.append(breach)
            if not breach.shadow:
                verdict.denials.append(breach.as_denied())
    return verdict


def decision(verdict: Verdict, *, valid_until: Nanoseconds, limits_hash: str) -> Decision:
    """The answer that a strategy gets."""
    check, approved = verdict.check, not verdict.denials
    line, before, after = check.line, check.book.total, check.total_after
    here = total = NO_EXPOSURE
    if line.unit is not None:
        most = check.limits.max_total_exposure.value
        total = ExposureUse(before, after, most, most - (after if approved else before))
        before, after, most = line.worst.exposure, check.after.exposure, check.instrument_limits.max_net_exposure.value
        here = ExposureUse(before, after, most, most - (after if approved else before))
    id_, denials = check.order.client_order_id, () if approved else verdict.headline()
    until = valid_until if approved else 0
    return Decision(id_, denials, here, total, check.state, until, check.now, limits_hash)


def bare_denial(
    order: Order, denials: list[Denial], *, state: TradingState, now: Nanoseconds, limits_hash: str
) -> Decision:
    """A denial for which exposure was not looked at."""
    by_reason = {denial.reason: denial for denial in reversed(denials)}
    ordered = tuple(sorted(by_reason.values(), key=_precedence))
    return Decision(order.client_order_id, ordered, NO_EXPOSURE, NO_EXPOSURE, state, 0, now, limits_hash)
