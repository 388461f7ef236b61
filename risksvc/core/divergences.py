"""What can differ between belief, ledger and venue: every class, what it means, and what comes of it.

The names are the metric's label, the status's word and the runbook's heading. A class of an instrument is a `Suspicion`
in its line; one that concerns the whole account (`per_account`) is a `Condition` of the account. Data only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class DivergenceClass(Enum):
    """What differs, or what the venue did of its own accord."""

    MISSING_FILL = "MISSING_FILL"
    UNEXPECTED_FILL = "UNEXPECTED_FILL"
    UNEXPECTED_ORDER = "UNEXPECTED_ORDER"
    LOST_ORDER = "LOST_ORDER"
    PHANTOM_FILL = "PHANTOM_FILL"
    POSITION_DRIFT = "POSITION_DRIFT"
    BELIEF_DRIFT = "BELIEF_DRIFT"
    UNATTRIBUTED_RESIDUAL = "UNATTRIBUTED_RESIDUAL"
    LIQUIDATION = "LIQUIDATION"
    ADL = "ADL"
    DELIVERY = "DELIVERY"
    FUNDING = "FUNDING"
    TRANSFER = "TRANSFER"
    STALE_VENUE = "STALE_VENUE"
    UNREADABLE_VENUE = "UNREADABLE_VENUE"
    UNKNOWN_INSTRUMENT = "UNKNOWN_INSTRUMENT"
    EQUITY_MISMATCH = "EQUITY_MISMATCH"


class Consequence(Enum):
    """What comes of a divergence. DIVERGES: SUSPECT at once, a halt when it lasts."""

    DIVERGES = "DIVERGES"
    HALTS = "HALTS"
    REDUCES = "REDUCES"
    CLOSES = "CLOSES"
    ALERTS = "ALERTS"
    EXPLAINED = "EXPLAINED"


@dataclass(frozen=True, slots=True)
class DivergenceRule:
    """One class. `says`: a sentence for people; `becomes`: what follows, and when."""

    consequence: Consequence
    says: str
    becomes: str
    per_account: bool = False


DIVERGENCES: Mapping[DivergenceClass, DivergenceRule] = {
    DivergenceClass.MISSING_FILL: DivergenceRule(
        Consequence.DIVERGES,
        "the venue shows more filled than its fills do, and approved orders could explain it",
        "SUSPECT; a halt when it lasts for three complete reads and ten seconds",
    ),
    DivergenceClass.UNEXPECTED_FILL: DivergenceRule(
        Consequence.DIVERGES,
        "a fill at the venue that no approved order explains, or an order that filled more than was approved",
        "a halt on the first complete read",
    ),
    DivergenceClass.UNEXPECTED_ORDER: DivergenceRule(
        Consequence.DIVERGES,
        "a working order at the venue that nobody approved, or larger than approved",
        "a halt on the first complete read",
    ),
    DivergenceClass.LOST_ORDER: DivergenceRule(
        Consequence.DIVERGES,
        "an approved order was at the venue, and the venue does not know it any more",
        "SUSPECT; a halt when it lasts for three complete reads and ten seconds; it stays counted until it is adopted",
    ),
    DivergenceClass.PHANTOM_FILL: DivergenceRule(
        Consequence.DIVERGES,
        "a strategy reported a fill that the venue does not list",
        "SUSPECT; a halt when it lasts for three complete reads and ten seconds",
    ),
    DivergenceClass.POSITION_DRIFT: DivergenceRule(
        Consequence.DIVERGES,
        "the venue's position equals no point of the fill ledger inside the read's window",
        "SUSPECT; a halt on the third complete read in a row",
    ),
    DivergenceClass.BELIEF_DRIFT: DivergenceRule(
        Consequence.DIVERGES,
        "a strategy's tracker and its fills disagree beyond what is in flight",
        "a halt on the next complete read",
    ),
    DivergenceClass.UNATTRIBUTED_RESIDUAL: DivergenceRule(
        Consequence.DIVERGES,
        "what rounding and unknown fees leave between ledger and venue adds up to more than `max_residual`",
        "SUSPECT; a halt on the third complete read in a row",
        per_account=True,
    ),
    DivergenceClass.LIQUIDATION: DivergenceRule(
        Consequence.HALTS, "the venue closed a position by force", "a halt of the account at once"
    ),
    DivergenceClass.ADL: DivergenceRule(
        Consequence.REDUCES, "the venue reduced a position to cover another's loss", "REDUCING for the instrument"
    ),
    DivergenceClass.DELIVERY: DivergenceRule(
        Consequence.EXPLAINED, "a contract was delivered or settled, which ended its position", "nothing; it is told"
    ),
    DivergenceClass.FUNDING: DivergenceRule(
        Consequence.EXPLAINED, "funding or interest was paid or received", "nothing; it moves cash, not positions"
    ),
    DivergenceClass.TRANSFER: DivergenceRule(
        Consequence.EXPLAINED, "cash or a spot asset came into the account, or left it", "nothing; it is told"
    ),
    DivergenceClass.STALE_VENUE: DivergenceRule(
        Consequence.CLOSES,
        "the last complete read is too old",
        "REDUCING, after 30 s denied (SNAPSHOT_STALE)",
        per_account=True,
    ),
    DivergenceClass.UNREADABLE_VENUE: DivergenceRule(
        Consequence.ALERTS,
        "the last read of the venue failed, or was not complete",
        "nothing by itself; without a good read the venue grows stale",
        per_account=True,
    ),
    DivergenceClass.UNKNOWN_INSTRUMENT: DivergenceRule(
        Consequence.ALERTS,
        "the venue shows a position, order or fill in an instrument that it did not list",
        "its markets are read again; until they name it the read is not complete and the venue grows stale",
        per_account=True,
    ),
    DivergenceClass.EQUITY_MISMATCH: DivergenceRule(
        Consequence.ALERTS,
        "the venue's equity moved by more than positions, fees, funding and transfers explain",
        "an alert, on the third check in a row",
        per_account=True,
    ),
}
