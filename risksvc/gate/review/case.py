"""From what was read of an account to the case that is reviewed: positions, fills, decisions, prices, moments.

Pure. Rule 1: what was before the window is in the starting positions, what is after it is left out. Rule 2: what can't
be valued (no description, no price, no rate) is left out whole and told. Rule 3: what the venue closed of its own
accord comes out of what it closed: what is nobody's first, then the largest holder's, as in the gate.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from risksvc.core.fills import VENUE_MADE
from risksvc.core.impact.types import (
    FundingPoint,
    ImpactAssumptions,
    ImpactCase,
    ImpactDecision,
    ImpactFill,
    ImpactInstrument,
    ImpactWindow,
    MarkPoint,
    StartingPosition,
)
from risksvc.core.types import MILLISECOND, ZERO, Instrument, Nanoseconds, ReplaceMode
from risksvc.core.venue_events import Fill, FillKind
from risksvc.gate.review.incidents import record_of
from risksvc.gate.review.material import (
    CURRENCY,
    IncidentRecord,
    MarkSeries,
    Remarks,
    ReviewMaterial,
    impact_fill,
    rate_of,
    within,
)
from risksvc.gate.review.reading import AccountReading, ReadDecision


@dataclass(frozen=True, slots=True)
class ReviewWanted:
    """What to review. 0 and empty: not narrowed."""

    account: str = ""
    strategy: str = ""
    incident: str = ""
    start: Nanoseconds = 0
    end: Nanoseconds = 0
    assumptions: ImpactAssumptions = field(default_factory=ImpactAssumptions)


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of the time before the first entry that is there. `first`, `last`: the times of the entries.

    `held`: by strategy and instrument, from a snapshot that ends where the journal begins; `gap`: entries are missing
    and nothing stands in for them.
    """

    first: Nanoseconds
    last: Nanoseconds
    held: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    believed: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    gap: bool = False


def build_material(reading: AccountReading, before: Before, wanted: ReviewWanted, *, source: str) -> ReviewMaterial:
    """The case of one account, and what is told beside it."""
    return _Builder(reading, before, wanted).build(source)


class _Builder:
    """One building; every part may add to what is missing."""

    def __init__(self, reading: AccountReading, before: Before, wanted: ReviewWanted) -> None:
        self.reading, self.before, self.wanted = reading, before, wanted
        self.missing, self.remarks = reading.missing, Remarks()
        found = reading.log.newest(reading.account, wanted=wanted.incident)
        self.incident: IncidentRecord | None = None if found is None else record_of(*found)
        self.incident_flat = 0 if found is None else found[1].flat_at
        self.window = self._window()
        self.rates: Mapping[str, Decimal] = {} if reading.limits is None else reading.limits.rates
        self.filled: dict[str, list[tuple[Nanoseconds, Decimal]]] = {}
        self.flatten: list[str] = []

    def build(self, source: str) -> ReviewMaterial:
        fills = self._fills()
        decisions = self._decisions()
        symbols = self._valued({one.symbol for one in fills} | {one.symbol for one in decisions})
        fills, decisions = self._kept(fills, symbols), self._kept(decisions, symbols)
        window = self.window
        limits = self.reading.limits
        own = None if limits is None else limits.accounts.get(self.reading.account)
        case = ImpactCase(
            currency=CURRENCY if limits is None else limits.currency,
            window=window,
            instruments=tuple(self._instrument(symbol) for symbol in symbols),
            marks={symbol: self._marks(symbol, fills) for symbol in symbols},
            fills=tuple(one for one in fills if window.start <= one.at <= window.end),
            decisions=tuple(one for one in decisions if window.start <= one.at <= window.end),
            funding=tuple(self._funding(symbols)),
            starting=tuple(self._starting(fills, decisions, symbols)),
            flatten_fill_ids=tuple(self.flatten),
            max_total_exposure=None if own is None else own.max_total_exposure.value,
            assumptions=self.wanted.assumptions,
        )
        self._remark()
        log = self.reading.log
        told = sorted(log.happenings, key=lambda one: one.at)
        return ReviewMaterial(
            source=source,
            account=self.reading.account,
            case=case,
            happenings=tuple(one for one in told if window.start <= one.at <= window.end),
            halts=tuple(one for one in log.halts if window.start <= one.at <= window.end),
            missing=self.missing.lines(),
            remarks=self.remarks.lines(),
            incident=self.incident,
        )

    # -- the window ----------------------------------------------------------------------------------------------

    def _window(self) -> ImpactWindow:
        log, account = self.reading.log, self.reading.account
        opened = self.incident.opened_at if self.incident is not None else 0
        start = self.wanted.start or max(self._begins(), log.closed_before(account, opened or self.before.last))
        closed = self.incident.closed_at if self.incident is not None else 0
        end = self.wanted.end or closed or self.before.last
        discovered = log.discovered_at(start) or opened or None
        corrected = log.agreed_at if not log.drifting and discovered and log.agreed_at >= discovered else 0
        flat = self.incident_flat or self.reading.flat.at or 0
        return ImpactWindow(
            start=start,
            end=end,
            discovered_at=_inside(discovered or 0, start, end),
            halted_at=_inside(log.halted_at(discovered or start) or log.halted_at(start) or 0, start, end),
            corrected_at=_inside(corrected, start, end),
            flat_at=_inside(flat, start, end),
        )

    def _begins(self) -> Nanoseconds:
        """When something first happened; where entries are missing, their first one."""
        reading, first = self.reading, self.before.first
        if self.before.gap:
            return first
        times = [one.at for one in reading.decisions[:1]] + [one.at for one in reading.adopted[:1]]
        times += [fill.venue_time_ms * MILLISECOND for fill, _ in reading.fills.values()]
        return max(first, min(times, default=first))

    # -- fills ---------------------------------------------------------------------------------------------------

    def _fills(self) -> list[ImpactFill]:
        found: list[ImpactFill] = []
        held: dict[str, dict[str, Decimal]] = {}
        for (strategy, symbol), quantity in self.before.held.items():
            held.setdefault(symbol, {})[strategy] = quantity
        heard = sorted(self.reading.fills.values(), key=lambda one: (one[0].venue_time_ms, one[0].sequence, one[1]))
        for fill, seen_at in heard:
            instrument = self._described(fill)
            if instrument is None:
                self.missing.add(f"{fill.instrument} is not described in the journal: its fills are left out")
                continue
            for one in self._owned(fill, instrument, seen_at, held.setdefault(instrument.symbol, {})):
                mine = held[instrument.symbol]
                mine[one.strategy] = mine.get(one.strategy, ZERO) + one.quantity
                found.append(one)
        return [*found, *self._adoptions()]

    def _owned(
        self, fill: Fill, instrument: Instrument, seen_at: Nanoseconds, held: Mapping[str, Decimal]
    ) -> Iterator[ImpactFill]:
        root = self.reading.orders.root_of(fill)
        whose = replace(self.reading.orders.whose(fill, seen_at=seen_at), heard_at=seen_at)
        if root:
            self.filled.setdefault(root, []).append((seen_at, fill.quantity))
        if fill.kind is FillKind.TRANSFER:
            fill = replace(fill, price=self._price_at(instrument.symbol, fill.venue_time_ms * MILLISECOND, fill.price))
        one = impact_fill(fill, instrument, whose, rates=self.rates, missing=self.missing)
        closed = fill.kind in VENUE_MADE and fill.kind is not FillKind.TRANSFER and not whose.strategy
        parts = list(shared(one, held)) if closed or whose.spread else [one]
        if whose.flatten:
            self.flatten += [part.fill_id for part in parts]
        yield from parts

    def _described(self, fill: Fill) -> Instrument | None:
        found = self.reading.instruments.get(fill.instrument)
        if found is None and fill.kind is FillKind.TRANSFER:  # of an asset: the pair that it is valued by
            pairs = (one for one in self.reading.instruments.values() if one.position_key == fill.instrument)
            found = next(pairs, None)
        return found

    def _adoptions(self) -> Iterator[ImpactFill]:
        """A position that was adopted is a fill that nobody saw, at the price of that moment."""
        for number, one in enumerate(self.reading.adopted, 1):
            price = self._price_at(one.symbol, one.at, ZERO)
            if price and one.symbol in self.reading.instruments:
                id_ = f"{one.symbol} adopted {number}"
                yield ImpactFill(one.at, one.symbol, one.owner, one.quantity, price, fill_id=id_)
                self.remarks.add("a position that was adopted counts from then on, at the mark of that moment")
            else:
                self.missing.add(f"a position of {one.symbol} was adopted; without a price of it it is left out")

    def _price_at(self, symbol: str, at: Nanoseconds, otherwise: Decimal) -> Decimal:
        series = self.reading.marks.get(symbol)
        points = () if series is None else within(series.points, at, at)
        return points[-1].mark if points else otherwise

    # -- decisions -----------------------------------------------------------------------------------------------

    def _decisions(self) -> list[ImpactDecision]:
        return [
            ImpactDecision(
                at=one.at,
                decision_id=one.decision_id,
                symbol=one.symbol,
                strategy=one.strategy,
                kind=one.kind,
                intended=one.intended,
                believed=one.believed,
                order=self._sent(one),
                version=one.version,
                max_position=one.max_position,
            )
            for one in self.reading.decisions
        ]

    def _sent(self, decision: ReadDecision) -> Decimal:
        """What went to the venue with it; an amendment sends what its order had not filled yet."""
        order = decision.order
        if order is None:
            return ZERO
        fills = self.filled.get(self.reading.orders.roots[order.client_order_id], [])
        if order.client_order_id in self.reading.orders.never_sent and not fills:
            return ZERO
        quantity = order.quantity
        if order.replaces and order.replace_mode is ReplaceMode.AMEND:
            quantity = max(ZERO, quantity - sum((filled for at, filled in fills if at <= decision.at), ZERO))
        return quantity * order.side.sign

    # -- what it is valued by ------------------------------------------------------------------------------------

    def _valued(self, symbols: Iterable[str]) -> list[str]:
        return [symbol for symbol in sorted(symbols) if self._can_be_valued(symbol)]

    def _can_be_valued(self, symbol: str) -> bool:
        instrument = self.reading.instruments.get(symbol)
        traded = any(fill.instrument == symbol for fill, _ in self.reading.fills.values())
        for fine, why in (
            (instrument is not None, "is not described in the journal"),
            (instrument is None or rate_of(instrument.quote, self.rates) is not None, "has no rate in the limits"),
            (bool(self.reading.marks.get(symbol)) or traded, "has no price in the journal"),
        ):
            if not fine:
                self.missing.add(f"{symbol} {why}: it is left out")
                return False
        return True

    def _instrument(self, symbol: str) -> ImpactInstrument:
        instrument, limits = self.reading.instruments[symbol], self.reading.limits
        own = None if limits is None else limits.accounts.get(self.reading.account)
        row = None if own is None else own.instruments.get(symbol)
        rate = rate_of(instrument.quote, self.rates)
        assert rate is not None, "only what has a rate is valued"  # noqa: S101 - `_can_be_valued` looked
        return ImpactInstrument(instrument, rate, None if row is None else row.max_net_exposure.value)

    def _marks(self, symbol: str, fills: Iterable[ImpactFill]) -> tuple[MarkPoint, ...]:
        series = self.reading.marks.get(symbol)
        if series is None:
            self.missing.add(f"{symbol} has no marks in the journal: the prices of its fills stand in for them")
            series = MarkSeries()
            for one in sorted((one for one in fills if one.symbol == symbol), key=lambda one: one.at):
                series.see(one.at, one.price)
                series.keep()
        points = series.done()
        return within(points, self.window.start, self.window.end) or points[:1]

    def _funding(self, symbols: Iterable[str]) -> Iterator[FundingPoint]:
        wanted = frozenset(symbols)
        for (symbol, time_ms), amount in sorted(self.reading.payments.items(), key=lambda one: one[0][1]):
            at = time_ms * MILLISECOND
            if symbol in wanted and self.window.start <= at <= self.window.end:
                yield FundingPoint(at, symbol, payment=amount)

    # -- the start -----------------------------------------------------------------------------------------------

    def _starting(
        self, fills: Iterable[ImpactFill], decisions: Iterable[ImpactDecision], symbols: Iterable[str]
    ) -> Iterator[StartingPosition]:
        start = self.window.start
        held = dict(self.before.held)
        believed = dict(self.before.believed)
        for fill in fills:
            if fill.at < start:
                key = (fill.strategy, fill.symbol)
                held[key] = held.get(key, ZERO) + fill.quantity
        for decision in decisions:
            if decision.at < start and decision.believed is not None:
                believed[decision.strategy, decision.symbol] = decision.believed
        if self.before.gap:
            self._add_first_read(held, fills, frozenset(symbols))
        wanted = frozenset(symbols)
        for key in sorted(held.keys() | believed.keys()):
            strategy, symbol = key
            if symbol in wanted and (held.get(key) or believed.get(key)):
                yield StartingPosition(symbol, strategy, held.get(key, ZERO), believed.get(key))

    def _add_first_read(
        self, held: dict[tuple[str, str], Decimal], fills: Iterable[ImpactFill], symbols: frozenset[str]
    ) -> None:
        """What the first complete read showed and no fill explains was held before the journal's first entry."""
        if self.reading.first_read is None:
            return
        at, shown = self.reading.first_read
        for symbol in sorted(symbols):
            explained = sum((one.quantity for one in fills if one.symbol == symbol and one.at <= at), ZERO)
            known = sum((quantity for (_, of), quantity in self.before.held.items() if of == symbol), ZERO)
            left = shown.get(self.reading.instruments[symbol].position_key, ZERO) - explained - known
            if left:
                owner = self._only_strategy(symbol)
                held[owner, symbol] = held.get((owner, symbol), ZERO) + left
                whose = f"{owner}'s, the only strategy that trades it" if owner else "nobody's"
                self.remarks.add(f"{symbol}: what was held before the journal's first entry counts as {whose}")

    def _only_strategy(self, symbol: str) -> str:
        names = {one.strategy for one in self.reading.decisions if one.symbol == symbol}
        return names.pop() if len(names) == 1 else ""

    # -- telling -------------------------------------------------------------------------------------------------

    def _kept(self, found: list, symbols: Iterable[str]) -> list:  # type: ignore[type-arg]
        wanted, strategy = frozenset(symbols), self.wanted.strategy
        return [one for one in found if one.symbol in wanted and strategy in ("", one.strategy)]

    def _remark(self) -> None:
        if self.before.gap:
            self.missing.add("early entries are not in the journal any more: what they held can't be reviewed")
        if len(self.reading.limit_hashes) > 1:
            self.remarks.add("limits changed in this time; breaches are held against the last ones")
        if self.reading.log.omitted:
            self.missing.add(
                f"{self.reading.log.omitted:,} more lines of the timeline; `risksvc journal show` has them"
            )
        if self.wanted.strategy:
            self.remarks.add(f"narrowed to strategy {self.wanted.strategy}: exposure is its own, not the account's")


def shared(fill: ImpactFill, held: Mapping[str, Decimal]) -> Iterator[ImpactFill]:
    """What the venue closed, by whose position it closed: nobody's first, then the largest holder's."""
    left = fill.quantity
    parts: list[tuple[str, Decimal]] = []
    largest_first = sorted(held.items(), key=lambda one: (one[0] != "", -abs(one[1]), one[0]))
    for strategy, position in largest_first:
        share = _closing(position, left)
        if share:
            parts.append((strategy, share))
            left -= share
    if left or not parts:
        parts.append(("", left))
    for number, (strategy, share) in enumerate(parts, 1):
        id_ = fill.fill_id if len(parts) == 1 else f"{fill.fill_id} part {number}"
        # The fee is whole with the first part: a quotient might not be exact.
        fee = fill.fee if number == 1 else ZERO
        yield replace(fill, strategy=strategy, quantity=share, fee=fee, fill_id=id_)


def _closing(position: Decimal, signed: Decimal) -> Decimal:
    """How much of a signed quantity takes a position towards zero."""
    if position > ZERO > signed:
        return max(signed, -position)
    return min(signed, -position) if position < ZERO < signed else ZERO


def _inside(at: Nanoseconds, start: Nanoseconds, end: Nanoseconds) -> Nanoseconds | None:
    return at if start <= at <= end else None
