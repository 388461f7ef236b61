"""When a market closes next, by the settings' calendar: on which days, at which time of day, where.

The time of day is the place's own: summer time moves the close as people there move their clocks. A close that falls
into an hour that does not exist is taken as the clocks stood before it, one that happens twice is the first.
"""

import datetime as dt
import zoneinfo

from risksvc.core.types import SECOND, Nanoseconds
from risksvc.gate.incident.settings import Calendar

_LONGEST_DAYS = 400  # a calendar without a close for so long never closes


def next_close(calendar: Calendar, *, after: Nanoseconds) -> Nanoseconds | None:
    """The first close later than `after` (nanoseconds since the epoch); None: there is none within a year."""
    zone = zoneinfo.ZoneInfo(calendar.timezone)
    first = dt.datetime.fromtimestamp(after // SECOND, tz=zone).date()
    for days in range(_LONGEST_DAYS):
        day = first + dt.timedelta(days=days)
        if day.weekday() not in calendar.weekdays or day in calendar.holidays:
            continue
        close = int(dt.datetime.combine(day, calendar.close, tzinfo=zone).timestamp()) * SECOND
        if close > after:
            return close
    return None
