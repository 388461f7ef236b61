"""A second model of the gate, as plain as can be: after every step everything anew from the whole history.

No running sums: positions from all fills, sums from all live orders, exposures from the formula, halts and freshness
from lists. It knows the FakeVenue's truth, and holds the gate's books against both. What differs is an AssertionError.
"""

from dataclasses import dataclass
from decimal import Decimal

from risksvc.core import events, venue_events
from risksvc.core.book import AccountBook
from risksvc.core.divergences import DivergenceClass
from risksvc.core.events import Input
from risksvc.core.line import Line
from risksvc.core.outputs import Decision, HaltRaised, Output
from risksvc.core.reservations import Reservation
from risksvc.core.trading_state import Halt  # noqa: TC001 - as every other import here
from risksvc.core.types import ONE, SECOND, ZERO, Order, OrderType, ReplaceMode, Side, TradingState
from tests.property.fake_venue import LOTS
from tests.property.random_walk import Asked, Walk
from tests.unit.core.catalogue import ACCOUNT, INSTRUMENTS, INVERSE

SIZES = {one.symbol: one.contract_size for one in INSTRUMENTS}


@dataclass(slots=True)
class Sums:
    """What can fill: quantity and value by side, and reduce-only where the venue enforces it."""

    buy: Decimal = ZERO
    sell: Decimal = ZERO
    buy_value: Decimal = ZERO
    sell_value: Decimal = ZERO
    reduce_buy: Decimal = ZERO
    reduce_sell: Decimal = ZERO

    def add(self, side: Side, quantity: Decimal, worth: Decimal, *, reduces: bool) -> None:
        if reduces and side is Side.BUY:
            self.reduce_buy += quantity
        elif reduces:
            self.reduce_sell += quantity
        elif side is Side.BUY:
            self.buy, self.buy_value = self.buy + quantity, self.buy_value + worth
        else:
            self.sell, self.sell_value = self.sell + quantity, self.sell_value + worth


def value(symbol: str, price: Decimal) -> Decimal:
    return SIZES[symbol] if symbol == INVERSE else SIZES[symbol] * price


def unit_of(line: Line) -> Decimal:
    return value(line.key, line.marks[line.key].price) if line.marks else ZERO


def exposure(low: Decimal, high: Decimal, sums: Sums, *, unit: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """Design: lowest and highest quantity that can come about, and the worst value of the two."""
    down = min(low, max(ZERO, low - sums.reduce_sell))
    up = max(high, min(ZERO, high + sums.reduce_buy))
    worst = max(abs(down * unit - sums.sell_value), abs(up * unit + sums.buy_value))
    return down - sums.sell, up + sums.buy, worst


class NaiveModel:
    """Watches a Walk."""

    def __init__(self) -> None:
        self.halts: list[Halt] = []
        self.cleared: list[str] = []
        self.fills: list[venue_events.Fill] = []
        self.first_answers: dict[str, tuple[Asked, Decision]] = {}
        self.live: list[str] = []
        self.lease_until = 0
        self.snapshots: list[int] = []
        self.marks: dict[str, list[int]] = {}
        self.limits: list[events.LimitsLoaded] = []
        self.approved = 0
        self.seen: dict[str, int] = {}

    def __call__(self, walk: Walk, event: Input, outputs: tuple[Output, ...]) -> None:
        book = walk.gate.state.accounts[ACCOUNT]
        new_ids = [self._judge_order(walk, book, one, answer) for one, answer in self._answers(event, outputs)]
        self._note(event)
        self.halts += [one.halt for one in outputs if isinstance(one, HaltRaised)]
        self._follow_reservations(walk, book, [one for one in new_ids if one])
        for symbol in LOTS:
            if symbol in book.lines:
                self._compare_line(walk, book, book.lines[symbol])
        assert book.total == sum((line.worst.exposure for line in book.lines.values()), ZERO), "total"
        for name, strategy in book.strategies.items():
            parts = [line.strategies[name] for line in book.lines.values() if name in line.strategies]
            assert strategy.total == sum((part.worst.exposure for part in parts), ZERO), "strategy's total"

    def _note(self, event: Input) -> None:
        if isinstance(event, venue_events.FillsReceived):
            self.fills += event.fills
        elif isinstance(event, venue_events.SnapshotReceived):
            self.snapshots.append(event.as_of)
        elif isinstance(event, venue_events.MarksReceived):
            for mark in event.marks:
                self.marks.setdefault(mark.instrument, []).append(event.as_of)
        elif isinstance(event, events.LeaseRenewed):
            self.lease_until = max(self.lease_until, event.valid_until)
        elif isinstance(event, events.LeaseLost):
            self.lease_until = 0
        elif isinstance(event, events.GateStarted):
            self.lease_until, self.snapshots = 0, []
        else:
            self._note_people(event)

    def _note_people(self, event: Input) -> None:
        if isinstance(event, events.HaltSeen):
            self.halts.append(event.halt)
        elif isinstance(event, events.ClearSeen):
            self.cleared.append(event.clear.halt_id)
        elif isinstance(event, events.LimitsLoaded):
            self.limits.append(event)

    # -- decisions -----------------------------------------------------------------------------------------------

    @staticmethod
    def _answers(event: Input, outputs: tuple[Output, ...]) -> list[tuple[Asked, Output]]:
        """Each order that was asked about, with its answer; all or none is one or the other."""
        if isinstance(event, Asked):
            return [(event, outputs[0])]
        if not isinstance(event, events.OrdersChecked):
            return []
        answers = outputs[: len(event.orders)]
        approved = {one.approved for one in answers if isinstance(one, Decision)}
        assert len(approved) == 1 or not event.all_or_none, "some of all or none"
        # Limits are held against the books as they are after the batch: what only pretends to reduce is found first.
        return sorted(zip(event.orders, answers, strict=True), key=lambda one: not one[0].order.reduce_only)

    def _judge_order(self, walk: Walk, book: AccountBook, event: Asked, answer: Output) -> str:
        """Judges an answer by what was known before it; returns the id that it started to reserve for."""
        id_ = event.order.client_order_id
        assert isinstance(answer, Decision)
        if id_ in self.first_answers:
            self._judge_repeat(walk, event, answer)
            return ""
        self.first_answers[id_] = (event, answer)
        if not answer.approved:
            return ""
        self.approved += 1
        self._assert_open(walk, event)
        self._assert_fresh(walk, book, event.order)
        amends = bool(event.order.replaces) and event.order.replace_mode is ReplaceMode.AMEND
        if event.order.reduce_only:
            self._assert_reduces(walk, event.order, amends=amends)
        else:
            self._assert_within_limits(book, event.order.instrument)
        return "" if amends else id_

    def _uncleared(self, order: Order) -> list[TradingState]:
        active = [one for one in self.halts if one.halt_id not in self.cleared]
        covering = [one for one in active if one.scope.covers(order.account, order.strategy, order.instrument)]
        return [one.state for one in covering]

    def _judge_repeat(self, walk: Walk, event: Asked, answer: Decision) -> None:
        """I4."""
        asked, first = self.first_answers[event.order.client_order_id]
        if event.order != asked.order:
            assert not answer.approved, "I4: another order under the same id was approved"
        elif not first.approved:
            before, now = ({one.reason for one in each.denials} for each in (first, answer))
            assert now >= before, "I4: denied before, for other reasons"
        elif answer.approved:
            assert answer == first, "I4: approved before, and answered otherwise"
            self._assert_open(walk, event)
        else:
            done = walk.venue.orders[event.order.client_order_id].order.client_order_id not in self.live
            closed = self.cleared or self._uncleared(event.order) or walk.now >= self.lease_until
            assert done or closed or walk.gate.state.store_lost, "I4: approved before, live, and denied"

    def _assert_open(self, walk: Walk, event: Asked) -> None:
        """I1, and I8 of lease and limits."""
        assert self.limits, "I8: no limits"
        if isinstance(event, events.ReducingOrderChecked):
            return
        states = self._uncleared(event.order)
        assert TradingState.HALTED not in states, "I1: approved while halted"
        assert event.order.reduce_only or not states, "I1: approved while reducing"
        assert walk.now < self.lease_until, "I8: approved without a lease"

    def _assert_fresh(self, walk: Walk, book: AccountBook, order: Order) -> None:
        """I8 of snapshot and marks."""
        bound = (30 if order.reduce_only else 6) * SECOND
        assert self.snapshots, "I8: no snapshot"
        assert walk.now - max(self.snapshots) <= bound, "I8: stale snapshot"
        needed = [order.instrument]
        if not order.reduce_only:
            needed += [key for key, line in book.lines.items() if line.ledger or line.reservations]
        for symbol in needed:
            assert symbol in self.marks, f"I8: no mark of {symbol}"
            assert walk.now - max(self.marks[symbol]) <= bound, f"I8: stale mark of {symbol}"

    def _assert_within_limits(self, book: AccountBook, symbol: str) -> None:
        """I2, at the marks then used."""
        limits = self.limits[-1].limits.accounts[ACCOUNT]
        each = {key: self._exposure_of(book, line) for key, line in book.lines.items()}
        assert each[symbol] <= limits.instruments[symbol].max_net_exposure.value, f"I2: net {each[symbol]}"
        assert sum(each.values()) <= limits.max_total_exposure.value, f"I2: total {sum(each.values())}"

    def _assert_reduces(self, walk: Walk, order: Order, *, amends: bool) -> None:
        """I5: with everything else on its side filled first, it still neither grows the position nor flips it."""
        true = walk.venue.orders[order.replaces] if amends else None
        others = walk.venue.working(order.instrument, order.side)
        others -= walk.venue.potential(true)[0] if true else ZERO
        mine = order.quantity - (true.filled if true else ZERO)
        held = -walk.venue.positions[order.instrument] * order.side.sign
        assert mine <= ZERO or held - others - mine >= ZERO, f"I5: {held=} {others=} {mine=}"

    # -- reservations --------------------------------------------------------------------------------------------

    def _follow_reservations(self, walk: Walk, book: AccountBook, new_ids: list[str]) -> None:
        """One reservation per approval (I4); it ends only when it can't fill and all its fills are told (I3)."""
        now_live = [one.order.client_order_id for one in book.live()]
        before = [*self.live, *new_ids]
        assert set(now_live) <= set(before), "I4: a reservation without an approval"
        for id_ in before:
            if id_ not in now_live:
                self._assert_ended(walk, id_)
        self.live = now_live

    @staticmethod
    def _assert_ended(walk: Walk, id_: str) -> None:
        true = walk.venue.orders[id_]
        assert not true.can_fill, f"I3: {id_} was released, and can fill at the venue ({true.fate})"
        untold = [one for one in true.trades if one not in walk.told]
        assert not untold, f"I3: {id_} was released before its fills {untold}"

    # -- books ---------------------------------------------------------------------------------------------------

    def _price(self, book: AccountBook, line: Line, order: Order, limit_price: Decimal) -> Decimal:
        if not line.marks:
            return ZERO
        mark = line.marks[order.instrument].price
        if order.type is OrderType.LIMIT:
            return value(order.instrument, max(mark, limit_price))
        collar = ONE + book.limits.instruments[order.instrument].price_collar / 100 if book.limits else ONE
        return value(order.instrument, mark * collar if order.side is Side.BUY else mark)

    def _remaining(self, filled_of: dict[str, Decimal], one: Reservation) -> Decimal:
        filled = filled_of.get(one.order.client_order_id, ZERO)
        whole = max(version.quantity for version in one.versions) if one.final_filled is None else one.final_filled
        return max(ZERO, whole - filled)

    def _exposure_of(self, book: AccountBook, line: Line) -> Decimal:
        sums = Sums()
        for one in book.live():
            if one.order.instrument == line.key:
                sums.add(
                    one.order.side, one.remaining, self._worth(book, line, one, one.remaining), reduces=one.reduces
                )
        return exposure(line.low, line.high, sums, unit=unit_of(line))[2]

    def _worth(self, book: AccountBook, line: Line, one: Reservation, quantity: Decimal) -> Decimal:
        prices = [version.limit_price or ZERO for version in one.versions]
        return quantity * self._price(book, line, one.order, max(prices))

    def _compare_line(self, walk: Walk, book: AccountBook, line: Line) -> None:
        known = {
            fill.trade_id: fill for fill in self.fills if fill.instrument == line.key and fill.trade_id in walk.told
        }
        signed = {id_: fill.quantity * fill.side.sign for id_, fill in known.items()}
        assert line.ledger == sum(signed.values(), ZERO), f"ledger of {line.key}"
        differs = (DivergenceClass.POSITION_DRIFT, DivergenceClass.MISSING_FILL)
        drifts = any((one.value, "") in line.suspicions for one in differs)
        assert drifts or line.low == line.high == line.ledger, "the interval without a difference"
        assert line.low <= line.ledger <= line.high, "the ledger is outside of what can be true"
        filled: dict[str, Decimal] = {}
        positions: dict[str, Decimal] = {}
        for id_, fill in known.items():
            if (line.key, id_) not in line.unexplained:
                order = walk.venue.trades[id_][1].order
                filled[order.client_order_id] = filled.get(order.client_order_id, ZERO) + fill.quantity
                positions[order.strategy] = positions.get(order.strategy, ZERO) + signed[id_]
        for name, part in line.strategies.items():
            assert part.position == (positions.get(name, ZERO) if name else ZERO), f"position of {name}"
        assert line.adopted == positions.get("", ZERO), "the operator's part"
        self._compare_sums(book, line, filled)
        self._compare_truth(walk, book, line)

    def _compare_sums(self, book: AccountBook, line: Line, filled: dict[str, Decimal]) -> None:
        sums, unit = Sums(), unit_of(line)
        mine = {name: Sums() for name in line.strategies}
        for one in book.live():
            if one.order.instrument == line.key:
                left = self._remaining(filled, one)
                worth = self._worth(book, line, one, left)
                sums.add(one.order.side, left, worth, reduces=one.reduces)
                mine[one.order.strategy].add(one.order.side, left, worth, reduces=False)
        worst = (line.worst.low, line.worst.high, line.worst.exposure)
        assert worst == exposure(line.low, line.high, sums, unit=unit), f"worst of {line.key}"
        for name, part in line.strategies.items():
            worst = (part.worst.low, part.worst.high, part.worst.exposure)
            assert worst == exposure(part.position, part.position, mine[name], unit=unit), f"worst of {name}"

    def _compare_truth(self, walk: Walk, book: AccountBook, line: Line) -> None:
        """I2: what can truly still happen at the venue is within what the gate counts."""
        sums = Sums()
        for true in walk.venue.all:
            if true.order.instrument == line.key and true.can_fill:
                quantity, price = walk.venue.potential(true)
                worth = quantity * self._price(book, line, true.order, price)
                sums.add(true.order.side, quantity, worth, reduces=true.order.reduce_only and walk.enforces)
        held = walk.venue.positions[line.key]
        low, high, worst = exposure(held, held, sums, unit=unit_of(line))
        assert line.worst.low <= low, f"I2: {line.key} can fall to {low}, counted {line.worst.low}"
        assert high <= line.worst.high, f"I2: {line.key} can rise to {high}, counted {line.worst.high}"
        assert worst <= line.worst.exposure, f"I2: {line.key} can cost {worst}, counted {line.worst.exposure}"
