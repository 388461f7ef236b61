"""ccxt's order books -> the core's: quantities in the order unit, the best price first.

Pure, and never imports ccxt. ccxt hands a book on as the venue writes it, in whichever order: with numbers as text it
sorts by text, "99" behind "101", so it is sorted anew here. A level that can't be read, or a crossed book, is refused.

Almost every venue counts its book in what an order's amount counts: contracts for derivatives, base units for spot.
`quirks.book_unit` says where that is otherwise.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from risksvc.core.incident.exit_cost import Book, Level
from risksvc.core.types import ZERO, Instrument, InstrumentKind, MalformedInputError
from risksvc.venue.quirks import Quirks
from risksvc.venue.rows import Row, RowReader, UnreadableRowError, rounded

_WHAT = "book"


def normalise_book(row: Row, *, instrument: Instrument, quirks: Quirks) -> Book:
    """Read one order book; raises UnreadableRowError."""
    read = {side: _levels(row.get(side), instrument, quirks) for side in ("bids", "asks")}
    try:
        return Book(
            bids=tuple(sorted(read["bids"], key=_price, reverse=True)), asks=tuple(sorted(read["asks"], key=_price))
        )
    except MalformedInputError as error:
        raise UnreadableRowError(_WHAT, instrument.symbol, error.problem) from None


def _price(level: Level) -> Decimal:
    return level.price


def _levels(levels: object, instrument: Instrument, quirks: Quirks) -> list[Level]:
    if not isinstance(levels, Sequence) or isinstance(levels, str):
        raise UnreadableRowError(_WHAT, instrument.symbol, f"a side is {str(levels)[:40]!r}, not a list of levels")
    read = (_level(level, instrument, quirks) for level in levels)
    return [level for level in read if level.quantity > ZERO]  # an empty level is how some venues take one away


def _level(level: object, instrument: Instrument, quirks: Quirks) -> Level:
    if not isinstance(level, Sequence) or isinstance(level, str) or len(level) < 2:  # noqa: PLR2004 - price and amount
        raise UnreadableRowError(_WHAT, instrument.symbol, f"a level is {str(level)[:40]!r}, not a price and an amount")
    reader = RowReader({"symbol": instrument.symbol, "price": level[0], "amount": level[1]}, _WHAT)
    price, amount = reader.positive("price"), reader.exact("amount")
    if amount is None or amount < ZERO:
        raise reader.refuse(f"a level's amount is {level[1]!r}; 0 or above is needed")
    convert = _UNITS.get(quirks.book_unit)
    return Level(price, amount if convert is None else rounded(convert(amount, price, instrument)))


def _from_base(amount: Decimal, price: Decimal, instrument: Instrument) -> Decimal:
    """An inverse contract is worth quote units, every other one base units."""
    if instrument.kind is InstrumentKind.INVERSE:
        return amount * price / instrument.contract_size
    return amount / instrument.contract_size


def _from_quote(amount: Decimal, price: Decimal, instrument: Instrument) -> Decimal:
    return _from_base(amount / price, price, instrument)


# By `quirks.book_unit`; "order" needs no conversion.
_UNITS: Mapping[str, Callable[[Decimal, Decimal, Instrument], Decimal]] = {"base": _from_base, "quote": _from_quote}
