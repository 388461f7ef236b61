"""What is known about a venue before a single request: ccxt's `has` and `features`, this project's table, the settings.

Reads attributes of an exchange object, and never calls it. `has` may hold True, False, None or "emulated": only True is
an ability.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from risksvc.core.request_expiry import RequestExpiry, request_expiry
from risksvc.venue.config import VenueConfig
from risksvc.venue.quirks import QUIRKS, Quirks

_SPOT = "spot"


class Verdict(Enum):
    """Whether a venue can do what the gate needs or uses."""

    YES = "yes"
    PARTLY = "partly"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of a capability report: what it is about, the verdict, what follows from it, and what to do."""

    name: str
    verdict: Verdict
    says: str
    do: str = ""

    @property
    def line(self) -> str:
        """The row as one line of a log."""
        return f"{self.name}: {self.verdict.value}: {self.says}" + (f" -> {self.do}" if self.do else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """One account's venue as the rules see it.

    `listed`: the venue has an entry in this project's table. `spot`: the account is read as a spot account. `named`:
    the instruments that the settings name. `linear_only`: this exchange class lists no inverse contracts.
    """

    exchange_id: str
    has: Mapping[str, object]
    features: Mapping[str, object]
    quirks: Quirks
    listed: bool = True
    expiry: RequestExpiry
    spot: bool = False
    linear_only: bool = False
    sandbox: bool = False
    named: Sequence[str] = ()
    rate_limit_ms: Decimal = Decimal(0)
    positions_every_ms: int = 2_000
    read_timeout_ms: int = 15_000

    def offers(self, name: str) -> bool:
        """Say whether ccxt offers a call at this venue."""
        return self.has.get(name) is True

    def feature(self, method: str, key: str) -> object:
        """Give what ccxt's feature table says about a method for this kind of account; None: nothing."""
        return feature_of(self.features, method, key, spot=self.spot)

    def needs_symbol(self, method: str) -> bool:
        """Say whether a call wants an instrument."""
        return needs_symbol(self.features, self.quirks, method, spot=self.spot)

    def knows(self, *sections: str) -> bool:
        """Say whether ccxt's feature table has a section, e.g. ("swap", "inverse")."""
        return bool(_within(self.features, sections))


def feature_of(features: object, method: str, key: str, *, spot: bool = False) -> object:
    """Look up a method's feature: of spot, else of linear swaps, else of inverse ones (a venue may have only these)."""
    if spot:
        return _within(features, (_SPOT, method, key))
    linear = _within(features, ("swap", "linear", method, key))
    return linear if linear is not None else _within(features, ("swap", "inverse", method, key))


def needs_symbol(features: object, quirks: Quirks, method: str, *, spot: bool = False) -> bool:
    """Say whether a call wants an instrument: this project's table first, ccxt's second."""
    stated = quirks.symbol_required.get(method)
    return stated if stated is not None else feature_of(features, method, "symbolRequired", spot=spot) is True


def _within(value: object, path: Sequence[str]) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _lists_linear_only(options: object) -> bool:
    types = _within(options, ("fetchMarkets", "types"))
    if isinstance(types, Mapping):
        return _within(types, ("swap", "inverse")) is False
    return isinstance(types, Sequence) and "linear" in types and "inverse" not in types


def has_test_network(exchange: Any) -> bool:  # noqa: ANN401 - ccxt's
    """Say whether ccxt knows one; a class without has an empty address, on which ccxt's own switch fails."""
    return bool(exchange.urls.get("test")) or exchange.has.get("sandbox") is True or "sandboxMode" in exchange.options


def abilities_of(exchange: Any, config: VenueConfig, quirks: Quirks) -> Abilities:  # noqa: ANN401 - ccxt's
    """Read what an exchange object says of itself."""
    return Abilities(
        exchange_id=str(exchange.id),
        has=exchange.has,
        features=exchange.features or {},
        quirks=quirks,
        listed=str(exchange.id) in QUIRKS,
        expiry=request_expiry(str(exchange.id)),
        spot={**quirks.options, **config.options}.get("defaultType") == _SPOT,
        linear_only=_lists_linear_only(exchange.options),
        sandbox=has_test_network(exchange),
        named=config.instruments,
        rate_limit_ms=Decimal(str(exchange.rateLimit)),
        positions_every_ms=config.positions_every_ms,
        read_timeout_ms=config.read_timeout_ms,
    )
