"""The words of a message: the same for all, bounded, with what is held, what to type, and whom to call."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from risksvc.core.incident.record import (
    AssessedInstrument,
    AssessmentRecord,
    Clock,
    Course,
    EntryKind,
    Evidence,
    EvidencePosition,
    Incident,
    Message,
    ReviewRecord,
)
from risksvc.core.incident.severity import ClockName
from risksvc.core.incident.telling import Found
from risksvc.core.outputs import IncidentChanged
from risksvc.core.types import SECOND, Scope, Severity
from risksvc.gate.telling.contacts_file import Contacts, load_contacts, parse_contacts
from risksvc.gate.telling.message_text import LONGEST_TEXT, LONGEST_TITLE, next_step, trial_words, words_of

GOOD = Path(__file__).resolve().parents[2] / "fixtures" / "contacts" / "good.yaml"
AT = 1_700_000_000 * SECOND  # 2023-11-14 22:13:20 UTC
POSITION = EvidencePosition("main", "BTC/USDT:USDT", Decimal(0), Decimal(3), Decimal(3), Decimal(1), None)
ASSESSED = AssessedInstrument(
    "main", "BTC/USDT:USDT", Decimal("2.50"), Decimal(0), None, None, None, None, False, None, None
)
WHOLE = """HALTED main
P0: money is moving in the wrong direction.
At 2023-11-14 22:13:21 UTC; the incident began at 2023-11-14 22:13:20 UTC: the venue holds more
At the venue when it began: main BTC/USDT:USDT 3 (believed 0).
Owner: nobody yet; `risksvc incident take g1-i1` if you act.
Next: `risksvc assess --account main`: what is really held, from the venue
Exchange support: bybit: Eve Exchange, @eve, our id P-77.
Call: Tom Trader (traders) +41 79 000 00 01, Ed Engineer (engineering) +41 79 000 00 02, \
Rita Risk (risk) +41 79 000 00 03, Carl Compliance (compliance) +41 79 000 00 04, \
Lea Leader (leadership) +41 79 000 00 05.
(gate g1, incident g1-i1, message g1-i1-m1)"""


def incident(**changes: object) -> Incident:
    made = Incident("g1-i1", Severity.P0, "POSITION_DRIFT", Scope("main"), "the venue holds more", AT, "gate:g1")
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def body(one: Incident, contacts: Contacts | None = None, text: str = "HALTED main") -> str:
    message = Message("g1-i1-m1", AT + SECOND, EntryKind.OPENED, text)
    changed = IncidentChanged("g1-i1", "OPENED", text, "g1-i1-m1")
    return words_of("g1", changed, Found(one, message), contacts).body


def test_a_whole_message() -> None:
    changed = IncidentChanged("g1-i1", "OPENED", "HALTED main", "g1-i1-m1")
    one = incident(evidence=Evidence(positions=(POSITION,)))
    found = Found(one, Message("g1-i1-m1", AT + SECOND, EntryKind.OPENED, "HALTED main"))
    words = words_of("g1", changed, found, load_contacts(GOOD))
    assert words.title == "P0 g1-i1 OPENED: HALTED main"
    assert words.body.splitlines() == WHOLE.splitlines()


def test_what_was_assessed_comes_before_what_was_known() -> None:
    record = AssessmentRecord(AT, "ann", complete=True, instruments=(ASSESSED,))
    one = incident(evidence=Evidence(positions=(POSITION,)), assessment=record, owner="ann")
    text = body(one)
    assert "At the venue at 2023-11-14 22:13:20 UTC: main BTC/USDT:USDT 2.5 (believed 0)." in text
    assert "Owner: ann." in text
    one.assessment = replace(record, complete=False, instruments=(replace(ASSESSED, believed=None),))
    assert "not every account could be read: main BTC/USDT:USDT 2.5." in body(one)
    one.assessment = replace(record, instruments=())
    assert "22:13:20 UTC: no position." in body(one)


def test_what_is_not_known_is_said_and_many_are_counted() -> None:
    unknown = replace(POSITION, venue=None, believed=None)
    assert "main BTC/USDT:USDT unknown." in body(incident(evidence=Evidence(positions=(unknown,))))
    assert "; and 4 more." in body(incident(evidence=Evidence(positions=(POSITION,) * 9)))
    assert "At the venue" not in body(incident())


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"clocks": [Clock(ClockName.HALT, AT)]}, "risksvc halt --account main --reason TEXT"),
        ({"clocks": [Clock(ClockName.HALT, AT, met_at=AT)]}, "risksvc assess --account main"),
        ({"scope": Scope("")}, "risksvc assess`"),
        ({"assessment": AssessmentRecord(AT, "ann", True, ())}, "risksvc decide --incident g1-i1"),
        (
            {"assessment": AssessmentRecord(AT, "ann", True, ()), "course": Course.FLATTEN},
            "risksvc flatten --account main",
        ),
        (
            {"assessment": AssessmentRecord(AT, "ann", True, ()), "course": Course.FLATTEN, "flattens": ["f"]},
            "risksvc incident show g1-i1",
        ),
        ({"assessment": AssessmentRecord(AT, "ann", True, ()), "course": Course.HOLD}, "risksvc incident show g1-i1"),
        ({"closed_at": AT}, "risksvc review"),
        (
            {"closed_at": AT, "review": ReviewRecord(AT, "ann", Decimal(0), "USD", "0" * 64, "none")},
            "risksvc incident show g1-i1",
        ),
    ],
)
def test_the_next_step(changes: dict[str, object], step: str) -> None:
    assert next_step(incident(**changes)).startswith(f"`{step}")


def test_a_message_is_bounded_and_names_itself() -> None:
    many = "\n".join(
        f'  - {{venue: v{number}, name: {"E" * 50}{number}, contact: "{"c" * 60}", participant_id: {"P" * 60}}}'
        for number in range(40)
    )
    contacts = parse_contacts(f"version: 1\nexchange_support:\n{many}\n", path=Path("contacts.yaml"))
    text = body(incident(summary="x" * 5000), contacts, "y" * 5000)
    assert len(text) <= LONGEST_TEXT
    assert text.endswith("\n(gate g1, incident g1-i1, message g1-i1-m1)")
    assert "P0: money is moving" in text
    people = "\n".join(f"  - {{name: {'T' * 50}{number}, phone: {'1' * 60}}}" for number in range(60))
    contacts = parse_contacts(f"version: 1\ntraders:\n{people}\n", path=Path("contacts.yaml"))
    text = body(incident(), contacts)
    assert len(text) == LONGEST_TEXT
    assert text.endswith("...\n(gate g1, incident g1-i1, message g1-i1-m1)")


def test_a_title_is_one_short_line() -> None:
    words = words_of("g1", IncidentChanged("g1-i1", "NOTE", "a\nb" * 200, "m"), None, None)
    assert len(words.title) == LONGEST_TITLE
    assert "\n" not in words.title


def test_an_incident_that_is_not_known_any_more() -> None:
    words = words_of("g1", IncidentChanged("g1-i1", "FLAT", "flat", "g1-i1-m9"), None, None)
    assert words.title == "g1-i1 FLAT: flat"
    assert words.body == "flat\n(gate g1, incident g1-i1, message g1-i1-m9)"


def test_a_test_says_that_it_is_one() -> None:
    words = trial_words("g1", "first of the month", "ann", load_contacts(GOOD))
    assert words.title == "TEST of risksvc gate g1"
    assert words.body.startswith("TEST by ann: first of the month\nNo incident.")
    assert "our id P-77" in words.body
