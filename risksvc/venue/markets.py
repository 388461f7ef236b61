"""ccxt's markets -> the instruments that the gate may hear of.

Pure, and never imports ccxt. Of an account of derivatives only linear and inverse contracts are read; spot, options and
quanto contracts are left out, so that a position in one of them is an unknown instrument, which fails the read instead
of being valued wrongly. Of a spot account only spot pairs are read.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from risksvc.core.types import ONE, ZERO, Instrument, InstrumentKind
from risksvc.venue.quirks import Quirks
from risksvc.venue.rows import Row, RowReader, UnreadableRowError

_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,64}", re.ASCII)
_TICK_SIZE, _DECIMAL_PLACES = 4, 2  # ccxt's precisionMode; its third, significant digits, is no step


def normalise_market(market: Row, *, precision_mode: int, quirks: Quirks) -> Instrument | None:
    """Read one of ccxt's markets; None for what this feed does not read."""
    kind = _spot_kind(market) if quirks.spot else _contract_kind(market)
    if kind is None:
        return None
    reader = RowReader({**market, "side": ""}, "markets")
    step = _STEPS.get(precision_mode, _no_step)
    precision = market.get("precision") or {}
    return Instrument(
        symbol=reader.text("symbol"),
        kind=kind,
        base=reader.text("base"),
        quote=reader.text("quote"),
        contract_size=ONE if kind is InstrumentKind.SPOT else _contract_size(reader, kind=kind, quirks=quirks),
        quantity_step=step(precision.get("amount")),
        price_step=step(precision.get("price")),
    )


def _spot_kind(market: Row) -> InstrumentKind | None:
    return InstrumentKind.SPOT if market.get("spot") is True else None


def _contract_kind(market: Row) -> InstrumentKind | None:
    linear, inverse = market.get("linear") is True, market.get("inverse") is True
    if not market.get("contract") or market.get("option") or linear == inverse:
        return None
    return InstrumentKind.INVERSE if inverse else InstrumentKind.LINEAR


def _contract_size(reader: RowReader, *, kind: InstrumentKind, quirks: Quirks) -> Decimal:
    inverse = kind is InstrumentKind.INVERSE
    if inverse and quirks.inverse_contract_size is not None:
        return quirks.inverse_contract_size
    size = reader.exact("contractSize")
    if size is None and not inverse:
        return ONE  # such venues count in base units
    if size is None or size <= ZERO:
        raise reader.refuse(f"contractSize is {reader.row.get('contractSize')!r}; a number above 0 is needed")
    return size


def _tick(value: object) -> Decimal | None:
    step = Decimal(str(value)) if value is not None else ZERO
    return step if step > ZERO else None


def _places(value: object) -> Decimal | None:
    return Decimal(1).scaleb(-int(str(value))) if value is not None else None


def _no_step(value: object) -> Decimal | None:
    del value
    return None


_STEPS: Mapping[int, Callable[[object], Decimal | None]] = {_TICK_SIZE: _tick, _DECIMAL_PLACES: _places}


def is_plain_name(*names: str) -> bool:
    """Say whether all are names that the gate accepts; one that is not would make it refuse the whole message."""
    return all(_NAME.fullmatch(name) for name in names)


def normalise_markets(markets: Mapping[str, Row], *, precision_mode: int, quirks: Quirks) -> dict[str, Instrument]:
    """Read all markets. One that can't be read is left out, as if it were not listed: nothing is approved on it."""
    found: dict[str, Instrument] = {}
    for market in markets.values():
        try:
            instrument = normalise_market(market, precision_mode=precision_mode, quirks=quirks)
        except UnreadableRowError:
            continue
        if instrument is not None:
            found[instrument.symbol] = instrument
    return found
