"""Eleven days in which a tracker loses fills, on recorded prices: the firm that thinks it is flat and is long.

Every hour a quote buys, and half an hour later the strategy sells what it believes it holds. Its tracker misses some of
the buys, so the hedges are too small and what it really holds grows. All of it in whole numbers: quantities in
thousandths of a bitcoin, prices in tenths of a cent.
"""

import csv
from pathlib import Path
from typing import NamedTuple

HOURS = 11 * 24
FIRST_MINUTE = 2 * 24 * 60  # 2022-01-12 00:00 UTC: two days into the recording
MISSED_EVERY = 12  # hours


class Bar(NamedTuple):
    low: int
    high: int
    close: int


class Row(NamedTuple):
    """One decision and its one fill, a second later, at the minute's close plus a half dollar against it."""

    minute: int
    hedges: bool
    believed: int
    order: int
    price: int


def recorded(folder: Path) -> list[Bar]:
    with (folder / "btc-perp-1m-2022-01.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[FIRST_MINUTE:]
    return [Bar(*(mills(row[name]) for name in ("low", "high", "close"))) for row in rows[: HOURS * 60 + 1]]


def mills(text: str) -> int:
    whole, _, fraction = text.partition(".")
    assert len(fraction) <= 3, "the recording has no finer prices"
    return int(whole + fraction.ljust(3, "0"))


def traded(bars: list[Bar]) -> list[Row]:
    rows, believed = [], 0
    for hour in range(HOURS):
        minute = hour * 60
        quantity = 100 * (1 + hour * 37 % 5)
        rows.append(Row(minute, hedges=False, believed=believed, order=quantity, price=bars[minute].close + 500))
        if hour % MISSED_EVERY != 7:
            believed += quantity
        sold_at = bars[minute + 30].close - 500
        rows.append(Row(minute + 30, hedges=True, believed=believed, order=-believed, price=sold_at))
        believed = 0
    return rows


def naive_cost(bars: list[Bar], rows: list[Row]) -> int:
    """What the wrong belief has cost, one straight loop. A fee is 5 in ten thousand, a half spread 2 in ten thousand.

    In 1e-14 dollars: thousandths x tenths of a cent x ten thousandths (of the spread) x ten thousandths (of the fee).
    """
    held_cash = meant_cash = held = meant = 0
    for row in rows:
        # What happened.
        held += row.order
        held_cash -= (row.order * 10_000 + abs(row.order) * 5) * row.price * 10_000
        # What was meant: a hedge goes to zero, a quote to where the strategy believed to get.
        goes_to = 0 if row.hedges else row.believed + row.order
        missing = goes_to - meant
        meant = goes_to
        same_way = missing * row.order > 0
        as_filled = min(abs(missing), abs(row.order)) if same_way else 0
        sign = 1 if missing > 0 else -1
        meant_cash -= (sign * 10_000 + 5) * as_filled * row.price * 10_000
        rest = abs(missing) - as_filled
        meant_cash -= (sign * 10_000 + 5) * rest * bars[row.minute].close * (10_000 + 2 * sign)
    last = bars[HOURS * 60].close * 10_000 * 10_000
    return (meant * last + meant_cash) - (held * last + held_cash)


def naive_highest_unseen(bars: list[Bar], rows: list[Row], *, limit: int) -> tuple[int, int]:
    """The minute at which the position was first over the limit and the believed one not, and the highest it was.

    In 1e-6 dollars, as `limit`. Looks at every minute, and twice at one in which something fills.
    """
    first, highest, held, off, left = -1, 0, 0, 0, list(rows)
    for minute, bar in enumerate(bars):
        looks = [(held, off)]
        if left and left[0].minute == minute:
            row = left.pop(0)
            off = row.believed - held
            looks = [(held, off), (held + row.order, off)]
            held += row.order
        for position, unseen in looks:
            if abs(position) * bar.close > limit >= abs(position + unseen) * bar.close:
                first = minute if first < 0 else first
                highest = max(highest, abs(position) * bar.close)
    return first, highest
