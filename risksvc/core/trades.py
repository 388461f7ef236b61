"""Which trades are known: a fill counts once, however often and by whomever it is told.

A trade id is unique per instrument. So many of an account's are remembered; of an unknown trade that is not younger
than the youngest one forgotten nobody can tell whether it was counted: it is told, not counted.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from risksvc.core.venue_events import Fill

TRADES_KEPT = 100_000


@dataclass(slots=True)
class SeenTrades:
    """The trades of one account. `horizon_ms`: venue time of the youngest trade that was forgotten."""

    keep: int = TRADES_KEPT
    horizon_ms: int = 0
    _times: OrderedDict[tuple[str, str], int] = field(default_factory=OrderedDict)

    def add(self, fill: Fill) -> bool:
        """Remembers a trade; False when it is known."""
        key = (fill.instrument, fill.trade_id)
        if key in self._times:
            return False
        self._times[key] = fill.venue_time_ms
        if len(self._times) > self.keep:
            _, forgotten_ms = self._times.popitem(last=False)
            self.horizon_ms = max(self.horizon_ms, forgotten_ms)
        return True

    def knows(self, fill: Fill) -> bool:
        """True for a trade that is remembered."""
        return (fill.instrument, fill.trade_id) in self._times

    def too_old(self, fill: Fill) -> bool:
        """Not known, and so old that it may have been forgotten."""
        return fill.venue_time_ms <= self.horizon_ms and (fill.instrument, fill.trade_id) not in self._times
