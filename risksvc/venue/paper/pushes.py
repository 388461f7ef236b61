"""What sockets are told when an account's books have changed: notes of changes, topics, rows, messages.

`Notes` collects what one event of the engine changes; when the engine has come to rest, `batches` makes rows of it in
the shapes that REST answers with (an order with its category, a position's entry price under the name that pushes
have for it). So an order is told once per event, as it is after it; executions are all told. Nothing is noted of an
account that nobody listens to. No I/O, no clock.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from risksvc.venue.paper.account_data import wallet_balance
from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.calls import Call
from risksvc.venue.paper.engine import Engine
from risksvc.venue.paper.margin import funds
from risksvc.venue.paper.orders import Execution, Order
from risksvc.venue.paper.positions import Position
from risksvc.venue.paper.wire import Row, execution_row, order_row, position_row

CATEGORIES: Final = ("linear", "inverse", "spot")

# What can be subscribed to: the topic, and what of it is pushed (all categories, or one).
TOPICS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {topic: (topic, "") for topic in ("order", "execution", "position", "wallet")}
    | {f"{topic}.{category}": (topic, category) for topic in ("order", "execution") for category in CATEGORIES}
    | {f"position.{category}": ("position", category) for category in ("linear", "inverse")}
)


@dataclass(slots=True)
class Noted:
    """What has changed in one account's books."""

    orders: dict[str, Order] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    positions: dict[tuple[str, int], Position] = field(default_factory=dict)
    wallet: bool = False


class Notes:
    """An observer of the accounts in `audience`; `wake` is called when there is something to take."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.audience: set[str] = set()
        self._wake = wake
        self._noted: dict[str, Noted] = {}

    def order_changed(self, account: str, order: Order) -> None:
        """Note an order."""
        if account in self.audience:
            self._of(account).orders[order.order_id] = order

    def executed(self, account: str, execution: Execution) -> None:
        """Note an execution."""
        if account in self.audience:
            self._of(account).executions.append(execution)

    def position_changed(self, account: str, position: Position) -> None:
        """Note what is held."""
        if account in self.audience:
            self._of(account).positions[position.symbol, position.leg] = position

    def wallet_changed(self, account: str) -> None:
        """Note that the wallet is another."""
        if account in self.audience:
            self._of(account).wallet = True

    def take(self) -> dict[str, Noted]:
        """Give what was noted, by account, and begin anew."""
        noted, self._noted = self._noted, {}
        return noted

    def _of(self, account: str) -> Noted:
        if not self._noted:
            self._wake()
        return self._noted.setdefault(account, Noted())


def batches(engine: Engine, account: Account, noted: Noted) -> Iterator[tuple[str, list[Row]]]:
    """Give the rows that an account's changes are told with, by topic, each with its category; no topic is empty."""
    for topic, rows in (
        ("order", _orders(engine, noted.orders.values())),
        ("execution", _executions(engine, noted.executions)),
        ("position", _positions(engine, account, noted.positions.values())),
        ("wallet", _wallet(engine, account) if noted.wallet else []),
    ):
        if rows:
            yield topic, rows


def message(topic: str, rows: list[Row], *, push_id: str, now_ms: int) -> Row:
    """Build a push."""
    return {"id": push_id, "topic": topic, "creationTime": now_ms, "data": rows}


def of_category(rows: list[Row], category: str) -> list[Row]:
    """Give the rows of a category, all for an empty one."""
    return [row for row in rows if not category or row["category"] == category]


def _orders(engine: Engine, orders: Iterable[Order]) -> list[Row]:
    rows = []
    for order in orders:
        instrument = engine.market(order.symbol).instrument
        rows.append({"category": instrument.category, **order_row(order, instrument=instrument)})
    return rows


def _executions(engine: Engine, executions: Iterable[Execution]) -> list[Row]:
    return [execution_row(each, instrument=engine.market(each.symbol).instrument) for each in executions]


def _positions(engine: Engine, account: Account, positions: Iterable[Position]) -> list[Row]:
    rows = []
    for position in positions:
        market = engine.market(position.symbol)
        money_in = funds(account, market.instrument.settle, markets=engine.markets)
        row = position_row(position, account=account, market=market, money_in=money_in)
        row["entryPrice"] = row.pop("avgPrice")
        rows.append(row)
    return rows


def _wallet(engine: Engine, account: Account) -> list[Row]:
    call = Call(engine=engine, params={"accountType": "UNIFIED"}, now_ms=engine.now_ms, account=account)
    rows: list[Row] = wallet_balance(call)["list"]
    return rows
