"""Price paths: where the mid price of an instrument is at a moment of venue time.

Pure functions of time: no clock, no randomness, no state, so that any moment can be asked for in any order and a run
can be repeated. Two kinds: a generated one (two triangle waves around a base price, phases from a seed) and one that
follows 1-minute bars. A path gives exact decimals; whoever uses it rounds to the instrument's tick.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol
from zlib import crc32

from risksvc.venue.paper.decimals import BPS

BAR_MS: Final = 60_000

# Period in milliseconds and amplitude in basis points: a slow swing of 0.4 % in twenty minutes, a ripple of 0.04 % in
# a minute.
_WAVES: Final = ((1_200_000, 40), (60_000, 4))


class PricePath(Protocol):
    """Where a price is, `elapsed_ms` of path time after the start."""

    def at(self, elapsed_ms: int) -> Decimal:
        """Give the unrounded mid price, above zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One minute of prices; `start_ms` is the bar's opening time."""

    start_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal

    @property
    def turns(self) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Give the four prices in the order of the path's visits: the extreme towards the close comes last."""
        if self.close >= self.open:
            return (self.open, self.low, self.high, self.close)
        return (self.open, self.high, self.low, self.close)


@dataclass(frozen=True, slots=True)
class GeneratedPath:
    """A gentle, endless path around `base`; `key` shifts the waves, so that instruments and seeds differ."""

    base: Decimal
    key: str

    def at(self, elapsed_ms: int) -> Decimal:
        """Give the base price moved by both waves."""
        moved = sum(
            (
                _triangle(elapsed_ms + crc32(f"{self.key}/{period}".encode()) % period, period) * size
                for period, size in _WAVES
            ),
            start=Decimal(0),
        )
        return self.base * (1 + moved / BPS)


class BarPath:
    """A path through 1-minute bars, straight between each bar's turning points; it stays at the last close."""

    def __init__(self, bars: Sequence[Bar]) -> None:
        if not bars:
            raise ValueError("a price path needs at least one bar")
        self._bars = tuple(bars)
        self._starts = [bar.start_ms - bars[0].start_ms for bar in bars]

    def at(self, elapsed_ms: int) -> Decimal:
        """Give the price on the line between two turning points; inside a gap in the bars, the last close before it."""
        index = max(0, bisect_right(self._starts, elapsed_ms) - 1)
        turns = self._bars[index].turns
        offset = max(0, elapsed_ms - self._starts[index])
        leg, along = divmod(offset * 3, BAR_MS)
        if leg >= len(turns) - 1:
            return turns[-1]
        return turns[leg] + (turns[leg + 1] - turns[leg]) * along / BAR_MS


def _triangle(at_ms: int, period_ms: int) -> Decimal:
    """Give a wave from 0 up to 1, down to -1 and back within one period."""
    shifted = (at_ms + period_ms // 4) % period_ms
    return 1 - abs(Decimal(4 * shifted) / period_ms - 2)
