"""A desk that announces its orders: what the tests of announcements start from."""

from typing import Any

from risksvc.core.events import OrderExpected
from risksvc.core.limits import StrategyInstrumentLimits
from risksvc.core.outputs import Decision, NoticeKind
from risksvc.core.reservations import Reservation
from risksvc.core.types import SECOND, Nanoseconds, Order, PositionRange, Side
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ALPHA, BTC, D, strategy

DESK = "desk"
INTENDED = StrategyInstrumentLimits(intended=PositionRange(D(-1), D(1)))
MINUTE = 60 * SECOND


def desk() -> World:
    """A gate with a desk, which is required to tell its belief like everybody, and never does."""
    rows = {ALPHA: strategy(), DESK: strategy(instruments={BTC: INTENDED})}
    return given(strategies=rows)


def ask(world: World, order: Order, *, valid_for: Nanoseconds = MINUTE, named: bool = False) -> Decision:
    return world.one(world.apply(OrderExpected(order, "olga", "a hedge", valid_for, named)), Decision)


def announce(
    world: World,
    id_: str,
    side: Side,
    quantity: str,
    *,
    price: int | None = 50_000,
    **rest: Any,  # noqa: ANN401
) -> Reservation:
    named = rest.pop("named", False)
    order = world.order(side, quantity, price, client_order_id=id_, strategy=DESK, **rest)
    decision = ask(world, order, named=named)
    assert decision.approved, decision.denials
    reservation = world.reservation(id_)
    assert reservation is not None
    return reservation


def suspected(world: World) -> list[str]:
    return [one.divergence.value for one in world.line().suspicions.values()]


def ended(world: World) -> list[str]:
    return [one.message for one in world.notices() if one.kind is NoticeKind.RESERVATION_ENDED]
