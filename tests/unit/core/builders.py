# ruff: noqa: ANN401 - a builder takes whatever the dataclass that it builds takes
"""An open gate to start a test from, so that the test shows only what matters.

`given()` makes one: limits at their defaults, a lease, a feed, fresh marks, a flat account, two strategies. Then say
what happens (`buy`, `sell`, `fill`, `read`, `mark`, `report`, `halt`, …) and look at what came of it. Time stands still
but for a millisecond per Input and for `wait`. The venue's positions follow the fills unless a test says otherwise;
beliefs follow the ledger; every strategy intends up to 100,000 either way.
"""

from collections.abc import Iterable, Mapping
from copy import copy
from decimal import Decimal
from typing import Any, TypeVar

from risksvc.core import events, venue_events
from risksvc.core.book import AccountBook
from risksvc.core.config import RULES, AccountConfig, GateConfig
from risksvc.core.denials import DenialReason
from risksvc.core.gate import RiskGate
from risksvc.core.limits import Limits
from risksvc.core.line import Line
from risksvc.core.outputs import ClearsGranted, Decision, HaltRaised, Notice, Output, ReportTaken, StepProposed
from risksvc.core.reservations import Reservation
from risksvc.core.strategy_line import StrategyLine
from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import (
    MILLISECOND,
    SECOND,
    ZERO,
    Order,
    OrderType,
    PositionRange,
    ReplaceMode,
    Scope,
    Side,
    TradingState,
)
from risksvc.gate.state_codec import dump_gate, load_gate
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BTC, INSTRUMENTS, MARKS, START, WIDE, D, feed, limits

UNSAID: Any = object()
Number = str | int | Decimal

_Found = TypeVar("_Found")


def reasons(decision: Decision) -> list[DenialReason]:
    return [denial.reason for denial in decision.denials]


class World:
    """A gate, its clock, and a venue that a test speaks for."""

    def __init__(self, config: GateConfig) -> None:
        self.gate, self.config, self.now = RiskGate(), config, START
        self.venue: dict[str, Decimal] = {}
        self.outputs: tuple[Output, ...] = ()
        self.inputs: list[tuple[events.Input, int]] = []
        self.told: list[Notice] = []
        self._made = 0

    def twin(self) -> "World":
        """Another one, which stands as this one does."""
        other = copy(self)
        other.gate, other.venue = load_gate(dump_gate(self.gate)), dict(self.venue)
        other.inputs, other.told = [*self.inputs], [*self.told]
        return other

    # -- time and Inputs -----------------------------------------------------------------------------------------

    def apply(self, event: events.Input) -> tuple[Output, ...]:
        self.now += MILLISECOND
        self.inputs.append((event, self.now))
        self.outputs = self.gate.apply(event, self.now)
        self.told += self.notices()
        return self.outputs

    def wait(self, seconds: float, *, fresh: bool = True) -> "World":
        """Lets time pass; by default with lease, read and marks as fresh as ever."""
        self.now += int(seconds * SECOND)
        return self.refresh() if fresh else self

    def refresh(self) -> "World":
        """Lease, marks and a complete read that shows what is known: nothing new."""
        self.lease()
        self.marks()
        self.read(self.working_rows())
        return self

    def lease(self, seconds: float = 10**6) -> None:
        self.apply(events.LeaseRenewed(self.now + int(seconds * SECOND)))

    def tick(self) -> tuple[Output, ...]:
        return self.apply(events.Ticked())

    def load(self, new: Limits | None = None, **changes: Any) -> None:
        self.apply(events.LimitsLoaded(new or limits(**changes), "ann", "test"))

    # -- orders --------------------------------------------------------------------------------------------------

    def order(self, side: Side, quantity: Number, price: Number | None = None, **rest: Any) -> Order:
        self._made += 1
        chosen = {"account": ACCOUNT, "strategy": ALPHA, "client_order_id": f"o{self._made}", "instrument": BTC} | rest
        type_ = OrderType.MARKET if price is None else OrderType.LIMIT
        return Order(
            side=side, type=type_, quantity=D(quantity), limit_price=None if price is None else D(price), **chosen
        )

    def check(
        self, order: Order, *, intent: PositionRange | None = WIDE, belief: Any = UNSAID, version: str = ""
    ) -> Decision:
        """Asks for one order; an honest tracker believes the ledger."""
        believed = self.position(order.strategy, order.instrument) if belief is UNSAID else belief
        believed = None if believed is None else D(believed)
        return self.one(self.apply(events.OrderChecked(order, intent, believed, version)), Decision)

    def buy(
        self, quantity: Number, price: Number | None = None, *, intent: Any = WIDE, belief: Any = UNSAID, **rest: Any
    ) -> Decision:
        return self.check(self.order(Side.BUY, quantity, price, **rest), intent=intent, belief=belief)

    def sell(
        self, quantity: Number, price: Number | None = None, *, intent: Any = WIDE, belief: Any = UNSAID, **rest: Any
    ) -> Decision:
        return self.check(self.order(Side.SELL, quantity, price, **rest), intent=intent, belief=belief)

    def amend(self, old: str, side: Side, quantity: Number, price: Number, **rest: Any) -> Decision:
        order = self.order(side, quantity, price, replaces=old, replace_mode=ReplaceMode.AMEND, **rest)
        return self.check(order)

    def exit(self, side: Side, quantity: Number, price: Number | None = None, **rest: Any) -> Decision:
        """An operator's own reducing order."""
        chosen = {"strategy": "", "reduce_only": True} | rest
        asked = events.ReducingOrderChecked(self.order(side, quantity, price, **chosen), "olga", "closing")
        return self.one(self.apply(asked), Decision)

    def report(self, id_: str, what: events.OrderReport, *, strategy: str = ALPHA, venue_id: str = "") -> ReportTaken:
        return self.one(self.apply(events.OrderReported(ACCOUNT, strategy, id_, what, venue_id)), ReportTaken)

    def believe(self, quantity: Number, *, strategy: str = ALPHA, instrument: str = BTC) -> ReportTaken:
        return self.one(self.apply(events.PositionReported(ACCOUNT, strategy, instrument, D(quantity))), ReportTaken)

    # -- the venue -----------------------------------------------------------------------------------------------

    def make_fill(
        self, id_: str, side: Side, quantity: Number, price: Number | None = None, **rest: Any
    ) -> venue_events.Fill:
        self._made += 1
        symbol = rest.pop("instrument", BTC)
        chosen: dict[str, Any] = {
            "trade_id": f"t{self._made}",
            "venue_time_ms": self.now // MILLISECOND,
            "client_order_id": id_,
        } | rest
        return venue_events.Fill(symbol, side=side, quantity=D(quantity), price=D(price or MARKS[symbol]), **chosen)

    def fill(
        self, id_: str, side: Side, quantity: Number, price: Number | None = None, **rest: Any
    ) -> venue_events.Fill:
        """The venue fills, and its feed tells."""
        made = self.make_fill(id_, side, quantity, price, **rest)
        self.executed(made)
        self.tell(made)
        return made

    def executed(self, fill: venue_events.Fill) -> None:
        """The venue's position moves, and nobody is told."""
        listed = next(one for one in INSTRUMENTS if one.symbol == fill.instrument)
        held = self.venue.get(listed.position_key, ZERO) + fill.quantity * fill.side.sign
        self.venue[listed.position_key] = held

    def tell(self, *fills: venue_events.Fill) -> tuple[Output, ...]:
        return self.apply(venue_events.FillsReceived(ACCOUNT, fills))

    def row(
        self, id_: str, side: Side, quantity: Number, price: Number | None = None, **rest: Any
    ) -> venue_events.VenueOrder:
        """One order as the venue shows it: open unless said otherwise, by its client order id."""
        chosen: dict[str, Any] = {"instrument": BTC, "filled": ZERO, "status": venue_events.VenueStatus.OPEN} | rest
        chosen["filled"] = D(chosen["filled"])
        limit_price = None if price is None else D(price)
        return venue_events.VenueOrder(
            side=side, quantity=D(quantity), limit_price=limit_price, client_order_id=id_, **chosen
        )

    def working_rows(self) -> list[venue_events.VenueOrder]:
        """What the venue would show of every order that is known to work there."""
        return [
            venue_events.VenueOrder(
                one.order.instrument,
                one.order.side,
                one.quantity,
                one.filled,
                venue_events.VenueStatus.OPEN,
                venue_order_id=one.venue_order_id,
                client_order_id="" if one.found else one.order.client_order_id,
                limit_price=one.limit_price,
                reduce_only=one.order.reduce_only,
            )
            for one in self.book.live()
            if one.proven
        ]

    def read(
        self,
        orders: Iterable[venue_events.VenueOrder] = (),
        *,
        positions: Mapping[str, Decimal | int | str] | None = None,
        as_of: int | None = None,
        took_ms: int = 10,
        shown: Iterable[venue_events.VenuePosition] | None = None,
    ) -> tuple[Output, ...]:
        """A complete read that began `took_ms` ago; `shown`: the position rows as they are."""
        began = self.now + MILLISECOND if as_of is None else as_of
        now_ms = self.now // MILLISECOND
        held = {key: D(quantity) for key, quantity in (self.venue if positions is None else positions).items()}
        rows = tuple(venue_events.VenuePosition(key, quantity) for key, quantity in held.items() if quantity)
        rows = rows if shown is None else tuple(shown)
        return self.apply(venue_events.SnapshotReceived(ACCOUNT, began, now_ms - took_ms, now_ms, rows, tuple(orders)))

    def look_up(self, *rows: venue_events.VenueOrder, as_of: int | None = None) -> tuple[Output, ...]:
        """The result of a targeted read that began now."""
        return self.apply(venue_events.OrderStatesReceived(ACCOUNT, self.now if as_of is None else as_of, rows))

    def not_found(self, id_: str, *, venue_id: str = "", as_of: int | None = None) -> tuple[Output, ...]:
        missing = venue_events.VenueStatus.NOT_FOUND
        return self.look_up(self.row(id_, Side.BUY, 0, status=missing, venue_order_id=venue_id), as_of=as_of)

    def mark(
        self, symbol: str, price: Number, *, bid: Number | None = None, ask: Number | None = None
    ) -> tuple[Output, ...]:
        sides = [None if one is None else D(one) for one in (bid, ask)]
        return self.apply(venue_events.MarksReceived(ACCOUNT, self.now, (venue_events.Mark(symbol, D(price), *sides),)))

    def marks(self) -> tuple[Output, ...]:
        """Every instrument's mark again, as it stands."""
        book = self.book
        known = {symbol: mark.last for line in book.lines.values() for symbol, mark in line.marks.items()}
        marks = tuple(venue_events.Mark(symbol, known.get(symbol, price)) for symbol, price in MARKS.items())
        return self.apply(venue_events.MarksReceived(ACCOUNT, self.now, marks))

    def hold(self, id_: str, quantity: Number, *, strategy: str = ALPHA, instrument: str = BTC) -> None:
        """Lets a strategy buy (or, negative, sell) by an approved order that fills whole."""
        side = Side.BUY if D(quantity) > 0 else Side.SELL
        price = MARKS[instrument]
        order = self.order(side, abs(D(quantity)), price, client_order_id=id_, strategy=strategy, instrument=instrument)
        decision = self.check(order)
        assert decision.approved, decision.denials
        self.fill(id_, side, abs(D(quantity)), price, instrument=instrument)
        self.wait(3)

    # -- operators -----------------------------------------------------------------------------------------------

    def halt(self, scope: Scope | None = None, **rest: Any) -> Halt:
        chosen: dict[str, Any] = {"state": TradingState.HALTED, "reason": "drill", "by": "olga"} | rest
        self.apply(events.HaltRequested(scope or Scope(ACCOUNT), **chosen))
        return self.one(self.outputs, HaltRaised).halt

    def resume(self, *halts: Halt, by: str = "olga") -> Output:
        """Asks for the halts to be cleared, and lets the clears take effect where they are granted."""
        self.apply(events.ResumeProposed(tuple(one.halt_id for one in halts), "over", by))
        return self._take_effect()

    def confirm(self, proposal_id: str, *, by: str = "rita") -> Output:
        self.apply(events.ResumeConfirmed(proposal_id, by))
        return self._take_effect()

    def _take_effect(self) -> Output:
        answer = self.outputs[0]
        if isinstance(answer, ClearsGranted):
            for clear in answer.clears:
                self.apply(events.ClearSeen(clear))
        return answer

    def cleared_elsewhere(self) -> None:
        """Every halt is cleared by another gate, whatever this one would say."""
        for halt in self.halts():
            self.apply(events.ClearSeen(Clear(halt.halt_id, ("olga", "rita"), self.now, "test")))

    def resume_by_two(self, *halts: Halt) -> Output:
        proposed = self.resume(*halts)
        assert isinstance(proposed, StepProposed), proposed
        return self.confirm(proposed.proposal_id)

    def adopt(self, *items: events.AdoptItem, by: str = "olga", confirmed_by: str = "rita") -> Output:
        """Adopts; where that takes two, both."""
        answer = self.apply(events.AdoptRequested(ACCOUNT, items, "manual-trade", "known", by))[0]
        if isinstance(answer, StepProposed):
            answer = self.apply(events.AdoptConfirmed(answer.proposal_id, confirmed_by))[0]
        return answer

    # -- looking -------------------------------------------------------------------------------------------------

    @property
    def book(self) -> AccountBook:
        return self.gate.state.accounts[ACCOUNT]

    def line(self, symbol: str = BTC) -> Line:
        return self.book.line_for(symbol)

    def part(self, name: str = ALPHA, symbol: str = BTC) -> StrategyLine:
        return self.line(symbol).strategy(name)

    def position(self, name: str = ALPHA, symbol: str = BTC) -> Decimal:
        """A strategy's ledger position, without making a line for it."""
        book = self.gate.state.accounts.get(ACCOUNT)
        listed = None if book is None else book.instruments.get(symbol)
        line = None if book is None else book.lines.get(symbol if listed is None else listed.position_key)
        return ZERO if line is None or name not in line.strategies else line.strategies[name].position

    def reservation(self, id_: str) -> Reservation | None:
        return self.book.reservations.get(id_)

    def state(self, name: str = "", symbol: str = "") -> TradingState:
        return self.gate.state.state_of(ACCOUNT, name, symbol)

    def halts(self) -> list[Halt]:
        return list(self.gate.state.halts.active())

    def triggers(self) -> list[str]:
        return [halt.trigger for halt in self.halts()]

    def notices(self) -> list[Notice]:
        """Of the last Input."""
        return [output for output in self.outputs if isinstance(output, Notice)]

    @staticmethod
    def one(outputs: Iterable[Output], kind: type[_Found]) -> _Found:
        found = [output for output in outputs if isinstance(output, kind)]
        assert len(found) == 1, outputs
        return found[0]


def config(*, account: Mapping[str, Any] | None = None, **changes: Any) -> GateConfig:
    return GateConfig("g1", {ACCOUNT: AccountConfig(**(account or {}))}, **{"rules": RULES, **changes})


def started(*, account: Mapping[str, Any] | None = None, **changes: Any) -> World:
    """A gate of which only the process has started."""
    world = World(config(account=account, **changes))
    world.apply(events.GateStarted(world.config))
    return world


def unread(*, account: Mapping[str, Any] | None = None, gate: Mapping[str, Any] | None = None, **changes: Any) -> World:
    """A gate with limits, lease and feed, which has not read the account yet."""
    world = started(account=account, **(gate or {}))
    world.load(**changes)
    world.lease()
    world.apply(feed())
    return world


def given(*, account: Mapping[str, Any] | None = None, gate: Mapping[str, Any] | None = None, **changes: Any) -> World:
    """An open gate on a flat account. `account` and `gate` change the settings, everything else the limits."""
    world = unread(account=account, gate=gate, **changes)
    world.marks()
    world.read()
    return world
