import pytest

from risksvc.v1 import operator_pb2, strategy_pb2, types_pb2
from tests.unit.cli.builders import BTC
from tests.unit.cli.fake_gate import Cli, FakeGate

WORDS = ["check-reducing", "--account", "main", "--instrument", BTC, "--side", "sell", "--quantity", "4.65"]
WHY = ["--reason", "close the unexplained position"]


def decided(**values: object) -> operator_pb2.CheckReducingOrderResponse:
    decision = strategy_pb2.CheckOrderResponse(client_order_id="op-7", **values)  # type: ignore[arg-type]
    return operator_pb2.CheckReducingOrderResponse(decision=decision)


def test_approved(cli: Cli, gate: FakeGate) -> None:
    gate.script("CheckReducingOrder", decided(outcome=strategy_pb2.OUTCOME_APPROVED, valid_for_ns=100_000_000))
    result = cli(*WORDS, *WHY, "--strategy", "mm")
    assert result.exit_code == 0
    assert gate.asked("CheckReducingOrder") == [
        operator_pb2.CheckReducingOrderRequest(
            account="main",
            instrument=BTC,
            side=types_pb2.SIDE_SELL,
            type=types_pb2.ORDER_TYPE_MARKET,
            quantity="4.65",
            strategy="mm",
            reason=WHY[1],
        )
    ]
    for words in (f"APPROVED  sell 4.65 {BTC}, market, reduce-only", "client order id  op-7", "within 0.1 s"):
        assert words in result.stdout, words


def test_a_limit_order(cli: Cli, gate: FakeGate) -> None:
    gate.script("CheckReducingOrder", decided(outcome=strategy_pb2.OUTCOME_APPROVED))
    document = cli.json(*WORDS, *WHY, "--type", "limit", "--price", "43000.5", "--client-order-id", "mine")
    [request] = gate.asked("CheckReducingOrder")
    assert (request.type, request.limit_price, request.client_order_id) == (1, "43000.5", "mine")
    assert document["decision"]["outcome"] == "OUTCOME_APPROVED"


def test_denied(cli: Cli, gate: FakeGate) -> None:
    denial = types_pb2.Denial(
        reason=types_pb2.DENIAL_REASON_NOT_REDUCING,
        limit="0",
        observed="4.65",
        message="nothing is held; see positions",
    )
    gate.script("CheckReducingOrder", decided(outcome=strategy_pb2.OUTCOME_DENIED, denials=[denial]))
    result = cli(*WORDS, *WHY)
    assert result.exit_code == 1
    for words in ("DENIED  sell 4.65", "NOT_REDUCING", "nothing is held; see positions", "risksvc positions"):
        assert words in result.stdout, words


def test_a_decision_that_is_not_said_is_a_denial(cli: Cli, gate: FakeGate) -> None:
    gate.script("CheckReducingOrder", decided())
    result = cli(*WORDS, *WHY)
    assert result.exit_code == 3
    assert "treat the order as denied" in result.stdout


@pytest.mark.parametrize("words", [WORDS, [*WORDS, *WHY, "--side", "hold"], [*WORDS[:-2], *WHY]])
def test_used_wrongly(cli: Cli, gate: FakeGate, words: list[str]) -> None:
    assert cli(*words).exit_code == 2
    assert not gate.requests
