"""What every Input makes of the flattens that run: orders that became final, reads that prove, patience that is over.

Wrapped around the handlers of what the venue says and of time, and of nothing that a strategy's check takes. Where no
flatten runs it does nothing. A tick changes the state exactly where it gives Outputs.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from risksvc.core.book import AccountBook
from risksvc.core.events import GateStarted
from risksvc.core.flatten.events import FlattenOutcome, FlattenTarget
from risksvc.core.flatten.exits import lines_of
from risksvc.core.flatten.proof import STUCK_READS, gaps, judge, left_of, others_live, settled
from risksvc.core.flatten.run import Certificate, FlattenOrder, FlattenPhase, FlattenRun, OrderEnd
from risksvc.core.incident.exit_cost import Take, cost_against
from risksvc.core.incident.record import EntryKind, record
from risksvc.core.outputs import Output
from risksvc.core.state import GateState
from risksvc.core.types import SECOND, ZERO, Nanoseconds, plain
from risksvc.core.venue_events import Fill, FillsReceived, SnapshotReceived

# Where a feed says this among what it can't do, orders that wait for a trigger may stand, and no read shows them.
UNSEEN_ORDERS = "conditional orders"
Handler = Callable[[GateState, Any, Nanoseconds], Iterable[Output]]


def followed(handler: Handler) -> Handler:
    """The handler, and after it what its Input means for the flattens that run."""

    def follow(state: GateState, event: object, now: Nanoseconds) -> Iterable[Output]:
        if not state.flattens.running:
            return handler(state, event, now)
        return _follow(handler, state, event, now)

    return follow


def _follow(handler: Handler, state: GateState, event: object, now: Nanoseconds) -> Iterator[Output]:
    runs = [(state.flattens.by_id[one], state.flattens.by_id[one].account) for one in state.flattens.running]
    were_settled = {run.flatten_id: settled(state.accounts[account], run) for run, account in runs}
    new = _new_fills(state, event)
    yield from handler(state, event, now)
    for run, account in runs:
        book = state.accounts[account]
        if isinstance(event, FillsReceived) and event.account == account:
            _take_fills(book, run, new)
        yield from _watch(state, book, run, event, was_settled=were_settled[run.flatten_id], now=now)


def _new_fills(state: GateState, event: object) -> list[Fill]:
    if not isinstance(event, FillsReceived) or event.account not in state.accounts:
        return []
    trades = state.accounts[event.account].trades
    return [one for one in event.fills if not (trades.knows(one) or trades.too_old(one))]


def _watch(
    state: GateState, book: AccountBook, run: FlattenRun, event: object, *, was_settled: bool, now: Nanoseconds
) -> Iterator[Output]:
    is_settled = settled(book, run)
    if isinstance(event, GateStarted):
        _begin_anew(run, now=now)
    elif is_settled and not was_settled:
        _begin_anew(run, now=run.progress_at)
        run.settled_after = now
    yield from _orders_ended(state, book, run, now=now)
    if isinstance(event, SnapshotReceived | FillsReceived) and event.account == run.account:
        _note_progress(book, run, now=now)
    if isinstance(event, SnapshotReceived) and _taken(book, run, event) and judge(book, run, event):
        yield from _prove(state, book, run, now=now)
        return
    yield from _give_up(state, run, is_settled=is_settled, now=now)


def _taken(book: AccountBook, run: FlattenRun, snapshot: SnapshotReceived) -> bool:
    """The read is of this account, and neither late nor still without its start."""
    return snapshot.account == run.account and book.snapshot_as_of == snapshot.as_of


def _begin_anew(run: FlattenRun, *, now: Nanoseconds) -> None:
    """No earlier read counts any more. While nothing ran, nothing could make progress."""
    run.read, run.proof, run.stuck, run.progress_at = None, [], 0, now


def _orders_ended(state: GateState, book: AccountBook, run: FlattenRun, *, now: Nanoseconds) -> Iterator[Output]:
    for id_, one in run.orders.items():
        if one.end is not OrderEnd.UNKNOWN or id_ in book.reservations:
            continue
        finished = book.finished.get(id_)
        filled = one.traded if finished is None else finished.reservation.filled
        shown = finished is not None and finished.reservation.final_filled is not None
        one.end = _end_of(one, filled=filled, shown=shown)
        text = f"{id_}: {one.end.value}, {plain(filled)} of {plain(one.order.quantity)} filled"
        yield from tell(state, run, EntryKind.FLATTEN_STEP, text, now=now)


def _end_of(one: FlattenOrder, *, filled: Decimal, shown: bool) -> OrderEnd:
    if filled >= one.order.quantity:
        return OrderEnd.FILLED
    if one.outcome is FlattenOutcome.REFUSED:
        return OrderEnd.REJECTED
    return OrderEnd.CANCELLED if shown else OrderEnd.NOT_FOUND


def _note_progress(book: AccountBook, run: FlattenRun, *, now: Nanoseconds) -> None:
    """Progress is a position nearer to its target than ever, or fewer orders to cancel; anything else is waiting."""
    others = len(others_live(book, run))
    if run.others_left < 0 or others < run.others_left:
        run.others_left, run.progress_at = others, now
    for line in lines_of(book, run.instruments):
        left = left_of(book, run, line)
        best = run.best.get(line.key)
        if best is None or left < best:
            run.best[line.key] = left
            run.progress_at = now if best is not None else run.progress_at


# -- what it costs ------------------------------------------------------------------------------------------------


def _take_fills(book: AccountBook, run: FlattenRun, fills: list[Fill]) -> None:
    mids = {one.instrument: one.price for one in run.asked.mids}
    for fill in fills:
        cost = _cost_of(book, fill, mids.get(fill.instrument))
        one = _order_of(book, run, fill)
        if one is not None:
            one.traded, one.cost = one.traded + fill.quantity, one.cost + cost
        elif fill.venue_order_id and not fill.client_order_id:
            traded, so_far = run.unnamed.get(fill.venue_order_id, (ZERO, ZERO))
            run.unnamed[fill.venue_order_id] = traded + fill.quantity, so_far + cost
    for one in run.orders.values():
        if one.venue_order_id in run.unnamed:
            traded, cost = run.unnamed.pop(one.venue_order_id)
            one.traded, one.cost = one.traded + traded, one.cost + cost


def _order_of(book: AccountBook, run: FlattenRun, fill: Fill) -> FlattenOrder | None:
    live = book.find_order(client_order_id=fill.client_order_id, venue_order_id=fill.venue_order_id)
    if live is None:
        finished = book.find_finished(client_order_id=fill.client_order_id, venue_order_id=fill.venue_order_id)
        live = None if finished is None else finished.reservation
    return None if live is None else run.orders.get(live.order.client_order_id)


def _cost_of(book: AccountBook, fill: Fill, mid: Decimal | None) -> Decimal:
    """What a fill gave up against the middle of the book at the start; below zero: it was better."""
    instrument = book.instruments.get(fill.instrument)
    rate = None if instrument is None else book.rate(instrument)
    if mid is None or instrument is None or rate is None:
        return ZERO
    cost = cost_against(mid, Take(fill.price, fill.quantity), instrument=instrument, rate=rate)
    return cost if (fill.price - mid) * fill.side.sign >= ZERO else -cost


# -- ends ---------------------------------------------------------------------------------------------------------


def _prove(state: GateState, book: AccountBook, run: FlattenRun, *, now: Nanoseconds) -> Iterator[Output]:
    held = tuple((line.symbol, line.ledger) for line in lines_of(book, run.instruments) if line.ledger)
    unseen = () if book.feed is None else tuple(one for one in book.feed.limitations if UNSEEN_ORDERS in one)
    run.certificate = Certificate(now, tuple(run.proof), held, unseen)
    to_zero = run.asked.target is FlattenTarget.ZERO
    assert not held or not to_zero or run.scope.strategy, "I17: flat, and something is held"
    run.result = FlattenPhase.FLAT if to_zero else FlattenPhase.REACHED
    what = "FLAT" if to_zero else "the authorised size is REACHED"
    orders, cost = len(run.orders), plain(run.cost)
    text = (
        f"flatten {run.flatten_id}: {what}: two complete reads after the last order was final show it, with no open "
        f"order; {orders} order{'s' * (orders != 1)}, cost {cost} against the mids at the start"
    )
    text += "".join(f"; NOT SEEN: {one}" for one in unseen)
    yield from _end(state, run, EntryKind.FLAT, text, now=now)


def _give_up(state: GateState, run: FlattenRun, *, is_settled: bool, now: Nanoseconds) -> Iterator[Output]:
    patience = run.asked.patience_ns
    if run.stopped and is_settled:
        yield from finish(state, run, f"stopped {run.stopped}", now=now)
    elif run.stuck >= STUCK_READS:
        yield from finish(state, run, "what is left can't be traded", now=now)
    elif now - run.progress_at > patience:
        yield from finish(state, run, f"no progress for {patience // SECOND} s", now=now)


def finish(state: GateState, run: FlattenRun, why: str, *, now: Nanoseconds) -> Iterator[Output]:
    """Ends it with its gaps. What is not final stays counted, whoever looks."""
    run.gaps = gaps(state, run, why, now=now)
    run.result = FlattenPhase.GAPS
    yield from _end(state, run, EntryKind.GAPS, f"flatten {run.flatten_id}: NOT FLAT: {'; '.join(run.gaps)}", now=now)


def _end(state: GateState, run: FlattenRun, kind: EntryKind, text: str, *, now: Nanoseconds) -> Iterator[Output]:
    run.ended_at = now
    state.flattens.end(run)
    state.version += 1
    yield from tell(state, run, kind, text, now=now)


def tell(
    state: GateState, run: FlattenRun, kind: EntryKind, text: str, *, now: Nanoseconds, by: str = ""
) -> Iterator[Output]:
    """One line in its incident, which can't be closed, and so not be forgotten, while a flatten of it runs."""
    incident = state.incidents.by_id[run.incident_id]
    yield from record(incident, kind, text, by=by or f"gate:{state.gate_id}", now=now)
