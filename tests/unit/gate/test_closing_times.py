"""When a market closes next: weekends, holidays, summer time, and calendars that never close."""

import datetime as dt

import pytest

from risksvc.gate.incident.closing_times import next_close
from risksvc.gate.incident.settings import Calendar

SECOND = 10**9
NEW_YORK = Calendar(
    "America/New_York", dt.time(16), frozenset(range(5)), frozenset({dt.date(2026, 11, 26), dt.date(2026, 12, 25)})
)


def at(text: str) -> int:
    """UTC."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("after", "close"),
    [
        ("2026-11-23 15:00", "2026-11-23 21:00"),  # Monday, before it
        ("2026-11-23 20:59:59", "2026-11-23 21:00"),
        ("2026-11-23 21:00", "2026-11-24 21:00"),  # at it: the next one
        ("2026-11-24 02:00", "2026-11-24 21:00"),  # still Monday in New York
        ("2026-11-25 22:00", "2026-11-27 21:00"),  # over a holiday
        ("2026-11-27 22:00", "2026-11-30 21:00"),  # over a weekend
        ("2026-10-30 21:00", "2026-11-02 21:00"),  # from summer time, one hour less, to winter time
        ("2026-10-30 19:59", "2026-10-30 20:00"),
    ],
)
def test_the_next_close(after: str, close: str) -> None:
    assert next_close(NEW_YORK, after=at(after)) == at(close)


@pytest.mark.parametrize(
    ("time", "close"),
    [
        (dt.time(2, 30), "2026-03-29 01:30"),  # an hour that Zurich skips: as the clocks stood before
        (dt.time(3, 30), "2026-03-29 01:30"),
    ],
)
def test_a_close_in_the_hour_that_summer_time_takes(time: dt.time, close: str) -> None:
    calendar = Calendar("Europe/Zurich", time, frozenset({6}), frozenset())
    assert next_close(calendar, after=at("2026-03-29 00:00")) == at(close)


def test_a_close_in_the_hour_that_happens_twice_is_the_first() -> None:
    calendar = Calendar("Europe/Zurich", dt.time(2, 30), frozenset({6}), frozenset())
    assert next_close(calendar, after=at("2026-10-24 23:00")) == at("2026-10-25 00:30")


def test_a_calendar_without_days_never_closes() -> None:
    assert next_close(Calendar("UTC", dt.time(16), frozenset(), frozenset()), after=at("2026-01-01 00:00")) is None
