"""`risksvc contacts check | show | test`: who is told of incidents, and whether they would be.

`check` asks no gate, and sends nothing. No address is ever shown, only what kind of channel it is.
"""

from pathlib import Path

import click

from risksvc.cli import contacts_view
from risksvc.cli.connection import Gate
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.options import PathOption, exit_with, gate_command, json_option, reason_option, settings_option
from risksvc.cli.output import Output
from risksvc.v1 import incident_pb2

# The gate waits 20 s for the channels.
TEST_CALL_SECONDS = 30.0


@click.group()
def contacts() -> None:
    """Check, show and test who is told of incidents."""


@contacts.command()
@click.argument("file", type=PathOption, required=False)
@settings_option
@json_option
def check(*, file: Path | None, settings: Path | None, as_json: bool) -> None:
    """Validate a contacts file; exit 0 or 1. Without FILE: the one that the settings name.

    Prints one line for each mistake, looks up every address that is kept elsewhere, and asks apprise whether it knows
    the channel. Sends nothing, asks no gate.
    """
    from risksvc.gate.telling.contacts_file import ContactsFileError, load_contacts  # noqa: PLC0415 - only this one reads files

    out = Output(as_json=as_json)
    path = file or _file_of_the_settings(settings)
    try:
        found = load_contacts(path)
    except ContactsFileError as error:
        contacts_view.show_invalid(out, path, error.errors)
        exit_with(ExitCode.NO)
    exit_with(contacts_view.show_checked(out, found, unusable=contacts_view.unusable_channels(found)))


def _file_of_the_settings(settings: Path | None) -> Path:
    from risksvc.cli.environment import read_environment  # noqa: PLC0415 - only without FILE
    from risksvc.cli.settings_file import contacts_file_of  # noqa: PLC0415

    return contacts_file_of(settings, read_environment())


@contacts.command()
@gate_command
def show(gate: Gate, out: Output) -> ExitCode:
    """Show who is told by the gate now, how the last deliveries went, and whom to call at the exchange."""
    answer = gate.ask_flow(lambda stub: stub.GetContacts, incident_pb2.GetContactsRequest())
    if out.as_json:
        out.json(answer)
    else:
        contacts_view.show_contacts(out, answer)
    return ExitCode.OK if any(contact.channels for contact in answer.contacts) else ExitCode.NO


@contacts.command()
@reason_option()
@gate_command
def test(gate: Gate, out: Output, *, reason: str) -> ExitCode:
    """Send everybody a test message, and say who got it. Exit 1: somebody did not within 20 s."""
    request = incident_pb2.TestContactsRequest(reason=reason)
    answer = gate.ask_flow(lambda stub: stub.TestContacts, request, seconds=TEST_CALL_SECONDS)
    if out.as_json:
        out.json(answer)
    else:
        contacts_view.show_test(out, answer)
    reached = bool(answer.deliveries) and all(one.delivered_at_ns for one in answer.deliveries)
    return ExitCode.OK if reached else ExitCode.NO
