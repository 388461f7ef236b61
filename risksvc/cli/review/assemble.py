"""From parts to the case that is reviewed: whose each fill is, what was believed and wanted at each decision.

Pure. Rule 1: an order takes its belief and intent from its own line, else the last that was said before it. Rule 2: a
belief or intent that was said at the very moment of an order of the same strategy and instrument is that order's, and
no decision of its own. Rule 3: what can't be valued is left out whole and told.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

from risksvc.cli.review.parts import ListedInstrument, PartFill, PartOrder, Parts, PartStatement
from risksvc.core.impact.types import (
    DecisionKind,
    ImpactCase,
    ImpactDecision,
    ImpactFill,
    ImpactInstrument,
    ImpactWindow,
    MarkPoint,
    StartingPosition,
)
from risksvc.core.types import ZERO, Nanoseconds
from risksvc.gate.review.case import ReviewWanted
from risksvc.gate.review.material import (
    CURRENCY,
    Happening,
    Remarks,
    ReviewMaterial,
    Whose,
    impact_fill,
    rate_of,
    within,
)

Line = tuple[str, str]  # strategy and instrument


@dataclass(frozen=True, slots=True)
class Moments:
    """What a person knows of the incident; 0: not said."""

    affected_from: Nanoseconds = 0
    discovered_at: Nanoseconds = 0
    halted_at: Nanoseconds = 0
    corrected_at: Nanoseconds = 0
    flat_at: Nanoseconds = 0


def assemble(parts: Parts, wanted: ReviewWanted, moments: Moments, *, source: str) -> ReviewMaterial:
    """The case of these parts, and what is told beside it."""
    return _Assembly(parts, wanted, moments).material(source)


@dataclass(slots=True)
class _Said:
    """What was said over time of one line, to be asked for any moment."""

    times: list[Nanoseconds] = field(default_factory=list)
    quantities: list[Decimal] = field(default_factory=list)

    def at(self, moment: Nanoseconds) -> Decimal | None:
        """The last word at or before it."""
        place = bisect_right(self.times, moment)
        return self.quantities[place - 1] if place else None


class _Assembly:
    """One assembly; every part may add to what is missing."""

    def __init__(self, parts: Parts, wanted: ReviewWanted, moments: Moments) -> None:
        self.parts, self.wanted, self.moments = parts, wanted, moments
        self.missing, self.remarks = Remarks(), Remarks()
        for line in parts.missing:
            self.missing.add(line)
        for line in parts.remarks:
            self.remarks.add(line)
        self.rates = {} if parts.limits is None else dict(parts.limits.rates)
        for listed in parts.instruments.values():
            if listed.rate is not None:
                self.rates.setdefault(listed.instrument.quote, listed.rate)
        self.window = self._window()
        self.flatten: list[str] = []

    def material(self, source: str) -> ReviewMaterial:
        decisions, fills = self._decisions(), self._fills()
        symbols = self._valued({one.symbol for one in fills} | {one.symbol for one in decisions})
        fills, decisions = self._kept(fills, symbols), self._kept(decisions, symbols)
        window, limits, account = self.window, self.parts.limits, self.wanted.account
        own = None if limits is None else limits.accounts.get(account)
        case = ImpactCase(
            currency=CURRENCY if limits is None else limits.currency,
            window=window,
            instruments=tuple(self._instrument(self.parts.instruments[symbol]) for symbol in symbols),
            marks={symbol: self._marks(symbol) for symbol in symbols},
            fills=tuple(one for one in fills if window.start <= one.at <= window.end),
            decisions=tuple(one for one in decisions if window.start <= one.at <= window.end),
            funding=tuple(
                one for one in self.parts.funding if one.symbol in symbols and window.start <= one.at <= window.end
            ),
            starting=tuple(self._starting(fills, decisions, symbols)),
            flatten_fill_ids=tuple(self.flatten),
            max_total_exposure=None if own is None else own.max_total_exposure.value,
            assumptions=self.wanted.assumptions,
        )
        return ReviewMaterial(
            source=source,
            account=account,
            case=case,
            happenings=tuple(self._happenings()),
            missing=self.missing.lines(),
            remarks=self.remarks.lines(),
        )

    # -- the window ----------------------------------------------------------------------------------------------

    def _window(self) -> ImpactWindow:
        parts, moments = self.parts, self.moments
        times = [one.at for rows in (parts.fills, parts.orders, parts.statements) for one in rows]
        prices = [point.at for points in parts.marks.values() for point in (points[0], points[-1])]
        start = self.wanted.start or min(times or prices, default=0)
        end = self.wanted.end or max([*times, *prices], default=0)
        return ImpactWindow(
            start=start,
            end=end,
            discovered_at=moments.discovered_at or None,
            halted_at=moments.halted_at or None,
            corrected_at=moments.corrected_at or None,
            flat_at=moments.flat_at or None,
            affected_from=moments.affected_from or None,
        )

    # -- decisions -----------------------------------------------------------------------------------------------

    def _decisions(self) -> list[ImpactDecision]:
        beliefs = self._said(DecisionKind.BELIEF_REPORT)
        intents = self._said(DecisionKind.INTENT_REPORT)
        orders = [one for one in self.parts.orders if not one.person]
        taken = {(one.at, one.strategy, one.symbol) for one in orders}
        found = [_ordered(one, beliefs, intents) for one in orders]
        reports = [one for one in self.parts.statements if (one.at, one.strategy, one.symbol) not in taken]
        found += [_reported(number, one, beliefs, intents) for number, one in enumerate(reports, 1)]
        return sorted(found, key=lambda one: one.at)

    def _said(self, kind: DecisionKind) -> dict[Line, _Said]:
        rows: list[tuple[Nanoseconds, Line, Decimal]] = [
            (one.at, (one.strategy, one.symbol), one.quantity) for one in self.parts.statements if one.kind is kind
        ]
        for order in self.parts.orders:
            own = order.belief if kind is DecisionKind.BELIEF_REPORT else order.intent
            if own is not None and not order.person:
                rows.append((order.at, (order.strategy, order.symbol), own))
        found: dict[Line, _Said] = {}
        for at, line, quantity in sorted(rows, key=lambda row: row[0]):
            said = found.setdefault(line, _Said())
            said.times.append(at)
            said.quantities.append(quantity)
        return found

    # -- fills ---------------------------------------------------------------------------------------------------

    def _fills(self) -> list[ImpactFill]:
        by_id = {one.client_order_id: one for one in self.parts.orders}
        by_venue_id = {one.venue_order_id: one for one in self.parts.orders if one.venue_order_id}
        found: list[ImpactFill] = []
        for part in self.parts.fills:
            order = by_id.get(part.fill.client_order_id) or by_venue_id.get(part.fill.venue_order_id)
            listed = self.parts.instruments[part.fill.instrument]
            one = impact_fill(part.fill, listed.instrument, _whose(part, order), rates=self.rates, missing=self.missing)
            decided_at = order.at if order is not None and not order.person else 0
            found.append(replace(one, at=max(part.at, decided_at)))
            if part.flatten:
                self.flatten.append(one.fill_id)
        return sorted(found, key=lambda one: one.at)

    # -- what it is valued by ------------------------------------------------------------------------------------

    def _valued(self, symbols: Iterable[str]) -> list[str]:
        return [symbol for symbol in sorted(symbols) if self._can_be_valued(symbol)]

    def _can_be_valued(self, symbol: str) -> bool:
        listed = self.parts.instruments[symbol]
        if not self.parts.marks.get(symbol):
            self.missing.add(f"{symbol} has no price: it is left out")
            return False
        if listed.rate is None and rate_of(listed.instrument.quote, self.rates) is None:
            self.missing.add(f"{symbol}: there is no rate for {listed.instrument.quote}: it is left out")
            return False
        return True

    def _instrument(self, listed: ListedInstrument) -> ImpactInstrument:
        quote = listed.instrument.quote
        rate = listed.rate if listed.rate is not None else rate_of(quote, self.rates)
        assert rate is not None, "only what has a rate is valued"  # noqa: S101 - `_can_be_valued` looked
        if listed.rate is None and quote not in self.rates and quote != CURRENCY:
            self.remarks.add(f"1 {quote} counts as 1 {CURRENCY}: no rate was given")
        limits = self.parts.limits
        own = None if limits is None else limits.accounts.get(self.wanted.account)
        row = None if own is None else own.instruments.get(listed.instrument.symbol)
        largest = listed.max_net_exposure
        if largest is None and row is not None:
            largest = row.max_net_exposure.value
        return ImpactInstrument(listed.instrument, rate, largest)

    def _marks(self, symbol: str) -> tuple[MarkPoint, ...]:
        points = self.parts.marks[symbol]
        if points[0].at > self.window.start:
            self.missing.add(f"{symbol} has no price before its first one; that one stands in")
        return within(points, self.window.start, self.window.end) or tuple(points[:1])

    def _starting(
        self, fills: Iterable[ImpactFill], decisions: Iterable[ImpactDecision], symbols: Iterable[str]
    ) -> Iterator[StartingPosition]:
        """What stands in positions.csv, and what the files say of the time before the window."""
        start, wanted = self.window.start, frozenset(symbols)
        held = {(one.strategy, one.symbol): one.actual for one in self.parts.starting}
        believed = {(one.strategy, one.symbol): one.believed for one in self.parts.starting if one.believed is not None}
        for fill in fills:
            if fill.at < start:
                held[fill.strategy, fill.symbol] = held.get((fill.strategy, fill.symbol), ZERO) + fill.quantity
        for decision in decisions:
            if decision.at < start and decision.believed is not None:
                believed[decision.strategy, decision.symbol] = decision.believed
        for strategy, symbol in sorted(held.keys() | believed.keys()):
            if symbol in wanted and self.wanted.strategy in ("", strategy):
                line = (strategy, symbol)
                yield StartingPosition(symbol, strategy, held.get(line, ZERO), believed.get(line))

    # -- telling -------------------------------------------------------------------------------------------------

    def _kept(self, found: list, symbols: Iterable[str]) -> list:  # type: ignore[type-arg]
        wanted, strategy = frozenset(symbols), self.wanted.strategy
        return [one for one in found if one.symbol in wanted and strategy in ("", one.strategy)]

    def _happenings(self) -> Iterator[Happening]:
        """New versions and persons' orders; the moments of the incident are told with its window."""
        versions: dict[str, str] = {}
        for order in sorted(self.parts.orders, key=lambda one: one.at):
            if order.version and versions.get(order.strategy) != order.version:
                before = versions.get(order.strategy, "")
                instead = f" instead of {before}" if before else ""
                yield Happening(order.at, f"{order.strategy} runs version {order.version}{instead}", order.strategy)
                versions[order.strategy] = order.version
            if order.person:
                yield Happening(order.at, f"order {order.client_order_id} of {order.symbol} by hand", order.person)


def _whose(part: PartFill, order: PartOrder | None) -> Whose:
    if order is None:
        return Whose(part.strategy)
    return Whose(order.strategy, "" if order.person else order.client_order_id)


def _ordered(order: PartOrder, beliefs: dict[Line, _Said], intents: dict[Line, _Said]) -> ImpactDecision:
    line = (order.strategy, order.symbol)
    return ImpactDecision(
        at=order.at,
        decision_id=order.client_order_id,
        symbol=order.symbol,
        strategy=order.strategy,
        kind=DecisionKind.ORDER,
        intended=_own_or_last(order.intent, intents.get(line), order.at),
        believed=_own_or_last(order.belief, beliefs.get(line), order.at),
        order=order.sent,
        version=order.version,
    )


def _reported(
    number: int, said: PartStatement, beliefs: dict[Line, _Said], intents: dict[Line, _Said]
) -> ImpactDecision:
    line, belief = (said.strategy, said.symbol), said.kind is DecisionKind.BELIEF_REPORT
    return ImpactDecision(
        at=said.at,
        decision_id=f"{'belief' if belief else 'intent'} {number}",
        symbol=said.symbol,
        strategy=said.strategy,
        kind=said.kind,
        intended=_own_or_last(None if belief else said.quantity, intents.get(line), said.at),
        believed=_own_or_last(said.quantity if belief else None, beliefs.get(line), said.at),
        version=said.version,
    )


def _own_or_last(own: Decimal | None, said: _Said | None, at: Nanoseconds) -> Decimal | None:
    if own is not None or said is None:
        return own
    return said.at(at)
