"""A gate with the real owner and the real executor, a feed and a venue in memory, and a time that only the test moves.

Every step of the executor passes a numbered point (before and after each Input, before and after the venue acts); at
any of them the gate's process or the feed can die. What the gate's process held is gone then, and its journal stays;
what the feed was about to say is never said. `Venue` keeps the truth, and notes what a flatten must never do.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from risksvc.core import events, venue_events
from risksvc.core.config import GateConfig
from risksvc.core.flatten.events import FlattenRequested
from risksvc.core.flatten.run import FlattenPhase, FlattenRun
from risksvc.core.incident.exit_cost import Book
from risksvc.core.outputs import LookUp, OrderRef, Output
from risksvc.core.types import MILLISECOND, SECOND, ZERO, Nanoseconds, Order, OrderType, Scope, Side, TradingState
from risksvc.core.venue_events import VenuePosition, VenueStatus
from risksvc.gate.feeds import CommandResult, FeedError
from risksvc.gate.flatten.executor import FlattenExecutor, Ports
from risksvc.gate.owner import Owner, replay_all
from risksvc.v1 import types_pb2, venue_pb2
from tests.unit.core.catalogue import ACCOUNT, ALPHA, MARKS, WIDE, feed, limits
from tests.unit.gate.flatten_venue import CONFIG, START, Clock, Fate, Venue, book_of
from tests.unit.gate.steps import MemoryJournal

D = Decimal
TICK_NS = 100 * MILLISECOND
LONGEST_S = 600
SIDES = {types_pb2.SIDE_BUY: Side.BUY, types_pb2.SIDE_SELL: Side.SELL}


class Killed(BaseException):
    """The process is gone."""


class PointedOwner(Owner):
    """An owner whose every Input of the executor is two points."""

    rig: "Rig"

    def submit(self, event: events.Input) -> tuple[Output, ...]:
        flattening = type(event).__name__.startswith("Flatten")
        if flattening:
            self.rig.point(f"before {type(event).__name__}")
        outputs = super().submit(event)
        if flattening:
            self.rig.point(f"after {type(event).__name__}")
        return outputs


@dataclass
class Rig:
    """The gate's process, its feed and the venue. `kill_at`: at which points who dies ("gate" or "feed")."""

    books: Mapping[str, Book] = field(default_factory=dict)
    fates: Callable[[Order], Fate] = lambda _: Fate()
    kill_at: tuple[int, ...] = ()
    kills: str = "gate"
    connected: venue_events.FeedConnected = field(default_factory=lambda: feed(can_cancel=True))
    config: GateConfig = CONFIG

    def __post_init__(self) -> None:
        self.clock, self.journal = Clock(), MemoryJournal()
        self.venue = Venue(self.clock, hedge=self.connected.hedge_mode)
        self.points = 0
        self.names: list[str] = []
        self.look_ups: list[OrderRef] = []
        self.restarts = 0
        self.told = 0
        self.during: Callable[[str], None] = lambda _: None
        self.boot()

    # -- the processes -------------------------------------------------------------------------------------------

    def boot(self) -> None:
        """A new process on the journal that is there."""
        self.look_ups.clear()
        self.owner = PointedOwner(replay_all(self.journal).gate, self.journal, self.clock)
        self.owner.rig = self
        self.owner.listeners.append(self._heard)
        self.owner.submit(events.GateStarted(self.config))
        if self.owner.state.limits is None:
            self.owner.submit(events.LimitsLoaded(limits(), "ann", "test"))
        self.owner.submit(events.LeaseRenewed(self.clock.now() + 10**6 * SECOND))
        self.connect()

    def connect(self) -> None:
        self.owner.submit(self.connected)
        self.tell_all()
        self.mark()
        self.read()

    def point(self, name: str) -> None:
        self.points += 1
        self.names.append(name)
        self.during(name)
        if self.points not in self.kill_at:
            return
        if self.kills == "gate":
            raise Killed(name)
        if "Flatten" not in name:
            raise FeedError(f"the feed died: {name}")

    def _heard(self, _event: events.Input, outputs: tuple[Output, ...], _now: Nanoseconds) -> None:
        for output in outputs:
            if isinstance(output, LookUp):
                self.look_ups += output.orders

    # -- the feed ------------------------------------------------------------------------------------------------

    def mark(self) -> None:
        marks = tuple(venue_events.Mark(symbol, price) for symbol, price in MARKS.items())
        self.owner.submit(venue_events.MarksReceived(ACCOUNT, self.clock.now(), marks))

    def tell_all(self) -> None:
        """Every fill that the venue lists by now; repeats are the gate's to know."""
        told = tuple(fill for at, fill in self.venue.fills if at <= self.clock.at)
        self.told = max(self.told, len(told))
        if told:
            self.owner.submit(venue_events.FillsReceived(ACCOUNT, told))

    def read(self) -> None:
        self.venue.work()
        self.mark()
        began = self.clock.now()
        window = began // MILLISECOND
        self.tell_all()
        positions = tuple(
            VenuePosition(
                key,
                held,
                long=max(ZERO, held) if self.venue.hedge else None,
                short=max(ZERO, -held) if self.venue.hedge else None,
            )
            for key, held in self.venue.positions.items()
            if held
        )
        rows = [self.venue.row(OrderRef("", id_)) for id_ in self.venue.orders]
        working = tuple(one for one in rows if one.status is VenueStatus.OPEN)
        self.clock.at += 20 * MILLISECOND
        self.tell_all()
        ended = self.clock.now() // MILLISECOND
        self.owner.submit(venue_events.SnapshotReceived(ACCOUNT, began, window, ended, positions, working))

    def answer_look_ups(self) -> None:
        asked, self.look_ups = self.look_ups, []
        if asked:
            self.tell_all()
            rows = tuple(self.venue.row(one) for one in asked)
            self.owner.submit(venue_events.OrderStatesReceived(ACCOUNT, self.clock.now(), rows))

    async def command(self, account: str, command: venue_pb2.FeedCommand, *, within_seconds: float) -> CommandResult:
        assert account == ACCOUNT
        assert within_seconds > 0
        await asyncio.sleep(0)
        what = command.WhichOneof("command") or ""
        self.point(f"before {what}")
        result = self._act(command)
        self.point(f"after {what}")
        self.answer_look_ups()
        return result

    def _act(self, command: venue_pb2.FeedCommand) -> CommandResult:
        if command.HasField("read_now"):
            self.read()
            return CommandResult(ok=True)
        if command.HasField("cancel_orders"):
            done = [self.venue.cancel(one.client_order_id) for one in command.cancel_orders.orders]
            return CommandResult(ok=all(done))
        return self._place(command.place_order)

    def _place(self, placed: venue_pb2.PlaceOrder) -> CommandResult:
        order = Order(
            ACCOUNT,
            "",
            placed.client_order_id,
            placed.instrument,
            SIDES[placed.side],
            OrderType.LIMIT if placed.limit_price else OrderType.MARKET,
            D(placed.quantity),
            D(placed.limit_price) if placed.limit_price else None,
            reduce_only=placed.reduce_only,
        )
        if (
            self.owner.state.flattens.by_id
            and order.client_order_id not in self.owner.state.accounts[ACCOUNT].reservations
        ):
            self.venue.wrong.append(f"{order.client_order_id} was sent without a reservation")
        fate = self.fates(order)
        if fate.refused:
            return CommandResult(ok=False, error="min notional")
        if not fate.lost:
            self.venue.place(order, fate, valid_until=placed.valid_until_ns)
        if fate.unknown or fate.lost:
            return CommandResult(ok=False, error="timed out", unknown=True)
        return CommandResult(ok=True, venue_order_id=f"v{len(self.venue.orders) - 1}" if not fate.late_ns else "")

    async def look_at_books(self, account: str, instruments: Sequence[str]) -> Mapping[str, Book]:
        assert account == ACCOUNT
        try:
            self.point("before books")
        except FeedError:
            return {}
        return {one: self.books.get(one) or book_of(one) for one in instruments}

    async def changed(self, seconds: float) -> None:
        """Time passes, a tick at a time."""
        await asyncio.sleep(0)
        until = self.clock.at + max(MILLISECOND, int(seconds * SECOND))
        while self.clock.at < until:
            self.clock.at = min(until, self.clock.at + TICK_NS)
            self.venue.work()
            self.owner.submit(events.Ticked())
            self.answer_look_ups()
        if self.clock.at - START > LONGEST_S * SECOND:
            raise AssertionError(f"no end in {LONGEST_S} s: {self.run_state()}")

    # -- what a test does ----------------------------------------------------------------------------------------

    def hold(self, symbol: str, quantity: str, *, strategy: str = ALPHA) -> None:
        """A position by an approved order that filled whole."""
        signed = D(quantity)
        side = Side.BUY if signed > ZERO else Side.SELL
        order = Order(
            ACCOUNT,
            strategy,
            f"h{len(self.venue.orders)}",
            symbol,
            side,
            OrderType.LIMIT,
            abs(signed),
            MARKS[symbol],
        )
        self.approve(order)
        self.venue.rest(order)
        self.venue.execute(order, order.quantity)
        self.venue.orders[order.client_order_id].status = VenueStatus.FILLED
        self.tell_all()
        self.clock.at += 3 * SECOND
        self.mark()
        self.read()

    def approve(self, order: Order) -> None:
        held = self.owner.state.accounts[ACCOUNT].line_for(order.instrument).strategy(order.strategy).position
        decision = self.owner.submit(events.OrderChecked(order, WIDE, held))[0]
        assert getattr(decision, "approved", False), decision

    def rest(self, symbol: str, side: Side, quantity: str, price: Decimal, *, reduce_only: bool = False) -> Order:
        """A working order of a strategy."""
        id_ = f"r{len(self.venue.orders)}"
        order = Order(ACCOUNT, ALPHA, id_, symbol, side, OrderType.LIMIT, D(quantity), price, reduce_only=reduce_only)
        self.approve(order)
        self.venue.rest(order)
        self.read()
        return order

    def halt(self) -> None:
        self.owner.submit(events.HaltRequested(Scope(ACCOUNT), TradingState.HALTED, "drill", "olga"))

    def request(self, **changes: object) -> str:
        """Starts a flatten and gives its id."""
        chosen: dict[str, Any] = {"scope": Scope(ACCOUNT), "patience_ns": 60 * SECOND} | changes
        self.owner.submit(FlattenRequested(by="olga", reason="drill", **chosen))
        return next(reversed(self.owner.state.flattens.by_id))

    def run_state(self) -> FlattenRun:
        return next(reversed(self.owner.state.flattens.by_id.values()))

    def executor(self) -> FlattenExecutor:
        ports = Ports(self.owner, self.clock.now, self.command, self.look_at_books, self.changed)
        return FlattenExecutor(self.run_state().flatten_id, ports)

    async def finish(self) -> FlattenRun:
        """Lets the executor work to the end; a process that dies is started again, as an operator would."""
        while True:
            try:
                await self.executor().run()
            except Killed:
                self.restarts += 1
                self.clock.at += 50 * MILLISECOND
                self.boot()
                continue
            return self.run_state()

    def judge(self) -> None:
        """Nothing that must never be has been, and what is said is so."""
        run = self.run_state()
        assert not self.venue.wrong, self.venue.wrong
        assert len(self.venue.seen) == len(set(self.venue.seen))
        if run.result is FlattenPhase.FLAT:
            assert self.venue.flat(), (self.venue.positions, self.venue.due)
            assert run.certificate is not None
            assert len(run.certificate.reads) == 2
