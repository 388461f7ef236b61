"""`risksvc review`: the options, the progress, the files, the page.

Reads, computes, writes new files; the only thing that it may change is the incident's record, with `RecordReview`.
"""

import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import click

from risksvc import __version__
from risksvc.cli.options import PathOption, connection_options, exit_with, json_option

_TARGETS = ("intent", "belief")


def _time(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int:
    """Nanoseconds of a time; 0: not given."""
    from risksvc.cli.review.cells import moment  # noqa: PLC0415 - only when it is used
    from risksvc.core.types import MalformedInputError  # noqa: PLC0415

    if not value:
        return 0
    try:
        return moment(value)
    except MalformedInputError as error:
        raise click.BadParameter(error.problem) from None


def _figure(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Decimal | None:
    from risksvc.core.types import MalformedInputError, parse_decimal  # noqa: PLC0415

    if value is None:
        return None
    try:
        return parse_decimal(value, field="")
    except MalformedInputError as error:
        raise click.BadParameter(error.problem) from None


_TIMES = (
    ("--start", "From this time on. Default: the source's first record, or where the last incident was closed."),
    ("--end", "Up to this time. Default: the source's last record."),
    ("--affected-from", "The fault was there since: every decision from then on is judged. Default: found."),
    ("--discovered", "When it was discovered, where the source does not say."),
    ("--halted", "When trading stopped."),
    ("--corrected", "When the belief was proven right again: costs are valued then."),
    ("--flat", "When the positions were proven flat: costs are valued then, if earlier."),
)
_FIGURES = (
    ("--half-spread", "half_spread_bps", "BPS", "Half of the spread where the market shows none. Default: 1."),
    ("--impact", "impact_bps", "BPS", "Impact of what was never sent. Default: 0."),
    ("--fee-rate", "fee_rate", "RATE", "Fees of a decision without a fill, of the value: 0.0005. Default: 0."),
)


def review_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add everything but the connection."""
    for flag, what in reversed(_TIMES):
        function = click.option(flag, callback=_time, metavar="TIME", help=what)(function)
    for flag, name, metavar, what in reversed(_FIGURES):
        function = click.option(flag, name, callback=_figure, metavar=metavar, help=what)(function)
    for flag, metavar, what in (
        ("--incident", "ID", "This incident of the journal. Default: the newest that diverged."),
        ("--strategy", "NAME", "Only this strategy."),
        ("--account", "NAME", "This account. Needed where several traded."),
    ):
        function = click.option(flag, default="", metavar=metavar, help=what)(function)
    return function


@click.command()
@click.argument("folder", type=PathOption, required=False)
@click.option("--from-files", "files", type=PathOption, metavar="DIR", help="CSV files, see deploy/review/README.md.")
@click.option("--from-venue", "venue", default="", metavar="ACCOUNT", help="The venue's own history, by the settings.")
@review_options
@click.option(
    "--target", type=click.Choice(list(_TARGETS)), default="intent", help="Where both are recorded. Default: intent."
)
@click.option("--output", type=PathOption, metavar="DIR", help="A folder without a review. Default: ./review-TIME.")
@click.option("--no-record", is_flag=True, help="Leave the incident's record as it is.")
@connection_options
@json_option
def review(**given: Any) -> None:  # noqa: ANN401 - click's values, by the options above
    """Say what an incident cost: replay what was believed and what was held, and compare what was decided.

    FOLDER is a gate's state folder, or its journal's (also while the gate runs, or a copy of it); default: the
    settings'. Writes review.html, review.md, review.json and CSV, and prints the number: a number even when it is 0.
    """
    from risksvc.cli.review.running import run_review  # noqa: PLC0415 - loads the gate's code

    tell = _teller()
    try:
        code = run_review(given, __version__, now=time.time_ns(), tell=tell)
    finally:
        tell("")
    exit_with(code)


def _teller() -> Callable[[str], None]:
    """Progress on standard error, in place where somebody watches; nothing where nobody does."""
    if not sys.stderr.isatty():
        return lambda _: None
    return lambda text: click.echo(f"\r\x1b[2K{text}", nl=False, err=True)
