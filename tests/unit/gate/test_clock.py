"""The gate's clock: anchored to the wall once, monotonic, above the journal."""

import time

import pytest

from risksvc.core.types import SECOND
from risksvc.gate.clock import Clock


def test_it_starts_at_the_wall() -> None:
    before = time.time_ns()
    now = Clock().now()
    assert before <= now <= time.time_ns() + SECOND


def test_it_counts_boottime_and_ignores_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    boot = 5_000
    wall = 1_000_000
    monkeypatch.setattr(time, "clock_gettime_ns", lambda clock: {time.CLOCK_BOOTTIME: boot}[clock])
    monkeypatch.setattr(time, "time_ns", lambda: wall)
    clock = Clock()
    assert clock.now() == 1_000_000
    wall = 0
    boot = 5_007
    assert clock.now() == 1_000_007


def test_it_is_never_below_the_journal() -> None:
    future = time.time_ns() + 3600 * SECOND
    clock = Clock(start_at_least=future)
    assert clock.now() >= future
    assert 3599 * SECOND < clock.ahead_of_wall <= 3600 * SECOND


def test_it_is_not_ahead_when_the_journal_is_older() -> None:
    assert Clock(start_at_least=1).ahead_of_wall == 0


def test_it_never_goes_back() -> None:
    clock = Clock()
    readings = [clock.now() for _ in range(10_000)]
    assert readings == sorted(readings)
