"""Limits files, mistakes in them, and differences between them, for people and as JSON."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich.table import Table

from risksvc.cli.output import Output, add_row, table
from risksvc.cli.text import NONE, count
from risksvc.v1.operator_pb2 import GetLimitsResponse, LimitsChange, LimitsError, ReloadLimitsResponse

if TYPE_CHECKING:
    from risksvc.gate.limits_file import LoadedLimits


class Mistake(Protocol):
    """One mistake in a file, whoever found it: the gate's reader here, or the gate over the wire."""

    @property
    def file(self) -> str: ...  # noqa: D102
    @property
    def line(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def message(self) -> str: ...  # noqa: D102


def mistake_line(mistake: Mistake) -> str:
    """Return `file:line: key: message`, as editors and compilers write it."""
    place = f"{mistake.file}:{mistake.line}" if mistake.line else mistake.file
    return f"{place}: {mistake.key}: {mistake.message}" if mistake.key else f"{place}: {mistake.message}"


def refused(mistakes: Iterable[Mistake]) -> ReloadLimitsResponse:
    """Return mistakes in the form in which the gate refuses a reload."""
    errors = [
        LimitsError(file=mistake.file, line=mistake.line, key=mistake.key, message=mistake.message)
        for mistake in mistakes
    ]
    return ReloadLimitsResponse(loaded=False, errors=errors)


# -- check --------------------------------------------------------------------------------------------------------


def show_invalid(out: Output, path: Path, mistakes: Sequence[Mistake]) -> None:
    """Print every mistake."""
    if out.as_json:
        errors = [
            {"file": mistake.file, "line": mistake.line, "key": mistake.key, "message": mistake.message}
            for mistake in mistakes
        ]
        out.json({"file": str(path), "valid": False, "hash": "", "errors": errors, "warnings": []})
        return
    for mistake in mistakes:
        out.line(mistake_line(mistake), style="red")
    out.line(
        f"{path}: NOT VALID, {count(len(mistakes), 'mistake')}; a gate keeps the limits that it has", style="bold red"
    )


def show_valid(out: Output, loaded: "LoadedLimits") -> None:
    """Print that a file is valid, and what it leaves open."""
    if out.as_json:
        document = {"errors": [], "warnings": list(loaded.warnings)}
        out.json({"file": str(loaded.path), "valid": True, "hash": loaded.limits.hash, **document})
        return
    _warnings(out, loaded.warnings)
    accounts = count(len(loaded.limits.accounts), "account")
    out.line(f"{loaded.path}: valid, {accounts}, hash {loaded.limits.hash}", style="green")
    out.next(
        (("limits", "diff", str(loaded.path)), "what would change"),
        (("limits", "reload", "--reason", "<why>"), "puts the gate's own file in force"),
    )


def _warnings(out: Output, warnings: Iterable[str]) -> None:
    for warning in warnings:
        out.line(f"warning: {warning}", style="yellow")


# -- show ---------------------------------------------------------------------------------------------------------


def show_file(out: Output, answer: GetLimitsResponse) -> None:
    """Print the file as loaded: valid YAML, so that it can be saved."""
    out.line(f"# limits in force, hash {answer.hash}", style="dim")
    for line in answer.yaml.splitlines():
        out.line(line)


def show_effective(out: Output, answer: GetLimitsResponse) -> None:
    """Print every limit after defaults."""
    out.line(f"limits in force, hash {answer.hash}", style="dim")
    for entry in answer.effective:
        out.line(f"{entry.key}: {entry.after or entry.before}")


# -- diff, reload -------------------------------------------------------------------------------------------------


def show_reload(out: Output, answer: ReloadLimitsResponse, *, dry_run: bool) -> None:
    """Print what changed, would change, or why nothing did."""
    _warnings(out, answer.warnings)
    for error in answer.errors:
        out.line(mistake_line(error), style="red")
    if not answer.loaded:
        what = "the file is not valid" if dry_run else "REFUSED: the old limits stand"
        out.line(
            f"{what}, {count(len(answer.errors), 'mistake')}; in force: hash {answer.hash or NONE}", style="bold red"
        )
        if answer.errors:
            out.next((("limits", "check", answer.errors[0].file), "after each correction"))
        return
    if not answer.changes:
        out.line(f"no limit changes, hash {answer.hash}", style="green")
        return
    out.line(f"{count(len(answer.changes), 'change')}:", style="bold")
    out.show_rows(answer.changes, _change_table)
    if dry_run:
        out.next((("limits", "reload", "--reason", "<why>"), "puts the gate's own file in force"))
    else:
        out.line(f"in force now: hash {answer.hash}", style="bold green")
        out.next((("exposure",), "exposure against the new limits"))


def _change_table(changes: Iterable[LimitsChange]) -> Table:
    result = table("key", "before", "after")
    for change in changes:
        add_row(result, change.key, change.before or "not set", change.after or "not set")
    return result
