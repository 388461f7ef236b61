"""Minutes to the close: rounded down, half-open at the close itself, over summer time, weekends and holidays."""

import datetime as dt

import pytest

from risksvc.gate.incident.calendar import minutes_to_close
from tests.unit.gate.test_closing_times import NEW_YORK, SECOND, at


@pytest.mark.parametrize(
    ("now", "minutes"),
    [
        ("2026-11-23 20:00", 60),
        ("2026-11-23 20:59:01", 0),
        ("2026-11-23 20:59:00", 1),
        ("2026-11-23 21:00", 24 * 60),  # at the close: the next one
        ("2026-11-25 21:00", 2 * 24 * 60),  # over Thanksgiving
        ("2026-11-27 21:00", 3 * 24 * 60),  # over a weekend
        ("2026-10-30 20:00", 3 * 24 * 60 + 60),  # summer time ends in between: a day of 25 hours
        ("2026-03-06 21:00", 3 * 24 * 60 - 60),  # and begins: one of 23
    ],
)
def test_whole_minutes(now: str, minutes: int) -> None:
    assert minutes_to_close(NEW_YORK, now=at(now)) == minutes


def test_a_nanosecond_before_is_not_after() -> None:
    close = at("2026-11-23 21:00")
    assert minutes_to_close(NEW_YORK, now=close - 1) == 0
    assert minutes_to_close(NEW_YORK, now=close - 60 * SECOND) == 1
    assert dt.time(16) == NEW_YORK.close


def test_what_never_closes_has_no_minutes() -> None:
    assert minutes_to_close(None, now=at("2026-11-23 20:00")) is None
