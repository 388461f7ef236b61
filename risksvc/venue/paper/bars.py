"""Reading 1-minute bars from CSV: columns timestamp, open, high, low, close, volume, in UTC.

The only file access of the paper venue. A bad line is refused with file, line and what is allowed; nothing is guessed
or skipped.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Final

from risksvc.core.types import MalformedInputError, parse_decimal
from risksvc.venue.paper.prices import Bar

COLUMNS: Final = ("timestamp", "open", "high", "low", "close", "volume")
# A year of minutes is about half a million rows: beyond it the file is a mistake, or wants cutting.
MAX_ROWS: Final = 600_000


def load_bars(path: Path) -> tuple[Bar, ...]:
    """Read all bars of `path`, oldest first; raise ValueError with file and line for what is malformed."""
    with path.open(encoding="utf-8", newline="") as handle:
        bars = tuple(_bars(path, csv.DictReader(handle)))
    if not bars:
        raise ValueError(f"{path}: holds no bars; expected a header line {','.join(COLUMNS)} and one line a minute")
    for number, (before, after) in enumerate(pairwise(bars), start=3):
        if after.start_ms <= before.start_ms:
            raise ValueError(f"{path}:{number}: timestamps must rise from line to line")
    return bars


def _bars(path: Path, reader: "csv.DictReader[str]") -> Iterator[Bar]:
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise ValueError(f"{path}:1: column {missing[0]!r} is missing; expected {','.join(COLUMNS)}")
    for row in reader:
        if reader.line_num > MAX_ROWS:
            raise ValueError(f"{path}: more than {MAX_ROWS} lines; cut the file")
        try:
            yield _bar(row)
        except (MalformedInputError, ValueError, TypeError) as error:
            raise ValueError(f"{path}:{reader.line_num}: {error}") from error


def _bar(row: Mapping[str, str]) -> Bar:
    opened, high, low, close = (_price(row, name) for name in ("open", "high", "low", "close"))
    if not low <= min(opened, close) <= max(opened, close) <= high:
        raise ValueError("open and close must lie between low and high")
    return Bar(start_ms=_milliseconds(row["timestamp"]), open=opened, high=high, low=low, close=close)


def _price(row: Mapping[str, str], name: str) -> Decimal:
    price = parse_decimal(row[name], field=name)
    if price <= 0:
        raise ValueError(f"{name} must be above zero")
    return price


def _milliseconds(text: str) -> int:
    """Read `2022-01-10 00:00:00` (UTC, or with an offset) or a number of seconds or milliseconds since the epoch."""
    if text.isascii() and text.isdigit():
        number = int(text)
        return number if number >= 10**11 else number * 1_000
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return int(moment.timestamp()) * 1_000


def csv_options(pairs: Iterable[str]) -> dict[str, Path]:
    """Read `SYMBOL=path` options as they come from a command line; raise ValueError for one that lacks a part."""
    options: dict[str, Path] = {}
    for pair in pairs:
        symbol, _, path = pair.partition("=")
        if not symbol or not path:
            raise ValueError(f"{pair!r}: expected SYMBOL=path, for example BTCUSDT=bars.csv")
        options[symbol] = Path(path)
    return options
