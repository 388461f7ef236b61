# ruff: noqa: ANN401 - a builder takes whatever the message that it builds takes
"""CheckBatch at the gate: what is refused whole, what order by order, one journal entry, one answer."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from risksvc.core.events import OrdersChecked
from risksvc.core.gate import RiskGate
from risksvc.core.outputs import Decision
from risksvc.core.types import MalformedInputError
from risksvc.gate.app import Counters, GateApp
from risksvc.gate.codec import decode
from risksvc.gate.convert_batch import MAX_BATCH, batch_reply
from risksvc.gate.convert_strategy import decision_message
from risksvc.gate.engine.methods import StatusError
from risksvc.gate.owner import GateClosedError, Owner
from risksvc.gate.servers import STRATEGY_BUDGET
from risksvc.gate.strategy_service import StrategyService
from risksvc.v1 import strategy_pb2, types_pb2
from tests.unit.gate.steps import BTC, MemoryJournal, StepClock, opening

EACH, WHOLE = strategy_pb2.BATCH_MODE_EACH, strategy_pb2.BATCH_MODE_ALL_OR_NONE
APPROVED, DENIED = strategy_pb2.OUTCOME_APPROVED, strategy_pb2.OUTCOME_DENIED


def order(id_: str = "o-1", **fields: Any) -> strategy_pb2.CheckOrderRequest:
    usual: dict[str, Any] = {
        "account": "main",
        "strategy": "mm",
        "client_order_id": id_,
        "instrument": BTC,
        "side": types_pb2.SIDE_BUY,
        "type": types_pb2.ORDER_TYPE_LIMIT,
        "quantity": "0.1",
        "limit_price": "50000",
        "intended_position": "1",
        "believed_position": "0",
    }
    return strategy_pb2.CheckOrderRequest(**{**usual, **fields})


class Served:
    """An open gate with a journal in memory, and its strategy service."""

    def __init__(self) -> None:
        self.journal, clock = MemoryJournal(), StepClock()
        self.owner = Owner(RiskGate(), self.journal, clock)
        for event in opening():
            self.owner.submit(event)
        self.counters = Counters()
        parts = SimpleNamespace(owner=self.owner, clock=clock, counters=self.counters)
        self.service = StrategyService(cast("GateApp", parts))
        self.before = len(self.journal.entries)

    def ask(self, *orders: strategy_pb2.CheckOrderRequest, mode: Any = EACH) -> list[strategy_pb2.CheckOrderResponse]:
        request = strategy_pb2.CheckBatchRequest(mode=mode, orders=orders)
        reply = self.service.check_batch(request.SerializeToString())
        return list(strategy_pb2.CheckBatchResponse.FromString(reply).decisions)

    @property
    def journaled(self) -> list[bytes]:
        return self.journal.entries[self.before :]


@pytest.fixture
def served() -> Served:
    return Served()


def outcomes(answers: list[strategy_pb2.CheckOrderResponse]) -> list[str]:
    """By order: approved, or the first reason."""
    names = types_pb2.DenialReason.Name
    return [
        "approved" if one.outcome == APPROVED else names(one.denials[0].reason).removeprefix("DENIAL_REASON_")
        for one in answers
    ]


def test_a_batch_is_one_entry_and_one_answer_in_order(served: Served) -> None:
    answers = served.ask(order("a"), order("b", quantity="2"), order("c"))
    assert outcomes(answers) == ["approved", "MAX_NET_EXPOSURE", "REDUCING_ONLY"]
    assert [one.client_order_id for one in answers] == ["a", "b", "c"]
    [entry] = served.journaled
    read = decode(entry)
    assert isinstance(read.input, OrdersChecked)
    assert [one.order.client_order_id for one in read.input.orders] == ["a", "b", "c"]
    decisions = [one for one in read.outputs if isinstance(one, Decision)]
    assert [decision_message(one) for one in decisions] == answers


def test_all_or_none(served: Served) -> None:
    assert outcomes(served.ask(order("a"), order("b"), mode=WHOLE)) == ["approved", "approved"]
    denied = served.ask(order("c"), order("d", quantity="2"), mode=WHOLE)
    assert outcomes(denied) == ["BATCH_DENIED", "MAX_NET_EXPOSURE"]
    assert "order d of this batch was denied (MAX_NET_EXPOSURE)" in denied[0].denials[0].message
    assert list(served.owner.state.accounts["main"].reservations) == ["a", "b"]


def test_a_malformed_order_is_denied_at_its_place(served: Served) -> None:
    answers = served.ask(order("a", quantity="NaN"), order("b"), order("c", limit_price=""), order("d"))
    assert outcomes(answers) == ["INVALID_REQUEST", "approved", "INVALID_REQUEST", "approved"]
    assert [one.client_order_id for one in answers] == ["a", "b", "c", "d"]
    assert answers[0].denials[0].message.startswith("quantity: 'NaN' is not a decimal")
    assert served.counters.malformed == 2
    [entry] = served.journaled
    read = decode(entry).input
    assert isinstance(read, OrdersChecked)
    assert [one.order.client_order_id for one in read.orders] == ["b", "d"]


def test_nothing_is_asked_when_no_order_can_be_read(served: Served) -> None:
    assert outcomes(served.ask(order(quantity="-1"), order(type=0))) == ["INVALID_REQUEST"] * 2
    assert served.journaled == []


def test_under_all_or_none_a_malformed_order_denies_all_and_the_ids_stay_free(served: Served) -> None:
    answers = served.ask(order("a"), order("b", quantity="-1"), order("c", quantity="x"), mode=WHOLE)
    assert outcomes(answers) == ["BATCH_DENIED", "INVALID_REQUEST", "INVALID_REQUEST"]
    assert answers[0].denials[0].message == (
        "all or none: order 2 of this batch is malformed (quantity: '-1' must be above 0)"
    )
    assert served.journaled == []
    assert outcomes(served.ask(order("a"), order("b"), mode=WHOLE)) == ["approved"] * 2


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (strategy_pb2.CheckBatchRequest(mode=EACH), r"orders: has 0 orders; allowed: 1 to 100"),
        (strategy_pb2.CheckBatchRequest(mode=EACH, orders=[order()] * 101), r"orders: has 101 orders"),
        (strategy_pb2.CheckBatchRequest(orders=[order()]), r"mode: unspecified is not allowed; allowed: BATCH_MODE_E"),
        (strategy_pb2.CheckBatchRequest(mode=cast("Any", 7), orders=[order()]), r"mode: 7 is not allowed"),
        (
            strategy_pb2.CheckBatchRequest(mode=EACH, orders=[order(), order(), order(strategy="other")]),
            r"orders\[2\]: is not the first order's account and strategy",
        ),
        (strategy_pb2.CheckBatchRequest(mode=WHOLE, orders=[order(), order(account="o")]), r"orders\[1\]: is not"),
    ],
)
def test_a_malformed_batch_is_refused_whole(
    served: Served, request_: strategy_pb2.CheckBatchRequest, said: str
) -> None:
    with pytest.raises(MalformedInputError, match=said):
        served.service.check_batch(request_.SerializeToString())
    assert served.journaled == []


def test_what_is_no_message_at_all_is_refused(served: Served) -> None:
    with pytest.raises(StatusError, match="the message can't be read"):
        served.service.check_batch(b"\xff\xff")


def test_a_gate_that_is_closed_by_a_fault_denies_every_order(served: Served) -> None:
    served.journal.fail_at = 1
    with pytest.raises(GateClosedError):
        served.ask(order("a"), order("b"))
    for mode in (EACH, WHOLE):
        assert outcomes(served.ask(order("a"), order("b"), mode=mode)) == ["GATE_FAULT"] * 2


@pytest.mark.parametrize("replies", [(), (b"",), (b"x" * 127, b"y" * 128), (b"z" * 16_383, b"z" * 16_384)])
def test_the_reply_is_what_protobuf_would_write(replies: tuple[bytes, ...]) -> None:
    made = [strategy_pb2.CheckOrderResponse(client_order_id=one.decode()) if one else None for one in replies]
    messages = [one or strategy_pb2.CheckOrderResponse() for one in made]
    expected = strategy_pb2.CheckBatchResponse(decisions=messages).SerializeToString()
    assert batch_reply([one.SerializeToString() for one in messages]) == expected


def test_a_hundred_of_the_longest_orders_fit_into_one_request() -> None:
    name, number = "N" * 64, "-" + "9" * 15 + "." + "9" * 18
    longest = strategy_pb2.CheckOrderRequest(
        account=name,
        strategy=name,
        strategy_version=name,
        client_order_id=name,
        replaces_client_order_id=name,
        instrument=name,
        side=types_pb2.SIDE_SELL,
        type=types_pb2.ORDER_TYPE_LIMIT,
        quantity=number,
        limit_price=number,
        reduce_only=True,
        intended_range=strategy_pb2.PositionRange(low=number, high=number),
        believed_position=number,
        replace_mode=strategy_pb2.REPLACE_MODE_AMEND,
    )
    request = strategy_pb2.CheckBatchRequest(mode=WHOLE, orders=[longest] * MAX_BATCH)
    assert len(request.SerializeToString()) <= STRATEGY_BUDGET.receive_bytes
