"""Limits as they apply: the limits file after validation and defaults.

Each scope that is written limits its own aggregate, and all that apply must pass: the account over its instruments, an
instrument within its account, a strategy over its own position and orders, a strategy in one instrument. What is not
listed is denied. Reading and validating the file is `risksvc.gate.limits_file`; nothing here reads anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from risksvc.core.types import PositionRange

DEFAULT_WARN_AT = (Decimal(50), Decimal(75), Decimal(90))
SECONDS_30 = 30_000_000_000
SECONDS_2 = 2_000_000_000


class LimitMode(Enum):
    """ENFORCE denies; SHADOW only says what it would have denied."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


SHADOW = LimitMode.SHADOW


class OnBreach(Enum):
    """What an order that breaks the limit by the strategy's own doing trips, for that strategy.

    REDUCE latches REDUCING, and HALTED on the third within 60 s; HALT latches HALTED at once; DENY latches nothing.
    """

    DENY = "deny"
    REDUCE = "reduce"
    HALT = "halt"


@dataclass(frozen=True, slots=True)
class Limit:
    """One number and how it is applied. `warn_at`: percentages of `value`, ascending."""

    value: Decimal
    warn_at: tuple[Decimal, ...] = DEFAULT_WARN_AT
    mode: LimitMode = LimitMode.ENFORCE
    on_breach: OnBreach = OnBreach.REDUCE


DEFAULT_MAX_RESIDUAL = Limit(Decimal(50), on_breach=OnBreach.DENY)


@dataclass(frozen=True, slots=True)
class OrderLimits:
    """What one order may be. None: not limited at this scope."""

    max_order_quantity: Limit | None = None
    max_order_notional: Limit | None = None


@dataclass(frozen=True, slots=True)
class InstrumentLimits:
    """One instrument of one account. `price_collar` in percent of the mark.

    `max_gross_exposure`, in hedge mode: long and short legs and everything working, none of it netted.
    """

    max_net_exposure: Limit
    price_collar: Decimal
    order: OrderLimits = OrderLimits()
    max_gross_exposure: Limit | None = None


@dataclass(frozen=True, slots=True)
class StrategyInstrumentLimits:
    """One strategy in one instrument, where the file names the pair.

    `max_intended` clamps what the strategy declares (absolute quantity); `intended` stands when it declares nothing.
    """

    max_net_exposure: Limit | None = None
    max_intended: Limit | None = None
    intended: PositionRange | None = None
    order: OrderLimits = OrderLimits()


@dataclass(frozen=True, slots=True)
class StrategyLimits:
    """One strategy of one account. `band` in percent of the intended size."""

    band: Limit
    max_net_exposure: Limit | None = None
    max_total_exposure: Limit | None = None
    max_orders_per_second: Limit | None = None
    order: OrderLimits = OrderLimits()
    belief_required: bool = True
    belief_lag_ns: int = SECONDS_2
    belief_max_age_ns: int = SECONDS_30
    instruments: Mapping[str, StrategyInstrumentLimits] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """One account: its total, its instruments, its strategies.

    `max_residual`: what rounding and unknown fees may leave between ledger and venue, over all instruments.
    """

    max_total_exposure: Limit
    instruments: Mapping[str, InstrumentLimits]
    strategies: Mapping[str, StrategyLimits]
    max_orders_per_second: Limit | None = None
    max_residual: Limit = DEFAULT_MAX_RESIDUAL


@dataclass(frozen=True, slots=True)
class Limits:
    """Everything that limits. `rates`: units of `currency` per unit of each quote currency."""

    currency: str
    rates: Mapping[str, Decimal]
    accounts: Mapping[str, AccountLimits]
    hash: str
