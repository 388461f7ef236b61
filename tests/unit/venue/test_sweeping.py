"""Cancelling everything where orders that wait for a trigger are kept in a list of their own."""

from collections.abc import Sequence
from typing import Any

from ccxt.base import errors as ccxt_errors

from risksvc.venue.commands import Canceller, CommandOutcome
from risksvc.venue.sweeping import Sweeper
from tests.unit.venue.builders import BTC, ETH, connection, settings

Told = dict[str, Any]


class Apart:
    """A venue with two lists. `deaf`: its call for all orders does nothing."""

    def __init__(self, *waiting: Told, deaf: bool = False) -> None:
        self.has = {"cancelAllOrders": True}
        self.waiting = list(waiting)
        self.deaf = deaf
        self.asked: list[tuple[str | None, Told]] = []

    async def fetch_open_orders(self, symbol: str | None, _since: None, _limit: None, params: Told) -> list[Told]:
        assert params == {"trigger": True}
        return [row for row in self.waiting if symbol in (None, row["symbol"])]

    async def cancel_all_orders(self, symbol: str | None, params: Told) -> None:
        self.asked.append((symbol, params))
        if params and not self.deaf:
            self.waiting = [row for row in self.waiting if row["symbol"] != symbol]

    async def cancel_order(self, order_id: str, symbol: str, params: Told) -> None:
        if not params:
            raise ccxt_errors.OrderNotFound(order_id)
        self.waiting = [row for row in self.waiting if (row["id"], row["symbol"]) != (order_id, symbol)]


def stop(symbol: str = BTC) -> Told:
    return {"symbol": symbol, "id": f"stop-{symbol}", "triggerPrice": "40000"}


async def sweep(exchange: Apart, instruments: Sequence[str] = (), **changes: Any) -> CommandOutcome:  # noqa: ANN401
    config = settings(allow_orders=True, instruments=(BTC, ETH))
    made = connection({}, command=exchange, config=config, triggers_apart=True, **changes)
    return await Sweeper(made, Canceller(made)).sweep(instruments)


async def test_orders_that_wait_are_cancelled_by_a_call_of_their_own() -> None:
    exchange = Apart(stop(), stop(ETH))
    assert (await sweep(exchange)).ok
    assert exchange.asked == [(None, {}), (BTC, {"trigger": True}), (ETH, {"trigger": True})]
    assert exchange.waiting == []


async def test_where_that_call_does_nothing_they_go_one_by_one() -> None:
    exchange = Apart(stop(), stop(ETH), deaf=True)
    assert (await sweep(exchange, [BTC])).ok
    assert [row["symbol"] for row in exchange.waiting] == [ETH]


async def test_a_list_that_cannot_be_read_is_not_called_empty() -> None:
    exchange = Apart()

    async def fails(*_: object) -> list[Told]:
        raise ccxt_errors.NotSupported("no trigger orders here")

    exchange.fetch_open_orders = fails  # type: ignore[method-assign,assignment]
    outcome = await sweep(exchange)
    assert (outcome.ok, outcome.unknown) == (False, True)
