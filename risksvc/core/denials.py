"""Why an order is denied: every reason, in descending precedence, and what a denial carries.

The order of the members is the order of precedence; names and numbers are those of `risksvc.v1.DenialReason`.
"""

from decimal import Decimal
from enum import IntEnum

from risksvc.core.immutable import immutable
from risksvc.core.types import Scope


class DenialReason(IntEnum):
    """The smaller number is the headline."""

    GATE_FAULT = 1
    STARTING = 2
    DRAINING = 3
    LIMITS_NOT_LOADED = 4
    HALTED = 5
    KILL_SWITCH_STORE_LOST = 6
    KILL_SWITCH_UNREACHABLE = 7
    INVALID_REQUEST = 8
    ACCOUNT_UNKNOWN = 9
    STRATEGY_UNKNOWN = 10
    INSTRUMENT_UNKNOWN = 11
    CLIENT_ORDER_ID_INVALID = 12
    CLIENT_ORDER_ID_REUSED = 13
    REPLACED_ORDER_UNKNOWN = 14
    NOT_ADOPTED = 15
    SNAPSHOT_MISSING = 16
    SNAPSHOT_STALE = 17
    MARK_MISSING = 18
    MARK_STALE = 19
    MARK_UNCONFIRMED = 20
    RATE_MISSING = 21
    QUANTITY_OFF_STEP = 22
    PRICE_OFF_STEP = 23
    REDUCING_ONLY = 24
    INSTRUMENT_SUSPECT = 25
    NOT_REDUCING = 26
    BELIEF_MISSING = 27
    BELIEF_STALE = 28
    BELIEF_MISMATCH = 29
    INTENT_MISSING = 30
    PRICE_COLLAR = 31
    MAX_ORDER_QUANTITY = 32
    MAX_ORDER_NOTIONAL = 33
    MAX_ORDERS_PER_SECOND = 34
    MAX_NET_EXPOSURE = 35
    MAX_TOTAL_EXPOSURE = 36
    INTENDED_BAND = 37
    HEADROOM_RESERVED = 38
    MAX_GROSS_EXPOSURE = 39
    BATCH_DENIED = 40


# The same order could pass later without anyone's action.
TRANSIENT = frozenset(
    {
        DenialReason.STARTING,
        DenialReason.KILL_SWITCH_UNREACHABLE,
        DenialReason.SNAPSHOT_MISSING,
        DenialReason.SNAPSHOT_STALE,
        DenialReason.MARK_MISSING,
        DenialReason.MARK_STALE,
        DenialReason.MARK_UNCONFIRMED,
        DenialReason.INSTRUMENT_SUSPECT,
        DenialReason.BELIEF_STALE,
        DenialReason.MAX_ORDERS_PER_SECOND,
        DenialReason.HEADROOM_RESERVED,
    }
)

# An order that breaks one of these by the strategy's own doing trips its kill switch (the trip table of the design).
HEADLINE = frozenset({DenialReason.MAX_NET_EXPOSURE, DenialReason.MAX_TOTAL_EXPOSURE, DenialReason.INTENDED_BAND})

# While one of these denies, nobody knows what the order would do: what it seems to break trips nothing.
UNCERTAIN = frozenset(
    {
        DenialReason.REPLACED_ORDER_UNKNOWN,
        DenialReason.NOT_ADOPTED,
        DenialReason.SNAPSHOT_MISSING,
        DenialReason.SNAPSHOT_STALE,
        DenialReason.MARK_MISSING,
        DenialReason.MARK_STALE,
        DenialReason.MARK_UNCONFIRMED,
        DenialReason.RATE_MISSING,
    }
)


@immutable
class Denial:
    """One rule that an order breaks. `limit` and `observed` are None where there is nothing to measure."""

    reason: DenialReason
    scope: Scope
    message: str
    limit: Decimal | None = None
    observed: Decimal | None = None

    @property
    def transient(self) -> bool:
        """The same order could pass later without anyone's action."""
        return self.reason in TRANSIENT
