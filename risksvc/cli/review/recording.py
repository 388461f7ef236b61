"""The review's result in the incident's own record, where a gate answers; and who was told, for the report.

Never fails a review: the files are written whatever the gate says. What was not recorded is told, with the command that
records it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Context, Decimal
from pathlib import Path

from risksvc.cli.errors import CliError
from risksvc.cli.options import gate_session
from risksvc.cli.review import wording
from risksvc.cli.review.reviewed import Reviewed
from risksvc.core.types import MAX_DECIMALS, plain
from risksvc.v1 import incident_pb2

_CARRIED = Decimal(1).scaleb(-MAX_DECIMALS)  # what the wire carries; review.json has every digit
_WIDE = Context(prec=140)


@dataclass(frozen=True, slots=True)
class GateWay:
    """How the gate is reached, as the options said it."""

    operator_address: str | None
    settings: Path | None
    token_file: Path | None


@dataclass(frozen=True, slots=True)
class Recording:
    """What became of it. `why`: why it was not recorded; `refused`: a gate said no."""

    incident_id: str = ""
    why: str = ""
    refused: bool = False


def contacts_of(way: GateWay) -> tuple[str, ...]:
    """Who is told of incidents, a line each; nobody where no gate answers."""
    with _quietly() as told, gate_session(way.operator_address, way.settings, way.token_file) as (gate, _):
        answer = gate.ask_flow(lambda stub: stub.GetContacts, incident_pb2.GetContactsRequest())
        told += [_contact(one) for one in answer.contacts]
    return tuple(told)


def _contact(one: incident_pb2.Contact) -> str:
    role = one.role.replace("_", " ")
    reached = [one.phone, *one.channels, *([f"participant id {one.participant_id}"] if one.participant_id else [])]
    return f"{role}: {one.name} ({', '.join(word for word in reached if word)})"


@contextmanager
def _quietly() -> Iterator[list[str]]:
    """A report without contacts is a report."""
    found: list[str] = []
    try:
        yield found
    except CliError:
        return


def record(way: GateWay, reviewed: Reviewed, *, sha256: str) -> Recording:
    """Ask the gate to write the result down."""
    incident = reviewed.material.incident
    if incident is None:
        return Recording(why="no incident's record goes with this review")
    request = incident_pb2.RecordReviewRequest(
        incident_id=incident.incident_id,
        cost=plain(reviewed.report.total.quantize(_CARRIED, context=_WIDE)),
        currency=reviewed.report.currency,
        report_sha256=sha256,
        summary=summary_of(reviewed),
    )
    try:
        with gate_session(way.operator_address, way.settings, way.token_file) as (gate, _):
            answer = gate.ask_flow(lambda stub: stub.RecordReview, request)
    except CliError as error:
        return Recording(incident.incident_id, why=error.message)
    if answer.refusals:
        return Recording(incident.incident_id, "; ".join(one.message for one in answer.refusals), refused=True)
    return Recording(incident.incident_id)


def summary_of(reviewed: Reviewed) -> str:
    """One line for the incident's timeline."""
    report = reviewed.report
    parts = [f"a wrong belief: {wording.result(report.belief_cost.total, report.currency)}"]
    if report.origin:
        parts.append(f"carried until known: {wording.result(report.origin_cost, report.currency)}")
    if report.flatten:
        parts.append(f"the flatten: {wording.result(report.flatten_cost, report.currency)}")
    if report.breaches:
        parts.append(wording.many(len(report.breaches), "limit breach", "limit breaches"))
    return "; ".join(parts)
