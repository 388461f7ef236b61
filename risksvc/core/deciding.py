"""One order in, one decision out: what closes the gate, whose order it is, what it would do, which rules it breaks."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.checks import CHECKS, Check
from risksvc.core.denials import Denial, DenialReason
from risksvc.core.events import OrderChecked, OrderExpected, ReducingOrderChecked
from risksvc.core.expected import announcement_rules
from risksvc.core.exposure import worst_case
from risksvc.core.limits import UNLISTED, AccountLimits
from risksvc.core.outputs import Decision, ExposureUse
from risksvc.core.positions import strategy_band
from risksvc.core.reservations import Reservation, Version
from risksvc.core.sizing import LIMIT_CHECKS, Breach
from risksvc.core.types import ZERO, Nanoseconds, Order, OrderType, ReplaceMode, Scope, TradingState

Asked = OrderChecked | OrderExpected | ReducingOrderChecked
NO_EXPOSURE = ExposureUse()


@dataclass(slots=True)
class Verdict:
    """What the rules say of one order, before anything is done about it."""

    check: Check
    denials: list[Denial] = field(default_factory=list)
    breaches: list[Breach] = field(default_factory=list)

    def headline(self) -> tuple[Denial, ...]:
        """Every denial, in descending precedence."""
        return tuple(sorted(self.denials, key=_precedence))


def _precedence(denial: Denial) -> int:
    return denial.reason


def malformed(event: Asked) -> Iterator[Denial]:
    """What no order can be, whoever let it through. The door refuses it earlier, and names the field better."""
    order = event.order
    price, intent = order.limit_price, event.intent if isinstance(event, OrderChecked) else None
    rules = (
        (order.quantity > ZERO, "the quantity must be above 0"),
        ((price is not None) is (order.type is OrderType.LIMIT), "a limit order has a price, a market order has none"),
        (price is None or price > ZERO, "the limit price must be above 0"),
        (intent is None or intent.low <= intent.high, "the intended range must run upwards"),
        (order.reduce_only or not isinstance(event, ReducingOrderChecked), "an operator's order must be reduce-only"),
        *(announcement_rules(event) if isinstance(event, OrderExpected) else ()),
    )
    for holds, text in rules:
        if not holds:
            yield Denial(DenialReason.INVALID_REQUEST, Scope(order.account), text)


def identify(book: AccountBook, limits: AccountLimits, event: Asked) -> Iterator[Denial]:
    """Whose order it is, and whether venue and file know what it names."""
    order, operator = event.order, isinstance(event, ReducingOrderChecked)
    account = Scope(order.account)
    if order.strategy not in limits.strategies and not (operator and not order.strategy):
        text = f"strategy {order.strategy!r} is not in the limits file under account {order.account}"
        yield Denial(DenialReason.STRATEGY_UNKNOWN, account, text)
    if order.instrument not in limits.instruments and not operator:
        text = f"instrument {order.instrument!r} is not in the limits file under account {order.account}"
        yield Denial(DenialReason.INSTRUMENT_UNKNOWN, account, text)
    elif book.feed is not None and order.instrument not in book.instruments:
        text = f"the venue does not list {order.instrument!r}"
        yield Denial(DenialReason.INSTRUMENT_UNKNOWN, account, text)
    if book.feed is not None and (not isinstance(event, OrderExpected) or event.named):
        yield from _carries(book, order)


def _carries(book: AccountBook, order: Order) -> Iterator[Denial]:
    feed, pattern = book.feed, book.id_pattern
    assert feed is not None, "asked only with a feed"
    assert pattern is not None, "a feed says what ids it carries"
    if not pattern.fullmatch(order.client_order_id):
        text = (
            f"client order id {order.client_order_id!r} can't be carried by {feed.venue}: "
            f"at most {feed.id_max_length} characters of [{feed.id_characters}]"
        )
        yield Denial(DenialReason.CLIENT_ORDER_ID_INVALID, Scope(order.account), text)


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


def candidate(
    book: AccountBook, order: Order, *, amends: Reservation | None, valid_until: Nanoseconds, now: Nanoseconds
) -> Reservation:
    """The reservation that an approval would start, or the amended one as it would be."""
    version = Version(order.quantity, order.limit_price, valid_until)
    fresh = Reservation(order, now, [version], reduces=order.reduce_only and book.enforces_reduce_only)
    if amends is not None:
        fresh.versions = [*amends.versions, version]
        fresh.filled, fresh.reduces = amends.filled, amends.reduces
    return fresh


def weigh(
    book: AccountBook,
    asked: Asked,
    *,
    state: TradingState,
    amends: Reservation | None,
    valid_until: Nanoseconds,
    now: Nanoseconds,
) -> Verdict:
    """Runs every check on a strategy's order, or on an operator's."""
    limits, order = book.limits, asked.order
    assert limits is not None, "identified before"
    line = book.line_for(order.instrument)
    part = line.strategy(order.strategy)
    operator = isinstance(asked, ReducingOrderChecked)
    own = None if operator else limits.strategies.get(order.strategy)
    fresh = candidate(book, order, amends=amends, valid_until=valid_until, now=now)
    value = fresh.remaining * book.order_unit(line, fresh)
    more, more_value = fresh.remaining, value
    if amends is not None:
        more, more_value = more - amends.counted_quantity, value - amends.counted_value
    with_order = line.working.plus(order.side, more, value=more_value, reduces=fresh.reduces)
    mine = part.working.plus(order.side, more, value=more_value, reduces=False)
    unit = line.unit or ZERO
    check = Check(
        order=order,
        now=now,
        book=book,
        line=line,
        part=part,
        limits=limits,
        instrument_limits=limits.instruments.get(order.instrument) or UNLISTED,
        strategy_limits=own,
        state=state,
        belief_given=isinstance(asked, OrderChecked) and asked.belief is not None,
        candidate=fresh,
        amends=amends,
        delta_quantity=more,
        value=value,
        after=worst_case(line.low, line.high, working=with_order, unit=unit),
        mine_after=worst_case(part.position, part.position, working=mine, unit=unit),
        band=None if own is None else strategy_band(part, own, order.instrument),
        operator=operator,
        announced=isinstance(asked, OrderExpected),
    )
    return run(check)


def run(check: Check) -> Verdict:
    """Every rule on one order."""
    verdict = Verdict(check)
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
    check = verdict.check
    denials = verdict.headline()
    return Decision(
        client_order_id=check.order.client_order_id,
        denials=denials,
        instrument_exposure=_instrument_use(check, approved=not denials),
        total_exposure=_total_use(check, approved=not denials),
        trading_state=check.state,
        valid_until=0 if denials else valid_until,
        decided_at=check.now,
        limits_hash=limits_hash,
    )


def _instrument_use(check: Check, *, approved: bool) -> ExposureUse:
    if check.line.unit is None:
        return NO_EXPOSURE
    before, after = check.line.worst.exposure, check.after.exposure
    return _use(before, after, limit=check.instrument_limits.max_net_exposure.value, approved=approved)


def _total_use(check: Check, *, approved: bool) -> ExposureUse:
    if check.line.unit is None:
        return NO_EXPOSURE
    before = check.book.total
    after = before - check.line.worst.exposure + check.after.exposure
    return _use(before, after, limit=check.limits.max_total_exposure.value, approved=approved)


def _use(before: Decimal, after: Decimal, *, limit: Decimal, approved: bool) -> ExposureUse:
    return ExposureUse(before, after, limit, limit - (after if approved else before))


def bare_denial(
    order: Order, denials: list[Denial], *, state: TradingState, now: Nanoseconds, limits_hash: str
) -> Decision:
    """A denial for which exposure was not looked at."""
    by_reason = {denial.reason: denial for denial in reversed(denials)}
    ordered = tuple(sorted(by_reason.values(), key=_precedence))
    return Decision(order.client_order_id, ordered, NO_EXPOSURE, NO_EXPOSURE, state, 0, now, limits_hash)
