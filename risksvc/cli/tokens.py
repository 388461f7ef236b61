"""Showing a new operator's token: once, with the lines for the settings file and how to keep it.

A token is printed to standard output and nowhere else, except into a file that the person names.
"""

import os
from pathlib import Path

import click

from risksvc.cli.errors import CliError, Hint
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.output import Output

# Reads from the terminal, so that the token gets into no shell history.
KEEP = Hint(
    "(umask 077; mkdir -p ~/.config/risksvc; cat > ~/.config/risksvc/token)",
    "as that operator: paste the token, Ctrl-D",
)


def check_name(name: str) -> None:
    """Refuse a name that the settings file would refuse."""
    from pydantic_core import PydanticCustomError  # noqa: PLC0415 - only these commands need it

    from risksvc.gate.config_values import name as parse_name  # noqa: PLC0415

    try:
        parse_name(name)
    except PydanticCustomError as error:
        raise click.UsageError(f"operator {error.message()}") from error


def show_token(out: Output, name: str, token: str) -> None:
    """Print a new token."""
    out.line(f"token of operator {name}, shown only now:", style="bold")
    out.line(token)


def settings_lines(name: str, token_sha256: str) -> list[str]:
    """Return the lines for `operators:` of the settings file."""
    return [f"  - name: {name}", f"    token_sha256: {token_sha256}"]


def write_token(path: Path, token: str) -> None:
    """Write a token to a new file that only its owner can read."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(token + "\n")
    except FileExistsError as error:
        raise CliError(f"{path} exists and is not overwritten; name another file", code=ExitCode.NO) from error
    except OSError as error:
        raise CliError(f"{path} can't be written: {error.strerror or error}", code=ExitCode.USAGE) from error
