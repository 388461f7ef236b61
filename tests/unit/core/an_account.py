# ruff: noqa: ANN401 - a builder takes whatever the dataclass that it builds takes
"""An account at a venue with cash, positions and marks: what the tests of the equity check start from.

The venue reckons on its own: average entry prices and realised profit, as exchanges do, and not as the check does.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.types import MILLISECOND, ZERO, InstrumentKind, Side
from risksvc.core.venue_events import Balance, BalancesReceived, CashFlow, CashFlowKind, Fill
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, BTC, INSTRUMENTS, MARKS, D

LISTED = {one.symbol: one for one in INSTRUMENTS}


@dataclass
class Entry:
    """A position as exchanges keep it: its quantity and its average entry price."""

    quantity: Decimal = ZERO
    price: Decimal = ZERO


@dataclass
class Account:
    """The truth at the venue. `world` is told what a test lets it be told."""

    world: World
    wallet: dict[str, Decimal] = field(default_factory=lambda: {"USDT": D(100_000)})
    entries: dict[str, Entry] = field(default_factory=dict)
    marks: dict[str, Decimal] = field(default_factory=lambda: dict(MARKS))
    flows: list[CashFlow] = field(default_factory=list)
    made: int = 0

    # -- what happens there --------------------------------------------------------------------------------------

    def trade(
        self, quantity: str | int | Decimal, price: str | int | Decimal, *, told: bool = True, **rest: Any
    ) -> Fill:
        """A trade, signed; the feed tells of it unless said otherwise."""
        signed = D(quantity)
        chosen: dict[str, Any] = {"instrument": BTC, "fee": ZERO, "fee_currency": ""} | rest
        side = Side.BUY if signed > 0 else Side.SELL
        fill = self.world.make_fill("", side, abs(signed), D(price), **chosen)
        self._settle(fill)
        if told:
            self.world.tell(fill)
        return fill

    def _settle(self, fill: Fill) -> None:
        listed = LISTED[fill.instrument]
        signed = fill.quantity * fill.side.sign
        if listed.kind is InstrumentKind.SPOT:
            self._pay(listed.base, signed)
            self._pay(listed.quote, -signed * fill.price)
        else:
            self._enter(fill.instrument, signed, fill.price)
        if fill.fee is not None:
            self._pay(fill.fee_currency or self._coin(fill.instrument), -fill.fee)

    def _enter(self, symbol: str, signed: Decimal, price: Decimal) -> None:
        entry = self.entries.setdefault(symbol, Entry())
        closed = ZERO
        if entry.quantity * signed < 0:
            closed = min(abs(entry.quantity), abs(signed)).copy_sign(entry.quantity)
            self._pay(self._coin(symbol), self._profit(symbol, closed, entry.price, price))
        entry.quantity -= closed
        added = signed + closed
        if added:
            entry.price = self._average(symbol, entry, added, price)
            entry.quantity += added

    @staticmethod
    def _average(symbol: str, entry: Entry, added: Decimal, price: Decimal) -> Decimal:
        total = entry.quantity + added
        if not entry.quantity:
            return price
        if LISTED[symbol].kind is InstrumentKind.INVERSE:
            return total / (entry.quantity / entry.price + added / price)
        return (entry.quantity * entry.price + added * price) / total

    def _profit(self, symbol: str, quantity: Decimal, start: Decimal, end: Decimal) -> Decimal:
        listed = LISTED[symbol]
        if listed.kind is InstrumentKind.INVERSE:
            return quantity * listed.contract_size * (1 / start - 1 / end)
        return quantity * listed.contract_size * (end - start)

    @staticmethod
    def _coin(symbol: str) -> str:
        listed = LISTED[symbol]
        return listed.base if listed.kind is InstrumentKind.INVERSE else listed.quote

    def _pay(self, currency: str, amount: Decimal) -> None:
        self.wallet[currency] = self.wallet.get(currency, ZERO) + amount

    def book(self, amount: str | int, *, kind: CashFlowKind = CashFlowKind.FUNDING, currency: str = "USDT") -> CashFlow:
        """Cash comes or goes; told with the next balances."""
        self.made += 1
        self._pay(currency, D(amount))
        flow = CashFlow(f"f{self.made}", currency, kind, D(amount), self.now_ms)
        self.flows.append(flow)
        return flow

    # -- what is told --------------------------------------------------------------------------------------------

    @property
    def now_ms(self) -> int:
        return self.world.now // MILLISECOND

    def equity(self) -> dict[str, Decimal]:
        found = dict(self.wallet)
        for symbol, entry in self.entries.items():
            if entry.quantity:
                coin = self._coin(symbol)
                profit = self._profit(symbol, entry.quantity, entry.price, self.marks[symbol])
                found[coin] = found.get(coin, ZERO) + profit
        return found

    def move(self, price: str | int | Decimal, symbol: str = BTC, *, told: bool = True) -> None:
        """The mark moves."""
        self.marks[symbol] = D(price)
        if told:
            self.world.mark(symbol, D(price))

    def read(self, **changes: Any) -> list[Notice]:
        """The balances of this moment, with the bookings since the last."""
        chosen: dict[str, Any] = {
            "as_of": self.world.now,
            "venue_time_ms": self.now_ms,
            "balances": tuple(Balance(currency, amount) for currency, amount in self.equity().items()),
            "flows": tuple(self.flows),
        } | changes
        self.flows = []
        self.world.apply(BalancesReceived(ACCOUNT, **chosen))
        return self.world.notices()

    def pass_time(self) -> None:
        """A second, and marks as fresh as ever."""
        self.world.wait(1, fresh=False)
        self.world.marks()

    @property
    def difference(self) -> Decimal | None:
        return self.world.book.equity.difference


def account(**changes: Any) -> Account:
    """An account that was read once: everything counts from here."""
    opened = Account(given(**changes))
    opened.pass_time()
    assert opened.read() == []
    assert opened.difference is None
    opened.pass_time()
    return opened


def kinds(notices: list[Notice]) -> list[NoticeKind]:
    return [one.kind for one in notices]
