import re
import shlex
import time

import grpc
import pytest

from risksvc.v1 import operator_pb2, types_pb2
from risksvc.v1.operator_pb2 import HaltRequest, HaltResponse, ResumeResponse
from tests.unit.cli.builders import BTC, SECOND, order
from tests.unit.cli.fake_gate import TOKEN, Cli, FakeGate


def effective(request: HaltRequest) -> HaltResponse:
    return HaltResponse(
        halt_id=request.halt_id, effect=operator_pb2.HALT_EFFECT_EFFECTIVE, can_still_fill=[order(explained=False)]
    )


def in_force(halt_id: str) -> types_pb2.ActiveHalt:
    return types_pb2.ActiveHalt(halt_id=halt_id, state=types_pb2.TRADING_STATE_HALTED, by="bob", reason="drill")


# -- halt ---------------------------------------------------------------------------------------------------------


def test_halt_needs_a_reason_and_nothing_else(cli: Cli, gate: FakeGate) -> None:
    gate.script("Halt", effective)
    result = cli("halt", "--reason", "orders nobody sent")
    [request] = gate.asked("Halt")
    assert result.exit_code == 0
    assert request.reason == "orders nobody sent"
    assert request.state == types_pb2.TRADING_STATE_HALTED
    assert request.scope == types_pb2.Scope()
    assert re.fullmatch(r"op-\d{8}T\d{6}Z-[0-9a-f]{12}", request.halt_id)
    for words in (
        "HALTED   everything",
        f"halt id  {request.halt_id}",
        "EFFECTIVE",
        "1 order can still fill",
        "43,000.5",
        "UNEXPLAINED",
        "risksvc cancel-all --reason 'orders nobody sent'",
        f"risksvc resume {request.halt_id} --reason '<why it is safe>'",
    ):
        assert words in result.stdout, words


def test_halt_names_its_incident_and_points_to_the_assessment(cli: Cli, gate: FakeGate) -> None:
    answer = HaltResponse(halt_id="h-1", effect=operator_pb2.HALT_EFFECT_EFFECTIVE, incident_id="gate-a-i3")
    gate.script("Halt", answer)
    result = cli("halt", "--reason", "drill", "--account", "main")
    for words in ("incident gate-a-i3", "risksvc assess --account main", "risksvc incident show i3"):
        assert words in result.stdout, words
    assert cli.json("halt", "--reason", "drill")["incident_id"] == "gate-a-i3"


def test_halt_without_a_reason_is_not_sent(cli: Cli, gate: FakeGate) -> None:
    for words in ([], ["--reason", "  "], ["--reason", "<why>"]):
        assert cli("halt", *words).exit_code == 2
    assert not gate.requests


def test_halt_of_a_scope(cli: Cli, gate: FakeGate) -> None:
    gate.script("Halt", effective)
    words = ["--account", "main", "--strategy", "mm", "--instrument", BTC, "--reducing"]
    result = cli("halt", "--reason", "drill", *words)
    [request] = gate.asked("Halt")
    assert request.scope == types_pb2.Scope(account="main", strategy="mm", instrument=BTC)
    assert request.state == types_pb2.TRADING_STATE_REDUCING
    assert "REDUCING   account main, strategy mm, instrument BTC/USDT:USDT" in result.stdout
    assert f"cancel-all --reason drill --account main --strategy mm --instrument {BTC}" in result.stdout


def test_a_strategy_needs_its_account(cli: Cli, gate: FakeGate) -> None:
    result = cli("halt", "--reason", "drill", "--strategy", "mm")
    assert result.exit_code == 2
    assert "need --account" in result.stderr
    assert not gate.requests


def test_latched_says_who_is_missing(cli: Cli, gate: FakeGate) -> None:
    answer = HaltResponse(halt_id="h-1", effect=operator_pb2.HALT_EFFECT_LATCHED, missing=["redis", "gate-b"])
    gate.script("Halt", answer)
    result = cli("halt", "--reason", "drill")
    assert result.exit_code == 5
    assert "LATCHED" in result.stdout
    assert "NOT YET CONFIRMED by redis, gate-b" in result.stdout
    assert "No order in this scope can still fill" in result.stdout
    assert "cancel-all" not in result.stdout


def test_an_effect_that_is_not_said_is_not_a_halt(cli: Cli, gate: FakeGate) -> None:
    gate.script("Halt", HaltResponse(halt_id="h-1"))
    result = cli("halt", "--reason", "drill")
    assert result.exit_code == 3
    assert "NOT KNOWN TO BE HALTED" in result.stderr
    assert "treat trading as not halted" in result.stderr
    assert not result.stdout


def test_a_lost_answer_gives_the_command_that_repeats_the_same_halt(cli: Cli, gate: FakeGate) -> None:
    gate.script("Halt", grpc.StatusCode.UNAVAILABLE, effective)
    failed = cli("halt", "--reason", "it's odd", "--account", "main")
    assert failed.exit_code == 3
    assert "NOT KNOWN TO BE HALTED" in failed.stderr
    again = next(line for line in failed.stderr.splitlines() if "--halt-id" in line)
    repeated = cli(*shlex.split(again, comments=True)[1:])
    first, second = gate.asked("Halt")
    assert repeated.exit_code == 0
    assert first == second


def test_halt_and_cancel(cli: Cli, gate: FakeGate) -> None:
    gate.script("Halt", effective)
    gate.script("CancelAll", operator_pb2.CancelAllResponse(cancelled=[order()], kept=[order(reduce_only=True)]))
    result = cli("halt", "--reason", "drill", "--cancel")
    [request] = gate.asked("CancelAll")
    assert result.exit_code == 0
    assert not request.include_protective
    assert "Cancelled, confirmed by the venue (1)" in result.stdout
    assert "Kept: they protect an open position (1)" in result.stdout
    cli("halt", "--reason", "drill", "--cancel", "--all")
    assert gate.asked("CancelAll")[1].include_protective
    assert cli("halt", "--reason", "drill", "--all").exit_code == 2


def test_halt_in_json(cli: Cli, gate: FakeGate) -> None:
    gate.script("Halt", effective)
    gate.script("CancelAll", operator_pb2.CancelAllResponse(by_hand=[order()]))
    document = cli.json("halt", "--reason", "drill")
    assert document["effect"] == "HALT_EFFECT_EFFECTIVE"
    assert document["can_still_fill"][0]["remaining"] == "1.5"
    both = cli.json("halt", "--reason", "drill", "--cancel", code=1)
    assert both["halt"]["effect"] == "HALT_EFFECT_EFFECTIVE"
    assert both["cancel_all"]["by_hand"][0]["venue_order_id"] == "v-1"
    gate.script("CancelAll", grpc.StatusCode.INTERNAL)
    assert cli.json("halt", "--reason", "drill", "--cancel", code=3)["cancel_all"] is None


def test_a_narrow_terminal_breaks_no_number_and_no_id(cli: Cli, gate: FakeGate) -> None:
    gate.script("Halt", effective)
    text = cli("halt", "--reason", "drill", FORCE_COLOR="1", COLUMNS="40").stdout
    row = next(line for line in text.splitlines() if "43,000.5" in line)
    for words in (BTC, "c-1", "v-1", "UNEXPLAINED"):
        assert words in row, words


# -- resume -------------------------------------------------------------------------------------------------------


def test_resume_names_halts_and_why(cli: Cli, gate: FakeGate) -> None:
    gate.script("Resume", ResumeResponse(outcome=operator_pb2.RESUME_OUTCOME_CLEARED, cleared=["h-1", "h-2"]))
    result = cli("resume", "h-1", "h-2", "--reason", "adopted, root cause fixed")
    [request] = gate.asked("Resume")
    assert result.exit_code == 0
    assert list(request.propose.halt_ids) == ["h-1", "h-2"]
    assert request.propose.reason == "adopted, root cause fixed"
    assert "CLEARED  h-1, h-2" in result.stdout
    assert "risksvc incident show  #" in result.stdout  # the way does not end with the resume


def test_resume_all_shows_each_and_names_each(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetStatus", operator_pb2.GetStatusResponse(halts=[in_force("h-1"), in_force("h-2")]))
    gate.script("Resume", ResumeResponse(outcome=operator_pb2.RESUME_OUTCOME_CLEARED, cleared=["h-1", "h-2"]))
    result = cli("resume", "--all", "--reason", "drill over")
    [request] = gate.asked("Resume")
    assert list(request.propose.halt_ids) == ["h-1", "h-2"]
    assert result.stdout.index("Clearing 2 halts") < result.stdout.index("CLEARED")
    assert "bob" in result.stdout


def test_resume_all_with_nothing_halted(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetStatus", operator_pb2.GetStatusResponse())
    result = cli("resume", "--all", "--reason", "drill over")
    assert result.exit_code == 0
    assert "No halt is in force" in result.stdout
    assert cli.json("resume", "--all", "--reason", "x")["cleared"] == []
    assert not gate.asked("Resume")


def test_a_proposal_says_what_the_other_operator_types(cli: Cli, gate: FakeGate) -> None:
    answer = ResumeResponse(
        outcome=operator_pb2.RESUME_OUTCOME_PROPOSED, proposal_id="p-1", expires_at_ns=time.time_ns() + 899 * SECOND
    )
    gate.script("Resume", answer)
    result = cli("resume", "h-1", "--reason", "fixed")
    assert result.exit_code == 0
    assert "nothing is cleared until another operator confirms" in result.stdout
    assert "runs out in 14 min" in result.stdout
    assert "risksvc resume --confirm p-1" in result.stdout


def test_the_other_operator_is_not_given_the_token_of_the_first(cli: Cli, gate: FakeGate) -> None:
    path = cli.home / "alice"
    path.write_text(TOKEN)
    path.chmod(0o600)
    gate.script("Resume", ResumeResponse(outcome=operator_pb2.RESUME_OUTCOME_PROPOSED, proposal_id="p-1"))
    words = ["--token-file", str(path), "--operator-address", gate.address]
    text = cli("resume", "h-1", "--reason", "fixed", *words).stdout
    assert f"risksvc resume --confirm p-1 --operator-address {gate.address}  #" in text
    assert "alice" not in text


def test_confirming(cli: Cli, gate: FakeGate) -> None:
    gate.script("Resume", ResumeResponse(outcome=operator_pb2.RESUME_OUTCOME_CLEARED, cleared=["h-1"]))
    assert cli("resume", "--confirm", "p-1").exit_code == 0
    [request] = gate.asked("Resume")
    assert request.confirm.proposal_id == "p-1"
    assert request.WhichOneof("step") == "confirm"


@pytest.mark.parametrize(
    ("reason", "command"),
    [
        ("HALT_UNKNOWN", "risksvc status"),
        ("HALT_CLEARED", "risksvc status"),
        ("NO_READ_SINCE_HALT", "risksvc reconcile"),
        ("ORDER_UNKNOWN", "risksvc reservations"),
        ("UNEXPLAINED", "risksvc adopt"),
        ("DIVERGED", "risksvc reconcile --explain"),
        ("LIMIT_EXCEEDED", "risksvc exposure"),
        ("PROPOSAL_UNKNOWN", "risksvc status"),
        ("SAME_PERSON", "risksvc status"),
        ("COOLING_DOWN", "risksvc status"),
        ("KILL_SWITCH_UNREACHABLE", "risksvc status"),
    ],
)
def test_a_refused_resume_says_what_to_do(cli: Cli, gate: FakeGate, reason: str, command: str) -> None:
    refusal = operator_pb2.Refusal(
        reason=operator_pb2.RefusalReason.Value(f"REFUSAL_REASON_{reason}"), message="why, and what to do"
    )
    gate.script("Resume", ResumeResponse(outcome=operator_pb2.RESUME_OUTCOME_REFUSED, refusals=[refusal]))
    result = cli("resume", "h-1", "--reason", "fixed")
    assert result.exit_code == 1
    assert "REFUSED" in result.stdout
    assert reason in result.stdout
    assert "why, and what to do" in result.stdout
    assert command in result.stdout
    assert cli.json("resume", "h-1", "--reason", "x", code=1)["refusals"][0]["reason"] == f"REFUSAL_REASON_{reason}"


def test_an_outcome_that_is_not_said_cleared_nothing(cli: Cli, gate: FakeGate) -> None:
    gate.script("Resume", ResumeResponse())
    result = cli("resume", "h-1", "--reason", "fixed")
    assert result.exit_code == 3
    assert "treat the halts as in force" in result.stdout


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["h-1"],
        ["--all"],
        ["--reason", "x"],
        ["h-1", "--all", "--reason", "x"],
        ["h-1", "--confirm", "p-1"],
        ["--confirm", "p-1", "--reason", "x"],
        ["h-1", "--reason", "<why it is safe>"],
    ],
)
def test_resume_used_wrongly_asks_nothing(cli: Cli, gate: FakeGate, words: list[str]) -> None:
    result = cli("resume", *words)
    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert not gate.requests
