"""Placing the operators' reducing orders, against the paper venue: once, never flipping, and told as it is known."""

import time
from decimal import Decimal
from typing import Any

import pytest

from risksvc.v1 import types_pb2, venue_pb2
from tests.integration.venue.rig import BTC, GateSide, Message, Rig

TRADE_KEY: dict[str, Any] = {"api_key": "paper-trade", "api_secret": "paper-trade-secret", "allow_orders": True}
CREATE = "/v5/order/create"
SELL, BUY = types_pb2.SIDE_SELL, types_pb2.SIDE_BUY


def order(name: str, **changed: Any) -> venue_pb2.PlaceOrder:  # noqa: ANN401 - a message's own fields
    given: dict[str, Any] = {
        "instrument": BTC,
        "client_order_id": name,
        "side": SELL,
        "quantity": "0.1",
        "limit_price": "49000",
        "reduce_only": True,
        "valid_until_ns": time.time_ns() + 60 * 10**9,
    }
    return venue_pb2.PlaceOrder(**(given | changed))


async def place(gate: GateSide, wanted: venue_pb2.PlaceOrder) -> Message:
    return await gate.command(place_order=wanted)


async def long_of(rig: Rig, quantity: str) -> GateSide:
    await rig.order("entry", "buy", quantity)
    gate = await rig.start(**TRADE_KEY)
    assert gate.hellos[0].can_place
    return gate


def held(rig: Rig) -> Decimal:
    positions = rig.paper.gateway.engine.accounts["main"].positions
    return sum((each.size for each in positions.values()), Decimal(0))


async def test_a_limit_order_goes_immediately_or_not_at_all(rig: Rig) -> None:
    gate = await long_of(rig, "0.3")
    result = await place(gate, order("exit-1"))
    assert result.ok, result.error
    assert result.venue_order_id
    assert held(rig) == Decimal("0.2")
    far = await place(gate, order("exit-2", limit_price="60000"))
    assert far.ok
    assert await rig.trader.fetch_open_orders(BTC) == []  # immediate or cancel
    assert held(rig) == Decimal("0.2")


async def test_a_market_order_goes(rig: Rig) -> None:
    gate = await long_of(rig, "0.3")
    assert (await place(gate, order("exit", limit_price="", quantity="0.3"))).ok
    assert held(rig) == 0


async def test_the_venue_never_lets_it_flip(rig: Rig) -> None:
    gate = await long_of(rig, "0.1")
    await place(gate, order("too-much", quantity="0.5"))
    assert held(rig) == 0
    refused = await place(gate, order("flat-already"))
    assert (refused.ok, refused.unknown) == (False, False)
    assert held(rig) == 0


async def test_one_id_is_sent_once(rig: Rig) -> None:
    gate = await long_of(rig, "0.3")
    assert (await place(gate, order("once"))).ok
    again = await place(gate, order("once"))
    assert (again.ok, again.unknown) == (False, False)
    assert "was sent before" in again.error
    assert held(rig) == Decimal("0.2")


UNCLEAR: list[tuple[str, dict[str, Any], str]] = [
    # fault, its values, what it leaves of 0.3: the venue took the order, or did not
    ("drop_after", {}, "0.2"),
    ("drop_before", {}, "0.3"),
    ("http_error_after", {"status": 502}, "0.2"),
    ("ret_code_after", {"code": 10000}, "0.2"),
    ("null_body", {}, "0.2"),
    ("delay_reply", {"ms": 3_000}, "0.2"),
]


@pytest.mark.parametrize(("fault", "values", "left"), UNCLEAR, ids=[one[0] for one in UNCLEAR])
async def test_without_a_clear_answer_it_is_unknown_and_never_sent_again(
    rig: Rig, fault: str, values: dict[str, Any], left: str
) -> None:
    """ccxt: retry after timeout placed the order four times."""
    gate = await long_of(rig, "0.3")
    rig.fault(fault, CREATE, **values)
    result = await place(gate, order("maybe"))
    rig.heal()
    assert (result.ok, result.unknown) == (False, True), result.error
    assert held(rig) == Decimal(left)
    assert "paper-trade-secret" not in result.error
    after = gate.mark()
    assert (await gate.look_up("maybe")).ok
    (states,) = gate.all("order_states", after=after)
    found = venue_pb2.VENUE_ORDER_STATUS_FILLED if left == "0.2" else venue_pb2.VENUE_ORDER_STATUS_NOT_FOUND
    assert states.orders[0].status == found


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("ret_code", {"code": 10005}),
    ("ret_code", {"code": 10006}),
    ("ret_code", {"code": 110007}),
    ("ret_code", {"code": 110017}),
    ("ret_code", {"code": 10002}),
]


async def test_what_the_venue_clearly_refuses_is_refused(rig: Rig, subtests: pytest.Subtests) -> None:
    gate = await long_of(rig, "0.3")
    for number, (fault, values) in enumerate(REFUSED):
        with subtests.test(str(values)):
            rig.fault(fault, CREATE, **values)
            result = await place(gate, order(f"no-{number}"))
            rig.heal()
            assert (result.ok, result.unknown) == (False, False), result.error
            assert held(rig) == Decimal("0.3")


NOT_SENT: list[tuple[dict[str, Any], str]] = [
    ({"valid_until_ns": 1}, "run out"),
    ({"reduce_only": False}, "reduce-only"),
    ({"client_order_id": ""}, "client order id"),
    ({"instrument": "NO/USDT:USDT"}, "listed instrument"),
    ({"side": types_pb2.SIDE_UNSPECIFIED}, "side"),
    ({"quantity": "0.10005"}, "step"),
]


async def test_what_must_not_be_sent_is_not(rig: Rig, subtests: pytest.Subtests) -> None:
    gate = await long_of(rig, "0.3")
    rig.fault("drop_after", CREATE)  # it would be unknown if it were sent
    for number, (changed, why) in enumerate(NOT_SENT):
        with subtests.test(str(changed)):
            result = await place(gate, order(f"never-{number}", **changed))
            assert (result.ok, result.unknown) == (False, False)
            assert why in result.error
    assert held(rig) == Decimal("0.3")


@pytest.mark.parametrize("settings", [{}, {**TRADE_KEY, "allow_orders": False}], ids=["read key", "not allowed"])
async def test_without_permission_nothing_is_placed(rig: Rig, settings: dict[str, Any]) -> None:
    await rig.order("entry", "buy", "0.3")
    gate = await rig.start(**settings)
    assert not gate.hellos[0].can_place
    result = await place(gate, order("no"))
    assert (result.ok, result.unknown) == (False, False)
    assert "--allow-orders" in result.error
    assert held(rig) == Decimal("0.3")
