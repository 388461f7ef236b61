# ruff: noqa: ANN401 - a builder takes whatever the dataclass that it builds takes
"""What the tests of the core trade, and under which limits: the seed's numbers as defaults."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from risksvc.core import venue_events
from risksvc.core.limits import AccountLimits, InstrumentLimits, Limit, Limits, StrategyLimits
from risksvc.core.types import SECOND, Instrument, InstrumentKind, PositionRange

D = Decimal
ACCOUNT = "main"
ALPHA, BETA = "alpha", "beta"
BTC, ETH, SOL, XRP = "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT", "XRP/USDT:USDT"
INVERSE = "BTC/USD:BTC"
SPOT, SPOT_USDC = "LTC/USDT", "LTC/USDC"
START = 1_800_000_000 * SECOND

LINEAR = InstrumentKind.LINEAR
INSTRUMENTS = (
    Instrument(BTC, LINEAR, "BTC", "USDT", D(1), D("0.001"), D("0.01")),
    Instrument(ETH, LINEAR, "ETH", "USDT", D("0.1"), D(1), D("0.01")),
    Instrument(SOL, LINEAR, "SOL", "USDT", D(1), D("0.1"), D("0.01")),
    Instrument(XRP, LINEAR, "XRP", "USDT", D(10), D(1), D("0.0001")),
    Instrument(INVERSE, InstrumentKind.INVERSE, "BTC", "USD", D(100), D(1), D("0.5")),
    Instrument(SPOT, InstrumentKind.SPOT, "LTC", "USDT", D(1), D("0.0001"), D("0.01")),
    Instrument(SPOT_USDC, InstrumentKind.SPOT, "LTC", "USDC", D(1), D("0.0001"), D("0.01")),
)
# One BTC, 20 contracts of 0.1 ETH, 500 SOL, 10,000 contracts of 10 XRP or 500 inverse contracts are worth 50,000.
MARKS = {
    BTC: D(50_000),
    ETH: D(25_000),
    SOL: D(100),
    XRP: D("0.5"),
    INVERSE: D(50_000),
    SPOT: D(100),
    SPOT_USDC: D(100),
}
WIDE = PositionRange(D(-100_000), D(100_000))


def limit(value: int | str | Decimal, **changes: Any) -> Limit:
    return Limit(D(value), **changes)


def strategy(**changes: Any) -> StrategyLimits:
    return replace(StrategyLimits(band=limit(150)), **changes)


def instrument(**changes: Any) -> InstrumentLimits:
    return replace(InstrumentLimits(limit(50_000), price_collar=D(5)), **changes)


def limits(
    *,
    total: Limit | None = None,
    instruments: Mapping[str, InstrumentLimits | None] | None = None,
    strategies: Mapping[str, StrategyLimits | None] | None = None,
    rates: Mapping[str, Decimal] | None = None,
    name: str = "v1",
    **account: Any,
) -> Limits:
    """The defaults of the seed; what is given replaces them one by one, None leaves one out."""
    rows = {one.symbol: instrument() for one in INSTRUMENTS} | dict(instruments or {})
    names = {ALPHA: strategy(), BETA: strategy()} | dict(strategies or {})
    listed = {key: row for key, row in rows.items() if row is not None}
    allowed = {name: one for name, one in names.items() if one is not None}
    accounts = {ACCOUNT: AccountLimits(total or limit(150_000), listed, allowed, **account)}
    return Limits("USD", rates or {"USDT": D(1), "USDC": D(1), "USD": D(1)}, accounts, name)


def feed(**changes: Any) -> venue_events.FeedConnected:
    connected = venue_events.FeedConnected(ACCOUNT, "bybit", INSTRUMENTS, True, 36, "A-Za-z0-9_-", False)
    return replace(connected, **changes)
