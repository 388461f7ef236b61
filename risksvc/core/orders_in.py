"""Orders that are asked about: decided, remembered by their id, reserved, and what their breaches trip."""

from collections.abc import Iterator

from risksvc.core.believing import take_belief
from risksvc.core.book import AccountBook
from risksvc.core.config import GateConfig
from risksvc.core.deciding import Asked, Verdict, bare_denial, decision, identify, malformed, replaced, weigh
from risksvc.core.denials import UNCERTAIN, Denial, DenialReason
from risksvc.core.events import OrderChecked, OrderExpected, ReducingOrderChecked
from risksvc.core.limits import LimitMode, OnBreach
from risksvc.core.line import Line
from risksvc.core.outputs import Decision, Notice, NoticeKind, Output
from risksvc.core.positions import line_warning, total_warning
from risksvc.core.reservations import Answer, Reservation, fingerprint
from risksvc.core.sizing import gross_value
from risksvc.core.state import GateState
from risksvc.core.trips import BREACH_WINDOW_NS, BREACHES_TO_HALT, Trigger
from risksvc.core.types import SECOND, Nanoseconds, Order, Scope, TradingState


def check_order(state: GateState, event: Asked, now: Nanoseconds) -> Iterator[Output]:
    """Decides one order; an approval reserves in the same step."""
    order = event.order
    operator = isinstance(event, ReducingOrderChecked)
    denials = [*state.denied_whole(order, operator=operator, now=now), *malformed(event)]
    book = state.accounts.get(order.account)
    if book is None or book.limits is None:
        denials.append(_unknown_account(state, order))
        yield _bare(state, order, denials, now=now)
        return
    known = _known_already(state, book, order, denials=denials)
    if known is not None:
        yield known
        return
    denials += identify(book, book.limits, event)
    if denials:
        yield deny(state, book, order, denials=denials, now=now)
        return
    yield from _decide(state, book, event, now=now)


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
    mark = fingerprint(order)
    if order.client_order_id not in book.reservations and book.archive.find(order.client_order_id, mark) is None:
        reasons = [denial.reason for denial in answer.denials]
        book.archive.add(order.client_order_id, mark, reasons=reasons, now=answer.decided_at)


def _known_already(state: GateState, book: AccountBook, order: Order, *, denials: list[Denial]) -> Decision | None:
    """The approval given to this id before; adds denials when it was a denial, is void, or the order is another one."""
    live = book.reservations.get(order.client_order_id)
    if live is not None:
        return _approved_already(state, book, live, order=order, denials=denials)
    old = book.archive.find(order.client_order_id, fingerprint(order))
    if old is None:
        return None
    if not old.same or not old.reasons:
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
    if trading is TradingState.REDUCING and not order.reduce_only:
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


def _decide(state: GateState, book: AccountBook, event: Asked, *, now: Nanoseconds) -> Iterator[Output]:
    order = event.order
    assert state.config is not None, "closed without a configuration"
    _forget_old(book, order, now=now)
    line = book.line_for(order.instrument)
    notices: list[Notice] = []
    if isinstance(event, OrderChecked):
        notices = _take_statements(book, line, event, now=now)
    amends, problem = replaced(book, order)
    valid_until = now + _validity(state.config, event)
    trading = state.state_of(order.account, order.strategy, order.instrument)
    verdict = weigh(book, event, state=trading, amends=amends, valid_until=valid_until, now=now)
    if problem is not None:
        verdict.denials.append(problem)
    answer = decision(verdict, valid_until=valid_until, limits_hash=state.limits_hash)
    if answer.approved:
        _reserve(state, book, event, verdict=verdict, answer=answer, amends=amends)
    else:
        _remember(book, order, answer)
    yield answer
    yield from notices
    yield from _shadows(book, verdict)
    if answer.approved:
        yield from _crossings(book, line, order.instrument)
    elif not isinstance(event, ReducingOrderChecked):
        yield from _trip_breaches(state, book, verdict, now=now)


def _validity(config: GateConfig, event: Asked) -> Nanoseconds:
    """A person needs longer than a program; a reducing order passes halts anyway, so no bound hangs on it."""
    if isinstance(event, OrderExpected | ReducingOrderChecked) and event.valid_for:
        return event.valid_for
    return config.operator_validity_ns if isinstance(event, ReducingOrderChecked) else config.approval_validity_ns


def _forget_old(book: AccountBook, order: Order, *, now: Nanoseconds) -> None:
    mine = book.strategy(order.strategy)
    for approvals in (book.approvals, mine.approvals):
        while approvals and approvals[0] <= now - SECOND:
            approvals.popleft()


def _take_statements(book: AccountBook, line: Line, event: OrderChecked, *, now: Nanoseconds) -> list[Notice]:
    """Takes in what the strategy says of itself: its version, what it intends, what it believes."""
    order = event.order
    part = line.strategy(order.strategy)
    if event.version:
        book.strategy(order.strategy).version = event.version
    if event.intent is not None:
        part.declare(event.intent)
    if event.belief is None:
        return []
    return take_belief(book, line, part, quantity=event.belief, now=now)


def _reserve(
    state: GateState,
    book: AccountBook,
    event: Asked,
    *,
    verdict: Verdict,
    answer: Decision,
    amends: Reservation | None,
) -> None:
    order = event.order
    operator = isinstance(event, ReducingOrderChecked)
    assert not state.denied_whole(order, operator=operator, now=answer.decided_at), "I1: closed, and approved"
    reservation = verdict.check.candidate
    if amends is not None:
        amends.versions.append(reservation.versions[-1])
        amends.aliases.append(order.client_order_id)
        reservation = amends
    if not isinstance(event, OrderChecked):
        reservation.by = event.by
    if isinstance(event, OrderExpected):
        reservation.expected, reservation.unnamed = True, not event.named
    reservation.answers[order.client_order_id] = Answer(fingerprint(order), answer)
    book.reserve(reservation, now=answer.decided_at)
    assert _within_limits(verdict), "I2: approved over a limit"
    book.approvals.append(answer.decided_at)
    book.strategy(order.strategy).approvals.append(answer.decided_at)


def _within_limits(verdict: Verdict) -> bool:
    check = verdict.check
    if check.reduces:
        return True
    row = check.instrument_limits
    holds = [(check.line.worst.exposure, row.max_net_exposure), (check.book.total, check.limits.max_total_exposure)]
    if row.max_gross_exposure is not None and check.book.hedge_mode:
        holds.append((gross_value(check.line), row.max_gross_exposure))
    return all(limit.mode is LimitMode.SHADOW or value <= limit.value for value, limit in holds)


def _shadows(book: AccountBook, verdict: Verdict) -> Iterator[Notice]:
    order = verdict.check.order
    for breach in verdict.breaches:
        if breach.shadow:
            name, text = breach.denial.reason.name, f"would have been denied: {breach.denial.message}"
            yield Notice(NoticeKind.SHADOW_BREACH, book.name, name, text, order.instrument, order.strategy)


def _crossings(book: AccountBook, line: Line, symbol: str) -> Iterator[Notice]:
    for notice in (line_warning(book, line, symbol), total_warning(book)):
        if notice is not None:
            yield notice


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
