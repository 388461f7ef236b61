"""What trips the kill switch: the table, as data."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from risksvc.core.types import SECOND, Severity, TradingState

BREACHES_TO_HALT = 3
BREACH_WINDOW_NS = 60 * SECOND
PASSIVE_HALT_AT = Decimal("1.2")


class Trigger(Enum):
    """Why a halt was raised; the names are what operators and metrics see."""

    LIMIT_BREACH = "LIMIT_BREACH"
    REPEATED_LIMIT_BREACH = "REPEATED_LIMIT_BREACH"
    POSITION_OVER_LIMIT = "POSITION_OVER_LIMIT"
    PASSIVE_BREACH = "PASSIVE_BREACH"
    PASSIVE_BREACH_120 = "PASSIVE_BREACH_120"
    OUTSIDE_BAND = "OUTSIDE_BAND"
    MISSING_FILL = "MISSING_FILL"
    UNEXPECTED_FILL = "UNEXPECTED_FILL"
    UNEXPECTED_ORDER = "UNEXPECTED_ORDER"
    LOST_ORDER = "LOST_ORDER"
    PHANTOM_FILL = "PHANTOM_FILL"
    POSITION_DRIFT = "POSITION_DRIFT"
    BELIEF_DRIFT = "BELIEF_DRIFT"
    UNATTRIBUTED_RESIDUAL = "UNATTRIBUTED_RESIDUAL"
    REPEATED_SUSPICION = "REPEATED_SUSPICION"
    LIQUIDATION = "LIQUIDATION"
    ADL = "ADL"
    OPERATOR = "OPERATOR"
    GATE_FAULT = "GATE_FAULT"


class TripScope(Enum):
    """How much is halted."""

    STRATEGY = "STRATEGY"
    INSTRUMENT = "INSTRUMENT"
    ACCOUNT = "ACCOUNT"


@dataclass(frozen=True, slots=True)
class Trip:
    """One row: how much, how strictly, how bad."""

    scope: TripScope
    state: TradingState
    severity: Severity


TRIPS: dict[Trigger, Trip] = {
    Trigger.LIMIT_BREACH: Trip(TripScope.STRATEGY, TradingState.REDUCING, Severity.P2),
    Trigger.REPEATED_LIMIT_BREACH: Trip(TripScope.STRATEGY, TradingState.HALTED, Severity.P1),
    Trigger.POSITION_OVER_LIMIT: Trip(TripScope.ACCOUNT, TradingState.HALTED, Severity.P0),
    Trigger.PASSIVE_BREACH: Trip(TripScope.INSTRUMENT, TradingState.REDUCING, Severity.P1),
    Trigger.PASSIVE_BREACH_120: Trip(TripScope.INSTRUMENT, TradingState.HALTED, Severity.P1),
    Trigger.OUTSIDE_BAND: Trip(TripScope.INSTRUMENT, TradingState.REDUCING, Severity.P1),
    Trigger.MISSING_FILL: Trip(TripScope.ACCOUNT, TradingState.HALTED, Severity.P0),
    Trigger.UNEXPECTED_FILL: Trip(TripScope.ACCOUNT, TradingState.HALTED, Severity.P0),
    Trigger.UNEXPECTED_ORDER: Trip(TripScope.ACCOUNT, TradingState.HALTED, Severity.P0),
    Trigger.LOST_ORDER: Trip(TripScope.ACCOUNT, TradingState.HALTED, Severity.P0),
    Trigger.PHANTOM_FILL: Trip(TripScope.ACCOUNT, TradingState.HALTED, Severity.P0),
    Trigger.POSITION_DRIFT: Trip(TripScope.ACCOUNT, TradingState.HALTED, Severity.P0),
    Trigger.BELIEF_DRIFT: Trip(TripScope.ACCOUNT, TradingState.HALTED, Severity.P0),
    Trigger.UNATTRIBUTED_RESIDUAL: Trip(TripScope.ACCOUNT, TradingState.HALTED, Severity.P0),
    Trigger.REPEATED_SUSPICION: Trip(TripScope.INSTRUMENT, TradingState.REDUCING, Severity.P1),
    Trigger.LIQUIDATION: Trip(TripScope.ACCOUNT, TradingState.HALTED, Severity.P0),
    Trigger.ADL: Trip(TripScope.INSTRUMENT, TradingState.REDUCING, Severity.P1),
    Trigger.GATE_FAULT: Trip(TripScope.ACCOUNT, TradingState.HALTED, Severity.P0),
}
