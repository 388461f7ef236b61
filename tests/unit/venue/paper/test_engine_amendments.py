"""Amending: same ids, new total quantity or price, checked like a new order."""

import pytest

from risksvc.venue.paper.errors import VenueError
from risksvc.venue.paper.orders import OrderStatus, TimeInForce
from tests.unit.venue.paper.builders import D, Venue


def test_an_amended_order_keeps_its_ids() -> None:
    venue = Venue()
    order = venue.order("Buy", "1", "49000", link_id="mine")
    before = (order.order_id, order.link_id, order.created_ms)
    venue.wait(1_000)
    venue.amend(order, qty="2", price="49100")
    assert (order.order_id, order.link_id, order.created_ms) == before
    assert (order.qty, order.price, order.updated_ms) == (D(2), D(49100), venue.now_ms)
    assert venue.account.order_margin["USDT"] == 9820


def test_an_amended_price_that_crosses_trades_at_once() -> None:
    venue = Venue()
    order = venue.order("Buy", "1", "49000")
    venue.amend(order, price="50005")
    assert order.status is OrderStatus.FILLED
    assert order.average_price == 50005


def test_a_post_only_order_amended_into_the_depth_is_cancelled() -> None:
    venue = Venue()
    order = venue.order("Buy", "1", "49000", time_in_force=TimeInForce.POST_ONLY)
    venue.amend(order, price="50005")
    assert (order.status, order.filled) == (OrderStatus.CANCELLED, D(0))


def test_the_new_quantity_is_the_total_not_the_rest() -> None:
    venue = Venue()
    order = venue.order("Buy", "3", "50005")
    venue.amend(order, qty="2.5")
    assert (order.filled, order.remaining) == (D("1.999"), D("0.501"))


def test_a_reduce_only_order_cannot_be_amended_beyond_the_position() -> None:
    venue = Venue()
    venue.order("Buy", "1")
    order = venue.order("Sell", "0.4", "51000", reduce_only=True)
    venue.amend(order, qty="5")
    assert order.qty == 1


REFUSED = [
    ({"qty": "3", "price": "50005"}, 10001, "remains unchanged"),
    ({"qty": "1.999"}, 110064, "filled quantity"),
    ({"qty": "1"}, 110064, "filled quantity"),
    ({"qty": "3.0005"}, 10001, "Qty invalid"),
    ({"price": "49000.05"}, 10001, "Price invalid"),
    ({"price": "56000"}, 110003, "permissible range"),
    ({"qty": "100"}, 110007, "not enough"),
]


@pytest.mark.parametrize(("changes", "code", "text"), REFUSED)
def test_a_bad_amendment_is_refused_and_changes_nothing(changes: dict[str, str], code: int, text: str) -> None:
    venue = Venue(usdt="100000")
    order = venue.order("Buy", "3", "50005")
    margin = venue.account.order_margin["USDT"]
    with pytest.raises(VenueError, match=text) as refusal:
        venue.amend(order, **changes)
    assert refusal.value.code == code
    assert (order.qty, order.price, order.status) == (D(3), D(50005), OrderStatus.PARTIALLY_FILLED)
    assert venue.account.order_margin["USDT"] == margin
    venue.price("49000")
    assert order.status is OrderStatus.FILLED, "it still works"


def test_an_order_that_ended_cannot_be_amended() -> None:
    venue = Venue()
    order = venue.order("Buy", "1", "50005")
    with pytest.raises(VenueError, match="110001"):
        venue.amend(order, qty="2")
