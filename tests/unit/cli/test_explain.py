"""`risksvc reconcile --explain`: what differs, what explains it, what to do, and a command that can be pasted."""

import shlex

import grpc
import pytest

from risksvc.cli.app import app
from risksvc.cli.divergence_advice import ADVICE, commands_for
from risksvc.core.divergences import DivergenceClass
from risksvc.v1 import operator_pb2, types_pb2, venue_pb2
from risksvc.v1.operator_pb2 import (
    AccountReconciliation,
    AdoptItem,
    GetReconciliationResponse,
    InstrumentReconciliation,
    ReconcileResponse,
)
from tests.unit.cli.builders import BTC, SECOND, divergence, read
from tests.unit.cli.fake_gate import Cli, FakeGate

NOW = 1_800_000_000 * SECOND
FILL = AdoptItem(instrument=BTC, trade_id="77", description="bought 4.65")


def strategy(**changes: object) -> operator_pb2.StrategyReconciliation:
    values: dict[str, object] = {
        "strategy": "mm",
        "believed": "0.5",
        "believed_at_ns": NOW - 2 * SECOND,
        "ledger": "0.5",
        "in_flight_buy": "0",
        "in_flight_sell": "0",
        "agrees": True,
    }
    return operator_pb2.StrategyReconciliation(**(values | changes))  # type: ignore[arg-type]


def fill(**changes: object) -> operator_pb2.ExplainedFill:
    values: dict[str, object] = {
        "trade_id": "77",
        "side": types_pb2.SIDE_BUY,
        "quantity": "4.65",
        "price": "43000",
        "venue_time_ms": NOW // 1_000_000,
        "kind": "TRADE",
        "explanation": "no approval explains it; nobody known",
    }
    return operator_pb2.ExplainedFill(**(values | changes))  # type: ignore[arg-type]


def ledgers(**changes: object) -> InstrumentReconciliation:
    values: dict[str, object] = {
        "instrument": BTC,
        "strategies": [strategy()],
        "adopted": "0",
        "unexplained": "0",
        "ledger": "0.5",
        "venue": "0.5",
        "difference": "0",
        "low": "0.5",
        "high": "0.5",
        "status": "AGREES",
    }
    return InstrumentReconciliation(**(values | changes))  # type: ignore[arg-type]


def account(*instruments: InstrumentReconciliation, **changes: object) -> AccountReconciliation:
    values: dict[str, object] = {
        "account": "main",
        "read_age_ms": 700,
        "instruments": instruments,
        "residual": "0",
        "measured_lag_ms": 120,
        "settle_ms": 2000,
    }
    return AccountReconciliation(**(values | changes))  # type: ignore[arg-type]


def explained(
    gate: FakeGate, *accounts: AccountReconciliation, result: operator_pb2.ReconcileResult | None = None
) -> None:
    gate.script("Reconcile", ReconcileResponse(results=[result or read()]))
    gate.script("GetReconciliation", GetReconciliationResponse(accounts=accounts, now_ns=NOW))


def test_what_agrees_is_said_in_few_lines(cli: Cli, gate: FakeGate) -> None:
    explained(gate, account(ledgers(), ledgers(instrument="ETH/USDT:USDT")))
    result = cli("reconcile", "--explain", "--account", "main")
    assert result.exit_code == 0
    for words in ("AGREES  account main", "2 instruments in which venue, ledger and belief agree", "mm +0.5", "120 ms"):
        assert words in result.stdout, words
    assert gate.asked("GetReconciliation")[0].account == "main"


def test_a_difference_ends_in_commands_that_can_be_pasted(cli: Cli, gate: FakeGate) -> None:
    wrong = ledgers(
        venue="4.65",
        ledger="5.15",
        unexplained="4.65",
        low="4.65",
        high="5.15",
        difference="-0.5",
        status="DIVERGED",
        strategies=[strategy(believed="0", agrees=False)],
        divergences=[divergence(since_ns=NOW - 90 * SECOND)],
        fills=[
            fill(),
            fill(trade_id="76", client_order_id="c-1", strategy="mm", explained=True, explanation="order c-1"),
        ],
    )
    explained(gate, account(wrong), result=read(agrees=False, unexplained=[FILL]))
    result = cli("reconcile", "--explain")
    assert result.exit_code == 1
    for words in (
        "DIFFERS  account main",
        f"{BTC}  DIVERGED",
        "between +4.65 … +5.15",
        "explained by nothing +4.65",
        "DIFFERS, and nothing explains it",
        "UNEXPECTED_FILL, for 1 min 30 s, 1 read, worth 200,000.00",
        "found: fill 77 has no approval",
        "means: a fill at the venue that no approved order explains",
        "do:    Somebody trades this account without asking",
        "2 fills, 1 of them not explained",
        "order c-1",
        "risksvc adopt --account main trade:77 --owner '<STRATEGY>'",
        "risksvc halt --account main --reason '<why>'",
    ):
        assert words in result.stdout, words


def test_what_nobody_said_and_what_was_not_read_is_not_zero(cli: Cli, gate: FakeGate) -> None:
    silent = ledgers(
        venue="", difference="", status="", strategies=[strategy(believed="", believed_at_ns=0, agrees=False)]
    )
    explained(gate, account(silent, read_age_ms=-1, measured_lag_ms=-1, residual=""))
    text = cli("reconcile", "--explain").stdout
    for words in (
        "NOT READ  account main",
        "never read: not known, not flat",
        "not said",
        "not measured yet",
        "not known",
    ):
        assert words in text, words
    assert "not checked" in text


def test_a_read_that_failed_is_told_before_what_was_known(cli: Cli, gate: FakeGate) -> None:
    explained(gate, account(ledgers()), result=read(complete=False, agrees=False, problem="timed out"))
    result = cli("reconcile", "--explain")
    assert result.exit_code == 3
    assert (
        result.stdout.index("timed out")
        < result.stdout.index("as of the last complete read")
        < result.stdout.index(BTC)
    )


def test_conditions_legs_and_quantity_in_flight(cli: Cli, gate: FakeGate) -> None:
    stale = divergence(divergence_class="STALE_VENUE", instrument="", status="SUSPECT", usd="", message="none for 9 s")
    hedged = ledgers(
        status="SUSPECT",
        venue_long="1",
        venue_short="0.5",
        ledger_long="1",
        ledger_short="0.5",
        strategies=[strategy(believed="0.6", in_flight_buy="0.1")],
        orders=[operator_pb2.ExplainedOrder(venue_order_id="v9", quantity="2", explanation="nobody known")],
    )
    found = account(
        hedged, conditions=[stale], residual="12", max_residual="10", equity_difference="-3", equity_tolerance="5",
        stream_connected=True, limitations=["reduce-only is not enforced"],
    )  # fmt: skip
    explained(gate, found, result=read(agrees=False))
    text = cli("reconcile", "--explain").stdout
    for words in (
        "1 instrument and 1 condition to be explained",
        "none for 9 s",
        "risksvc venue --account main",
        "what is on its way explains it",
        "in flight +0.1 -0",
        "the last complete read: 1 long, 0.5 short",
        "12.00 that nobody explains; at most 10.00",
        "-3.00 that nobody explains; at most 5.00",
        "private stream  up",
        "this venue: reduce-only is not enforced",
        "Orders that need an explanation (1)",
        "v9",
    ):
        assert words in text, words


def test_one_instrument(cli: Cli, gate: FakeGate) -> None:
    explained(gate, account(ledgers()))
    text = cli("reconcile", "--explain", "--instrument", BTC).stdout
    assert gate.asked("GetReconciliation")[0].instrument == BTC
    assert "said 2.0 s ago" in text
    assert cli("reconcile", "--instrument", BTC).exit_code == 2
    gate.details = f"instrument: 'X' is not an instrument here; known: {BTC}"
    gate.script("GetReconciliation", grpc.StatusCode.INVALID_ARGUMENT)
    assert "not an instrument here" in cli("reconcile", "--explain", "--instrument", "X").output


def test_json_has_the_read_and_the_ledgers(cli: Cli, gate: FakeGate) -> None:
    explained(gate, account(ledgers(fills=[fill()])), result=read(agrees=False, unexplained=[FILL]))
    document = cli.json("reconcile", "--explain", code=1)
    assert document["results"][0]["unexplained"][0]["trade_id"] == "77"
    assert document["accounts"][0]["instruments"][0]["fills"][0]["explained"] is False
    assert document["now_ns"] == str(NOW)


def test_what_was_found_at_the_first_start_is_adopted_though_nothing_is_suspect(cli: Cli, gate: FakeGate) -> None:
    found = ledgers(venue="4.65", ledger="0", difference="4.65", low="0", high="4.65", status="SUSPECT", strategies=[])
    item = AdoptItem(instrument=BTC, position_quantity="4.65")
    explained(gate, account(found), result=read(agrees=False, unexplained=[item]))
    text = cli("reconcile", "--explain").stdout
    assert "DIFFERS  account main" in text
    assert f"risksvc adopt --account main position:{BTC}" in text


def test_without_a_read_nothing_is_said_to_be_explained(cli: Cli, gate: FakeGate) -> None:
    explained(gate, account(read_age_ms=-1), result=read(complete=False, agrees=False, problem="no feed"))
    text = cli("reconcile", "--explain").stdout
    assert "nothing has to be explained" not in text
    assert "risksvc status" in text


def test_many_items_are_adopted_together(cli: Cli, gate: FakeGate) -> None:
    items = [AdoptItem(instrument=BTC, trade_id=str(number)) for number in range(5)]
    wrong = ledgers(status="DIVERGED", divergences=[divergence()])
    explained(gate, account(wrong), result=read(agrees=False, unexplained=items))
    assert f"adopt --account main --all --instrument {BTC}" in cli("reconcile", "--explain").stdout


# -- advice -------------------------------------------------------------------------------------------------------

ITEMS = [
    FILL,
    AdoptItem(instrument=BTC, venue_order_id="v9"),
    AdoptItem(instrument=BTC, lost_client_order_id="c-7"),
    AdoptItem(instrument=BTC, position_quantity="-3", leg=venue_pb2.POSITION_LEG_SHORT),
]


def test_every_class_has_advice() -> None:
    assert list(ADVICE) == list(DivergenceClass)


@pytest.mark.parametrize("kind", list(DivergenceClass), ids=lambda kind: kind.value)
def test_every_command_that_is_advised_can_be_typed(kind: DivergenceClass) -> None:
    found = divergence(divergence_class=kind.value, strategy="mm")
    for words, purpose in commands_for(found, ITEMS):
        assert purpose
        assert not any("{" in word for word in words)
        command = app.get_command(app.make_context("risksvc", ["status"], resilient_parsing=True), words[0])
        assert command is not None, words
        named = [shlex.quote(word) for word in words[1:]]
        command.make_context(words[0], [word.strip("'").replace("<", "").replace(">", "") for word in named])


@pytest.mark.parametrize(
    ("kind", "item"),
    [
        ("UNEXPECTED_FILL", ("trade:77",)),
        ("UNEXPECTED_ORDER", ("order:v9",)),
        ("LOST_ORDER", ("--lost-order", "c-7")),
        ("PHANTOM_FILL", ("trade:77",)),
        ("POSITION_DRIFT", (f"position:{BTC}", "--leg", "short")),
    ],
)
def test_what_settles_it_is_named(kind: str, item: tuple[str, ...]) -> None:
    [adoption] = [words for words, _ in commands_for(divergence(divergence_class=kind), ITEMS) if words[0] == "adopt"]
    assert adoption[3 : 3 + len(item)] == item


def test_a_class_of_a_newer_gate_gets_no_advice_of_another() -> None:
    assert not list(commands_for(divergence(divergence_class="SOMETHING_NEW"), ITEMS))


def test_no_strategy_is_halted_that_is_not_named() -> None:
    commands = commands_for(divergence(divergence_class="BELIEF_DRIFT", strategy=""), [])
    assert [words[0] for words, _ in commands] == ["reconcile"]
