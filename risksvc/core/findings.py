"""What a read has led to, and how a difference becomes SUSPECT and stops being it. Told once each."""

from dataclasses import dataclass, field

from risksvc.core.book import AccountBook
from risksvc.core.divergences import DivergenceClass
from risksvc.core.fills import FillResult
from risksvc.core.line import Line, Suspicion
from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.reservations import Reservation
from risksvc.core.trips import Trigger
from risksvc.core.types import Nanoseconds


@dataclass(slots=True)
class Findings:
    """(trigger, instrument, text) to trip, notices, orders to look up; `read_again`: what was seen is not confirmed."""

    trips: list[tuple[Trigger, str, str]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    look_up: list[Reservation] = field(default_factory=list)
    read_again: bool = False

    def add(self, result: FillResult) -> None:
        """Adds what fills have led to."""
        self.trips += result.trips
        self.notices += result.notices


def suspect(
    book: AccountBook,
    line: Line,
    suspicion: Suspicion,
    *,
    findings: Findings,
) -> Suspicion:
    """Makes a line suspect, or brings the text of what stands for the same up to date."""
    known = (suspicion.divergence.value, suspicion.strategy) in line.suspicions
    kept = line.suspect(suspicion)
    kept.message = suspicion.message
    if not known:
        what, text = suspicion.divergence.value, suspicion.message
        findings.notices.append(Notice(NoticeKind.SUSPECT, book.name, what, text, line.symbol, suspicion.strategy))
    return kept


def clear(book: AccountBook, line: Line, what: DivergenceClass, *, findings: Findings, strategy: str = "") -> None:
    """Ends a suspicion: what differed is explained."""
    gone = line.suspicions.pop((what.value, strategy), None)
    if gone is not None:
        text = f"explained again: {gone.message}"
        findings.notices.append(Notice(NoticeKind.SUSPECT_CLEARED, book.name, what.value, text, line.symbol, strategy))


def suspicion_of(line: Line, what: DivergenceClass, *, text: str, now: Nanoseconds, strategy: str = "") -> Suspicion:
    """The suspicion that stands for this, or a new one that nobody was told of yet."""
    return line.suspicions.get((what.value, strategy)) or Suspicion(what, strategy, text, now)
