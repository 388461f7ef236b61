"""Which settings file is meant, and what the command line needs of it.

A gate must be halted even while somebody is breaking its settings file: where only the operators' address is needed, a
file with mistakes still gives the address that it names, and the mistakes are told.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from risksvc.cli.environment import Environment
from risksvc.cli.errors import CliError, Hint, hint_line
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.printable import printable
from risksvc.tls.endpoint import Endpoint, Tls

if TYPE_CHECKING:
    from risksvc.gate.settings import Settings

DEFAULT_PLACES = (Path("risksvc.yaml"), Path("/etc/risksvc/risksvc.yaml"))


class BrokenSettingsError(CliError):
    """A settings file with mistakes, or one that can't be read; the mistakes are the hints."""


def find_settings(settings: Path | None, environment: Environment) -> Path:
    """--settings, RISKSVC_SETTINGS, ./risksvc.yaml, /etc/risksvc/risksvc.yaml: the first that is said or exists."""
    if settings is not None:
        return settings
    if environment.settings:
        return Path(environment.settings)
    for place in DEFAULT_PLACES:
        if place.exists():
            return place
    places = " nor ".join(map(str, DEFAULT_PLACES))
    raise CliError(
        f"there is no settings file: no --settings, no RISKSVC_SETTINGS, neither {places}",
        code=ExitCode.USAGE,
        hints=[
            Hint("risksvc init", "writes one"),
            Hint("", "A command that asks a gate needs none with --operator-address ADDRESS"),
        ],
    )


def read_settings(settings: Path | None, environment: Environment) -> "Settings":
    """The whole file, valid. A file with mistakes ends the command with every one of them."""
    from risksvc.gate.config_problems import SettingsFileError  # noqa: PLC0415 - pydantic, only where it is needed
    from risksvc.gate.settings import load_settings  # noqa: PLC0415

    path = find_settings(settings, environment)
    try:
        return load_settings(path)
    except SettingsFileError as error:
        hints = [Hint("", str(problem)) for problem in error.errors]
        sentence = f"the settings file {path} can't be used"
        raise BrokenSettingsError(sentence, code=ExitCode.USAGE, hints=hints) from error


def operator_endpoint_of(settings: Path | None, environment: Environment) -> Endpoint:
    """Where the gate of this settings file is reached by operators; a file with mistakes is told with each of them."""
    try:
        read = read_settings(settings, environment)
    except CliError as error:
        written = _endpoint_as_written(find_settings(settings, environment))
        if written is None:
            raise
        warn_of_mistakes(error, f"asking the gate at {written.target}, which it names")
        return written
    return operator_endpoint(read)


def spoken_to(endpoint: Endpoint, tls: Tls | None) -> Endpoint:
    """The same place; a port as the command line says, where it says anything."""
    return endpoint if tls is None or endpoint.target.startswith("unix:") else replace(endpoint, tls=tls)


def warn_of_mistakes(error: CliError, what_now: str) -> None:
    """Tell what is wrong with a settings file that the command goes on without."""
    click.secho(f"risksvc: {printable(error.message)}; {what_now}", err=True, fg="yellow")
    for hint in error.hints:
        click.secho(hint_line(hint), err=True, fg="yellow")


def operator_endpoint(settings: "Settings") -> Endpoint:
    """Where the gate of these settings is reached by operators."""
    if settings.operator_endpoint.has_no_port:
        raise CliError(
            "the settings let the system pick the operators' port: give --operator-address, as `risksvc serve` said it",
            code=ExitCode.USAGE,
        )
    return settings.operator_endpoint


def _endpoint_as_written(path: Path) -> Endpoint | None:
    """How operators reach the gate of a file with mistakes elsewhere; None where it can't be known."""
    from pydantic import ValidationError  # noqa: PLC0415 - only for a broken file

    from risksvc.gate.listen_schema import ConnectSection, ListenSection  # noqa: PLC0415
    from risksvc.gate.listeners import endpoint_of, listener_of  # noqa: PLC0415
    from risksvc.gate.settings_schema import GateSection  # noqa: PLC0415
    from risksvc.gate.yaml_lines import UnreadableError, read_document  # noqa: PLC0415

    try:
        root = read_document(path).root
        written = ListenSection.model_validate(root.get("listen")).operator
        path_there = ConnectSection.model_validate(root.get("connect")).operator
        state = GateSection.model_validate(root.get("gate")).state_dir
    except (UnreadableError, ValidationError):
        return None
    folder = path.absolute().parent
    listener = listener_of("operator", written, folder=folder, state_dir=folder / state)
    found = endpoint_of(listener, path_there, folder)
    return None if found.has_no_port else found


def limits_file_of(settings: Path | None, environment: Environment) -> Path:
    """The limits file that the settings name."""
    return read_settings(settings, environment).limits_path


def contacts_file_of(settings: Path | None, environment: Environment) -> Path:
    """The contacts file that the settings name; that they name none ends the command."""
    read = read_settings(settings, environment)
    if read.contacts_path is not None:
        return read.contacts_path
    raise CliError(
        f"{read.path} names no contacts file: nobody is told of incidents",
        code=ExitCode.NO,
        hints=[
            Hint("risksvc init DIR", "writes one, commented; take contacts.yaml from there"),
            Hint("", f"Then write `contacts: contacts.yaml` into {read.path} and start the gate again"),
        ],
    )
