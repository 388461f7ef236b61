"""The pre-trade checks: one function per limit, in descending precedence.

Every function gets the same `Check`, looks at one rule, and returns the denial or None. All of them run, so that a
strategy is told everything that is wrong at once. None of them changes anything.

Reducing orders (reduce_only, verified by `reduces_only`) pass the exposure, band, intent, belief-missing and rate
rules: they must be able to leave when limits are exceeded.
"""

from collections.abc import Callable
from decimal import Decimal

from risksvc.core.check import Check
from risksvc.core.denials import Denial, DenialReason
from risksvc.core.marks import collared
from risksvc.core.types import (
    ACTIVE,
    BUY,
    MILLISECOND,
    REDUCING,
    SELL,
    ZERO,
    Nanoseconds,
    Scope,
    Side,
    plain,
)


def not_adopted(check: Check) -> Denial | None:
    """An account's existing positions and orders must be explained before it trades."""
    if check.book.adopted or check.book.snapshot_as_of is None:
        return None
    return Denial(
        DenialReason.NOT_ADOPTED,
        check.everywhere,
        "the account holds positions or orders that nobody has adopted; see `risksvc reconcile`, then `risksvc adopt`",
    )


def snapshot_fresh(check: Check) -> Denial | None:
    """Exposure rests on a complete venue read that is young enough; when stale, only reducing for 30 s."""
    as_of = check.book.snapshot_as_of
    if as_of is None:
        text = "no complete venue read yet; is the venue process running?"
        return Denial(DenialReason.SNAPSHOT_MISSING, check.everywhere, text)
    config = check.book.config
    bound = config.stale_denied_after_ns if check.reduces else config.snapshot_max_age_ns
    age = check.now - as_of
    if age <= bound:
        return None
    return _too_old(DenialReason.SNAPSHOT_STALE, check.everywhere, what="venue read", age=age, bound=bound)


def marks_known(check: Check) -> Denial | None:
    """Everything held or working, and this instrument, has a mark."""
    if check.mark is None:
        return Denial(DenialReason.MARK_MISSING, check.here, f"no mark price for {check.order.instrument}")
    if check.reduces or not check.book.unvalued:
        return None
    for key, line in check.book.unvalued.items():
        if not line.marks:
            scope = Scope(check.order.account, instrument=line.symbol)
            return Denial(DenialReason.MARK_MISSING, scope, f"{key} is held or worked and has no mark price")
    return None


def marks_fresh(check: Check) -> Denial | None:
    """Marks are young enough; when stale, only reducing for 30 s."""
    mark, book = check.mark, check.book
    if mark is None:
        return None
    oldest, of_any, bound = mark.as_of, book.oldest_mark, book.config.mark_max_age_ns
    if check.reduces:
        bound = book.config.stale_denied_after_ns
    elif of_any is not None and of_any < oldest:
        oldest = of_any
    age = check.now - oldest
    if age <= bound:
        return None
    return _too_old(DenialReason.MARK_STALE, check.here, what="mark price", age=age, bound=bound)


def marks_confirmed(check: Check) -> Denial | None:
    """No growth on a mark that jumped or is off the book, until two reads agree."""
    if check.reduces:
        return None
    mark = check.mark
    if mark is not None and not mark.confirmed:
        text = f"the mark of {check.order.instrument} moved to {plain(mark.last)} and is not confirmed yet"
        return Denial(DenialReason.MARK_UNCONFIRMED, check.here, text, observed=mark.last)
    if not check.book.unproven_marks:
        return None
    for key, line in check.book.unproven_marks.items():
        scope = Scope(check.order.account, instrument=line.symbol)
        text = f"the mark of {key}, which is held or worked, is not confirmed yet"
        return Denial(DenialReason.MARK_UNCONFIRMED, scope, text)
    return None


def rate_known(check: Check) -> Denial | None:
    """The quote currency has a rate into the limits' currency; so has everything held."""
    instrument = check.instrument
    if instrument is not None and instrument.quote not in check.book.rates:
        text = f"the limits file has no rate for {instrument.quote}; add it under `rates`"
        return Denial(DenialReason.RATE_MISSING, check.here, text)
    if check.reduces or not check.book.unvalued:
        return None
    for key, line in check.book.unvalued.items():
        if line.marks:
            scope = Scope(check.order.account, instrument=line.symbol)
            return Denial(DenialReason.RATE_MISSING, scope, f"{key} is held and its quote currency has no rate")
    return None


def quantity_on_step(check: Check) -> Denial | None:
    """The venue would truncate anything else, and trade another quantity than was checked."""
    instrument = check.instrument
    step = None if instrument is None else instrument.quantity_step
    if step is None or not check.order.quantity % step:
        return None
    text = f"quantity {plain(check.order.quantity)} is not a multiple of the venue's step {plain(step)}"
    return Denial(DenialReason.QUANTITY_OFF_STEP, check.here, text, limit=step, observed=check.order.quantity)


def price_on_step(check: Check) -> Denial | None:
    """The venue would round anything else."""
    instrument = check.instrument
    step, price = None if instrument is None else instrument.price_step, check.order.limit_price
    if step is None or price is None or not price % step:
        return None
    text = f"limit price {plain(price)} is not a multiple of the venue's tick {plain(step)}"
    return Denial(DenialReason.PRICE_OFF_STEP, check.here, text, limit=step, observed=price)


def reducing_only(check: Check) -> Denial | None:
    """In REDUCING, orders must reduce."""
    if check.state is not REDUCING or check.reduces:
        return None
    return Denial(
        DenialReason.REDUCING_ONLY, check.whose_here, "the trading state is REDUCING: only reduce_only orders pass"
    )


def not_suspect(check: Check) -> Denial | None:
    """No growth while belief, ledger and venue differ."""
    if check.reduces or not check.line.suspicions:
        return None
    first = next(iter(check.line.suspicions.values()))
    return Denial(DenialReason.INSTRUMENT_SUSPECT, check.here, f"{first.divergence.value}: {first.message}")


def reduces_only(check: Check) -> Denial | None:
    """A reducing order is at most what is held, at the smaller end, less all that works on that side."""
    if not check.reduces:
        return None
    side = check.order.side
    held = _held_against(check, side)
    free = held - check.line.working.on_side(side)
    if not (check.operator or check.book.hedge_mode):
        own = max(ZERO, check.part.position) if side is SELL else max(ZERO, -check.part.position)
        free = min(free, own - check.part.working.on_side(side))
    if check.delta_quantity <= free:
        return None
    text = f"reduce-only {side.value} of {plain(check.order.quantity)}: only {plain(max(ZERO, free))} is left to reduce"
    return Denial(
        DenialReason.NOT_REDUCING, check.whose_here, text, limit=max(ZERO, free), observed=check.order.quantity
    )


def _held_against(check: Check, side: Side) -> Decimal:
    """What an order of this side may reduce: the position's smaller end, or in hedge mode the leg that it closes."""
    line = check.line
    if check.book.hedge_mode:
        ledger, venue = (line.long, line.venue_long) if side is SELL else (line.short, line.venue_short)
        return max(ZERO, min(ledger, ledger if venue is None or not line.drifting else venue))
    return max(ZERO, line.low) if side is SELL else max(ZERO, -line.high)


def belief_given(check: Check) -> Denial | None:
    """A strategy says with every order what its own tracker believes: missing is unknown, not zero."""
    if check.belief_given or check.reduces or check.announced:
        return None
    if check.strategy_limits is None or not check.strategy_limits.belief_required:
        return None
    return Denial(DenialReason.BELIEF_MISSING, check.whose_here, "send believed_position with every order")


def beliefs_fresh(check: Check) -> Denial | None:
    """A tracker that is silent about a position that it holds, or that has not spoken since a resume, may not grow."""
    limits = check.strategy_limits
    if limits is None or not limits.belief_required or check.reduces or check.announced:
        return None
    oldest = check.mine.beliefs.oldest()
    if oldest is None or oldest[0] >= max(check.now - limits.belief_max_age_ns, check.mine.resumed_at):
        return None
    instrument = check.book.lines[oldest[1]].symbol
    scope = Scope(check.order.account, strategy=check.order.strategy, instrument=instrument)
    text = f"{check.order.strategy} holds {instrument} and has not said lately what it believes; call ReportPosition"
    return Denial(DenialReason.BELIEF_STALE, scope, text)


def belief_agrees(check: Check) -> Denial | None:
    """The strategy's belief and its ledger position are the same, but for fills in flight."""
    part = check.part
    if check.strategy_limits is None or part.belief is None or part.belief_agrees():
        return None
    believed, ledger = part.belief.quantity, part.position
    text = f"{part.strategy} believes {plain(believed)} and the ledger says {plain(ledger)}"
    return Denial(DenialReason.BELIEF_MISMATCH, check.whose_here, text, limit=ledger, observed=believed)


def intent_known(check: Check) -> Denial | None:
    """Growth needs a declared intention."""
    if check.intent is not None or check.reduces or check.operator:
        return None
    text = "no intended position was declared and the limits file has none; send intended_position"
    return Denial(DenialReason.INTENT_MISSING, check.whose_here, text)


def price_in_collar(check: Check) -> Denial | None:
    """A limit price may not be further through the mark than the collar."""
    price, mark = check.order.limit_price, check.mark
    if price is None or mark is None:
        return None
    at, side = mark.price, check.order.side
    if price <= at if side is BUY else price >= at:
        return None  # not through the mark at all
    bound = collared(at, check.instrument_limits.price_collar, side)
    if price <= bound if side is BUY else price >= bound:
        return None
    percent = plain(check.instrument_limits.price_collar)
    text = f"limit price {plain(price)} is past {plain(bound)}, which is {percent} % from the mark"
    return Denial(DenialReason.PRICE_COLLAR, check.here, text, limit=bound, observed=price)


def _too_old(reason: DenialReason, scope: Scope, *, what: str, age: Nanoseconds, bound: Nanoseconds) -> Denial:
    age_ms, bound_ms = Decimal(age // MILLISECOND), Decimal(bound // MILLISECOND)
    text = f"the last {what} is {age_ms} ms old; at most {bound_ms} ms is allowed"
    return Denial(reason, scope, text, limit=bound_ms, observed=age_ms)


CheckFunction = Callable[[Check], Denial | None]

# In descending precedence; `risksvc.core.sizing.LIMIT_CHECKS` follow.
CHECKS: tuple[CheckFunction, ...] = (
    not_adopted,
    snapshot_fresh,
    marks_known,
    marks_fresh,
    marks_confirmed,
    rate_known,
    quantity_on_step,
    price_on_step,
    reducing_only,
    not_suspect,
    reduces_only,
    belief_given,
    beliefs_fresh,
    belief_agrees,
    intent_known,
    price_in_collar,
)


def none_objects(check: Check) -> bool:
    """Whether it shows at a glance that no rule of CHECKS objects to an order that grows; False proves nothing.

    A line for each rule, in their order, and only to spare the usual order their sixteen calls: whatever is not plain
    here is left to them, and the tests hold every glance against them.
    """
    book, order, mark, instrument, own = check.book, check.order, check.mark, check.instrument, check.strategy_limits
    read_at, now, oldest_mark = book.snapshot_as_of, check.now, book.oldest_mark
    if mark is None or instrument is None or own is None or read_at is None or check.reduces:
        return False
    config, price, belief, spoken = book.config, order.limit_price, check.part.belief, check.mine.beliefs.oldest()
    quantity_step, price_step = instrument.quantity_step, instrument.price_step
    marked_since = now - config.mark_max_age_ns
    return (
        book.adopted
        and now - read_at <= config.snapshot_max_age_ns
        and not book.unvalued
        and mark.as_of >= marked_since
        and (oldest_mark is None or oldest_mark >= marked_since)
        and mark.confirmed
        and not book.unproven_marks
        and instrument.quote in book.rates
        and (quantity_step is None or not order.quantity % quantity_step)
        and (price_step is None or price is None or not price % price_step)
        and check.state is ACTIVE
        and not check.line.suspicions
        and (check.belief_given or not own.belief_required)
        and (spoken is None or beliefs_fresh(check) is None)
        and (belief is None or belief.quantity == check.part.position or check.part.belief_agrees())
        and check.intent is not None
        and (price is None or price_in_collar(check) is None)
    )
