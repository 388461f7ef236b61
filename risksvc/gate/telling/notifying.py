"""Tells everybody of each change of an incident: the same words at the same moment, and keeps at it until they got it.

`heard` is an owner's listener: on the path of a check it costs a look at the outputs, and a change one entry in a
queue. Everything else happens beside: who is told is read, written into the record (`MessageAddressed`), and each
recipient's channel has its own lane; what becomes of it is written down too (`DeliveryRecorded`).

Rule 1: whatever goes wrong here ends here; the gate decides as ever. Rule 2: nothing is told before it is durable,
unless the disk takes longer than two seconds: people must know. Rule 3: what was not settled when the gate ended is
sent again when it starts, at least once, if it is not older than an hour; the message's id in the text shows a repeat.
Rule 4: a gate that stays closed, and so can open no incident, is told of without a record.
"""

import asyncio
import logging
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field

from risksvc.core.events import Input
from risksvc.core.incident.events import DeliveryRecorded, MessageAddressed
from risksvc.core.incident.record import Delivery
from risksvc.core.incident.severity import HOUR, MINUTE
from risksvc.core.incident.telling import Found, delivery_key, find_message, is_settled, unsettled
from risksvc.core.outputs import IncidentChanged, Output
from risksvc.core.types import Nanoseconds, RiskError
from risksvc.gate.owner import Fault, GateClosedError, Owner, TimeSource
from risksvc.gate.telling.contacts_file import Channel, Contacts, Recipient
from risksvc.gate.telling.contacts_keeper import ContactsKeeper
from risksvc.gate.telling.message_text import Words, closed_words, words_of
from risksvc.gate.telling.notifier.lanes import Lanes, Letter, Said
from risksvc.gate.telling.notifier.process import NotifierProcess

REFRESH_SECONDS = 10.0
DURABLE_SECONDS = 2.0
AGAIN_SECONDS = 1.0
CLOSED_SECONDS = 2.0
TOO_OLD = HOUR
LATE = MINUTE
QUEUE_KEPT = 10_000
NO_FILE = "no contacts file is named in the settings (`contacts:`)"
NOBODY_LISTED = "the contacts file lists no channel"
REFUSED = "the contacts file can't be used; see `risksvc contacts check`"
DELIVERED, FAILED, GAVE_UP = "delivered", "failed", "gave_up"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Told:
    """For status and metrics. `deliveries`: by (outcome, role); `to_nobody`: messages that had no recipient."""

    messages: int = 0
    to_nobody: int = 0
    deliveries: Counter[tuple[str, str]] = field(default_factory=Counter)
    errors: int = 0


@dataclass(frozen=True, slots=True)
class _About:
    """Which message a letter carries; no incident: it is in no record."""

    incident_id: str
    message_id: str
    at: Nanoseconds


class Notifying:
    """One gate's. `last`: the newest delivery of each recipient and channel that is known now."""

    def __init__(
        self,
        owner: Owner,
        clock: TimeSource,
        *,
        gate_id: str,
        keeper: ContactsKeeper,
        process: NotifierProcess | None = None,
    ) -> None:
        self.keeper = keeper
        self.told = Told()
        self.last: dict[str, Delivery] = {}
        self.process = process or NotifierProcess()
        self.lanes = Lanes(self.process)
        self.process.late = self.lanes.late
        self._owner = owner
        self._clock = clock
        self._gate_id = gate_id
        self._new: deque[IncidentChanged] = deque(maxlen=QUEUE_KEPT)
        self._woken = asyncio.Event()
        self._waiting: dict[Letter, _About] = {}
        self._left: list[Found] = []
        self._closed_by = ""

    # -- looking -------------------------------------------------------------------------------------------------

    @property
    def gate_id(self) -> str:
        """Whose messages they are."""
        return self._gate_id

    @property
    def recipients(self) -> int:
        """How many are told now."""
        return 0 if self.keeper.contacts is None else len(self.keeper.contacts.addressed)

    @property
    def undelivered(self) -> int:
        """Deliveries that are still tried."""
        return len(self._waiting)

    def oldest_undelivered(self, now: Nanoseconds) -> Nanoseconds:
        """The age of the oldest message that somebody still has to get; 0: all have."""
        return max((max(0, now - about.at) for about in self._waiting.values()), default=0)

    def late_recipients(self, now: Nanoseconds) -> list[str]:
        """Whose delivery is older than a minute, as "name by channel"."""
        late = [letter for letter, about in self._waiting.items() if now - about.at >= LATE]
        return sorted({f"{one.recipient.name} by {one.channel.label}" for one in late})

    # -- hearing -------------------------------------------------------------------------------------------------

    def heard(self, _event: Input, outputs: tuple[Output, ...], _now: Nanoseconds) -> None:
        """An owner's listener."""
        for output in outputs:
            if isinstance(output, IncidentChanged) and output.message_id:
                self._new.append(output)
                self._woken.set()

    def closed(self, _fault: Fault) -> None:
        """An owner's `on_fault`: what reopens soon is told as an incident; what does not, is told without a record."""
        asyncio.get_running_loop().call_later(CLOSED_SECONDS, self._still_closed)

    def _still_closed(self) -> None:
        if self._owner.fault is not None:
            self._closed_by = self._owner.fault.what
            self._woken.set()

    # -- telling -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled."""
        self._left = unsettled(self._owner.state.incidents)
        supervising = asyncio.create_task(self.process.run(), name="notifier process")
        try:
            while True:
                try:
                    await self._round()
                except Exception:  # noqa: BLE001 - the gate goes on, and so does telling
                    self.told.errors += 1
                    _log.exception("telling people failed; it is tried again")
                    await asyncio.sleep(AGAIN_SECONDS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(REFRESH_SECONDS):
                        await self._woken.wait()
        finally:
            self.lanes.close()
            supervising.cancel()
            await asyncio.wait({supervising})

    async def _round(self) -> None:
        self._woken.clear()
        contacts = await self.keeper.current()
        if contacts is not None and contacts.addressed:
            self.process.want()  # so that the first message need not wait for it
        self._take_up(contacts)
        if self._closed_by:
            self._tell_closed(contacts)
        if self._new:
            await self._durable()
        while self._new:
            self._tell(self._new.popleft(), contacts)

    async def _durable(self) -> None:
        with suppress(TimeoutError, GateClosedError):
            async with asyncio.timeout(DURABLE_SECONDS):
                await self._owner.durable()

    def _tell(self, changed: IncidentChanged, contacts: Contacts | None) -> None:
        """Addresses one message and posts it."""
        found = find_message(self._owner.state.incidents, changed.incident_id, changed.message_id)
        if found is not None and found.message.addressed_at is not None:
            return  # heard, and found in the state at the start
        if found is not None and contacts is None and self.keeper.path is not None:
            self.told.to_nobody += 1
            self._left.append(found)  # nobody is known until the file is mended: it waits, as after a restart
            return
        self.told.messages += 1
        words = self._words(changed, found, contacts)
        targets = [] if contacts is None else _targets(contacts)
        deliveries = tuple(Delivery(person.name, channel.label, 0) for person, channel in targets)
        why = "" if targets else self._why_nobody(contacts)
        self.told.to_nobody += not targets
        self._owner.submit_or_keep(
            MessageAddressed(changed.incident_id, changed.message_id, _as_sent(words), deliveries, why)
        )
        about = _About(
            changed.incident_id, changed.message_id, self._clock.now() if found is None else found.message.at
        )
        for person, channel in targets:
            self._post(about, person, channel, words)

    def _tell_closed(self, contacts: Contacts | None) -> None:
        what, self._closed_by = self._closed_by, ""
        words = closed_words(self._gate_id, what, contacts)
        about = _About("", "", self._clock.now())
        for person, channel in [] if contacts is None else _targets(contacts):
            self._post(about, person, channel, words)

    def _words(self, changed: IncidentChanged, found: Found | None, contacts: Contacts | None) -> Words:
        """A state that a fault left half changed may not be told of; that something happened is told all the same."""
        try:
            return words_of(self._gate_id, changed, found, contacts)
        except Exception:  # noqa: BLE001
            self.told.errors += 1
            _log.exception("the incident's state can't be put into words")
            return words_of(self._gate_id, changed, None, contacts)

    def _why_nobody(self, contacts: Contacts | None) -> str:
        if self.keeper.path is None:
            return NO_FILE
        return NOBODY_LISTED if contacts is not None else REFUSED

    def _post(self, about: _About, person: Recipient, channel: Channel, words: Words) -> None:
        letter = Letter(person, channel, words.title, words.body, self._report)
        self._waiting[letter] = about
        self.lanes.post(letter)

    def _report(self, letter: Letter, said: Said) -> None:
        """After each attempt; on the event loop's thread."""
        about = self._waiting.get(letter)
        if about is None:
            return
        if said.final:
            del self._waiting[letter]
        outcome = DELIVERED if said.delivered else GAVE_UP if said.final else FAILED
        self.told.deliveries[outcome, letter.recipient.roles[0]] += 1
        delivery = Delivery(
            letter.recipient.name,
            letter.channel.label,
            letter.attempts,
            delivered_at=self._clock.now() if said.delivered else None,
            error=said.error,
            final=said.final and not said.delivered,
        )
        self._record(about, delivery, letter.recipient.phone)

    def _record(self, about: _About, delivery: Delivery, phone: str) -> None:
        self.last[delivery_key(delivery.recipient, delivery.channel)] = delivery
        if not about.incident_id:
            return
        event = DeliveryRecorded(about.incident_id, about.message_id, delivery, phone)
        try:
            if is_settled(delivery):
                self._owner.submit_or_keep(event)
            else:
                self._owner.submit(event)
        except RiskError as error:  # closed: the next attempt is recorded, or the end
            _log.warning("an attempt to tell somebody is not recorded: %s", error)

    # -- after a restart -----------------------------------------------------------------------------------------

    def _take_up(self, contacts: Contacts | None) -> None:
        """What was not settled when the gate ended; what nobody can be told yet waits for the contacts file."""
        left, self._left = self._left, []
        for one in left:
            if self._clock.now() - one.message.at > TOO_OLD:
                self._too_old(one)
            elif contacts is None and self.keeper.path is not None:
                self._left.append(one)
            elif one.message.addressed_at is None:
                self._new.append(_changed(one))
            else:
                self._send_again(one, contacts)

    def _too_old(self, one: Found) -> None:
        why = "it was not sent: the gate was down, and it is older than an hour"
        message = one.message
        _log.warning("message %s: %s", message.message_id, why)
        if message.addressed_at is None:
            event = MessageAddressed(one.incident.incident_id, message.message_id, "", (), why)
            self._owner.submit_or_keep(event)
            return
        for delivery in list(message.deliveries.values()):
            self._give_up(one, delivery, why, phone="")

    def _send_again(self, one: Found, contacts: Contacts | None) -> None:
        message = one.message
        known = {} if contacts is None else {_key(*target): target for target in _targets(contacts)}
        about = _About(one.incident.incident_id, message.message_id, message.at)
        title, _, body = message.sent_text.partition("\n")
        for key, delivery in list(message.deliveries.items()):
            target = known.get(key)
            if is_settled(delivery):
                continue
            if target is None:
                self._give_up(one, delivery, "not in the contacts file any more", phone="")
            else:
                self._post(about, *target, Words(title, body))

    def _give_up(self, one: Found, delivery: Delivery, why: str, *, phone: str) -> None:
        if is_settled(delivery):
            return
        about = _About(one.incident.incident_id, one.message.message_id, one.message.at)
        given_up = Delivery(delivery.recipient, delivery.channel, delivery.attempts, error=why, final=True)
        self._record(about, given_up, phone)


def _targets(contacts: Contacts) -> list[tuple[Recipient, Channel]]:
    return [(person, channel) for person in contacts.addressed for channel in person.channels]


def _key(person: Recipient, channel: Channel) -> str:
    return delivery_key(person.name, channel.label)


def _as_sent(words: Words) -> str:
    return f"{words.title}\n{words.body}"


def _changed(one: Found) -> IncidentChanged:
    message = one.message
    return IncidentChanged(one.incident.incident_id, message.kind.value, message.text, message.message_id)
