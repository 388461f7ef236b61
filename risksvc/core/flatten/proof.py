"""Where a flatten stands, from the state alone: what is not final, which reads count, whether it is flat.

Rule 1: nothing is judged while an order in scope is not proven final. Rule 2: a read counts only if it began after that
(where the venue can't enforce reduce-only, after its position's lag as well). Rule 3: FLAT needs two such reads, one
after the other, the second begun when the lag is over, each without a position and without an open or trigger order.
A query in the middle of a flatten proves nothing, however flat it looks.
"""

from collections.abc import Iterator
from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.flatten.events import FlattenOutcome
from risksvc.core.flatten.exits import distance, exits, lines_of
from risksvc.core.flatten.run import FlattenPhase, FlattenRun, ProvingRead
from risksvc.core.line import Line
from risksvc.core.reservations import ENDS_WHEN, Reservation
from risksvc.core.state import GateState
from risksvc.core.types import SECOND, ZERO, Nanoseconds, TradingState, plain
from risksvc.core.venue_events import SnapshotReceived

SHOWN = 5
STUCK_READS = 2


def phase_of(book: AccountBook | None, run: FlattenRun) -> FlattenPhase:
    """Where it stands."""
    if run.result is not None:
        return run.result
    if book is None:
        return FlattenPhase.READING
    if others_live(book, run) and not run.stopped:
        return FlattenPhase.CANCELLING
    if not settled(book, run):
        return FlattenPhase.SETTLING
    if run.read is None:
        return FlattenPhase.READING
    return FlattenPhase.CONFIRMING if run.proof else FlattenPhase.SENDING


def live(book: AccountBook, run: FlattenRun) -> Iterator[Reservation]:
    """Every order in scope that is not proven final: ours, and everybody's."""
    return (one for one in book.live() if run.covers(one.order))


def others_live(book: AccountBook, run: FlattenRun) -> list[Reservation]:
    """Those that are not the flatten's own: they are cancelled first."""
    return [one for one in live(book, run) if one.order.client_order_id not in run.orders]


def settled(book: AccountBook, run: FlattenRun) -> bool:
    """Every order in scope is final, with all its fills."""
    return not book.reservations or next(live(book, run), None) is None


def counts_from(book: AccountBook, run: FlattenRun) -> Nanoseconds:
    """When the first read that counts may begin."""
    return run.settled_after + (0 if book.enforces_reduce_only else book.config.settle_ns)


def judge(book: AccountBook, run: FlattenRun, snapshot: SnapshotReceived) -> bool:
    """Takes one complete read in, once the state has; True when it proves the target."""
    if not settled(book, run) or snapshot.as_of <= counts_from(book, run):
        return False
    read = ProvingRead(snapshot.as_of, snapshot.window_start_ms, snapshot.window_end_ms)
    run.read = read
    if not at_target(book, run, snapshot):
        run.proof = []
        run.stuck = run.stuck + 1 if _nothing_tradable(book, run) else 0
        return False
    run.stuck = 0
    if run.proof and read.window_start_ms < run.proof[0].window_end_ms:
        return False
    run.proof = [*run.proof[:1], read]
    return len(run.proof) > 1 and read.as_of >= run.settled_after + book.config.settle_ns


def at_target(book: AccountBook, run: FlattenRun, snapshot: SnapshotReceived) -> bool:
    """Ledger and venue agree that every position in scope is at its target, and the venue shows no order there."""
    if not book.adopted or any(_in_scope(run, row.instrument) for row in snapshot.open_orders):
        return False
    return all(_is_there(book, run, line) for line in lines_of(book, run.instruments))


def _in_scope(run: FlattenRun, instrument: str) -> bool:
    """An order of another strategy is no gap of this one; one of its own is a reservation, and not final."""
    return not run.scope.strategy and (not run.instruments or instrument in run.instruments)


def _is_there(book: AccountBook, run: FlattenRun, line: Line) -> bool:
    known = line.low == line.high and not line.drifting and (line.venue is not None or line.idle)
    agrees = abs((line.venue or ZERO) - line.ledger) <= line.tolerance
    return known and agrees and not left_of(book, run, line)


def left_of(book: AccountBook, run: FlattenRun, line: Line) -> Decimal:
    """How far one position is from the target."""
    return distance(book, line, strategy=run.scope.strategy, targets=run.targets)


def _nothing_tradable(book: AccountBook, run: FlattenRun) -> bool:
    """Positions are known, and what is left can't be traded: below the step, or offset inside the account."""
    if any(line.drifting or line.low != line.high for line in lines_of(book, run.instruments)):
        return False
    return not any(one.quantity for one in exits(book, run.scope, run.instruments, run.targets))


def unhalted(state: GateState, run_scope: tuple[str, str], instruments: tuple[str, ...]) -> list[str]:
    """The instruments (an empty name: the scope itself) that no halt covers. `run_scope`: account and strategy."""
    account, strategy = run_scope
    wanted = instruments or ("",)
    return [one for one in wanted if state.state_of(account, strategy, one) is not TradingState.HALTED]


# -- in words -----------------------------------------------------------------------------------------------------


def waiting_for(state: GateState, run: FlattenRun, *, now: Nanoseconds) -> Iterator[str]:
    """What is in the way now, or what it does next."""
    book = state.accounts.get(run.account)
    if not run.runs or book is None:
        return
    phase = phase_of(book, run)
    if run.stopped:
        yield f"stopped ({run.stopped}); what was sent is followed to its end"
    if unhalted(state, (run.account, run.scope.strategy), run.instruments):
        yield f"no halt is in force over all of it: `risksvc halt --account {run.account} --reason ...`"
    if phase in (FlattenPhase.CANCELLING, FlattenPhase.SETTLING):
        yield from unproven(book, run, now=now)
    elif phase is FlattenPhase.READING:
        yield book.last_read_failure or "a complete read that began after the last order was final"
    elif phase is FlattenPhase.CONFIRMING:
        yield "a second complete read that shows the same"
    elif run.denied:
        yield run.denied


def unproven(book: AccountBook, run: FlattenRun, *, now: Nanoseconds) -> Iterator[str]:
    """Orders that are not proven final, a line each, and what ends them."""
    found = list(live(book, run))
    for one in found[:SHOWN]:
        yield f"{_named(one)} is not final: ends when {_ends_when(book, one, now=now)}"
    if len(found) > SHOWN:
        yield f"… and {len(found) - SHOWN} orders more"


def _ends_when(book: AccountBook, one: Reservation, *, now: Nanoseconds) -> str:
    if one.lost:
        return "somebody says what became of it: the venue had it and does not know it any more (`risksvc adopt`)"
    due = one.valid_until + book.config.venue_window_ns
    if not one.at_venue and now < due:
        return f"the venue shows it, or {(due - now) // SECOND + 1} s have passed and it does not know it"
    return ENDS_WHEN[one.status]


def _named(one: Reservation) -> str:
    order = one.order
    return f"{order.client_order_id} ({order.side.value} {plain(one.remaining)} {order.instrument})"


def gaps(state: GateState, run: FlattenRun, why: str, *, now: Nanoseconds) -> tuple[str, ...]:
    """What is left, and what to do by hand."""
    book = state.accounts[run.account]
    found = [why, *unproven(book, run, now=now)]
    lines = [one for one in lines_of(book, run.instruments) if left_of(book, run, one) or one.drifting]
    found += [_gap(book, run, one) for one in lines]
    if run.denied:
        found.append(f"the last round was not sent: {run.denied}")
    refused = (one for one in run.orders.values() if one.outcome is FlattenOutcome.REFUSED)
    found += dict.fromkeys(f"the venue refused: {one.error}" for one in refused)
    return tuple(dict.fromkeys(found))


def _gap(book: AccountBook, run: FlattenRun, line: Line) -> str:
    if line.drifting or line.low != line.high:
        venue = "?" if line.venue is None else plain(line.venue)
        return (
            f"{line.symbol}: the venue says {venue}, the ledger {plain(line.ledger)}: `risksvc reconcile`, adopt what "
            "is there, then flatten again"
        )
    left = left_of(book, run, line)
    step = None if line.instrument is None else line.instrument.quantity_step
    if step is not None and left < step:
        return f"{line.symbol}: {plain(left)} is below the venue's step {plain(step)}: no order can trade it"
    if run.scope.strategy:
        return (
            f"{line.symbol}: {plain(left)} of {run.scope.strategy} is left; other parts or orders of the account "
            "stand against it: flatten the account, or reduce by hand"
        )
    return f"{line.symbol}: {plain(left)} is left: flatten again, or `risksvc check-reducing` and place it by hand"
