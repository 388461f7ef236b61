"""One account's part of a journal, taken in entry by entry: what a review is made of, nothing judged yet.

Rule 1: an approval is what went to the venue unless its strategy says that it never did; a denied order is a decision
to send nothing. Rule 2: a fill that only a strategy told of is no fill. Rule 3: a declared intent stands until the next
one, as it does in the gate; a belief is only what was said with this very order. A range is no target.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from risksvc.core.events import (
    AdoptConfirmed,
    AdoptRequested,
    ClearSeen,
    HaltRequested,
    HaltSeen,
    LimitsLoaded,
    OrderChecked,
    OrderExpected,
    OrderReport,
    OrderReported,
    OrdersChecked,
    PositionReported,
    ReducingOrderChecked,
)
from risksvc.core.impact.types import DecisionKind
from risksvc.core.limits import Limits
from risksvc.core.outputs import Adopted, Decision, IncidentChanged, ReportTaken, StepProposed
from risksvc.core.types import HUNDRED, ZERO, Instrument, Nanoseconds, Order, PositionRange, Scope, plain
from risksvc.core.venue_events import (
    BalancesReceived,
    CashFlowKind,
    FeedConnected,
    Fill,
    FillsReceived,
    MarksReceived,
    OrderStatesReceived,
    SnapshotReceived,
)
from risksvc.gate.codec import Entry
from risksvc.gate.review.incidents import IncidentReading
from risksvc.gate.review.material import MarkSeries, Remarks
from risksvc.gate.review.orders import KnownOrder, OrderNames


@dataclass(frozen=True, slots=True)
class ReadDecision:
    """A decision as the journal tells it. `client_order_id`: of the order that was approved with it; empty: none."""

    at: Nanoseconds
    decision_id: str
    symbol: str
    strategy: str
    kind: DecisionKind
    intent: PositionRange | None
    believed: Decimal | None
    order: Order | None
    version: str
    max_position: Decimal | None

    @property
    def intended(self) -> Decimal | None:
        """The position that it was to reach; a market maker's range names none."""
        return self.intent.low if self.intent is not None and self.intent.low == self.intent.high else None


@dataclass(frozen=True, slots=True)
class AdoptedPosition:
    """What a person entered into the ledger without a fill."""

    at: Nanoseconds
    symbol: str
    owner: str
    quantity: Decimal


@dataclass(slots=True)
class FlatSeen:
    """Complete reads since the halt that showed nothing held and nothing working: two in a row are proof."""

    reads: int = 0
    at: Nanoseconds | None = None


@dataclass(slots=True)
class AccountReading:
    """What was read of one account so far. `fills`: each once, with when the gate heard of it."""

    account: str
    instruments: dict[str, Instrument] = field(default_factory=dict)
    orders: OrderNames = field(default_factory=OrderNames)
    fills: dict[tuple[str, str], tuple[Fill, Nanoseconds]] = field(default_factory=dict)
    decisions: list[ReadDecision] = field(default_factory=list)
    decision_ids: set[str] = field(default_factory=set)
    intents: dict[tuple[str, str], PositionRange] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    marks: dict[str, MarkSeries] = field(default_factory=dict)
    payments: dict[tuple[str, int], Decimal] = field(default_factory=dict)
    flow_ids: set[str] = field(default_factory=set)
    adopted: list[AdoptedPosition] = field(default_factory=list)
    proposed: dict[str, AdoptRequested] = field(default_factory=dict)
    first_read: tuple[Nanoseconds, Mapping[str, Decimal]] | None = None
    flat: FlatSeen = field(default_factory=FlatSeen)
    limits: Limits | None = None
    limit_hashes: list[str] = field(default_factory=list)
    log: IncidentReading = field(default_factory=IncidentReading)
    missing: Remarks = field(default_factory=Remarks)

    def take(self, entry: Entry, *, of: str) -> None:
        """Take one entry in; `of`: the account that it is about, empty: of none. Another account's is passed over."""
        handler = HANDLERS.get(type(entry.input))
        if handler is not None and of in ("", self.account):
            handler(self, entry.input, entry)
        elif handler is None:
            self._take_made(entry)
        self.log.take(entry, account=self.account)

    # -- strategies ----------------------------------------------------------------------------------------------

    def take_order(self, what: OrderChecked, entry: Entry) -> None:
        """A strategy asked."""
        decision = _decision_in(entry)
        order = what.order
        if decision is None or self.orders.knows(order.client_order_id):
            return  # the same question again: one decision
        self._note_version(entry.now, order.strategy, what.version)
        key = (order.strategy, order.instrument)
        if what.intent is not None:
            self.intents[key] = what.intent
        decision_id = self._new_id(order.client_order_id, entry.seq)
        sent = order if decision.approved else None
        if sent is not None:
            self.orders.approve(sent, KnownOrder(entry.now, order.strategy, decision_id))
        self._decide(entry, decision_id, DecisionKind.ORDER, key, believed=what.belief, order=sent)

    def take_batch(self, what: OrdersChecked, entry: Entry) -> None:
        """A strategy asked for several orders at once: each is a decision of its own."""
        for asked, answer in zip(what.orders, entry.outputs, strict=False):  # what else came of it stands behind them
            self.take_order(asked, Entry(entry.seq, entry.now, asked, (answer,)))

    def take_belief(self, what: PositionReported, entry: Entry) -> None:
        """A strategy said what it believes, and asked for nothing."""
        if any(isinstance(output, ReportTaken) and not output.known for output in entry.outputs):
            return
        key = (what.strategy, what.instrument)
        self._decide(entry, f"belief {entry.seq}", DecisionKind.BELIEF_REPORT, key, believed=what.quantity)

    def _decide(
        self,
        entry: Entry,
        decision_id: str,
        kind: DecisionKind,
        key: tuple[str, str],
        *,
        believed: Decimal | None,
        order: Order | None = None,
    ) -> None:
        strategy, symbol = key
        intent, largest = self._limited(strategy, symbol)
        self._happened(symbol)
        version = self.versions.get(strategy, "")
        self.decisions.append(
            ReadDecision(entry.now, decision_id, symbol, strategy, kind, intent, believed, order, version, largest)
        )

    def _limited(self, strategy: str, symbol: str) -> tuple[PositionRange | None, Decimal | None]:
        """The intent that counts and the largest position that goes with it, by the limits then in force."""
        intent = self.intents.get((strategy, symbol))
        account = None if self.limits is None else self.limits.accounts.get(self.account)
        own = None if account is None else account.strategies.get(strategy)
        both = None if own is None else own.instruments.get(symbol)
        if own is None or both is None:
            return intent, None
        intent = intent or both.intended
        if both.max_intended is None:
            return intent, None
        clamp = both.max_intended.value
        if intent is not None:
            intent = PositionRange(max(-clamp, min(clamp, intent.low)), max(-clamp, min(clamp, intent.high)))
        return intent, clamp * own.band.value / HUNDRED

    def _new_id(self, wanted: str, seq: int) -> str:
        """An id that no other decision has: a denied order's id may be asked about again."""
        found = wanted if wanted not in self.decision_ids else f"{wanted} (entry {seq})"
        self.decision_ids.add(found)
        return found

    def _note_version(self, now: Nanoseconds, strategy: str, version: str) -> None:
        before = self.versions.get(strategy)
        if version and version != before:
            self.versions[strategy] = version
            instead = f" instead of {before}" if before else ""
            self.log.tell(now, f"{strategy} runs version {version}{instead}", strategy)

    def take_report(self, what: OrderReported, entry: Entry) -> None:  # noqa: ARG002 - the table's shape
        """A strategy said what became of an order."""
        self.orders.name_at_venue(what.client_order_id, what.venue_order_id)
        if what.report is OrderReport.NEVER_SENT:
            self.orders.never_sent[what.client_order_id] = None

    # -- operators -----------------------------------------------------------------------------------------------

    def take_exit(self, what: ReducingOrderChecked, entry: Entry) -> None:
        """An operator's reducing order."""
        decision = _decision_in(entry)
        if decision is None or self.orders.knows(what.order.client_order_id):
            return
        order = what.order
        said = f"{order.side.value} {plain(order.quantity)} {order.instrument} to reduce: {what.reason}"
        self.log.tell(entry.now, said if decision.approved else f"{said} (denied)", what.by)
        self._happened(order.instrument)
        if decision.approved:
            self.orders.approve(order, KnownOrder(entry.now, order.strategy, flatten=True))

    def _take_made(self, entry: Entry) -> None:
        """Orders that the gate made itself: a flatten's. Its line in the timeline says whose part each takes down."""
        for output in entry.outputs:
            if isinstance(output, Decision) and output.approved and not self.orders.knows(output.client_order_id):
                owner = _owner_in_words(entry, output.client_order_id)
                known = KnownOrder(entry.now, owner or "", flatten=True, spread=owner is None)
                self.orders.made_by_gate(output.client_order_id, known)

    def take_announcement(self, what: OrderExpected, entry: Entry) -> None:
        """A person announced an order of his own."""
        decision = _decision_in(entry)
        if decision is not None and decision.approved:
            self.log.tell(
                entry.now,
                f"announced: {what.order.side.value} {plain(what.order.quantity)} "
                f"{what.order.instrument}: {what.reason}",
                what.by,
            )
            self.orders.announce(what, entry.now)

    def take_adoption(self, what: AdoptRequested | AdoptConfirmed, entry: Entry) -> None:
        """A person explained what exists, or a second one confirmed it."""
        for output in entry.outputs:
            if isinstance(output, StepProposed) and isinstance(what, AdoptRequested):
                self.proposed[output.proposal_id] = what
        if not any(isinstance(output, Adopted) for output in entry.outputs):
            return
        if isinstance(what, AdoptConfirmed):
            step, by = self.proposed.pop(what.proposal_id, None), what.by
        else:
            step, by = what, what.by
        if step is None or step.account != self.account:
            return
        for item in step.items:
            self.orders.adopt(item)
            if item.position_quantity is not None:
                self.adopted.append(AdoptedPosition(entry.now, item.instrument, item.owner, item.position_quantity))
                self._happened(item.instrument)
        self.log.tell(entry.now, f"adopted {len(step.items)} items: {step.cause}: {step.reason}", by)

    def take_halt_request(self, what: HaltRequested, entry: Entry) -> None:
        """An operator halted."""
        self.log.tell(entry.now, f"{what.state.name} {what.scope} asked for: {what.reason}", what.by)

    def take_halt(self, what: HaltSeen, entry: Entry) -> None:
        """A halt came from elsewhere."""
        if what.halt.scope.account in ("", self.account):
            self.log.take_halt(what.halt, entry.now)

    def take_clear(self, what: ClearSeen, entry: Entry) -> None:
        """A halt was cleared."""
        self.log.take_clear(what.clear, entry.now)

    def take_limits(self, what: LimitsLoaded, entry: Entry) -> None:
        """Limits were loaded."""
        self.limits = what.limits
        if what.limits.hash not in self.limit_hashes[-1:]:
            self.limit_hashes.append(what.limits.hash)
            self.log.tell(entry.now, f"limits {what.limits.hash[:12]} loaded: {what.reason}", what.by)

    # -- the venue -----------------------------------------------------------------------------------------------

    def take_feed(self, what: FeedConnected, entry: Entry) -> None:  # noqa: ARG002 - the table's shape
        """A feed said what the venue lists."""
        self.instruments.update((one.symbol, one) for one in what.instruments)

    def take_fills(self, what: FillsReceived, entry: Entry) -> None:
        """Fills, repeats among them; one that comes again may bring the order that it belongs to."""
        for fill in what.fills:
            key = (fill.instrument, fill.trade_id)
            known = self.fills.get(key)
            if known is None:
                self.fills[key] = (fill, entry.now)
                self._happened(fill.instrument)
            elif known[0].unresolved or not known[0].client_order_id:
                self.fills[key] = (fill, known[1])
            self.orders.name_at_venue(fill.client_order_id, fill.venue_order_id)

    def take_marks(self, what: MarksReceived, entry: Entry) -> None:
        """Prices of one read."""
        for mark in what.marks:
            series = self.marks.get(mark.instrument)
            if series is None:
                series = self.marks[mark.instrument] = MarkSeries()
            quoted = mark.bid is not None and mark.ask is not None and mark.ask > mark.bid
            half = (mark.ask - mark.bid) / 2 if quoted and mark.ask is not None and mark.bid is not None else None
            series.see(entry.now, mark.price, half_spread=half)

    def take_states(self, what: OrderStatesReceived, entry: Entry) -> None:  # noqa: ARG002 - the table's shape
        """Results of look-ups: ids, mostly."""
        for order in what.orders:
            self.orders.name_at_venue(order.client_order_id, order.venue_order_id)

    def take_snapshot(self, what: SnapshotReceived, entry: Entry) -> None:
        """A complete read: ids, what was held first, and whether nothing is held any more."""
        for order in what.open_orders:
            self.orders.name_at_venue(order.client_order_id, order.venue_order_id)
        if self.first_read is None:
            self.first_read = (entry.now, {row.key: row.quantity for row in what.positions})
        if self.flat.at is not None or not self.log.halts:
            return
        held = what.open_orders or any(row.quantity or row.long or row.short for row in what.positions)
        self.flat.reads = 0 if held or what.as_of < self.log.halts[0].at else self.flat.reads + 1
        if self.flat.reads == 2:  # noqa: PLR2004 - two reads are proof, one is not
            self.flat.at = entry.now

    def take_balances(self, what: BalancesReceived, entry: Entry) -> None:  # noqa: ARG002 - the table's shape
        """Bookings since the last read; a flow id counts once."""
        for flow in what.flows:
            if flow.kind is not CashFlowKind.FUNDING or flow.flow_id in self.flow_ids:
                continue
            self.flow_ids.add(flow.flow_id)
            if not flow.instrument:
                self.missing.add("funding that the venue did not say the instrument of is left out")
                continue
            key = (flow.instrument, flow.venue_time_ms)
            self.payments[key] = self.payments.get(key, ZERO) + flow.amount

    def _happened(self, symbol: str) -> None:
        series = self.marks.get(symbol)
        if series is not None:
            series.keep()


def _decision_in(entry: Entry) -> Decision | None:
    return next((output for output in entry.outputs if isinstance(output, Decision)), None)


def _owner_in_words(entry: Entry, client_order_id: str) -> str | None:
    """Whose part an order takes down, as `ID … of STRATEGY` in a flatten's line says it; None: no line does."""
    lines = (output.text for output in entry.outputs if isinstance(output, IncidentChanged))
    pieces = (piece for line in lines for piece in line.split("; ") if f"{client_order_id} " in piece)
    name = next((piece.rpartition(" of ")[2] for piece in pieces if " of " in piece), None)
    return "" if name == "nobody's part" else name


def account_of(what: Any) -> str:  # noqa: ANN401 - any Input
    """The account that an Input is about; empty: none of its own."""
    if isinstance(what, OrdersChecked):
        return what.orders[0].order.account if what.orders else ""  # a batch is of one account
    order = getattr(what, "order", None)
    if isinstance(order, Order):
        return order.account
    scope = getattr(what, "scope", None)
    return scope.account if isinstance(scope, Scope) else str(getattr(what, "account", ""))


HANDLERS: Mapping[type, Callable[[AccountReading, Any, Entry], None]] = {
    OrderChecked: AccountReading.take_order,
    OrdersChecked: AccountReading.take_batch,
    PositionReported: AccountReading.take_belief,
    OrderReported: AccountReading.take_report,
    ReducingOrderChecked: AccountReading.take_exit,
    OrderExpected: AccountReading.take_announcement,
    AdoptRequested: AccountReading.take_adoption,
    AdoptConfirmed: AccountReading.take_adoption,
    HaltRequested: AccountReading.take_halt_request,
    HaltSeen: AccountReading.take_halt,
    ClearSeen: AccountReading.take_clear,
    LimitsLoaded: AccountReading.take_limits,
    FeedConnected: AccountReading.take_feed,
    FillsReceived: AccountReading.take_fills,
    MarksReceived: AccountReading.take_marks,
    OrderStatesReceived: AccountReading.take_states,
    SnapshotReceived: AccountReading.take_snapshot,
    BalancesReceived: AccountReading.take_balances,
}
