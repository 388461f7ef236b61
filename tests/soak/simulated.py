"""An account on virtual time: the core itself, and a venue whose fills, lags and reads are all made up by a seed.

Orders are asked for and approved, fill whole a moment later, and are told at the next read; a read takes time, and
fills fall inside it. Positions may lag behind the fills that made them, numbered (`sequence`) or not. Nothing is
unexplained until an entry in `drifts` moves a position by itself.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from risksvc.core import events
from risksvc.core.config import RULES, AccountConfig, GateConfig
from risksvc.core.gate import RiskGate
from risksvc.core.limits import InstrumentLimits
from risksvc.core.outputs import Decision, HaltRaised, LookUp, Notice, NoticeKind, Output
from risksvc.core.types import MILLISECOND, SECOND, ZERO, Instrument, InstrumentKind, Order, OrderType, Side
from risksvc.core.venue_events import (
    Fill,
    FillsReceived,
    Mark,
    MarksReceived,
    OrderStatesReceived,
    SnapshotReceived,
    VenueOrder,
    VenuePosition,
    VenueStatus,
)
from tests.unit.core.catalogue import ACCOUNT, ALPHA, START, WIDE, feed, limit, limits, strategy

STEP = Decimal("0.01")
PRICE = Decimal(100)
MOST_STEPS = 2_000  # 2,000 in money of each, either way
START_MS = START // MILLISECOND
LASTING = 3_600 * SECOND


@dataclass(frozen=True, slots=True)
class Market:
    """Fills a second over so many instruments, lag of positions, whether fills are numbered, time between reads."""

    rate: float = 5.0
    symbols: int = 3
    lag_ms: int = 0
    numbered: bool = True
    every_ms: int = 1_000

    def names(self) -> list[str]:
        return [f"X{number:02}/USDT:USDT" for number in range(self.symbols)]


@dataclass(slots=True)
class Heard:
    """What one complete read led to. `suspects`: instruments that were suspect after it."""

    suspects: tuple[str, ...]
    halts: tuple[str, ...]


@dataclass(slots=True)
class Account:
    """The whole thing. `run_until` lets time pass; `reads` holds what each complete read led to."""

    market: Market
    chance: Random
    now_ms: int = START_MS
    gate: RiskGate = field(default_factory=RiskGate)
    fills: dict[str, list[Fill]] = field(default_factory=dict)
    drifts: dict[str, tuple[int, Decimal]] = field(default_factory=dict)
    reads: list[Heard] = field(default_factory=list)
    notices: Counter[str] = field(default_factory=Counter)
    denials: Counter[str] = field(default_factory=Counter)
    approved: dict[str, Order] = field(default_factory=dict)
    _told: dict[str, int] = field(default_factory=dict)
    _ids: "itertools.count[int]" = field(default_factory=itertools.count)
    _due: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _halts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fills = {name: [] for name in self.market.names()}
        self._told = dict.fromkeys(self.market.names(), 0)
        self._begin()

    # -- time --------------------------------------------------------------------------------------------------------

    def run_until(self, at_ms: int, *, stop: Callable[[], bool] = lambda: False) -> None:
        """Lets everything happen that is due by then, or until `stop` says so."""
        while self._due and self._due[0][0] <= at_ms and not stop():
            self.now_ms, _, happen = heapq.heappop(self._due)
            happen()
        self.now_ms = max(self.now_ms, min(at_ms, self._due[0][0] if self._due else at_ms))

    def _after(self, ms: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now_ms + round(ms), next(self._ids), happen))

    def _apply(self, event: events.Input) -> tuple[Output, ...]:
        outputs = self.gate.apply(event, self.now_ms * MILLISECOND)
        for output in outputs:
            if isinstance(output, HaltRaised) and not output.repeated:
                self._halts.append(f"{output.halt.trigger}: {output.halt.reason}")
            elif isinstance(output, Notice):
                self.notices[f"{output.kind.value} {output.name}"] += 1
            elif isinstance(output, LookUp):
                self._after(20, lambda wanted=output: self._look_up(wanted))  # type: ignore[misc]  # bound now
        return outputs

    # -- the gate ----------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        kind = InstrumentKind.LINEAR
        listed = tuple(
            Instrument(name, kind, name.partition("/")[0], "USDT", Decimal(1), STEP, STEP)
            for name in self.market.names()
        )
        rows = {name: InstrumentLimits(limit(50_000), price_collar=Decimal(5)) for name in self.market.names()}
        config = GateConfig("g1", {ACCOUNT: AccountConfig()}, rules=RULES)
        allowed = {ALPHA: strategy(belief_required=False)}
        self._apply(events.GateStarted(config))
        self._apply(
            events.LimitsLoaded(limits(strategies=allowed, instruments=rows, total=limit(10**9)), "ann", "soak")
        )
        self._apply(feed(instruments=listed))
        self._apply(events.LeaseRenewed(self.now_ms * MILLISECOND + LASTING))
        self._tick()
        self._read()
        self._after(self.market.every_ms, self._order)

    def _tick(self) -> None:
        self._apply(events.Ticked())
        if self.now_ms % 1_000 < 200:
            marks = tuple(Mark(name, PRICE) for name in self.market.names())
            self._apply(MarksReceived(ACCOUNT, self._heartbeat(), marks))
        self._after(200, self._tick)

    def _heartbeat(self) -> int:
        return self.now_ms // 100 * 100 * MILLISECOND

    # -- trading -----------------------------------------------------------------------------------------------------

    def _order(self) -> None:
        self._after(self.chance.expovariate(self.market.rate) * 1_000, self._order)
        name = self.chance.choice(self.market.names())
        held = sum((one.quantity * one.side.sign for one in self.fills[name]), ZERO) / STEP
        side = Side.BUY if held < 0 or (held < MOST_STEPS // 2 and self.chance.random() < 0.5) else Side.SELL
        quantity = self.chance.randint(1, 50) * STEP
        order = Order(ACCOUNT, ALPHA, f"o{next(self._ids)}", name, side, OrderType.MARKET, quantity)
        decision = self._apply(events.OrderChecked(order, intent=WIDE))[0]
        assert isinstance(decision, Decision)
        if decision.approved:
            self.approved[order.client_order_id] = order
            self._after(self.chance.randint(1, 60), lambda: self._fill(order))
        for denial in decision.denials[:1]:
            self.denials[denial.reason.name] += 1

    def _fill(self, order: Order) -> None:
        rows = self.fills[order.instrument]
        number = len(rows) + 1
        rows.append(
            Fill(
                order.instrument,
                f"t{number}",
                order.side,
                order.quantity,
                PRICE,
                self.now_ms,
                venue_order_id=f"v-{order.client_order_id}",
                client_order_id=order.client_order_id,
                sequence=number if self.market.numbered else 0,
            )
        )

    def _look_up(self, wanted: LookUp) -> None:
        """Every order of this venue has filled by the time it is asked for, or is about to."""
        self._tell_fills()
        filled = {one.client_order_id for rows in self.fills.values() for one in rows}
        orders = [self.approved[one.client_order_id] for one in wanted.orders if one.client_order_id in filled]
        rows = tuple(
            VenueOrder(
                one.instrument,
                one.side,
                one.quantity,
                one.quantity,
                VenueStatus.FILLED,
                venue_order_id=f"v-{one.client_order_id}",
                client_order_id=one.client_order_id,
            )
            for one in orders
        )
        self._apply(OrderStatesReceived(ACCOUNT, self._heartbeat(), rows))

    # -- reading -----------------------------------------------------------------------------------------------------

    def _tell_fills(self) -> None:
        new: list[Fill] = []
        for name, rows in self.fills.items():
            new += rows[self._told[name] :]
            self._told[name] = len(rows)
        if new:
            self.chance.shuffle(new)
            self._apply(FillsReceived(ACCOUNT, tuple(new)))

    def _read(self) -> None:
        """Fills; positions some time later; fills again; then the snapshot."""
        self._after(self.market.every_ms, self._read)
        self._tell_fills()
        began_ms, as_of = self.now_ms, self._heartbeat()
        self._after(self.chance.randint(10, 60), lambda: self._see_positions(began_ms, as_of))

    def _see_positions(self, began_ms: int, as_of: int) -> None:
        held = tuple(one for name in self.market.names() if (one := self._position(name)).quantity)
        self._after(self.chance.randint(10, 60), lambda: self._end_read(began_ms, as_of, held))

    def _position(self, name: str) -> VenuePosition:
        """As it was `lag_ms` ago."""
        seen_ms = self.now_ms - self.market.lag_ms
        counted = [one for one in self.fills[name] if one.venue_time_ms <= seen_ms]
        quantity = sum((one.quantity * one.side.sign for one in counted), ZERO)
        at_ms, drift = self.drifts.get(name, (0, ZERO))
        quantity += drift if at_ms <= seen_ms else ZERO
        return VenuePosition(name, quantity, sequence=len(counted) if self.market.numbered else 0)

    def _end_read(self, began_ms: int, as_of: int, held: tuple[VenuePosition, ...]) -> None:
        self._tell_fills()
        self._halts.clear()
        self._apply(SnapshotReceived(ACCOUNT, as_of, began_ms, self.now_ms, held, ()))
        lines = self.gate.state.accounts[ACCOUNT].lines.values()
        suspects = tuple(line.symbol for line in lines if line.suspicions)
        self.reads.append(Heard(suspects, tuple(self._halts)))


def said(notices: Counter[str], kind: NoticeKind) -> str:
    """How often what was told of a kind, for people."""
    found = {name.partition(" ")[2]: count for name, count in notices.items() if name.startswith(f"{kind.value} ")}
    return ", ".join(f"{name} {count}" for name, count in found.items()) or "none"
