"""Carries one flatten on, from wherever its state says that it stands, until it is over.

Level-triggered: each step looks at the state and does what that calls for, so a restart needs no memory of its own.
Rule 1: an order is sent only by the step that had it approved, once that is durable, and once; after a restart what was
approved before is never sent, but waited for until it is proven. Rule 2: whatever the feed answers, or if it does not,
only the state's proof counts. Rule 3: nothing here decides a quantity: the core makes and clamps every order.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from risksvc.core.book import AccountBook
from risksvc.core.flatten.events import FlattenOrderAnswered, FlattenOutcome, FlattenSliced
from risksvc.core.flatten.exits import exits
from risksvc.core.flatten.plan import Pace, next_round
from risksvc.core.flatten.proof import counts_from, others_live, phase_of
from risksvc.core.flatten.run import FlattenOrder, FlattenPhase, FlattenRun
from risksvc.core.incident.exit_cost import Book
from risksvc.core.outputs import Decision
from risksvc.core.reservations import Reservation
from risksvc.core.types import MILLISECOND, SECOND, Nanoseconds, Side, plain
from risksvc.gate.cancelling import CANCEL_WITHIN_SECONDS, CANCELS_AT_ONCE, cancel_command
from risksvc.gate.feeds import CommandResult, FeedError
from risksvc.gate.owner import Owner
from risksvc.v1 import types_pb2, venue_pb2

READ_SECONDS = 15.0
PLACE_SECONDS = 10.0
LOOK_AGAIN_NS = SECOND  # while an order is not final, or a read is not enough
READ_YOUNG_NS = 2 * SECOND
SHORT_NS = 50 * MILLISECOND
_SIDES = {Side.BUY: types_pb2.SIDE_BUY, Side.SELL: types_pb2.SIDE_SELL}
_LEGS = {Side.SELL: venue_pb2.POSITION_LEG_LONG, Side.BUY: venue_pb2.POSITION_LEG_SHORT}


class AskFeed(Protocol):
    """A command to the account's feed (`risksvc.gate.feeds.Feeds.command`)."""

    async def __call__(self, account: str, command: venue_pb2.FeedCommand, *, within_seconds: float) -> CommandResult:
        """Raises FeedError: it can't be asked, or does not answer."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """What an executor touches. `changed` waits until the state has moved, at most so many seconds."""

    owner: Owner
    now: Callable[[], Nanoseconds]
    command: AskFeed
    books: Callable[[str, Sequence[str]], Awaitable[Mapping[str, Book]]]
    changed: Callable[[float], Awaitable[None]]


class FlattenExecutor:
    """One running flatten. Holds nothing that a restart would miss."""

    def __init__(self, flatten_id: str, ports: Ports) -> None:
        self._id = flatten_id
        self._ports = ports
        self._cancelled_at: Nanoseconds = 0
        self._read_at: Nanoseconds = 0

    async def run(self) -> None:
        """Until it is over. Raises GateClosedError while the gate is closed; whoever runs it comes back."""
        while True:
            run = self._ports.owner.state.flattens.by_id.get(self._id)
            if run is None or not run.runs:
                return
            book = self._ports.owner.state.accounts[run.account]
            await self._step(book, run)

    async def _step(self, book: AccountBook, run: FlattenRun) -> None:
        phase = phase_of(book, run)
        if phase is FlattenPhase.CANCELLING:
            await self._cancel(book, run)
        elif phase is FlattenPhase.SENDING:
            await self._send(book, run)
        else:
            await self._look(self._may_read_from(book, run, phase))

    def _may_read_from(self, book: AccountBook, run: FlattenRun, phase: FlattenPhase) -> Nanoseconds:
        """When the next read is worth its while."""
        if phase is FlattenPhase.SETTLING:
            return self._read_at + LOOK_AGAIN_NS
        pause = run.asked.slice_pause_ns if run.orders and phase is FlattenPhase.READING else 0
        if phase is FlattenPhase.CONFIRMING:
            pause = book.config.settle_ns
        return max(run.settled_after + pause, counts_from(book, run), self._read_at + SHORT_NS)

    async def _look(self, due: Nanoseconds) -> None:
        """Waits for something to happen, or for the time of the next read, and then has one made."""
        left = due - self._ports.now()
        if left > 0:
            await self._ports.changed(left / SECOND)
            return
        await self._read()

    async def _read(self) -> None:
        run = self._ports.owner.state.flattens.by_id[self._id]
        command = venue_pb2.FeedCommand(read_now=venue_pb2.ReadNow())
        try:
            done = await self._ports.command(run.account, command, within_seconds=READ_SECONDS)
        except FeedError:
            done = CommandResult(ok=False)
        self._read_at = self._ports.now()
        if not done.ok:  # the state says why, where a read failed; a feed that is gone comes back
            await self._ports.changed(LOOK_AGAIN_NS / SECOND)

    # -- cancelling ----------------------------------------------------------------------------------------------

    async def _cancel(self, book: AccountBook, run: FlattenRun) -> None:
        """Has everything cancelled that may work at the venue, then reads; the proof is the state's."""
        due = self._cancelled_at + LOOK_AGAIN_NS
        if self._ports.now() < due:
            await self._look(max(self._read_at + LOOK_AGAIN_NS // 2, due - LOOK_AGAIN_NS // 2))
            return
        self._cancelled_at = self._ports.now()
        wanted = [one for one in others_live(book, run) if one.proven and one.final_filled is None]
        turns = asyncio.Semaphore(CANCELS_AT_ONCE)

        async def one_by_one(one: Reservation) -> None:
            async with turns:
                await self._cancel_one(run.account, one)

        await asyncio.gather(*(one_by_one(one) for one in wanted))
        await self._read()

    async def _cancel_one(self, account: str, one: Reservation) -> None:
        try:
            await self._ports.command(account, cancel_command(one), within_seconds=CANCEL_WITHIN_SECONDS)
        except FeedError:
            return  # it is still there, or not; the next read tells, and it is tried again

    # -- sending -------------------------------------------------------------------------------------------------

    async def _send(self, book: AccountBook, run: FlattenRun) -> None:
        """One round: by the books as they are now, approved, durable, sent, answered."""
        if run.read is None or self._ports.now() - run.read.as_of > READ_YOUNG_NS:
            await self._look(self._read_at + SHORT_NS)
            return
        open_exits = exits(book, run.scope, run.instruments, run.targets)
        asked = run.asked
        books = await self._ports.books(run.account, list(dict.fromkeys(one.instrument for one in open_exits)))
        pace = Pace(asked.participation, asked.collar, asked.style, asked.linked)
        book = self._ports.owner.state.accounts[run.account]
        cut = next_round(book, open_exits, books, pace)
        problem = "; ".join(f"{symbol}: {why}" for symbol, why in cut.problems.items())
        if not cut.slices and problem == run.denied:
            await self._ports.changed(LOOK_AGAIN_NS / SECOND)
            await self._look(self._read_at + SHORT_NS)
            return
        outputs = self._ports.owner.submit(FlattenSliced(self._id, cut.slices, problem))
        approved = [one.client_order_id for one in outputs if isinstance(one, Decision) and one.approved]
        await self._ports.owner.durable()  # an order that the venue has, and the journal has not, would be sent again
        await asyncio.gather(*(self._place(id_) for id_ in approved))
        if not approved:
            await self._ports.changed(LOOK_AGAIN_NS / SECOND)

    async def _place(self, client_order_id: str) -> None:
        """Sends one order that this step had approved; never again, whatever comes of it."""
        run = self._ports.owner.state.flattens.by_id[self._id]
        book = self._ports.owner.state.accounts[run.account]
        command = place_command(run.orders[client_order_id], hedge_mode=book.hedge_mode)
        try:
            result = await self._ports.command(run.account, command, within_seconds=PLACE_SECONDS)
        except FeedError as error:
            result = CommandResult(ok=False, error=str(error), unknown=True)
        outcome = FlattenOutcome.REFUSED
        if result.ok or result.unknown:
            outcome = FlattenOutcome.PLACED if result.ok else FlattenOutcome.UNKNOWN
        self._ports.owner.submit(
            FlattenOrderAnswered(self._id, client_order_id, outcome, result.venue_order_id, result.error)
        )


def place_command(one: FlattenOrder, *, hedge_mode: bool) -> venue_pb2.FeedCommand:
    """The order as the feed gets it."""
    order = one.order
    place = venue_pb2.PlaceOrder(
        instrument=order.instrument,
        client_order_id=order.client_order_id,
        side=_SIDES[order.side],
        quantity=plain(order.quantity),
        limit_price="" if order.limit_price is None else plain(order.limit_price),
        reduce_only=True,
        leg=_LEGS[order.side] if hedge_mode else venue_pb2.POSITION_LEG_UNSPECIFIED,
        valid_until_ns=one.valid_until,
    )
    return venue_pb2.FeedCommand(place_order=place)
