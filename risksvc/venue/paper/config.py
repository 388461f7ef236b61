"""What a paper venue is started with: plain, frozen data, checked when it is built.

The demo keys below are not secrets: they open nothing but a paper venue on this machine.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal

from risksvc.venue.paper.accounts import Bounds
from risksvc.venue.paper.depth import DepthProfile
from risksvc.venue.paper.engine import Rules
from risksvc.venue.paper.instruments import DEFAULT_INSTRUMENTS, Instrument

Permission = Literal["read", "trade"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key of an account: `read` may look, `trade` may also order."""

    key: str
    secret: str = field(repr=False)
    permission: Permission

    def __post_init__(self) -> None:
        if not self.key or not self.secret:
            raise ValueError("an API key needs a key and a secret")
        if self.permission not in ("read", "trade"):
            raise ValueError(f"API key {self.key}: permission must be 'read' or 'trade', not {self.permission!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConfig:
    """An account: its name (shown by the control API), its keys, and what it starts with in each coin.

    `hedge`: its contracts have a position for each side instead of one.
    """

    name: str
    keys: tuple[ApiKey, ...]
    balances: Mapping[str, Decimal] = field(default_factory=lambda: {"USDT": Decimal(1_000_000)})
    leverage: Decimal = Decimal(10)
    hedge: bool = False

    def __post_init__(self) -> None:
        if not self.name or not self.keys:
            raise ValueError(f"account {self.name!r}: needs a name and at least one API key")
        if self.leverage < 1:
            raise ValueError(f"account {self.name}: leverage must be at least 1")


DEMO_ACCOUNT: Final = AccountConfig(
    name="main",
    keys=(
        ApiKey(key="paper-trade", secret="paper-trade-secret", permission="trade"),  # noqa: S106 - opens only a paper venue
        ApiKey(key="paper-read", secret="paper-read-secret", permission="read"),  # noqa: S106 - opens only a paper venue
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperConfig:
    """Everything that a paper venue can be told before it starts.

    `host`, `port`: where it listens; loopback only, port 0 lets the system pick one.
    `accounts`: who may trade; by default the demo account `main` with a trade key, a read key and 1,000,000 USDT.
    `instruments`: what can be traded; by default eight USDT perpetuals (BTC at 50,000) and three spot pairs;
    `EVERY_INSTRUMENT` has two USDC and two inverse perpetuals, too.
    `seed`: shifts the generated price paths; the same seed gives the same prices at the same time after the start.
    `csv`: instruments whose price follows 1-minute bars from a file instead (timestamp, open, high, low, close,
    volume).
    `prices`: instruments whose price is held at a value from the start (the control API can let go of it); a spot
    pair is named `spot:BTCUSDT`, here and in `csv`.
    `depth`: the shape of every instrument's depth at the start; `depths`: that of single instruments instead.
    `rules`: how long a price stands still, how fast the paths run (`speed`), open orders per account and instrument,
    and what a partly filled order becomes when it ends.
    `bounds`: how many executions and closed orders each account remembers.
    """

    host: str = "127.0.0.1"
    port: int = 0
    accounts: tuple[AccountConfig, ...] = (DEMO_ACCOUNT,)
    instruments: tuple[Instrument, ...] = DEFAULT_INSTRUMENTS
    seed: int = 1
    csv: Mapping[str, Path] = field(default_factory=dict)
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    depth: DepthProfile = field(default_factory=DepthProfile)
    depths: Mapping[str, DepthProfile] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    bounds: Bounds = field(default_factory=Bounds)

    def __post_init__(self) -> None:
        _require_loopback(self.host)
        if not 0 <= self.port <= 65_535:  # noqa: PLR2004 - the range of TCP ports
            raise ValueError(f"port: {self.port} is not between 0 and 65535")
        _require_unique("account", [account.name for account in self.accounts])
        _require_unique("API key", [key.key for account in self.accounts for key in account.keys])
        symbols = [instrument.key for instrument in self.instruments]
        _require_unique("instrument", symbols)
        _require_known("csv", self.csv, symbols)
        _require_known("prices", self.prices, symbols)
        _require_known("depths", self.depths, symbols)
        for instrument in self.instruments:
            price = self.prices.get(instrument.key, instrument.tick)
            if not instrument.takes_price(price):
                raise ValueError(
                    f"prices: {instrument.symbol} takes multiples of {instrument.tick} above 0, "
                    f"at most {instrument.max_price}, not {price}"
                )


def _require_loopback(host: str) -> None:
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = host == "localhost"
    if not is_loopback:
        raise ValueError(f"host: the paper venue listens on loopback only (127.0.0.1, ::1, localhost), not on {host!r}")


def _require_unique(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{what} {name!r} is given twice")


def _require_known(option: str, given: Mapping[str, object], symbols: list[str]) -> None:
    for symbol in given:
        if symbol not in symbols:
            raise ValueError(f"{option}: {symbol!r} is not one of the instruments: {', '.join(symbols)}")
