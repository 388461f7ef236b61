"""Who is told, as operators see it, and a test message to everybody. Never shows an address."""

import asyncio
from collections.abc import Iterator

from risksvc.core.incident.record import Delivery
from risksvc.core.types import Nanoseconds
from risksvc.gate import convert
from risksvc.gate.app import GateApp
from risksvc.gate.event_log import log_event
from risksvc.gate.telling.contacts_file import Contacts, Recipient, SupportLine
from risksvc.gate.telling.message_text import trial_words
from risksvc.gate.telling.notifier.lanes import Letter, Said
from risksvc.gate.telling.notifying import NO_FILE, Notifying
from risksvc.v1 import incident_pb2

TEST_SECONDS = 20.0


async def get_contacts(
    app: GateApp, _request: incident_pb2.GetContactsRequest, _by: str
) -> incident_pb2.GetContactsResponse:
    """Who is told, and how it went."""
    notifying = app.notifying
    contacts = await notifying.keeper.current()
    return incident_pb2.GetContactsResponse(
        contacts=contact_messages(contacts),
        path=str(notifying.keeper.path or ""),
        problems=_problems(notifying, contacts),
        last_deliveries=[delivery_message(one) for one in notifying.last.values()],
        undelivered=notifying.undelivered,
        notifier_up=notifying.process.up,
    )


def contact_messages(contacts: Contacts | None) -> list[incident_pb2.Contact]:
    """Everybody, one for each role; the lines of exchange support with the id that they know us by."""
    if contacts is None:
        return []
    lines = {(line.name, line.reach): line for line in contacts.support}
    return [_contact(role, one, lines.get((one.name, one.phone))) for one in contacts.recipients for role in one.roles]


def _contact(role: str, one: Recipient, line: SupportLine | None) -> incident_pb2.Contact:
    return incident_pb2.Contact(
        role=role,
        name=one.name,
        phone=one.phone,
        channels=[channel.label for channel in one.channels],
        participant_id="" if line is None else line.participant_id,
        venue="" if line is None else line.venue,
    )


def delivery_message(delivery: Delivery) -> incident_pb2.MessageDelivery:
    """How one delivery went."""
    return incident_pb2.MessageDelivery(
        recipient=delivery.recipient,
        channel=delivery.channel,
        attempts=delivery.attempts,
        delivered_at_ns=delivery.delivered_at or 0,
        error=delivery.error,
        gave_up=delivery.final,
    )


def warnings(notifying: Notifying, *, now: Nanoseconds) -> Iterator[str]:
    """What an operator should be worried by, one line each."""
    keeper = notifying.keeper
    if keeper.path is None:
        yield f"nobody is told of incidents: {NO_FILE}"
    elif keeper.last_error:
        kept = "nobody is told of incidents" if keeper.contacts is None else "whoever was told before is told still"
        yield f"the contacts file was refused, {kept}: {'; '.join(keeper.last_error.splitlines())}"
    elif keeper.contacts is not None and not notifying.recipients:
        yield f"nobody is told of incidents: {keeper.path} lists no channel"
    if keeper.contacts is not None:
        yield from (f"this channel tells nobody: {one}" for one in keeper.contacts.unusable)
    if not notifying.process.fine:
        why = notifying.process.problem or "it is being started"
        yield f"the process that tells people of incidents is down: {why}"
    late = notifying.late_recipients(now)
    if late:
        yield f"not told for more than a minute, call them: {', '.join(late)}; see `risksvc contacts show`"


def _problems(notifying: Notifying, contacts: Contacts | None) -> list[str]:
    refused = notifying.keeper.last_error.splitlines()
    if contacts is None:
        return refused
    return [*refused, *map(str, contacts.unusable), *map(str, contacts.warnings)]


async def test_contacts(
    app: GateApp, request: incident_pb2.TestContactsRequest, by: str
) -> incident_pb2.TestContactsResponse:
    """A test message to everybody; waits for what becomes of it."""
    reason = convert.reason(request.reason)
    contacts = await app.notifying.keeper.current()
    log_event("contacts_test", by=by, reason=reason, recipients=app.notifying.recipients)
    if contacts is None:
        return incident_pb2.TestContactsResponse()
    trial = _Trial(app, contacts, reason=reason, by=by)
    return incident_pb2.TestContactsResponse(deliveries=[delivery_message(one) for one in await trial.run()])


class _Trial:
    """One test: a letter to each recipient and channel, on the lanes that real messages take."""

    def __init__(self, app: GateApp, contacts: Contacts, *, reason: str, by: str) -> None:
        words = trial_words(app.gate_id, reason, by, contacts)
        self._app = app
        self._over = asyncio.Event()
        self._letters = [
            Letter(person, channel, words.title, words.body, self._report)
            for person in contacts.addressed
            for channel in person.channels
        ]
        self._found = {one.lane: Delivery(one.recipient.name, one.channel.label, 0) for one in self._letters}

    async def run(self) -> list[Delivery]:
        """Sends, waits, and takes back what was not taken in time."""
        for letter in self._letters:
            self._app.notifying.lanes.post(letter)
        try:
            if self._letters:
                async with asyncio.timeout(TEST_SECONDS):
                    await self._over.wait()
        except TimeoutError:
            pass
        finally:
            for letter in self._letters:
                letter.settled = True
        return list(self._found.values())

    def _report(self, letter: Letter, said: Said) -> None:
        self._found[letter.lane] = Delivery(
            letter.recipient.name,
            letter.channel.label,
            letter.attempts,
            delivered_at=self._app.clock.now() if said.delivered else None,
            error=said.error,
            final=said.final and not said.delivered,
        )
        if all(one.settled for one in self._letters):
            self._over.set()
