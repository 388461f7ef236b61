"""What a strategy believed, held against what it had: one line's difference, followed through the window.

The difference (believed - actual) changes by two things only: a fill that no decision made, which no belief can have
held, and a belief that says something else. A belief may lack the strategy's own fills that are younger than the lag,
or hold some that the records have a little later: if one of those moments explains it, nothing has changed.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate

from risksvc.core.impact.report import Divergence
from risksvc.core.types import ZERO, Nanoseconds


class BeliefTrack:
    """One line's. `own`: time and quantity of the strategy's own fills, in order."""

    def __init__(self, start: Decimal, own: Sequence[tuple[Nanoseconds, Decimal]], *, lag: Nanoseconds) -> None:
        """`start`: believed - actual before any fill."""
        self.difference = start
        self._times = [at for at, _ in own]
        self._held = list(accumulate((quantity for _, quantity in own), initial=ZERO))
        self._lag = lag
        self._moments: dict[Decimal, list[int]] = {}
        for index, held in enumerate(self._held):
            self._moments.setdefault(held, []).append(index)

    def unknown(self, quantity: Decimal) -> None:
        """A fill that no decision made."""
        self.difference -= quantity

    def hear(self, believed: Decimal, *, actual: Decimal, own: int, at: Nanoseconds) -> None:
        """A belief, while `actual` is held after so many of the own fills.

        Explained by a young fill is first that nothing has changed, then that the belief is right again.
        """
        now = believed - actual
        for explained in (self.difference, ZERO):
            if now == explained or self._was(self._held[own] + now - explained, at):
                self.difference = explained
                return
        self.difference = now

    def _was(self, held: Decimal, at: Nanoseconds) -> bool:
        """True when the own fills came to this within the lag around a time."""
        moments = self._moments.get(held)
        if moments is None:
            return False
        first = bisect_left(self._times, at - self._lag)
        last = bisect_right(self._times, at + self._lag)
        return bisect_left(moments, first) < bisect_right(moments, last)


class Divergences:
    """The times in which one line's difference was not zero. One that no decision confirms was never believed."""

    def __init__(self, strategy: str, symbol: str) -> None:
        self.found: list[Divergence] = []
        self._strategy, self._symbol = strategy, symbol
        self._since: Nanoseconds | None = None
        self._first = self._largest = ZERO
        self._decisions = 0

    def see(self, difference: Decimal, *, at: Nanoseconds, decision: bool) -> None:
        """The difference from this time on; `decision`: one was taken on it."""
        if not difference:
            self.close(at)
            return
        if self._since is None:
            self._since, self._first, self._largest, self._decisions = at, difference, difference, 0
        self._largest = max(self._largest, difference, key=abs)
        self._decisions += decision

    def close(self, at: Nanoseconds | None) -> None:
        """It ends; None: it does not, but what is reviewed ends."""
        if self._since is not None and self._decisions:
            self.found.append(
                Divergence(
                    strategy=self._strategy,
                    symbol=self._symbol,
                    since=self._since,
                    until=at,
                    first=self._first,
                    largest=self._largest,
                    decisions=self._decisions,
                )
            )
        self._since = None
