"""A venue's own history as parts of a review: fills, prices, funding; what strategies decided comes from files beside.

Without such files the venue knows fills and no decisions: only what was carried is reported. prices.csv of the files
stands in place of the venue's candles, instrument by instrument.
"""

import time
from collections.abc import Iterable

from risksvc.cli.review.bars import PriceLine, marks_of
from risksvc.cli.review.files import read_files
from risksvc.cli.review.parts import ListedInstrument, PartFill, Parts
from risksvc.cli.review.request import Request
from risksvc.core.impact.types import FundingPoint
from risksvc.core.types import MILLISECOND, ZERO
from risksvc.core.venue_events import CashFlowKind
from risksvc.gate.review.material import Progress
from risksvc.venue.config import VenueConfig
from risksvc.venue.history import Candle, VenueHistory, read_history


def venue_parts(config: VenueConfig, request: Request, tell: Progress) -> Parts:
    """Read the venue, then the files beside it. Raises what both raise."""
    end = request.wanted.end or time.time_ns()
    start_ms, end_ms = request.wanted.start // MILLISECOND, end // MILLISECOND
    history = read_history(config, start_ms=start_ms, end_ms=end_ms, tell=tell)
    listed = {one.symbol: ListedInstrument(one) for one in history.instruments}
    parts = Parts(instruments=listed)
    if request.files is not None:
        parts = read_files(request.files, tell, known=listed, venue=True)
    _add(parts, history)
    return parts


def _add(parts: Parts, history: VenueHistory) -> None:
    given = {(one.fill.instrument, one.fill.trade_id) for one in parts.fills}
    new = (fill for fill in history.fills if (fill.instrument, fill.trade_id) not in given)
    parts.fills += [PartFill(fill.venue_time_ms * MILLISECOND, fill) for fill in new]
    for symbol in (one.symbol for one in history.instruments):
        if symbol not in parts.marks:
            parts.marks[symbol] = marks_of(list(_lines(one for one in history.candles if one.instrument == symbol)))
    payments: dict[tuple[str, int], FundingPoint] = {}
    for flow in history.flows:
        if flow.kind is not CashFlowKind.FUNDING:
            continue
        if not flow.instrument:
            parts.missing.append("funding that the venue did not say the instrument of is left out")
            continue
        key = (flow.instrument, flow.venue_time_ms)
        paid = ZERO if key not in payments else payments[key].payment or ZERO
        at = flow.venue_time_ms * MILLISECOND
        payments[key] = FundingPoint(at, flow.instrument, payment=paid + flow.amount)
    parts.funding += payments.values()
    parts.missing += history.missing


def _lines(candles: Iterable[Candle]) -> Iterable[PriceLine]:
    for one in candles:
        yield PriceLine(one.start_ms * MILLISECOND, one.open, one.low, one.high, one.close)
