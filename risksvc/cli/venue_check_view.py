"""How the report of `risksvc venue check` is shown: a table for each account, or one JSON document."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.output import Output, add_row, table

if TYPE_CHECKING:
    from risksvc.venue.abilities import Finding
    from risksvc.venue.check import VenueCheck

NO_SETTINGS = "-"  # the account of a check without settings

_STYLES: Mapping[str, str] = {"yes": "green", "partly": "yellow", "no": "red"}
# Of several accounts the first of these that one ended with is the command's: what can't be mended by waiting first.
_WORST_FIRST = (ExitCode.USAGE, ExitCode.PERMISSION, ExitCode.UNDECIDED)


def worst(checks: Sequence["VenueCheck"]) -> ExitCode:
    """The exit code of the command."""
    codes = {check.code for check in checks}
    return next((code for code in _WORST_FIRST if code in codes), ExitCode.OK)


def show(out: Output, checks: Sequence["VenueCheck"]) -> None:
    """Print every account's report."""
    if out.as_json:
        out.json({"accounts": [_document(check) for check in checks]})
        return
    for check in checks:
        _show_one(out, check)


def _document(check: "VenueCheck") -> Mapping[str, object]:
    return {
        "account": check.account,
        "exchange": check.exchange,
        "usable": not check.problem,
        "problem": check.problem,
        "findings": [_row(row) for row in check.report],
        "tried": [_row(row) for row in check.tried],
    }


def _row(row: "Finding") -> Mapping[str, str]:
    return {"name": row.name, "verdict": row.verdict.value, "says": row.says, "do": row.do}


def _show_one(out: Output, check: "VenueCheck") -> None:
    out.heading(f"account {check.account} at {check.exchange}" if check.account != NO_SETTINGS else check.exchange)
    if check.report:
        _show_rows(out, "capability", check.report)
    if check.tried:
        out.line()
        _show_rows(out, "tried", check.tried)
    if check.problem:
        out.line(f"{check.exchange} can't be used: {check.problem}", style="bold red")


def _show_rows(out: Output, title: str, rows: Sequence["Finding"]) -> None:
    shown = table(title, "", "what follows", "what to do", words=("what follows",))
    for row in rows:
        verdict = row.verdict.value
        add_row(shown, row.name, Text(verdict, style=_STYLES[verdict]), row.says, row.do)
    out.show(shown)
