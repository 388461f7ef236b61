"""What rounding and unknown fees leave between ledger and venue, added up over an account.

Each line may differ within its tolerance; the sum has a limit of its own (`max_residual`), so that many small leaks do
not pass for rounding. Nothing is ever taken over from the venue to make it fit.
"""

from collections.abc import Iterable

from risksvc.core.book import AccountBook
from risksvc.core.conditions import note
from risksvc.core.divergences import DivergenceClass
from risksvc.core.findings import Findings
from risksvc.core.limits import LimitMode
from risksvc.core.line import Line
from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.trips import Trigger
from risksvc.core.types import ZERO, Nanoseconds, plain

_WHAT = DivergenceClass.UNATTRIBUTED_RESIDUAL


def judge_residual(book: AccountBook, compared: Iterable[Line], *, now: Nanoseconds, findings: Findings) -> None:
    """After a complete read: above the limit it is SUSPECT, and on the third read in a row it halts.

    `compared`: the lines that the read said anything about; all others agree to the digit.
    """
    differing = (line for line in compared if line.residual)
    book.residual = sum((abs(line.residual) * (line.unit or ZERO) for line in differing), ZERO)
    limit = None if book.limits is None else book.limits.max_residual
    if limit is None or limit.mode is LimitMode.SHADOW or book.residual <= limit.value:
        gone = book.conditions.pop(_WHAT.value, None)
        if gone is not None:
            text = f"over: {gone.message}"
            findings.notices.append(Notice(NoticeKind.CONDITION_CLEARED, book.name, _WHAT.value, text))
        return
    text = f"ledger and venue differ by {plain(book.residual)} in all; `max_residual` is {plain(limit.value)}"
    found = note(book.conditions, _WHAT, text, now=now)
    if found.seen == 1:
        findings.notices.append(Notice(NoticeKind.CONDITION, book.name, _WHAT.value, text))
    if found.seen >= book.config.drift_reads and not found.diverged:
        found.diverged = True
        findings.trips.append((Trigger.UNATTRIBUTED_RESIDUAL, "", text))
        findings.notices.append(Notice(NoticeKind.DIVERGED, book.name, _WHAT.value, text))
