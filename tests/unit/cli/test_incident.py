"""`risksvc incident`: what is asked of the gate, what is shown, what is written down."""

import json
import stat
from pathlib import Path

import grpc
import pytest

from risksvc.v1 import incident_pb2, operator_pb2, types_pb2
from risksvc.v1.incident_pb2 import Incident, TimelineEntry
from tests.unit.cli.an_incident import NOW, calm, incident, whole
from tests.unit.cli.fake_gate import Cli, FakeGate
from tests.unit.cli.test_status import status

# -- looking ------------------------------------------------------------------------------------------------------


def test_the_list_says_who_has_it_and_which_clock_is_next(cli: Cli, gate: FakeGate) -> None:
    listed = [incident(), calm(incident_id="gate-a-i2", clocks=[]), calm(incident_id="gate-a-i1", closed_at_ns=NOW)]
    gate.script("ListIncidents", incident_pb2.ListIncidentsResponse(incidents=listed, now_ns=NOW))
    result = cli("incident", "list", "--all")
    assert result.exit_code == 0
    assert gate.asked("ListIncidents")[0].include_closed
    for words in ("i3 (gate-a-i3)", "nobody", "ROOT_CAUSE MISSED 2.0 s ago", "3 min 0 s", "closed", "olga"):
        assert words in result.stdout, words
    assert "risksvc incident show i3" in result.stdout
    assert cli.json("incident", "list")["incidents"][0]["incident_id"] == "gate-a-i3"


@pytest.mark.parametrize(("words", "told"), [((), "No incident is open."), (("--all",), "No incident is known.")])
def test_an_empty_list_says_so(cli: Cli, words: tuple[str, ...], told: str) -> None:
    result = cli("incident", "list", *words)
    assert result.exit_code == 0
    assert told in result.stdout


def test_one_page_has_everything_that_matters(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetIncident", whole(endangered=["MONITORING_LOST account main: nobody knows"]))
    result = cli("incident", "show")
    assert result.exit_code == 0
    assert gate.asked("GetIncident")[0].incident_id == ""
    for words in (
        "P0",
        "gate-a-i3",
        "open for 3 min 0 s",
        "money is moving in the wrong direction",
        "halt new orders within 2 minutes",
        "! MONITORING_LOST",
        "nobody yet",
        "not decided",
        "in force: h-1",
        "done in time",
        "12 min 0 s left",
        "MISSED 2.0 s ago",
        "done 20 s late",
        "the root cause is not known",
        "NO APPROVAL EXPLAINS IT",
        "200,000.01",
        "unknown",
        "… and 2 more",
        "3 lines more: the journal has them",
        "1 of 2",
        "sam by mail: no such host",
        "nobody was addressed",
        "bybit our id P-77",
        "risksvc incident take i3",
        "risksvc assess --account main",
        "risksvc incident cause i3 '<what it was>' --fixed",
        "risksvc incident show i3 --full",
    ):
        assert words in result.stdout, words
    assert "order 11" not in result.stdout


def test_the_full_page_leaves_nothing_out(cli: Cli, gate: FakeGate) -> None:
    lines = [TimelineEntry(at_ns=NOW, kind="NOTE", by="olga", text=f"line {number}") for number in range(40)]
    gate.script("GetIncident", whole(timeline=lines, forgotten=2))
    short, full = cli("incident", "show", "i3"), cli("incident", "show", "i3", "--full")
    assert "… 27 earlier, 2 of them in the journal only" in short.stdout
    assert "line 24" not in short.stdout
    assert "line 0" in full.stdout
    assert "order 11" in full.stdout
    assert "--full" not in full.stdout


def test_a_closed_one_and_one_without_anything_are_shown(cli: Cli, gate: FakeGate) -> None:
    closed = incident_pb2.GetIncidentResponse(
        incident=calm(closed_at_ns=NOW, course=incident_pb2.COURSE_HOLD), now_ns=NOW
    )
    bare = incident_pb2.GetIncidentResponse(incident=Incident(incident_id="g-i1", severity=9), now_ns=NOW)  # type: ignore[arg-type]
    gate.script("GetIncident", closed, bare)
    shown = cli("incident", "show", "i3")
    for words in ("closed 2027-01-15", "ended with the incident", "42000 USD, by rita", "HOLD", "(fixed, olga)"):
        assert words in shown.stdout, words
    assert "Contacts" not in shown.stdout
    assert "nothing was held or working" in cli("incident", "show", "i1").stdout


def test_programs_get_the_answer_itself(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetIncident", whole())
    found = cli.json("incident", "show", "i3")
    assert found["incident"]["clocks"][0]["name"] == "HALT"
    assert found["contacts"][0]["participant_id"] == "P-77"


def test_one_that_is_not_known_is_an_error_with_the_gates_words(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetIncident", grpc.StatusCode.INVALID_ARGUMENT)
    result = cli("incident", "show", "i9")
    assert result.exit_code == 2
    assert "does not understand" in result.stderr


# -- steps --------------------------------------------------------------------------------------------------------


def recorded(gate: FakeGate, one: Incident | None = None) -> None:
    gate.script("UpdateIncident", incident_pb2.UpdateIncidentResponse(incident=one or incident()))


@pytest.mark.parametrize(
    ("words", "step", "done"),
    [
        (("note", "i3", "seen"), incident_pb2.UpdateIncidentRequest(incident_id="i3", note="seen"), "NOTED"),
        (("note", "seen by the desk"), incident_pb2.UpdateIncidentRequest(note="seen by the desk"), "NOTED"),
        (("take",), incident_pb2.UpdateIncidentRequest(take=incident_pb2.TakeIncident()), "TAKEN"),
        (
            ("take", "i3"),
            incident_pb2.UpdateIncidentRequest(incident_id="i3", take=incident_pb2.TakeIncident()),
            "TAKEN",
        ),
        (
            ("cause", "tracker", "--fixed"),
            incident_pb2.UpdateIncidentRequest(cause=incident_pb2.NameCause(cause="tracker", fixed=True)),
            "CAUSE NAMED",
        ),
        (
            ("cause", "i3", "tracker"),
            incident_pb2.UpdateIncidentRequest(incident_id="i3", cause=incident_pb2.NameCause(cause="tracker")),
            "CAUSE NAMED",
        ),
        (
            ("close", "i3", "mended"),
            incident_pb2.UpdateIncidentRequest(incident_id="i3", close=incident_pb2.CloseIncident(summary="mended")),
            "CLOSED",
        ),
    ],
)
def test_a_step_is_sent_as_typed_and_says_what_is_next(
    cli: Cli, gate: FakeGate, *, words: tuple[str, ...], step: incident_pb2.UpdateIncidentRequest, done: str
) -> None:
    recorded(gate)
    result = cli("incident", *words)
    assert result.exit_code == 0, result.output
    assert gate.asked("UpdateIncident") == [step]
    assert done in result.stdout
    assert "P0: HALTED main" in result.stdout
    assert "Next:" in result.stdout
    assert cli.json("incident", *words)["incident"]["incident_id"] == "gate-a-i3"


def test_a_refusal_says_why_and_what_to_type(cli: Cli, gate: FakeGate) -> None:
    refusal = operator_pb2.Refusal(reason=operator_pb2.REFUSAL_REASON_HALT_IN_FORCE, message="1 halt is in force")
    gate.script("UpdateIncident", incident_pb2.UpdateIncidentResponse(refusals=[refusal]))
    result = cli("incident", "close", "over")
    assert result.exit_code == 1
    assert "1 halt is in force" in result.stdout
    assert "risksvc status" in result.stdout
    cli.json("incident", "close", "over", code=1)


def test_closing_without_a_review_warns(cli: Cli, gate: FakeGate) -> None:
    unreviewed = incident(closed_at_ns=NOW, timeline=[], active_halt_ids=[], endangered=["MARKS_STALE account main"])
    recorded(gate, unreviewed)
    result = cli("incident", "close", "over")
    assert result.exit_code == 0
    assert "Its review is missing" in result.stdout
    assert "Still standing: MARKS_STALE" in result.stdout
    assert "risksvc review --incident i3" in result.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("note", "i3", "several", "words"),
        ("note", "<what you see>"),
        ("cause", "i3", "<what it was>"),
        ("note",),
        ("open", "odd"),
        ("open", "<what you see>", "--severity", "P1"),
        ("open", "odd", "--severity", "P3"),
        ("open", "odd", "--severity", "P1", "--strategy", "mm"),
    ],
)
def test_what_is_typed_wrongly_asks_nothing(cli: Cli, gate: FakeGate, words: tuple[str, ...]) -> None:
    result = cli("incident", *words)
    assert result.exit_code == 2
    assert gate.requests == []


def test_opening_names_severity_and_scope(cli: Cli, gate: FakeGate) -> None:
    gate.script("OpenIncident", incident_pb2.OpenIncidentResponse(incident=incident(incident_id="gate-a-i4")))
    words = ("open", "odd prices", "--severity", "P1", "--account", "main", "--strategy", "mm")
    result = cli("incident", *words)
    assert result.exit_code == 0
    assert gate.asked("OpenIncident") == [
        incident_pb2.OpenIncidentRequest(
            scope=types_pb2.Scope(account="main", strategy="mm"), severity=types_pb2.SEVERITY_P1, summary="odd prices"
        )
    ]
    assert "OPENED  gate-a-i4" in result.stdout
    assert cli.json("incident", *words)["incident"]["incident_id"] == "gate-a-i4"


# -- export -------------------------------------------------------------------------------------------------------


def test_the_record_as_markdown(cli: Cli, gate: FakeGate) -> None:
    choice = incident_pb2.CourseChoice(course=incident_pb2.COURSE_HOLD, role="risk", by="rita", reason="a|b <c>")
    gate.script("GetIncident", whole(choices=[choice], forgotten=4, endangered=["MARKS_STALE account main"]))
    result = cli("incident", "export", "i3")
    assert result.exit_code == 0
    for words in (
        "# Incident gate-a-i3: P0",
        "- **cause**: not known",
        "- **endangered**: MARKS_STALE account main",
        "NOT REVIEWED YET",
        "## Clocks",
        "## Timeline",
        "4 lines were dropped",
        "## Evidence when it opened",
        "| main | BTC/USDT:USDT | 0 | 4 |",
        "### Orders",
        "- order 11",
        "3 lines more",
        "a\\|b &lt;c>",
        "not delivered: no such host",
        "nobody was addressed",
        "| exchange_support | Eve | +1 555 | mail | bybit | P-77 |",
    ):
        assert words in result.stdout, words


def test_a_reviewed_one_says_its_number(cli: Cli, gate: FakeGate) -> None:
    bare = calm(timeline=[], clocks=[], messages=[], evidence=None, closed_at_ns=NOW, closed_by="olga")
    gate.script("GetIncident", incident_pb2.GetIncidentResponse(incident=bare, now_ns=NOW))
    text = cli("incident", "export").stdout
    assert "- **PnL impact**: 42000 USD (recorded by rita" in text
    assert "- **cause**: a second process (fixed; named by olga)" in text
    assert "by olga" in text
    assert "## " not in text


def test_the_record_goes_to_a_new_file_and_never_over_another(cli: Cli, gate: FakeGate, tmp_path: Path) -> None:
    gate.script("GetIncident", whole())
    for form in ("json", "markdown"):
        file = tmp_path / f"record.{form}"
        result = cli("incident", "export", "i3", "--format", form, "--output", str(file))
        assert (result.exit_code, result.stdout) == (0, "")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        again = cli("incident", "export", "i3", "--format", form, "--output", str(file))
        assert again.exit_code == 2
        assert "nothing is written over" in again.stderr
    assert json.loads((tmp_path / "record.json").read_text())["incident"]["incident_id"] == "gate-a-i3"
    nowhere = cli("incident", "export", "i3", "--output", str(tmp_path / "no" / "such" / "folder.md"))
    assert nowhere.exit_code == 2
    assert "can't be written" in nowhere.stderr
    assert cli.json("incident", "export", "i3")["incident"]["incident_id"] == "gate-a-i3"


# -- elsewhere ----------------------------------------------------------------------------------------------------


def test_status_shows_the_open_incidents_first(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetStatus", status())
    gate.script("ListIncidents", incident_pb2.ListIncidentsResponse(incidents=[incident()], now_ns=NOW))
    gate.script("GetIncident", whole())
    result = cli("status")
    assert result.exit_code == 0
    before, _, after = result.stdout.partition("A C T I V E")
    for words in ("Open incidents (1)", "i3 (gate-a-i3)"):
        assert words in before, words
    first, *others = after.partition("Next:\n")[2].splitlines()
    assert first.startswith("  risksvc incident show i3")
    assert others[0].startswith("  risksvc incident take i3")


def test_status_of_an_open_incident_leaves_the_resume_to_its_steps(cli: Cli, gate: FakeGate) -> None:
    halted = types_pb2.ActiveHalt(halt_id="h-1", state=types_pb2.TRADING_STATE_HALTED)
    gate.script("GetStatus", status(halts=[halted]))
    gate.script("ListIncidents", incident_pb2.ListIncidentsResponse(incidents=[incident()], now_ns=NOW))
    gate.script("GetIncident", grpc.StatusCode.UNAVAILABLE)
    text = cli("status").stdout
    assert "risksvc incident show i3" in text
    assert "risksvc resume" not in text
    gate.script("GetIncident", whole(owner="olga", assessed_at_ns=NOW, cause="a key", cause_fixed=True))
    text = cli("status").stdout
    assert "risksvc resume h-1 --reason '<why it is safe>'" in text
    assert text.count("risksvc reconcile --explain") == 1


def test_status_knows_from_the_whole_record_that_a_flatten_has_ended_flat(cli: Cli, gate: FakeGate) -> None:
    flattened = {"course": incident_pb2.COURSE_FLATTEN, "flatten_ids": ["f1"]}
    listed = calm(timeline=[], **flattened)
    gate.script("GetStatus", status())
    gate.script("ListIncidents", incident_pb2.ListIncidentsResponse(incidents=[listed], now_ns=NOW))
    gate.script(
        "GetIncident",
        incident_pb2.GetIncidentResponse(incident=calm(timeline=[TimelineEntry(kind="FLAT")], **flattened)),
    )
    text = cli("status").stdout
    assert "risksvc incident close i3" in text
    assert "decide" not in text


def test_a_gate_that_can_not_list_incidents_still_has_a_status(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetStatus", status())
    gate.script("ListIncidents", grpc.StatusCode.UNIMPLEMENTED)
    result = cli("status")
    assert result.exit_code == 0
    assert "the incidents can't be listed" in result.stdout
    assert "A C T I V E" in result.stdout
