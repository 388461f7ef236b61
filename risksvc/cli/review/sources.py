"""Where a review's material comes from: the journal, files, or a venue; each read as the request says."""

from dataclasses import replace
from pathlib import Path

from risksvc.cli.errors import CliError, Hint
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.journal import reading
from risksvc.cli.review.assemble import assemble
from risksvc.cli.review.csv_table import ReviewFilesError
from risksvc.cli.review.files import read_files
from risksvc.cli.review.parts import Parts
from risksvc.cli.review.request import Request, with_moments
from risksvc.core.types import RiskError
from risksvc.gate.review.journal import NothingToReviewError, read_material
from risksvc.gate.review.material import Progress, ReviewMaterial


def gather(request: Request, tell: Progress) -> ReviewMaterial:
    """Read the source. Raises CliError."""
    if request.venue:
        return _from_venue(request, tell)
    if request.files is not None:
        parts = _files(request.files, tell)
        wanted = replace(request.wanted, account=_account(parts, request.wanted.account))
        return assemble(parts, wanted, request.moments, source=f"the files in {request.files}")
    return _from_journal(request, tell)


def _from_journal(request: Request, tell: Progress) -> ReviewMaterial:
    folder = _journal_folder(request)
    with reading(folder):
        try:
            material = read_material(folder, request.wanted, tell)
        except NothingToReviewError as error:
            hints = [Hint(f"risksvc journal show {folder}", "shows what the journal has")]
            raise CliError(str(error), code=ExitCode.NO, hints=hints) from error
    window = with_moments(material.case.window, request.moments)
    return replace(material, case=replace(material.case, window=window))


def _journal_folder(request: Request) -> Path:
    """The folder named, or its `journal`, or the settings' one."""
    if request.folder is not None:
        inside = request.folder / "journal"
        return inside if inside.is_dir() else request.folder
    from risksvc.cli.environment import read_environment  # noqa: PLC0415 - only without FOLDER
    from risksvc.cli.settings_file import BrokenSettingsError, read_settings  # noqa: PLC0415

    try:
        return read_settings(request.settings, read_environment()).state_dir / "journal"
    except BrokenSettingsError:
        raise
    except CliError as error:
        hints = [
            Hint("risksvc review STATE_FOLDER", "reviews a gate's journal"),
            Hint("risksvc review --from-files DIR", "reviews your own records: deploy/review/README.md"),
        ]
        raise CliError(error.message, code=ExitCode.USAGE, hints=hints) from error


def _files(folder: Path, tell: Progress) -> Parts:
    try:
        return read_files(folder, tell)
    except ReviewFilesError as error:
        raise _mistakes(folder, error) from error


def _account(parts: Parts, wanted: str) -> str:
    """The account that limits.yaml limits: the one that is named, or its only one."""
    listed = [] if parts.limits is None else list(parts.limits.accounts)
    if not listed or wanted in listed:
        return wanted
    if wanted or len(listed) > 1:
        named = f"{wanted} is not in it" if wanted else "it has several"
        sentence = f"limits.yaml: which account is under review? {named}; name one with --account: {', '.join(listed)}"
        raise CliError(sentence, code=ExitCode.USAGE)
    return listed[0]


def _mistakes(folder: Path, error: ReviewFilesError) -> CliError:
    hints = [Hint("", str(problem)) for problem in error.errors]
    count = f"{len(error.errors):,} mistake{'' if len(error.errors) == 1 else 's'}"
    return CliError(f"{count} in {folder}; nothing was reviewed", code=ExitCode.USAGE, hints=hints)


def _from_venue(request: Request, tell: Progress) -> ReviewMaterial:
    from risksvc.cli.environment import read_environment  # noqa: PLC0415 - ccxt takes its time
    from risksvc.cli.review.venue_source import venue_parts  # noqa: PLC0415
    from risksvc.cli.settings_file import read_settings  # noqa: PLC0415
    from risksvc.cli.venue_settings import check_config  # noqa: PLC0415

    config = check_config(read_settings(request.settings, read_environment()), request.venue, keys=True)
    try:
        parts = venue_parts(config, request, tell)
    except ReviewFilesError as error:
        raise _mistakes(request.files or Path(), error) from error
    except RiskError as error:
        raise CliError(f"{config.exchange} can't be read: {error}", code=ExitCode.UNDECIDED) from error
    wanted = replace(request.wanted, account=request.venue)
    beside = f", and the files in {request.files}" if request.files is not None else ""
    source = f"the history of account {request.venue} at {config.exchange}{beside}"
    return assemble(parts, wanted, request.moments, source=source)
