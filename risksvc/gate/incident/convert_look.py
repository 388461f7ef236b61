"""A venue feed's assessment, from wire to core. What can't be read makes a look incomplete, never shorter.

Unlike a complete read it is for people first: a row that can't be read becomes a problem that is shown, beside the rows
that can.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from risksvc.core.incident.exit_cost import Book, Level
from risksvc.core.incident.venue_look import AGE_UNKNOWN, Market, VenueLook
from risksvc.core.types import MalformedInputError, parse_positive
from risksvc.gate import convert, convert_feed
from risksvc.v1 import venue_pb2

MAX_PROBLEMS = 100
MAX_PROBLEM = 500

_Row = TypeVar("_Row")
_Read = TypeVar("_Read")


def venue_look(message: venue_pb2.FeedAssessment) -> VenueLook:
    """What the feed found; never raises."""
    problems = [convert.one_line(one)[:MAX_PROBLEM] for one in message.problems[:MAX_PROBLEMS]]
    said = len(problems)
    positions = tuple(_each(message.positions, convert_feed.position, "assessment.positions", problems))
    orders = tuple(_each(message.open_orders, convert_feed.open_order, "assessment.open_orders", problems))
    twice = len(positions) - len({one.key for one in positions})
    if twice:
        problems.append(f"positions: {twice} instruments are listed twice")
    whole = len(problems) == said
    markets = dict(_each(message.books, _market, "assessment.books", problems))
    return VenueLook(positions, orders, markets, tuple(problems), complete=message.complete and whole)


def _each(rows: Iterable[_Row], read: Callable[[_Row, str], _Read], field: str, problems: list[str]) -> Iterable[_Read]:
    for index, row in enumerate(rows):
        try:
            yield read(row, f"{field}[{index}]")
        except MalformedInputError as error:
            problems.append(str(error))


def _market(one: venue_pb2.FeedBook, field: str) -> tuple[str, Market]:
    symbol = convert.name(one.instrument, field=f"{field}.instrument")
    market = Market(
        book=_book(one, field) if one.bids or one.asks else None,
        mark=convert.optional_positive(one.mark, field=f"{field}.mark"),
        mark_age_ms=one.mark_age_ms if one.mark and one.mark_age_ms >= 0 else AGE_UNKNOWN,
    )
    return symbol, market


def _book(one: venue_pb2.FeedBook, field: str) -> Book:
    return Book(
        bids=tuple(_level(level, f"{field}.bids[{i}]") for i, level in enumerate(one.bids)),
        asks=tuple(_level(level, f"{field}.asks[{i}]") for i, level in enumerate(one.asks)),
    )


def _level(level: venue_pb2.BookLevel, field: str) -> Level:
    return Level(
        parse_positive(level.price, field=f"{field}.price"), parse_positive(level.quantity, field=f"{field}.quantity")
    )
