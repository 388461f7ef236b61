"""What an account can afford: equity, margin in use, what is left, and where it would be liquidated.

A simplification of Bybit's cross margin that keeps its shape: initial margin is entry value / leverage for positions
and the value of the growing quantity / leverage for orders (reckoned when the order is accepted), all positions of one
settle coin share the wallet of that coin (no coin backs another's positions), and the maintenance margin is a fixed
share of the position's worth. Equity is exact: wallet and unrealised profit, neither rounded. Pure; marks come from
the markets that are passed in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from risksvc.core.types import ONE, ZERO
from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.decimals import nearest_to
from risksvc.venue.paper.instruments import DOLLARS
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.orders import Side
from risksvc.venue.paper.positions import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Funds:
    """An account's money in one coin, all in that coin; `locked` is what spot orders would pay with."""

    wallet: Decimal
    unrealised: Decimal
    position_margin: Decimal
    maintenance: Decimal
    order_margin: Decimal
    locked: Decimal

    @property
    def equity(self) -> Decimal:
        """Give the wallet with unrealised profit."""
        return self.wallet + self.unrealised

    @property
    def available(self) -> Decimal:
        """Give what new orders may use; never below zero."""
        return max(ZERO, self.equity - self.position_margin - self.order_margin - self.locked)


def funds(account: Account, coin: str, *, markets: Mapping[str, Market]) -> Funds:
    """Add up an account's money in `coin` at the markets' present marks."""
    unrealised = position_margin = maintenance = ZERO
    for position in account.held():
        market = markets[position.symbol]
        if market.instrument.settle == coin:
            unrealised += position.unrealised(market.mid)
            position_margin += position_initial_margin(position, account, market)
            maintenance += position_maintenance(position, market)
    return Funds(
        wallet=account.wallets.get(coin, ZERO),
        unrealised=unrealised,
        position_margin=position_margin,
        maintenance=maintenance,
        order_margin=account.order_margin.get(coin, ZERO),
        locked=account.locked.get(coin, ZERO),
    )


def dollar_price(coin: str, *, markets: Mapping[str, Market]) -> Decimal:
    """Give what a coin is worth in dollars: the mark of its first dollar market; 0 for a coin without one."""
    if coin in DOLLARS:
        return ONE
    for market in markets.values():
        if market.instrument.base == coin and market.instrument.quote in DOLLARS:
            return market.mid
    return ZERO


def position_initial_margin(position: Position, account: Account, market: Market) -> Decimal:
    """Give the initial margin of a position."""
    return market.instrument.rounded(position.entry_value / account.leverage)


def position_maintenance(position: Position, market: Market) -> Decimal:
    """Give the maintenance margin of a position at the mark."""
    return market.instrument.rounded(position.value(market.mid) * market.instrument.maintenance)


def order_initial_margin(
    account: Account, market: Market, *, side: Side, qty: Decimal, price: Decimal, leg: int
) -> Decimal:
    """Give the margin for the part of an order that would grow the position."""
    instrument = market.instrument
    growing = max(ZERO, qty - account.opposing(instrument.key, side, leg))
    return instrument.rounded(instrument.value(growing, price) / account.leverage)


def liquidation_price(position: Position, *, market: Market, money_in: Funds) -> Decimal | None:
    """Give the mark at which equity would equal maintenance, other positions standing still; None without one."""
    if not position.size:
        return None
    slack = money_in.equity - money_in.maintenance
    if position.inverse:
        reciprocal = ONE / market.mid + slack / position.size
        return nearest_to(ONE / reciprocal, market.instrument.tick) if reciprocal > 0 else None
    price = market.mid - slack / position.size
    return nearest_to(price, market.instrument.tick) if price > 0 else None
