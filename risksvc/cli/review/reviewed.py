"""One finished review: what it was made of, and what came of it. Everything that is written down is made from this."""

from dataclasses import dataclass

from risksvc.cli.review.document import Moment
from risksvc.core.impact.report import ImpactReport
from risksvc.core.incident.severity import CLOCKS, ClockName
from risksvc.core.types import Nanoseconds
from risksvc.gate.review.material import ReviewMaterial


@dataclass(frozen=True, slots=True)
class Reviewed:
    """`made_at`: when this review was made; `contacts`: who was told, a line each, where a gate said so."""

    material: ReviewMaterial
    report: ImpactReport
    made_at: Nanoseconds
    software: str
    contacts: tuple[str, ...] = ()

    @property
    def discovered_at(self) -> Nanoseconds | None:
        """When it was found: the incident's opening, else what the source or a person says."""
        incident = self.material.incident
        return self.report.window.discovered_at or (None if incident is None else incident.opened_at)

    @property
    def due_at(self) -> Nanoseconds | None:
        """By when the review is to be recorded: as long after the discovery as the incident's clock runs."""
        incident = self.material.incident
        since = self.report.window.discovered_at if incident is None else incident.opened_at
        return None if since is None else since + CLOCKS[ClockName.REVIEW].within


def moments_of(reviewed: Reviewed) -> tuple[Moment, ...]:
    """What every chart marks."""
    window, affected = reviewed.report.window, reviewed.report.affected
    named: tuple[tuple[Nanoseconds | None, str], ...] = (
        (None if affected is None else affected.start, "first divergence"),
        (reviewed.discovered_at, "discovered"),
        (window.halted_at, "halted"),
        (window.corrected_at, "corrected"),
        (window.flat_at, "flat"),
    )
    return tuple(Moment(at, name) for at, name in named if at is not None)
