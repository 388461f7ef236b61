"""How orders trade, rest and end."""

import pytest

from risksvc.venue.paper.depth import DepthProfile
from risksvc.venue.paper.engine import Rules
from risksvc.venue.paper.errors import VenueError
from risksvc.venue.paper.orders import Ending, OrderStatus, TimeInForce
from tests.unit.venue.paper.builders import D, Venue


def test_a_market_order_walks_the_depth_in_several_fills() -> None:
    venue = Venue()
    order = venue.order("Buy", "5")
    assert [(str(fill.price), str(fill.qty)) for fill in order.fills] == [
        ("50005.0", "1.999"),
        ("50010.0", "1.999"),
        ("50015.0", "1.002"),
    ]
    assert order.status is OrderStatus.FILLED
    assert [fill.is_maker for fill in order.fills] == [False] * 3
    assert venue.held() == 5


def test_all_fills_of_one_event_and_the_position_share_a_sequence() -> None:
    venue = Venue()
    first, second = venue.order("Buy", "3"), venue.order("Buy", "0.001")
    assert {fill.seq for fill in first.fills} == {1}
    assert {fill.seq for fill in second.fills} == {2}
    assert venue.account.position("BTCUSDT").seq == 2


def test_what_was_taken_stays_taken_until_the_next_step() -> None:
    venue = Venue()
    assert venue.order("Buy", "1.999").average_price == 50005
    assert venue.order("Buy", "1").average_price == 50010
    venue.wait()
    assert venue.order("Buy", "1").average_price == 50005


@pytest.mark.parametrize(
    ("partial_end", "expected"),
    [
        (OrderStatus.CANCELLED, OrderStatus.CANCELLED),
        (OrderStatus.PARTIALLY_FILLED_CANCELED, OrderStatus.PARTIALLY_FILLED_CANCELED),
    ],
)
def test_a_market_order_beyond_the_depth_ends_partly_filled(partial_end: OrderStatus, expected: OrderStatus) -> None:
    venue = Venue(rules=Rules(partial_end=partial_end))
    order = venue.order("Sell", "20")
    assert order.status is expected
    assert order.filled == D("6.000")
    assert order.ending is Ending.NOT_ENOUGH_DEPTH
    assert venue.held() == -6


def test_an_empty_depth_fills_nothing() -> None:
    venue = Venue()
    venue.engine.set_depth("BTCUSDT", DepthProfile(levels=0), now_ms=venue.now_ms)
    order = venue.order("Buy", "1")
    assert (order.status, order.filled) == (OrderStatus.CANCELLED, D(0))


TIMES_IN_FORCE = [
    # time in force, price, quantity, status, filled, why it ended
    (TimeInForce.GTC, "49000", "1", OrderStatus.NEW, "0", Ending.NONE),
    (TimeInForce.GTC, "50005", "1", OrderStatus.FILLED, "1", Ending.NONE),
    (TimeInForce.GTC, "50005", "3", OrderStatus.PARTIALLY_FILLED, "1.999", Ending.NONE),
    (TimeInForce.IOC, "49000", "1", OrderStatus.CANCELLED, "0", Ending.NOT_ENOUGH_DEPTH),
    (TimeInForce.IOC, "50005", "3", OrderStatus.CANCELLED, "1.999", Ending.NOT_ENOUGH_DEPTH),
    (TimeInForce.FOK, "50010", "3", OrderStatus.FILLED, "3", Ending.NONE),
    (TimeInForce.FOK, "50005", "3", OrderStatus.CANCELLED, "0", Ending.NOT_ENOUGH_DEPTH),
    (TimeInForce.POST_ONLY, "50004.9", "1", OrderStatus.NEW, "0", Ending.NONE),
    (TimeInForce.POST_ONLY, "50005", "1", OrderStatus.CANCELLED, "0", Ending.POST_ONLY),
]


@pytest.mark.parametrize(("time_in_force", "price", "qty", "status", "filled", "ending"), TIMES_IN_FORCE)
def test_a_limit_order_follows_its_time_in_force(
    *, time_in_force: TimeInForce, price: str, qty: str, status: OrderStatus, filled: str, ending: Ending
) -> None:
    order = Venue().order("Buy", qty, price, time_in_force=time_in_force)
    assert (order.status, order.filled, order.ending) == (status, D(filled), ending)


def test_a_resting_order_fills_at_its_own_price_when_the_price_reaches_it() -> None:
    venue = Venue()
    order = venue.order("Buy", "1", "49500")
    venue.price("49500")
    assert not order.filled, "the ask is still above"
    venue.price("49400")
    assert order.status is OrderStatus.FILLED
    assert [(fill.price, fill.is_maker) for fill in order.fills] == [(D(49500), True)]


def test_a_large_resting_order_fills_step_by_step_as_far_as_the_depth_goes() -> None:
    venue = Venue()
    order = venue.order("Sell", "10", "50010")
    venue.price("50021")
    assert (order.status, order.filled) == (OrderStatus.PARTIALLY_FILLED, D("3.998")), "two bids at 50010 or better"
    venue.wait()
    assert order.filled == D("7.996")
    venue.wait()
    assert order.status is OrderStatus.FILLED


def test_the_better_price_fills_first_then_the_older_order() -> None:
    venue = Venue()
    late = venue.order("Buy", "1.5", "49000")
    best = venue.order("Buy", "1.5", "49010")
    last = venue.order("Buy", "1.5", "49000")
    venue.price("48996")  # asks at 49000.9, 49005.8, 49010.7: only the best order is reached, by one level
    assert [order.filled for order in (late, best, last)] == [0, D("1.5"), 0]
    venue.price("48995")  # asks from 48999.9 on: 2.04 at 49000 or better
    assert late.status is OrderStatus.FILLED
    assert last.status is OrderStatus.PARTIALLY_FILLED


def test_a_resting_order_fills_while_nobody_asks_only_when_time_moves() -> None:
    venue = Venue()
    order = venue.order("Buy", "1", "49990")
    venue.engine.set_price("BTCUSDT", None, hold=False, now_ms=venue.now_ms)
    for _ in range(4 * 60 * 25):
        venue.wait()
    assert order.status is OrderStatus.FILLED, "within 25 minutes the generated path swings 0.4 % both ways"


def test_time_never_runs_backwards_inside() -> None:
    venue = Venue()
    venue.wait(10_000)
    venue.engine.advance(venue.now_ms - 5_000)
    assert venue.engine.now_ms == venue.now_ms
    assert venue.order("Buy", "1").created_ms == venue.now_ms


def test_a_cancelled_order_is_final() -> None:
    venue = Venue()
    order = venue.order("Buy", "1", "49000")
    venue.cancel(order)
    assert (order.status, order.ending) == (OrderStatus.CANCELLED, Ending.BY_USER)
    with pytest.raises(VenueError, match="110001"):
        venue.cancel(order)
    venue.price("48000")
    assert not order.filled


def test_a_partly_filled_order_that_is_cancelled_keeps_its_fills() -> None:
    venue = Venue()
    order = venue.order("Buy", "3", "50005")
    venue.cancel(order)
    assert (order.status, order.filled, order.remaining) == (OrderStatus.CANCELLED, D("1.999"), D(0))


@pytest.mark.parametrize(
    ("scope", "left"), [({"symbol": "BTCUSDT"}, 1), ({"settle": "USDT"}, 0), ({"settle": "USDC"}, 3), ({}, 0)]
)
def test_cancel_all_cancels_what_its_scope_says(scope: dict[str, str], left: int) -> None:
    venue = Venue()
    venue.order("Buy", "1", "49000")
    venue.order("Sell", "1", "51000")
    venue.order("Buy", "1", "2400", symbol="ETHUSDT")
    cancelled = venue.engine.cancel_all(venue.account, now_ms=venue.now_ms, **scope)
    assert len(cancelled) == 3 - left
    assert len(venue.account.open_orders) == left
    assert not any(order.is_open for order in cancelled)


def test_accounts_do_not_see_each_other() -> None:
    venue = Venue()
    venue.order("Buy", "1")
    other = venue.engine.accounts["other"]
    assert not other.position("BTCUSDT").size
    assert not len(other.executions)
    assert other.wallets["USDT"] == 1_000_000


def test_an_order_accepted_and_rejected_after_is_in_the_history_and_never_worked() -> None:
    venue = Venue()
    template = venue.order("Buy", "1", "49000")
    request = venue.engine._amendment(venue.account, template, qty=None, price=None).request
    order = venue.engine.create_rejected(venue.account, request, now_ms=venue.now_ms)
    assert order.status is OrderStatus.REJECTED
    assert order in list(venue.account.closed_orders.newest_first())
    venue.price("48000")
    assert not order.filled


def test_ids_are_unique() -> None:
    venue = Venue()
    order = venue.order("Buy", "5")
    ids = [order.order_id, *(fill.exec_id for fill in order.fills), venue.order("Buy", "1").order_id]
    assert len(set(ids)) == len(ids)
    assert all(len(each) == 36 for each in ids)
