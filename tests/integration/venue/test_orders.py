"""Look-ups and cancels, against the paper venue: what became of an order is told with its fills, or not at all."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from risksvc.v1 import venue_pb2
from tests.integration.venue.rig import BTC, GateSide, Message, Rig

TRADE_KEY: dict[str, Any] = {"api_key": "paper-trade", "api_secret": "paper-trade-secret", "allow_orders": True}
REALTIME, HISTORY, FILLS = "/v5/order/realtime", "/v5/order/history", "/v5/execution/list"

OPEN = venue_pb2.VENUE_ORDER_STATUS_OPEN
FILLED = venue_pb2.VENUE_ORDER_STATUS_FILLED
CANCELLED = venue_pb2.VENUE_ORDER_STATUS_CANCELLED
REJECTED = venue_pb2.VENUE_ORDER_STATUS_REJECTED
NOT_FOUND = venue_pb2.VENUE_ORDER_STATUS_NOT_FOUND


def states(gate: GateSide, *, after: int = 0) -> dict[str, Message]:
    return {order.client_order_id: order for each in gate.all("order_states", after=after) for order in each.orders}


async def test_each_order_is_told_as_what_became_of_it(rig: Rig) -> None:
    gate = await rig.start()
    await rig.order("open", "buy", "0.1", "40000")
    await rig.order("done", "buy", "0.2")
    resting = await rig.order("gone", "buy", "0.3", "41000")
    await rig.trader.cancel_order(resting["id"], BTC)
    rig.fault("reject_after_ack")
    await rig.order("refused", "buy", "0.4", "42000")
    rig.heal()
    result = await gate.look_up("open", "done", "gone", "refused", "never-sent")
    assert result.ok, result.error
    told = states(gate)
    assert {name: (each.status, each.filled) for name, each in told.items()} == {
        "open": (OPEN, "0"),
        "done": (FILLED, "0.2"),
        "gone": (CANCELLED, "0"),
        "refused": (REJECTED, "0"),
        "never-sent": (NOT_FOUND, ""),
    }
    assert told["done"].venue_order_id
    assert told["never-sent"].instrument == BTC
    assert not told["never-sent"].venue_order_id


@pytest.mark.parametrize("count", [1, 2, 5], ids=lambda count: f"{count} at once")
async def test_a_cancelled_order_carries_what_was_filled_before(rig: Rig, count: int) -> None:
    gate = await rig.start()
    await rig.event("order", account="main", symbol="BTCUSDT", side="Buy", orderType="Limit", qty="0.01", price="40000")
    names = [f"part-{number}" for number in range(count)]
    for name in names:  # more than the book has at that price: the rest stays, and is cancelled
        placed = await rig.trader.create_order(
            BTC, "limit", "buy", "9", "50010", {"clientOrderId": name, "timeInForce": "GTC"}
        )
        await rig.trader.cancel_order(placed["id"], BTC)
    result = await gate.look_up(*names)
    assert result.ok, result.error
    filled = {name: Decimal(0) for name in names}
    for fill in gate.fills().values():
        filled[fill.client_order_id] = filled.get(fill.client_order_id, Decimal(0)) + Decimal(fill.quantity)
    for name, order in states(gate).items():
        assert order.status == CANCELLED
        assert Decimal(order.filled) == filled[name] < Decimal(9)


async def test_the_fills_of_a_finished_order_are_told_before_it_is_called_finished(rig: Rig) -> None:
    gate = await rig.start(positions_every_ms=60_000)
    await rig.order("done", "buy", "0.2")
    await gate.look_up("done")
    (told,) = gate.all("order_states")
    before = gate.fills(before=gate.index("order_states", told)).values()
    assert sum(Decimal(fill.quantity) for fill in before if fill.client_order_id == "done") == Decimal("0.2")
    assert told.as_of_gate_time_ns in gate.beats


async def test_many_look_ups_at_once_cost_few_requests(rig: Rig) -> None:
    gate = await rig.start(positions_every_ms=60_000, marks_every_ms=60_000)
    names = [f"many-{number}" for number in range(40)]
    for name in names:
        placed = await rig.order(name, "buy", "0.001", "40000")
        await rig.trader.cancel_order(placed["id"], BTC)
    rig.fault("delay", "/v5/order/*", ms=0)
    rig.fault("delay", "/v5/execution/*", ms=0)
    results = await asyncio.gather(*(gate.look_up(name) for name in names))
    assert all(result.ok for result in results)
    assert {each.status for each in states(gate).values()} == {CANCELLED}
    assert len(states(gate)) == 40
    requests = sum(fault.hits for fault in rig.paper.gateway.faults)
    assert requests <= 20, "forty single look-ups would be forty at least"


async def test_not_found_is_said_only_when_every_place_was_read(rig: Rig, subtests: pytest.Subtests) -> None:
    gate = await rig.start(positions_every_ms=60_000)
    for fault, path in (
        ("null_body", REALTIME),
        ("null_body", HISTORY),
        ("null_result", FILLS),
        ("http_error", HISTORY),
    ):
        with subtests.test(f"{fault} {path}"):
            rig.fault(fault, path)
            after = gate.mark()
            result = await gate.look_up("never-sent")
            rig.heal()
            assert not result.ok
            assert gate.all("order_states", after=after) == []
            assert gate.all("read_failure", after=after) != []
    assert (await gate.look_up("never-sent")).ok
    assert states(gate)["never-sent"].status == NOT_FOUND


async def test_an_order_is_not_called_finished_while_its_fills_cannot_be_read(rig: Rig) -> None:
    """nautilus_trader and ccxt#28210: "canceled, filled 0" of an order that was executed."""
    gate = await rig.start(positions_every_ms=60_000)
    await rig.order("open", "buy", "0.1", "40000")
    await rig.order("done", "buy", "0.2")
    rig.fault("http_error", FILLS, status=500)
    result = await gate.look_up("open", "done")
    assert not result.ok
    assert {name: each.status for name, each in states(gate).items()} == {"open": OPEN}


async def test_a_wrong_instrument_is_no_answer(rig: Rig) -> None:
    gate = await rig.start()
    result = await gate.look_up("x", instrument="NO/USDT:USDT")
    assert not result.ok
    assert "NO/USDT:USDT" in result.error
    assert gate.all("order_states") == []


async def test_a_cancel_takes_the_orders_away_and_the_look_up_proves_it(rig: Rig) -> None:
    gate = await rig.start(**TRADE_KEY)
    assert gate.hellos[0].can_cancel
    for name in ("one", "two"):
        await rig.order(name, "buy", "0.1", "40000")
    result = await gate.cancel("one", "two")
    assert (result.ok, result.error, result.unknown) == (True, "", False)
    assert (await gate.look_up("one", "two")).ok
    assert {each.status for each in states(gate).values()} == {CANCELLED}


async def test_a_cancel_of_an_order_that_is_gone_is_done(rig: Rig) -> None:
    gate = await rig.start(**TRADE_KEY)
    assert (await gate.cancel("never-sent")).ok


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "--allow-orders"),
        ({"allow_orders": True}, "only read"),
        ({**TRADE_KEY, "allow_orders": False}, "--allow-orders"),
    ],
    ids=["read key", "read key with allow_orders", "trade key without allow_orders"],
)
async def test_without_permission_nothing_is_cancelled(rig: Rig, settings: dict[str, Any], why: str) -> None:
    gate = await rig.start(**settings)
    assert not gate.hellos[0].can_cancel
    await rig.order("stays", "buy", "0.1", "40000")
    result = await gate.cancel("stays")
    assert (result.ok, result.unknown) == (False, False)
    assert why in result.error
    assert len(await rig.trader.fetch_open_orders(BTC)) == 1


CANCEL_FAULTS: list[tuple[str, dict[str, Any], bool]] = [
    ("drop_after", {}, True),
    ("http_error_after", {"status": 502}, True),
    ("ret_code_after", {"code": 10000}, True),
    ("null_body", {}, True),
    ("delay_reply", {"ms": 3_000}, True),
    ("ret_code", {"code": 10005}, False),
    ("ret_code", {"code": 10006}, False),
]


async def test_a_cancel_without_a_clear_answer_is_unknown(rig: Rig, subtests: pytest.Subtests) -> None:
    """nautilus_trader and ccxt: what timed out may have been done, so the order stays counted."""
    gate = await rig.start(**TRADE_KEY)
    for number, (fault, values, unknown) in enumerate(CANCEL_FAULTS):
        with subtests.test(f"{fault} {values}"):
            await rig.order(f"maybe-{number}", "buy", "0.1", "40000")
            rig.fault(fault, "/v5/order/cancel", **values)
            result = await gate.cancel(f"maybe-{number}")
            rig.heal()
            assert (result.ok, result.unknown) == (False, unknown)
            assert f"maybe-{number}" in result.error
            assert "paper-trade-secret" not in result.error


async def test_a_refusal_for_the_clocks_sake_is_repaired_and_sent_again(rig: Rig) -> None:
    gate = await rig.start(**TRADE_KEY)
    await rig.order("once", "buy", "0.1", "40000")
    rig.fault("ret_code", "/v5/order/cancel", count=1, code=10002)
    assert (await gate.cancel("once")).ok
    assert await rig.trader.fetch_open_orders(BTC) == []
