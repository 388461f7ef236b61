"""What operators' requests become before the core sees them: read whole, or refused with the field's name."""

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from risksvc.core import events, outputs
from risksvc.core.types import SECOND, MalformedInputError, OrderType, Side, TradingState
from risksvc.core.venue_events import Leg
from risksvc.gate import operations, reconciling
from risksvc.v1 import operator_pb2, strategy_pb2, types_pb2, venue_pb2
from tests.unit.core.catalogue import ACCOUNT, BTC, D, feed

if TYPE_CHECKING:
    from risksvc.gate.app import GateApp

NOTHING = outputs.ExposureUse()


class Asked:
    """A gate that only remembers what its owner is given."""

    def __init__(self, answer: outputs.Output) -> None:
        self.event: Any = None
        self._answer = answer
        state = SimpleNamespace(accounts={ACCOUNT: SimpleNamespace(feed=feed(id_max_length=12))})
        owner = SimpleNamespace(state=state, submit=self._submit)
        self.app = cast("GateApp", SimpleNamespace(settings=SimpleNamespace(accounts={ACCOUNT: None}), owner=owner))

    def _submit(self, event: events.Input) -> tuple[outputs.Output, ...]:
        self.event = event
        return (self._answer,)


# -- announced orders ---------------------------------------------------------------------------------------------


def expect(**changes: object) -> tuple[events.OrderExpected, strategy_pb2.CheckOrderResponse]:
    values: dict[str, object] = {
        "account": ACCOUNT,
        "strategy": "desk",
        "instrument": BTC,
        "side": types_pb2.SIDE_SELL,
        "type": types_pb2.ORDER_TYPE_LIMIT,
        "quantity": "0.5",
        "limit_price": "50000",
        "reason": "hedge by hand",
    }
    decision = outputs.Decision("id", (), NOTHING, NOTHING, TradingState.ACTIVE, 7 * SECOND, 5 * SECOND, "h")
    asked = Asked(decision)
    request = operator_pb2.ExpectOrderRequest(**(values | changes))  # type: ignore[arg-type]
    answer = asyncio.run(operations.expect_order(asked.app, request, "olga"))
    assert isinstance(asked.event, events.OrderExpected)
    return asked.event, answer.decision


def test_an_announced_order_reaches_the_core_as_it_will_be_placed() -> None:
    event, decision = expect(client_order_id="mine", reduce_only=True, valid_ms=600_000)
    order = event.order
    assert (order.account, order.strategy, order.instrument, order.side) == (ACCOUNT, "desk", BTC, Side.SELL)
    assert (order.type, order.quantity, order.limit_price, order.reduce_only) == (
        OrderType.LIMIT, D("0.5"), D(50_000), True,
    )  # fmt: skip
    assert (order.client_order_id, event.named) == ("mine", True)
    assert (event.by, event.reason, event.valid_for) == ("olga", "hedge by hand", 600 * SECOND)
    assert (decision.outcome, decision.valid_for_ns) == (strategy_pb2.OUTCOME_APPROVED, 2 * SECOND)


def test_without_an_id_the_gate_makes_one_that_the_venue_could_carry_and_does_not_look_for_it() -> None:
    event, _ = expect()
    other, _ = expect()
    assert not event.named
    assert len(event.order.client_order_id) == 12
    assert event.order.client_order_id != other.order.client_order_id
    assert event.valid_for == 60 * SECOND, "a minute, where nothing is said"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"account": ""}, "account"),
        ({"account": "other"}, "account"),
        ({"strategy": ""}, "strategy"),
        ({"side": 0}, "side"),
        ({"type": types_pb2.ORDER_TYPE_MARKET}, "limit_price"),
        ({"quantity": "-1"}, "quantity"),
        ({"valid_ms": 3_600_001}, "valid_ms"),
        ({"valid_ms": -1}, "valid_ms"),
        ({"valid_ms": 999}, "valid_ms"),
        ({"reason": ""}, "reason"),
    ],
    ids=str,
)
def test_an_announcement_that_can_not_be_read_names_its_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(MalformedInputError) as refused:
        expect(**changes)
    assert refused.value.field == field


# -- adoption -----------------------------------------------------------------------------------------------------


def adopt(**item: object) -> events.AdoptItem:
    asked = Asked(outputs.Adopted(1))
    one = operator_pb2.AdoptItem(instrument=BTC, **item)  # type: ignore[arg-type]
    request = operator_pb2.AdoptRequest(account=ACCOUNT, items=[one], cause="manual-trade", reason="known")
    assert asyncio.run(reconciling.adopt(asked.app, request, "olga")).adopted == 1
    [named] = asked.event.items
    assert isinstance(named, events.AdoptItem)
    return named


def test_lost_orders_and_legs_reach_the_core() -> None:
    assert adopt(lost_client_order_id="c-7") == events.AdoptItem(BTC, lost_client_order_id="c-7")
    leg = adopt(position_quantity="-3", leg=venue_pb2.POSITION_LEG_SHORT)
    assert leg == events.AdoptItem(BTC, position_quantity=D(-3), leg=Leg.SHORT)
    assert adopt(position_quantity="-3").leg is None


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({}, "items[0]"),
        ({"lost_client_order_id": "c-7", "trade_id": "t"}, "items[0]"),
        ({"lost_client_order_id": "c 7"}, "items[0].lost_client_order_id"),
        ({"trade_id": "t", "leg": venue_pb2.POSITION_LEG_LONG}, "items[0].leg"),
        ({"position_quantity": "1", "leg": 9}, "items[0].leg"),
    ],
    ids=str,
)
def test_an_item_that_can_not_be_read_names_its_field(item: dict[str, object], field: str) -> None:
    with pytest.raises(MalformedInputError) as refused:
        adopt(**item)
    assert refused.value.field == field
