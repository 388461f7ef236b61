"""A plan's legs: each part's way out with its slices, and what it is estimated to cost by the books as they are now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.flatten.events import FlattenRequested, Slice
from risksvc.core.flatten.exits import Exit
from risksvc.core.flatten.plan import Pace, counted_slices, next_round, wanted_by_side
from risksvc.core.incident.exit_cost import Book, cost_now, cost_sliced
from risksvc.core.types import ZERO, Side, plain
from risksvc.v1 import incident_pb2 as pb
from risksvc.v1 import types_pb2

SHOWN_SLICES = 100
CENTS = Decimal("0.01")
_SIDES = {Side.BUY: types_pb2.SIDE_BUY, Side.SELL: types_pb2.SIDE_SELL}


@dataclass(frozen=True, slots=True)
class _Costs:
    """Of one side of one instrument, whole; None: can't be estimated, or the book does not take all of it."""

    wanted: Decimal
    sliced: Decimal | None
    at_once: Decimal | None
    beyond: Decimal


def legs(
    book: AccountBook, ways: Sequence[Exit], asked: FlattenRequested, books: Mapping[str, Book]
) -> Iterator[pb.FlattenLeg]:
    """Every part of the plan, in the order in which it would be traded."""
    pace = Pace(asked.participation, asked.collar, asked.style, asked.linked)
    cut = next_round(book, ways, books, pace)
    first = {(one.instrument, one.side): one for one in cut.slices}
    costs = {
        key: _costs(book, key, wanted, of=books.get(key[0]), first=first.get(key))
        for key, wanted in wanted_by_side(ways).items()
    }
    traded = list(dict.fromkeys(one.instrument for one in ways))
    for one in ways:
        key = one.instrument, one.side
        linked = next((group for group in asked.linked if one.instrument in group), ())
        yield _leg(
            asked.scope.account,
            one,
            cut=first.get(key),
            costs=costs.get(key),
            linked=[each for each in linked if each in traded and each != one.instrument],
            problem=cut.problems.get(one.instrument, "") or _too_small(book, one),
        )


def _too_small(book: AccountBook, way: Exit) -> str:
    if way.quantity:
        return ""
    instrument = book.instruments.get(way.instrument)
    step = None if instrument is None else instrument.quantity_step
    if step is not None and way.left < step:
        return f"below the venue's step {plain(step)}: no order can trade it"
    return "nothing of it can be traded: the account holds less on this side, or the position is not certain"


def _costs(
    book: AccountBook, key: tuple[str, Side], wanted: Decimal, *, of: Book | None, first: Slice | None
) -> _Costs:
    symbol, side = key
    instrument = book.instruments.get(symbol)
    rate = None if instrument is None else book.rate(instrument)
    if of is None or instrument is None or rate is None:
        return _Costs(wanted, None, None, ZERO)
    now = cost_now(of, side, wanted, instrument=instrument, rate=rate)
    each = ZERO if first is None else first.quantity
    sliced = cost_sliced(of, side, wanted, each=each, instrument=instrument, rate=rate)
    whole = sliced is not None and not sliced.beyond
    return _Costs(
        wanted,
        sliced.cost if sliced is not None and whole else None,
        None if now is None else now.cost,
        ZERO if now is None else now.beyond,
    )


def _leg(
    account: str, way: Exit, *, cut: Slice | None, costs: _Costs | None, linked: Sequence[str], problem: str
) -> pb.FlattenLeg:
    cuts = counted_slices(way.quantity, ZERO if cut is None else cut.quantity, most=SHOWN_SLICES)
    return pb.FlattenLeg(
        account=account,
        instrument=way.instrument,
        strategy=way.strategy,
        side=_SIDES[way.side],
        position=plain(way.position),
        target=plain(way.target),
        quantity=plain(way.quantity),
        slices=[plain(one) for one in cuts],
        limit_price="" if cut is None or cut.limit_price is None else plain(cut.limit_price),
        cost="" if costs is None else _share(costs.sliced, way, costs),
        cost_at_once="" if costs is None else _share(costs.at_once, way, costs),
        linked_with=linked,
        problem=problem or _beyond(costs),
    )


def _beyond(costs: _Costs | None) -> str:
    if costs is None or not costs.beyond:
        return ""
    return f"at once, the book would not take {plain(costs.beyond)} of it: its cost at once is more than shown"


def _share(cost: Decimal | None, way: Exit, costs: _Costs) -> str:
    """A part's share of what its instrument costs; to the cent, since it is an estimate."""
    if cost is None or not costs.wanted:
        return ""
    return plain((cost * way.quantity / costs.wanted).quantize(CENTS))
