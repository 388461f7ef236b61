"""What a limits file leaves open without being wrong: told at every check and load, never in the way of one.

Each warning names the line, the key, and what follows from it. A gap of a thousand instruments is one warning.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from risksvc.core.limits import AccountLimits, Limits, StrategyLimits
from risksvc.core.types import ZERO, plain
from risksvc.gate.config_problems import FileProblem
from risksvc.gate.config_values import quote_of
from risksvc.gate.limits_schema import DOLLARS, LimitsSection
from risksvc.gate.yaml_lines import Document, KeyPath

_NAMED = 3  # of many, the first


@dataclass(frozen=True, slots=True)
class LimitsUnderReview:
    """A valid file in its forms: the core's limits, those as text, the file's sections, the lines."""

    limits: Limits
    entries: Sequence[tuple[str, str]]  # what `limits_view.effective` gives
    section: LimitsSection
    document: Document


def warnings_about(review: LimitsUnderReview) -> tuple[FileProblem, ...]:
    """Every warning, in the order of the file's lines."""
    found = (warning for rule in _RULES for warning in rule(review))
    told = (review.document.problem(path, message) for path, message in found)
    return tuple(sorted(told, key=lambda warning: (warning.line, warning.key)))


Warnings = Iterator[tuple[KeyPath, str]]


def _firm(review: LimitsUnderReview) -> Warnings:
    firm = review.section.firm.max_total_exposure
    total = sum((account.max_total_exposure.value for account in review.limits.accounts.values()), ZERO)
    if firm is not None and total > firm:
        more = f"the accounts' max_total_exposure add up to {plain(total)}, more than the firm's {plain(firm)}"
        yield ("firm", "max_total_exposure"), f"{more}; all of them at once may exceed it, which no gate prevents"


def _rates(review: LimitsUnderReview) -> Warnings:
    quotes = {quote_of(symbol) for account in review.limits.accounts.values() for symbol in account.instruments}
    for currency in review.section.rates:
        if currency not in quotes and currency not in DOLLARS and currency != review.limits.currency:
            yield ("rates", currency), "no listed instrument is quoted in it; check the spelling"


def _accounts(review: LimitsUnderReview) -> Warnings:
    for name, account in review.limits.accounts.items():
        path = ("accounts", name)
        for key in ("instruments", "strategies"):
            if not getattr(account, key):
                yield path, f"lists no {key}; every order of this account is denied"
        for symbol, instrument in account.instruments.items():
            most, total = instrument.max_net_exposure.value, account.max_total_exposure.value
            if most > total:
                yield (
                    (*path, "instruments", symbol, "max_net_exposure"),
                    f"{plain(most)} can't be reached; the account's max_total_exposure is {plain(total)}",
                )


def _strategies(review: LimitsUnderReview) -> Warnings:
    for account_name, account in review.limits.accounts.items():
        for name, strategy in account.strategies.items():
            path = ("accounts", account_name, "strategies", name)
            if not strategy.belief_required:
                yield (
                    (*path, "belief"),
                    "optional: a position tracker that is wrong goes unnoticed when the strategy sends no belief",
                )
            yield from _unclamped(path, account, strategy)


def _unclamped(path: KeyPath, account: AccountLimits, strategy: StrategyLimits) -> Warnings:
    open_ended = [
        symbol
        for symbol in account.instruments
        if symbol not in strategy.instruments or strategy.instruments[symbol].max_intended is None
    ]
    if open_ended:
        band = f"the {plain(strategy.band.value)} % band follows whatever the strategy declares"
        yield path, f"no max_intended for {_some_of(open_ended)}; {band}, and can't catch one that sizes double"


def _shadows(review: LimitsUnderReview) -> Warnings:
    keys = [key for key, text in review.entries if "mode: shadow" in text]
    if keys:
        yield (), f"in shadow mode, they deny nothing: {_some_of(keys)}"


def _some_of(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


_RULES: tuple[Callable[[LimitsUnderReview], Warnings], ...] = (_firm, _rates, _accounts, _strategies, _shadows)
