"""The limits file: read, validated whole, defaults filled in; the core's limits come out, or every mistake in it.

Rule 1: a file with a mistake gives no limits (I14). Rule 2: the same meaning gives the same limits and the same hash,
whatever the order, layout or comments. Rule 3: what is not written in the file is a default that
`templates/limits.yaml` documents, or not limited at that scope; nothing is guessed.

`load_limits` reads anew at each call and remembers nothing. It takes about a second for 10,000 instruments: not on the
thread that decides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from risksvc.core.limits import (
    AccountLimits,
    InstrumentLimits,
    Limit,
    Limits,
    OnBreach,
    OrderLimits,
    StrategyInstrumentLimits,
    StrategyLimits,
)
from risksvc.core.types import ONE, PositionRange
from risksvc.gate.config_problems import LimitsFileError, ordered
from risksvc.gate.config_schema import read_section
from risksvc.gate.limits_schema import (
    DEFAULT_CURRENCY,
    DOLLARS,
    AccountSection,
    Belief,
    DefaultsSection,
    ExposureLimitSection,
    InstrumentSection,
    IntendedSection,
    LimitSection,
    LimitsSection,
    OrderLimitsSection,
    StrategyInstrumentSection,
    StrategySection,
)
from risksvc.gate.limits_view import diff_limits, effective, hash_of
from risksvc.gate.limits_warnings import LimitsUnderReview, warnings_about
from risksvc.gate.yaml_lines import Document, UnreadableError, parse_document, read_document

_UNLIMITED = StrategyInstrumentLimits()
_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True, slots=True)
class LoadedLimits:
    """A valid limits file. `text` is as read; `warnings` are one line each, and stop nothing."""

    limits: Limits
    text: str
    path: Path
    warnings: tuple[str, ...]


def load_limits(path: Path) -> LoadedLimits:
    """Reads the file as it is now. Raises LimitsFileError with every mistake, and nothing else."""
    try:
        document = read_document(path)
    except UnreadableError as error:
        raise LimitsFileError((error.problem,)) from error
    return _loaded(document, path)


def parse_limits(text: str, *, path: Path) -> LoadedLimits:
    """The same for a text that is not a file; `path` is what errors name."""
    try:
        document = parse_document(text, file=path)
    except UnreadableError as error:
        raise LimitsFileError((error.problem,)) from error
    return _loaded(document, path)


def _loaded(document: Document, path: Path) -> LoadedLimits:
    section, problems = read_section(LimitsSection, document)
    if section is None:
        raise LimitsFileError(ordered(problems, file=path))
    limits = _limits(section)
    entries = effective(limits)
    warnings = warnings_about(LimitsUnderReview(limits, entries, section, document))
    return LoadedLimits(replace(limits, hash=hash_of(entries)), document.text, path, tuple(map(str, warnings)))


# -- what is written, with the gaps filled -------------------------------------------------------------------------


def _limits(section: LimitsSection) -> Limits:
    dollars = DOLLARS if section.currency == DEFAULT_CURRENCY else {}
    rates = {**dollars, **section.rates, section.currency: ONE}
    fill = _Defaults(section.defaults)
    return Limits(
        currency=section.currency,
        rates=_each(rates, lambda rate: rate),
        accounts=_each(section.accounts, fill.account),
        hash="",
    )


def _each(entries: Mapping[str, _In], make: Callable[[_In], _Out]) -> dict[str, _Out]:
    """By name, so that the order in the file changes nothing."""
    return {name: make(entries[name]) for name in sorted(entries)}


@dataclass(frozen=True, slots=True)
class _Defaults:
    """Makes each scope, and fills its gaps."""

    section: DefaultsSection

    def account(self, written: AccountSection) -> AccountLimits:
        return AccountLimits(
            max_total_exposure=self._limit(written.max_total_exposure or self.section.max_total_exposure),
            instruments=_each(written.instruments, self._instrument),
            strategies=_each(written.strategies, self._strategy),
            max_orders_per_second=self._own(written.max_orders_per_second),
            max_residual=self._limit(written.max_residual or self.section.max_residual),
        )

    def _instrument(self, written: InstrumentSection) -> InstrumentLimits:
        return InstrumentLimits(
            max_net_exposure=self._limit(written.max_net_exposure or self.section.max_net_exposure),
            price_collar=written.price_collar or self.section.price_collar,
            order=OrderLimits(
                max_order_quantity=self._own(written.max_order_quantity or self.section.max_order_quantity),
                max_order_notional=self._own(written.max_order_notional or self.section.max_order_notional),
            ),
            max_gross_exposure=self._own(written.max_gross_exposure or self.section.max_gross_exposure),
        )

    def _strategy(self, written: StrategySection) -> StrategyLimits:
        fill = self.section
        lag, age = written.belief_lag_ns, written.belief_max_age_ns
        return StrategyLimits(
            band=self._limit(written.band or fill.band),
            max_net_exposure=self._own(written.max_net_exposure),
            max_total_exposure=self._own(written.max_total_exposure),
            max_orders_per_second=self._own(written.max_orders_per_second or fill.max_orders_per_second),
            order=self._order(written),
            belief_required=(written.belief or fill.belief) is Belief.REQUIRED,
            belief_lag_ns=fill.belief_lag_ns if lag is None else lag,
            belief_max_age_ns=fill.belief_max_age_ns if age is None else age,
            instruments=self._pairs(written),
        )

    def _pairs(self, written: StrategySection) -> dict[str, StrategyInstrumentLimits]:
        """Those that limit something: an empty pair would be the same limits under another name."""
        pairs = _each(written.instruments, self._strategy_instrument)
        return {symbol: pair for symbol, pair in pairs.items() if pair != _UNLIMITED}

    def _strategy_instrument(self, written: StrategyInstrumentSection) -> StrategyInstrumentLimits:
        return StrategyInstrumentLimits(
            max_net_exposure=self._own(written.max_net_exposure),
            max_intended=self._own(written.max_intended),
            intended=_range(written.intended),
            order=self._order(written),
        )

    def _order(self, written: OrderLimitsSection) -> OrderLimits:
        return OrderLimits(
            max_order_quantity=self._own(written.max_order_quantity),
            max_order_notional=self._own(written.max_order_notional),
        )

    def _own(self, written: LimitSection | None) -> Limit | None:
        """A limit that applies only where it is written."""
        return None if written is None else self._limit(written)

    def _limit(self, written: LimitSection) -> Limit:
        return Limit(
            value=written.limit,
            warn_at=self.section.warn_at if written.warn_at is None else written.warn_at,
            mode=written.mode,
            on_breach=written.on_breach if isinstance(written, ExposureLimitSection) else OnBreach.DENY,
        )


def _range(written: IntendedSection | None) -> PositionRange | None:
    return None if written is None else PositionRange(low=written.low, high=written.high)


__all__ = ["LimitsFileError", "LoadedLimits", "diff_limits", "effective", "load_limits", "parse_limits"]
