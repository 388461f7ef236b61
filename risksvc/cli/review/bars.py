"""Lines of prices.csv as prices in time: marks as they are, bars by what they opened at.

A bar's open is what the price was when the bar began; its high and low say how far it went until the next. Only the
last bar's close is used, where the next bar would begin. Nothing is interpolated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from risksvc.cli.review.csv_table import Mistakes, Row
from risksvc.core.impact.types import MarkPoint
from risksvc.core.types import Nanoseconds


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One line. `close` None: it is no bar."""

    at: Nanoseconds
    mark: Decimal
    low: Decimal | None = None
    high: Decimal | None = None
    close: Decimal | None = None
    half_spread: Decimal | None = None


def price_line(path: Path, line: int, row: Row, mistakes: Mistakes) -> PriceLine | None:
    """The price of one row; None after a mistake."""
    price, opened, close = row["price"], row["open"], row["close"]
    low, high, bid, ask = row["low"], row["high"], row["bid"], row["ask"]
    mark = price if price is not None else opened
    for fine, column, message in (
        (mark is not None or (opened is None and close is None), "open", "is empty; a bar needs open and close"),
        (mark is not None or close is not None or opened is not None, "price", "is empty; give price, or a bar"),
        (opened is None or close is not None, "close", "is empty; a bar needs open and close"),
        ((bid is None) == (ask is None), "bid", "give both bid and ask, or neither"),
        (bid is None or ask is None or bid <= ask, "bid", "is above ask"),
        (low is None or high is None or low <= high, "low", "is above high"),
        (low is None or mark is None or low <= mark, "low", "is above the price"),
        (high is None or mark is None or mark <= high, "high", "is below the price"),
    ):
        if not fine:
            mistakes.add(path, line, column, message)
            return None
    half = None if bid is None or ask is None else (ask - bid) / 2
    return PriceLine(row["time"], mark, low, high, close if price is None else None, half)


def marks_of(lines: Sequence[PriceLine]) -> list[MarkPoint]:
    """Prices in time, of one instrument; of several at one time the last line counts."""
    by_time = {one.at: one for one in sorted(lines, key=lambda one: one.at)}
    ordered = list(by_time.values())
    points = [MarkPoint(one.at, one.mark, one.low, one.high, one.half_spread) for one in ordered]
    if len(ordered) > 1 and ordered[-1].close is not None:
        length = ordered[-1].at - ordered[-2].at
        points.append(MarkPoint(ordered[-1].at + length, ordered[-1].close))
    return points
