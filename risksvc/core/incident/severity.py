"""How bad an incident is, by the financial direction of its impact, and which clocks run from then on. Data only.

P0: money moves in the wrong direction. P1: positions are open and nobody knows or manages their state. P2: trading goes
on, worse than expected. The technical severity decides nothing: a one-line bug that doubles every order is P0. How bad
a halt is stands with its trigger (`risksvc.core.trips`); what needs no halt is `ENDANGERED`; the rest people judge.
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
    """One clock. `missed`: what everybody is told when it runs out; `do`: the words of the command that meets it.

    "{id}" in `do` is the incident.
    """

    within: Nanoseconds
    missed: str
    do: tuple[str, ...]


CLOCKS: Mapping[ClockName, ClockRule] = {
    ClockName.HALT: ClockRule(2 * MINUTE, "new orders are not halted", ("halt", "--reason", "<what you see>")),
    ClockName.ASSESS: ClockRule(15 * MINUTE, "nobody has assessed the positions", ("assess",)),
    ClockName.ROOT_CAUSE: ClockRule(
        15 * MINUTE, "the root cause is not known", ("incident", "cause", "{id}", "<what it was>", "--fixed")
    ),
    ClockName.FLATTEN: ClockRule(5 * MINUTE, "the flatten that is required has not been started", ("flatten",)),
    ClockName.SECOND_PERSON: ClockRule(15 * MINUTE, "no second person has recorded the hold", ("decide",)),
    ClockName.REVIEW: ClockRule(
        48 * HOUR, "the review with its PnL impact is not recorded", ("review", "--incident", "{id}")
    ),
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


class Endangered(Enum):
    """What endangers an open position without any halt. The names are an incident's trigger, and what metrics see."""

    MONITORING_LOST = "MONITORING_LOST"
    STRATEGY_SILENT = "STRATEGY_SILENT"
    KILL_SWITCH_LOST = "KILL_SWITCH_LOST"
    EQUITY_MISMATCH = "EQUITY_MISMATCH"
    MARKS_STALE = "MARKS_STALE"


@dataclass(frozen=True, slots=True)
class EndangeredRule:
    """One row: how bad, and what it means. Each only while something is held or works."""

    severity: Severity
    says: str


ENDANGERED: Mapping[Endangered, EndangeredRule] = {
    Endangered.MONITORING_LOST: EndangeredRule(
        Severity.P1, "no complete read of the venue for `stale_denied_after`: nobody knows what is held"
    ),
    Endangered.STRATEGY_SILENT: EndangeredRule(
        Severity.P1, "a strategy that holds a position has neither asked, reported nor watched for 30 s"
    ),
    Endangered.KILL_SWITCH_LOST: EndangeredRule(
        Severity.P1, "the kill switch can't be read for 30 s: strategies are denied and can't manage what they hold"
    ),
    Endangered.EQUITY_MISMATCH: EndangeredRule(
        Severity.P1, "the venue's equity moved by more than positions, fees, funding and transfers explain"
    ),
    Endangered.MARKS_STALE: EndangeredRule(
        Severity.P2, "marks are older than `stale_denied_after`: positions are read, and can't be valued"
    ),
}
SILENT_AFTER = 30 * SECOND


@dataclass(frozen=True, slots=True)
class Example:
    """One example of the severity matrix, and what recognises it here: a trigger, an endangerment, or a person."""

    severity: Severity
    what: str
    recognised_by: str


EXAMPLES: tuple[Example, ...] = (
    Example(Severity.P0, "a strategy trades on a wrong signal: fills that no approval explains", "UNEXPECTED_FILL"),
    Example(Severity.P0, "orders reach the venue past the gate", "UNEXPECTED_ORDER"),
    Example(Severity.P0, "risk limits are not enforced: a position over its limit by quantity", "POSITION_OVER_LIMIT"),
    Example(Severity.P0, "what a strategy believes is not what it holds", "BELIEF_DRIFT"),
    Example(Severity.P0, "what the venue says is held is not what the fills add up to", "POSITION_DRIFT"),
    Example(Severity.P0, "the venue closes a position by force", "LIQUIDATION"),
    Example(Severity.P0, "hedges fail to be sent while directional trades go through", BY_HAND),
    Example(Severity.P1, "one strategy sizes larger than its band, and its orders are denied", "REPEATED_LIMIT_BREACH"),
    Example(Severity.P1, "a position outside its authorised band", "OUTSIDE_BAND"),
    Example(Severity.P1, "a strategy has stopped and left positions open", "STRATEGY_SILENT"),
    Example(Severity.P1, "monitoring has failed and nobody knows the position state", "MONITORING_LOST"),
    Example(Severity.P1, "the gate denies everything while positions are open", "KILL_SWITCH_LOST"),
    Example(Severity.P1, "mark-to-market is not what positions explain", "EQUITY_MISMATCH"),
    Example(Severity.P2, "one order that breaks a limit, and is denied", "LIMIT_BREACH"),
    Example(Severity.P2, "market data is stale", "MARKS_STALE"),
    Example(Severity.P2, "fills are worse than usual, or come by a second-choice route", BY_HAND),
)

_RANK = {Severity.P0: 0, Severity.P1: 1, Severity.P2: 2}


def worse(one: Severity, other: Severity) -> Severity:
    """The more severe of two."""
    return one if _RANK[one] <= _RANK[other] else other
