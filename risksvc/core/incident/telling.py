"""Who was told what, and what follows when somebody can't be reached: the others are told to call him.

Rule 1: a message is addressed once, and from then on its words and its recipients are fixed: all get the same text,
also after a restart. Rule 2: a delivery that was made stays made. Rule 3: a recipient whom no channel reached (in a P0:
not within a minute) is one line of the record, told to all, with the number to call; only once until he is reached
again, and a message that says so never causes another: no failure can go round in a circle.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from risksvc.core.incident.events import DeliveryRecorded, MessageAddressed
from risksvc.core.incident.record import Delivery, EntryKind, Incident, Incidents, Message, record
from risksvc.core.incident.severity import MINUTE
from risksvc.core.outputs import Output
from risksvc.core.state import GateState
from risksvc.core.types import Nanoseconds, Severity

# In a P0 nobody waits for the last attempt.
P0_PATIENCE = MINUTE
_WORDS_KEPT = 160


def delivery_key(recipient: str, channel: str) -> str:
    """What `Message.deliveries` is ordered by."""
    return f"{recipient}/{channel}"


def is_settled(delivery: Delivery) -> bool:
    """Made, or given up."""
    return delivery.final or delivery.delivered_at is not None


def message_addressed(state: GateState, event: MessageAddressed, now: Nanoseconds) -> Iterator[Output]:
    """From here on it is known who is to be told, and by what words."""
    found = _find(state.incidents, event.incident_id, event.message_id)
    if found is None or found.message.addressed_at is not None:
        return
    incident, message = found.incident, found.message
    message.addressed_at = now
    message.deliveries = {delivery_key(one.recipient, one.channel): one for one in event.deliveries}
    message.sent_text = event.text if event.deliveries else ""
    if not event.deliveries and _is_first_to_nobody(incident, message):
        text = f"{message.message_id} was told to nobody: {event.why}"
        yield from record(incident, EntryKind.NOTE, text, by=_gate(state), now=now)


def delivery_recorded(state: GateState, event: DeliveryRecorded, now: Nanoseconds) -> Iterator[Output]:
    """What became of one attempt, or of the last one."""
    found = _find(state.incidents, event.incident_id, event.message_id)
    if found is None:
        return
    incident, message, delivery = found.incident, found.message, event.delivery
    key = delivery_key(delivery.recipient, delivery.channel)
    known = message.deliveries.get(key)
    if known is None or known.delivered_at is not None:
        return
    message.deliveries[key] = delivery
    if all(is_settled(one) for one in message.deliveries.values()):
        message.sent_text = ""
    if delivery.delivered_at is not None:
        incident.unreached = [name for name in incident.unreached if name != delivery.recipient]
    elif _must_be_called(incident, message, delivery.recipient, now=now):
        incident.unreached.append(delivery.recipient)
        text = _call(message, event)
        yield from record(incident, EntryKind.DELIVERY_FAILED, text, by=_gate(state), now=now)


@dataclass(frozen=True, slots=True)
class Found:
    """A message, and the incident that it belongs to."""

    incident: Incident
    message: Message


def unsettled(incidents: Incidents) -> list[Found]:
    """Messages that were not addressed, or that somebody still has to get; the oldest first."""
    found = [Found(incident, message) for incident in incidents.by_id.values() for message in incident.messages]
    waiting = [one for one in found if _waits(one.message)]
    return sorted(waiting, key=lambda one: one.message.at)


def find_message(incidents: Incidents, incident_id: str, message_id: str) -> Found | None:
    """One message; None: it is not remembered any more."""
    return _find(incidents, incident_id, message_id)


def _waits(message: Message) -> bool:
    return message.addressed_at is None or not all(is_settled(one) for one in message.deliveries.values())


def _find(incidents: Incidents, incident_id: str, message_id: str) -> Found | None:
    incident = incidents.by_id.get(incident_id)
    if incident is None:
        return None
    message = next((one for one in reversed(incident.messages) if one.message_id == message_id), None)
    return None if message is None else Found(incident, message)


def _is_first_to_nobody(incident: Incident, message: Message) -> bool:
    return not any(
        one.addressed_at is not None and not one.deliveries for one in incident.messages if one is not message
    )


def _must_be_called(incident: Incident, message: Message, recipient: str, *, now: Nanoseconds) -> bool:
    if not incident.is_open or message.kind is EntryKind.DELIVERY_FAILED or recipient in incident.unreached:
        return False
    if incident.severity is Severity.P0 and now - message.at >= P0_PATIENCE:
        return not any(one.delivered_at is not None for one in _of(message, recipient))
    return all(one.final and one.delivered_at is None for one in _of(message, recipient))


def _of(message: Message, recipient: str) -> list[Delivery]:
    return [one for one in message.deliveries.values() if one.recipient == recipient]


def _call(message: Message, event: DeliveryRecorded) -> str:
    name, reach = event.delivery.recipient, event.phone
    tried = ", ".join(f"{one.channel}: {one.error or 'no answer yet'}" for one in _of(message, name))
    how = f"call {name} at {reach}" if reach else f"no phone number of {name} is known: find another way"
    return f"{name} could not be told of {message.message_id} ({tried[:_WORDS_KEPT]}): {how}"


def _gate(state: GateState) -> str:
    return f"gate:{state.gate_id}"
