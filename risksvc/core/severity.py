"""How bad an incident is, by the financial direction of its impact, and which clocks run from then on. Data only.

P0: money moves in the wrong direction. P1: positions are open and nobody knows or manages their state. P2: trading goes
on, worse than expected. The technical severity decides nothing: a one-line bug that doubles every order is P0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from risksvc.core.types import SECOND, Nanoseconds, Severity

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


# The trigger of what a person opened.
BY_HAND = "OPERATOR"


class ClockName(Enum):
    """What has to be done by a time. The names are what operators and metrics see."""

    HALT = "HALT"
    ASSESS = "ASSESS"
    ROOT_CAUSE = "ROOT_CAUSE"
    FLATTEN = "FLATTEN"
    SECOND_PERSON = "SECOND_PERSON"
    REVIEW = "REVIEW"


@dataclass(frozen=True, slots=True)
class ClockRule:
    """One clock. `missed`: what everybody is told when it runs out."""

    within: Nanoseconds
    missed: str


CLOCKS: Mapping[ClockName, ClockRule] = {
    ClockName.HALT: ClockRule(2 * MINUTE, "new orders are not halted"),
    ClockName.ASSESS: ClockRule(15 * MINUTE, "nobody has assessed the positions"),
    ClockName.ROOT_CAUSE: ClockRule(15 * MINUTE, "the root cause is not known"),
    ClockName.FLATTEN: ClockRule(5 * MINUTE, "the flatten that is required has not been started"),
    ClockName.SECOND_PERSON: ClockRule(15 * MINUTE, "no second person has recorded the hold"),
    ClockName.REVIEW: ClockRule(48 * HOUR, "the review with its PnL impact is not recorded"),
}


@dataclass(frozen=True, slots=True)
class SeverityRule:
    """One severity: what it means, what is to be done, which clocks start when an incident becomes that."""

    says: str
    do: str
    clocks: tuple[ClockName, ...]


SEVERITIES: Mapping[Severity, SeverityRule] = {
    Severity.P0: SeverityRule(
        "money is moving in the wrong direction",
        "halt new orders within 2 minutes, then assess, and find the cause within 15",
        (ClockName.HALT, ClockName.ASSESS, ClockName.ROOT_CAUSE, ClockName.REVIEW),
    ),
    Severity.P1: SeverityRule(
        "positions are open, and their state is not known or not managed",
        "assess and tell the position state within 15 minutes",
        (ClockName.ASSESS, ClockName.ROOT_CAUSE, ClockName.REVIEW),
    ),
    Severity.P2: SeverityRule(
        "trading goes on, and is worse than it should be",
        "quantify how much worse, and decide whether to go on or to halt",
        (),
    ),
}

_RANK = {Severity.P0: 0, Severity.P1: 1, Severity.P2: 2}


def worse(one: Severity, other: Severity) -> Severity:
    """The more severe of two."""
    return one if _RANK[one] <= _RANK[other] else other
