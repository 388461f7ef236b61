"""One position: what the venue shows, held against what the ledger says it may show.

Rule 1: the venue's quantity must equal the ledger at some moment of the read's window; where the venue counts, at the
one moment that it names. Rule 2: a difference makes the position an interval, and the worst end counts; nothing is ever
overwritten. Rule 3: a read that only happens to fit, while the same difference would fit as well, neither clears a
suspicion nor counts for it. Rule 4: a read that takes exposure away without a fill is unconfirmed: never flat.
"""

from typing import TYPE_CHECKING

from risksvc.core.book import AccountBook
from risksvc.core.config import RULES_2
from risksvc.core.divergences import DivergenceClass
from risksvc.core.findings import Findings, clear, suspect, suspicion_of
from risksvc.core.line import Line, Suspicion
from risksvc.core.types import MILLISECOND, ZERO, Nanoseconds, Side, plain
from risksvc.core.venue_events import SnapshotReceived, VenuePosition
from risksvc.core.windows import Held, Window

if TYPE_CHECKING:
    from decimal import Decimal

KEEP_FILLS_MS = 60_000  # fills older than the window by this much can't be reached by a later window
EVIDENCE_KEPT = 1_000  # so many fills stay in sight while they fail to explain a difference
_OF_POSITION = (DivergenceClass.POSITION_DRIFT, DivergenceClass.MISSING_FILL)


def window_start_ms(book: AccountBook, snapshot: SnapshotReceived) -> int:
    """How far a position may lag behind the fills that made it."""
    return snapshot.window_start_ms - book.config.settle_ns // MILLISECOND


def compare(
    book: AccountBook,
    line: Line,
    row: VenuePosition | None,
    *,
    snapshot: SnapshotReceived,
    now: Nanoseconds,
    findings: Findings,
) -> None:
    """Takes one position of a complete read in; no row: the venue shows none."""
    seen = _seen(book, line, row)
    before = (line.low, line.high)
    if not (line.recent or line.suspicions or book.hedge_mode) and abs(seen.net - line.base) <= line.tolerance:
        _stands(book, line, seen)
    else:
        start_ms = window_start_ms(book, snapshot)
        sequence = 0 if row is None else row.sequence
        window = line.window(from_ms=start_ms, to_ms=snapshot.window_end_ms, sequence=sequence)
        if _agrees(book, line, window, seen=seen, now=now, findings=findings):
            _measure_lag(book, line, window, seen=seen, start_ms=snapshot.window_start_ms)
        if not line.drifting or len(line.recent) > EVIDENCE_KEPT:
            line.compact(before_ms=start_ms - KEEP_FILLS_MS)
    if (line.low, line.high) != before:
        book.refresh(line)


def _stands(book: AccountBook, line: Line, seen: Held) -> None:
    """The usual case: no fill is near and nothing is doubted, so there is one moment, and the venue shows that."""
    line.residual = seen.net - line.base
    line.agree()
    book.measured_lag_ms = max(book.measured_lag_ms, 0)


def _agrees(book: AccountBook, line: Line, window: Window, *, seen: Held, now: Nanoseconds, findings: Findings) -> bool:
    """True when ledger and venue agree, and nothing that was suspected would explain this read as well."""
    offsets = tuple(dict.fromkeys(seen.less(moment.held) for moment in window.moments))
    fitting = [one for one in offsets if one.within(line.tolerance, legs=book.hedge_mode)]
    if not fitting:
        _differs(book, line, seen=seen, offsets=offsets, now=now, findings=findings)
        return False
    if _ambiguous(book, line, offsets):
        return False
    line.residual = min((one.net for one in fitting), key=abs)
    line.agree()
    _settled(line)
    clear(book, line, DivergenceClass.POSITION_DRIFT, findings=findings)
    return True


def _seen(book: AccountBook, line: Line, row: VenuePosition | None) -> Held:
    quantity = ZERO if row is None else row.quantity
    line.venue = quantity - book.config.spot_baseline.get(line.key, ZERO)
    if not book.hedge_mode:
        return Held(line.venue)
    line.venue_long = (ZERO if row is None else row.long) or ZERO
    line.venue_short = (ZERO if row is None else row.short) or ZERO
    return Held(line.venue, line.venue_long, line.venue_short)


def _standing(line: Line) -> Suspicion | None:
    found = (line.suspicions.get((one.value, "")) for one in _OF_POSITION)
    return next((one for one in found if one is not None and one.offsets), None)


def _ambiguous(book: AccountBook, line: Line, offsets: tuple[Held, ...]) -> bool:
    """True while what was suspected before would explain this read as well."""
    suspicion = _standing(line)
    if suspicion is None or book.rules < RULES_2:
        return False
    common = tuple(one for one in suspicion.offsets if one in offsets)
    if common:
        suspicion.offsets, suspicion.ambiguous = common, True
        line.widen(offsets)
    return bool(common)


def _settled(line: Line) -> None:
    """The position agrees: what stands on for orders that are still short of fills is no difference of positions."""
    missing = line.suspicions.get((DivergenceClass.MISSING_FILL.value, ""))
    if missing is not None:
        missing.offsets, missing.ambiguous = (), False


def _differs(
    book: AccountBook,
    line: Line,
    *,
    seen: Held,
    offsets: tuple[Held, ...],
    now: Nanoseconds,
    findings: Findings,
) -> None:
    line.residual = ZERO
    line.differ(offsets if book.rules >= RULES_2 else offsets[-1:])
    if not book.adopted:
        return
    missing = book.rules >= RULES_2 and _fills_may_be_missing(line, offsets)
    what = DivergenceClass.MISSING_FILL if missing else DivergenceClass.POSITION_DRIFT
    suspicion = suspicion_of(line, what, text=_text(book, seen, offsets[-1]), now=now)
    common = tuple(one for one in suspicion.offsets if one in offsets)
    suspicion.offsets, suspicion.ambiguous = common or offsets, False
    suspicion.unconfirmed = abs(seen.net) < abs(seen.net - offsets[-1].net)
    suspicion.message = _text(book, seen, offsets[-1])
    _take_over(line, suspicion)
    suspect(book, line, suspicion, findings=findings)
    findings.read_again = True


def _take_over(line: Line, suspicion: Suspicion) -> None:
    """The same difference under its other name: what it has counted so far goes on."""
    for other in _OF_POSITION:
        gone = None if other is suspicion.divergence else line.suspicions.pop((other.value, ""), None)
        if gone is not None:
            suspicion.since = min(suspicion.since, gone.since)
            suspicion.reads = max(suspicion.reads, gone.reads)
            suspicion.diverged = suspicion.diverged or gone.diverged


def _fills_may_be_missing(line: Line, offsets: tuple[Held, ...]) -> bool:
    """True when fills of approved orders that the venue has not listed yet would explain the difference."""
    most: dict[Side, Decimal] = dict.fromkeys(Side, ZERO)
    for reservation in line.reservations.values():
        most[reservation.order.side] += reservation.may_be_missing
    return any(most.values()) and any(-most[Side.SELL] <= one.net <= most[Side.BUY] for one in offsets)


def _text(book: AccountBook, seen: Held, offset: Held) -> str:
    ledger = seen.net - offset.net
    text = f"the venue holds {plain(seen.net)}, the ledger says {plain(ledger)}"
    if book.hedge_mode and (offset.long or offset.short):
        long, short = seen.long - offset.long, seen.short - offset.short
        text = (
            f"the venue holds {plain(seen.long)} long and {plain(seen.short)} short, the ledger says {plain(long)} and "
            f"{plain(short)}"
        )
    return text


def _measure_lag(book: AccountBook, line: Line, window: Window, *, seen: Held, start_ms: int) -> None:
    lag = window.lag_ms(seen, start_ms=start_ms, tolerance=line.tolerance, legs=book.hedge_mode)
    book.measured_lag_ms = max(book.measured_lag_ms, lag)
