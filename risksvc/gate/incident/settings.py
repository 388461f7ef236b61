"""What the settings file says for the incident flow: people's roles, market closes, linked instruments, flatten's pace.

The schema and the values that come of it. Nothing here is a limit, and nothing is opened or told.
"""

import datetime as dt
import re
import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Annotated

from pydantic import AfterValidator, Field, PlainValidator

from risksvc.core.types import SECOND, ZERO, Nanoseconds
from risksvc.gate.config_problems import shown
from risksvc.gate.config_schema import Listed, Section
from risksvc.gate.config_values import MINUTE, DurationRange, NumberRange, Percent, Symbol, choice, refused
from risksvc.gate.yaml_lines import KeyPath

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_ZONE = re.compile(r"[A-Za-z0-9_+/-]{1,40}", re.ASCII)
PARTICIPATION, COLLAR = Decimal(20), Decimal(2)
SLICE_PAUSE, PATIENCE = SECOND, 2 * MINUTE
_LEGS_AT_LEAST = 2


class Role(Enum):
    """What an operator answers for. HOLD needs engineering and risk."""

    ENGINEERING = "engineering"
    RISK = "risk"
    TRADER = "trader"
    COMPLIANCE = "compliance"
    LEADERSHIP = "leadership"


class Weekday(Enum):
    """A day on which a market closes."""

    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


def hold_is_possible(roles: Sequence[Sequence[Role]], *, alone: bool) -> bool:
    """`roles`: each operator's. Two have one role of a hold each; `alone`: one who has both suffices."""
    able = [[index for index, own in enumerate(roles) if role in own] for role in (Role.ENGINEERING, Role.RISK)]
    return any(alone or one != other for one in able[0] for other in able[1])


RoleName = Annotated[Role, PlainValidator(choice(Role))]


def _time(value: object) -> dt.time:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refused(f"must be a time of day in quotes; found {shown(value)}, allowed: '16:00'")
    return dt.time(int(match[1]), int(match[2]))


def _date(value: object) -> dt.date:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    raise refused(f"must be a date; found {shown(value)}, allowed: 2026-12-25")


def _zone(value: object) -> str:
    if isinstance(value, str) and _ZONE.fullmatch(value):
        try:
            return zoneinfo.ZoneInfo(value).key
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise refused(f"must be a time zone; found {shown(value)}, allowed: UTC, America/New_York, Europe/Zurich")


class CalendarSection(Section):
    """When this account's market closes. Without it, it never does (crypto)."""

    timezone: Annotated[str, PlainValidator(_zone)]
    close: Annotated[dt.time, PlainValidator(_time)]
    days: Listed[Annotated[Weekday, PlainValidator(choice(Weekday))]] = (
        Weekday.MONDAY,
        Weekday.TUESDAY,
        Weekday.WEDNESDAY,
        Weekday.THURSDAY,
        Weekday.FRIDAY,
    )
    holidays: Listed[Annotated[dt.date, PlainValidator(_date)]] = ()


class FlattenSection(Section):
    """How fast an exit goes. `participation`: percent of the visible depth per slice; `collar`: percent off the mid."""

    participation: Percent = PARTICIPATION
    collar: Annotated[
        Decimal, PlainValidator(NumberRange(ZERO, high=Decimal(50), above=True, what=" (percent off the mid)"))
    ] = COLLAR
    slice_pause_ns: Annotated[Nanoseconds, PlainValidator(DurationRange(0, MINUTE))] = Field(
        default=SLICE_PAUSE, alias="slice_pause"
    )
    patience_ns: Annotated[Nanoseconds, PlainValidator(DurationRange(10 * SECOND, 60 * MINUTE))] = Field(
        default=PATIENCE, alias="patience"
    )


def _legs(symbols: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(symbols)) != len(symbols) or len(symbols) < _LEGS_AT_LEAST:
        raise refused("must name two or more instruments, each once: the legs of one hedge")
    return symbols


LinkedGroups = Listed[Annotated[Listed[Symbol], AfterValidator(_legs)]]


def shared_legs(groups: object) -> Iterator[tuple[KeyPath, str]]:
    """An instrument belongs to one hedge at most."""
    seen: dict[str, int] = {}
    for index, group in enumerate(groups if isinstance(groups, list) else []):
        for symbol in dict.fromkeys(
            each for each in (group if isinstance(group, list) else []) if isinstance(each, str)
        ):
            if symbol in seen:
                yield ("linked", index), f"{symbol} is in an earlier group too; allowed: one group at most"
            seen[symbol] = index


# -- what comes of it ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a market closes: on `weekdays` (Monday is 0) but `holidays`, at `close` in `timezone`."""

    timezone: str
    close: dt.time
    weekdays: frozenset[int]
    holidays: frozenset[dt.date]


@dataclass(frozen=True, slots=True)
class FlattenSettings:
    """How fast an exit goes. `patience_ns`: without progress for so long, a flatten ends with its gaps."""

    participation: Decimal = PARTICIPATION
    collar: Decimal = COLLAR
    slice_pause_ns: Nanoseconds = SLICE_PAUSE
    patience_ns: Nanoseconds = PATIENCE


@dataclass(frozen=True, slots=True)
class IncidentSettings:
    """What one account's exit needs. `linked`: the legs of each hedge. `calendar` None: the market never closes."""

    calendar: Calendar | None = None
    linked: tuple[tuple[str, ...], ...] = ()
    flatten: FlattenSettings = field(default_factory=FlattenSettings)


def incident_settings(
    calendar: CalendarSection | None, linked: tuple[tuple[str, ...], ...], flatten: FlattenSection
) -> IncidentSettings:
    """The values of one account's sections."""
    return IncidentSettings(
        calendar=None if calendar is None else _calendar(calendar),
        linked=linked,
        flatten=FlattenSettings(flatten.participation, flatten.collar, flatten.slice_pause_ns, flatten.patience_ns),
    )


def _calendar(section: CalendarSection) -> Calendar:
    order: Mapping[Weekday, int] = {day: index for index, day in enumerate(Weekday)}
    return Calendar(
        section.timezone, section.close, frozenset(order[day] for day in section.days), frozenset(section.holidays)
    )
