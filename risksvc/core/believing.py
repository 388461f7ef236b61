"""A belief as it comes in: kept beside the ledger, and held against it at once.

It is not told here what a belief may differ by (`risksvc.core.strategy_line`), nor when a wrong one halts
(`risksvc.core.reconciliation`).
"""

from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.divergences import DivergenceClass
from risksvc.core.line import Line, Suspicion
from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.strategy_line import StrategyLine
from risksvc.core.types import Nanoseconds, plain


def take_belief(
    book: AccountBook, line: Line, part: StrategyLine, *, quantity: Decimal, now: Nanoseconds
) -> list[Notice]:
    """Takes a belief in, and holds it against the strategy's ledger position: SUSPECT while they differ."""
    limits = None if book.limits is None else book.limits.strategies.get(part.strategy)
    assert limits is not None, "only listed strategies are heard"
    part.believe(quantity, lag=limits.belief_lag_ns, now=now)
    book.strategy(part.strategy).beliefs.speak(line.key, now=now)
    return judge_belief(book, line, part, now=now)


def judge_belief(book: AccountBook, line: Line, part: StrategyLine, *, now: Nanoseconds) -> list[Notice]:
    """Holds what a strategy said last against its ledger position."""
    key = (DivergenceClass.BELIEF_DRIFT.value, part.strategy)
    if part.belief is None or part.belief_agrees():
        if line.suspicions.pop(key, None) is None:
            return []
        text, kind = f"{part.strategy} agrees with the ledger again", NoticeKind.SUSPECT_CLEARED
    else:
        text = f"{part.strategy} believes {plain(part.belief.quantity)}, the ledger says {plain(part.position)}"
        if key in line.suspicions:
            line.suspicions[key].message = text
            return []
        line.suspect(Suspicion(DivergenceClass.BELIEF_DRIFT, part.strategy, text, now))
        kind = NoticeKind.SUSPECT
    return [Notice(kind, book.name, DivergenceClass.BELIEF_DRIFT.value, text, line.symbol, part.strategy)]
