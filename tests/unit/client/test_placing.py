from decimal import Decimal
from typing import Any

import ccxt
import pytest

from risksvc.client.orders import build_request
from risksvc.client.placing import (
    Declared,
    Placed,
    PlacedOrders,
    Placing,
    edits_in_place,
    places_orders,
    plan_create,
    plan_edit,
    tighten,
)
from risksvc.core.types import MalformedInputError, ReplaceMode
from risksvc.v1 import strategy_pb2
from tests.unit.client.messages import INSTRUMENT, Field


def create(*, declared: Declared | None = None, **changes: Field) -> Placing:
    call: dict[str, Any] = {
        "symbol": INSTRUMENT,
        "order_type": "limit",
        "side": "buy",
        "amount": 0.5,
        "price": 50_000,
        "params": {},
        **changes,
    }
    return plan_create(declared=declared or Declared(), **call)


def edit(before: Placed, *, declared: Declared | None = None, **changes: Field) -> Placing:
    call: dict[str, Any] = {
        "symbol": INSTRUMENT,
        "order_type": "limit",
        "side": "buy",
        "amount": None,
        "price": None,
        "params": {},
        **changes,
    }
    return plan_edit(before=before, declared=declared or Declared(), **call)


def asked(plan: Placing) -> strategy_pb2.CheckOrderRequest:
    return build_request(account="main", strategy="mm-1", strategy_version="", order=plan.check)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0.1, "0.1"),
        (1e-07, "0.0000001"),
        (0.1 + 0.2, "0.30000000000000004"),
        ("0.10", "0.1"),
        (Decimal("1.50"), "1.5"),
        (3, "3"),
    ],
)
def test_a_float_counts_as_the_decimal_that_python_prints(amount: Any, text: str) -> None:  # noqa: ANN401
    assert asked(create(amount=amount)).quantity == text


def test_a_float_of_another_library_counts_as_its_number() -> None:
    class Float64(float):
        """As numpy's: a float that prints its type's name."""

        __slots__ = ()

        def __repr__(self) -> str:
            return f"np.float64({float(self)})"

    assert asked(create(amount=Float64(0.25))).quantity == "0.25"


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), -0.5, 0.0])
def test_a_float_that_is_no_quantity_is_refused(amount: float) -> None:
    with pytest.raises(MalformedInputError, match="quantity"):
        asked(create(amount=amount))


def test_an_order_is_passed_on_with_its_id() -> None:
    plan = create(params={"timeInForce": "PostOnly"})
    assert plan.params == {"timeInForce": "PostOnly", "clientOrderId": asked(plan).client_order_id}
    assert plan.placed.client_order_id == plan.client_order_id == plan.params["clientOrderId"]


def test_a_callers_own_id_is_kept() -> None:
    plan = create(params={"clientOrderId": "mine-1"})
    assert asked(plan).client_order_id == plan.params["clientOrderId"] == "mine-1"


def test_reduce_only_is_checked_and_passed_on() -> None:
    plan = create(params={"reduceOnly": True})
    assert asked(plan).reduce_only
    assert plan.params["reduceOnly"] is True
    assert not asked(create(params={"reduceOnly": False})).reduce_only


@pytest.mark.parametrize("value", ["true", 1, None])
def test_a_reduce_only_flag_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="reduceOnly"):
        create(params={"reduceOnly": value})


@pytest.mark.parametrize(
    "name",
    [
        *("orderLinkId", "newClientOrderId", "clOrdId", "client_order_id", "clientOid", "reduce_only"),
        *("qty", "quantity", "size", "sz", "amount", "cost", "quoteOrderQty", "price", "px", "side", "symbol"),
        *("closePosition", "maxRetriesOnFailure", "recvWindow"),
    ],
)
def test_a_parameter_that_would_change_what_was_checked_is_refused(name: str) -> None:
    with pytest.raises(MalformedInputError, match=name):
        create(params={name: "1"})


def test_intents_and_beliefs_are_declared() -> None:
    request = asked(create(declared=Declared((-1.5, "2"), 0.25)))
    assert (request.intended_range.low, request.intended_range.high, request.believed_position) == ("-1.5", "2", "0.25")
    assert asked(create(declared=Declared("1", "0"))).intended_position == "1"


@pytest.mark.parametrize(
    ("order_type", "price", "checked"),
    [("LIMIT", 1, 1), ("market", None, 2), ("stop_market", None, 2), ("STOP_LIMIT", 1, 1)],
)
def test_ccxts_types_are_checked_as_what_can_fill(order_type: str, price: int | None, checked: int) -> None:
    assert asked(create(order_type=order_type, price=price)).type == checked


@pytest.mark.parametrize("order_type", ["iceberg", "stop", "", None, 1])
def test_a_type_that_is_not_known_is_refused(order_type: object) -> None:
    with pytest.raises(MalformedInputError, match="type"):
        create(order_type=order_type)


def test_a_market_order_with_a_price_is_refused() -> None:
    with pytest.raises(MalformedInputError, match="trade a cost instead of the amount"):
        create(order_type="market")


def test_an_amendment_keeps_the_id_at_the_venue_and_checks_under_a_new_one() -> None:
    before = Placed("id-1", "1", "50000", reduce_only=True)
    plan = edit(before, amount="2")
    request = asked(plan)
    assert (request.quantity, request.limit_price, request.reduce_only) == ("2", "50000", True)
    assert (request.replaces_client_order_id, request.replace_mode) == ("id-1", strategy_pb2.REPLACE_MODE_AMEND)
    assert request.client_order_id not in ("", "id-1")
    assert plan.params == {}
    assert plan.placed == Placed("id-1", "2", "50000", reduce_only=True)
    assert plan.amends


def test_a_replacement_by_another_order_carries_the_new_id() -> None:
    before = Placed("id-1", "1", "50000", reduce_only=True)
    plan = edit(before, price=49_000, declared=Declared(replace_mode=ReplaceMode.CANCEL_REPLACE))
    request = asked(plan)
    assert (request.replaces_client_order_id, request.replace_mode) == (
        "id-1",
        strategy_pb2.REPLACE_MODE_CANCEL_REPLACE,
    )
    assert plan.params == {"clientOrderId": request.client_order_id, "reduceOnly": True}
    assert plan.placed.client_order_id == request.client_order_id
    assert not plan.amends


def test_a_change_can_not_make_an_order_reduce_only() -> None:
    with pytest.raises(MalformedInputError, match="placed without it"):
        edit(Placed("id-1", "1", "50000", reduce_only=False), params={"reduceOnly": True})


PAST_THE_GATE = [
    *("create_orders", "createOrders", "create_market_buy_order_with_cost", "createLimitOrder", "create_order_ws"),
    *(
        "edit_orders",
        "editOrderWs",
        "edit_limit_buy_order",
        "close_position",
        "closeAllPositions",
        "create_convert_trade",
    ),
    *("create_post_only_order", "create_reduce_only_order", "create_twap_order", "createStopLossOrder"),
    *("private_post_v5_order_create", "privatePostV5OrderCreateBatch", "fapiPrivatePostOrder", "privatePostTradeOrder"),
    *("fapiPrivatePutOrder", "private_post_addorder", "private_post_v5_order_amend", "privatePostTradeClosePosition"),
]
PASSED_ON = [
    *("cancel_all_orders", "cancelOrders", "cancel_order_ws", "private_post_v5_order_cancel", "fapiPrivateDeleteOrder"),
    *("privatePostTradeCancelOrder", "fetch_orders", "fetchOpenOrders", "fetch_positions", "load_markets", "close"),
    *("private_get_v5_order_realtime", "set_leverage", "markets", "orders", "options", "watch_orders", "parse_order"),
    *("create_deposit_address", "private_post_v5_position_set_leverage", "amount_to_precision", "fetch_position", ""),
]


@pytest.mark.parametrize("name", PAST_THE_GATE)
def test_what_would_place_orders_past_the_gate_is_known_by_its_name(name: str) -> None:
    assert places_orders(name)


@pytest.mark.parametrize("name", PASSED_ON)
def test_what_does_not_place_orders_passes(name: str) -> None:
    assert not places_orders(name)


def test_no_method_of_ccxt_that_creates_or_edits_orders_is_missed() -> None:
    names = [name for name in dir(ccxt.bybit) if name.startswith(("create", "edit")) and "rder" in name]
    assert len(names) > 40
    assert not [name for name in names if not places_orders(name)]


def test_no_method_of_ccxt_that_cancels_or_fetches_is_refused() -> None:
    names = [name for name in dir(ccxt.bybit) if name.startswith(("cancel", "fetch", "watch", "parse", "safe"))]
    assert not [name for name in names if places_orders(name)]


class Exchange:
    """Has what a test gives it."""

    def __init__(self, **has: Any) -> None:  # noqa: ANN401
        self.__dict__.update(has)


@pytest.mark.parametrize(
    ("window", "becomes"),
    [(5000, 1000), (10_000, 1000), (800, 800), (0, 1000), (-1, 1000), ("5000", "1000"), ("500", "500"), (None, 1000)],
    ids=repr,
)
def test_late_requests_are_refused_by_the_venue(window: object, becomes: object) -> None:
    exchange = Exchange(options={"recvWindow": window})
    tighten(exchange)
    assert exchange.options == {"recvWindow": becomes}  # type: ignore[attr-defined]


def test_a_venue_without_a_window_gets_none_and_nobody_resends() -> None:
    exchange = Exchange(options={"maxRetriesOnFailure": 3})
    tighten(exchange)
    assert exchange.options == {"maxRetriesOnFailure": 0}  # type: ignore[attr-defined]
    tighten(Exchange())


@pytest.mark.parametrize(
    ("has", "in_place"),
    [({"editOrder": True}, True), ({"editOrder": "emulated"}, False), ({"editOrder": None}, False), ({}, True)],
    ids=["true", "emulated", "none", "not said"],
)
def test_ccxt_says_whether_it_edits_in_place(has: dict[str, object], in_place: bool) -> None:  # noqa: FBT001 - a table
    assert edits_in_place(Exchange(has=has)) is in_place
    assert edits_in_place(Exchange())


def test_orders_are_found_by_either_id_and_the_oldest_are_forgotten() -> None:
    orders = PlacedOrders(most=2)
    placed = [Placed(f"c-{n}", "1", None, reduce_only=False) for n in range(3)]
    for n, one in enumerate(placed):
        orders.add(f"v-{n}", one)
    assert orders.find("v-2", {}) is placed[2]
    assert orders.find(None, {"clientOrderId": "c-1"}) is placed[1]
    assert orders.find("v-0", {}) is None
    assert orders.find(None, {}) is None
