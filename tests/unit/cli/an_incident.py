# ruff: noqa: ANN401 - a builder takes whatever the message that it builds takes
"""Incidents as the gate tells them, with everything that a test does not care about filled in."""

from typing import Any

from risksvc.v1 import incident_pb2, types_pb2
from risksvc.v1.incident_pb2 import Incident, IncidentClock, TimelineEntry

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
NOW = 1_800_000_000 * SECOND

EVIDENCE = incident_pb2.IncidentEvidence(
    limits_hash="cd" * 32,
    positions=[
        incident_pb2.EvidencePosition(
            account="main",
            instrument="BTC/USDT:USDT",
            believed="0",
            ledger="4",
            venue="",
            exposure="200000.001",
        )
    ],
    orders=[f"order {number}" for number in range(12)],
    fills=["main: BUY 4 (NO APPROVAL EXPLAINS IT)"],
    divergences=["main: UNEXPECTED_FILL DIVERGED"],
    versions=["main/mm v7"],
    omitted=3,
)
MESSAGES = [
    incident_pb2.IncidentMessage(
        message_id="gate-a-i3-m1",
        at_ns=NOW - 3 * MINUTE,
        kind="OPENED",
        text="P0",
        deliveries=[
            incident_pb2.MessageDelivery(recipient="rita", channel="slack", attempts=1, delivered_at_ns=NOW),
            incident_pb2.MessageDelivery(recipient="sam", channel="mail", attempts=3, error="no such host"),
        ],
    ),
    incident_pb2.IncidentMessage(message_id="gate-a-i3-m2", at_ns=NOW, kind="ESCALATED", text="late"),
]


def incident(**changes: Any) -> Incident:
    """A P0 that opened three minutes ago: halted, nobody has it, nothing is known."""
    values: dict[str, Any] = {
        "incident_id": "gate-a-i3",
        "severity": types_pb2.SEVERITY_P0,
        "trigger": "UNEXPECTED_FILL",
        "scope": types_pb2.Scope(account="main"),
        "summary": "no approval explains BUY 4",
        "opened_at_ns": NOW - 3 * MINUTE,
        "opened_by": "gate:gate-a",
        "halt_ids": ["h-1"],
        "active_halt_ids": ["h-1"],
        "clocks": [
            IncidentClock(name="HALT", due_at_ns=NOW - MINUTE, met_at_ns=NOW - 3 * MINUTE),
            IncidentClock(name="ASSESS", due_at_ns=NOW + 12 * MINUTE),
            IncidentClock(name="ROOT_CAUSE", due_at_ns=NOW - 2 * SECOND, missed_at_ns=NOW - 2 * SECOND),
            IncidentClock(name="REVIEW", due_at_ns=NOW - 30 * SECOND, met_at_ns=NOW - 10 * SECOND),
        ],
        "timeline": [TimelineEntry(at_ns=NOW - 3 * MINUTE, kind="OPENED", by="gate:gate-a", text="P0: HALTED main")],
        "evidence": EVIDENCE,
        "messages": MESSAGES,
    }
    return Incident(**(values | changes))


def whole(**changes: Any) -> incident_pb2.GetIncidentResponse:
    contact = incident_pb2.Contact(
        role="exchange_support", name="Eve", phone="+1 555", channels=["mail"], participant_id="P-77", venue="bybit"
    )
    plain = incident_pb2.Contact(role="risk", name="Rita")
    return incident_pb2.GetIncidentResponse(incident=incident(**changes), contacts=[contact, plain], now_ns=NOW)


def calm(**changes: Any) -> Incident:
    """Nothing of it is in force, everything is known."""
    known: dict[str, Any] = {
        "owner": "olga",
        "cause": "a second process",
        "cause_by": "olga",
        "cause_fixed": True,
        "assessed_at_ns": NOW,
        "active_halt_ids": [],
        "review": incident_pb2.IncidentReview(cost="42000", currency="USD", by="rita"),
    }
    return incident(**(known | changes))
