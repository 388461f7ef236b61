"""The command `risksvc`: which commands there are, where each lives, and what its help says.

A command's module is imported when the command is used, so that `risksvc halt` waits for nothing that it does not need.
The last resort against a stack trace is here too.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from risksvc import __version__
from risksvc.cli import exit_codes
from risksvc.cli.environment import VARIABLES
from risksvc.cli.errors import CliError
from risksvc.cli.exit_codes import ExitCode


@dataclass(frozen=True, slots=True)
class Lazy:
    """Where a command lives: `module` below risksvc.cli, `name` in it; `summary` is its line in the list."""

    module: str
    name: str
    summary: str


SECTIONS: Mapping[str, Mapping[str, Lazy]] = {
    "In an incident": {
        "status": Lazy("status", "status", "what may be traded, and what an operator should worry about"),
        "halt": Lazy("halt", "halt", "stop trading: everything, or an account, strategy, instrument"),
        "assess": Lazy("assess", "assess", "what is really held, straight from the venue; --direct needs no gate"),
        "incident": Lazy("incident", "incident", "the record: list, show, note, cause, take, close, open, export"),
        "positions": Lazy("positions", "positions", "what is held: venue beside ledger beside belief"),
        "decide": Lazy("decide", "decide", "what to do about the position, and why; record a course"),
        "hold": Lazy("decide", "hold", "record that it is held (takes two), or show how the hold stands"),
        "orders": Lazy("orders", "orders", "orders that can still fill"),
        "cancel-all": Lazy("orders", "cancel_all", "cancel working orders, or list what to cancel by hand"),
        "flatten": Lazy("flatten", "flatten", "plan the way to flat; with --execute, go it, and prove it"),
        "check-reducing": Lazy("reducing", "check_reducing", "ask for your own reducing order, also while HALTED"),
        "expect": Lazy("expect", "expect", "announce an order that you will place at the venue by hand"),
        "reconcile": Lazy("reconcile", "reconcile", "read the venue now, say whether everything agrees, and explain"),
        "adopt": Lazy("adopt", "adopt", "explain positions, orders and fills that no approval explains"),
        "resume": Lazy("resume", "resume", "propose or confirm clearing named halts"),
        "runbook": Lazy("runbook", "runbook", "what to do, step by step; what each alert asks for"),
        "contacts": Lazy("contacts", "contacts", "who is told of incidents: check, show, and test every channel"),
    },
    "Limits and exposure": {
        "exposure": Lazy("positions", "exposure", "worst-case exposure against its limits"),
        "reservations": Lazy("orders", "reservations", "approved orders that are not proven finished"),
        "limits": Lazy("limits", "limits", "check, show, diff and reload the limits file"),
    },
    "The record": {
        "review": Lazy("review.command", "review", "what an incident cost: believed beside actual, a number"),
        "journal": Lazy("journal", "journal", "verify, show and export the journal of decisions"),
    },
    "Set up and run": {
        "init": Lazy("initialise", "init", "write a commented settings file and limits file"),
        "serve": Lazy("processes", "serve", "run the gate"),
        "venue": Lazy("venue", "venue", "run the venue process of an account; check what a venue can do"),
        "paper": Lazy("paper", "paper", "run a paper venue that speaks Bybit v5, and make it misbehave"),
        "demo": Lazy("processes", "demo", "replay the $200K incident with real processes"),
        "drill": Lazy("processes", "drill", "play an incident from divergence to review, with real processes"),
        "operator": Lazy("operator", "operator", "make an operator's token"),
        "version": Lazy("version", "version", "print the version"),
    },
}
COMMANDS: Mapping[str, Lazy] = {name: lazy for section in SECTIONS.values() for name, lazy in section.items()}

# "\b" keeps click from reflowing the paragraph that follows.
_EPILOG = "\n".join(
    [
        "\b",
        "Exit codes:",
        *(f"  {line}" for line in exit_codes.table()),
        "",
        "\b",
        "Environment:",
        *(f"  {name:<26}{what}" for name, what in VARIABLES.items()),
    ]
)


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names, in the order of the help text."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        lazy = COMMANDS.get(cmd_name)
        if lazy is None:
            return None
        command = getattr(importlib.import_module(f"risksvc.cli.{lazy.module}"), lazy.name)
        assert isinstance(command, click.Command)  # noqa: S101 - the table above is wrong
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list by section, importing nothing."""
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, lazy.summary) for name, lazy in commands.items()])

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Run a command; whatever it did not expect becomes one sentence."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            ctx.exit(int(ExitCode.INTERRUPTED))
        except ModuleNotFoundError as error:
            raise _missing(error) from error
        except Exception as error:
            kind = type(error).__name__
            raise CliError(f"unexpected {kind}: {error}. Please report it.", code=ExitCode.UNDECIDED) from error


def _missing(error: ModuleNotFoundError) -> CliError:
    name = error.name or "a module"
    if name.startswith("risksvc"):
        return CliError(f"this installation lacks {name}", code=ExitCode.USAGE)
    return CliError(f"{name} is not installed: pip install 'risksvc[server]'", code=ExitCode.USAGE)


@click.group(cls=LazyGroup, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="risksvc", message="%(prog)s %(version)s")
def app() -> None:
    """Pre-trade risk gate: look at it, halt it, resume it, run it.

    Every command that asks a gate takes --json, --operator-address, --settings and --token-file.
    """
