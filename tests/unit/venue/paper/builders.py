"""A small venue at a fixed moment, so that a test shows only what matters to it.

BTCUSDT is held at 50,000 and ETHUSDT at 2,500. Each side of the depth has three levels, one basis point apart, the best
one a basis point off the mid: BTC asks at 50005, 50010, 50015 and bids at 49995, 49990, 49985, about 2 BTC each.
"""

from decimal import Decimal
from typing import Final

from risksvc.venue.paper.accounts import Account, Bounds
from risksvc.venue.paper.depth import DepthProfile
from risksvc.venue.paper.engine import Engine, Rules
from risksvc.venue.paper.instruments import Instrument, linear
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.orders import Order, OrderRequest, OrderType, Side, TimeInForce
from risksvc.venue.paper.prices import GeneratedPath

D = Decimal
NOW: Final = 1_700_000_000_000

BTC: Final = linear("BTC", price="50000", tick="0.1", step="0.001", max_qty="100")
ETH: Final = linear("ETH", price="2500", tick="0.01", step="0.01", max_qty="1000")
DEPTH: Final = DepthProfile(
    levels=3, half_spread_bps=D(1), gap_bps=D(1), first_notional=D(100_000), growth_notional=D(0)
)


def market(instrument: Instrument = BTC, *, profile: DepthProfile = DEPTH) -> Market:
    return Market(instrument, path=GeneratedPath(instrument.price, instrument.symbol), profile=profile)


def account(
    name: str = "main", *, usdt: str = "1000000", leverage: str = "10", bounds: Bounds | None = None
) -> Account:
    return Account(name, balances={"USDT": D(usdt)}, leverage=D(leverage), bounds=bounds or Bounds())


class Venue:
    """An engine with one account to act for, and a clock that stands still until told."""

    def __init__(self, *, usdt: str = "1000000", bounds: Bounds | None = None, rules: Rules | None = None) -> None:
        self.account = account(usdt=usdt, bounds=bounds)
        self.engine = Engine(
            markets=[market(BTC), market(ETH)],
            accounts=[self.account, account("other")],
            rules=rules or Rules(),
            now_ms=NOW,
        )
        self.now_ms = NOW
        self.price("50000")
        self.price("2500", symbol="ETHUSDT")

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
    ) -> Order:
        request = OrderRequest(
            symbol=symbol,
            side=Side(side),
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            qty=D(qty),
            price=None if price is None else D(price),
            time_in_force=time_in_force,
            reduce_only=reduce_only,
            link_id=link_id,
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

    def held(self, symbol: str = "BTCUSDT") -> Decimal:
        return self.account.position(symbol).size
