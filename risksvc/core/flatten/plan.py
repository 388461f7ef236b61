"""How the next round of a flatten is cut, by the books: how much of each instrument, at which price. Changes nothing.

Rule 1: a slice takes at most `participation` percent of what the book shows close to its middle. Rule 2: a limit is the
furthest price that the slice should reach by the book now, so a book that thins out meanwhile fills less, and costs no
more. Rule 3: of linked instruments each round trades the same fraction, so that a hedge stays one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.flatten.events import FlattenStyle, Slice
from risksvc.core.flatten.exits import Exit
from risksvc.core.incident.exit_cost import DEPTH_WITHIN, Book, slice_quantity, slices, walk
from risksvc.core.types import ZERO, Instrument, Side

Books = Mapping[str, Book]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast and how far: percent of the depth per slice, percent from the mid, kind of order; hedges."""

    participation: Decimal
    collar: Decimal
    style: FlattenStyle
    linked: Sequence[Sequence[str]] = ()


@dataclass(frozen=True, slots=True)
class Round:
    """What may be sent now, and what stands in the way of the rest, in words by instrument."""

    slices: tuple[Slice, ...]
    problems: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Cut:
    """One side of one instrument: all that is wanted, and what one slice may take of it."""

    instrument: str
    side: Side
    wanted: Decimal
    quantity: Decimal


def wanted_by_side(exits: Sequence[Exit]) -> dict[tuple[str, Side], Decimal]:
    """The parts' exits added up: what is to be traded by instrument and side."""
    wanted: dict[tuple[str, Side], Decimal] = {}
    for one in exits:
        if one.quantity:
            key = one.instrument, one.side
            wanted[key] = wanted.get(key, ZERO) + one.quantity
    return wanted


def next_round(book: AccountBook, exits: Sequence[Exit], books: Books, pace: Pace) -> Round:
    """The next round, by these books; an instrument without one waits, and its hedge with it."""
    problems: dict[str, str] = {}
    cuts: list[_Cut] = []
    for (symbol, side), wanted in wanted_by_side(exits).items():
        quantity, problem = one_slice(book.instruments.get(symbol), books.get(symbol), side, pace)
        if problem:
            problems[symbol] = problem
        cuts.append(_Cut(symbol, side, wanted, min(wanted, quantity)))
    priced = (_priced(book, one, books, pace) for one in _in_step(book, cuts, pace.linked, problems))
    return Round(tuple(one for one in priced if one is not None), problems)


def one_slice(instrument: Instrument | None, book: Book | None, side: Side, pace: Pace) -> tuple[Decimal, str]:
    """How much one slice may be, and why none can be."""
    if instrument is None:
        return ZERO, "the venue does not list it"
    if book is None or book.mid is None:
        return ZERO, "its book could not be read, or has an empty side"
    if not book.depth(side, within=pace.collar):
        return ZERO, f"nothing stands within {pace.collar} % of the middle of its book"
    quantity = slice_quantity(
        book,
        side,
        participation=pace.participation,
        step=instrument.quantity_step,
        within=min(pace.collar, DEPTH_WITHIN),
    )
    return quantity, "" if quantity else "less than one step stands within the collar of its book"


def _in_step(
    book: AccountBook, cuts: Sequence[_Cut], linked: Sequence[Sequence[str]], problems: dict[str, str]
) -> list[_Cut]:
    """Cuts linked instruments down to the fraction of the slowest."""
    found: list[_Cut] = []
    for cut in cuts:
        legs = next((group for group in linked if cut.instrument in group), ())
        together = [one for one in cuts if one.instrument in legs]
        slowest = min(together, key=lambda one: one.quantity / one.wanted, default=cut)
        quantity = cut.quantity
        if slowest is not cut:
            quantity = _down(book.instruments.get(cut.instrument), cut.wanted * slowest.quantity / slowest.wanted)
        if slowest.instrument in problems and slowest.instrument != cut.instrument:
            problems.setdefault(cut.instrument, f"waits for {slowest.instrument}, which it is linked with")
        found.append(_Cut(cut.instrument, cut.side, cut.wanted, min(quantity, cut.quantity)))
    return found


def _down(instrument: Instrument | None, quantity: Decimal) -> Decimal:
    step = None if instrument is None else instrument.quantity_step
    return quantity if step is None else quantity // step * step


def _priced(book: AccountBook, cut: _Cut, books: Books, pace: Pace) -> Slice | None:
    if not cut.quantity:
        return None
    price = None
    if pace.style is FlattenStyle.LIMIT_IOC:
        price = limit_price(books[cut.instrument], cut.side, cut.quantity, book.instruments[cut.instrument])
    return Slice(cut.instrument, cut.side, cut.quantity, price)


def limit_price(book: Book, side: Side, quantity: Decimal, instrument: Instrument) -> Decimal:
    """The furthest price that this quantity reaches by the book, on the venue's tick, never further than that."""
    price = list(walk(book.facing(side), quantity))[-1].price
    tick = instrument.price_step
    if tick is None or not price % tick:
        return price
    return price // tick * tick + (tick if side is Side.SELL else ZERO)


def counted_slices(wanted: Decimal, each: Decimal, *, most: int) -> list[Decimal]:
    """The first slices that a quantity makes while the book stays as it is; empty: none can be sent.

    `most`: in a book that has all but emptied, a large position makes more slices than memory holds.
    """
    if each <= ZERO:
        return []
    whole, rest = slices(wanted, each)
    return [*[each] * min(whole, most), *([rest] if rest else [])][:most]
