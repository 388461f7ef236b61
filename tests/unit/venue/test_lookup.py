"""Targeted reads over a venue that answers from a script."""

from decimal import Decimal

import pytest
from ccxt.base import errors as ccxt_errors

from risksvc.venue.failures import ReadFailure
from risksvc.venue.fills import FillCursor, OrderIds, Reach
from risksvc.venue.listing import OrderReference
from risksvc.venue.lookup import LookedUp, OrderLookUp
from risksvc.venue.reader import AccountReader
from risksvc.venue.rows import OrderStatus
from risksvc.venue.wire import order_states
from tests.unit.venue.builders import BTC, ETH, ScriptedListing, connection, fill_row, listing_of, order_row

NOW = 1_700_000_000_000
OVERLAPS = {Reach.SHORT: 2_000, Reach.USUAL: 10_000, Reach.DEEP: 120_000}


def ref(client_id: str, instrument: str = BTC) -> OrderReference:
    return OrderReference(instrument, client_id)


async def look_up(script: dict[str, list[object]], *references: OrderReference) -> tuple[LookedUp, ScriptedListing]:
    connected = connection(script)
    orders = OrderIds()
    cursor = FillCursor(since_ms=NOW, now_ms=NOW, overlaps=OVERLAPS, orders=orders)
    reader = AccountReader(connected, cursor=cursor, orders=orders, pass_on=lambda _: None)
    found = await OrderLookUp(connected, reader=reader, orders=orders).look_up(references)
    return found, listing_of(connected)


async def test_cancelled_with_nothing_filled_while_executed() -> None:
    """ccxt#28210, freqtrade#13037: the order says cancelled, filled 0; the fills say otherwise and are the truth."""
    script: dict[str, list[object]] = {
        "order": [[order_row(status="canceled", filled="0", amount="2")]],
        "fills": [[fill_row(amount="1.5")]],
    }
    found, _ = await look_up(script, ref("c-1"))
    (order,) = found.orders
    assert (order.status, order.filled) == (OrderStatus.CANCELLED, Decimal("1.5"))
    script["fills"] = [[fill_row(amount="2")]]
    script["order"] = [[order_row(status="canceled", filled="0", amount="2")]]
    found, _ = await look_up(script, ref("c-1"))
    assert (found.orders[0].status, found.orders[0].filled) == (OrderStatus.FILLED, Decimal(2))


async def test_fills_are_read_before_anything_is_called_finished_and_only_then() -> None:
    _, finished = await look_up({"order": [[order_row(status="closed", filled="2")]]}, ref("c-1"))
    assert finished.names() == ["order", "fills"]
    _, working = await look_up({"order": [[order_row()]]}, ref("c-1"))
    assert working.names() == ["order"]


async def test_unknown_everywhere_is_not_found() -> None:
    found, _ = await look_up({"order": [[]]}, ref("c-9"))
    (order,) = found.orders
    assert (order.symbol, order.client_order_id, order.status) == (BTC, "c-9", OrderStatus.NOT_FOUND)


@pytest.mark.parametrize("broken", ["order", "fills", "recent_orders"])
async def test_any_error_means_no_answer(broken: str) -> None:
    rows = [order_row(id=f"v-{n}", clientOrderId=f"c-{n}", status="canceled") for n in range(3)]
    script: dict[str, list[object]] = {"order": [[]], "recent_orders": [rows]}
    script[broken] = [ccxt_errors.RequestTimeout("x")]
    found, _ = await look_up(script, *(ref(f"c-{n}") for n in range(4)))
    if broken == "order":
        assert {order.client_order_id for order in found.orders} == {"c-0", "c-1", "c-2"}
        assert set(found.failed) == {ref("c-3")}
    else:
        assert found.orders == ()
        assert len(found.failed) == 4


async def test_many_are_read_from_lists_and_the_rest_one_by_one() -> None:
    rows = [order_row(), order_row(id="v-2", clientOrderId="c-2"), order_row(status="canceled")]
    script: dict[str, list[object]] = {"recent_orders": [rows], "order": [[]]}
    found, listing = await look_up(script, ref("c-1"), ref("c-2"), ref("c-3"), ref("c-1"))
    assert {order.client_order_id: order.status for order in found.orders} == {
        "c-1": OrderStatus.CANCELLED,  # the later row is the newer one
        "c-2": OrderStatus.OPEN,
        "c-3": OrderStatus.NOT_FOUND,
    }
    assert listing.calls[0] == ("recent_orders", (BTC,))
    assert [argument for name, argument in listing.calls if name == "order"] == [ref("c-3")]


async def test_two_orders_with_one_client_id_are_no_answer() -> None:
    found, _ = await look_up({"order": [[order_row(), order_row(id="v-2")]]}, ref("c-1"))
    assert found.orders == ()
    assert "several orders" in str(found.failed[ref("c-1")])


async def test_an_unreadable_state_is_no_answer() -> None:
    found, _ = await look_up({"order": [[order_row(status="odd")]]}, ref("c-1"))
    assert found.orders == ()
    assert "neither working nor finished" in str(found.failed[ref("c-1")])


async def test_an_unlisted_instrument_or_a_missing_id_is_no_answer() -> None:
    found, listing = await look_up({}, ref("c-1", "NO/USDT:USDT"), OrderReference(ETH))
    assert found.orders == ()
    assert found.failed[ref("c-1", "NO/USDT:USDT")].markets_stale
    assert isinstance(found.failed[OrderReference(ETH)], ReadFailure)
    assert listing.calls == []


async def test_an_order_can_be_looked_up_by_the_venues_id() -> None:
    reference = OrderReference(BTC, venue_order_id="v-1")
    found, _ = await look_up({"order": [[order_row()]]}, reference)
    assert found.orders[0].client_order_id == "c-1"
    missing, _ = await look_up({"order": [[]]}, reference)
    (told,) = order_states(missing.orders, as_of_ns=1).order_states.orders
    assert (told.venue_order_id, told.client_order_id, told.side) == ("v-1", "", 0)
