"""Several orders of a strategy in one step: each by itself, or all or none as one decision.

Each by itself is exactly one check after the other. All or none is tried in the same way: every order is judged with
those before it reserved. When one is denied, what was reserved for the others is taken out again, newest first, so that
sums, rates and warnings are what they would be had they never been approved; then these are denied as well, and
remembered as every denied order is. What the batch said stands (intents, beliefs, versions), and what it broke trips.

Rules: what an earlier step approved is never taken out: it stays reserved until it is proven finished, whatever the
batch's answer. The same batch again gets the same answer, because each of its ids is remembered with its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from risksvc.core.believing import judge_belief
from risksvc.core.book import AccountBook
from risksvc.core.denials import Denial, DenialReason
from risksvc.core.events import OrdersChecked
from risksvc.core.orders_in import check_order, deny
from risksvc.core.outputs import Decision, Notice, NoticeKind, Output
from risksvc.core.reservations import Reservation
from risksvc.core.state import GateState
from risksvc.core.types import Nanoseconds, Order, Scope


@dataclass(frozen=True, slots=True)
class _Standing:
    """What an approval changes beside sums and ids, as it was before one order was judged."""

    book: AccountBook
    known: bool
    total: Decimal
    line_warned: int
    total_warned: int
    oldest_mark: Nanoseconds | None


@dataclass(slots=True)
class _Answered:
    """One order of a batch, its answer, and, of an approval made here, what stood before."""

    order: Order
    decision: Decision
    before: _Standing | None = None


def check_orders(state: GateState, event: OrdersChecked, now: Nanoseconds) -> Iterator[Output]:
    """Decides a batch. The first Outputs are its decisions, one for each order, in its order."""
    answered: list[_Answered] = []
    told: list[Output] = []
    for asked in event.orders:
        before = _standing(state, asked.order) if event.all_or_none else None
        decision, *others = check_order(state, asked, now)
        assert isinstance(decision, Decision), "a check's first Output is its answer"
        made = before is not None and decision.approved and not before.known
        answered.append(_Answered(asked.order, decision, before if made else None))
        told += others
    broken_by = next((one for one in answered if not one.decision.approved), None)
    if event.all_or_none and broken_by is not None:
        told = [*_without_warnings(told), *_take_back(answered, now=now)]
        _deny_the_others(state, answered, broken_by=broken_by.decision, now=now)
    for one in answered:
        yield one.decision
    yield from told


def _standing(state: GateState, order: Order) -> _Standing | None:
    book = state.accounts.get(order.account)
    if book is None:
        return None
    instrument = book.instruments.get(order.instrument)
    line = book.lines.get(order.instrument if instrument is None else instrument.position_key)
    known = order.client_order_id in book.reservations
    line_warned = 0 if line is None else line.warned
    return _Standing(book, known, book.total, line_warned, book.total_warned, book.oldest_mark)


# -- none ---------------------------------------------------------------------------------------------------------


def _take_back(answered: list[_Answered], *, now: Nanoseconds) -> Iterator[Notice]:
    """Takes out what was reserved for this batch, newest first; beliefs that only its orders explained are suspect."""
    made = [(one.order, one.before) for one in answered if one.before is not None]
    for order, before in reversed(made):
        _withdraw(order, before, now=now)
    for order, before in made:
        line = before.book.line_for(order.instrument)
        part = line.strategy(order.strategy)
        if not part.belief_agrees():
            yield from judge_belief(before.book, line, part, now=now)


def _withdraw(order: Order, before: _Standing, *, now: Nanoseconds) -> None:
    book = before.book
    reservation = book.reservations[order.client_order_id]
    if reservation.order.client_order_id == order.client_order_id:
        book.withdraw(reservation)
    else:
        _unamend(book, reservation, order, now=now)
    book.approvals.pop()
    book.strategy(order.strategy).approvals.pop()
    book.line_for(order.instrument).warned = before.line_warned
    book.total_warned, book.oldest_mark = before.total_warned, before.oldest_mark
    assert book.total == before.total, "I2: a batch that is denied leaves nothing reserved"


def _unamend(book: AccountBook, reservation: Reservation, order: Order, *, now: Nanoseconds) -> None:
    reservation.versions.pop()
    taken = reservation.aliases.pop()
    assert taken == order.client_order_id, "amendments are taken back newest first"
    del reservation.answers[taken], book.reservations[taken]
    book.recount(reservation, now=now)


def _without_warnings(told: list[Output]) -> Iterator[Output]:
    """What was told beside the answers, but for the use of limits: nothing is used."""
    for output in told:
        if not isinstance(output, Notice) or output.kind is not NoticeKind.UTILISATION:
            yield output


def _deny_the_others(state: GateState, answered: list[_Answered], *, broken_by: Decision, now: Nanoseconds) -> None:
    """Denies what was fine by itself, naming the first order that was not, and remembers the ids."""
    id_, headline = broken_by.client_order_id, broken_by.denials[0].reason.name
    for one in answered:
        if one.decision.approved:
            text = f"all or none: order {id_} of this batch was denied ({headline})"
            if one.before is None:
                text = f"{text}; what was approved under this id before stays reserved"
            else:
                text = f"{text}; a new attempt needs new client order ids"
            denial = Denial(DenialReason.BATCH_DENIED, Scope(one.order.account), text)
            book = state.accounts[one.order.account]
            one.decision = deny(state, book, one.order, denials=[denial], now=now)
