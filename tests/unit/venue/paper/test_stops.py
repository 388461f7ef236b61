"""Take-profits and stop-losses: they wait, follow their position, trade when the mark is there, and end together."""

import pytest

from risksvc.venue.paper import forced
from risksvc.venue.paper.account_data import execution_list, open_orders, order_history
from risksvc.venue.paper.errors import VenueError
from risksvc.venue.paper.orders import LONG_LEG, SHORT_LEG, Order, OrderStatus, StopType
from tests.unit.venue.paper.builders import D, Venue


def waiting(venue: Venue) -> dict[StopType, Order]:
    stops = venue.engine.markets["BTCUSDT"].stops_of("main")
    return {stop.trigger.stop_type: stop for stop in stops if stop.trigger is not None}


def guarded(side: str = "Buy", qty: str = "1") -> Venue:
    venue = Venue()
    profit, loss = ("52000", "48000") if side == "Buy" else ("48000", "52000")
    venue.order(side, qty, take_profit=profit, stop_loss=loss)
    return venue


def test_a_filled_order_hangs_its_stops() -> None:
    venue = guarded()
    rows = open_orders(venue.call(category="linear", symbol="BTCUSDT"))["list"]
    shown = [(row["createType"], row["stopOrderType"], row["triggerPrice"], row["triggerDirection"]) for row in rows]
    assert shown == [
        ("CreateByStopLoss", "StopLoss", "48000", 2),
        ("CreateByTakeProfit", "TakeProfit", "52000", 1),
    ]
    for row in rows:
        assert (row["orderStatus"], row["reduceOnly"], row["side"], row["qty"]) == ("Untriggered", True, "Sell", "1")
        assert (row["orderType"], row["price"], row["tpslMode"]) == ("Market", "0", "Partial")
    assert venue.account.order_margin["USDT"] == 0


@pytest.mark.parametrize("side", ["Buy", "Sell"])
@pytest.mark.parametrize("stop_type", list(StopType))
def test_the_mark_triggers_one_stop_and_the_other_ends(side: str, stop_type: StopType) -> None:
    venue = guarded(side)
    stops = waiting(venue)
    hit, other = stops.pop(stop_type), next(iter(stops.values()))
    assert hit.trigger is not None
    venue.price(str(hit.trigger.price))
    assert venue.held() == 0
    assert (hit.status, other.status) == (OrderStatus.FILLED, OrderStatus.DEACTIVATED)
    (row,) = execution_list(venue.call(category="linear", orderId=hit.order_id))["list"]
    assert (row["stopOrderType"], row["createType"], row["closedSize"]) == (stop_type, f"CreateBy{stop_type}", "1")
    assert waiting(venue) == {}


def test_nothing_happens_before_the_mark_is_there() -> None:
    venue = guarded()
    venue.price("51999.9")
    venue.price("48000.1")
    assert (venue.held(), len(waiting(venue))) == (D(1), 2)


def test_stops_grow_with_the_fills_of_their_order() -> None:
    venue = Venue()
    order = venue.order("Buy", "3", "50005", take_profit="52000")
    assert waiting(venue)[StopType.TAKE_PROFIT].qty == order.filled == D("1.999")
    venue.wait()
    assert waiting(venue)[StopType.TAKE_PROFIT].qty == order.filled == 3


def test_a_resting_order_hangs_nothing_until_it_fills() -> None:
    venue = Venue()
    venue.order("Buy", "1", "49000", stop_loss="48000")
    assert waiting(venue) == {}
    venue.price("48990")
    assert waiting(venue)[StopType.STOP_LOSS].qty == 1


def test_stops_shrink_with_the_position_and_end_with_it() -> None:
    venue = guarded(qty="2")
    stops = list(waiting(venue).values())
    venue.order("Sell", "0.5")
    assert [stop.qty for stop in stops] == [D("1.5")] * 2
    venue.order("Sell", "5")
    assert [stop.status for stop in stops] == [OrderStatus.DEACTIVATED] * 2
    assert {row["orderStatus"] for row in order_history(venue.call(category="linear"))["list"]} == {
        "Filled",
        "Deactivated",
    }


def test_a_stop_that_finds_no_depth_ends_and_its_sibling_stays() -> None:
    venue = guarded()
    stops = waiting(venue)
    profile = venue.engine.markets["BTCUSDT"].profile
    venue.engine.set_depth("BTCUSDT", type(profile)(levels=0), now_ms=venue.now_ms)
    venue.price("48000")
    assert (venue.held(), stops[StopType.STOP_LOSS].status) == (D(1), OrderStatus.CANCELLED)
    assert list(waiting(venue)) == [StopType.TAKE_PROFIT]


def test_a_stop_can_be_cancelled_but_not_amended() -> None:
    venue = guarded()
    stop = waiting(venue)[StopType.STOP_LOSS]
    with pytest.raises(VenueError, match="not amended"):
        venue.amend(stop, qty="0.5")
    venue.cancel(stop)
    assert stop.status is OrderStatus.DEACTIVATED
    venue.price("47000")
    assert venue.held() == 1


@pytest.mark.parametrize(("order_filter", "left"), [("StopOrder", 1), ("Order", 2), ("", 0), ("Other", 3)])
def test_cancel_all_takes_stops_or_leaves_them(order_filter: str, left: int) -> None:
    venue = guarded()
    venue.order("Buy", "1", "49000")
    venue.engine.cancel_all(venue.account, symbol="BTCUSDT", order_filter=order_filter, now_ms=venue.now_ms)
    assert len(venue.account.open_orders) == left


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [("", {"", "StopLoss"}), ("Order", {""}), ("StopOrder", {"StopLoss"}), ("tpslOrder", {"StopLoss"})],
)
def test_order_filter_tells_stops_from_orders(wanted: str, kinds: set[str]) -> None:
    venue = Venue()
    venue.order("Buy", "1", stop_loss="48000")
    venue.order("Buy", "1", "49000")
    rows = open_orders(venue.call(category="linear", symbol="BTCUSDT", orderFilter=wanted))["list"]
    assert {row["stopOrderType"] for row in rows} == kinds


@pytest.mark.parametrize(
    ("side", "price", "stops", "text"),
    [
        ("Buy", None, {"take_profit": "50000"}, "should be higher"),
        ("Buy", "49000", {"stop_loss": "49000"}, "should be lower"),
        ("Sell", None, {"take_profit": "50001"}, "should be lower"),
        ("Sell", None, {"stop_loss": "49999"}, "should be higher"),
        ("Buy", None, {"take_profit": "50000.05"}, "multiple of 0.1"),
    ],
)
def test_a_stop_on_the_wrong_side_is_refused(side: str, price: str | None, stops: dict[str, str], text: str) -> None:
    venue = Venue()
    with pytest.raises(VenueError, match=text):
        venue.order(side, "1", price, **stops)  # type: ignore[arg-type]  # a table of keywords
    assert venue.held() == 0


def test_stops_set_by_hand_guard_a_leg() -> None:
    venue = Venue(hedge=True)
    venue.order("Buy", "1", leg=LONG_LEG)
    venue.order("Sell", "1", leg=SHORT_LEG)
    market = venue.engine.markets["BTCUSDT"]
    prices = {StopType.TAKE_PROFIT: D(48_000), StopType.STOP_LOSS: D(52_000)}
    placed = forced.hang_stops(venue.engine, venue.account, market, prices=prices, qty=D("0.4"), leg=SHORT_LEG)
    assert [(stop.side, stop.leg, stop.qty, stop.link_id) for stop in placed] == [("Buy", SHORT_LEG, D("0.4"), "")] * 2
    venue.price("52000")
    assert (venue.held(leg=LONG_LEG), venue.held(leg=SHORT_LEG)) == (D(1), D("-0.6"))
    assert waiting(venue) == {}


@pytest.mark.parametrize(
    ("prices", "text"),
    [
        ({}, "takeProfit or stopLoss is required"),
        ({StopType.STOP_LOSS: D(51_000)}, "reached already"),
        ({StopType.TAKE_PROFIT: D("51000.05")}, "multiple of 0.1"),
    ],
)
def test_senseless_stops_are_refused(prices: dict[StopType, object], text: str) -> None:
    venue = Venue()
    market = venue.engine.markets["BTCUSDT"]
    with pytest.raises(VenueError, match="holds no BTCUSDT to guard"):
        forced.hang_stops(venue.engine, venue.account, market, prices=prices, qty=None)  # type: ignore[arg-type]
    venue.order("Buy", "1")
    with pytest.raises(VenueError, match=text):
        forced.hang_stops(venue.engine, venue.account, market, prices=prices, qty=None)  # type: ignore[arg-type]
    assert waiting(venue) == {}
