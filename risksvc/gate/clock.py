"""The gate's clock: integer nanoseconds, anchored to the wall once, at start, and never touched by it again.

Rule 1: `now` never goes back and never jumps: it is the wall clock's time at start plus what CLOCK_BOOTTIME has counted
since, so a wall clock that is set, slewed or faked does not move a lease. Rule 2: time spent suspended counts (a paused
machine wakes with every lease run out). Rule 3: it starts above everything already journaled, so replayed and new
entries stand in one order, even when the wall clock was set back between two runs. Leases, reads and approvals are
compared on this clock only; another machine's time is never compared with it.
"""

import time

from risksvc.core.types import Nanoseconds

_BOOT = time.CLOCK_BOOTTIME


class Clock:
    """Nanoseconds since the epoch, as the wall had it when this clock was made.

    `start_at_least`: the last journaled time + 1 (0: no journal). No reading is below it.
    """

    __slots__ = ("_ahead", "_offset")

    def __init__(self, *, start_at_least: Nanoseconds = 0) -> None:
        boot = time.clock_gettime_ns(_BOOT)
        wall = time.time_ns()
        start = max(wall, start_at_least)
        self._offset = start - boot
        self._ahead = start - wall

    def now(self) -> Nanoseconds:
        """The present moment; never below an earlier reading, suspended time included."""
        return time.clock_gettime_ns(_BOOT) + self._offset

    @property
    def ahead_of_wall(self) -> Nanoseconds:
        """How far `start_at_least` pushed this clock ahead of the wall at start; 0 unless the wall was set back."""
        return self._ahead
