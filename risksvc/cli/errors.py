"""How a command says that it can't go on: one plain sentence, what to type next, an exit code. Never a stack trace."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

import click

from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.printable import printable

# What `assess --direct` is for, wherever a gate does not answer.
DIRECT = "reads the venue without the gate: an exit must not depend on us"


@dataclass(frozen=True, slots=True)
class Hint:
    """What to type next (`command`, ready to paste) and what for. An empty command is a plain remark."""

    command: str
    purpose: str = ""


class CliError(click.ClickException):
    """A command ends here. `hints` are printed below the sentence; everything goes to standard error."""

    def __init__(self, sentence: str, *, code: ExitCode, hints: Sequence[Hint] = ()) -> None:
        super().__init__(sentence)
        self.exit_code = int(code)  # type: ignore[misc] # click reads it from the instance
        self.hints = tuple(hints)

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the sentence and the hints; click calls it before it exits."""
        click.secho(f"risksvc: {printable(self.message)}", file=file, err=True, fg="red")
        for hint in self.hints:
            click.echo(hint_line(hint), file=file, err=True)


def hint_line(hint: Hint) -> str:
    """One hint as one line; a command stays whole so that it can be copied."""
    if not hint.command:
        return f"  {hint.purpose}"
    return f"  {hint.command}" + (f"  # {hint.purpose}" if hint.purpose else "")
