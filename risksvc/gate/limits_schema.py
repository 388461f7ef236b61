"""The limits file as it is written: every key, and what it may hold.

What the numbers mean and which default fills which gap is said in `templates/limits.yaml`, for the people who write it.
`risksvc.gate.limits_file` makes the core's limits of it.
"""

import itertools
from collections.abc import Collection, Iterator
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from risksvc.core.limits import LimitMode, OnBreach
from risksvc.core.types import MILLISECOND, ONE, SECOND, Nanoseconds, plain
from risksvc.gate.config_problems import did_you_mean, shown
from risksvc.gate.config_schema import Named, Section, as_list, raw_mapping, raw_value
from risksvc.gate.config_values import (
    MINUTE,
    AnyNumber,
    BandPercent,
    Currency,
    DurationRange,
    Name,
    Percent,
    PerSecond,
    Positive,
    Symbol,
    ZeroOrMore,
    choice,
    currency,
    number,
    quote_of,
    refused,
)
from risksvc.gate.yaml_lines import KeyPath

VERSION = "1"
DEFAULT_CURRENCY = "USD"
# Taken as 1:1 with USD unless the file says otherwise.
DOLLARS = {"USDC": ONE, "USDT": ONE}
_MAX_SUGGESTED = 20  # symbols that get a suggestion: looking for one takes a millisecond

_BELIEF_LAG = DurationRange(0, MINUTE)
_BELIEF_MAX_AGE = DurationRange(100 * MILLISECOND, 60 * MINUTE)


class Belief(Enum):
    """Whether a strategy must say what its own tracker believes."""

    REQUIRED = "required"
    OPTIONAL = "optional"


# -- values -------------------------------------------------------------------------------------------------------


def _version(value: object) -> str:
    if value != VERSION:
        raise refused(f"{shown(value)} is not a version that this risksvc reads; allowed: {VERSION}")
    return VERSION


def _ascending(percentages: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    for earlier, later in itertools.pairwise(percentages):
        if later <= earlier:
            raise refused(f"must ascend, each once; {plain(later)} comes after {plain(earlier)}")
    return percentages


def _some(accounts: dict[str, Any]) -> dict[str, Any]:
    if not accounts:
        raise refused("must name at least one account; what is not listed is denied")
    return accounts


Version = Annotated[str, PlainValidator(_version)]
WarnAt = Annotated[tuple[Percent, ...], BeforeValidator(as_list), AfterValidator(_ascending)]
Mode = Annotated[LimitMode, PlainValidator(choice(LimitMode))]
BeliefChoice = Annotated[Belief, PlainValidator(choice(Belief))]
BeliefLag = Annotated[Nanoseconds, PlainValidator(_BELIEF_LAG)]
BeliefMaxAge = Annotated[Nanoseconds, PlainValidator(_BELIEF_MAX_AGE)]


# -- limits -------------------------------------------------------------------------------------------------------


class LimitSection(Section):
    """One limit: just a number, or a mapping with the number and how it is applied."""

    limit: ZeroOrMore
    warn_at: WarnAt | None = None
    mode: Mode = LimitMode.ENFORCE

    @classmethod
    def written(cls, value: object) -> object:
        """A number alone is the limit."""
        if isinstance(value, list):
            raise refused(f"must be a number, or a mapping that holds it as `limit`; found {shown(value)}")
        return {"limit": value} if isinstance(value, str) else value


class OrderLimitSection(LimitSection):
    """What one order may be. It denies and trips nothing."""

    limit: Positive


class RateLimitSection(LimitSection):
    """How many orders in a second. It denies and trips nothing."""

    limit: PerSecond


class ExposureLimitSection(LimitSection):
    """A headline limit: an order that breaks it by the strategy's own doing trips. 0: nothing may be held."""

    on_breach: Annotated[OnBreach, PlainValidator(choice(OnBreach))] = OnBreach.REDUCE


class BandSection(ExposureLimitSection):
    """The band around the intended size, a headline limit too."""

    limit: BandPercent


class OrderLimitsSection(Section):
    """The two limits of one order, wherever they may stand."""

    max_order_quantity: OrderLimitSection | None = None
    max_order_notional: OrderLimitSection | None = None


# -- scopes -------------------------------------------------------------------------------------------------------


class IntendedSection(Section):
    """An intended position: one signed quantity, or a range."""

    low: AnyNumber
    high: AnyNumber

    @classmethod
    def written(cls, value: object) -> object:
        """A number alone is both ends."""
        return {"low": value, "high": value} if isinstance(value, str) else value

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """The ends must be in order."""
        low, high = raw_value(number, section.get("low")), raw_value(number, section.get("high"))
        if low is not None and high is not None and low > high:
            yield ("low",), f"{plain(low)} is above high {plain(high)}; low must be at most high"


class StrategyInstrumentSection(OrderLimitsSection):
    """One strategy in one instrument."""

    max_net_exposure: ExposureLimitSection | None = None
    max_intended: LimitSection | None = None
    intended: IntendedSection | None = None

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """What is intended must be within what may be intended."""
        most = section.get("max_intended")
        most = raw_value(number, most.get("limit") if isinstance(most, dict) else most)
        intended = section.get("intended")
        ends = intended.values() if isinstance(intended, dict) else (intended,)
        furthest = max((abs(end) for end in (raw_value(number, end) for end in ends) if end is not None), default=None)
        if most is not None and furthest is not None and furthest > most:
            yield ("intended",), f"{plain(furthest)} is beyond max_intended {plain(most)}; it must be within it"


class StrategySection(OrderLimitsSection):
    """One strategy of one account."""

    band: BandSection | None = None
    max_net_exposure: ExposureLimitSection | None = None
    max_total_exposure: ExposureLimitSection | None = None
    max_orders_per_second: RateLimitSection | None = None
    belief: BeliefChoice | None = None
    belief_lag_ns: BeliefLag | None = Field(default=None, alias="belief_lag")
    belief_max_age_ns: BeliefMaxAge | None = Field(default=None, alias="belief_max_age")
    instruments: Named[Symbol, StrategyInstrumentSection] = Field(default_factory=dict)


class InstrumentSection(OrderLimitsSection):
    """One instrument of one account."""

    max_net_exposure: ExposureLimitSection | None = None
    max_gross_exposure: LimitSection | None = None
    price_collar: Percent | None = None


class AccountSection(Section):
    """One account."""

    max_total_exposure: ExposureLimitSection | None = None
    max_residual: LimitSection | None = None
    max_orders_per_second: RateLimitSection | None = None
    instruments: Named[Symbol, InstrumentSection] = Field(default_factory=dict)
    strategies: Named[Name, StrategySection] = Field(default_factory=dict)

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """A strategy's instrument must be one of the account's."""
        listed = section.get("instruments") or {}
        if not isinstance(listed, dict):
            return
        suggested = 0
        for strategy, fields in raw_mapping(section.get("strategies")).items():
            for instrument in raw_mapping(raw_mapping(fields).get("instruments")):
                if instrument in listed:
                    continue
                suggested += 1
                meant = did_you_mean(instrument, listed) if suggested <= _MAX_SUGGESTED else ""
                yield (
                    ("strategies", strategy, "instruments", instrument),
                    f"unknown instrument{meant}; allowed: what the account lists under `instruments`",
                )


class DefaultsSection(OrderLimitsSection):
    """What fills the gaps."""

    max_net_exposure: ExposureLimitSection = ExposureLimitSection.model_validate("50000")
    max_total_exposure: ExposureLimitSection = ExposureLimitSection.model_validate("150000")
    max_gross_exposure: LimitSection | None = None
    max_residual: LimitSection = LimitSection.model_validate("50")
    band: BandSection = BandSection.model_validate("150")
    price_collar: Percent = Decimal(5)
    max_orders_per_second: RateLimitSection | None = None
    belief: BeliefChoice = Belief.REQUIRED
    belief_lag_ns: BeliefLag = Field(default=2 * SECOND, alias="belief_lag")
    belief_max_age_ns: BeliefMaxAge = Field(default=30 * SECOND, alias="belief_max_age")
    warn_at: WarnAt = (Decimal(50), Decimal(75), Decimal(90))


class FirmSection(Section):
    """The firm as a whole: compared with the accounts' sum, not enforced by any one gate."""

    max_total_exposure: ZeroOrMore | None = None


class LimitsSection(Section):
    """The whole file."""

    version: Version
    currency: Currency = DEFAULT_CURRENCY
    rates: Named[Currency, Positive] = Field(default_factory=dict)
    defaults: DefaultsSection = DefaultsSection.model_validate(None)
    firm: FirmSection = FirmSection.model_validate(None)
    accounts: Annotated[Named[Name, AccountSection], AfterValidator(_some)]

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """Every listed instrument needs the rate of the currency it is quoted in."""
        money = raw_value(currency, section.get("currency", DEFAULT_CURRENCY))
        if money is None:
            return
        rates = raw_mapping(section.get("rates"))
        own = raw_value(number, rates.get(money))
        if own is not None and own != ONE:
            yield ("rates", money), f"must be 1, or be left out: {money} is the currency of this file"
        known = {money, *rates, *(DOLLARS if money == DEFAULT_CURRENCY else ())}
        for account, fields in raw_mapping(section.get("accounts")).items():
            for instrument in raw_mapping(raw_mapping(fields).get("instruments")):
                yield from _without_rate(account, instrument, known)


def _without_rate(account: str, instrument: str, known: Collection[str]) -> Iterator[tuple[KeyPath, str]]:
    quote = quote_of(instrument)
    if quote is not None and quote not in known:
        path = ("accounts", account, "instruments", instrument)
        yield path, f"is quoted in {quote}, which has no rate; write one under `rates`: {{{quote}: ...}}"
