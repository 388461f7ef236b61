"""`risksvc decide` and `risksvc hold`: what a person reads, what a script learns, what to type next."""

import re
import time

import pytest

from risksvc.v1 import incident_pb2, operator_pb2, types_pb2
from risksvc.v1.incident_pb2 import CourseChoice, CourseReason, DecideResponse, HoldState, Incident, RoleHolders
from tests.unit.cli.fake_gate import Cli, FakeGate

NOW = time.time_ns()
MINUTE = 60 * 10**9
UNSAID = incident_pb2.COURSE_UNSPECIFIED
FLATTEN, REDUCE, HOLD = incident_pb2.COURSE_FLATTEN, incident_pb2.COURSE_REDUCE, incident_pb2.COURSE_HOLD
WHY = "'<why, in your words>'"


def reason(name: str = "CAUSE_FIXED", points_to: "incident_pb2.Course.ValueType" = HOLD) -> CourseReason:
    return CourseReason(name=name, points_to=points_to, observed="seen", limit="bound", message=f"because of {name}")


def said(course: "incident_pb2.Course.ValueType", by: str, role: str) -> CourseChoice:
    return CourseChoice(course=course, by=by, role=role, reason="thin book", at_ns=NOW - MINUTE)


def answer(*choices: CourseChoice, course: "incident_pb2.Course.ValueType" = UNSAID, **rest: object) -> DecideResponse:
    """HOLD is recommended and nothing is in force, unless said otherwise."""
    incident = Incident(
        incident_id="g1-i1",
        severity=types_pb2.SEVERITY_P0,
        scope=types_pb2.Scope(account="main"),
        summary="POSITION_DRIFT",
        course=course,
        choices=choices,
    )
    values: dict[str, object] = {
        "incident": incident,
        "recommended": HOLD,
        "reasons": [reason()],
        "assessed_at_ns": NOW - 40 * 10**9,
        "holders": [
            RoleHolders(role="engineering", operators=["alice", "emil"]),
            RoleHolders(role="risk", operators=["alice", "rita"]),
        ],
        "now_ns": NOW,
    }
    return DecideResponse(**(values | rest))  # type: ignore[arg-type]


OUTSIDE = [types_pb2.Scope(account=name, instrument="BTC/USDT:USDT") for name in ("main", "b")]
REQUIRED = answer(
    course=FLATTEN,
    recommended=FLATTEN,
    required=True,
    reasons=[reason("OUTSIDE_BAND", FLATTEN)],
    to_flatten=OUTSIDE,
)
WAITING = answer(said(HOLD, "alice", "engineering"), waiting_for=["risk"])
HELD = answer(
    said(HOLD, "alice", "engineering"),
    said(HOLD, "rita", "risk"),
    course=HOLD,
    in_force=True,
    hold=HoldState(since_ns=NOW - 20 * MINUTE, reminded_at_ns=NOW - 5 * MINUTE, next_reminder_ns=NOW + 10 * MINUTE),
)


# -- looking ------------------------------------------------------------------------------------------------------


def test_a_look_shows_every_reason_and_changes_nothing(cli: Cli, gate: FakeGate) -> None:
    gate.script("Decide", answer(reasons=[reason(), reason("EXIT_COST", FLATTEN)]))
    result = cli("decide")
    [request] = gate.asked("Decide")
    assert (result.exit_code, request) == (0, incident_pb2.DecideRequest())
    for words in (
        "incident g1-i1  P0  account main: POSITION_DRIFT",
        "HOLD   recommended, by the assessment of 40 s ago",
        "CAUSE_FIXED",
        "because of CAUSE_FIXED",
        "because of EXIT_COST",
        "No course is in force.",
        f"risksvc decide --course flatten --incident g1-i1 --reason {WHY}",
        f"risksvc hold --incident g1-i1 --reason {WHY}",
        "# recommended: takes two: engineering and risk",
        "risksvc incident show g1-i1",
    ):
        assert words in result.stdout, words


def test_outside_the_band_only_the_flatten_is_suggested(cli: Cli, gate: FakeGate) -> None:
    gate.script("Decide", REQUIRED)
    result = cli("decide")
    assert "FLATTEN   REQUIRED: no other course is taken" in result.stdout
    assert "FLATTEN is in force, by the 150 % rule." in result.stdout
    assert "risksvc flatten --account main --instrument BTC/USDT:USDT  # shows the plan" in result.stdout
    assert "risksvc flatten --account b --instrument BTC/USDT:USDT" in result.stdout
    assert "risksvc hold" not in result.stdout
    assert "--course reduce" not in result.stdout


@pytest.mark.parametrize("first", ["NOT_ASSESSED", "STALE_ASSESSMENT", "INCOMPLETE_ASSESSMENT"])
def test_a_look_at_the_venue_comes_first(cli: Cli, gate: FakeGate, first: str) -> None:
    gate.script("Decide", answer(recommended=0, reasons=[reason(first, UNSAID), reason()], assessed_at_ns=0))
    result = cli("decide", "--incident", "g1-i1")
    assert gate.asked("Decide")[0].incident_id == "g1-i1"
    assert "NOTHING YET   recommended, not assessed" in result.stdout
    assert "risksvc assess --account main" in result.stdout
    assert "--course" not in result.stdout


def test_where_nothing_is_held_nothing_is_left_to_decide(cli: Cli, gate: FakeGate) -> None:
    gate.script("Decide", answer(recommended=0, reasons=[reason("NOTHING_HELD", UNSAID)]))
    result = cli("decide")
    assert "risksvc incident show g1-i1  # what is left to do: cause, review, resume, close" in result.stdout
    assert "--course" not in result.stdout


def test_the_second_person_is_named_and_gets_the_command(cli: Cli, gate: FakeGate) -> None:
    gate.script("Decide", WAITING)
    result = cli("decide")
    assert "HOLD waits for the role risk: rita" in result.stdout
    command = f"risksvc hold --incident g1-i1 --role risk --reason {WHY}"
    assert f"{command}  # as rita, with a token of their own: puts HOLD in force" in result.stdout
    assert f"risksvc hold --incident g1-i1 --reason {WHY}" not in result.stdout


def test_nobody_for_a_role_is_said(cli: Cli, gate: FakeGate) -> None:
    gate.script("Decide", answer(said(HOLD, "alice", "engineering"), waiting_for=["risk"], holders=[]))
    text = cli("decide").stdout
    assert "HOLD waits for the role risk: nobody has it" in text
    assert "--role risk" not in text  # nobody can type it


def test_another_person_s_command_does_not_carry_this_one_s_token(cli: Cli, gate: FakeGate) -> None:
    gate.script("Decide", WAITING)
    token = cli.home / "mine"
    token.write_text("op-token-1", encoding="utf-8")
    token.chmod(0o600)
    result = cli("decide", "--token-file", str(token), RISKSVC_TOKEN=None)
    assert f"risksvc hold --incident g1-i1 --role risk --reason {WHY}  #" in result.stdout
    assert f"risksvc incident show g1-i1 --token-file {token}" in result.stdout


def test_json_is_the_answer(cli: Cli, gate: FakeGate) -> None:
    gate.script("Decide", REQUIRED)
    document = cli.json("decide")
    assert document["recommended"] == "COURSE_FLATTEN"
    assert document["required"] is True
    assert document["reasons"][0]["name"] == "OUTSIDE_BAND"


# -- recording ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("course", "number"), [("flatten", FLATTEN), ("reduce", REDUCE), ("hold", HOLD)])
def test_a_course_is_recorded_with_role_and_reason(
    cli: Cli, gate: FakeGate, course: str, number: "incident_pb2.Course.ValueType"
) -> None:
    gate.script("Decide", answer(said(number, "alice", "risk"), course=number, in_force=True))
    words = ["--course", course, "--role", "risk", "--reason", "thin book"]
    result = cli("decide", "--incident", "g1-i1", *words)
    [request] = gate.asked("Decide")
    assert result.exit_code == 0
    assert (request.course, request.role, request.reason) == (number, "risk", "thin book")
    assert f"{course.upper()}   is in force in incident g1-i1" in result.stdout
    assert "alice" in result.stdout
    assert "thin book" in result.stdout


def test_a_flatten_in_force_leads_to_its_plan(cli: Cli, gate: FakeGate) -> None:
    gate.script("Decide", answer(said(FLATTEN, "alice", "risk"), course=FLATTEN, in_force=True, recommended=FLATTEN))
    result = cli("decide", "--course", "flatten", "--reason", "thin book")
    assert "risksvc flatten --account main" in result.stdout
    assert "sends nothing before --execute" in result.stdout


def test_a_flatten_of_everything_goes_account_by_account(cli: Cli, gate: FakeGate) -> None:
    found = answer(course=FLATTEN, in_force=True, to_flatten=[types_pb2.Scope(account=name) for name in ("a", "b")])
    found.incident.scope.Clear()
    gate.script("Decide", found)
    result = cli("decide")
    assert "risksvc flatten --account a  #" in result.stdout
    assert "risksvc flatten --account b  #" in result.stdout
    del found.to_flatten[:]
    assert re.search(r"risksvc flatten +#", cli("decide").stdout)


def test_a_reduction_leads_to_what_is_held(cli: Cli, gate: FakeGate) -> None:
    gate.script("Decide", answer(said(REDUCE, "alice", "risk"), course=REDUCE, in_force=True))
    result = cli("decide", "--course", "reduce", "--reason", "thin book")
    assert "risksvc positions --account main" in result.stdout
    assert "--course reduce" not in result.stdout


def test_one_word_for_holding_is_done_and_not_in_force(cli: Cli, gate: FakeGate) -> None:
    gate.script("Decide", WAITING)
    result = cli("hold", "--reason", "close is near")
    [request] = gate.asked("Decide")
    assert (result.exit_code, request.course, request.reason) == (0, HOLD, "close is near")
    assert "RECORDED  HOLD, and NOT IN FORCE: halts stay as they are" in result.stdout
    assert "It takes effect when it is recorded in the role risk too." in result.stdout
    assert "as rita, with a token of their own" in result.stdout


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("NOT_ASSESSED", "risksvc assess"),
        ("FLATTEN_REQUIRED", "risksvc decide"),
        ("ROLE_MISSING", "risksvc decide"),
        ("INCIDENT_UNKNOWN", "risksvc incident list"),
        ("INCIDENT_CLOSED", "risksvc incident list"),
    ],
)
def test_a_refusal_says_why_and_what_to_type(cli: Cli, gate: FakeGate, name: str, command: str) -> None:
    number = operator_pb2.RefusalReason.Value(f"REFUSAL_REASON_{name}")
    refusal = operator_pb2.Refusal(reason=number, message="that is why")
    gate.script("Decide", DecideResponse(refusals=[refusal]))
    result = cli("decide", "--course", "hold", "--reason", "close is near")
    assert result.exit_code == 1
    assert "REFUSED  HOLD: nothing was changed" in result.stdout
    assert "that is why" in result.stdout
    assert f"  {command} " in result.stdout
    assert cli("hold").exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ["decide", "--course", "hold"],
        ["decide", "--role", "risk"],
        ["decide", "--reason", "why"],
        ["decide", "--course", "sell", "--reason", "why"],
        ["hold", "--role", "risk"],
        ["hold", "--reason", "<why, in your words>"],
    ],
)
def test_what_is_half_said_is_not_sent(cli: Cli, gate: FakeGate, words: list[str]) -> None:
    assert cli(*words).exit_code == 2
    assert not gate.requests


# -- hold ---------------------------------------------------------------------------------------------------------


def test_a_hold_shows_how_its_reminders_stand(cli: Cli, gate: FakeGate) -> None:
    gate.script("Decide", HELD)
    result = cli("hold")
    assert gate.asked("Decide")[0] == incident_pb2.DecideRequest()
    for words in (
        "held for   20 min 0 s",
        "reminders  last 5 min 0 s ago, next in 10 min 0 s; every 15 minutes until the hold ends, to everybody",
        "HOLD is in force.",
        f"risksvc decide --course flatten --incident g1-i1 --reason {WHY}",
    ):
        assert words in result.stdout, words


def test_reminders_end_at_the_close(cli: Cli, gate: FakeGate) -> None:
    held = DecideResponse()
    held.CopyFrom(HELD)
    held.hold.CopyFrom(HoldState(since_ns=NOW - 3 * MINUTE, reminded_until_ns=1_800_000_000 * 10**9))
    gate.script("Decide", held)
    result = cli("hold")
    assert "last none yet, next none: the market has closed" in result.stdout
    assert "until the close at 2027-01-15 08:00:00 UTC" in result.stdout


def test_without_a_hold_it_says_so(cli: Cli, gate: FakeGate) -> None:
    gate.script("Decide", REQUIRED)
    assert "No hold is in force. FLATTEN is in force" in cli("hold").stdout
    assert cli.json("hold")["required"] is True


def test_the_second_word_puts_it_in_force(cli: Cli, gate: FakeGate) -> None:
    gate.script("Decide", HELD)
    result = cli("hold", "--role", "risk", "--reason", "within limits")
    assert "HOLD   is in force in incident g1-i1" in result.stdout
    assert "held for   20 min 0 s" in result.stdout
