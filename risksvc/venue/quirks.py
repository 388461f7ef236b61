"""The table of venues as the venue process asks it: one entry per ccxt exchange id, and a cautious one for every other.

Never imports ccxt nor touches a network. A venue that is not listed gets the strictest reading: short plain client
order ids, page sizes unknown, contract signs taken from `side` only.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from decimal import Decimal

from risksvc.core.types import MalformedInputError, Side, parse_positive
from risksvc.venue.quirk_fields import (
    BOOK_UNITS,
    CLOSED_POSITION_KEYS,
    SPOT,
    Envelope,
    FillKind,
    LedgerKind,
    Leg,
    PageLimits,
    Quirks,
    ReadCosts,
)
from risksvc.venue.quirk_table import QUIRKS

__all__ = [
    "CAUTIOUS",
    "CLOSED_POSITION_KEYS",
    "QUIRKS",
    "Envelope",
    "FillKind",
    "LedgerKind",
    "Leg",
    "PageLimits",
    "Quirks",
    "ReadCosts",
    "quirks_of",
]

CAUTIOUS = Quirks()


def _kinds(value: object, entry: Quirks) -> object:
    given = {str(name): FillKind(kind) if kind else None for name, kind in dict(value).items()}  # type: ignore[call-overload]
    return {**entry.kinds, **given}


def _pages(value: object, entry: Quirks) -> object:
    return replace(entry.pages, **dict(value))  # type: ignore[call-overload]


def _given_costs(value: object) -> dict[str, Decimal]:
    return {str(name): parse_positive(str(cost), field=f"costs.{name}") for name, cost in dict(value).items()}  # type: ignore[call-overload]


def _costs(value: object, entry: Quirks) -> object:
    return replace(entry.costs, **_given_costs(value))


def _spot_costs(value: object, entry: Quirks) -> object:
    return replace(entry.spot_costs, **_given_costs(value))


def _decimal(value: object, entry: Quirks) -> object:
    del entry
    return parse_positive(str(value), field="quirks.inverse_contract_size")


def _legs(value: object, entry: Quirks) -> object:
    given = {str(name): Leg(leg) for name, leg in dict(value).items()}  # type: ignore[call-overload]
    return {**entry.leg_values, **given}


def _ledger_kinds(value: object, entry: Quirks) -> object:
    given = {str(name): LedgerKind(kind) for name, kind in dict(value).items()}  # type: ignore[call-overload]
    return {**entry.ledger_kinds, **given}


def _sides(value: object, entry: Quirks) -> object:
    given = {str(name): Side[str(side).upper()] for name, side in dict(value).items()}  # type: ignore[call-overload]
    return {**entry.sides, **given}


def _names(value: object, entry: Quirks) -> object:
    del entry
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise TypeError("a list of names is needed")
    return tuple(value)


def _book_unit(value: object, entry: Quirks) -> object:
    del entry
    if value not in BOOK_UNITS:
        raise ValueError(f"{value!r}; allowed: {', '.join(BOOK_UNITS)}")
    return value


# How a settings file's value becomes a field; every other field must have the type of the one that it replaces.
_CONVERSIONS: Mapping[str, Callable[[object, Quirks], object]] = {
    "kinds": _kinds,
    "pages": _pages,
    "costs": _costs,
    "spot_costs": _spot_costs,
    "leg_values": _legs,
    "sides": _sides,
    "ledger_kinds": _ledger_kinds,
    "attached_values": _names,
    "cash": _names,
    "stream": _names,
    "places": _names,
    "book_unit": _book_unit,
    "inverse_contract_size": _decimal,
}


def _converted(name: str, value: object, entry: Quirks) -> object:
    if name not in _FIELDS:
        raise MalformedInputError(f"quirks.{name}", f"not known; allowed: {', '.join(sorted(_FIELDS))}")
    try:
        if name in _CONVERSIONS:
            return _CONVERSIONS[name](value, entry)
    except (TypeError, ValueError, KeyError) as error:
        raise MalformedInputError(f"quirks.{name}", f"can't be read: {error}") from None
    if type(value) is not type(getattr(CAUTIOUS, name)):
        wanted = type(getattr(CAUTIOUS, name)).__name__
        raise MalformedInputError(f"quirks.{name}", f"must be a {wanted}, not {type(value).__name__}")
    return value


_FIELDS = frozenset(each.name for each in fields(Quirks)) - {"envelope", "remarks", "unreadable"}


def _for_spot(entry: Quirks) -> Quirks:
    """Give what a spot account needs: spot pairs only; and no spot market knows a reduce-only order."""
    markets = entry.options.get("fetchMarkets")
    options = {
        **entry.options,
        "defaultType": SPOT,
        "fetchMarkets": {**(markets if isinstance(markets, Mapping) else {}), "types": [SPOT]},
    }
    return replace(
        entry,
        options=options,
        enforces_reduce_only=False,
        positions_params={},
        open_orders_params={},
        fills_params=entry.spot_fills_params,
    )


def quirks_of(exchange_id: str, overrides: Mapping[str, object] | None = None, *, spot: bool = False) -> Quirks:
    """Give a venue's entry, with the fields that the settings replace. `spot`: for a spot account."""
    entry = QUIRKS.get(exchange_id, CAUTIOUS)
    if spot or entry.spot:
        entry = _for_spot(entry)
    changes = {name: _converted(name, value, entry) for name, value in (overrides or {}).items()}
    return replace(entry, **changes)  # type: ignore[arg-type]  # each was converted to its field's type
