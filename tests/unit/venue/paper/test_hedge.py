"""Hedge mode: two legs of one instrument, each with its own orders, fills and size."""

from collections.abc import Callable

import pytest

from risksvc.venue.paper.account_data import execution_list, open_orders, position_list
from risksvc.venue.paper.errors import VenueError
from risksvc.venue.paper.hedge import switch
from risksvc.venue.paper.margin import funds
from risksvc.venue.paper.orders import LONG_LEG, SHORT_LEG, Ending, ExecType, OrderStatus
from risksvc.venue.paper.trading import create, switch_mode
from tests.unit.venue.paper.builders import INVERSE, D, Venue


def legs(venue: Venue, symbol: str = "BTCUSDT") -> tuple[str, str]:
    return str(venue.held(symbol, LONG_LEG)), str(venue.held(symbol, SHORT_LEG))


def test_both_sides_are_held_at_once() -> None:
    venue = Venue(hedge=True)
    venue.order("Buy", "1.5", leg=LONG_LEG)
    venue.order("Sell", "1", leg=SHORT_LEG)
    assert legs(venue) == ("1.5", "-1")
    rows = position_list(venue.call(category="linear", settleCoin="USDT"))["list"]
    assert [(row["positionIdx"], row["side"], row["size"], row["symbol"]) for row in rows] == [
        (1, "Buy", "1.5", "BTCUSDT"),
        (2, "Sell", "1", "BTCUSDT"),
    ]
    found = funds(venue.account, "USDT", markets=venue.engine.markets)
    assert found.position_margin == D("0.1") * (D("1.5") * 50_005 + 49_995), "both legs take margin"


def test_a_query_by_symbol_shows_both_legs_flat_or_not() -> None:
    venue = Venue(hedge=True)
    venue.order("Sell", "1", leg=SHORT_LEG)
    rows = position_list(venue.call(category="linear", symbol="BTCUSDT"))["list"]
    assert [(row["positionIdx"], row["side"], row["size"]) for row in rows] == [(1, "", "0"), (2, "Sell", "1")]
    (row,) = position_list(venue.call(category="linear", settleCoin="USDT"))["list"]
    assert row["positionIdx"] == 2


def test_the_closing_side_reduces_its_own_leg_and_never_flips_it() -> None:
    venue = Venue(hedge=True)
    venue.order("Buy", "1", leg=LONG_LEG)
    venue.order("Sell", "1", leg=SHORT_LEG)
    closing = venue.order("Sell", "5", leg=LONG_LEG)
    assert (closing.qty, closing.reduce_only, closing.fills[0].closed, closing.fills[0].leg) == (
        D(1),
        True,
        D(1),
        LONG_LEG,
    )
    assert legs(venue) == ("0", "-1")
    with pytest.raises(VenueError, match="110017"):
        venue.order("Sell", "1", leg=LONG_LEG)
    assert execution_list(venue.call(category="linear"))["list"][0]["closedSize"] == "1"


def test_resting_orders_of_a_leg_are_cut_with_that_leg_only() -> None:
    venue = Venue(hedge=True)
    venue.order("Buy", "1", leg=LONG_LEG)
    venue.order("Sell", "1", leg=SHORT_LEG)
    of_long = venue.order("Sell", "1", "51000", leg=LONG_LEG)
    of_short = venue.order("Buy", "1", "49000", leg=SHORT_LEG)
    venue.order("Sell", "0.25", "49995", leg=SHORT_LEG)
    assert (of_long.qty, of_short.qty) == (D(1), D(1)), "a bigger short changes nothing for either"
    venue.engine.liquidate(venue.account, "BTCUSDT", qty=D("0.75"), leg=LONG_LEG, now_ms=venue.now_ms)
    assert (of_long.qty, of_short.qty) == (D("0.25"), D(1))
    venue.engine.liquidate(venue.account, "BTCUSDT", qty=None, leg=LONG_LEG, now_ms=venue.now_ms)
    assert (of_long.status, of_long.ending) == (OrderStatus.CANCELLED, Ending.REDUCE_ONLY)
    assert of_short.is_open
    assert [row["positionIdx"] for row in open_orders(venue.call(category="linear", symbol="BTCUSDT"))["list"]] == [2]


def test_a_liquidation_takes_one_leg_also_of_an_inverse_contract() -> None:
    venue = Venue(hedge=True, coins={"BTC": "5"})
    venue.order("Buy", "1000", symbol=INVERSE, leg=LONG_LEG)
    venue.order("Sell", "2000", symbol=INVERSE, leg=SHORT_LEG)
    order = venue.engine.liquidate(venue.account, INVERSE, qty=None, leg=SHORT_LEG, now_ms=venue.now_ms)
    assert (order.fills[0].exec_type, order.leg) == (ExecType.BUST_TRADE, SHORT_LEG)
    assert legs(venue, INVERSE) == ("1000", "0")
    with pytest.raises(VenueError, match="holds no BTCUSD"):
        venue.engine.liquidate(venue.account, INVERSE, qty=None, leg=SHORT_LEG, now_ms=venue.now_ms)


@pytest.mark.parametrize(
    ("hedge", "position_idx"), [(False, "1"), (False, "2"), (True, ""), (True, "0"), (True, "3"), (False, "x")]
)
def test_an_index_of_the_other_mode_is_refused(*, hedge: bool, position_idx: str) -> None:
    venue = Venue(hedge=hedge)
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "1"}
    with pytest.raises(VenueError, match="10001: position idx not match position mode"):
        create(venue.call(**order, positionIdx=position_idx))
    assert not len(venue.account.executions)


def test_reduce_only_on_the_opening_side_of_a_leg_is_refused() -> None:
    venue = Venue(hedge=True)
    venue.order("Buy", "1", leg=LONG_LEG)
    with pytest.raises(VenueError, match="110017"):
        venue.order("Buy", "1", leg=LONG_LEG, reduce_only=True)


HINDRANCES: list[tuple[Callable[[Venue], object], str]] = [
    (lambda venue: venue.order("Buy", "1"), "110024"),
    (lambda venue: venue.order("Buy", "1", "49000"), "110028"),
]


@pytest.mark.parametrize(("act", "code"), HINDRANCES)
def test_the_mode_is_switched_only_when_nothing_depends_on_it(act: Callable[[Venue], object], code: str) -> None:
    venue = Venue(coins={"BTC": "1"})
    venue.order("Sell", "0.5", "51000", symbol="spot:BTCUSDT")
    switch_mode(venue.call(category="linear", coin="USDT", mode="3"))
    assert venue.account.hedge
    with pytest.raises(VenueError, match="110025"):
        switch(venue.account, hedge=True)
    switch_mode(venue.call(category="linear", coin="USDT", mode="0"))
    act(venue)
    with pytest.raises(VenueError, match=code):
        switch_mode(venue.call(category="linear", coin="USDT", mode="3"))
    with pytest.raises(VenueError, match="one of 0, 3"):
        switch_mode(venue.call(category="linear", coin="USDT", mode="1"))


def test_pages_of_positions_go_leg_by_leg() -> None:
    venue = Venue(hedge=True)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        venue.order("Buy", "1", symbol=symbol, leg=LONG_LEG)
        venue.order("Sell", "1", symbol=symbol, leg=SHORT_LEG)
    seen, cursor = [], ""
    while True:
        page = position_list(venue.call(category="linear", settleCoin="USDT", limit="1", cursor=cursor))
        seen += [(row["symbol"], row["positionIdx"]) for row in page["list"]]
        cursor = page["nextPageCursor"]
        if not cursor:
            break
    assert seen == [("BTCUSDT", 1), ("BTCUSDT", 2), ("ETHUSDT", 1), ("ETHUSDT", 2)]
