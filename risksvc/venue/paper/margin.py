"""What an account can afford: equity, margin in use, what is left, and where it would be liquidated.

A simplification of Bybit's cross margin that keeps its shape: initial margin is entry value / leverage for positions
and price * growing quantity / leverage for orders (reckoned when the order is accepted), all positions of one settle
coin share one wallet, and the maintenance margin is a fixed share of the position's worth. Pure; marks come from the
markets that are passed in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from risksvc.core.types import ZERO
from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.decimals import money, nearest_to
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.orders import Side
from risksvc.venue.paper.positions import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Funds:
    """An account's money in one settle coin, all in that coin."""

    wallet: Decimal
    unrealised: Decimal
    position_margin: Decimal
    maintenance: Decimal
    order_margin: Decimal

    @property
    def equity(self) -> Decimal:
        """Give the wallet with unrealised profit."""
        return self.wallet + self.unrealised

    @property
    def available(self) -> Decimal:
        """Give what new orders may use; never below zero."""
        return max(ZERO, self.equity - self.position_margin - self.order_margin)


def funds(account: Account, coin: str, *, markets: Mapping[str, Market]) -> Funds:
    """Add up an account's money in `coin` at the markets' present marks."""
    unrealised = position_margin = maintenance = ZERO
    for position in account.held():
        market = markets[position.symbol]
        if market.instrument.settle == coin:
            unrealised += position.unrealised(market.mid)
            position_margin += position_initial_margin(position, account)
            maintenance += position_maintenance(position, market)
    return Funds(
        wallet=account.wallets.get(coin, ZERO),
        unrealised=unrealised,
        position_margin=position_margin,
        maintenance=maintenance,
        order_margin=account.order_margin.get(coin, ZERO),
    )


def position_initial_margin(position: Position, account: Account) -> Decimal:
    """Give the initial margin of a position."""
    return money(position.entry_value / account.leverage)


def position_maintenance(position: Position, market: Market) -> Decimal:
    """Give the maintenance margin of a position at the mark."""
    return money(abs(position.size) * market.mid * market.instrument.maintenance)


def order_initial_margin(account: Account, market: Market, *, side: Side, qty: Decimal, price: Decimal) -> Decimal:
    """Give the margin for the part of an order that would grow the position."""
    growing = max(ZERO, qty - account.opposing(market.instrument.symbol, side))
    return money(growing * price / account.leverage)


def liquidation_price(position: Position, *, market: Market, money_in: Funds) -> Decimal | None:
    """Give the mark at which equity would equal maintenance, other positions standing still; None without one."""
    if not position.size:
        return None
    slack = money_in.equity - money_in.maintenance
    price = market.mid - slack / position.size
    return nearest_to(price, market.instrument.tick) if price > 0 else None
