"""What can be traded: one frozen row per instrument, and the rows the paper venue starts with.

Prices are in the quote coin per unit of the base coin. Quantities are in units of the base coin (linear, spot) or in
contracts of one quote coin (inverse). Values and fees are in the settle coin: the quote coin of linear and spot, the
base coin of inverse. The same symbol may exist once as a contract and once as a spot pair, as at Bybit: `key` tells
them apart, and is what orders, positions and executions refer to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from risksvc.venue.paper.decimals import fine, is_multiple, money, worth

LINEAR: Final = "linear"
INVERSE: Final = "inverse"
SPOT: Final = "spot"
CATEGORIES: Final = (LINEAR, INVERSE, SPOT, "option")
TRADED: Final = (LINEAR, INVERSE, SPOT)

TRADING: Final = "Trading"
PRE_LAUNCH: Final = "PreLaunch"
DELIVERING: Final = "Delivering"
CLOSED: Final = "Closed"

# Coins that count as one US dollar each.
DOLLARS: Final = ("USDT", "USDC", "USD")

CONTRACT_TYPES: Final[Mapping[str, str]] = MappingProxyType({LINEAR: "LinearPerpetual", INVERSE: "InversePerpetual"})

# Bybit's own bound for BTCUSDT: 1,999,999.8 at a tick of 0.1.
_MAX_TICKS: Final = 19_999_998

_LAUNCHED_MS: Final = 1_585_526_400_000
_SPOT_FEE: Final = Decimal("0.001")


def key_of(category: str, symbol: str) -> str:
    """Give the name that an instrument has inside the venue: its symbol, for a spot pair marked as such."""
    return f"{SPOT}:{symbol}" if category == SPOT else symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One tradable contract or spot pair.

    `price` is where the generated price path starts; `tick`, `step`, `min_qty`, `max_qty` and `min_notional` are the
    order grid and bounds; `price_limit` is how far beyond the mark an aggressive limit price may lie (a ratio: 0.1 is
    10 %); fees are ratios of the traded value, in the settle coin (spot: of what is received, in that coin).
    `quote_worth` is what a quote coin that isn't a dollar is worth, for the size of the synthetic depth only. An
    instrument whose `status` isn't `Trading` is listed but refuses orders.
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
    quote_worth: Decimal = Decimal(1)
    status: str = TRADING
    category: str = LINEAR
    contract_type: str = CONTRACT_TYPES[LINEAR]
    launched_ms: int = _LAUNCHED_MS

    @property
    def key(self) -> str:
        """Give the instrument's name inside the venue, unique over all categories."""
        return key_of(self.category, self.symbol)

    @property
    def is_spot(self) -> bool:
        """Whether trading it moves balances and leaves no position."""
        return self.category == SPOT

    @property
    def is_inverse(self) -> bool:
        """Whether its contracts are worth one quote coin each and settle in the base coin."""
        return self.category == INVERSE

    @property
    def path_name(self) -> str:
        """Give the name of its generated price path: all dollar markets of a coin move together."""
        return f"{self.base}USDT" if self.quote in DOLLARS else self.symbol

    @property
    def max_price(self) -> Decimal:
        """Give the highest price that an order may name."""
        return self.tick * _MAX_TICKS

    def value(self, qty: Decimal, price: Decimal) -> Decimal:
        """Give what `qty` is worth at `price`, in the settle coin, unsigned."""
        return worth(qty, price, inverse=self.is_inverse)

    def rounded(self, amount: Decimal) -> Decimal:
        """Round an amount of the settle coin as the venue keeps it."""
        return fine(amount) if self.is_inverse else money(amount)

    def takes_price(self, price: Decimal) -> bool:
        """Whether `price` is on the instrument's grid: a multiple of the tick, above zero, at most `max_price`."""
        return 0 < price <= self.max_price and is_multiple(price, of=self.tick)

    def __post_init__(self) -> None:
        if self.category not in TRADED:
            raise ValueError(
                f"instrument {self.symbol}: category {self.category!r} is not traded here, only {', '.join(TRADED)} are"
            )
        settles = self.base if self.is_inverse else self.quote
        if self.settle != settles:
            raise ValueError(f"instrument {self.symbol}: a {self.category} one settles in {settles}, not {self.settle}")
        for name in ("price", "tick", "step", "min_qty", "max_qty", "quote_worth"):
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


def usdc_linear(base: str, *, price: str, tick: str, step: str, max_qty: str) -> Instrument:
    """Build a perpetual that is quoted and settled in USDC, with Bybit's symbol for it."""
    return Instrument(
        symbol=f"{base}PERP",
        base=base,
        quote="USDC",
        settle="USDC",
        price=Decimal(price),
        tick=Decimal(tick),
        step=Decimal(step),
        min_qty=Decimal(step),
        max_qty=Decimal(max_qty),
    )


def inverse(base: str, *, price: str, tick: str, max_qty: str) -> Instrument:
    """Build an inverse perpetual: contracts of one dollar, settled in the base coin."""
    return Instrument(
        symbol=f"{base}USD",
        base=base,
        quote="USD",
        settle=base,
        price=Decimal(price),
        tick=Decimal(tick),
        step=Decimal(1),
        min_qty=Decimal(1),
        max_qty=Decimal(max_qty),
        min_notional=Decimal(0),
        category=INVERSE,
        contract_type=CONTRACT_TYPES[INVERSE],
    )


def spot(base: str, *, price: str, tick: str, step: str, max_qty: str) -> Instrument:
    """Build a spot pair that is quoted in USDT."""
    return Instrument(
        symbol=f"{base}USDT",
        base=base,
        price=Decimal(price),
        tick=Decimal(tick),
        step=Decimal(step),
        min_qty=Decimal(step),
        max_qty=Decimal(max_qty),
        taker_fee=_SPOT_FEE,
        maker_fee=_SPOT_FEE,
        category=SPOT,
        contract_type="",
    )


USDT_PERPETUALS: Final = (
    linear("BTC", price="50000", tick="0.1", step="0.001", max_qty="1190"),
    linear("ETH", price="2500", tick="0.01", step="0.01", max_qty="7240"),
    linear("SOL", price="150", tick="0.01", step="0.1", max_qty="79770"),
    linear("XRP", price="0.5", tick="0.0001", step="0.1", max_qty="5180000"),
    linear("DOGE", price="0.1", tick="0.00001", step="1", max_qty="23700000"),
    linear("ADA", price="0.4", tick="0.0001", step="1", max_qty="3900000"),
    linear("LINK", price="15", tick="0.001", step="0.1", max_qty="162000"),
    linear("LTC", price="80", tick="0.01", step="0.1", max_qty="38000"),
)
USDC_PERPETUALS: Final = (
    usdc_linear("BTC", price="50000", tick="0.1", step="0.001", max_qty="500"),
    usdc_linear("ETH", price="2500", tick="0.01", step="0.01", max_qty="5000"),
)
INVERSE_PERPETUALS: Final = (
    inverse("BTC", price="50000", tick="0.1", max_qty="25000000"),
    inverse("ETH", price="2500", tick="0.01", max_qty="12500000"),
)
SPOT_PAIRS: Final = (
    spot("BTC", price="50000", tick="0.01", step="0.000001", max_qty="83"),
    spot("ETH", price="2500", tick="0.01", step="0.00001", max_qty="1500"),
    Instrument(
        symbol="ETHBTC",
        base="ETH",
        quote="BTC",
        settle="BTC",
        price=Decimal("0.05"),
        tick=Decimal("0.000001"),
        step=Decimal("0.0001"),
        min_qty=Decimal("0.0001"),
        max_qty=Decimal(500),
        min_notional=Decimal("0.0001"),
        quote_worth=Decimal(50_000),
        taker_fee=_SPOT_FEE,
        maker_fee=_SPOT_FEE,
        category=SPOT,
        contract_type="",
    ),
)

# One settle coin only: a reader of contracts asks for each coin apart, and for inverse ones once more.
DEFAULT_INSTRUMENTS: Final = (*USDT_PERPETUALS, *SPOT_PAIRS)
EVERY_INSTRUMENT: Final = (*USDT_PERPETUALS, *USDC_PERPETUALS, *INVERSE_PERPETUALS, *SPOT_PAIRS)

# Names by which coins are shown in asset/coin/query-info.
COIN_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {"BTC": "Bitcoin", "ETH": "Ethereum", "USDT": "Tether", "USDC": "USD Coin"}
)
