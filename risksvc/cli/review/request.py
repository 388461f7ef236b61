"""What is asked of a review: the command's options as one value, checked together before anything is read."""

from dataclasses import dataclass, replace
from pathlib import Path

import click

from risksvc.cli.review.assemble import Moments
from risksvc.core.impact.types import ImpactAssumptions, ImpactWindow
from risksvc.gate.review.case import ReviewWanted


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the command. `folder`: a journal; `files`: a folder of CSV files; `venue`: an account to be read."""

    folder: Path | None
    files: Path | None
    venue: str
    settings: Path | None
    wanted: ReviewWanted
    moments: Moments

    def check(self) -> None:
        """What does not go together. Raises UsageError."""
        if self.folder is not None and (self.files is not None or self.venue):
            raise click.UsageError("name one source: a journal's FOLDER, or --from-files, or --from-venue")
        if self.venue and not self.wanted.start:
            raise click.UsageError("--from-venue needs --start: from when on is the venue to be read?")
        if self.wanted.incident and (self.files is not None or self.venue):
            raise click.UsageError("--incident is of a journal; files and venues know no incidents: give --discovered")
        if 0 < self.wanted.end <= self.wanted.start:
            raise click.UsageError("--end must be later than --start")


def with_moments(window: ImpactWindow, moments: Moments) -> ImpactWindow:
    """A window in which what a person said stands before what was found."""
    said = {
        name: value
        for name, value in (
            ("affected_from", moments.affected_from),
            ("discovered_at", moments.discovered_at),
            ("halted_at", moments.halted_at),
            ("corrected_at", moments.corrected_at),
            ("flat_at", moments.flat_at),
        )
        if value
    }
    return replace(window, **said)


def wanted_assumptions(**given: object) -> ImpactAssumptions:
    """The assumptions with what was given in place of the defaults; None: not given."""
    return ImpactAssumptions(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
