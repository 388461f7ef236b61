"""Pages and time windows of Bybit's list endpoints: sizes, cursors, the seven-day rule.

A page has at most `limit` rows; a limit above the cap is cut to it without a word, as the venue does.
`nextPageCursor` is empty when nothing follows. A cursor is opaque, already percent-encoded text, and is accepted back
encoded once, twice or not at all.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote

from risksvc.venue.paper.calls import Call
from risksvc.venue.paper.errors import bad_params

DAY_MS: Final = 86_400_000
WINDOW_MS: Final = 7 * DAY_MS
_MAX_DIGITS: Final = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRule:
    """How many rows a page has when nothing is asked for, and at most."""

    default: int
    cap: int


INSTRUMENT_PAGES: Final = PageRule(default=500, cap=1000)
POSITION_PAGES: Final = PageRule(default=20, cap=200)
OPEN_ORDER_PAGES: Final = PageRule(default=20, cap=50)
CLOSED_ORDER_PAGES: Final = PageRule(default=20, cap=50)
EXECUTION_PAGES: Final = PageRule(default=50, cap=100)
LEDGER_PAGES: Final = PageRule(default=20, cap=50)
KLINE_PAGES: Final = PageRule(default=200, cap=1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A span of time in milliseconds, both ends included."""

    start_ms: int
    end_ms: int


def page_size(call: Call, rule: PageRule) -> int:
    """Give how many rows the call's page may have."""
    asked = call.integer("limit")
    if asked == 0:
        raise bad_params("params error: limit must be at least 1")
    size = min(asked or rule.default, rule.cap)
    return min(size, call.view.page_size) if call.view.page_size else size


def window(call: Call, *, span_ms: int = WINDOW_MS) -> Window:
    """Give the span the call asks about: at most seven days; `span_ms` from its start, to its end, or to now."""
    start, end = call.integer("startTime"), call.integer("endTime")
    if start is not None and end is not None and not 0 <= end - start <= WINDOW_MS:
        raise bad_params("The time range between startTime and endTime cannot exceed 7 days")
    if start is None:
        end = call.now_ms if end is None else end
        start = end - span_ms
    elif end is None:
        end = start + span_ms
    return Window(start_ms=start, end_ms=end)


def before_number(call: Call) -> int | None:
    """Give the number below which the next page of a numbered list begins; None for the first page."""
    cursor = unquote(unquote(call.text("cursor")))
    if not cursor:
        return None
    number = cursor.partition(":")[0]
    if not (number.isascii() and number.isdigit() and len(number) <= _MAX_DIGITS):
        raise bad_params("params error: cursor invalid")
    return int(number)


def after_name(call: Call) -> str:
    """Give the name after which the next page of a sorted list begins; empty for the first page."""
    return unquote(unquote(call.text("cursor")))


def page(rows: Iterable[Any], *, call: Call, rule: PageRule, cursor_of: Callable[[Any], str]) -> tuple[list[Any], str]:
    """Cut one page off `rows` and give it with the cursor of the next one."""
    size = page_size(call, rule)
    found: list[Any] = []
    for row in rows:
        if len(found) == size:
            return found, cursor_of(found[-1])
        found.append(row)
    return found, cursor_of(found[-1]) if found and call.view.always_cursor else ""


def number_cursor(number: int, at_ms: int) -> str:
    """Write the cursor of a numbered list."""
    return quote(f"{number}:{at_ms},{number}:{at_ms}", safe="")
