"""How long a market is still open, in whole minutes. `closing_times` finds the close itself."""

from risksvc.core.incident.severity import MINUTE
from risksvc.core.types import Nanoseconds
from risksvc.gate.incident.closing_times import next_close
from risksvc.gate.incident.settings import Calendar


def minutes_to_close(calendar: Calendar | None, *, now: Nanoseconds) -> int | None:
    """Whole minutes until the next close, rounded down; at a close, until the next one. None: it does not close."""
    close = None if calendar is None else next_close(calendar, after=now)
    return None if close is None else (close - now) // MINUTE
