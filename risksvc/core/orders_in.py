"""Orders that are asked about: decided, remembered by their id, reserved, and what their breaches trip."""

from collections import deque
from collections.abc import Iterator, Sequence

from risksvc.core.believing import take_belief
from risksvc.core.book import AccountBook
from risksvc.core.check import Asked, Check
from risksvc.core.config import GateConfig
from risksvc.core.deciding import Verdict, bare_denial, decision, identify, malformed, replaced, run
from risksvc.core.denials import UNCERTAIN, Denial, DenialReason
from risksvc.core.events import OrderChecked, OrderExpected, ReducingOrderChecked
from risksvc.core.exposure import is_within
from risksvc.core.limits import SHADOW, AccountLimits, OnBreach
from risksvc.core.outputs import Decision, Notice, NoticeKind, Output
from risksvc.core.positions import line_warning, marks_reached, total_warning
from risksvc.core.reservations import Answer, Reservation, Version, fingerprint
from risksvc.core.sizing import gross_value
from risksvc.core.state import GateState
from risksvc.core.trips import BREACH_WINDOW_NS, BREACHES_TO_HALT, Trigger
from risksvc.core.types import HALTED, REDUCING, SECOND, ZERO, Nanoseconds, Order, Scope


def check_order(state: GateState, event: Asked, now: Nanoseconds) -> Sequence[Output]:
    """Decides one order; an approval reserves in the same step."""
    order = event.order
    operator = type(event) is ReducingOrderChecked
    denials = state.denied_whole(order, operator=operator, now=now)
    denials += malformed(event)
    book = state.accounts.get(order.account)
    if book is None or book.limits is None:
        denials.append(_unknown_account(state, order))
        return (_bare(state, order, denials, now=now),)
    known = _known_already(state, book, order, denials=denials)
    if known is not None:
        return (known,)
    denials += identify(book, book.limits, event)
    if denials:
        return (deny(state, book, order, denials=denials, now=now),)
    return _decide(state, book, book.limits, event, now=now)


def _unknown_account(state: GateState, order: Order) -> Denial:
    where = "the settings file" if order.account not in state.accounts else "the limits file"
    text = f"account {order.account!r} is not in {where}"
    return Denial(DenialReason.ACCOUNT_UNKNOWN, Scope(), text)


def _bare(state: GateState, order: Order, denials: list[Denial], *, now: Nanoseconds) -> Decision:
    trading = state.state_of(order.account, order.strategy, order.instrument)
    return bare_denial(order, denials, state=trading, now=now, limits_hash=state.limits_hash)


def deny(state: GateState, book: AccountBook, order: Order, *, denials: list[Denial], now: Nanoseconds) -> Decision:
    """Denies without looking at exposure, and remembers the id."""
    answer = _bare(state, order, denials, now=now)
    _remember(book, order, answer)
    return answer


def _remember(book: AccountBook, order: Order, answer: Decision) -> None:
    if order.client_order_id not in book.reservations and not book.archive.knows(order.client_order_id):
        reasons = [denial.reason for denial in answer.denials]
        book.archive.add(order.client_order_id, fingerprint(order), reasons=reasons, now=answer.decided_at)


def _known_already(state: GateState, book: AccountBook, order: Order, *, denials: list[Denial]) -> Decision | None:
    """The approval given to this id before; adds denials when it was a denial, is void, or the order is another one."""
    live = book.reservations.get(order.client_order_id)
    if live is not None:
        return _approved_already(state, book, live, order=order, denials=denials)
    if not book.archive.knows(order.client_order_id):
        return None
    old = book.archive.find(order.client_order_id, fingerprint(order))
    if old is None or not old.same or not old.reasons:
        denials.append(_reused(order))
        return None
    text = "decided before, for the same order; a new attempt needs a new client order id"
    denials += [Denial(reason, Scope(order.account), text) for reason in old.reasons]
    return None


def _approved_already(
    state: GateState, book: AccountBook, live: Reservation, *, order: Order, denials: list[Denial]
) -> Decision | None:
    if live.mark_of(order.client_order_id) != fingerprint(order):
        denials.append(_reused(order))
        return None
    trading = state.state_of(order.account, order.strategy, order.instrument)
    if trading is REDUCING and not order.reduce_only:
        denials.append(Denial(DenialReason.REDUCING_ONLY, Scope(order.account), "approved before, not any more"))
    answer = live.answers[order.client_order_id].decision
    if answer.decided_at <= book.strategy(order.strategy).resumed_at:
        text = "approved before trading was halted and resumed, which voids it; a new attempt needs a new id"
        denials.append(Denial(DenialReason.CLIENT_ORDER_ID_REUSED, Scope(order.account), text))
    return None if denials else answer


def _reused(order: Order) -> Denial:
    text = f"client order id {order.client_order_id} was used before; every order needs its own"
    return Denial(DenialReason.CLIENT_ORDER_ID_REUSED, Scope(order.account), text)


# -- a new order --------------------------------------------------------------------------------------------------


def _decide(
    state: GateState, book: AccountBook, limits: AccountLimits, event: Asked, *, now: Nanoseconds
) -> Sequence[Output]:
    order = event.order
    assert state.config is not None, "closed without a configuration"
    trading = state.state_of(order.account, order.strategy, order.instrument)
    check = Check(event, book, limits, state=trading, now=now)
    _forget_old(book.approvals, check.mine.approvals, now=now)
    notices = _take_statements(check, event) if isinstance(event, OrderChecked) else ()
    amends, problem = replaced(book, order) if order.replaces else (None, None)
    valid_until = now + _validity(state.config, event)
    check.project(amends)
    verdict = run(check)
    if problem is not None:
        verdict.denials.append(problem)
    answer = decision(verdict, valid_until=valid_until, limits_hash=state.limits_hash)
    outputs: list[Output] = [answer, *notices]
    if verdict.breaches:
        outputs += _shadows(book, verdict)
    if not verdict.denials:
        _reserve(state, event, verdict=verdict, answer=answer)
        outputs += _crossings(check)
    else:
        _remember(book, order, answer)
        if not check.operator:
            outputs += _trip_breaches(state, book, verdict, now=now)
    return outputs


def _validity(config: GateConfig, event: Asked) -> Nanoseconds:
    """A person needs longer than a program; a reducing order passes halts anyway, so no bound hangs on it."""
    if isinstance(event, OrderChecked):
        return config.approval_validity_ns
    if event.valid_for:
        return event.valid_for
    return config.operator_validity_ns if isinstance(event, ReducingOrderChecked) else config.approval_validity_ns


def _forget_old(*kept: deque[Nanoseconds], now: Nanoseconds) -> None:
    since = now - SECOND
    for approvals in kept:
        while approvals and approvals[0] <= since:
            approvals.popleft()


def _take_statements(check: Check, event: OrderChecked) -> Sequence[Notice]:
    """Takes in what the strategy says of itself: its version, what it intends, what it believes."""
    if event.version:
        check.mine.version = event.version
    if event.intent is not None:
        check.part.declare(event.intent)
    if event.belief is None:
        return ()
    return take_belief(check.book, check.line, check.part, quantity=event.belief, now=check.now)


def _reserve(state: GateState, event: Asked, *, verdict: Verdict, answer: Decision) -> None:
    check, order, now = verdict.check, event.order, answer.decided_at
    book = check.book
    assert _may_approve(state, check), "I1: closed, and approved"
    version = Version(order.quantity, order.limit_price, answer.valid_until)
    amends = check.amends
    if amends is not None:
        amends.versions.append(version)
        amends.aliases.append(order.client_order_id)
        reservation = amends
    else:
        reservation = Reservation(order, now, [version], order.reduce_only and book.enforces_reduce_only)
    if not isinstance(event, OrderChecked):
        reservation.by = event.by
    if isinstance(event, OrderExpected):
        reservation.expected, reservation.unnamed = True, not event.named
    reservation.answers[order.client_order_id] = Answer(order, answer)
    if amends is not None:
        book.reserve(reservation, now=now)
    else:
        reservation.counted_quantity, reservation.counted_value = check.remaining, check.value
        counted, own = (check.working, check.after), (check.mine_working, check.mine_after)
        book.begin(reservation, check.line, check.part, counted=counted, own=own)
    assert _within_limits(verdict), "I2: approved over a limit"
    book.approvals.append(now)
    check.mine.approvals.append(now)


def _may_approve(state: GateState, check: Check) -> bool:
    """By the state over the order, not by what was found to deny it."""
    if check.operator:
        return not state.denied_whole(check.order, operator=True, now=check.now)
    return check.state is not HALTED and state.is_open(check.now)


def _within_limits(verdict: Verdict) -> bool:
    """By what is counted now, not by what was foreseen."""
    check = verdict.check
    if check.reduces:
        return True
    book, line, row = check.book, check.line, check.instrument_limits
    net, total, gross = row.max_net_exposure, check.limits.max_total_exposure, row.max_gross_exposure
    unit = line.unit or ZERO
    return (
        (is_within(line.low, line.high, working=line.working, unit=unit, limit=net.value) or net.mode is SHADOW)
        and (book.total <= total.value or total.mode is SHADOW)
        and (gross is None or not book.hedge_mode or gross.mode is SHADOW or gross_value(line) <= gross.value)
    )


def _shadows(book: AccountBook, verdict: Verdict) -> Iterator[Notice]:
    order = verdict.check.order
    for breach in verdict.breaches:
        if breach.shadow:
            name, text = breach.denial.reason.name, f"would have been denied: {breach.denial.message}"
            yield Notice(NoticeKind.SHADOW_BREACH, book.name, name, text, order.instrument, order.strategy)


def _crossings(check: Check) -> Sequence[Notice]:
    book, line = check.book, check.line
    net, total = check.instrument_limits.max_net_exposure, check.limits.max_total_exposure
    if line.warned == marks_reached(line.worst.exposure, net) and book.total_warned == marks_reached(book.total, total):
        return ()
    found = (line_warning(book, line, check.order.instrument), total_warning(book))
    return [notice for notice in found if notice is not None]


_STRICTNESS = {OnBreach.DENY: 0, OnBreach.REDUCE: 1, OnBreach.HALT: 2}


def _trip_breaches(state: GateState, book: AccountBook, verdict: Verdict, *, now: Nanoseconds) -> Iterator[Output]:
    """An order that breaks a headline limit by the strategy's own doing: REDUCING, and on the third in 60 s HALTED."""
    own = [breach for breach in verdict.breaches if breach.trips and breach.limit.on_breach is not OnBreach.DENY]
    if not own or any(denial.reason in UNCERTAIN for denial in verdict.denials):
        return
    worst = max(own, key=lambda breach: _STRICTNESS[breach.limit.on_breach])
    order = verdict.check.order
    breaches = book.strategy(order.strategy).breaches
    while breaches and breaches[0] <= now - BREACH_WINDOW_NS:
        breaches.popleft()
    breaches.append(now)
    scope = Scope(book.name, strategy=order.strategy)
    trigger, text = Trigger.LIMIT_BREACH, worst.denial.message
    if len(breaches) >= BREACHES_TO_HALT:
        trigger, text = Trigger.REPEATED_LIMIT_BREACH, f"{len(breaches)} breaches within a minute; the last: {text}"
    elif worst.limit.on_breach is OnBreach.HALT:
        trigger = Trigger.REPEATED_LIMIT_BREACH
    yield from state.trip(trigger, scope, text=text, now=now)
