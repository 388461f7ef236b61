"""Cancelling everything, and the dead man's switch, against the paper venue by unmodified ccxt."""

import asyncio
from typing import Any

import ccxt.async_support as ccxt
import pytest

from risksvc.v1 import venue_pb2
from tests.integration.venue.rig import BTC, GateSide, Message, Rig

TRADE_KEY: dict[str, Any] = {"api_key": "paper-trade", "api_secret": "paper-trade-secret", "allow_orders": True}
ETH = "ETH/USDT:USDT"
CANCEL_ALL, CANCEL, REALTIME = "/v5/order/cancel-all", "/v5/order/cancel", "/v5/order/realtime"


async def sweep(gate: GateSide, *instruments: str) -> Message:
    return await gate.command(cancel_everything=venue_pb2.CancelEverything(instruments=instruments))


async def rest(rig: Rig, instrument: str, price: str, **params: object) -> None:
    await rig.trader.create_order(instrument, "limit", "buy", "0.1", price, params)


async def standing(rig: Rig) -> list[str]:
    rows = [*await rig.trader.fetch_open_orders(BTC), *await rig.trader.fetch_open_orders(ETH)]
    return sorted(str(row["symbol"]) for row in rows)


async def test_everything_goes_known_to_the_gate_or_not(rig: Rig) -> None:
    gate = await rig.start(**TRADE_KEY)
    for price in ("40000", "41000"):
        await rest(rig, BTC, price)
    await rest(rig, ETH, "2000")
    assert (await sweep(gate)).ok
    assert await standing(rig) == []


async def test_trigger_orders_go_too(rig: Rig) -> None:
    gate = await rig.start(**TRADE_KEY)
    stops = {"takeProfit": {"triggerPrice": "60000"}, "stopLoss": {"triggerPrice": "40000"}}
    await rig.trader.create_order(BTC, "market", "buy", "0.1", None, stops)
    assert len(await standing(rig)) == 2
    assert (await sweep(gate)).ok
    assert await standing(rig) == []


async def test_of_one_instrument_the_others_stay(rig: Rig) -> None:
    gate = await rig.start(**TRADE_KEY)
    await rest(rig, BTC, "40000")
    await rest(rig, ETH, "2000")
    assert (await sweep(gate, BTC)).ok
    assert await standing(rig) == [ETH]
    assert not (await sweep(gate, "NO/USDT:USDT")).ok


async def test_where_the_venue_cancels_only_some_the_rest_goes_order_by_order(rig: Rig) -> None:
    gate = await rig.start(**TRADE_KEY)
    await rest(rig, BTC, "40000")
    await rest(rig, ETH, "2000")
    rig.fault("ret_code", CANCEL_ALL, code=10016)
    assert (await sweep(gate)).ok
    assert await standing(rig) == []


async def test_what_still_stands_is_named_and_not_called_done(rig: Rig) -> None:
    gate = await rig.start(**TRADE_KEY)
    await rest(rig, BTC, "40000", clientOrderId="stubborn")
    rig.fault("ret_code", CANCEL_ALL, code=10016)
    rig.fault("ret_code", CANCEL, code=10016)
    result = await sweep(gate)
    assert not result.ok
    assert "1 orders still stand" in result.error
    assert "stubborn" in result.error
    assert await standing(rig) == [BTC]


async def test_done_is_said_only_of_a_list_that_could_be_read(rig: Rig) -> None:
    gate = await rig.start(**TRADE_KEY, positions_every_ms=60_000)
    await rest(rig, BTC, "40000")
    rig.fault("http_error", REALTIME, status=500)
    result = await sweep(gate)
    assert (result.ok, result.unknown) == (False, True)
    assert "can't be read" in result.error


@pytest.mark.parametrize("settings", [{}, {**TRADE_KEY, "allow_orders": False}], ids=["read key", "not allowed"])
async def test_without_permission_nothing_goes(rig: Rig, settings: dict[str, Any]) -> None:
    gate = await rig.start(**settings)
    await rest(rig, BTC, "40000")
    assert not (await sweep(gate)).ok
    assert await standing(rig) == [BTC]


async def test_a_venue_without_the_call_is_cancelled_order_by_order(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    described = ccxt.bybit.describe

    def without(self: ccxt.bybit) -> dict[str, Any]:
        told: dict[str, Any] = described(self)
        told["has"]["cancelAllOrders"] = False
        return told

    monkeypatch.setattr(ccxt.bybit, "describe", without)
    gate = await rig.start(**TRADE_KEY)
    await rest(rig, BTC, "40000")
    rig.fault("http_error", CANCEL_ALL, status=500)  # it would be noticed
    assert (await sweep(gate)).ok
    assert await standing(rig) == []


# -- dead man -----------------------------------------------------------------------------------------------------


async def test_the_venue_cancels_when_the_process_is_gone(rig: Rig) -> None:
    gate = await rig.start(**TRADE_KEY, stream=True, dead_man_ms=3_000)
    await gate.until("stream_state", lambda told: told.connected)
    account = rig.paper.gateway.engine.accounts["main"]
    while not account.dead_man_ms:  # noqa: ASYNC110 - the venue's own state has no event
        await asyncio.sleep(0.01)
    await rest(rig, BTC, "40000")
    await asyncio.sleep(0.1)
    assert await standing(rig) == [BTC]
    await rig.stop_feed()
    assert account.silent_since_ms is not None
    account.silent_since_ms -= 3_000
    assert await standing(rig) == []


async def test_without_the_setting_the_venue_is_not_asked(rig: Rig) -> None:
    await rig.start(**TRADE_KEY)
    assert rig.paper.gateway.engine.accounts["main"].dead_man_ms == 0
