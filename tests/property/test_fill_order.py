"""Property: fills count once, whatever the order, the repeats and the way in which they are told.

One account with approved orders; the venue fills some of them. The same fills are told in time order once, and in any
order with repeats, by the feed (with or without client order id), and by strategies before or after it: ledger,
attribution and reservations come out the same, and nothing that was reported is left waiting.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from risksvc.core.events import FillReported, OrderReport
from risksvc.core.types import Side
from risksvc.core.venue_events import Fill, FillsReceived
from tests.unit.core.builders import World
from tests.unit.core.builders import given as open_gate
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, ETH, MARKS, D, instrument, limit

LOT = D("0.01")
AMPLE = limit(10**6)


class Approved(NamedTuple):
    """An order, and the parts (in lots) that the venue fills of it; the order is for `rest` lots more."""

    strategy: str
    instrument: str
    side: Side
    parts: list[int]
    rest: int


class Telling(NamedTuple):
    """How one fill is told."""

    fill: int
    by_strategy: bool
    with_client_id: bool


APPROVED = st.builds(
    Approved,
    st.sampled_from((ALPHA, BETA)),
    st.sampled_from((BTC, ETH)),
    st.sampled_from(Side),
    st.lists(st.integers(1, 4), max_size=3),
    st.integers(0, 2),
)


def lot(symbol: str) -> Decimal:
    return LOT if symbol == BTC else D(1)


def world_of(orders: list[Approved]) -> World:
    """A gate that has approved them, and knows the venue's ids."""
    world = open_gate(total=AMPLE, instruments={ETH: instrument(max_net_exposure=AMPLE)})
    for index, one in enumerate(orders):
        quantity = lot(one.instrument) * (sum(one.parts) + one.rest)
        if not quantity:
            continue
        order = world.order(
            one.side,
            quantity,
            MARKS[one.instrument],
            instrument=one.instrument,
            strategy=one.strategy,
            client_order_id=f"id{index}",
        )
        assert world.check(order).approved
        world.report(f"id{index}", OrderReport.ACKNOWLEDGED, strategy=one.strategy, venue_id=f"v{index}")
    return world


def fills_of(world: World, orders: list[Approved]) -> list[tuple[str, Fill]]:
    made: list[tuple[str, Fill]] = []
    for index, one in enumerate(orders):
        for part in one.parts:
            fill = world.make_fill(
                f"id{index}",
                one.side,
                lot(one.instrument) * part,
                instrument=one.instrument,
                trade_id=f"t{len(made)}",
                venue_order_id=f"v{index}",
                venue_time_ms=1_800_000_000_000 + len(made),
            )
            made.append((one.strategy, fill))
    return made


def tell(world: World, strategy: str, fill: Fill, how: Telling) -> None:
    if how.by_strategy:
        world.apply(FillReported(ACCOUNT, strategy, fill))
    else:
        world.apply(FillsReceived(ACCOUNT, (fill if how.with_client_id else replace(fill, client_order_id=""),)))


def books(world: World) -> dict[str, Any]:
    """All that fills bring about."""
    book = world.book
    return {
        "total": book.total,
        "strategies": {name: (one.total, one.held) for name, one in sorted(book.strategies.items())},
        "reservations": {id_: (one.filled, one.remaining, one.at_venue) for id_, one in book.reservations.items()},
        "finished": {id_: one.unfilled for id_, one in sorted(book.finished.items())},
        "halts": world.triggers(),
        "lines": {
            key: (
                line.ledger,
                line.low,
                line.high,
                line.adopted,
                sorted(line.unexplained),
                line.overfilled,
                line.working,
                line.worst,
                {name: (part.position, part.working, part.worst) for name, part in sorted(line.strategies.items())},
                sorted(fill.trade_id for fill in line.recent),
                sorted(line.reported),
            )
            for key, line in sorted(book.lines.items())
        },
    }


@st.composite
def tellings(draw: st.DrawFn) -> tuple[list[Approved], list[Telling]]:
    """Orders, and every fill of them told by the feed at least once, in any order, some again or by the strategy."""
    orders = draw(st.lists(APPROVED, min_size=1, max_size=3))
    count = sum(len(one.parts) for one in orders)
    again = draw(st.lists(st.integers(0, count - 1), max_size=4)) if count else []
    told = [*((index, False) for index in range(count)), *((index, draw(st.booleans())) for index in again)]
    return orders, [
        Telling(index, by_strategy, draw(st.booleans())) for index, by_strategy in draw(st.permutations(told))
    ]


@given(tellings())
def test_fills_give_the_same_books_in_any_order_and_as_often_as_told(
    case: tuple[list[Approved], list[Telling]],
) -> None:
    orders, how = case
    plain, shuffled = world_of(orders), world_of(orders)
    fills = fills_of(plain, orders)
    for _, fill in fills:
        plain.tell(fill)
    for one in how:
        tell(shuffled, *fills[one.fill], one)

    assert books(shuffled) == books(plain)


@given(tellings())
def test_fills_told_at_once_or_again_after_all_change_nothing_more(
    case: tuple[list[Approved], list[Telling]],
) -> None:
    orders, how = case
    world = world_of(orders)
    fills = fills_of(world, orders)
    world.tell(*(fills[one.fill][1] for one in how))
    before = books(world)
    world.tell(*(fill for _, fill in fills))
    for one in how:
        tell(world, *fills[one.fill], one)

    assert books(world) == before
    for key, line in world.book.lines.items():
        mine = [fill.quantity * fill.side.sign for _, fill in fills if fill.instrument == key]
        assert line.ledger == sum(mine)
