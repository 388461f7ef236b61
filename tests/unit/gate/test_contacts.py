"""Contacts as operators see them, a test message to everybody, and a file whose disk hangs."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from risksvc.core.types import MalformedInputError
from risksvc.gate.app import GateApp
from risksvc.gate.telling import contacts as contacts_module
from risksvc.gate.telling import contacts_keeper as keeper_module
from risksvc.gate.telling.contacts import get_contacts, test_contacts
from risksvc.gate.telling.contacts_file import Contacts, load_contacts
from risksvc.gate.telling.contacts_keeper import ContactsKeeper
from risksvc.v1 import incident_pb2 as pb
from tests.unit.gate.test_notifying import CONTACTS, Station

send_test = test_contacts  # under its own name it would be taken for a test
del test_contacts


def app_of(station: Station) -> GateApp:
    made = SimpleNamespace(gate_id="gate-1", notifying=station.notifying, clock=station.clock)
    return cast("GateApp", made)


async def test_who_is_told_and_how_it_went(tmp_path: Path) -> None:
    station = Station(tmp_path, contacts=CONTACTS.replace("risk:", "compliance: [{name: Tom}]\nrisk:")).start()
    station.halt()
    await station.until(lambda: len(station.notifying.last) == 3)
    answer = await get_contacts(app_of(station), pb.GetContactsRequest(), "alice")
    assert [(one.role, one.name, list(one.channels)) for one in answer.contacts] == [
        ("traders", "Tom", ["json"]),
        ("compliance", "Tom", ["json"]),
        ("risk", "Rita", ["json", "pager"]),
        ("exchange_support", "Eve", []),
    ]
    assert (answer.contacts[3].venue, answer.contacts[3].participant_id) == ("bybit", "P-77")
    assert answer.path == str(station.file)
    assert all(one.delivered_at_ns for one in answer.last_deliveries)
    assert any("leadership: nobody is listed" in one for one in answer.problems)
    assert "127.0.0.1" not in str(answer)
    await station.stop()


async def test_a_file_that_is_refused_is_a_problem(tmp_path: Path) -> None:
    station = Station(tmp_path, contacts="version: 7\nrisks: []\n")
    answer = await get_contacts(app_of(station), pb.GetContactsRequest(), "alice")
    assert len(answer.problems) == 2
    assert not answer.contacts
    assert station.notifying.keeper.failures == 1
    await get_contacts(app_of(station), pb.GetContactsRequest(), "alice")
    assert station.notifying.keeper.failures == 1  # the same edit, looked at again


async def test_a_test_goes_to_everybody_and_into_no_incident(tmp_path: Path) -> None:
    station = Station(tmp_path)
    answer = await send_test(app_of(station), pb.TestContactsRequest(reason="first of the month"), "alice")
    assert [(one.recipient, one.channel, bool(one.delivered_at_ns)) for one in answer.deliveries] == [
        ("Tom", "json", True),
        ("Rita", "json", True),
        ("Rita", "pager", True),
    ]
    assert station.process.attempts[0].body.startswith("TEST by alice: first of the month")
    assert not station.owner.state.incidents.by_id


async def test_a_test_waits_only_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contacts_module, "TEST_SECONDS", 0.1)
    station = Station(tmp_path)
    station.process.lost = {"Tom/json"}
    station.process.refusing = {"Rita/pager"}
    answer = await send_test(app_of(station), pb.TestContactsRequest(reason="x"), "alice")
    told = {f"{one.recipient}/{one.channel}": (bool(one.delivered_at_ns), one.error) for one in answer.deliveries}
    assert told == {"Tom/json": (False, ""), "Rita/json": (True, ""), "Rita/pager": (False, "status 500")}
    await station.until(lambda: set(station.notifying.lanes._lanes) == {"Tom/json"})  # the rest was taken back
    station.notifying.lanes.close()


@pytest.mark.parametrize("contacts", [None, "version: 1\n"])
async def test_a_test_of_nobody(tmp_path: Path, contacts: str | None) -> None:
    station = Station(tmp_path, contacts=contacts)
    answer = await send_test(app_of(station), pb.TestContactsRequest(reason="x"), "alice")
    assert not answer.deliveries


async def test_a_test_needs_a_reason(tmp_path: Path) -> None:
    with pytest.raises(MalformedInputError):
        await send_test(app_of(Station(tmp_path)), pb.TestContactsRequest(), "alice")


async def test_a_disk_that_hangs_changes_nothing_and_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "contacts.yaml"
    file.write_text(CONTACTS)
    keeper = ContactsKeeper(file)
    known = await keeper.current()
    released = threading.Event()

    def hangs(path: Path) -> Contacts:
        released.wait(30)
        return load_contacts(path)

    monkeypatch.setattr(keeper_module, "load_contacts", hangs)
    monkeypatch.setattr(keeper_module, "READ_SECONDS", 0.01)
    for _ in range(2):  # one read at a time, however often it is asked
        assert await keeper.current() is known
        assert "its disk hangs" in keeper.last_error
    released.set()
    monkeypatch.setattr(keeper_module, "READ_SECONDS", 10)
    assert await keeper.current() == known
    assert not keeper.last_error
