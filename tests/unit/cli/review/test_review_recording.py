"""The result in the incident's record: taken, refused, or no gate there; the files are written whatever comes of it."""

import json
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import grpc
import pytest

from risksvc.v1 import incident_pb2, incident_pb2_grpc, operator_pb2
from tests.unit.cli.fake_gate import TOKEN, Cli
from tests.unit.core.builders import given
from tests.unit.core.catalogue import BTC
from tests.unit.gate.review_journals import write_journal


@dataclass
class Record(incident_pb2_grpc.IncidentServiceServicer):
    """An incident's record that a test scripts: what it answers, and whether it can."""

    answer: incident_pb2.RecordReviewResponse = field(default_factory=incident_pb2.RecordReviewResponse)
    status: grpc.StatusCode | None = None
    asked: list[incident_pb2.RecordReviewRequest] = field(default_factory=list)

    def GetContacts(  # noqa: N802 - gRPC's name
        self,
        request: incident_pb2.GetContactsRequest,
        context: grpc.ServicerContext,
    ) -> incident_pb2.GetContactsResponse:
        support = incident_pb2.Contact(role="exchange_support", name="Bybit desk", phone="+65 1", participant_id="P-7")
        return incident_pb2.GetContactsResponse(contacts=[support])

    def RecordReview(  # noqa: N802 - gRPC's name
        self, request: incident_pb2.RecordReviewRequest, context: grpc.ServicerContext
    ) -> incident_pb2.RecordReviewResponse:
        assert dict(context.invocation_metadata())["authorization"] == f"Bearer {TOKEN}"
        self.asked.append(request)
        if self.status is not None:
            context.abort(self.status, "not now")
        return self.answer


@pytest.fixture
def record(socket_folder: Path) -> Iterator[tuple[Record, str]]:
    """The service, and where it listens."""
    address = f"unix:{socket_folder}/op.sock"
    service = Record()  # type: ignore[abstract] # with those methods that a review calls
    with futures.ThreadPoolExecutor(max_workers=2) as pool:
        server = grpc.server(pool, options=(("grpc.so_reuseport", 0),))
        incident_pb2_grpc.add_IncidentServiceServicer_to_server(service, server)
        server.add_insecure_port(address)
        server.start()
        yield service, address
        server.stop(grace=0).wait()


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """0.4 BTC are held and not believed, from 49,000 to 48,000; a halt has opened incident g1-i1."""
    world = given()
    world.hold("o-a", "0.4")
    world.mark(BTC, 49_000)
    world.wait(60)
    world.believe(0)
    world.refresh()
    world.wait(1)
    world.mark(BTC, 48_000)
    return write_journal(world, tmp_path / "journal")


def run(cli: Cli, journal: Path, *words: str, address: str = "") -> tuple[int, str, dict]:  # type: ignore[type-arg]
    out = journal.parent / "out"
    where = ("--operator-address", address) if address else ()
    result = cli(
        "review", str(journal), "--half-spread", "0", "--output", str(out), *where, *words, RISKSVC_TOKEN=TOKEN
    )
    return result.exit_code, result.stdout, json.loads((out / "review.json").read_text())


def test_the_number_goes_into_the_incident_with_the_report_s_hash(
    cli_alone: Cli, journal: Path, record: tuple[Record, str]
) -> None:
    service, address = record
    code, page, found = run(cli_alone, journal, address=address)
    assert code == 0, page
    (asked,) = service.asked
    assert (asked.incident_id, asked.currency) == ("g1-i1", "USD")
    assert Decimal(asked.cost) == Decimal(found["total"]) == Decimal(found["origin_cost"]) + 400
    assert Decimal(found["impact"]["belief_cost"]["total"]) == 400
    assert asked.summary.startswith("a wrong belief: 400.00 USD lost")
    assert len(asked.report_sha256) == 64
    assert "Recorded in incident g1-i1" in page
    assert f"risksvc incident show g1-i1 --operator-address {address}  # " in page  # pasted, it reaches the same gate
    assert found["contacts"] == ["exchange support: Bybit desk (+65 1, participant id P-7)"]
    assert "participant id P-7" in (journal.parent / "out" / "review.md").read_text()


def test_a_refusal_is_told_and_is_a_no(cli_alone: Cli, journal: Path, record: tuple[Record, str]) -> None:
    service, address = record
    service.answer.refusals.append(operator_pb2.Refusal(message="the incident is closed"))
    code, page, _ = run(cli_alone, journal, address=address)
    assert code == 1
    assert "Not recorded in an incident: the incident is closed" in page


def test_without_a_gate_the_review_is_made_and_the_command_that_records_it_told(cli_alone: Cli, journal: Path) -> None:
    code, page, found = run(cli_alone, journal, address=f"unix:{journal}/nothing.sock")
    assert code == 0
    assert "Not recorded in an incident: the gate at" in page
    assert f"risksvc review {journal} --incident g1-i1 --output" in page
    assert found["incident"]["incident_id"] == "g1-i1"


def test_a_gate_that_can_not_is_told(cli_alone: Cli, journal: Path, record: tuple[Record, str]) -> None:
    service, address = record
    service.status = grpc.StatusCode.UNAVAILABLE
    code, page, _ = run(cli_alone, journal, address=address)
    assert code == 0
    assert "Not recorded in an incident: the gate at" in page


def test_no_record_asks_no_gate(cli_alone: Cli, journal: Path, record: tuple[Record, str]) -> None:
    service, address = record
    code, page, found = run(cli_alone, journal, "--no-record", address=address)
    assert (code, service.asked, found["contacts"]) == (0, [], [])
    assert "Not recorded in an incident: --no-record" in page
