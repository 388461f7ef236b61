"""Everything that the core gives back: decisions, halts it raised, commands for the venue feed, notices for people."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from risksvc.core.denials import Denial
from risksvc.core.immutable import immutable
from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import Nanoseconds, TradingState


@immutable
class ExposureUse:
    """Worst-case exposure around one order, in the limits' currency; None where it can't be known."""

    before: Decimal | None = None
    after: Decimal | None = None
    limit: Decimal | None = None
    headroom: Decimal | None = None


@immutable
class Decision:
    """The answer to one check. Approved exactly when `denials` is empty."""

    client_order_id: str
    denials: tuple[Denial, ...]
    instrument_exposure: ExposureUse
    total_exposure: ExposureUse
    trading_state: TradingState
    valid_until: Nanoseconds
    decided_at: Nanoseconds
    limits_hash: str

    @property
    def approved(self) -> bool:
        """No rule is broken."""
        return not self.denials


@dataclass(frozen=True, slots=True)
class HaltRaised:
    """To be latched and published at once. `repeated`: an equal halt was in force already, and stands."""

    halt: Halt
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class ClearsGranted:
    """To be written to the kill switch's store; takes effect when read back."""

    clears: tuple[Clear, ...]


@dataclass(frozen=True, slots=True)
class StepProposed:
    """Waits for a second person."""

    proposal_id: str
    expires_at: Nanoseconds


class RefusalReason(Enum):
    """Why an operator's step is refused; names are those of `risksvc.v1.RefusalReason`."""

    HALT_UNKNOWN = "HALT_UNKNOWN"
    HALT_CLEARED = "HALT_CLEARED"
    NO_READ_SINCE_HALT = "NO_READ_SINCE_HALT"
    ORDER_UNKNOWN = "ORDER_UNKNOWN"
    UNEXPLAINED = "UNEXPLAINED"
    DIVERGED = "DIVERGED"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    PROPOSAL_UNKNOWN = "PROPOSAL_UNKNOWN"
    SAME_PERSON = "SAME_PERSON"
    COOLING_DOWN = "COOLING_DOWN"
    KILL_SWITCH_UNREACHABLE = "KILL_SWITCH_UNREACHABLE"
    ITEM_MISMATCH = "ITEM_MISMATCH"
    NO_SNAPSHOT = "NO_SNAPSHOT"
    OWNER_UNKNOWN = "OWNER_UNKNOWN"
    INCIDENT_UNKNOWN = "INCIDENT_UNKNOWN"
    INCIDENT_CLOSED = "INCIDENT_CLOSED"
    HALT_IN_FORCE = "HALT_IN_FORCE"
    NOT_HALTED = "NOT_HALTED"
    CAUSE_UNKNOWN = "CAUSE_UNKNOWN"
    FLATTEN_REQUIRED = "FLATTEN_REQUIRED"
    FLATTEN_RUNNING = "FLATTEN_RUNNING"
    FLATTEN_UNKNOWN = "FLATTEN_UNKNOWN"
    ROLE_MISSING = "ROLE_MISSING"
    ORDERS_NOT_ALLOWED = "ORDERS_NOT_ALLOWED"
    NOT_ASSESSED = "NOT_ASSESSED"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why an operator's step is refused, and what to do."""

    reason: RefusalReason
    message: str


@dataclass(frozen=True, slots=True)
class StepRefused:
    """Nothing was changed."""

    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Adopted:
    """So many items are explained now."""

    items: int


@dataclass(frozen=True, slots=True)
class ReportTaken:
    """Answer to a strategy's report. `ledger_position` and `agrees` only for a position."""

    known: bool
    agrees: bool = False
    ledger_position: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OrderRef:
    """One order at the venue, by whichever ids are known."""

    instrument: str
    client_order_id: str
    venue_order_id: str = ""


@dataclass(frozen=True, slots=True)
class LookUp:
    """To be asked of the venue feed: where these orders stand."""

    account: str
    orders: tuple[OrderRef, ...]


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """To be asked of the venue feed a second from now: what the last read showed is not confirmed."""

    account: str


class NoticeKind(Enum):
    """What people and metrics are told."""

    UTILISATION = "UTILISATION"
    SHADOW_BREACH = "SHADOW_BREACH"
    SUSPECT = "SUSPECT"
    SUSPECT_CLEARED = "SUSPECT_CLEARED"
    DIVERGED = "DIVERGED"
    LATE_FILL = "LATE_FILL"
    FILL_TOO_OLD = "FILL_TOO_OLD"
    RESERVATION_ENDED = "RESERVATION_ENDED"
    PROPOSAL_EXPIRED = "PROPOSAL_EXPIRED"
    HISTORY_GAP = "HISTORY_GAP"
    VENUE_EVENT = "VENUE_EVENT"
    CONDITION = "CONDITION"
    CONDITION_CLEARED = "CONDITION_CLEARED"
    EQUITY_MISMATCH = "EQUITY_MISMATCH"
    EQUITY_UNCHECKED = "EQUITY_UNCHECKED"


@immutable
class Notice:
    """Something worth telling. `name`: the limit or the divergence class."""

    kind: NoticeKind
    account: str
    name: str
    message: str
    instrument: str = ""
    strategy: str = ""
    value: Decimal | None = None


@dataclass(frozen=True, slots=True)
class IncidentChanged:
    """A line was added to an incident's timeline. `kind`: an EntryKind's name; `message_id` not empty: all are told."""

    incident_id: str
    kind: str
    text: str
    message_id: str = ""


Output = (
    Decision
    | HaltRaised
    | ClearsGranted
    | StepProposed
    | StepRefused
    | Adopted
    | ReportTaken
    | LookUp
    | ReadAgain
    | Notice
    | IncidentChanged
)
