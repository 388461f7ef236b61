"""What the core needs of the settings file: how long to wait for what, and who must agree."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from risksvc.core.types import MILLISECOND, SECOND, Nanoseconds


class SecondPerson(Enum):
    """Whether P0 and global resumes, and adoptions that grow exposure, need another operator."""

    REQUIRED = "required"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """How one account's venue is waited for. `venue_window_ns`: a request older than this is refused by the venue.

    `equity_tolerance` in percent of the gross position value, `equity_tolerance_floor` in the limits' currency.
    """

    venue_window_ns: Nanoseconds = 1000 * MILLISECOND
    settle_ns: Nanoseconds = 2 * SECOND
    drift_reads: int = 3
    snapshot_max_age_ns: Nanoseconds = 6 * SECOND
    mark_max_age_ns: Nanoseconds = 6 * SECOND
    stale_denied_after_ns: Nanoseconds = 30 * SECOND
    spot_baseline: Mapping[str, Decimal] = field(default_factory=dict)
    equity_tolerance: Decimal = Decimal("0.5")
    equity_tolerance_floor: Decimal = Decimal(25)


# Raised when the same Inputs lead to something else than before. A journal is replayed under the rules that wrote it:
# of entries written under older ones, decisions and halts must still be the same, and notices need not.
#   2: reported fills count apart; fills that are missing or phantom, and lost orders, diverge; suspicions that repeat
#      latch; a read that fits by chance does not clear.
#   3: halts, and what endangers an open position, open incidents.
RULES_2 = 2
RULES_3 = 3
RULES = RULES_3


@dataclass(frozen=True, slots=True)
class GateConfig:
    """What the core needs of the settings. `rules`: those of the code that wrote it down (see RULES)."""

    gate_id: str
    accounts: Mapping[str, AccountConfig]
    approval_validity_ns: Nanoseconds = 100 * MILLISECOND
    operator_validity_ns: Nanoseconds = 60 * SECOND
    second_person: SecondPerson = SecondPerson.REQUIRED
    cool_down_ns: Nanoseconds = 60 * SECOND
    proposal_validity_ns: Nanoseconds = 15 * 60 * SECOND
    ids_kept_ns: Nanoseconds = 10 * 60 * SECOND
    ids_kept: int = 1_000_000
    rules: int = 1
