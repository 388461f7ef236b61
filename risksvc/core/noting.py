"""The few facts about marks that every check of an account asks for, kept whenever a line changes.

Which lines have no value, whose marks are not proven, how old the oldest is that anything depends on, and which lines
are busy at all. A line that is idle needs no mark, and is in none of them.
"""

from typing import TYPE_CHECKING

from risksvc.core.line import Line

if TYPE_CHECKING:
    from risksvc.core.book import AccountBook


def note_valuation(book: "AccountBook", line: Line) -> None:
    """After anything about a line has changed."""
    if line.idle:
        book.unvalued.pop(line.key, None)
        book.unproven_marks.pop(line.key, None)
        book.busy.drop(line)
    else:
        note_marks(book, line)


def note_marks(book: "AccountBook", line: Line) -> None:
    """The same of a line that is, or is about to be, held or worked."""
    if line.key not in book.busy.lines:
        book.busy.add(line)
    if line.unit is None:
        book.unvalued[line.key] = line
    elif book.unvalued:
        book.unvalued.pop(line.key, None)
    if book.unproven_marks:
        book.unproven_marks.pop(line.key, None)
    oldest = book.oldest_mark
    for mark in line.marks.values():
        if not mark.confirmed:
            book.unproven_marks[line.key] = line
        if oldest is None or mark.as_of < oldest:
            book.oldest_mark = oldest = mark.as_of


def age_marks(book: "AccountBook") -> None:
    """After marks were read: finds the oldest that anything held or working depends on."""
    book.oldest_mark = book.busy.oldest_mark
