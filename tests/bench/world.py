"""A gate of a given size, in process, ready to be timed: open, every kind of limit set and far away, orders resting."""

import time
from dataclasses import dataclass
from decimal import Decimal

from risksvc.core import events, venue_events
from risksvc.core.config import RULES, AccountConfig, GateConfig
from risksvc.core.gate import RiskGate
from risksvc.core.limits import (
    AccountLimits,
    InstrumentLimits,
    Limit,
    Limits,
    OrderLimits,
    StrategyInstrumentLimits,
    StrategyLimits,
)
from risksvc.core.outputs import Decision
from risksvc.core.types import SECOND, Instrument, InstrumentKind, Order, OrderType, PositionRange, Side

START = 1_800_000_000 * SECOND
MARK = Decimal(100)
HUGE = Limit(Decimal(10) ** 12)
EACH = OrderLimits(HUGE, HUGE)


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is."""

    instruments: int
    strategies: int
    working: int

    def __str__(self) -> str:
        return f"{self.instruments:,} instruments, {self.strategies} strategies, {self.working:,} orders"


SMALL = Size(10, 1, 0)
LARGE = Size(1_000, 100, 10_000)


class BenchGate:
    """An open gate of a size; checks alternate buys and sells and are given back at once."""

    def __init__(self, size: Size) -> None:
        self.size, self.gate, self.now, self._made = size, RiskGate(), START, 0
        self._symbols = [f"C{index}/USDT:USDT" for index in range(size.instruments)]
        self._strategies = [f"s{index}" for index in range(size.strategies)]
        self._open()
        self._rest_orders()

    def _apply(self, event: events.Input) -> tuple[object, ...]:
        self.now += 1_000
        return self.gate.apply(event, self.now)

    def _open(self) -> None:
        far = Decimal(1)
        rows = {symbol: InstrumentLimits(HUGE, Decimal(5), EACH) for symbol in self._symbols}
        pairs = {symbol: StrategyInstrumentLimits(HUGE, HUGE, order=EACH) for symbol in self._symbols[:10]}
        own = StrategyLimits(Limit(Decimal(150)), HUGE, HUGE, max_orders_per_second=HUGE, order=EACH, instruments=pairs)
        account = AccountLimits(HUGE, rows, dict.fromkeys(self._strategies, own), max_orders_per_second=HUGE)
        limits = Limits("USD", {"USDT": far}, {"main": account}, "bench")
        listed = tuple(
            Instrument(symbol, InstrumentKind.LINEAR, symbol.split("/")[0], "USDT", far, Decimal("0.001"), far / 100)
            for symbol in self._symbols
        )
        calm = AccountConfig(snapshot_max_age_ns=10**15, mark_max_age_ns=10**15)
        self._apply(events.GateStarted(GateConfig("bench", {"main": calm}, rules=RULES)))
        self._apply(events.LimitsLoaded(limits, "bench", "bench"))
        self._apply(events.LeaseRenewed(self.now + 10**18))
        self._apply(venue_events.FeedConnected("main", "bench", listed, True, 64, "A-Za-z0-9_-", False))
        self._apply(venue_events.SnapshotReceived("main", self.now, 1, 2, (), ()))
        marks = tuple(venue_events.Mark(symbol, MARK) for symbol in self._symbols)
        self._apply(venue_events.MarksReceived("main", self.now, marks))

    def _order(self, side: Side, price: str) -> Order:
        self._made += 1
        symbol = self._symbols[self._made % len(self._symbols)]
        strategy = self._strategies[self._made // len(self._symbols) % len(self._strategies)]
        return Order(
            "main", strategy, f"o{self._made}", symbol, side, OrderType.LIMIT, Decimal("0.001"), Decimal(price)
        )

    def _rest_orders(self) -> None:
        wide = PositionRange(Decimal(-1000), Decimal(1000))
        for _ in range(self.size.working):
            order = self._order(Side.BUY, "99")
            decision = self._apply(events.OrderChecked(order, wide, Decimal(0)))[0]
            assert isinstance(decision, Decision)
            assert decision.approved, decision.denials
            acknowledged = events.OrderReport.ACKNOWLEDGED
            report = events.OrderReported(
                "main", order.strategy, order.client_order_id, acknowledged, order.client_order_id
            )
            self._apply(report)

    def time_checks(self, number: int) -> list[float]:
        """Microseconds of each of so many approved checks."""
        wide = PositionRange(Decimal(-1000), Decimal(1000))
        taken = []
        for index in range(number):
            order = self._order(Side.BUY if index % 2 else Side.SELL, "100")
            event = events.OrderChecked(order, wide, Decimal(0))
            began = time.perf_counter_ns()
            decision = self._apply(event)[0]
            taken.append((time.perf_counter_ns() - began) / 1000)
            assert isinstance(decision, Decision)
            assert decision.approved, decision.denials
            self._finish(order)
        return taken

    def _finish(self, order: Order) -> None:
        """The venue says that it was cancelled without a fill: proof, so the world keeps its size."""
        row = venue_events.VenueOrder(
            order.instrument,
            order.side,
            order.quantity,
            Decimal(0),
            venue_events.VenueStatus.CANCELLED,
            client_order_id=order.client_order_id,
        )
        self._apply(venue_events.OrderStatesReceived("main", self.now, (row,)))
