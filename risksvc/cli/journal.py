"""`risksvc journal verify | show | export`: what the gate wrote down, read from its folder; no gate is asked.

Takes no lock and changes nothing, so it works beside a running gate and on a copy. The folder is named, or that of the
settings. Whoever may read the folder may use it: there is no token.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from risksvc.cli.errors import CliError, Hint
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.options import PathOption, exit_with, json_option, settings_option
from risksvc.cli.output import Output

if TYPE_CHECKING:
    from risksvc.gate.settings import Settings


@click.group()
def journal() -> None:
    """Verify, show and export the journal of decisions."""


def folder_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add FOLDER and --settings."""
    return click.argument("folder", type=PathOption, required=False)(settings_option(function))


def _place(folder: Path | None, settings: Path | None) -> tuple[Path, "Settings | None"]:
    """The journal's folder, and the settings that it comes from."""
    if folder is not None:
        return folder, None
    from risksvc.cli.environment import read_environment  # noqa: PLC0415 - only without FOLDER
    from risksvc.cli.settings_file import read_settings  # noqa: PLC0415

    read = read_settings(settings, read_environment())
    return read.state_dir / "journal", read


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """What reading a journal raises, as one sentence and what to do."""
    from risksvc.core.types import RiskError  # noqa: PLC0415 - only what reads a journal loads the gate's code
    from risksvc.gate.segments import JournalCorruptError  # noqa: PLC0415

    try:
        yield
    except JournalCorruptError as error:
        hints = [Hint(f"risksvc journal verify {folder}", "looks at every file, also after this one")]
        where = f"{error.path}: corrupt at byte {error.offset}: {error.problem}"
        raise CliError(f"{where}; what came before it was good", code=ExitCode.NO, hints=hints) from error
    except RiskError as error:
        raise CliError(str(error), code=ExitCode.USAGE) from error
    except FileNotFoundError as error:
        sentence = f"{error.filename} went while it was read: the gate deletes what is old. Ask again"
        raise CliError(sentence, code=ExitCode.UNDECIDED) from error
    except OSError as error:
        raise CliError(f"{error.filename or folder}: {error.strerror}", code=ExitCode.PERMISSION) from error


# -- verify -------------------------------------------------------------------------------------------------------


@journal.command()
@folder_argument
@click.option(
    "--anchors",
    "anchor_file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="File with the gate's collected standard output, - for standard input: its journal_anchor lines are used.",
)
@click.option("--redis-url", metavar="URL", help="The store to read anchors from. Default: the settings'.")
@click.option("--gate", default="", metavar="ID", help="Whose anchors. Default: the settings', else beside FOLDER.")
@click.option(
    "--since", callback=lambda *given: _time(given[2]), metavar="TIME", help="Only anchors from this time on (UTC)."
)
@json_option
def verify(  # noqa: PLR0913 - one parameter for each option
    *,
    folder: Path | None,
    settings: Path | None,
    anchor_file: Path | None,
    redis_url: str | None,
    gate: str,
    since: int,
    as_json: bool,
) -> None:
    """Find every changed, removed or reordered entry; exit 0 or 1.

    Checksums find accidents. Whoever changes a journal on purpose makes its checksums fit; that is found by anchors,
    hashes that the gate told elsewhere at the time: to the store (--redis-url), and to its standard output (--anchors).
    The answer says which entries they stand for, and which nothing stands for. --since: after the journal was begun
    anew.
    """
    from risksvc.cli import journal_view  # noqa: PLC0415 - loads the gate's code
    from risksvc.cli.journal_anchors import AnchorSources, collect_anchors  # noqa: PLC0415
    from risksvc.gate.journal_check import check_journal  # noqa: PLC0415

    place, read = _place(folder, settings)
    with reading(place):
        anchors = collect_anchors(AnchorSources(place, read, anchor_file, redis_url, gate, since))
        verdict = check_journal(place, anchors.found)
    journal_view.show_verdict(Output(as_json=as_json), verdict, anchors)
    exit_with(ExitCode.OK if verdict.good else ExitCode.NO)


# -- show and export ----------------------------------------------------------------------------------------------


def _time(value: str | None) -> int:
    """Nanoseconds of an ISO 8601 time, UTC unless it says otherwise; 0: none."""
    if not value:
        return 0
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(
            "write a time like 2026-11-22T14:30 or 2026-11-22; UTC unless it says +02:00"
        ) from None
    read = read if read.tzinfo else read.replace(tzinfo=UTC)
    return int(read.timestamp()) * 1_000_000_000


@journal.command()
@folder_argument
@click.option("--from", "first", type=click.IntRange(1), default=1, metavar="SEQ", help="From this entry on.")
@click.option("--to", "last", type=click.IntRange(1), metavar="SEQ", help="Up to this entry.")
@click.option("--since", callback=lambda *given: _time(given[2]), metavar="TIME", help="From this time on (UTC).")
@click.option("--type", "kind", default="", metavar="TYPE", help="Only this type of input, e.g. OrderChecked.")
@click.option("--order", default="", metavar="ID", help="Only what names this order, by client or venue order id.")
@json_option
def show(  # noqa: PLR0913 - one parameter for each option
    *,
    folder: Path | None,
    settings: Path | None,
    first: int,
    last: int | None,
    since: int,
    kind: str,
    order: str,
    as_json: bool,
) -> None:
    """Show entries in words: what was asked, what was decided. Of very many the last ones; --json has all."""
    from risksvc.cli import journal_view  # noqa: PLC0415 - loads the gate's code
    from risksvc.cli.journal_entries import Wanted, apart, known_type, read_wanted  # noqa: PLC0415
    from risksvc.gate.journal import read_journal  # noqa: PLC0415

    place, _ = _place(folder, settings)
    wanted = Wanted(first, last, since, known_type(kind), order)
    with reading(place):
        entries = read_wanted(read_journal(place), wanted)
        if as_json:
            journal_view.print_json(entries)
        else:
            rows = (row for entry in entries for row in apart(entry, order))
            journal_view.show_entries(Output(as_json=False), rows)


@journal.command()
@folder_argument
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", help="Default: jsonl.")
@click.option("--output", type=PathOption, metavar="FILE", help="A new file. Default: standard output.")
def export(*, folder: Path | None, settings: Path | None, form: str, output: Path | None) -> None:
    """Write every entry as it was recorded: one JSON document per line, or CSV. Numbers stay exact text."""
    from risksvc.cli.journal_export import Exported, cut_short, export_entries  # noqa: PLC0415 - loads the gate's code
    from risksvc.gate.journal import read_journal  # noqa: PLC0415

    place, _ = _place(folder, settings)
    done = Exported()
    try:
        with reading(place):
            export_entries(read_journal(place), done, form=form, output=output)
    except CliError as error:
        raise cut_short(error, done, output) from error
    if output is not None:
        click.echo(f"{done.number:,} entries in {output}")
