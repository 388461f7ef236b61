"""Believed, ledger, venue: what a complete read shows, and what follows.

Rule 1: only a complete read gets here; one that failed changes nothing. Rule 2: what differs is SUSPECT at once; how
long it may last is in `PATIENCE`, by class. Rule 3: no ledger is ever overwritten by another; what can be true is an
interval, and the worst end counts. Rule 4: what becomes suspect three times in an hour stays reduced until somebody has
looked.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from risksvc.core.attribution import describe_unexplained
from risksvc.core.book import AccountBook
from risksvc.core.comparing import compare, window_start_ms
from risksvc.core.config import RULES_2
from risksvc.core.divergences import DivergenceClass
from risksvc.core.fills import FillResult, describe, take_fill
from risksvc.core.findings import Findings, clear, suspect, suspicion_of
from risksvc.core.line import Line, Suspicion
from risksvc.core.open_orders import match_orders
from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.reservations import MISSED_READS
from risksvc.core.residual import judge_residual
from risksvc.core.trips import Trigger
from risksvc.core.types import SECOND, ZERO, Nanoseconds, plain
from risksvc.core.venue_events import SnapshotReceived

UNRESOLVED_READS = 3  # so many reads may fail to find a fill's order before it counts as unexplained
SUSPICIONS_TO_LATCH = 3
FILLS_TOLD = 5
SUSPICION_WINDOW_NS = 3600 * SECOND


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a suspicion may last before it has diverged. `reads` None: the account's `drift_reads`.

    `for_ns`: at least so long as well; venues list fills and finished orders late. `latches`: repeated often, it stays.
    """

    reads: int | None = None
    for_ns: Nanoseconds = 0
    latches: bool = True


PATIENCE: Mapping[DivergenceClass, Patience] = {
    DivergenceClass.MISSING_FILL: Patience(for_ns=10 * SECOND, latches=False),
    DivergenceClass.PHANTOM_FILL: Patience(for_ns=10 * SECOND, latches=False),
    DivergenceClass.LOST_ORDER: Patience(for_ns=10 * SECOND, latches=False),
    DivergenceClass.POSITION_DRIFT: Patience(),
    DivergenceClass.UNEXPECTED_ORDER: Patience(reads=1, latches=False),
    DivergenceClass.UNEXPECTED_FILL: Patience(reads=1, latches=False),
    DivergenceClass.BELIEF_DRIFT: Patience(reads=1, latches=False),
}


def take_snapshot(book: AccountBook, snapshot: SnapshotReceived, *, now: Nanoseconds) -> Findings:
    """Compares one complete read with everything that is known."""
    findings = Findings()
    if not _anchor(book, snapshot, now=now, findings=findings):
        return findings
    book.snapshot_as_of = snapshot.as_of
    book.snapshots += 1
    book.last_read_failure = ""
    match_orders(book, snapshot, now=now, findings=findings)
    compared = _compare_positions(book, snapshot, now=now, findings=findings)
    if not book.adopted:
        book.adopted = nothing_unexplained(book)
    if book.adopted:
        for line in compared:
            if line.suspicions:
                _judge(book, line, now=now, findings=findings)
        judge_residual(book, compared, now=now, findings=findings)
    return findings


def _compare_positions(
    book: AccountBook, snapshot: SnapshotReceived, *, now: Nanoseconds, findings: Findings
) -> list[Line]:
    """Compares every position with the read; gives back those that it could say anything about."""
    rows = {row.key: row for row in snapshot.positions}
    for key in (*rows, *book.config.spot_baseline):
        book.line_for(key).asleep = False
    stirring = book.stirring()
    if len(stirring) < len(book.lines):
        book.measured_lag_ms = max(book.measured_lag_ms, 0)  # those that sleep agree, and without any lag
    for line in stirring:
        compare(book, line, rows.get(line.key), snapshot=snapshot, now=now, findings=findings)
        if book.adopted and book.rules >= RULES_2:
            if line.reservations or line.suspicions:
                _look_for_missing(book, line, now=now, findings=findings)
            if line.reported or line.suspicions:
                _look_for_phantoms(book, line, as_of=snapshot.as_of, now=now, findings=findings)
        line.asleep = line.may_sleep(legs=book.hedge_mode)
    return stirring


def nothing_unexplained(book: AccountBook) -> bool:
    """True when ledger and venue agree everywhere and every order and fill has an approval or an owner."""
    for line in book.stirring():
        unread = line.venue is None and not line.idle
        if line.low != line.high or line.drifting or line.unexplained or unread:
            return False
    return all(reservation.explained for reservation in book.reservations.values())


def _anchor(book: AccountBook, snapshot: SnapshotReceived, *, now: Nanoseconds, findings: Findings) -> bool:
    """The very first read: fills older than it are history; one inside its window leaves the start to the next read."""
    if book.anchored:
        return True
    from_ms = window_start_ms(book, snapshot)
    for key, fill in list(book.early_fills.items()):
        if fill.venue_time_ms < from_ms:
            book.trades.add(fill)
            del book.early_fills[key]
    if any(fill.venue_time_ms <= snapshot.window_end_ms for fill in book.early_fills.values()):
        book.last_read_failure = "fills fell inside the first read: it can't tell what it counts; the next may"
        return False
    book.anchored, book.anchor_ms = True, from_ms
    result = FillResult()
    for fill in book.early_fills.values():
        take_fill(book, fill, now=now, result=result)
    book.early_fills.clear()
    findings.add(result)
    return True


# -- fills that only one side knows ---------------------------------------------------------------------------------


def _look_for_missing(book: AccountBook, line: Line, *, now: Nanoseconds, findings: Findings) -> None:
    """Orders that the venue shows as filled further than its fills do, over more than one read."""
    missing = ZERO
    for reservation in line.reservations.values():
        reservation.missed_reads = reservation.missed_reads + 1 if reservation.missing else 0
        if reservation.missed_reads >= MISSED_READS:
            missing += reservation.missing
    known = line.suspicions.get((DivergenceClass.MISSING_FILL.value, ""))
    if missing:
        text = f"orders of {line.symbol} are filled by {plain(missing)} more than the fills that the venue lists"
        suspicion = suspicion_of(line, DivergenceClass.MISSING_FILL, text=text, now=now)
        suspect(book, line, suspicion, findings=findings)
    elif known is not None and not line.drifting:
        clear(book, line, DivergenceClass.MISSING_FILL, findings=findings)


def _look_for_phantoms(
    book: AccountBook, line: Line, *, as_of: Nanoseconds, now: Nanoseconds, findings: Findings
) -> None:
    """Fills that a strategy reported, and that a read begun well after does not know."""
    doubted: dict[str, str] = {}
    for reported in line.reported.values():
        if as_of - reported.at >= book.config.settle_ns:
            told = describe(reported.fill)
            doubted.setdefault(reported.strategy, f"{reported.strategy} reported {told}, which the venue does not list")
    for strategy in line.strategies:
        if strategy in doubted:
            found = Suspicion(DivergenceClass.PHANTOM_FILL, strategy, doubted[strategy], now)
            suspect(book, line, found, findings=findings)
        else:
            clear(book, line, DivergenceClass.PHANTOM_FILL, strategy=strategy, findings=findings)


# -- judgement ----------------------------------------------------------------------------------------------------


def _judge(book: AccountBook, line: Line, *, now: Nanoseconds, findings: Findings) -> None:
    """Counts this read for every suspicion of the line, and lets those that have lasted diverge."""
    for part in line.strategies.values():
        if part.belief_agrees():
            clear(book, line, DivergenceClass.BELIEF_DRIFT, strategy=part.strategy, findings=findings)
    for suspicion in list(line.suspicions.values()):
        if suspicion.ambiguous:
            continue
        suspicion.reads += 1
        if book.rules >= RULES_2:
            _count_repeats(line, suspicion, now=now, findings=findings)
        if suspicion.diverged or not _lasted(book, line, suspicion, now=now):
            continue
        suspicion.diverged = True
        trigger = Trigger(suspicion.divergence.value)
        text = suspicion.message
        if suspicion.divergence is DivergenceClass.UNEXPECTED_FILL:
            text = _unexplained(book, line)
        findings.trips.append((trigger, line.symbol, text))
        findings.notices.append(
            Notice(NoticeKind.DIVERGED, book.name, trigger.value, text, line.symbol, suspicion.strategy)
        )


def _unexplained(book: AccountBook, line: Line) -> str:
    fills = list(line.unexplained.values())
    told = "; ".join(describe(fill) for fill in fills[:FILLS_TOLD])
    return f"no approval explains {told}: {describe_unexplained(book, line, fills[0])}"


def _count_repeats(line: Line, suspicion: Suspicion, *, now: Nanoseconds, findings: Findings) -> None:
    """What is explained by itself again and again is not understood: the third time in an hour it stays."""
    if suspicion.reads != 1 or not PATIENCE[suspicion.divergence].latches:
        return
    line.suspected = [at for at in line.suspected if now - at < SUSPICION_WINDOW_NS] + [now]
    if len(line.suspected) >= SUSPICIONS_TO_LATCH:
        text = f"suspect {len(line.suspected)} times within an hour; the last: {suspicion.message}"
        findings.trips.append((Trigger.REPEATED_SUSPICION, line.symbol, text))
        line.suspected = []


def _lasted(book: AccountBook, line: Line, suspicion: Suspicion, *, now: Nanoseconds) -> bool:
    if suspicion.divergence is DivergenceClass.UNEXPECTED_FILL:
        settled = any(not fill.unresolved for fill in line.unexplained.values())
        return settled or suspicion.reads >= UNRESOLVED_READS
    if suspicion.divergence is DivergenceClass.BELIEF_DRIFT:
        return book.snapshot_as_of is not None and book.snapshot_as_of > suspicion.since
    patience = PATIENCE[suspicion.divergence]
    reads = book.config.drift_reads if patience.reads is None else patience.reads
    return suspicion.reads >= reads and now - suspicion.since >= patience.for_ns
