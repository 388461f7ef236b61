"""Inputs of a flatten: started, confirmed, stopped; a round offered; an order answered.

Rule 1: no flatten without a halt in force over all of its scope, one at a time per account. Rule 2: a round is approved
only from a complete read that began after every order in scope was final, and only within what that read confirmed.
Rule 3: its orders are checked, reserved and kept by id in the same step, before anybody can send them. Rule 4: the core
alone says FLAT, on a complete read.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.config import SecondPerson
from risksvc.core.events import OrderReport, OrderReported, ReducingOrderChecked
from risksvc.core.flatten.events import (
    ORDER_VALID_NS,
    FlattenConfirmed,
    FlattenOrderAnswered,
    FlattenOutcome,
    FlattenRequested,
    FlattenSliced,
    FlattenStopped,
    FlattenTarget,
    Slice,
)
from risksvc.core.flatten.exits import Exit, authorised, exits, expanded
from risksvc.core.flatten.proof import phase_of, settled, unhalted
from risksvc.core.flatten.run import FlattenOrder, FlattenPhase, FlattenRun
from risksvc.core.flatten.watch import finish, tell
from risksvc.core.incident.opening import Opening, open_incident
from risksvc.core.incident.record import EntryKind, Incident, record
from risksvc.core.incident.severity import ClockName
from risksvc.core.orders_in import check_order
from risksvc.core.outputs import Decision, Output, Refusal, RefusalReason, StepProposed, StepRefused
from risksvc.core.reports_in import report_order
from risksvc.core.state import GateState
from risksvc.core.types import ZERO, Nanoseconds, Order, OrderType, Scope, Severity, plain

ID_LENGTH = 22
NUMBER_DIGITS = 5


# -- starting and stopping ----------------------------------------------------------------------------------------


def flatten_requested(state: GateState, event: FlattenRequested, now: Nanoseconds) -> Iterator[Output]:
    """Starts, or waits for a second person, or says why not."""
    refusals = tuple(_refusals(state, event))
    if refusals:
        yield StepRefused(refusals)
    elif event.target is FlattenTarget.AUTHORISED and _needs_second(state):
        assert state.config is not None, "judged before"
        proposal = state.proposals.add(event, expires_at=now + state.config.proposal_validity_ns)
        yield StepProposed(proposal.proposal_id, proposal.expires_at)
    else:
        yield from _start(state, event, by=(event.by,), now=now)


def flatten_confirmed(state: GateState, event: FlattenConfirmed, now: Nanoseconds) -> Iterator[Output]:
    """The second person; everything is judged again."""
    refusal = state.proposals.judge(event.proposal_id, by=event.by, now=now)
    if refusal is not None:
        yield StepRefused((refusal,))
        return
    proposal = state.proposals.waiting[event.proposal_id]
    if not isinstance(proposal.step, FlattenRequested):
        text = f"{event.proposal_id} is a proposal to {proposal.kind}; confirm it there"
        yield StepRefused((Refusal(RefusalReason.PROPOSAL_UNKNOWN, text),))
        return
    refusals = tuple(_refusals(state, proposal.step))
    if refusals:
        yield StepRefused(refusals)
        return
    del state.proposals.waiting[event.proposal_id]
    yield from _start(state, proposal.step, by=(proposal.step.by, event.by), now=now)


def _needs_second(state: GateState) -> bool:
    return state.config is not None and state.config.second_person is SecondPerson.REQUIRED


def _refusals(state: GateState, event: FlattenRequested) -> Iterator[Refusal]:
    account = event.scope.account
    book = state.accounts.get(account)
    if book is None or book.limits is None:
        text = f"account {account!r} is not in the settings and the limits file: nothing of it would be approved"
        yield Refusal(RefusalReason.NO_SNAPSHOT, text)
        return
    running = state.flattens.of_account(account)
    if running is not None:
        text = f"flatten {running.flatten_id} runs in account {account}: `risksvc flatten --show {running.flatten_id}`"
        yield Refusal(RefusalReason.FLATTEN_RUNNING, text)
    instruments = expanded(book, event.scope, event.linked)
    open_to = unhalted(state, (account, event.scope.strategy), instruments)
    if open_to:
        text = f"no halt is in force over {event.scope} (HALTED, not REDUCING): strategies could trade against it"
        missing = ", ".join(one for one in open_to if one not in ("", event.scope.instrument))
        yield Refusal(RefusalReason.NOT_HALTED, f"{text}; linked: {missing}" if missing else text)
    yield from _incident_refusals(state, event)


def _incident_refusals(state: GateState, event: FlattenRequested) -> Iterator[Refusal]:
    incident = _incident(state, event)
    if incident is None and event.incident_id:
        text = f"no incident {event.incident_id}; `risksvc incident list`"
        yield Refusal(RefusalReason.INCIDENT_UNKNOWN, text)
    elif incident is not None and not incident.is_open:
        text = f"incident {incident.incident_id} is closed; leave --incident out, or open another one"
        yield Refusal(RefusalReason.INCIDENT_CLOSED, text)
    elif incident is not None and incident.scope.account not in ("", event.scope.account):
        text = (
            f"incident {incident.incident_id} is about account {incident.scope.account}, not {event.scope.account}: "
            "leave --incident out"
        )
        yield Refusal(RefusalReason.INCIDENT_UNKNOWN, text)
    if event.target is FlattenTarget.AUTHORISED and (incident is None or not incident.cause):
        text = "to the authorised size only with the cause known: `risksvc incident cause`; to zero needs no cause"
        yield Refusal(RefusalReason.CAUSE_UNKNOWN, text)


def _incident(state: GateState, event: FlattenRequested) -> Incident | None:
    if event.incident_id:
        return state.incidents.by_id.get(event.incident_id)
    return state.incidents.covering(Scope(event.scope.account))


def _start(state: GateState, event: FlattenRequested, *, by: tuple[str, ...], now: Nanoseconds) -> Iterator[Output]:
    book = state.accounts[event.scope.account]
    incident = _incident(state, event)
    opened = incident is None
    if incident is None:  # a flatten that nobody recorded would be worse than an incident too many
        opening = Opening(event.scope, Severity.P1, "OPERATOR", f"flatten: {event.reason}", event.by)
        incident = open_incident(state, opening, now=now)
    state.flattens.made += 1
    instruments = expanded(book, event.scope, event.linked)
    run = FlattenRun(
        flatten_id=f"{state.gate_id}-f{state.flattens.made}",
        incident_id=incident.incident_id,
        asked=event,
        by=by,
        instruments=instruments,
        started_at=now,
        settled_after=now,
        progress_at=now,
    )
    if event.target is FlattenTarget.AUTHORISED:
        run.targets = authorised(book, event.scope, instruments)
    state.flattens.add(run)
    state.version += 1
    incident.flattens.append(run.flatten_id)
    incident.met(ClockName.FLATTEN, now=now)
    who = " and ".join(by)
    text = f"flatten {run.flatten_id} of {_scope_words(run)} to {event.target.value} by {who}: {event.reason}"
    if opened:
        text_opened = f"{incident.severity.value}: opened by {text}"
        yield from record(incident, EntryKind.OPENED, text_opened, by=event.by, now=now)
    yield from record(incident, EntryKind.FLATTEN_STARTED, text, by=event.by, now=now)


def _scope_words(run: FlattenRun) -> str:
    others = [one for one in run.instruments if one != run.scope.instrument]
    return f"{run.scope} with {', '.join(others)}" if others else str(run.scope)


def flatten_stopped(state: GateState, event: FlattenStopped, now: Nanoseconds) -> Iterator[Output]:
    """Nothing more is sent; what was sent is followed to its end."""
    run = state.flattens.by_id.get(event.flatten_id)
    if run is None or not run.runs:
        what = "no flatten" if run is None else "it is over: flatten"
        text = f"{what} {event.flatten_id}; `risksvc flatten --show` shows the newest"
        yield StepRefused((Refusal(RefusalReason.FLATTEN_UNKNOWN, text),))
        return
    if not run.stopped:
        run.stopped = f"by {event.by}: {event.reason}"
    yield from tell(state, run, EntryKind.FLATTEN_STEP, f"stopped {run.stopped}", now=now, by=event.by)
    if settled(state.accounts[run.account], run):
        yield from finish(state, run, f"stopped {run.stopped}", now=now)


# -- a round ------------------------------------------------------------------------------------------------------


def flatten_sliced(state: GateState, event: FlattenSliced, now: Nanoseconds) -> Iterator[Output]:
    """Makes the orders of one round and checks each: a Decision per order, as any order gets."""
    run = state.flattens.by_id.get(event.flatten_id)
    refusal = _round_refusal(state, run, event, now=now)
    if run is None or refusal is not None:
        yield StepRefused((refusal,) if refusal is not None else ())
        return
    run.denied = event.problem
    sent: list[str] = []
    book = state.accounts[run.account]
    for order in _orders(book, run, event.slices):
        yield from _ask(state, run, order, sent=sent, now=now)
    if sent:
        run.read, run.proof, run.stuck = None, [], 0
        yield from tell(state, run, EntryKind.FLATTEN_STEP, f"round approved: {'; '.join(sent)}", now=now)


def _round_refusal(
    state: GateState, run: FlattenRun | None, event: FlattenSliced, *, now: Nanoseconds
) -> Refusal | None:
    """Why no round may be approved now."""
    if run is None or not run.runs or run.stopped:
        text = f"flatten {event.flatten_id} is not known, over, or stopped"
        return Refusal(RefusalReason.FLATTEN_UNKNOWN, text)
    if unhalted(state, (run.account, run.scope.strategy), run.instruments):
        run.denied = f"no halt is in force over all of {run.scope}: halt it again"
        return Refusal(RefusalReason.NOT_HALTED, run.denied)
    book = state.accounts[run.account]
    phase = phase_of(book, run)
    if phase is not FlattenPhase.SENDING or run.read is None:
        return Refusal(RefusalReason.ORDER_UNKNOWN, f"flatten {run.flatten_id} is {phase.value}, nothing may be sent")
    if now - run.read.as_of > book.config.snapshot_max_age_ns:
        return Refusal(RefusalReason.NO_SNAPSHOT, "the read that it would rest on is too old")
    return None


def _orders(book: AccountBook, run: FlattenRun, slices: tuple[Slice, ...]) -> list[Order]:
    """The orders of a round: the slices shared out over the parts, never more than what each may trade."""
    found: list[Order] = []
    open_exits = exits(book, run.scope, run.instruments, run.targets)
    for one in slices:
        left = one.quantity
        for index, way in enumerate(open_exits):
            quantity = _part_of(book, one, way, left)
            if quantity > 0:
                left -= quantity
                open_exits[index] = replace(way, quantity=way.quantity - quantity)
                found.append(_order(book, run, way, quantity=quantity, cut=one))
    return found


def _part_of(book: AccountBook, cut: Slice, way: Exit, left: Decimal) -> Decimal:
    if (way.instrument, way.side) != (cut.instrument, cut.side):
        return ZERO
    instrument = book.instruments.get(way.instrument)
    step = None if instrument is None else instrument.quantity_step
    quantity = min(way.quantity, left)
    return quantity if step is None else quantity // step * step


def _order(book: AccountBook, run: FlattenRun, way: Exit, *, quantity: Decimal, cut: Slice) -> Order:
    run.made += 1
    return Order(
        account=run.account,
        strategy=way.strategy,
        client_order_id=_order_id(book, run),
        instrument=way.instrument,
        side=way.side,
        type=OrderType.MARKET if cut.limit_price is None else OrderType.LIMIT,
        quantity=quantity,
        limit_price=cut.limit_price,
        reduce_only=True,
    )


def _order_id(book: AccountBook, run: FlattenRun) -> str:
    """Hexadecimal digits, which every venue carries: the flatten's own, then a number that only grows."""
    longest = ID_LENGTH if book.feed is None else min(ID_LENGTH, book.feed.id_max_length)
    own = hashlib.blake2b(f"{run.flatten_id} {run.started_at}".encode(), digest_size=16).hexdigest()
    return own[: longest - NUMBER_DIGITS] + f"{run.made:0{NUMBER_DIGITS}x}"


def _ask(state: GateState, run: FlattenRun, order: Order, *, sent: list[str], now: Nanoseconds) -> Iterator[Output]:
    asked = ReducingOrderChecked(order, run.asked.by, run.asked.reason, valid_for=ORDER_VALID_NS)
    for output in check_order(state, asked, now):
        if isinstance(output, Decision) and output.approved:
            run.orders[order.client_order_id] = FlattenOrder(order, now, output.valid_until)
            price = "market" if order.limit_price is None else f"at {plain(order.limit_price)}"
            of = order.strategy or "nobody's part"
            what = f"{order.side.value} {plain(order.quantity)} {order.instrument} {price} of {of}"
            sent.append(f"{order.client_order_id} {what}")
        elif isinstance(output, Decision):
            run.denied = f"{order.instrument}: {output.denials[0].reason.name}: {output.denials[0].message}"
        yield output


_REPORTS = {
    # An order that is immediate or cancel is over once it is there: both only make the gate look sooner.
    FlattenOutcome.PLACED: (OrderReport.ACKNOWLEDGED, OrderReport.CANCELLED),
    FlattenOutcome.REFUSED: (OrderReport.REJECTED,),
    FlattenOutcome.UNKNOWN: (OrderReport.SENT,),
}


def flatten_order_answered(state: GateState, event: FlattenOrderAnswered, now: Nanoseconds) -> Iterator[Output]:
    """Keeps what the feed said, and has the order looked up. It stays counted until the venue proves its end."""
    run = state.flattens.by_id.get(event.flatten_id)
    one = None if run is None else run.orders.get(event.client_order_id)
    if run is None or one is None:
        return
    one.outcome, one.error, one.venue_order_id = event.outcome, event.error, event.venue_order_id
    for report in _REPORTS[event.outcome]:
        told = OrderReported(
            run.account, one.order.strategy, event.client_order_id, report, venue_order_id=event.venue_order_id
        )
        yield from report_order(state, told, now)
    if run.runs and event.outcome is not FlattenOutcome.PLACED:
        text = f"{event.client_order_id}: {event.outcome.value}: {event.error}"
        yield from tell(state, run, EntryKind.FLATTEN_STEP, text, now=now)
