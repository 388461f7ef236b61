"""Builds cases for a review: a test shows only what matters to it. Times are minutes from `START`."""

from collections.abc import Sequence
from decimal import Decimal

from risksvc.core.impact.report import CostPieces, ImpactReport
from risksvc.core.impact.types import (
    DecisionKind,
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
from risksvc.core.types import SECOND, ZERO, Instrument, InstrumentKind

Number = Decimal | str | int
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
START = 18_992 * DAY  # 2021-12-31 00:00 UTC
BTC = "BTC/USDT:USDT"
ETH = "ETH/USDT:USDT"
COIN = "BTC/USD:BTC"
KINDS = {COIN: InstrumentKind.INVERSE}
HEDGER = "hedger"
FREE = ImpactAssumptions(half_spread_bps=ZERO)  # nothing but the direction counts


def d(value: Number) -> Decimal:
    return Decimal(value)


def ds(*values: Number) -> tuple[Decimal, ...]:
    return tuple(map(d, values))


def maybe(value: Number | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def minute(number: float) -> int:
    return START + int(number * MINUTE)


def listed(
    symbol: str = BTC,
    *,
    size: str = "1",
    step: str | None = None,
    rate: str = "1",
    limit: Number | None = None,
    proven: float | None = None,
) -> ImpactInstrument:
    kind = KINDS.get(symbol, InstrumentKind.LINEAR)
    instrument = Instrument(symbol, kind, symbol[:3], "USD", d(size), quantity_step=maybe(step))
    return ImpactInstrument(instrument, d(rate), maybe(limit), None if proven is None else minute(proven))


def prices(*steps: tuple[float, Number]) -> tuple[MarkPoint, ...]:
    """A mark from each of these minutes on."""
    return tuple(MarkPoint(minute(at), d(mark)) for at, mark in steps)


def linear(start: int, per_minute: int, minutes: int) -> tuple[MarkPoint, ...]:
    """A price that rises by as much each minute."""
    return prices(*((at, start + per_minute * at) for at in range(minutes + 1)))


def fill(
    at: float,
    quantity: Number,
    price: Number,
    *,
    of: str = "",
    fee: Number = 0,
    symbol: str = BTC,
    strategy: str = HEDGER,
    name: str = "",
) -> ImpactFill:
    return ImpactFill(minute(at), symbol, strategy, d(quantity), d(price), d(fee), name, of)


def decision(
    at: float,
    name: str,
    *,
    believed: Number | None = None,
    intended: Number | None = None,
    order: Number = 0,
    symbol: str = BTC,
    strategy: str = HEDGER,
    kind: DecisionKind | None = None,
    version: str = "",
    most: Number | None = None,
) -> ImpactDecision:
    kind = kind or (DecisionKind.ORDER if d(order) else DecisionKind.BELIEF_REPORT)
    return ImpactDecision(
        minute(at), name, symbol, strategy, kind, maybe(intended), maybe(believed), d(order), version, maybe(most)
    )


def window(
    end: float,
    *,
    discovered: float | None = None,
    halted: float | None = None,
    corrected: float | None = None,
    flat: float | None = None,
    affected_from: float | None = None,
) -> ImpactWindow:
    said = [None if at is None else minute(at) for at in (discovered, halted, corrected, flat, affected_from)]
    return ImpactWindow(START, minute(end), *said)


def starting(
    actual: Number, *, believed: Number | None = None, symbol: str = BTC, strategy: str = HEDGER
) -> StartingPosition:
    return StartingPosition(symbol, strategy, d(actual), maybe(believed))


def funding(at: float, *, rate: str | None = None, payment: str | None = None, symbol: str = BTC) -> FundingPoint:
    return FundingPoint(minute(at), symbol, maybe(rate), maybe(payment))


def case(
    marks: dict[str, tuple[MarkPoint, ...]] | tuple[MarkPoint, ...],
    *,
    over: ImpactWindow,
    fills: Sequence[ImpactFill] = (),
    decisions: Sequence[ImpactDecision] = (),
    instruments: Sequence[ImpactInstrument] | None = None,
    start: Sequence[StartingPosition] = (),
    charges: Sequence[FundingPoint] = (),
    flatten: Sequence[str] = (),
    total_limit: Number | None = None,
    assumed: ImpactAssumptions = FREE,
) -> ImpactCase:
    by_symbol = marks if isinstance(marks, dict) else {BTC: marks}
    return ImpactCase(
        currency="USD",
        window=over,
        instruments=tuple(instruments or (listed(symbol) for symbol in by_symbol)),
        marks=by_symbol,
        fills=tuple(fills),
        decisions=tuple(decisions),
        funding=tuple(charges),
        starting=tuple(start),
        flatten_fill_ids=tuple(flatten),
        max_total_exposure=maybe(total_limit),
        assumptions=assumed,
    )


FALLING = linear(300, -1, 200)  # 300 at the start, 100 at minute 200: who is long loses 1 a minute
ONCE = [decision(10, "k0", believed=0)]


def adds_up(report: ImpactReport) -> bool:
    """Every attribution, piece by piece, and the days, are the belief cost."""
    whole = report.belief_cost
    for rows in (report.by_instrument, report.by_strategy, report.by_version, report.by_decision_day):
        assert sum((row.cost for row in rows), CostPieces()) == whole
    assert sum((one.cost for one in report.decision_costs), CostPieces()) == whole
    assert sum((line.belief_cost for line in report.lines), CostPieces()) == whole
    assert sum((one.cost for one in report.by_day), ZERO) == whole.total
    assert report.cost_over_time[-1].cost == whole.total
    assert report.low <= whole.total <= report.high
    return True


def rogue(*decisions: ImpactDecision) -> ImpactCase:
    """Ten bought by nobody at minute 5, at the mark."""
    return case(FALLING, over=window(110), fills=[fill(5, 10, 295)], decisions=decisions or ONCE)
