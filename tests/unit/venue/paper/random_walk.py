"""A venue on a random walk: orders, prices, funding, liquidations, deleveraging and transfers, as a seed says.

What is refused on the way is part of it: a walk makes sense by itself, wherever chance leads.
"""

from contextlib import suppress
from random import Random
from typing import Final

from risksvc.venue.paper import forced
from risksvc.venue.paper.errors import VenueError
from risksvc.venue.paper.orders import ONE_WAY
from tests.unit.venue.paper.builders import CROSS, INVERSE, SPOT, D, Venue

# Where the walk goes around, the tick of prices, and the unit of order sizes.
MARKETS: Final = {
    "BTCUSDT": (D(50_000), D("0.1"), D("0.001")),
    "ETHUSDT": (D(2_500), D("0.01"), D("0.01")),
    INVERSE: (D(50_000), D("0.1"), D(7)),
    SPOT: (D(50_000), D("0.01"), D("0.000037")),
    CROSS: (D("0.05"), D("0.000001"), D("0.0003")),
}
KEYS: Final = tuple(MARKETS)
STEPS: Final = 60


class Walk:
    """An account with every kind of instrument; `step` does one thing at random."""

    def __init__(self, seed: int, *, hedge: bool) -> None:
        self.venue = Venue(hedge=hedge, coins={"BTC": "20", "ETH": "50"})
        self.chance = Random(seed)
        self._moves = (
            (4, self._market_order),
            (4, self._limit_order),
            (4, self._move_price),
            (4, self._wait),
            (1, self._fund),
            (1, self._liquidate),
            (1, self._deleverage),
            (1, self._transfer),
            (1, self._cancel),
        )

    def step(self) -> None:
        (move,) = self.chance.choices([each for _, each in self._moves], [weight for weight, _ in self._moves])
        with suppress(VenueError):
            move(self.chance.choice(KEYS))

    def _price(self, key: str) -> str:
        middle, tick, _ = MARKETS[key]
        ticks = int(middle * self.chance.randint(-200, 200) / 10_000 / tick)
        return str(middle + ticks * tick)

    def _qty(self, key: str) -> str:
        return str(MARKETS[key][2] * self.chance.randint(1, 999))

    def _leg(self, key: str) -> int:
        return ONE_WAY if key.startswith("spot:") else self.chance.choice(self.venue.account.legs)

    def _order(self, key: str, price: str | None) -> None:
        is_spot = key.startswith("spot:")
        self.venue.order(
            self.chance.choice(["Buy", "Sell"]),
            self._qty(key),
            price,
            symbol=key,
            reduce_only=not is_spot and self.chance.random() < 0.2,
            leg=self._leg(key),
            stop_loss=self._price(key) if not is_spot and self.chance.random() < 0.2 else None,
        )

    def _market_order(self, key: str) -> None:
        self._order(key, None)

    def _limit_order(self, key: str) -> None:
        self._order(key, self._price(key))

    def _move_price(self, key: str) -> None:
        self.venue.price(self._price(key), symbol=key)

    def _wait(self, _key: str) -> None:
        self.venue.wait(self.chance.randint(0, 300))

    def _fund(self, key: str) -> None:
        rate = D(self.chance.randint(-200, 200)) / 100_000
        forced.fund(self.venue.engine, self.venue.engine.markets[key], rate, accounts=[self.venue.account])

    def _liquidate(self, key: str) -> None:
        forced.liquidate(self.venue.engine, self.venue.account, key, leg=self._leg(key))

    def _deleverage(self, key: str) -> None:
        leg, price = self._leg(key), D(self._price(key))
        qty = MARKETS[key][2] * self.chance.randint(1, 50)
        forced.deleverage(self.venue.engine, self.venue.account, key, qty=qty, price=price, leg=leg)

    def _transfer(self, key: str) -> None:
        coin = self.venue.engine.markets[key].instrument.settle
        forced.transfer(self.venue.engine, self.venue.account, coin, D(self.chance.randint(-500, 500)) / 100)

    def _cancel(self, key: str) -> None:
        orders = list(self.venue.account.open_orders.newest_first(symbol=key))
        if orders:
            self.venue.cancel(self.chance.choice(orders))
