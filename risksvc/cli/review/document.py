"""A report before it is written down: sections of blocks, the same for markdown and HTML. Plain text everywhere.

Nothing here is escaped: whoever writes a block down escapes everything in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from risksvc.core.types import Nanoseconds


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Some sentences. `strong`: the one thing that must not be missed."""

    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Formulas:
    """Lines that stay as they are, aligned as they were written."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. `numbers`: how many of the last columns hold figures; `total`: the last row is a sum."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: int = 0
    total: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: times and values. `step`: the value holds until the next time."""

    name: str
    points: Sequence[tuple[Nanoseconds, Decimal]]
    step: bool = True


@dataclass(frozen=True, slots=True)
class Moment:
    """A time that a chart marks."""

    at: Nanoseconds
    name: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart; `says`: what it shows, in words, for those who can't see it. `unit`: of the values."""

    title: str
    says: str
    unit: str
    series: tuple[Series, ...]
    start: Nanoseconds
    end: Nanoseconds
    moments: tuple[Moment, ...] = ()


Block = Paragraph | Bullets | Formulas | Grid | Chart


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what is below it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report. `headline` is the number in words."""

    title: str
    headline: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...] = field(default_factory=tuple)
