"""Telling everybody: the same words for all, recorded, taken up again after a restart, and never in the gate's way."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from risksvc.core.events import HaltRequested
from risksvc.core.gate import RiskGate
from risksvc.core.incident.record import EntryKind, Incident, Message
from risksvc.core.incident.severity import HOUR, MINUTE
from risksvc.core.outputs import IncidentChanged
from risksvc.core.types import Scope, Severity, TradingState
from risksvc.gate.owner import GateClosedError, Owner, replay_all
from risksvc.gate.telling import notifying as notifying_module
from risksvc.gate.telling.contacts import warnings
from risksvc.gate.telling.contacts_keeper import ContactsKeeper
from risksvc.gate.telling.message_text import words_of
from risksvc.gate.telling.notifier import lanes as lanes_module
from risksvc.gate.telling.notifier.process import NotifierProcess
from risksvc.gate.telling.notifier.wire import Attempt, Outcome
from risksvc.gate.telling.notifying import NO_FILE, NOBODY_LISTED, Notifying
from tests.unit.gate.steps import MemoryJournal, StepClock, opening

CONTACTS = """version: 1
traders:
  - {name: Tom, phone: "+41 1", channels: ["json://127.0.0.1/tom"]}
risk:
  - {name: Rita, phone: "+41 2", channels: ["json://127.0.0.1/rita", {url: "json://127.0.0.1/pager", name: pager}]}
exchange_support:
  - {venue: bybit, name: Eve, contact: "@eve", participant_id: P-77}
"""


class Pretended(NotifierProcess):
    """Sends nothing. `refusing`: lanes that take nothing; `lost`: lanes of which nothing is heard."""

    def __init__(self) -> None:
        super().__init__()
        self.attempts: list[Attempt] = []
        self.refusing: set[str] = set()
        self.lost: set[str] = set()

    async def attempt(self, attempt: Attempt) -> Outcome:
        self.attempts.append(attempt)
        if attempt.lane in self.lost:
            await asyncio.sleep(1000)
        delivered = attempt.lane not in self.refusing
        return Outcome(attempt.number, delivered=delivered, error="" if delivered else "status 500")

    async def run(self) -> None:
        await asyncio.sleep(1000)


class Station:
    """A gate whose state and journal are real, and who tells people of its incidents."""

    def __init__(self, folder: Path, journal: MemoryJournal | None = None, *, contacts: str | None = CONTACTS) -> None:
        self.journal = journal or MemoryJournal()
        self.clock = StepClock()
        self.file = folder / "contacts.yaml"
        if contacts is not None:
            self.file.write_text(contacts)
        replayed = replay_all(self.journal)
        self.clock.at = max(self.clock.at, replayed.last)
        self.owner = Owner(replayed.gate if journal else RiskGate(), self.journal, self.clock)
        self.process = Pretended()
        keeper = ContactsKeeper(self.file if contacts is not None else None)
        self.notifying = Notifying(self.owner, self.clock, gate_id="gate-1", keeper=keeper, process=self.process)
        self.owner.listeners.append(self.notifying.heard)
        self.task: asyncio.Task[None] | None = None
        if journal is None:
            for event in opening():
                self.owner.submit(event)

    def start(self) -> "Station":
        self.task = asyncio.get_running_loop().create_task(self.notifying.run())
        return self

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task})

    def halt(self, reason: str = "something is odd") -> None:
        scope, state = Scope("main"), TradingState.HALTED
        self.owner.submit(HaltRequested(scope, state, reason, "alice", severity=Severity.P0))

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110 - whatever a test waits for
                await asyncio.sleep(0.001)

    @property
    def incident(self) -> Incident:
        return next(iter(self.owner.state.incidents.by_id.values()))

    @property
    def messages(self) -> list[Message]:
        return self.incident.messages

    def standing(self, number: int = 0) -> dict[str, str]:
        return {
            key: "delivered" if one.delivered_at else "gave up" if one.final else one.error or "waits"
            for key, one in self.messages[number].deliveries.items()
        }

    def notes(self) -> list[str]:
        return [entry.text for entry in self.incident.timeline if entry.kind is EntryKind.NOTE]

    def warned(self) -> str:
        return "\n".join(warnings(self.notifying, now=self.clock.now()))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "PAUSES", (0.002,))
    monkeypatch.setattr(notifying_module, "REFRESH_SECONDS", 0.02)
    monkeypatch.setattr(notifying_module, "AGAIN_SECONDS", 0.01)


async def test_everybody_is_told_the_same_and_it_is_recorded(tmp_path: Path) -> None:
    station = Station(tmp_path).start()
    station.halt()
    await station.until(lambda: set(station.standing().values()) == {"delivered"} and len(station.standing()) == 3)
    assert sorted(one.lane for one in station.process.attempts) == ["Rita/json", "Rita/pager", "Tom/json"]
    assert len({(one.title, one.body) for one in station.process.attempts}) == 1
    assert station.notifying.told.messages == len(station.messages)
    assert station.notifying.undelivered == 0
    assert station.messages[0].sent_text == ""
    await station.stop()
    again = Station(tmp_path, station.journal)
    assert again.standing() == station.standing()


async def test_the_record_never_holds_an_address(tmp_path: Path) -> None:
    station = Station(tmp_path).start()
    station.halt()
    await station.until(lambda: station.notifying.undelivered == 0 and bool(station.process.attempts))
    await station.stop()
    assert all(one.url for one in station.process.attempts)
    assert not [entry for entry in station.journal.entries if b"127.0.0.1" in entry]


async def test_on_the_way_of_a_decision_there_is_only_a_queue(tmp_path: Path) -> None:
    station = Station(tmp_path)
    station.halt()
    assert len(station.notifying._new) == len(station.messages)
    assert not station.process.attempts


async def test_without_a_contacts_file_nobody_is_told_and_that_is_said(tmp_path: Path) -> None:
    station = Station(tmp_path, contacts=None).start()
    station.halt()
    await station.until(lambda: bool(station.notes()))
    assert station.notes() == [f"{station.messages[0].message_id} was told to nobody: {NO_FILE}"]
    assert station.warned() == f"nobody is told of incidents: {NO_FILE}"
    assert station.notifying.told.to_nobody == len(station.messages)
    await station.stop()


async def test_a_file_that_lists_nobody(tmp_path: Path) -> None:
    station = Station(tmp_path, contacts="version: 1\n").start()
    station.halt()
    await station.until(lambda: bool(station.notes()))
    assert station.notes()[0].endswith(NOBODY_LISTED)
    assert "lists no channel" in station.warned()
    await station.stop()


async def test_what_happens_under_a_file_that_was_never_valid_is_told_once_it_is(tmp_path: Path) -> None:
    station = Station(tmp_path, contacts="version: 7\n").start()
    station.halt()
    await station.until(lambda: station.notifying.told.to_nobody == len(station.messages))
    assert "the contacts file was refused, nobody is told" in station.warned()
    assert not station.process.attempts
    station.file.write_text(CONTACTS)
    await station.until(lambda: set(station.standing().values()) == {"delivered"})
    assert station.notifying.told.messages == len(station.messages)
    await station.stop()


async def test_an_edit_needs_no_restart_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    station = Station(tmp_path).start()
    await station.until(lambda: station.notifying.recipients == 2)
    station.file.write_text(CONTACTS.replace("traders", "trader"))
    station.halt()
    await station.until(lambda: set(station.standing().values()) == {"delivered"})
    assert "whoever was told before is told still" in station.warned()
    assert station.notifying.keeper.failures == 1
    station.file.write_text('version: 1\nrisk: [{name: Ron, channels: ["json://127.0.0.1/ron"]}]\n')
    count = len(station.messages)
    station.halt("another")
    await station.until(lambda: len(station.messages) > count and bool(station.messages[count].deliveries))
    assert list(station.messages[count].deliveries) == ["Ron/json"]
    assert not station.notifying.keeper.last_error
    await station.stop()


async def test_who_is_not_reached_for_a_minute_is_to_be_called(tmp_path: Path) -> None:
    station = Station(tmp_path)
    station.process.refusing = {"Tom/json"}
    station.start()
    station.halt()
    await station.until(lambda: station.standing().get("Tom/json") == "status 500")
    station.clock.at += MINUTE
    await station.until(lambda: station.messages[-1].kind is EntryKind.DELIVERY_FAILED)
    assert "call Tom at +41 1" in station.messages[-1].text
    await station.until(lambda: station.standing(-1).get("Rita/json") == "delivered")
    assert "not told for more than a minute, call them: Tom by json" in station.warned()
    assert station.notifying.oldest_undelivered(station.clock.now()) >= MINUTE
    await station.stop()


# -- after a restart ----------------------------------------------------------------------------------------------


async def stopped_with_tom_waiting(folder: Path) -> Station:
    station = Station(folder)
    station.process.lost = {"Tom/json"}
    station.start()
    station.halt()
    await station.until(lambda: list(station.standing().values()).count("delivered") == 2)
    await station.stop()
    return station


async def test_who_was_not_told_when_the_gate_ended_is_told_when_it_starts(tmp_path: Path) -> None:
    before = await stopped_with_tom_waiting(tmp_path)
    [sent] = [one for one in before.process.attempts if one.lane == "Tom/json"]
    station = Station(tmp_path, before.journal).start()
    await station.until(lambda: set(station.standing().values()) == {"delivered"})
    first, *rest = [one for one in station.process.attempts if station.messages[0].message_id in one.body]
    assert (first.lane, first.title, first.body) == ("Tom/json", sent.title, sent.body)
    assert not rest
    await station.stop()


async def test_a_message_that_nobody_was_addressed_of_is_told_once(tmp_path: Path) -> None:
    before = Station(tmp_path)
    before.halt()
    station = Station(tmp_path, before.journal)
    station.notifying.heard(
        opening()[0], (IncidentChanged("gate-1-i1", "OPENED", "text", station.messages[0].message_id),), 0
    )
    station.start()
    await station.until(lambda: set(station.standing().values()) == {"delivered"} and len(station.standing()) == 3)
    assert sum(station.messages[0].message_id in one.body for one in station.process.attempts) == 3
    await station.stop()


async def test_what_is_older_than_an_hour_is_not_sent_and_said_so(tmp_path: Path) -> None:
    before = await stopped_with_tom_waiting(tmp_path)
    before.halt("just before the end")
    station = Station(tmp_path, before.journal)
    last = len(station.messages) - 1
    station.clock.at += HOUR
    station.start()
    await station.until(lambda: station.standing()["Tom/json"] == "gave up")
    assert "older than an hour" in station.messages[0].deliveries["Tom/json"].error
    assert station.messages[last].addressed_at is not None
    assert not station.messages[last].deliveries
    await station.until(lambda: station.notifying.undelivered == 0)
    assert not [one for one in station.process.attempts if station.messages[0].message_id in one.body.splitlines()[-1]]
    await station.stop()


async def test_who_is_not_in_the_file_any_more_is_given_up(tmp_path: Path) -> None:
    before = await stopped_with_tom_waiting(tmp_path)
    station = Station(tmp_path, before.journal, contacts=CONTACTS.replace("Tom", "Tim")).start()
    await station.until(lambda: station.standing()["Tom/json"] == "gave up")
    assert "not in the contacts file" in station.messages[0].deliveries["Tom/json"].error
    await station.stop()


async def test_with_a_broken_file_what_is_left_waits_for_a_good_one(tmp_path: Path) -> None:
    before = await stopped_with_tom_waiting(tmp_path)
    station = Station(tmp_path, before.journal, contacts="version: 7\n").start()
    await station.until(lambda: bool(station.notifying.keeper.last_error))
    station.file.write_text(CONTACTS)
    await station.until(lambda: station.standing()["Tom/json"] == "delivered")
    await station.stop()


# -- whatever goes wrong ------------------------------------------------------------------------------------------


async def test_while_the_gate_is_closed_people_are_told_and_it_is_recorded_afterwards(tmp_path: Path) -> None:
    station = Station(tmp_path)
    station.halt()
    station.journal.fail_at = len(station.journal.entries) + 1
    station.start()
    await station.until(lambda: len(station.process.attempts) >= 3 and station.notifying.undelivered == 0)
    assert station.owner.fault is not None
    station.journal.fail_at = 0
    await station.owner.reopen()
    assert set(station.standing().values()) == {"delivered"}
    await station.stop()


async def test_a_gate_that_stays_closed_is_told_without_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying_module, "CLOSED_SECONDS", 0.01)
    station = Station(tmp_path)
    station.owner.on_fault = station.notifying.closed
    station.start()
    await station.until(lambda: station.notifying.recipients == 2)
    station.journal.fail_at = len(station.journal.entries) + 1
    with pytest.raises(GateClosedError):
        station.halt()
    await station.until(lambda: len(station.process.attempts) == 3 and station.notifying.undelivered == 0)
    assert "is closed by a fault and decides nothing: HaltRequested: no space left" in station.process.attempts[0].body
    written = len(station.journal.entries)
    station.journal.fail_at = 0
    await station.owner.reopen()
    assert len(station.journal.entries) > written
    assert len(station.process.attempts) == 3
    await station.stop()


async def test_a_gate_that_reopens_at_once_is_told_as_an_incident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying_module, "CLOSED_SECONDS", 0.05)
    station = Station(tmp_path).start()
    station.owner.on_fault = station.notifying.closed
    await station.until(lambda: station.notifying.recipients == 2)
    station.journal.fail_at = len(station.journal.entries) + 1
    with pytest.raises(GateClosedError):
        station.halt()
    station.journal.fail_at = 0
    await station.owner.reopen()
    await station.until(lambda: bool(station.owner.state.incidents.by_id))
    await station.until(lambda: set(station.standing().values()) == {"delivered"})
    await asyncio.sleep(0.1)  # as long as a closed gate would have been told of
    assert not [one for one in station.process.attempts if "not in its record" in one.body]
    await station.stop()


async def test_a_disk_that_hangs_delays_nobody_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifying_module, "DURABLE_SECONDS", 0.01)
    station = Station(tmp_path)

    async def hangs() -> None:
        await asyncio.sleep(1000)

    monkeypatch.setattr(station.journal, "durable", hangs)
    station.start()
    station.halt()
    await station.until(lambda: set(station.standing().values()) == {"delivered"})
    await station.stop()


async def test_a_state_that_can_not_be_put_into_words_is_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbles(gate_id: str, changed: IncidentChanged, found: object, contacts: object) -> object:
        assert found is None
        return words_of(gate_id, changed, None, None)

    monkeypatch.setattr(notifying_module, "words_of", stumbles)
    station = Station(tmp_path).start()
    station.halt()
    await station.until(lambda: set(station.standing().values()) == {"delivered"})
    assert "something is odd" in station.process.attempts[0].body
    assert station.notifying.told.errors == len(station.messages)
    await station.stop()


async def test_an_error_of_its_own_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    station = Station(tmp_path)
    real, failed = station.notifying.keeper.current, asyncio.Event()

    async def fails_once() -> object:
        if failed.is_set():
            return await real()
        failed.set()
        raise RuntimeError("a bug")

    monkeypatch.setattr(station.notifying.keeper, "current", fails_once)
    station.start()
    station.halt()
    await station.until(lambda: set(station.standing().values()) == {"delivered"})
    assert station.notifying.told.errors == 1
    await station.stop()


async def test_a_notifier_that_is_down_is_warned_of(tmp_path: Path) -> None:
    station = Station(tmp_path).start()
    await station.until(lambda: not station.process.fine)
    assert "the process that tells people of incidents is down: it is being started" in station.warned()
    station.process.problem = "it ended with code 1"
    assert "is down: it ended with code 1" in station.warned()
    await station.stop()
