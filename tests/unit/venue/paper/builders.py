"""A small venue at a fixed moment, so that a test shows only what matters to it.

BTCUSDT, the inverse BTCUSD and the spot pair BTCUSDT are held at 50,000, ETHUSDT at 2,500, spot ETHBTC at 0.05. Each
side of the depth has three levels, one basis point apart, the best
one a basis point off the mid: BTC asks at 50005, 50010, 50015 and bids at 49995, 49990, 49985, about 2 BTC each.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from risksvc.venue.paper.account_data import wallet_balance
from risksvc.venue.paper.accounts import Account, Bounds
from risksvc.venue.paper.calls import Call, View
from risksvc.venue.paper.depth import DepthProfile
from risksvc.venue.paper.engine import Engine, Rules
from risksvc.venue.paper.hedge import only_closes
from risksvc.venue.paper.instruments import INVERSE_PERPETUALS, SPOT_PAIRS, Instrument, linear
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.orders import ONE_WAY, Order, OrderRequest, OrderType, Side, TimeInForce
from risksvc.venue.paper.prices import GeneratedPath

D = Decimal
NOW: Final = 1_700_000_000_000

BTC: Final = linear("BTC", price="50000", tick="0.1", step="0.001", max_qty="100")
ETH: Final = linear("ETH", price="2500", tick="0.01", step="0.01", max_qty="1000")
BTC_INVERSE: Final = INVERSE_PERPETUALS[0]
BTC_SPOT, _, ETHBTC = SPOT_PAIRS

# Keys of instruments: a spot pair's says that it is one.
INVERSE: Final = "BTCUSD"
SPOT: Final = "spot:BTCUSDT"
CROSS: Final = "spot:ETHBTC"
DEPTH: Final = DepthProfile(
    levels=3, half_spread_bps=D(1), gap_bps=D(1), first_notional=D(100_000), growth_notional=D(0)
)


def market(instrument: Instrument = BTC, *, profile: DepthProfile = DEPTH) -> Market:
    return Market(instrument, path=GeneratedPath(instrument.price, instrument.symbol), profile=profile)


def account(
    name: str = "main",
    *,
    usdt: str = "1000000",
    leverage: str = "10",
    bounds: Bounds | None = None,
    coins: Mapping[str, str] | None = None,
    hedge: bool = False,
) -> Account:
    balances = {"USDT": D(usdt), **{coin: D(amount) for coin, amount in (coins or {}).items()}}
    return Account(name, balances=balances, leverage=D(leverage), bounds=bounds or Bounds(), hedge=hedge)


class Venue:
    """An engine with one account to act for, and a clock that stands still until told."""

    def __init__(
        self,
        *,
        usdt: str = "1000000",
        bounds: Bounds | None = None,
        rules: Rules | None = None,
        coins: Mapping[str, str] | None = None,
        hedge: bool = False,
    ) -> None:
        self.account = account(usdt=usdt, bounds=bounds, coins=coins, hedge=hedge)
        self.engine = Engine(
            markets=[market(each) for each in (BTC, ETH, BTC_INVERSE, BTC_SPOT, ETHBTC)],
            accounts=[self.account, account("other")],
            rules=rules or Rules(),
            now_ms=NOW,
        )
        self.now_ms = NOW
        self.price("50000")
        self.price("2500", symbol="ETHUSDT")
        self.price("50000", symbol=INVERSE)
        self.price("50000", symbol=SPOT)
        self.price("0.05", symbol=CROSS)

    def price(self, price: str, *, symbol: str = "BTCUSDT") -> None:
        self.engine.set_price(symbol, D(price), hold=True, now_ms=self.now_ms)

    def wait(self, ms: int = 250) -> None:
        self.now_ms += ms
        self.engine.advance(self.now_ms)

    def order(
        self,
        side: str,
        qty: str,
        price: str | None = None,
        *,
        symbol: str = "BTCUSDT",
        time_in_force: TimeInForce = TimeInForce.GTC,
        reduce_only: bool = False,
        link_id: str = "",
        leg: int = ONE_WAY,
        take_profit: str | None = None,
        stop_loss: str | None = None,
    ) -> Order:
        request = OrderRequest(
            symbol=symbol,
            side=Side(side),
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            qty=D(qty),
            price=None if price is None else D(price),
            time_in_force=time_in_force,
            reduce_only=reduce_only or only_closes(Side(side), leg),
            link_id=link_id,
            leg=leg,
            take_profit=None if take_profit is None else D(take_profit),
            stop_loss=None if stop_loss is None else D(stop_loss),
        )
        return self.engine.create(self.account, request, now_ms=self.now_ms)

    def amend(self, order: Order, *, qty: str | None = None, price: str | None = None) -> Order:
        return self.engine.amend(
            self.account,
            order,
            qty=None if qty is None else D(qty),
            price=None if price is None else D(price),
            now_ms=self.now_ms,
        )

    def cancel(self, order: Order) -> None:
        self.engine.cancel(self.account, order, now_ms=self.now_ms)

    def held(self, symbol: str = "BTCUSDT", leg: int = ONE_WAY) -> Decimal:
        return self.account.position(symbol, leg).size

    def call(self, **params: str) -> Call:
        """A request of the account, as the gateway hands it to an endpoint."""
        return Call(engine=self.engine, params=params, now_ms=self.now_ms, account=self.account)

    def lagging(self, lag_ms: int, **params: str) -> Call:
        """The same, by somebody who sees positions as they were."""
        return replace(self.call(**params), view=View(position_lag_ms=lag_ms))

    def coin(self, coin: str) -> dict[str, Any]:
        """A coin's row of the wallet."""
        (row,) = wallet_balance(self.call(accountType="UNIFIED", coin=coin))["list"][0]["coin"]
        return dict(row)
