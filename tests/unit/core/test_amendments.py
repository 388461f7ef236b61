"""Replacing orders: an amendment reserves the larger of all that the venue may have, a cancel-replace both."""

from decimal import Decimal

from risksvc.core.denials import DenialReason
from risksvc.core.events import OrderReport
from risksvc.core.reservations import ReservationStatus
from risksvc.core.types import SECOND, Order, OrderType, ReplaceMode, Side
from risksvc.core.venue_events import VenueStatus
from tests.unit.core.builders import World, given, reasons
from tests.unit.core.catalogue import ALPHA, BETA, BTC, ETH, D

UNKNOWN = DenialReason.REPLACED_ORDER_UNKNOWN


def working() -> World:
    """Buy 0.5 at 50,000 rests under "a"."""
    world = given()
    assert world.buy("0.5", 50_000, client_order_id="a").approved
    world.read([world.row("a", Side.BUY, "0.5", 50_000, venue_order_id="v1")])
    return world


def reserved(world: World) -> Decimal:
    return world.line().working.buy


def show(world: World, quantity: str, price: int = 50_000, *, later: float = 2, filled: str = "0") -> None:
    world.wait(later, fresh=False)
    world.read([world.row("a", Side.BUY, quantity, price, venue_order_id="v1", filled=filled)])


def test_an_amendment_reserves_the_larger_until_the_venue_shows_it() -> None:
    world = working()
    assert world.amend("a", Side.BUY, "0.2", 50_000, client_order_id="b").approved
    assert reserved(world) == D("0.5")
    show(world, "0.2")
    assert reserved(world) == D("0.2")
    assert world.reservation("b") is world.reservation("a")


def test_an_amendment_upwards_reserves_at_once_and_keeps_it_until_it_can_not_come_any_more() -> None:
    world = working()
    assert world.amend("a", Side.BUY, "0.8", 50_000).approved
    assert reserved(world) == D("0.8")
    show(world, "0.5", later=1)
    assert reserved(world) == D("0.8")
    show(world, "0.5", later=1)
    assert reserved(world) == D("0.5")


def test_the_window_of_an_amendment_is_inclusive() -> None:
    world = working()
    decision = world.amend("a", Side.BUY, "0.8", 50_000)
    row = world.row("a", Side.BUY, "0.5", 50_000, venue_order_id="v1")
    world.read([row], as_of=decision.valid_until + SECOND)
    assert reserved(world) == D("0.8")
    world.read([row], as_of=decision.valid_until + SECOND + 1)
    assert reserved(world) == D("0.5")


def test_the_larger_price_counts_as_well() -> None:
    world = working()
    world.amend("a", Side.BUY, "0.5", 51_000)
    assert world.book.total == 25_500
    world.amend("a", Side.BUY, "0.5", 40_000)
    assert world.book.total == 25_500
    show(world, "0.5", 51_000)
    assert world.book.total == 25_500
    world.amend("a", Side.BUY, "0.5", 40_000)
    show(world, "0.5", 40_000)
    assert world.book.total == 25_000


def test_an_amendment_has_its_own_answer_and_its_own_id() -> None:
    world = working()
    first = world.amend("a", Side.BUY, "0.6", 50_000, client_order_id="b")
    again = Order(
        "main", ALPHA, "b", BTC, Side.BUY, OrderType.LIMIT, D("0.6"), D(50_000),
        replaces="a", replace_mode=ReplaceMode.AMEND,
    )  # fmt: skip
    assert world.check(again) == first
    assert world.buy("0.5", 50_000, client_order_id="b").denials[0].reason is DenialReason.CLIENT_ORDER_ID_REUSED


def test_an_amendment_of_an_amendment_names_either_id() -> None:
    world = working()
    world.amend("a", Side.BUY, "0.6", 50_000, client_order_id="b")
    assert world.amend("b", Side.BUY, "0.7", 50_000, client_order_id="c").approved
    assert reserved(world) == D("0.7")
    assert world.book.live() == [world.reservation("a")]


def test_fills_count_under_any_of_its_ids_and_it_ends_under_all() -> None:
    world = working()
    world.amend("a", Side.BUY, "0.6", 50_000, client_order_id="b")
    world.fill("b", Side.BUY, "0.4")
    assert reserved(world) == D("0.2")
    world.fill("a", Side.BUY, "0.2")
    assert world.reservation("a") is world.reservation("b") is None
    assert world.position() == D("0.6")


def test_what_has_filled_is_taken_off_the_amended_quantity() -> None:
    world = working()
    world.fill("a", Side.BUY, "0.3", venue_order_id="v1")
    world.amend("a", Side.BUY, "0.4", 50_000)
    assert reserved(world) == D("0.2")
    show(world, "0.4", filled="0.3")
    assert reserved(world) == D("0.1")


def test_an_amendment_over_the_limit_is_denied_and_leaves_the_order_as_it_is() -> None:
    world = working()
    assert reasons(world.amend("a", Side.BUY, "1.001", 50_000)) == [DenialReason.MAX_NET_EXPOSURE]
    assert reserved(world) == D("0.5")
    assert world.reservation("a") is not None


def test_exactly_the_limit_passes_since_the_old_order_is_part_of_it() -> None:
    assert working().amend("a", Side.BUY, 1, 50_000).approved


def test_what_can_not_be_amended() -> None:
    for change in (
        {"side": Side.SELL},
        {"type": OrderType.MARKET, "limit_price": None},
        {"reduce_only": True},
        {"strategy": BETA},
        {"instrument": ETH},
        {"replaces": "nothing"},
    ):
        world = working()
        chosen = {
            "account": "main", "strategy": ALPHA, "client_order_id": "b", "instrument": BTC, "side": Side.BUY,
            "type": OrderType.LIMIT, "quantity": D("0.1"), "limit_price": D(50_000), "replaces": "a",
            "replace_mode": ReplaceMode.AMEND,
        } | change  # fmt: skip
        assert UNKNOWN in reasons(world.check(Order(**chosen))), change  # type: ignore[arg-type]
        assert reserved(world) == D("0.5")


def test_a_finished_order_can_not_be_amended_even_while_its_fills_are_awaited() -> None:
    world = working()
    world.look_up(world.row("a", Side.BUY, "0.5", 50_000, status=VenueStatus.CANCELLED, filled="0.1"))
    assert UNKNOWN in reasons(world.amend("a", Side.BUY, "0.6", 50_000))
    world.fill("a", Side.BUY, "0.1")
    assert UNKNOWN in reasons(world.amend("a", Side.BUY, "0.6", 50_000))


def test_an_amended_reducing_order_stays_clamped() -> None:
    world = given()
    world.hold("h", "0.5")
    world.sell("0.3", 50_000, reduce_only=True, client_order_id="r")
    assert reasons(world.amend("r", Side.SELL, "0.6", 50_000, reduce_only=True)) == [DenialReason.NOT_REDUCING]
    assert world.amend("r", Side.SELL, "0.5", 50_000, reduce_only=True).approved
    assert world.line().working.reduce_sell == D("0.5")


def test_never_sent_of_an_amendment_says_nothing_of_the_order() -> None:
    world = given()
    world.buy("0.5", 50_000, client_order_id="a")
    world.report("a", OrderReport.SENT)
    world.amend("a", Side.BUY, "0.6", 50_000, client_order_id="b")
    world.report("b", OrderReport.NEVER_SENT)
    found = world.reservation("a")
    assert found is not None
    assert found.status is ReservationStatus.SENT
    world.wait(5, fresh=False)
    world.tick()
    assert reserved(world) == D("0.6")


def test_a_rejected_amendment_leaves_the_order_that_the_venue_still_shows() -> None:
    world = working()
    world.amend("a", Side.BUY, "0.6", 50_000, client_order_id="b")
    world.report("b", OrderReport.REJECTED)
    show(world, "0.5")
    found = world.reservation("a")
    assert found is not None
    assert found.status is ReservationStatus.ACKNOWLEDGED
    assert reserved(world) == D("0.5")


def test_a_venue_that_gives_an_amended_order_a_new_id_is_followed() -> None:
    world = working()
    world.amend("a", Side.BUY, "0.6", 50_000)
    world.read([world.row("a", Side.BUY, "0.6", 50_000, venue_order_id="v2")])
    assert world.halts() == []
    world.fill("", Side.BUY, "0.1", venue_order_id="v1")
    world.fill("", Side.BUY, "0.5", venue_order_id="v2")
    assert world.position() == D("0.6")
    assert world.book.by_venue_id == {}


def test_a_market_order_can_be_amended_in_quantity() -> None:
    world = given()
    world.buy("0.2", client_order_id="m")
    order = world.order(Side.BUY, "0.3", replaces="m", replace_mode=ReplaceMode.AMEND)
    assert world.check(order).approved
    assert world.book.total == 15_750


# -- cancel-replace -----------------------------------------------------------------------------------------------


def test_a_cancel_replace_reserves_both_until_the_old_one_is_final() -> None:
    world = working()
    assert world.buy("0.4", 50_000, replaces="a", client_order_id="b").approved
    assert reserved(world) == D("0.9")
    assert reasons(world.buy("0.4", 50_000, replaces="b")) == [DenialReason.HEADROOM_RESERVED]
    world.look_up(world.row("a", Side.BUY, "0.5", 50_000, status=VenueStatus.CANCELLED))
    assert reserved(world) == D("0.4")


def test_an_order_that_has_ended_already_may_be_named_as_the_one_replaced() -> None:
    world = working()
    world.look_up(world.row("a", Side.BUY, "0.5", 50_000, status=VenueStatus.CANCELLED))
    assert world.buy("0.4", 50_000, replaces="a").approved
    assert UNKNOWN in reasons(world.buy("0.4", 50_000, replaces="a", strategy=BETA))


def test_a_market_maker_that_requotes_does_not_pile_reservations_up() -> None:
    world = given()
    before = ""
    for number in range(200):
        id_ = f"q{number}"
        assert world.buy("0.3", 49_900, client_order_id=id_).approved
        world.report(id_, OrderReport.SENT)
        world.report(id_, OrderReport.ACKNOWLEDGED, venue_id=f"v{number}")
        if before:
            world.report(before, OrderReport.CANCELLED)
            row = world.row(before, Side.BUY, "0.3", 49_900, status=VenueStatus.CANCELLED)
            world.look_up(row)
        before = id_
        world.wait(0.1, fresh=number % 10 == 0)
    assert len(world.book.live()) == 1
    assert world.halts() == []
    assert len(world.book.by_venue_id) == 1
