import pytest

from risksvc.v1 import operator_pb2, strategy_pb2, types_pb2
from tests.unit.cli.builders import BTC, SECOND
from tests.unit.cli.fake_gate import Cli, FakeGate

WORDS = ["expect", "--account", "main", "--strategy", "desk", "--instrument", BTC, "--side", "buy", "--quantity", "0.5"]
WHY = ["--reason", "hedge by hand"]
UNTIL = 1_800_000_600 * SECOND


def decided(**values: object) -> operator_pb2.ExpectOrderResponse:
    decision = strategy_pb2.CheckOrderResponse(client_order_id="0f12", **values)  # type: ignore[arg-type]
    return operator_pb2.ExpectOrderResponse(decision=decision)


APPROVED = decided(
    outcome=strategy_pb2.OUTCOME_APPROVED,
    valid_for_ns=600 * SECOND,
    valid_until_ns=UNTIL,
    instrument_exposure=types_pb2.ExposureUse(before="0", after="21500", limit="50000"),
)


def test_approved_says_what_to_place_until_when_and_how_it_is_known(cli: Cli, gate: FakeGate) -> None:
    gate.script("ExpectOrder", APPROVED)
    result = cli(*WORDS, *WHY, "--price", "43000", "--for", "10m")
    assert result.exit_code == 0
    assert gate.asked("ExpectOrder") == [
        operator_pb2.ExpectOrderRequest(
            account="main",
            strategy="desk",
            instrument=BTC,
            side=types_pb2.SIDE_BUY,
            type=types_pb2.ORDER_TYPE_LIMIT,
            quantity="0.5",
            limit_price="43000",
            valid_ms=600_000,
            reason=WHY[1],
        )
    ]
    for words in (
        f"APPROVED  buy 0.5 {BTC}, limit 43,000",
        "once, in account main",
        "2027-01-15 08:10:00 UTC, 10 min 0 s from now",
        "instrument, side, quantity and price",
        "0f12",
        "21,500.00 of 50,000.00",
        "risksvc reconcile --explain --account main",
    ):
        assert words in result.stdout, words


def test_an_order_with_an_id_of_its_own_is_known_by_it(cli: Cli, gate: FakeGate) -> None:
    gate.script("ExpectOrder", APPROVED)
    text = cli(*WORDS, *WHY, "--client-order-id", "mine", "--reduce-only").stdout
    [request] = gate.asked("ExpectOrder")
    assert (request.client_order_id, request.reduce_only, request.valid_ms) == ("mine", True, 60_000)
    assert request.type == types_pb2.ORDER_TYPE_MARKET
    assert "its client order id: give it 0f12" in text
    assert "market, reduce-only" in text


def test_denied_names_every_rule(cli: Cli, gate: FakeGate) -> None:
    denials = [
        types_pb2.Denial(reason=types_pb2.DENIAL_REASON_HALTED, message="halted by olga"),
        types_pb2.Denial(
            reason=types_pb2.DENIAL_REASON_MAX_NET_EXPOSURE, limit="50000", observed="71500", message="too much"
        ),
    ]
    gate.script("ExpectOrder", decided(outcome=strategy_pb2.OUTCOME_DENIED, denials=denials))
    result = cli(*WORDS, *WHY)
    assert result.exit_code == 1
    for words in ("DENIED  buy 0.5", "do not place it", "HALTED", "MAX_NET_EXPOSURE", "71,500", "too much"):
        assert words in result.stdout, words
    assert cli.json(*WORDS, *WHY, code=1)["decision"]["denials"][1]["observed"] == "71500"


def test_a_decision_that_is_not_said_is_a_denial(cli: Cli, gate: FakeGate) -> None:
    gate.script("ExpectOrder", decided())
    result = cli(*WORDS, *WHY)
    assert result.exit_code == 3
    assert "do not place the order" in result.stdout


@pytest.mark.parametrize(
    "words",
    [
        WORDS,
        [*WORDS, *WHY, "--side", "hold"],
        [*WORDS[:-2], *WHY],
        [*WORDS, *WHY, "--for", "soon"],
        [*WORDS, *WHY, "--for", "0s"],
    ],
)
def test_used_wrongly(cli: Cli, gate: FakeGate, words: list[str]) -> None:
    assert cli(*words).exit_code == 2
    assert not gate.requests
