"""Several orders of a strategy in one step: each by itself, or all or none as one decision.

Each by itself is exactly one check after the other. All or none is tried in the same way: every order is judged with
those before it reserved. When one is denied, what was reserved for the others is taken out again, newest first, so that
sums, rates and warnings are what they would be had they never been approved; then these are denied as well, and
remembered as every denied order is. What the batch said stands (intents, beliefs, versions), and what it broke trips.

Rules: what an earlier step approved is never taken out: it stays reserved until it is proven finished, whatever the
batch's answer. The same batch again gets the same answer, because each of its ids is remembered with its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from risksvc.core.believing import judge_belief
from risksvc.core.book import AccountBook
from risksvc.core.denials import Denial, DenialReason
from risksvc.core.events import OrderChecked, OrdersChecked
from risksvc.core.orders_in import check_order, deny
from risksvc.core.outputs import Decision, Notice, NoticeKind, Output
from risksvc.core.reservations import Reservation
from risksvc.core.state import GateState
from risksvc.core.types import Nanoseconds, Order, Scope


def check_orders(state: GateState, event: OrdersChecked, now: Nanoseconds) -> Sequence[Output]:
    """Decides a batch. The first Outputs are its decisions, one for each order, in its order."""
    if event.all_or_none:
        return _all_or_none(state, event.orders, now=now)
    decisions: list[Output] = []
    told: list[Output] = []
    for asked in event.orders:
        outputs = check_order(state, asked, now)
        decisions.append(outputs[0])
        told += outputs[1:]
    return decisions + told


# -- all or none --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Before:
    """One account before the batch: what an approval changes beside sums and ids. `warned`: by line."""

    book: AccountBook
    total: Decimal
    total_warned: int
    oldest_mark: Nanoseconds | None
    warned: dict[str, int]


def _all_or_none(state: GateState, orders: Iterable[OrderChecked], *, now: Nanoseconds) -> Sequence[Output]:
    before = _before(state, orders)
    decisions: list[Decision] = []
    told: list[Output] = []
    made: list[Order] = []
    for asked in orders:
        order, book = asked.order, state.accounts.get(asked.order.account)
        known = book is not None and order.client_order_id in book.reservations
        decision, *others = check_order(state, asked, now)
        assert isinstance(decision, Decision), "a check's first Output is its answer"
        decisions.append(decision)
        told += others
        if not known and decision.approved:
            made.append(order)
    broken_by = next((one for one in decisions if not one.approved), None)
    if broken_by is None:
        return [*decisions, *told]
    told = [*_without_warnings(told), *_take_back(before, made, now=now)]
    new = {(one.account, one.client_order_id) for one in made}
    answers = [
        _denied_too(state, asked.order, new=new, broken_by=broken_by, now=now) if decision.approved else decision
        for asked, decision in zip(orders, decisions, strict=True)
    ]
    return [*answers, *told]


def _before(state: GateState, orders: Iterable[OrderChecked]) -> dict[str, _Before]:
    """The accounts that the batch is of: one, as the door lets them in."""
    found: dict[str, _Before] = {}
    for asked in orders:
        order, book = asked.order, state.accounts.get(asked.order.account)
        if book is None:
            continue
        before = found.get(book.name)
        if before is None:
            before = found[book.name] = _Before(book, book.total, book.total_warned, book.oldest_mark, {})
        instrument = book.instruments.get(order.instrument)
        line = book.lines.get(order.instrument if instrument is None else instrument.position_key)
        if line is not None:
            before.warned[line.key] = line.warned
    return found


def _take_back(before: dict[str, _Before], made: Sequence[Order], *, now: Nanoseconds) -> Iterator[Notice]:
    """Takes out what was reserved for this batch, newest first; beliefs that only its orders explained are suspect."""
    for order in reversed(made):
        _withdraw(before[order.account].book, order, now=now)
    for order in made:
        one = before[order.account]
        line = one.book.line_for(order.instrument)
        line.warned = one.warned.get(line.key, 0)
        part = line.strategy(order.strategy)
        if not part.belief_agrees():
            yield from judge_belief(one.book, line, part, agrees=False, now=now)
    for one in before.values():
        one.book.total_warned, one.book.oldest_mark = one.total_warned, one.oldest_mark
        assert one.book.total == one.total, "I2: a batch that is denied leaves nothing reserved"


def _withdraw(book: AccountBook, order: Order, *, now: Nanoseconds) -> None:
    reservation = book.reservations[order.client_order_id]
    if reservation.order.client_order_id == order.client_order_id:
        book.withdraw(reservation)
    else:
        _unamend(book, reservation, order, now=now)
    book.approvals.pop()
    book.strategy(order.strategy).approvals.pop()


def _unamend(book: AccountBook, reservation: Reservation, order: Order, *, now: Nanoseconds) -> None:
    reservation.versions.pop()
    taken = reservation.aliases.pop()
    assert taken == order.client_order_id, "amendments are taken back newest first"
    del reservation.answers[taken], book.reservations[taken]
    book.recount(reservation, now=now)


def _without_warnings(told: Iterable[Output]) -> Iterator[Output]:
    """What was told beside the answers, but for the use of limits: nothing is used."""
    for output in told:
        if not isinstance(output, Notice) or output.kind is not NoticeKind.UTILISATION:
            yield output


def _denied_too(
    state: GateState, order: Order, *, new: set[tuple[str, str]], broken_by: Decision, now: Nanoseconds
) -> Decision:
    """Denies what was fine by itself, naming the first order that was not, and remembers the id."""
    headline = broken_by.denials[0].reason.name
    text = f"all or none: order {broken_by.client_order_id} of this batch was denied ({headline})"
    if (order.account, order.client_order_id) in new:
        text = f"{text}; a new attempt needs new client order ids"
    else:
        text = f"{text}; what was approved under this id before stays reserved"
    denial = Denial(DenialReason.BATCH_DENIED, Scope(order.account), text)
    return deny(state, state.accounts[order.account], order, denials=[denial], now=now)
