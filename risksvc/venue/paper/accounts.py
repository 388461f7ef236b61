"""One account's books: wallet, positions, orders, executions, transaction log.

It records what the engine decided and answers look-ups; it decides nothing. No I/O, no clock. Bounds: `Bounds` caps
closed orders, executions and log entries (the oldest are forgotten, with their ids, an eighth of the cap at a time);
open orders are capped per instrument at admission; earlier positions are kept for `POSITION_MEMORY_MS` only.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from risksvc.core.types import ZERO
from risksvc.venue.paper.changes import NOBODY, Observer
from risksvc.venue.paper.decimals import fine, money
from risksvc.venue.paper.history import SymbolLog
from risksvc.venue.paper.ledger_log import LedgerEntry
from risksvc.venue.paper.orders import LONG_LEG, ONE_WAY, SHORT_LEG, Execution, Order, Side
from risksvc.venue.paper.positions import Position

# How far back the positions endpoint can be made to lag, and how many states it may cost at most per instrument.
POSITION_MEMORY_MS: Final = 30_000
_POSITION_STATES: Final = 20_000

# Bybit answers for a closed order by id in order/realtime as long as it is among the last 500.
RECENTLY_CLOSED: Final = 500

_UNBOUNDED: Final = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much one account may remember: an execution costs about 1 kB, a closed order 1.5 kB, a log entry 0.4 kB.

    The transaction log has one entry per execution (two in spot), so it is as long as `executions` says.
    """

    executions: int = 200_000
    closed_orders: int = 50_000

    def __post_init__(self) -> None:
        if self.executions < 1 or self.closed_orders < 1:
            raise ValueError("bounds: executions and closed_orders must be at least 1")


class Account:
    """The books of one account; `leverage` is the same for all of its instruments, and so is the position mode.

    `order_margin` is what orders keep back as margin, `locked` the coins that spot orders would pay with. `observer`
    learns of every change. `dead_man_ms` above 0: without a private socket for so long, all orders are cancelled;
    `silent_since_ms`: when the last socket went, None: there is one, or never was.
    """

    def __init__(
        self,
        name: str,
        *,
        balances: Mapping[str, Decimal],
        leverage: Decimal,
        bounds: Bounds,
        hedge: bool = False,
    ) -> None:
        self.name = name
        self.observer: Observer = NOBODY
        self.hedge = hedge
        self.dead_man_ms = 0
        self.silent_since_ms: int | None = None
        self.leverage = leverage
        self.wallets: dict[str, Decimal] = dict(balances)
        self.realised: dict[str, Decimal] = {}
        self.order_margin: dict[str, Decimal] = {}
        self.locked: dict[str, Decimal] = {}
        self.positions: dict[tuple[str, int], Position] = {}
        self.open_orders: SymbolLog[Order] = SymbolLog(_UNBOUNDED)
        self.closed_orders: SymbolLog[Order] = SymbolLog(bounds.closed_orders)
        self.executions: SymbolLog[Execution] = SymbolLog(bounds.executions)
        self.ledger = SymbolLog[LedgerEntry](bounds.executions)
        self.closed_count = 0
        self._order_numbers = 0
        self._execution_numbers = 0
        self._ledger_numbers = 0
        self._by_id: dict[str, Order] = {}
        self._by_link: dict[str, Order] = {}
        self._reducing: dict[str, dict[str, Order]] = {}
        self._past: dict[tuple[str, int], deque[Position]] = {}

    def next_order_number(self) -> int:
        """Give the next order's place in this account."""
        self._order_numbers += 1
        return self._order_numbers

    def next_execution_number(self) -> int:
        """Give the next execution's place in this account."""
        self._execution_numbers += 1
        return self._execution_numbers

    def next_ledger_number(self) -> int:
        """Give the next log entry's place in this account."""
        self._ledger_numbers += 1
        return self._ledger_numbers

    @property
    def legs(self) -> tuple[int, ...]:
        """Give the legs that an instrument's position has in this account's mode."""
        return (LONG_LEG, SHORT_LEG) if self.hedge else (ONE_WAY,)

    def find(self, *, order_id: str = "", link_id: str = "") -> Order | None:
        """Give the order of that id, open or still remembered; the venue's id wins when both are given."""
        return self._by_id.get(order_id) if order_id else self._by_link.get(link_id) if link_id else None

    def recently_closed(self, order: Order) -> bool:
        """Whether a final order is among the last ones that order/realtime still shows."""
        return self.closed_count - order.closed_number < RECENTLY_CLOSED

    def position(self, symbol: str, leg: int = ONE_WAY, *, inverse: bool = False) -> Position:
        """Give what is held now, a flat position when nothing ever was (`inverse` says of which kind)."""
        return self.positions.get((symbol, leg)) or Position(symbol=symbol, leg=leg, inverse=inverse)

    def position_at(self, symbol: str, at_ms: int, *, leg: int = ONE_WAY) -> Position:
        """Give what was held at a moment of the last `POSITION_MEMORY_MS`."""
        past = self._past.get((symbol, leg), deque())
        for state in reversed(past):
            if state.updated_ms <= at_ms:
                return state
        # Older states were forgotten if the memory is full; else there was nothing before the first one.
        return past[0] if len(past) == _POSITION_STATES else Position(symbol=symbol, leg=leg)

    def hold(self, position: Position) -> None:
        """Take over a changed position and remember the earlier one for a while."""
        self.positions[position.symbol, position.leg] = position
        past = self._past.setdefault((position.symbol, position.leg), deque(maxlen=_POSITION_STATES))
        past.append(position)
        self.observer.position_changed(self.name, position)
        horizon = position.updated_ms - POSITION_MEMORY_MS
        while len(past) > 1 and past[1].updated_ms <= horizon:
            past.popleft()

    def move(self, coin: str, amount: Decimal) -> None:
        """Add to a wallet, or take from it when negative: transfers, and what spot trades exchange."""
        self.wallets[coin] = self.wallets.get(coin, ZERO) + amount
        self.observer.wallet_changed(self.name)

    def credit(self, coin: str, amount: Decimal) -> None:
        """Add realised profit, or take a loss or fee when negative."""
        self.move(coin, amount)
        self.realised[coin] = self.realised.get(coin, ZERO) + amount

    def opened(self, order: Order) -> None:
        """Enter a new order."""
        self.open_orders.add(order)
        self._by_id[order.order_id] = order
        if order.link_id:
            self._by_link[order.link_id] = order
        self.changed(order)

    def changed(self, order: Order) -> None:
        """Tell that an order is not what it was."""
        self.observer.order_changed(self.name, order)

    def executed(self, execution: Execution) -> None:
        """Enter an execution."""
        self.executions.add(execution)
        self.observer.executed(self.name, execution)

    def closed(self, order: Order) -> None:
        """Move a final order to the history and forget what no longer fits."""
        self.open_orders.remove(order)
        self.unlist_reducing(order)
        self.closed_count += 1
        order.closed_number = self.closed_count
        self.changed(order)
        for gone in self.closed_orders.add(order):
            self._by_id.pop(gone.order_id, None)
            if self._by_link.get(gone.link_id) is gone:
                del self._by_link[gone.link_id]

    def list_reducing(self, order: Order) -> None:
        """Remember a resting reduce-only order, so that it can be cut when the position shrinks."""
        self._reducing.setdefault(order.symbol, {})[order.order_id] = order

    def unlist_reducing(self, order: Order) -> None:
        """Forget it again."""
        self._reducing.get(order.symbol, {}).pop(order.order_id, None)

    def reducing(self, symbol: str) -> list[Order]:
        """Give the resting reduce-only orders of an instrument, oldest first."""
        return list(self._reducing.get(symbol, {}).values())

    def reducible(self, symbol: str, side: Side, *, leg: int, besides: Order | None = None) -> Decimal:
        """Give how much a reduce-only order of `side` may still close, beside the resting ones other than `besides`."""
        resting = (
            order.remaining
            for order in self.reducing(symbol)
            if (order.side, order.leg) == (side, leg) and order is not besides
        )
        return max(ZERO, self.opposing(symbol, side, leg) - sum(resting, start=ZERO))

    def opposing(self, symbol: str, side: Side, leg: int = ONE_WAY) -> Decimal:
        """Give the size of the position that an order of `side` would close."""
        position = self.position(symbol, leg)
        return abs(position.size) if position.side is side.opposite else ZERO

    def reserve(self, order: Order, margin: Decimal, *, coin: str) -> None:
        """Set what an order keeps back."""
        kept = self.locked if order.spot else self.order_margin
        kept[coin] = kept.get(coin, ZERO) + margin - order.margin
        order.margin = margin
        self.observer.wallet_changed(self.name)

    def release(self, order: Order, qty: Decimal, *, coin: str) -> None:
        """Give back what was kept for `qty` that is about to trade."""
        left = order.remaining - qty
        share = order.margin * left / order.remaining if left else ZERO
        self.reserve(order, fine(share) if order.inverse else money(share), coin=coin)

    def held(self) -> Iterator[Position]:
        """Give the positions that aren't flat."""
        return (position for position in self.positions.values() if position.size)
