"""What is refused, with Bybit's codes; a refusal leaves everything as it was."""

from dataclasses import replace

import pytest

from risksvc.venue.paper.engine import Rules
from risksvc.venue.paper.errors import VenueError
from risksvc.venue.paper.instruments import PRE_LAUNCH
from tests.unit.venue.paper.builders import BTC, Venue, market

REFUSED = [
    # side, quantity, price, further keywords, code, text
    ("Buy", "1", None, {"symbol": "NOSUCH"}, 10001, "Not supported symbols"),
    ("Buy", "1", None, {"symbol": "NEWUSDT"}, 110074, "not live"),
    ("Buy", "1", "49000", {"link_id": "a" * 37}, 10001, "OrderLinkId"),
    ("Buy", "1", "49000", {"link_id": "a b"}, 10001, "OrderLinkId"),
    ("Buy", "1", "49000", {"link_id": "bücher"}, 10001, "OrderLinkId"),
    ("Buy", "1", "49000", {"link_id": "taken"}, 110072, "duplicate"),
    ("Buy", "1", "49000", {"link_id": "ended"}, 110072, "duplicate"),
    ("Buy", "0.0005", None, {}, 10001, "Qty invalid"),
    ("Buy", "0", None, {}, 10001, "minimum"),
    ("Buy", "-1", None, {}, 10001, "minimum"),
    ("Buy", "100.001", None, {}, 10001, "maximum"),
    ("Buy", "1", "49000.05", {}, 10001, "Price invalid"),
    ("Buy", "1", "0", {}, 10001, "Price invalid"),
    ("Sell", "1", "-50000", {}, 10001, "Price invalid"),
    ("Sell", "1", "2000000", {}, 10001, "Price invalid"),
    ("Buy", "1", "55000.1", {}, 110003, "permissible range"),
    ("Sell", "1", "44999.9", {}, 110003, "permissible range"),
    ("Sell", "1", None, {"reduce_only": True}, 110017, "position is zero"),
    ("Buy", "0.01", "400", {}, 110094, "minimum order value"),
    ("Buy", "100", "49000", {"symbol": "BTCUSDT"}, 110007, "not enough"),
]


@pytest.mark.parametrize(("side", "qty", "price", "keywords", "code", "text"), REFUSED)
def test_a_bad_order_is_refused(
    *, side: str, qty: str, price: str | None, keywords: dict[str, object], code: int, text: str
) -> None:
    venue = Venue(usdt="100000")
    venue.engine.list_market(market(replace(BTC, symbol="NEWUSDT", base="NEW", status=PRE_LAUNCH)))
    venue.order("Buy", "0.01", "40000", link_id="taken")
    venue.cancel(venue.order("Buy", "0.01", "40000", link_id="ended"))
    with pytest.raises(VenueError, match=text) as refusal:
        venue.order(side, qty, price, **keywords)  # type: ignore[arg-type]  # a table of keywords
    assert refusal.value.code == code
    assert len(venue.account.open_orders) == 1
    assert len(venue.account.closed_orders) == 1
    assert venue.account.order_margin["USDT"] == 40


@pytest.mark.parametrize(("side", "price"), [("Buy", "55000"), ("Sell", "45000")])
def test_the_limits_of_price_are_inclusive(side: str, price: str) -> None:
    assert Venue().order(side, "0.01", price).filled


def test_a_link_id_may_be_36_characters_of_the_allowed_kinds() -> None:
    assert Venue().order("Buy", "1", "49000", link_id="Az09-_" * 6).is_open


def test_reduce_only_on_the_side_of_the_position_is_refused() -> None:
    venue = Venue()
    venue.order("Buy", "1")
    with pytest.raises(VenueError, match="110017"):
        venue.order("Buy", "1", reduce_only=True)


def test_reduce_only_is_refused_when_resting_orders_reduce_everything_already() -> None:
    venue = Venue()
    venue.order("Buy", "1")
    venue.order("Sell", "1", "51000", reduce_only=True)
    with pytest.raises(VenueError, match="truncated to zero"):
        venue.order("Sell", "0.5", reduce_only=True)


def test_open_orders_are_bounded_per_instrument() -> None:
    venue = Venue(rules=Rules(max_open_orders=2))
    venue.order("Buy", "1", "49000")
    venue.order("Buy", "1", "49000")
    with pytest.raises(VenueError, match="110020"):
        venue.order("Buy", "1", "49000")
    assert venue.order("Buy", "1", "2400", symbol="ETHUSDT").is_open


def test_margin_bounds_what_can_be_opened_and_closing_needs_none() -> None:
    venue = Venue(usdt="10000")  # at leverage 10: less than 2 BTC
    venue.order("Buy", "1.8")
    with pytest.raises(VenueError, match="110007"):
        venue.order("Buy", "0.2")
    assert venue.order("Sell", "1.8").filled, "an ordinary order that only closes needs no margin"
    assert venue.held() == 0


def test_resting_orders_keep_margin_back_and_give_it_back() -> None:
    venue = Venue(usdt="10000")
    order = venue.order("Buy", "2", "49000")
    assert venue.account.order_margin["USDT"] == 9800
    with pytest.raises(VenueError, match="110007"):
        venue.order("Buy", "1", "49000")
    venue.cancel(order)
    assert venue.account.order_margin["USDT"] == 0
    assert venue.order("Buy", "1", "49000").is_open


def test_a_fill_moves_margin_from_the_order_to_the_position() -> None:
    venue = Venue()
    order = venue.order("Sell", "4", "50005")
    assert order.margin == 20002
    venue.price("50007")  # one bid reaches 50005? none: the best bid is one basis point below
    venue.price("50011")
    assert order.filled
    assert venue.account.order_margin["USDT"] == order.remaining * 50005 / 10
