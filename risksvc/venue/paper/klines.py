"""Minutes of prices that have been: what a market's mid did, as candles.

A market notes its mid whenever it moves; a minute in which it was not noted stood still. Memory is bounded: the oldest
minutes are forgotten. No I/O and no clock. Nothing is known of the time before the venue started.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from risksvc.core.types import ZERO
from risksvc.venue.paper.prices import BAR_MS

KEPT: Final = 20_000  # minutes in which something was noted: two weeks


@dataclass(slots=True)
class Candle:
    """One minute; `start_ms` is its beginning, in venue time."""

    start_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = ZERO
    turnover: Decimal = ZERO


class Candles:
    """One market's minutes, oldest first."""

    def __init__(self) -> None:
        self._noted: deque[Candle] = deque(maxlen=KEPT)

    def note(self, now_ms: int, price: Decimal) -> None:
        """Take in where the price is now; time must not run backwards."""
        start_ms = now_ms - now_ms % BAR_MS
        last = self._noted[-1] if self._noted else None
        if last is None or last.start_ms < start_ms:
            opened = price if last is None else last.close
            self._noted.append(Candle(start_ms, opened, max(opened, price), min(opened, price), price))
            return
        last.high, last.low, last.close = max(last.high, price), min(last.low, price), price

    def trade(self, quantity: Decimal, value: Decimal) -> None:
        """Count a trade in the minute that was noted last."""
        if self._noted:
            self._noted[-1].volume += quantity
            self._noted[-1].turnover += value

    def between(self, start_ms: int, end_ms: int, *, now_ms: int) -> Iterator[Candle]:
        """Give every minute that begins from `start_ms` to `end_ms`, up to now, without a gap."""
        before: Candle | None = None
        for candle in self._noted:
            if before is not None:
                yield from _still(before, candle.start_ms, start_ms=start_ms, end_ms=end_ms)
            if start_ms <= candle.start_ms <= end_ms:
                yield candle
            before = candle
        if before is not None:
            yield from _still(before, now_ms + 1, start_ms=start_ms, end_ms=end_ms)


def _still(before: Candle, until_ms: int, *, start_ms: int, end_ms: int) -> Iterator[Candle]:
    """Give the minutes after one, up to another, in which the price stood still."""
    first = max(before.start_ms + BAR_MS, start_ms + -start_ms % BAR_MS)
    for at_ms in range(first, min(until_ms, end_ms + 1), BAR_MS):
        yield Candle(at_ms, before.close, before.close, before.close, before.close)
