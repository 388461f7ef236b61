"""What a review is made of, whichever source it comes from, and how a source's fills and prices become it.

Pure: values in, values out. Rule 1: what a source can't know is told in `missing` and never made up. Rule 2: a fee
that can't be brought into the settle currency is left out and told. Rule 3: prices are thinned, never smoothed: a point
that is kept is a price that was seen, and what was between two of them is in the first one's low and high.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from risksvc.core.impact.money import ratio
from risksvc.core.impact.types import ImpactCase, ImpactFill, MarkPoint
from risksvc.core.trading_state import Halt
from risksvc.core.types import MILLISECOND, SECOND, ZERO, Instrument, InstrumentKind, Nanoseconds
from risksvc.core.venue_events import Fill

# Quote currencies that count as the report's currency where no rate was given, as in a limits file without rates.
AT_PAR = ("USD", "USDT", "USDC")
CURRENCY = "USD"
MINUTE = 60 * SECOND

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a timeline: when, what, and who did it (empty: it happened)."""

    at: Nanoseconds
    what: str
    who: str = ""


@dataclass(frozen=True, slots=True)
class IncidentRecord:
    """What the gate has written down of the incident that is under review; times are nanoseconds, 0: not yet."""

    incident_id: str
    severity: str
    trigger: str
    opened_at: Nanoseconds
    closed_at: Nanoseconds = 0
    cause: str = ""
    owner: str = ""
    contacts: tuple[str, ...] = ()
    timeline: tuple[Happening, ...] = ()


@dataclass(frozen=True, slots=True)
class ReviewMaterial:
    """Everything that is told, beside the sum. `source` in words; `missing`: what could not be known, a line each.

    `remarks`: what the source had to assume.
    """

    source: str
    account: str
    case: ImpactCase
    happenings: tuple[Happening, ...] = ()
    halts: tuple[Halt, ...] = ()
    missing: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    incident: IncidentRecord | None = None


class Remarks:
    """Lines that are told once, in the order in which they came up, with how often."""

    def __init__(self) -> None:
        self._count: dict[str, int] = {}

    def add(self, text: str) -> None:
        """Note one."""
        self._count[text] = self._count.get(text, 0) + 1

    def lines(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(text if count == 1 else f"{text} ({count:,} times)" for text, count in self._count.items())


def settle_currency(instrument: Instrument) -> str:
    """What an instrument's profit and fees are in: the quote currency, of an inverse contract the base coin."""
    return instrument.base if instrument.kind is InstrumentKind.INVERSE else instrument.quote


def rate_of(currency: str, rates: Mapping[str, Decimal]) -> Decimal | None:
    """The report's currency per unit of another; None: not known."""
    found = rates.get(currency)
    return Decimal(1) if found is None and currency in AT_PAR else found


def fill_id(symbol: str, trade_id: str) -> str:
    """What makes a fill one: trade ids are unique per instrument only."""
    return f"{symbol} {trade_id}"


def settle_fee(fill: Fill, instrument: Instrument, rates: Mapping[str, Decimal]) -> Decimal | None:
    """A fill's fee in the settle currency, above zero paid; None: it can't be converted."""
    settle, currency = settle_currency(instrument), fill.fee_currency
    if not fill.fee or currency in ("", settle):
        return fill.fee or ZERO
    if currency == instrument.base:
        return fill.fee * fill.price
    paid, wanted = rate_of(currency, rates), rate_of(instrument.quote, rates)
    if paid is None or wanted is None:
        return None
    per_unit = wanted * fill.price if instrument.kind is InstrumentKind.INVERSE else wanted
    return ratio(fill.fee * paid, per_unit)


@dataclass(frozen=True, slots=True)
class Whose:
    """Who stands behind a fill. `flatten`: it took the position down in the incident; `spread`: of whom is not said.

    `heard_at`: when the gate first heard of it; 0: not known.
    """

    strategy: str = ""
    decision_id: str = ""
    decided_at: Nanoseconds = 0
    flatten: bool = False
    spread: bool = False
    heard_at: Nanoseconds = 0


def impact_fill(
    fill: Fill, instrument: Instrument, whose: Whose, *, rates: Mapping[str, Decimal], missing: Remarks
) -> ImpactFill:
    """One fill as it is reviewed. A spot fee in the base coin comes out of the position, and is a cost at the price.

    A fill never comes before its decision nor after it was heard of: the venue's clock may be behind or ahead.
    """
    fee = settle_fee(fill, instrument, rates)
    if fee is None:
        missing.add(f"fees in {fill.fee_currency} are left out: there is no rate for {fill.fee_currency}")
    quantity = fill.quantity * fill.side.sign
    at = fill.venue_time_ms * MILLISECOND
    if instrument.kind is InstrumentKind.SPOT and fill.fee and fill.fee_currency == instrument.base:
        quantity -= fill.fee
    return ImpactFill(
        at=max(min(at, whose.heard_at or at), whose.decided_at),
        symbol=instrument.symbol,
        strategy=whose.strategy,
        quantity=quantity,
        price=fill.price,
        fee=fee or ZERO,
        fill_id=fill_id(instrument.symbol, fill.trade_id),
        decision_id=whose.decision_id,
    )


# -- prices -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Latest:
    """The newest price of an instrument; `kept` when it is the one of the point that was kept last."""

    at: Nanoseconds
    mark: Decimal
    half_spread: Decimal | None
    kept: bool = False


@dataclass(slots=True)
class MarkSeries:
    """One instrument's prices in time: those at which something happened, and one a minute."""

    points: list[MarkPoint] = field(default_factory=list)
    _latest: _Latest | None = None
    _low: Decimal = ZERO
    _high: Decimal = ZERO

    def see(self, at: Nanoseconds, mark: Decimal, *, half_spread: Decimal | None = None) -> None:
        """Take in the next price; times must not run backwards."""
        latest = self._latest
        if latest is not None:
            self._low, self._high = min(self._low, latest.mark), max(self._high, latest.mark)
        self._latest = _Latest(at, mark, half_spread)
        if not self.points or at - self.points[-1].at >= MINUTE:
            self.keep()

    def keep(self) -> None:
        """Something happens: the newest price is a point of its own."""
        latest = self._latest
        if latest is None or latest.kept:
            return
        self._close()
        latest.kept = True
        self.points.append(MarkPoint(latest.at, latest.mark, half_spread=latest.half_spread))
        self._low = self._high = latest.mark

    def done(self) -> tuple[MarkPoint, ...]:
        """All points, the last price among them."""
        self.keep()
        return tuple(self.points)

    def _close(self) -> None:
        """Say in the point that was kept last how far the price went since."""
        if not self.points:
            return
        last = self.points[-1]
        if self._low < last.mark or self._high > last.mark:
            self.points[-1] = MarkPoint(last.at, last.mark, self._low, self._high, last.half_spread)


def within(points: Iterable[MarkPoint], start: Nanoseconds, end: Nanoseconds) -> tuple[MarkPoint, ...]:
    """The points that say something of a time: those in it, and the last one before it."""
    kept: list[MarkPoint] = []
    for point in points:
        if point.at > end:
            break
        if point.at <= start:
            kept = [point]
        else:
            kept.append(point)
    return tuple(kept)
