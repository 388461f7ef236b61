from decimal import Decimal
from typing import Any

import pytest

from risksvc.client.orders import new_client_order_id, order_text
from risksvc.core.types import MalformedInputError, OrderType, ReplaceMode, Side
from risksvc.v1 import strategy_pb2, types_pb2
from tests.unit.client.messages import Field, a_request


def test_an_order_goes_on_the_wire_as_it_was_said() -> None:
    request = a_request(
        quantity=Decimal("0.50"),
        limit_price=50_000,
        reduce_only=True,
        intended_position="-1",
        believed_position=0,
        client_order_id="my-1",
    )
    assert request == strategy_pb2.CheckOrderRequest(
        account="main",
        strategy="mm-1",
        strategy_version="1.0",
        client_order_id="my-1",
        instrument="BTC/USDT:USDT",
        side=types_pb2.SIDE_BUY,
        type=types_pb2.ORDER_TYPE_LIMIT,
        quantity="0.5",
        limit_price="50000",
        reduce_only=True,
        intended_position="-1",
        believed_position="0",
    )


def test_what_is_not_said_is_absent_and_not_zero() -> None:
    request = a_request(intended_position=None, believed_position=None)
    assert not request.HasField("believed_position")
    assert request.WhichOneof("intent") is None
    assert request.replace_mode == strategy_pb2.REPLACE_MODE_UNSPECIFIED


def test_a_market_maker_declares_a_range() -> None:
    request = a_request(intended_position=("-1", Decimal(2)))
    assert request.intended_range == strategy_pb2.PositionRange(low="-1", high="2")


@pytest.mark.parametrize("side", ["sell", "SELL", Side.SELL])
@pytest.mark.parametrize("kind", ["market", "Market", OrderType.MARKET])
def test_sides_and_types_are_members_or_text(side: str | Side, kind: str | OrderType) -> None:
    request = a_request(side=side, type=kind, limit_price=None)
    assert (request.side, request.type) == (types_pb2.SIDE_SELL, types_pb2.ORDER_TYPE_MARKET)
    assert not request.limit_price


@pytest.mark.parametrize(
    ("given", "mode"),
    [
        (None, strategy_pb2.REPLACE_MODE_CANCEL_REPLACE),
        ("amend", strategy_pb2.REPLACE_MODE_AMEND),
        ("cancel-replace", strategy_pb2.REPLACE_MODE_CANCEL_REPLACE),
        (ReplaceMode.AMEND, strategy_pb2.REPLACE_MODE_AMEND),
    ],
)
def test_a_replacement_names_its_mode(given: Field, mode: int) -> None:
    request = a_request(replaces="old-1", replace_mode=given)
    assert (request.replaces_client_order_id, request.replace_mode) == ("old-1", mode)


@pytest.mark.parametrize("field", ["quantity", "limit_price", "intended_position", "believed_position"])
def test_a_float_is_refused_and_the_message_shows_what_to_write(field: str) -> None:
    with pytest.raises(TypeError, match=f"{field}: 0.1 is a float, which is not exact; pass text or a Decimal.*='0.1'"):
        a_request(**{field: 0.1})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"quantity": "0"}, "quantity"),
        ({"quantity": "-1"}, "quantity"),
        ({"quantity": "1e3"}, "quantity"),
        ({"quantity": Decimal("NaN")}, "quantity"),
        ({"quantity": Decimal("Infinity")}, "quantity"),
        ({"quantity": Decimal("1e30")}, "quantity"),
        ({"quantity": "\u0661"}, "quantity"),
        ({"quantity": ""}, "quantity"),
        ({"limit_price": "0"}, "limit_price"),
        ({"limit_price": None}, "limit_price"),
        ({"type": "market"}, "limit_price"),
        ({"type": "stop"}, "type"),
        ({"side": "long"}, "side"),
        ({"side": 1}, "side"),
        ({"instrument": ""}, "instrument"),
        ({"intended_position": ("2", "1")}, "intended_position"),
        ({"intended_position": ("1", "2", "3")}, "intended_position"),
        ({"client_order_id": ""}, "client_order_id"),
        ({"client_order_id": "x" * 65}, "client_order_id"),
        ({"client_order_id": "a b"}, "client_order_id"),
        ({"replaces": ""}, "replaces"),
        ({"replace_mode": "amend"}, "replace_mode"),
        ({"replaces": "old", "replace_mode": "edit"}, "replace_mode"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedInputError) as caught:
        a_request(**changes)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": True},
        {"quantity": None},
        {"reduce_only": "no"},
        {"reduce_only": 1},
        {"instrument": 7},
        {"client_order_id": 7},
        {"amount": "1"},
        {"override": True},
    ],
)
def test_a_wrong_type_and_an_unknown_argument_are_type_errors(changes: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        a_request(**changes)


def test_what_is_missing_is_named() -> None:
    from risksvc.client.orders import build_request  # noqa: PLC0415 - only here without the builder

    with pytest.raises(TypeError, match="'side' is missing"):
        build_request(account="a", strategy="s", strategy_version="", order={"instrument": "X"})  # type: ignore[typeddict-item]


def test_own_ids_are_unique_and_fit_every_venue() -> None:
    ids = {new_client_order_id() for _ in range(10_000)}
    assert len(ids) == 10_000
    assert all(len(one) == 32 and one.isascii() and one.isalnum() for one in ids)


def test_numbers_are_written_plainly() -> None:
    assert [order_text(value, field="x") for value in ("1.500", Decimal("1E+3"), Decimal("-0"), 12)] == [
        "1.5",
        "1000",
        "0",
        "12",
    ]
