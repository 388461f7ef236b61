"""`risksvc limits check | show | diff | reload`: the limits file, checked here, and the limits in force at the gate.

`check` and `diff A B` ask no gate. A file is read by the gate's own reader: what passes here passes there.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from risksvc.cli import limits_view
from risksvc.cli.connection import Gate
from risksvc.cli.errors import CliError
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.options import (
    PathOption,
    connection_options,
    exit_with,
    gate_command,
    gate_session,
    json_option,
    reason_option,
    settings_option,
)
from risksvc.cli.output import Output
from risksvc.v1 import operator_pb2

if TYPE_CHECKING:
    from risksvc.gate.limits_file import LoadedLimits

_REVIEW = "(dry run of `risksvc limits diff`)"


@click.group()
def limits() -> None:
    """Check, show, compare and reload the limits."""


@limits.command()
@click.argument("file", type=PathOption, required=False)
@settings_option
@json_option
def check(*, file: Path | None, settings: Path | None, as_json: bool) -> None:
    """Validate a limits file; exit 0 or 1. Without FILE: the one that the settings name.

    Prints one line for each mistake: file:line: key: what is wrong and what is allowed. Asks no gate.
    """
    from risksvc.gate.limits_file import LimitsFileError, load_limits  # noqa: PLC0415 - only this command reads files

    out = Output(as_json=as_json)
    path = file or _file_of_the_settings(settings)
    try:
        loaded = load_limits(path)
    except LimitsFileError as error:
        limits_view.show_invalid(out, path, error.errors)
        exit_with(ExitCode.NO)
    else:
        limits_view.show_valid(out, loaded)


def _file_of_the_settings(settings: Path | None) -> Path:
    from risksvc.cli.environment import read_environment  # noqa: PLC0415 - only without FILE
    from risksvc.cli.settings_file import limits_file_of  # noqa: PLC0415

    return limits_file_of(settings, read_environment())


@limits.command()
@click.option("--effective", is_flag=True, help="Every limit as it applies, defaults filled in, one per line.")
@gate_command
def show(gate: Gate, out: Output, *, effective: bool) -> ExitCode:
    """Show the limits in force: the file as it was loaded, or --effective."""
    answer = gate.ask(lambda stub: stub.GetLimits, operator_pb2.GetLimitsRequest())
    if out.as_json:
        out.json(answer)
    elif effective:
        limits_view.show_effective(out, answer)
    else:
        limits_view.show_file(out, answer)
    return ExitCode.OK


@limits.command()
@click.argument("files", type=PathOption, nargs=-1, metavar="[FILE] [FILE]")
@connection_options
@json_option
def diff(
    *,
    files: tuple[Path, ...],
    operator_address: str | None,
    settings: Path | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Show what would change.

    \b
    diff         from the limits in force to the gate's own file as it is now (a dry-run reload)
    diff FILE    from the limits in force to FILE
    diff A B     from file A to file B; asks no gate
    """  # noqa: D301 - click's mark against reflowing
    if len(files) > 2:  # noqa: PLR2004 - see the help
        raise click.UsageError("compare at most two files")
    if len(files) == 2:  # noqa: PLR2004
        out = Output(as_json=as_json)
        exit_with(_show_local(out, before=files[0], after=files[1]))
    with gate_session(operator_address, settings, token_file) as (gate, repeat):
        out = Output(as_json=as_json, repeat=repeat)
        code = _diff_in_force(gate, out, files[0]) if files else _reload(gate, out, reason=_REVIEW, dry_run=True)
    exit_with(code)


def _show_local(out: Output, *, before: Path, after: Path) -> ExitCode:
    from risksvc.gate.limits_file import LimitsFileError, load_limits  # noqa: PLC0415

    try:
        old, new = load_limits(before), load_limits(after)
    except LimitsFileError as error:
        return _show_changes(out, limits_view.refused(error.errors), dry_run=True)
    return _show_changes(out, _changes(old, new), dry_run=True)


def _diff_in_force(gate: Gate, out: Output, file: Path) -> ExitCode:
    from risksvc.gate.limits_file import LimitsFileError, load_limits, parse_limits  # noqa: PLC0415

    answer = gate.ask(lambda stub: stub.GetLimits, operator_pb2.GetLimitsRequest())
    try:
        old = parse_limits(answer.yaml, path=Path("limits in force"))
    except LimitsFileError as error:
        sentence = "the limits in force can't be read by this version of risksvc: compare with the gate's own version"
        raise CliError(sentence, code=ExitCode.UNDECIDED) from error
    try:
        new = load_limits(file)
    except LimitsFileError as error:
        return _show_changes(out, limits_view.refused(error.errors), dry_run=True)
    return _show_changes(out, _changes(old, new), dry_run=True)


def _changes(old: "LoadedLimits", new: "LoadedLimits") -> operator_pb2.ReloadLimitsResponse:
    """Return the difference in the form in which the gate answers a dry run."""
    from risksvc.gate.limits_file import diff_limits  # noqa: PLC0415

    changes = [
        operator_pb2.LimitsChange(key=key, before=before, after=after)
        for key, before, after in diff_limits(old.limits, new.limits)
    ]
    return operator_pb2.ReloadLimitsResponse(
        loaded=True, hash=new.limits.hash, changes=changes, warnings=list(new.warnings)
    )


@limits.command()
@reason_option()
@click.option("--dry-run", is_flag=True, help="Only validate the gate's file and show what would change.")
@gate_command
def reload(gate: Gate, out: Output, *, reason: str, dry_run: bool) -> ExitCode:
    """Make the gate read its limits file again: all of it, or none of it. Exit 1: refused, the old limits stand."""
    return _reload(gate, out, reason=reason, dry_run=dry_run)


def _reload(gate: Gate, out: Output, *, reason: str, dry_run: bool) -> ExitCode:
    request = operator_pb2.ReloadLimitsRequest(reason=reason, dry_run=dry_run)
    return _show_changes(out, gate.ask(lambda stub: stub.ReloadLimits, request), dry_run=dry_run)


def _show_changes(out: Output, answer: operator_pb2.ReloadLimitsResponse, *, dry_run: bool) -> ExitCode:
    if out.as_json:
        out.json(answer)
    else:
        limits_view.show_reload(out, answer, dry_run=dry_run)
    return ExitCode.OK if answer.loaded else ExitCode.NO
