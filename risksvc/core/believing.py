"""A belief as it comes in: kept beside the ledger, and held against it at once.

It is not told here what a belief may differ by (`risksvc.core.strategy_line`), nor when a wrong one halts
(`risksvc.core.reconciliation`).
"""

from collections.abc import Sequence
from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.divergences import DivergenceClass
from risksvc.core.line import Line, Suspicion
from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.strategy_line import StrategyLine
from risksvc.core.types import Nanoseconds, plain


def take_belief(
    book: AccountBook, line: Line, part: StrategyLine, *, quantity: Decimal, now: Nanoseconds
) -> Sequence[Notice]:
    """Takes a belief in, and holds it against the strategy's ledger position."""
    limits = None if book.limits is None else book.limits.strategies.get(part.strategy)
    assert limits is not None, "only listed strategies are heard"
    part.believe(quantity, lag=limits.belief_lag_ns, now=now)
    book.strategy(part.strategy).beliefs.speak(line.key, now=now)
    return compare_belief(book, line, part, now=now)


def compare_belief(book: AccountBook, line: Line, part: StrategyLine, *, now: Nanoseconds) -> Sequence[Notice]:
    """Holds what a strategy has just said against its ledger position: SUSPECT while they differ."""
    belief = part.belief
    if belief is None or part.belief_agrees():
        return _agreed(book, line, part) if line.suspicions else ()
    key = (DivergenceClass.BELIEF_DRIFT.value, part.strategy)
    text = f"{part.strategy} believes {plain(belief.quantity)}, the ledger says {plain(part.position)}"
    if key in line.suspicions:
        line.suspicions[key].message = text
        return ()
    line.suspect(Suspicion(DivergenceClass.BELIEF_DRIFT, part.strategy, text, now))
    return (_notice(NoticeKind.SUSPECT, book, line, who=part.strategy, text=text),)


def _agreed(book: AccountBook, line: Line, part: StrategyLine) -> Sequence[Notice]:
    if line.suspicions.pop((DivergenceClass.BELIEF_DRIFT.value, part.strategy), None) is None:
        return ()
    text = f"{part.strategy} agrees with the ledger again"
    return (_notice(NoticeKind.SUSPECT_CLEARED, book, line, who=part.strategy, text=text),)


def _notice(kind: NoticeKind, book: AccountBook, line: Line, *, who: str, text: str) -> Notice:
    return Notice(kind, book.name, DivergenceClass.BELIEF_DRIFT.value, text, line.symbol, who)
