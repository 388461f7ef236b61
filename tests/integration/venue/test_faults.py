"""A venue that misbehaves: whatever it does, no snapshot is wrong, and what fails is told.

nautilus_trader#4617, Lean.Brokerages.Alpaca#66, ccxt#15606, ccxt#19666: a failed query that was read as flat.
"""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.venue.rig import BTC, GateSide, Message, Rig, holding, position

POSITIONS, ORDERS, FILLS = "/v5/position/list", "/v5/order/realtime", "/v5/execution/list"

# Each is a good-looking answer, or none at all, in place of the truth.
FAULTS: list[tuple[str, str, dict[str, Any]]] = [
    ("null_body", POSITIONS, {}),
    ("null_body", ORDERS, {}),
    ("null_body", FILLS, {}),
    ("null_result", POSITIONS, {}),
    ("null_result", ORDERS, {}),
    ("null_result", FILLS, {}),
    ("empty_body", POSITIONS, {}),
    ("non_json", ORDERS, {}),
    ("truncated_body", POSITIONS, {"percent": 50}),
    ("truncated_body", FILLS, {"percent": 90}),
    ("http_error", POSITIONS, {"status": 500}),
    ("http_error", ORDERS, {"status": 403, "body": "{}"}),
    ("http_error", FILLS, {"status": 429}),
    ("http_error", POSITIONS, {"status": 299, "body": "{}"}),
    ("http_error", POSITIONS, {"status": 418}),
    ("ret_code", POSITIONS, {"code": 10016}),
    ("ret_code", ORDERS, {"code": 10006}),
    ("ret_code", FILLS, {"code": 10000}),
    ("drop_before", POSITIONS, {}),
    ("drop_after", ORDERS, {}),
    ("hang", POSITIONS, {}),
    ("delay_reply", ORDERS, {"ms": 2_000}),
    ("duplicate_rows", POSITIONS, {}),
]


async def held_and_working(rig: Rig) -> GateSide:
    """An account with a position and an order, told to the gate."""
    gate = await rig.start()
    await rig.order("held", "buy", "0.3")
    await rig.order("working", "buy", "0.1", "40000")
    await gate.until("snapshot", is_the_truth)
    return gate


def is_the_truth(snapshot: Message) -> bool:
    return position(snapshot) == Decimal("0.3") and [each.client_order_id for each in snapshot.open_orders] == [
        "working"
    ]


async def test_a_failed_query_is_never_read_as_flat(rig: Rig, subtests: pytest.Subtests) -> None:
    gate = await held_and_working(rig)
    for fault, path, values in FAULTS:
        with subtests.test(f"{fault} {path} {values}"):
            after = gate.mark()
            rig.fault(fault, path, **values)
            failure = await gate.until("read_failure", after=after)
            assert failure.error
            await asyncio.sleep(0.2)
            assert [each for each in gate.all("snapshot", after=after) if not is_the_truth(each)] == []
            rig.heal()
            await gate.until("snapshot", is_the_truth, after=gate.mark())


async def test_an_outage_is_told_again_and_again_but_not_without_pauses(rig: Rig) -> None:
    gate = await held_and_working(rig)
    rig.fault("http_error", "/v5/*", status=503)
    after = gate.mark()
    await asyncio.sleep(2)
    failures = [each for each in gate.all("read_failure", after=after) if each.what != "marks"]
    assert 2 <= len(failures) <= 8


async def test_pages_of_one_row_are_read_to_the_end(rig: Rig) -> None:
    gate = await rig.start()
    rig.fault("page_size", rows=1)
    for number, symbol in enumerate(("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")):
        await rig.event("fill", account="main", symbol=symbol, side="Buy", qty=str(number + 1))
    for number in range(5):
        await rig.order(f"rest-{number}", "buy", "0.01", str(40_000 - number))
    whole = await gate.until("snapshot", lambda each: len(each.positions) == 4 and len(each.open_orders) == 5)
    told = gate.fills(before=gate.index("snapshot", whole)).values()
    assert sorted(Decimal(fill.quantity) for fill in told) == [1, 2, 3, 4]
    later = gate.mark()
    await gate.read_now()
    assert {len(each.open_orders) for each in gate.all("snapshot", after=later)} == {5}


async def test_a_cursor_on_the_last_page_is_followed_to_an_empty_page(rig: Rig) -> None:
    gate = await held_and_working(rig)
    rig.fault("always_cursor")
    await gate.until("snapshot", is_the_truth, after=gate.mark())


async def test_duplicated_fills_and_orders_count_once(rig: Rig) -> None:
    """ccxt#18854: duplicate fills after a reconnect."""
    gate = await rig.start()
    rig.fault("duplicate_rows", FILLS)
    rig.fault("duplicate_rows", ORDERS)
    await rig.order("working", "buy", "0.1", "40000")
    await rig.order("held", "buy", "0.3")
    await gate.until("snapshot", is_the_truth)
    told = [fill.trade_id for message in gate.all("fills") for fill in message.fills]
    assert len(told) == len(set(told)) > 0


async def test_frozen_answers_are_not_answers(rig: Rig) -> None:
    gate = await held_and_working(rig)
    rig.fault("frozen")
    await asyncio.sleep(1.5)  # the first answers were true, only what follows is old
    await rig.order("more", "buy", "0.2")
    await asyncio.sleep(0.3)
    after = gate.mark()
    failure = await gate.until("read_failure", lambda each: each.what != "marks", after=after)
    assert "older" in failure.error
    assert gate.all("snapshot", after=after) == []
    rig.heal()
    await gate.until("snapshot", holding("0.5"), after=after)


async def test_a_clock_that_jumps_is_measured_again(rig: Rig) -> None:
    gate = await held_and_working(rig)
    after = gate.mark()
    rig.fault("clock_skew", ms=60_000)
    await gate.until("read_failure", after=after)
    await gate.until("snapshot", is_the_truth, after=gate.mark())


async def test_fills_are_told_even_when_the_rest_of_the_read_fails(rig: Rig) -> None:
    gate = await held_and_working(rig)
    rig.fault("null_body", POSITIONS)
    await gate.until("read_failure")
    after = gate.mark()
    await rig.order("blind", "buy", "0.1")
    await gate.until("fills", lambda each: any(fill.client_order_id == "blind" for fill in each.fills), after=after)
    assert gate.all("snapshot", after=after) == []


async def test_a_failed_read_now_says_so(rig: Rig) -> None:
    gate = await held_and_working(rig)
    rig.fault("http_error", POSITIONS, status=500)
    after = gate.mark()
    result = await gate.read_now()
    assert not result.ok
    assert "positions" in result.error
    assert gate.all("read_failure", after=after)


async def test_failed_marks_do_not_hinder_snapshots(rig: Rig) -> None:
    gate = await held_and_working(rig)
    rig.fault("null_body", "/v5/market/tickers")
    after = gate.mark()
    failure = await gate.until("read_failure", after=after)
    assert failure.what == "marks"
    await gate.until("snapshot", is_the_truth, after=gate.mark())
    assert BTC not in [mark.instrument for each in gate.all("marks", after=gate.mark()) for mark in each.marks]
