"""Seeded random walks: realistic Inputs to a RiskGate from strategies, operators, the kill switch and a FakeVenue.

`Walk(seed).run(steps)` gives the same Inputs for the same seed, whatever the hash seed. Every Input, its time and its
Outputs stand in `Walk.log`; `watch` hears of each at once. Strategies keep the contract (they send what was approved
while it is valid, under its id), but their reports are late, missing and wrong.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from risksvc.core import events, venue_events
from risksvc.core.config import RULES, AccountConfig, GateConfig
from risksvc.core.events import FillReported, Input, OrderReport, OrderReported
from risksvc.core.gate import RiskGate
from risksvc.core.outputs import Decision, LookUp, Output
from risksvc.core.reservations import Reservation
from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import (
    MILLISECOND,
    SECOND,
    ZERO,
    Order,
    OrderType,
    ReplaceMode,
    Scope,
    Severity,
    Side,
    TradingState,
    use_exact_arithmetic,
)
from risksvc.core.venue_events import FillsReceived, OrderStatesReceived
from tests.property.fake_venue import LOTS, WINDOW_NS, FakeVenue, Fate, TrueOrder
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, MARKS, START, WIDE, D, feed, limit, limits, strategy
from tests.unit.core.catalogue import instrument as instrument_limits

CONFIG = GateConfig("g1", {ACCOUNT: AccountConfig(venue_window_ns=WINDOW_NS)}, rules=RULES)
STRATEGIES = {ALPHA: strategy(), BETA: strategy(belief_required=False)}
TIGHT = {symbol: instrument_limits(max_net_exposure=limit(30_000)) for symbol in LOTS}
LIMITS = (
    limits(strategies=STRATEGIES, total=limit(100_000)),
    limits(strategies=STRATEGIES, total=limit(60_000), instruments=TIGHT, name="v2"),
)
PAUSES = (1, 1, 1, 1, 20, 20, 100, 150, 600, 900, 1300, 2500)  # ms
STEPS = 30  # of one walk; a step gives about two Inputs
Asked = events.OrderChecked | events.ReducingOrderChecked
Watch = Callable[["Walk", Input, tuple[Output, ...]], None]


class Walk:
    """One walk. `asked` holds every question that was new, with its answer."""

    def __init__(self, seed: int, *, watch: Watch | None = None) -> None:
        self.rng = Random(seed)
        self.enforces = self.rng.random() < 0.6
        self.invents = self.rng.random() < 0.2
        self.gate, self.now, self.watch = RiskGate(), START, watch
        self.venue = FakeVenue(self.rng, enforces_reduce_only=self.enforces)
        self.log: list[tuple[Input, int, tuple[Output, ...]]] = []
        self.asked: list[tuple[Asked, Decision]] = []
        self.made = 0
        self.told: dict[str, None] = {}
        self.look_ups: list[LookUp] = []
        self.late: list[Input] = []
        self.prices = {symbol: MARKS[symbol] for symbol in LOTS}

    def run(self, steps: int) -> "Walk":
        self.start()
        for _ in range(steps):
            self._pass_time()
            self.rng.choices(OPERATIONS, cum_weights=CUMULATED)[0](self)
        return self

    def start(self) -> None:
        use_exact_arithmetic()  # as `serve` does; also where a seed is repeated outside of pytest
        self.apply(events.GateStarted(CONFIG))
        self.apply(events.LimitsLoaded(LIMITS[0], "ann", "first"))
        self._connect()
        self._refresh()

    def apply(self, event: Input) -> tuple[Output, ...]:
        outputs = self.gate.apply(event, self.now)
        self.log.append((event, self.now, outputs))
        for output in outputs:
            if isinstance(output, LookUp):
                self.look_ups.append(output)
        if isinstance(event, FillsReceived):
            self._mark_told(event.fills)
        elif isinstance(event, venue_events.SnapshotReceived):
            self._mark_shown(event.open_orders)
        elif isinstance(event, OrderStatesReceived):
            self._mark_shown(event.orders)
        if self.watch is not None:
            self.watch(self, event, outputs)
        return outputs

    def _mark_told(self, fills: tuple[venue_events.Fill, ...]) -> None:
        for fill in fills:
            self.told[fill.trade_id] = None
            self.venue.untold = [one for one in self.venue.untold if one != fill.trade_id]

    def _mark_shown(self, rows: tuple[venue_events.VenueOrder, ...]) -> None:
        for row in rows:
            if row.status is not venue_events.VenueStatus.NOT_FOUND:
                self.venue.orders[row.client_order_id].shown = True

    # -- time --------------------------------------------------------------------------------------------------------

    def _pass_time(self) -> None:
        pause = self.rng.choice(PAUSES) if self.rng.random() < 0.98 else 8_000
        self.now += pause * MILLISECOND
        for true in self.venue.advance(self.now):
            self._show(true)
        if pause > 500 and self.rng.random() < 0.7:
            self._refresh()

    def _show(self, true: TrueOrder) -> None:
        """The feed tells at once of an order that arrived after it had been called never sent."""
        self.apply(OrderStatesReceived(ACCOUNT, self.now, (self.venue.row(true),)))

    def _refresh(self) -> None:
        self._lease()
        self._marks()
        self._read()

    def _lease(self) -> None:
        self.apply(events.LeaseRenewed(self.now + self.rng.choice((300 * MILLISECOND, 5 * SECOND, 20 * SECOND))))

    def _lose_lease(self) -> None:
        self.apply(events.LeaseLost(self.rng.random() < 0.3, "drill"))

    def _tick(self) -> None:
        self.apply(events.Ticked())

    def _restart(self) -> None:
        self.apply(events.GateStarted(CONFIG))
        self._connect()

    def _connect(self) -> None:
        chosen = tuple(one for one in feed().instruments if one.symbol in LOTS)
        self.apply(feed(instruments=chosen, enforces_reduce_only=self.enforces))

    def _reload(self) -> None:
        self.apply(events.LimitsLoaded(self.rng.choice(LIMITS), "ann", "drill"))

    # -- strategies --------------------------------------------------------------------------------------------------

    def _live(self) -> list[Reservation]:
        return self.gate.state.accounts[ACCOUNT].live()

    def _ask(self) -> None:
        self._put(self._question(self.rng.choice((ALPHA, BETA))))

    def _ask_many(self) -> None:
        """A batch, each by itself or all or none."""
        who, whole = self.rng.choice((ALPHA, BETA)), self.rng.random() < 0.5
        asked = tuple(self._question(who) for _ in range(self.rng.randint(2, 4)))
        for one, decision in zip(asked, self.apply(events.OrdersChecked(asked, whole)), strict=False):
            self._answered(one, decision)

    def _question(self, who: str) -> events.OrderChecked:
        symbol, side = self.rng.choice(tuple(LOTS)), self.rng.choice(tuple(Side))
        price, quantity = self._price(symbol, side), LOTS[symbol] * self.rng.randint(1, 10)
        position = self._position(symbol, who)
        reduces = self.rng.random() < (0.3 if position else 0.05)
        if reduces:
            side = Side.SELL if position > ZERO else Side.BUY
            quantity = self.rng.choice((abs(position), quantity)) or quantity
        return self._stated(self._order(who, symbol, side, quantity, price=price, reduce_only=reduces))

    def _order(self, who: str, symbol: str, side: Side, quantity: D, *, price: D | None, reduce_only: bool) -> Order:
        kind = OrderType.MARKET if price is None else OrderType.LIMIT
        self.made += 1
        return Order(ACCOUNT, who, f"o{self.made}", symbol, side, kind, quantity, price, reduce_only)

    def _price(self, symbol: str, side: Side) -> D | None:
        if self.rng.random() < 0.3:
            return None
        percent = self.rng.randint(-4, 8) if side is Side.SELL else self.rng.randint(-8, 4)
        step = D("0.5")
        return self.prices[symbol] * (100 + percent) / 100 // step * step

    def _position(self, symbol: str, who: str) -> D:
        line = self.gate.state.accounts[ACCOUNT].lines.get(symbol)
        part = None if line is None else line.strategies.get(who)
        return ZERO if part is None else part.position

    def _stated(self, order: Order) -> events.OrderChecked:
        belief = self._position(order.instrument, order.strategy) if order.strategy == ALPHA else None
        if belief is not None and self.rng.random() < 0.01:
            belief += LOTS[order.instrument]
        return events.OrderChecked(order, WIDE, belief)

    def _put(self, asked: Asked) -> None:
        self._answered(asked, self.apply(asked)[0])

    def _answered(self, asked: Asked, decision: Output) -> None:
        assert isinstance(decision, Decision)
        self.asked.append((asked, decision))
        if decision.approved and asked.order.replace_mode is ReplaceMode.AMEND and asked.order.replaces:
            self.venue.amended(asked.order, now=self.now, valid_until=decision.valid_until)
        elif decision.approved:
            self.venue.approved(asked.order, now=self.now, valid_until=decision.valid_until)

    def _replace(self) -> None:
        """Amends a live order, or sends a new one for an old one."""
        live = [one for one in self._live() if one.order.strategy in STRATEGIES]
        if not live:
            return
        old = self.rng.choice(live).order
        mode = self.rng.choice(tuple(ReplaceMode))
        price = None if old.limit_price is None else self._price(old.instrument, old.side) or old.limit_price
        quantity = LOTS[old.instrument] * self.rng.randint(1, 10)
        order = self._order(old.strategy, old.instrument, old.side, quantity, price=price, reduce_only=old.reduce_only)
        self._put(self._stated(replace(order, replaces=old.client_order_id, replace_mode=mode)))

    def _exit(self) -> None:
        symbol = self.rng.choice(tuple(LOTS))
        held = self.venue.positions[symbol]
        side = Side.SELL if held > ZERO else Side.BUY
        quantity = abs(held) if held and self.rng.random() < 0.7 else LOTS[symbol] * self.rng.randint(1, 6)
        order = self._order("", symbol, side, quantity, price=self._price(symbol, side), reduce_only=True)
        self._put(events.ReducingOrderChecked(order, "olga", "closing"))

    def _ask_again(self) -> None:
        """The same question again, or another order under its id."""
        if not self.asked:
            return
        event, _ = self.rng.choice(self.asked[-12:])
        if self.rng.random() < 0.4:
            event = replace(
                event, order=replace(event.order, quantity=event.order.quantity + LOTS[event.order.instrument])
            )
        self.apply(event)

    def _report(self) -> None:
        """What strategies say of orders: late, and not always true."""
        live = [one for one in self._live() if one.order.strategy]
        if not live:
            return
        chosen = self.rng.choice(live)
        order, id_ = chosen.order, self.rng.choice(chosen.ids)
        true, report = self.venue.orders[order.client_order_id], self.rng.choice(tuple(OrderReport))
        arrived = true.fate in (Fate.OPEN, Fate.FINAL)
        if report is OrderReport.NEVER_SENT and arrived and not true.shown:
            return  # a strategy that has its answer does not say so
        if report is OrderReport.ACKNOWLEDGED and not arrived:
            return
        true.called_never_sent |= report is OrderReport.NEVER_SENT and id_ == order.client_order_id
        venue_id = true.venue_id if arrived and self.rng.random() < 0.5 else ""
        self.apply(OrderReported(ACCOUNT, order.strategy, id_, report, venue_id))

    # -- venue and feed ----------------------------------------------------------------------------------------------

    def _execute(self) -> None:
        orders = self.venue.open_orders()
        if orders:
            self.venue.fill(self.rng.choice(orders))

    def _cancel(self) -> None:
        orders = self.venue.open_orders()
        if orders:
            self.venue.cancel(self.rng.choice(orders))

    def _tell(self, *, everything: bool = False) -> None:
        """Fills, in any order, some again."""
        ids = list(self.venue.untold)
        if not everything:
            ids = [one for one in ids if self.rng.random() < 0.6]
        ids += [one for one in self.told if self.rng.random() < 0.2][-3:]
        self.rng.shuffle(ids)
        if ids:
            self.apply(FillsReceived(ACCOUNT, tuple(self._as_told(one) for one in ids)))

    def _as_told(self, trade_id: str) -> venue_events.Fill:
        fill, true = self.venue.trades[trade_id]
        if self.rng.random() < 0.2:
            return replace(fill, client_order_id="", unresolved=not true.shown)
        return fill

    def _tell_by_strategy(self) -> None:
        if self.venue.trades:
            fill, true = self.venue.trades[self.rng.choice(list(self.venue.trades))]
            self.apply(FillReported(ACCOUNT, true.order.strategy, fill))

    def _invent(self) -> None:
        """A strategy tells of a fill that never was."""
        live = [one for one in self._live() if one.order.strategy]
        if live and self.invents:
            order = self.rng.choice(live).order
            price, quantity = order.limit_price or self.prices[order.instrument], LOTS[order.instrument]
            fill = venue_events.Fill(
                order.instrument,
                f"x{len(self.log)}",
                order.side,
                quantity,
                price,
                self.now // MILLISECOND,
                client_order_id=order.client_order_id,
            )
            self.apply(FillReported(ACCOUNT, order.strategy, fill))

    def _read(self) -> None:
        if self.rng.random() < 0.85:
            self._tell(everything=True)
        self._deliver(self.venue.snapshot())

    def _deliver(self, event: Input) -> None:
        if self.rng.random() < 0.2:
            self.late.append(event)
        else:
            self.apply(event)

    def _deliver_late(self) -> None:
        if self.late:
            self.apply(self.late.pop(self.rng.randrange(len(self.late))))

    def _answer(self) -> None:
        """Answers what the gate asked for."""
        if self.look_ups:
            asked = self.look_ups.pop(self.rng.randrange(len(self.look_ups)))
            rows = tuple(self.venue.look_up(self.venue.orders[one.client_order_id]) for one in asked.orders)
            self._deliver(OrderStatesReceived(ACCOUNT, self.now, rows))

    def _probe(self) -> None:
        """A targeted read that nobody asked for."""
        live = self._live()
        if live:
            chosen = self.rng.sample(live, self.rng.randint(1, len(live)))
            rows = tuple(self.venue.look_up(self.venue.orders[one.order.client_order_id]) for one in chosen)
            self._deliver(OrderStatesReceived(ACCOUNT, self.now, rows))

    def _marks(self) -> None:
        for symbol in LOTS:
            percent = (
                self.rng.choice((99, 100, 100, 100, 101)) if self.rng.random() < 0.97 else self.rng.choice((85, 115))
            )
            self.prices[symbol] = self.prices[symbol] * percent / 100
        marks = tuple(venue_events.Mark(symbol, price) for symbol, price in self.prices.items())
        self.apply(venue_events.MarksReceived(ACCOUNT, self.now, marks))

    # -- halts -------------------------------------------------------------------------------------------------------

    def _scope(self) -> Scope:
        one = Scope(ACCOUNT, instrument=self.rng.choice(tuple(LOTS)))
        return self.rng.choice((Scope(), Scope(ACCOUNT), Scope(ACCOUNT, strategy=self.rng.choice((ALPHA, BETA))), one))

    def _halt(self) -> None:
        scope, state = self._scope(), self.rng.choice((TradingState.REDUCING, TradingState.HALTED))
        if self.rng.random() < 0.5:
            self.apply(events.HaltRequested(scope, state, "drill", "olga"))
        else:
            id_ = f"h{len(self.log)}"
            halt = Halt(id_, scope, state, Severity.P1, "OPERATOR", "drill", "olga", self.now, "g2")
            self.apply(events.HaltSeen(halt))

    def _clear(self) -> None:
        for halt in list(self.gate.state.halts.active()):
            if self.rng.random() < 0.8:
                self.apply(events.ClearSeen(Clear(halt.halt_id, ("olga", "rita"), self.now, "drill")))


WEIGHTS: dict[Callable[[Walk], None], int] = {
    Walk._ask: 26,
    Walk._ask_many: 4,
    Walk._replace: 5,
    Walk._exit: 2,
    Walk._ask_again: 5,
    Walk._report: 10,
    Walk._execute: 14,
    Walk._cancel: 4,
    Walk._tell: 8,
    Walk._tell_by_strategy: 3,
    Walk._invent: 2,
    Walk._read: 6,
    Walk._deliver_late: 3,
    Walk._answer: 6,
    Walk._probe: 3,
    Walk._marks: 3,
    Walk._tick: 6,
    Walk._lease: 2,
    Walk._lose_lease: 1,
    Walk._halt: 1,
    Walk._clear: 5,
    Walk._restart: 1,
    Walk._reload: 1,
}
OPERATIONS = tuple(WEIGHTS)
CUMULATED = tuple(sum(list(WEIGHTS.values())[: index + 1]) for index in range(len(WEIGHTS)))


def recorded(seed: int, steps: int) -> Walk:
    """A walk that nobody watches."""
    return Walk(seed).run(steps)
