"""One strategy in one instrument, as a review sees it: its decisions, what filled of them, and all other fills.

A fill belongs to the decision that it names. One that names none is *unknown*: no belief can have held it. One that
names a decision outside the window, or one without a record, was the strategy's own: its tracker may have heard of it,
and nobody can say what it should have been instead, so it is the same in every ledger.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import accumulate

from risksvc.core.impact.market import AccountPosition, Funding, Marks, charge
from risksvc.core.impact.money import Valuation, valuation
from risksvc.core.impact.types import ImpactCase, ImpactDecision, ImpactFill, ImpactInstrument
from risksvc.core.types import ZERO, MalformedInputError, Nanoseconds

LineKey = tuple[str, str]  # symbol, strategy: sorted so, an instrument's lines stand together


@dataclass(slots=True)
class Line:
    """What is known of one strategy in one instrument. `fills_of`: by decision id, in order, each from its decision on.

    `own`: the strategy's fills without a decision here; `unknown`: fills of no decision; `flatten`: of the flatten.
    """

    symbol: str
    strategy: str
    listed: ImpactInstrument
    value: Valuation
    marks: Marks
    funding: Funding
    start: Nanoseconds
    horizon: Nanoseconds
    actual: Decimal = ZERO
    believed: Decimal | None = None
    decisions: list[ImpactDecision] = field(default_factory=list)
    fills_of: dict[str, list[ImpactFill]] = field(default_factory=lambda: defaultdict(list))
    own: list[ImpactFill] = field(default_factory=list)
    unknown: list[ImpactFill] = field(default_factory=list)
    flatten: list[ImpactFill] = field(default_factory=list)

    @property
    def says_beliefs(self) -> bool:
        """True when some decision says what was believed."""
        return any(decision.believed is not None for decision in self.decisions)

    def every_fill(self) -> Iterator[ImpactFill]:
        """All fills, kind by kind."""
        for fills in self.fills_of.values():
            yield from fills
        yield from (*self.own, *self.unknown, *self.flatten)

    @property
    def conversion(self) -> Decimal:
        """Report currency per unit of the settle currency."""
        return self.value.into_report(self.marks.at(self.horizon).mark)


@dataclass(frozen=True, slots=True)
class Lines:
    """All lines of a case, and what the report has to say about how they came about."""

    lines: list[Line]
    notes: list[str]


def horizon_of(case: ImpactCase, instrument: ImpactInstrument | None = None) -> Nanoseconds:
    """Where positions are valued: proven corrected or flat, whichever came first, else the window's end."""
    window = case.window
    own = None if instrument is None else instrument.proven_at
    proofs = (window.corrected_at, window.flat_at) if own is None else (own,)
    horizon = min((proof for proof in proofs if proof is not None), default=window.end)
    return max(window.start, min(horizon, window.end))


def lines_of(case: ImpactCase) -> Lines:
    """Sorts everything into lines. Raises MalformedInputError where the case contradicts itself."""
    if not case.window.start < case.window.end:
        raise MalformedInputError("window", "its start must be before its end")
    listed = {one.symbol: one for one in case.instruments}
    gathering = _Gathering(case, listed)
    for start in case.starting:
        line = gathering.line(start.symbol, gathering.owner(start.symbol, start.strategy))
        line.actual += start.actual
        if start.believed is not None:
            line.believed = (line.believed or ZERO) + start.believed
    for decision in sorted(case.decisions, key=lambda decision: decision.at):
        gathering.take_decision(decision)
    for fill in sorted(case.fills, key=lambda fill: fill.at):
        gathering.take_fill(fill)
    gathering.charge_funding()
    return Lines([gathering.lines[key] for key in sorted(gathering.lines)], gathering.notes())


class _Gathering:
    """Where lines are put together."""

    def __init__(self, case: ImpactCase, listed: Mapping[str, ImpactInstrument]) -> None:
        self.case, self.listed = case, listed
        self.lines: dict[LineKey, Line] = {}
        self.decisions: dict[str, ImpactDecision] = {}
        self._marks = {symbol: Marks(symbol, case.marks.get(symbol, ())) for symbol in listed}
        self._flatten = frozenset(case.flatten_fill_ids)
        self._deciders: dict[str, list[str]] = {}
        for decision in case.decisions:
            deciders = self._deciders.setdefault(decision.symbol, [])
            if decision.strategy not in deciders:
                deciders.append(decision.strategy)
        self._unrecorded = self._nobodys = self._unheld = 0

    def owner(self, symbol: str, strategy: str) -> str:
        """Whose something is: as said, else the only strategy's that decides in this instrument."""
        deciders = self._deciders.get(symbol, [])
        return deciders[0] if not strategy and len(deciders) == 1 else strategy

    def line(self, symbol: str, strategy: str) -> Line:
        found = self.lines.get((symbol, strategy))
        if found is None:
            listed = self.listed.get(symbol)
            if listed is None:
                raise MalformedInputError("instruments", f"{symbol} is not among them; name every instrument traded")
            horizon, start = horizon_of(self.case, listed), self.case.window.start
            found = self.lines[symbol, strategy] = Line(
                symbol, strategy, listed, valuation(listed), self._marks[symbol], Funding(()), start, horizon
            )
        return found

    def take_decision(self, decision: ImpactDecision) -> None:
        if decision.decision_id in self.decisions or not decision.decision_id:
            raise MalformedInputError(
                f"decision {decision.decision_id!r}", "every decision needs an id that no other decision has"
            )
        self.decisions[decision.decision_id] = decision
        line = self.line(decision.symbol, decision.strategy)
        if line.start <= decision.at < line.horizon:
            line.decisions.append(decision)

    def take_fill(self, fill: ImpactFill) -> None:
        if not fill.price > ZERO or not fill.quantity:
            raise MalformedInputError(
                f"fill {fill.fill_id or fill.at}", "needs a price above 0 and a quantity other than 0"
            )
        decision = self.decisions.get(fill.decision_id)
        if decision is not None and decision.symbol != fill.symbol:
            raise MalformedInputError(
                f"fill {fill.fill_id or fill.at}", f"is in {fill.symbol}, its decision in {decision.symbol}"
            )
        owner = self.owner(fill.symbol, fill.strategy) if decision is None else decision.strategy
        line = self.line(fill.symbol, owner)
        if line.start <= fill.at <= line.horizon:
            self._sort_in(line, fill, decision)

    def _sort_in(self, line: Line, fill: ImpactFill, decision: ImpactDecision | None) -> None:
        self._nobodys += not line.strategy
        if decision is not None and line.start <= decision.at < line.horizon:
            # A venue's clock may be behind: nothing fills before it is decided.
            line.fills_of[fill.decision_id].append(fill if fill.at >= decision.at else replace(fill, at=decision.at))
        elif fill.decision_id:
            self._unrecorded += decision is None
            line.own.append(fill)
        elif fill.fill_id and fill.fill_id in self._flatten:
            line.flatten.append(fill)
        else:
            line.unknown.append(fill)

    def charge_funding(self) -> None:
        charges: dict[str, list[tuple[Nanoseconds, Decimal]]] = {}
        held = {symbol: _account_position(symbol, self.lines.values()) for symbol in self.listed}
        for point in self.case.funding:
            if point.symbol not in self.listed:
                raise MalformedInputError("instruments", f"{point.symbol} has funding and is not among them")
            value, marks = valuation(self.listed[point.symbol]), self._marks[point.symbol]
            unit = charge(point, marks=marks, value=value, held=held[point.symbol])
            if unit is None:
                self._unheld += 1
            else:
                charges.setdefault(point.symbol, []).append((point.at, unit))
        for line in self.lines.values():
            own = charges.get(line.symbol, ())
            line.funding = Funding([one for one in own if line.start <= one[0] <= line.horizon])

    def notes(self) -> list[str]:
        told = (
            (self._unrecorded, "fills name a decision that has no record: they are the same in every ledger"),
            (self._nobodys, "fills belong to no strategy that can be told: only what they carried is reported"),
            (self._unheld, "funding payments came while nothing is known to have been held: they are left out"),
        )
        return [f"{count} {what}" for count, what in told if count]


def _account_position(symbol: str, lines: Iterable[Line]) -> AccountPosition:
    own = [line for line in lines if line.symbol == symbol]
    fills = sorted((fill for line in own for fill in line.every_fill()), key=lambda fill: fill.at)
    start = sum((line.actual for line in own), ZERO)
    return AccountPosition(
        [fill.at for fill in fills], list(accumulate((fill.quantity for fill in fills), initial=start))
    )
