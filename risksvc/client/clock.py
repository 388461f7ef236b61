"""Elapsed time that no clock step and no suspended machine can shorten.

Never uses the wall clock. Rule: an approval or a heartbeat is as old as the larger of two clocks says: the monotonic
one stands still while a machine or VM is suspended, CLOCK_BOOTTIME (Linux) does not.
"""

import time
from typing import NamedTuple

from risksvc.core.types import Nanoseconds

_new = tuple.__new__
_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)


class Instant(NamedTuple):
    """One moment, read from both clocks."""

    monotonic_ns: Nanoseconds
    boottime_ns: Nanoseconds


def now() -> Instant:
    """Read both clocks. Where there is no CLOCK_BOOTTIME, the monotonic clock stands for both."""
    monotonic_ns = time.monotonic_ns()
    boottime_ns = monotonic_ns if _BOOTTIME is None else time.clock_gettime_ns(_BOOTTIME)
    return _new(Instant, (monotonic_ns, boottime_ns))  # as Instant(...), without its detour through Python


def elapsed(since: Instant, until: Instant) -> Nanoseconds:
    """Return the nanoseconds between two moments: the longer of what the two clocks say."""
    monotonic_ns = until.monotonic_ns - since.monotonic_ns
    boottime_ns = until.boottime_ns - since.boottime_ns
    return monotonic_ns if monotonic_ns >= boottime_ns else boottime_ns  # noqa: FURB136 - max is a call
