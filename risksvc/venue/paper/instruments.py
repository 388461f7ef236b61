"""What can be traded: one frozen row per instrument, and the rows the paper venue starts with.

Prices are in the quote coin per unit of the base coin, quantities in units of the base coin (contract size 1: linear
perpetuals). Inverse and spot instruments will be further rows with another `category`; nothing here assumes that only
linear exists.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from risksvc.venue.paper.decimals import is_multiple

CATEGORIES: Final = ("linear", "inverse", "spot", "option")
TRADING: Final = "Trading"
PRE_LAUNCH: Final = "PreLaunch"

# Bybit's own bound for BTCUSDT: 1,999,999.8 at a tick of 0.1.
_MAX_TICKS: Final = 19_999_998

_LAUNCHED_MS: Final = 1_585_526_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One tradable contract.

    `price` is where the generated price path starts; `tick`, `step`, `min_qty`, `max_qty` and `min_notional` are the
    order grid and bounds; `price_limit` is how far beyond the mark an aggressive limit price may lie (a ratio: 0.1 is
    10 %); fees are ratios of the traded value, in the settle coin. An instrument whose `status` isn't `Trading` is
    listed but refuses orders.
    """

    symbol: str
    base: str
    price: Decimal
    tick: Decimal
    step: Decimal
    max_qty: Decimal
    min_qty: Decimal
    quote: str = "USDT"
    settle: str = "USDT"
    min_notional: Decimal = Decimal(5)
    max_leverage: Decimal = Decimal(100)
    maintenance: Decimal = Decimal("0.005")
    price_limit: Decimal = Decimal("0.1")
    taker_fee: Decimal = Decimal("0.00055")
    maker_fee: Decimal = Decimal("0.0002")
    status: str = TRADING
    category: str = "linear"
    contract_type: str = "LinearPerpetual"
    launched_ms: int = _LAUNCHED_MS

    @property
    def max_price(self) -> Decimal:
        """Give the highest price that an order may name."""
        return self.tick * _MAX_TICKS

    def takes_price(self, price: Decimal) -> bool:
        """Whether `price` is on the instrument's grid: a multiple of the tick, above zero, at most `max_price`."""
        return 0 < price <= self.max_price and is_multiple(price, of=self.tick)

    def __post_init__(self) -> None:
        if self.category != "linear":
            raise ValueError(
                f"instrument {self.symbol}: category {self.category!r} is not supported yet, only linear is"
            )
        for name in ("price", "tick", "step", "min_qty", "max_qty"):
            if getattr(self, name) <= 0:
                raise ValueError(f"instrument {self.symbol}: {name} must be above zero")
        for name in ("min_qty", "max_qty"):
            if not is_multiple(getattr(self, name), of=self.step):
                raise ValueError(f"instrument {self.symbol}: {name} must be a multiple of step {self.step}")


def linear(base: str, *, price: str, tick: str, step: str, max_qty: str) -> Instrument:
    """Build a USDT perpetual whose smallest order is one lot step."""
    return Instrument(
        symbol=f"{base}USDT",
        base=base,
        price=Decimal(price),
        tick=Decimal(tick),
        step=Decimal(step),
        min_qty=Decimal(step),
        max_qty=Decimal(max_qty),
    )


DEFAULT_INSTRUMENTS: Final = (
    linear("BTC", price="50000", tick="0.1", step="0.001", max_qty="1190"),
    linear("ETH", price="2500", tick="0.01", step="0.01", max_qty="7240"),
    linear("SOL", price="150", tick="0.01", step="0.1", max_qty="79770"),
    linear("XRP", price="0.5", tick="0.0001", step="0.1", max_qty="5180000"),
    linear("DOGE", price="0.1", tick="0.00001", step="1", max_qty="23700000"),
    linear("ADA", price="0.4", tick="0.0001", step="1", max_qty="3900000"),
    linear("LINK", price="15", tick="0.001", step="0.1", max_qty="162000"),
    linear("LTC", price="80", tick="0.01", step="0.1", max_qty="38000"),
)

# Names by which coins are shown in asset/coin/query-info.
COIN_NAMES: Final[Mapping[str, str]] = MappingProxyType({"BTC": "Bitcoin", "ETH": "Ethereum", "USDT": "Tether"})
