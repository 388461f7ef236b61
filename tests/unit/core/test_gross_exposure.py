"""`max_gross_exposure`: in hedge mode both legs and everything that works, nothing netted, inclusive."""

from decimal import Decimal

from risksvc.core.denials import DenialReason
from risksvc.core.limits import Limit, LimitMode
from risksvc.core.outputs import NoticeKind
from risksvc.core.sizing import gross_value
from risksvc.core.types import Side
from risksvc.core.venue_events import Leg, SnapshotReceived, VenuePosition
from tests.unit.core.builders import World, given, reasons
from tests.unit.core.catalogue import ACCOUNT, BTC, D, feed, instrument, limit

GROSS = [DenialReason.MAX_GROSS_EXPOSURE]


def hedged(gross: Limit | None = None, *, hedge_mode: bool = True) -> World:
    """80,000 gross are allowed, and 50,000 net as ever."""
    world = given(instruments={BTC: instrument(max_gross_exposure=gross or limit(80_000))})
    world.apply(feed(hedge_mode=hedge_mode))
    return world


def open_leg(world: World, side: Side, quantity: str, leg: Leg) -> None:
    decision = world.check(world.order(side, quantity, 50_000))
    assert decision.approved, decision.denials
    world.fill(decision.client_order_id, side, quantity, 50_000, leg=leg)


def show(world: World, *, long: str, short: str) -> None:
    """A complete read that shows these legs."""
    row = VenuePosition(BTC, D(long) - D(short), long=D(long), short=D(short))
    began, now_ms = world.now + 1_000_000, world.now // 1_000_000
    world.apply(SnapshotReceived(ACCOUNT, began, now_ms - 10, now_ms, (row,), ()))


def test_both_legs_count_and_exactly_the_limit_passes() -> None:
    world = hedged()
    open_leg(world, Side.BUY, "0.8", Leg.LONG)
    open_leg(world, Side.SELL, "0.7", Leg.SHORT)
    assert gross_value(world.line()) == 75_000
    assert world.buy("0.1", 50_000).approved
    denied = world.buy("0.001", 50_000)
    assert reasons(denied) == GROSS
    assert (denied.denials[0].limit, denied.denials[0].observed) == (D(80_000), D(80_050))
    assert denied.denials[0].message == (
        "gross exposure of account main, instrument BTC/USDT:USDT would be 80050; the limit is 80000"
    )


def test_everything_that_works_counts_on_both_sides() -> None:
    world = hedged()
    assert world.buy("0.8", 50_000).approved
    assert world.sell("0.8", 50_000).approved
    assert reasons(world.sell("0.1", 50_000)) == GROSS


def test_it_trips_nothing_and_an_amended_order_counts_once() -> None:
    world = hedged()
    world.buy("0.8", 50_000, client_order_id="a")
    assert world.sell("0.7", 50_000, client_order_id="b").approved
    assert world.amend("b", Side.SELL, "0.8", 50_000).approved
    for _ in range(3):
        assert reasons(world.sell("0.1", 50_000)) == GROSS
    assert world.halts() == []


def test_a_reducing_order_passes() -> None:
    world = hedged()
    open_leg(world, Side.BUY, "0.8", Leg.LONG)
    open_leg(world, Side.SELL, "0.8", Leg.SHORT)
    show(world, long="0.8", short="0.8")
    assert world.sell("0.3", 50_000, reduce_only=True).approved


def test_while_ledger_and_venue_differ_the_larger_leg_counts() -> None:
    world = hedged()
    open_leg(world, Side.BUY, "0.4", Leg.LONG)
    show(world, long="0.5", short="0.2")
    assert world.line().drifting
    assert gross_value(world.line()) == Decimal(35_000)


def test_in_one_way_mode_there_is_nothing_to_add_up() -> None:
    world = hedged(limit(1), hedge_mode=False)
    assert world.buy("0.4", 50_000).approved


def test_in_shadow_mode_it_only_says_so() -> None:
    world = hedged(limit(10_000, mode=LimitMode.SHADOW))
    assert world.buy("0.4", 50_000).approved
    shadow = next(one for one in world.notices() if one.kind is NoticeKind.SHADOW_BREACH)
    assert shadow.name == "MAX_GROSS_EXPOSURE"
