"""Whether halts may be cleared. Halting is easy, resuming is hard, and there is no force.

A resume names its halts. For every account in their scope it needs: a complete read that began after the halt, no order
whose fate is unknown, every fill and order explained, no difference between the ledgers, and no position over its limit
by quantity. P0 and global halts need two persons; a firm of one (`second_person: none`) waits out a cool-down instead.
"""

from collections.abc import Iterator

from risksvc.core.book import AccountBook
from risksvc.core.config import GateConfig, SecondPerson
from risksvc.core.outputs import Refusal, RefusalReason
from risksvc.core.positions import excesses
from risksvc.core.reservations import Reservation
from risksvc.core.trading_state import Halt, HaltSet
from risksvc.core.trips import Trigger
from risksvc.core.types import SECOND, Nanoseconds, Severity

SHOWN = 5


def unknown_halts(halts: HaltSet, halt_ids: tuple[str, ...]) -> Iterator[Refusal]:
    """Refuses what can't be cleared because it is not there."""
    if not halt_ids:
        yield Refusal(RefusalReason.HALT_UNKNOWN, "name the halts to clear; `risksvc status` lists them")
    for halt_id in halt_ids:
        if halts.halt(halt_id) is None:
            yield Refusal(RefusalReason.HALT_UNKNOWN, f"no halt {halt_id}; `risksvc status` lists them")
        elif halts.is_cleared(halt_id):
            yield Refusal(RefusalReason.HALT_CLEARED, f"halt {halt_id} is cleared already")


def needs_second_person(halts: list[Halt]) -> bool:
    """P0, or global."""
    return any(halt.severity is Severity.P0 or halt.scope.is_global for halt in halts)


def refusals(book: AccountBook, halt: Halt, *, now: Nanoseconds) -> Iterator[Refusal]:
    """Why this halt may not be cleared now, as far as one account is concerned."""
    if book.snapshot_as_of is None or book.snapshot_as_of <= halt.at:
        text = f"account {book.name}: no complete venue read began after halt {halt.halt_id}; `risksvc reconcile`"
        yield Refusal(RefusalReason.NO_READ_SINCE_HALT, text)
    yield from _unknown_orders(book, halt, now=now)
    yield from _unexplained(book)
    yield from _differences(book, halt)
    for excess in excesses(book, book.lines.values()):
        its_cause = (halt.trigger, halt.scope) == (excess.trigger.value, excess.scope)
        if its_cause or excess.trigger is Trigger.POSITION_OVER_LIMIT:
            text = f"account {book.name}: {excess.text}; reduce it first (`risksvc exposure`)"
            yield Refusal(RefusalReason.LIMIT_EXCEEDED, text)


def _unknown_orders(book: AccountBook, halt: Halt, *, now: Nanoseconds) -> Iterator[Refusal]:
    for reservation in book.live():
        order = reservation.order
        covered = halt.scope.covers(book.name, order.strategy, order.instrument)
        if covered and is_unknown(reservation, now=now, venue_window=book.config.venue_window_ns):
            text = (
                f"account {book.name}: the fate of order {order.client_order_id} is not proven; `risksvc reservations`"
            )
            yield Refusal(RefusalReason.ORDER_UNKNOWN, text)


def is_unknown(reservation: Reservation, *, now: Nanoseconds, venue_window: Nanoseconds) -> bool:
    """Approval and venue window have run out, and nothing proves what became of it."""
    if reservation.final_filled is not None:
        return True
    if reservation.proven and not reservation.needs_look_up:
        return False
    return now > reservation.valid_until + venue_window


def _unexplained(book: AccountBook) -> Iterator[Refusal]:
    fills = [fill.trade_id for line in book.lines.values() for fill in line.unexplained.values()]
    orders = [one.order.client_order_id for one in book.live() if not one.explained]
    for what, ids in (("fill", fills), ("order", orders)):
        if ids:
            shown = ", ".join(ids[:SHOWN]) + (", …" if len(ids) > SHOWN else "")
            many = f"{len(ids)} {what}{'s' * (len(ids) > 1)}"
            text = f"account {book.name}: {many} that no approval explains ({shown}); `risksvc adopt`"
            yield Refusal(RefusalReason.UNEXPLAINED, text)


def _differences(book: AccountBook, halt: Halt) -> Iterator[Refusal]:
    for line in book.lines.values():
        if halt.scope.instrument and halt.scope.instrument not in line.symbols:
            continue
        for suspicion in line.suspicions.values():
            text = f"account {book.name}, {line.key}: {suspicion.divergence.value}: {suspicion.message}"
            yield Refusal(RefusalReason.DIVERGED, text)


def cooling(config: GateConfig, halts: list[Halt], *, now: Nanoseconds) -> Iterator[Refusal]:
    """A firm of one waits: P0 and global halts stand for the cool-down at least."""
    if config.second_person is not SecondPerson.NONE or not needs_second_person(halts):
        return
    left = max(halt.at for halt in halts) + config.cool_down_ns - now
    if left > 0:
        text = f"`second_person: none` waits out a cool-down: {left // SECOND + 1} s are left"
        yield Refusal(RefusalReason.COOLING_DOWN, text)
