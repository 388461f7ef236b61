"""Contacts and deliveries for people. No address is shown, only what kind of channel it is."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.limits_view import Mistake, mistake_line
from risksvc.cli.output import Output, add_row, table
from risksvc.cli.text import NONE, count, duration
from risksvc.v1.incident_pb2 import Contact, GetContactsResponse, MessageDelivery, TestContactsResponse

if TYPE_CHECKING:
    from rich.table import Table

    from risksvc.gate.telling.contacts_file import Contacts

TEST = (("contacts", "test", "--reason", "TEXT"), "sends everybody a test message, and says who got it")
CHECK = (("contacts", "check"), "the file's mistakes, and channels that can't work")


# -- check --------------------------------------------------------------------------------------------------------


def show_invalid(out: Output, path: Path, mistakes: Sequence[Mistake]) -> None:
    """Print every mistake."""
    if out.as_json:
        out.json({"file": str(path), "valid": False, "errors": [mistake_line(one) for one in mistakes], "warnings": []})
        return
    for mistake in mistakes:
        out.line(mistake_line(mistake), style="red")
    told = "a gate tells whoever it told before"
    out.line(f"{path}: NOT VALID, {count(len(mistakes), 'mistake')}; {told}", style="bold red")
    out.next((("contacts", "check", str(path)), "again, once they are corrected"))


def unusable_channels(contacts: "Contacts") -> list[str]:
    """Channels whose address can't be read, or that apprise does not know, a line each."""
    from risksvc.gate.secret_files import SecretError, read_secret  # noqa: PLC0415
    from risksvc.gate.telling.notifier import apprise_channel  # noqa: PLC0415 - large; only for this check

    found = [mistake_line(one) for one in contacts.unusable]
    for person in contacts.recipients:
        for channel in person.channels:
            try:
                address = channel.url if channel.source is None else read_secret(channel.source)
            except SecretError:
                continue  # it is among those that can't be read
            if not apprise_channel.is_known(address):
                found.append(f"{person.name} by {channel.label}: {apprise_channel.NOT_READ}")
    return found


def show_checked(out: Output, contacts: "Contacts", *, unusable: Sequence[str]) -> ExitCode:
    """Print who would be told, and what is missing."""
    code = ExitCode.NO if unusable else ExitCode.OK
    if out.as_json:
        out.json({
            "file": str(contacts.path), "valid": True, "errors": list(unusable),
            "warnings": [str(one) for one in contacts.warnings],
            "recipients": [
                {"name": one.name, "roles": list(one.roles), "channels": [channel.label for channel in one.channels]}
                for one in contacts.recipients
            ],
        })  # fmt: skip
        return code
    for warning in contacts.warnings:
        out.line(f"warning: {mistake_line(warning)}", style="yellow")
    for text in unusable:
        out.line(text, style="red")
    channels = sum(len(one.channels) for one in contacts.recipients)
    told = f"{count(len(contacts.addressed), 'recipient')} by {count(channels, 'channel')}"
    if unusable:
        out.line(f"{contacts.path}: valid, but {count(len(unusable), 'channel')} would tell nobody", style="bold red")
    else:
        out.line(f"{contacts.path}: valid; {told}; nothing was sent", style="bold green")
    out.next(TEST)
    return code


# -- show and test ------------------------------------------------------------------------------------------------


def show_contacts(out: Output, answer: GetContactsResponse) -> None:
    """Print who is told now."""
    for problem in answer.problems:
        out.line(problem, style="yellow")
    if not any(contact.channels for contact in answer.contacts):
        where = answer.path or "none is named in the settings (`contacts:`)"
        out.line(f"Nobody is told of incidents. Contacts file: {where}", style="bold red")
    if answer.contacts:
        out.line(f"Told at the same moment, the same text, by {answer.path}:", style="bold")
        out.show(_contact_table(answer.contacts))
    if answer.last_deliveries:
        out.heading("The last delivery to each:")
        out.show(_delivery_table(answer.last_deliveries))
    if answer.undelivered:
        out.line(f"{count(answer.undelivered, 'message')} not delivered yet; they are tried again", style="bold red")
    out.next(TEST, CHECK)


def _contact_table(contacts: Iterable[Contact]) -> "Table":
    result = table("role", "name", "phone", "channels", "our id there", "venue")
    for one in contacts:
        add_row(
            result,
            one.role,
            one.name,
            one.phone or NONE,
            ", ".join(one.channels) or NONE,
            one.participant_id or NONE,
            one.venue or NONE,
        )
    return result


def _delivery_table(deliveries: Iterable[MessageDelivery]) -> "Table":
    result = table("recipient", "channel", "attempts", "delivered", "why not", right=("attempts",), words=("why not",))
    now = time.time_ns()
    for one in deliveries:
        taken = bool(one.delivered_at_ns)
        when = f"{duration(now - one.delivered_at_ns)} ago" if taken else "gave up" if one.gave_up else "not yet"
        add_row(
            result,
            one.recipient,
            one.channel,
            str(one.attempts),
            when,
            "" if taken else one.error or "no answer yet",
            style="" if taken else "bold red",
        )
    return result


def show_test(out: Output, answer: TestContactsResponse) -> None:
    """Print who got the test message."""
    if not answer.deliveries:
        out.line("Nobody was told: there are no contacts with a channel.", style="bold red")
        out.next((("contacts", "show"), "what the gate knows"))
        return
    reached = sum(bool(one.delivered_at_ns) for one in answer.deliveries)
    out.show(_delivery_table(answer.deliveries))
    whole = reached == len(answer.deliveries)
    out.line(f"{reached} of {len(answer.deliveries)} channels took it", style="bold green" if whole else "bold red")
    if whole:
        out.line("That a channel took it is known; ask the people whether they saw it.")
    out.next(
        (("contacts", "show"), "who is told, by which channels"), (("contacts", "check"), "what can't work, and why")
    )
