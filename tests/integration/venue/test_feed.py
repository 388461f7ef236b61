"""What the gate hears from a venue process that reads a healthy venue: order, stamps, contents."""

import asyncio
import time
from decimal import Decimal

import grpc

from risksvc.v1 import types_pb2, venue_pb2
from tests.integration.venue.rig import BTC, GateSide, Message, Rig, holding, position


async def test_the_hello_says_what_may_be_traded_and_what_the_venue_can_carry(rig: Rig) -> None:
    gate = await rig.start()
    (hello,) = gate.hellos
    assert (hello.account, hello.venue) == ("main", "bybit")
    assert (hello.client_order_id_max_length, hello.client_order_id_characters) == (36, "A-Za-z0-9_-")
    assert hello.enforces_reduce_only
    assert not hello.can_cancel
    assert "ccxt " in hello.software
    btc = next(each for each in hello.instruments if each.instrument == BTC)
    assert btc.kind == venue_pb2.INSTRUMENT_KIND_LINEAR
    assert (btc.base, btc.quote, btc.contract_size, btc.quantity_step) == ("BTC", "USDT", "1", "0.001")
    assert Decimal(btc.price_step) > 0


async def test_an_empty_account_gives_a_complete_stamped_empty_snapshot(rig: Rig) -> None:
    gate = await rig.start()
    snapshot = await gate.until("snapshot")
    assert not snapshot.positions
    assert not snapshot.open_orders
    assert snapshot.as_of_gate_time_ns in gate.beats
    assert snapshot.window_start_ms <= snapshot.window_end_ms
    assert abs(snapshot.window_end_ms - time.time_ns() // 1_000_000) < 60_000


async def test_a_read_is_stamped_with_a_heartbeat_from_before_it_began(rig: Rig) -> None:
    gate = await rig.start()
    rig.fault("delay", "/v5/position/list", ms=300)
    after = gate.mark()
    slow = await gate.until("snapshot", lambda each: each.read_duration_ms >= 300, after=after)
    beats_since = [beat for beat in gate.beats if beat > slow.as_of_gate_time_ns]
    assert len(beats_since) >= 3, "the heartbeats that came while it was read must not make it look younger"


async def test_fills_come_before_the_snapshot_that_includes_them(rig: Rig) -> None:
    gate = await rig.start()
    await rig.order("buy-1", "buy", "0.3")
    snapshot = await gate.until("snapshot", holding("0.3"))
    told = gate.fills(before=gate.index("snapshot", snapshot))
    assert sum(Decimal(fill.quantity) for fill in told.values()) == Decimal("0.3")
    for fill in told.values():
        assert (fill.client_order_id, fill.side, fill.kind) == ("buy-1", types_pb2.SIDE_BUY, venue_pb2.FILL_KIND_TRADE)
        assert fill.venue_order_id
        assert not fill.order_unresolved
        assert fill.fee_currency == "USDT"
        assert Decimal(fill.fee) > 0


async def trade_for(rig: Rig, seconds: float) -> None:
    """A strategy that trades in and out without a pause."""
    until = asyncio.get_running_loop().time() + seconds
    number = 0
    while asyncio.get_running_loop().time() < until:
        number += 1
        await rig.order(f"t-{number}", "buy" if number % 3 else "sell", "0.01" if number % 3 else "0.02")


def explained(gate: GateSide, snapshot: Message, *, lag_ms: int) -> bool:
    """The window method: the position equals the ledger at some moment of the window."""
    told = gate.fills(before=gate.index("snapshot", snapshot)).values()
    ledger = sorted(told, key=lambda fill: (fill.venue_time_ms, int(fill.trade_id.partition("-")[0] or "0", 36)))
    sums: dict[int, Decimal] = {}
    total = Decimal(0)
    prefixes = [(0, total)]
    for fill in ledger:
        total += Decimal(fill.quantity) * (1 if fill.side == types_pb2.SIDE_BUY else -1)
        prefixes.append((fill.venue_time_ms, total))
        sums[fill.venue_time_ms] = total
    start = snapshot.window_start_ms - lag_ms
    before = [value for at, value in prefixes if at <= start][-1:]
    within = [value for at, value in prefixes if start < at <= snapshot.window_end_ms]
    return position(snapshot) in {*before, *within}


async def test_while_a_strategy_trades_every_snapshot_is_explained_by_the_fills_in_its_window(rig: Rig) -> None:
    gate = await rig.start()
    after = gate.mark()
    await trade_for(rig, 3)
    await gate.read_now()
    snapshots = gate.all("snapshot", after=after)
    assert len(snapshots) >= 5
    assert len(gate.fills()) >= 30
    assert [each for each in snapshots if not explained(gate, each, lag_ms=1)] == []


async def test_with_lagging_positions_the_window_widened_by_the_lag_still_explains_them(rig: Rig) -> None:
    gate = await rig.start()
    rig.fault("position_lag", ms=200)
    after = gate.mark()
    await trade_for(rig, 3)
    snapshots = gate.all("snapshot", after=after)
    assert len(snapshots) >= 5
    assert [each for each in snapshots if not explained(gate, each, lag_ms=300)] == []


async def test_every_fill_is_told_once_each(rig: Rig) -> None:
    gate = await rig.start()
    await trade_for(rig, 1)
    await gate.read_now()
    told = [fill.trade_id for message in gate.all("fills") for fill in message.fills]
    assert len(told) == len(set(told)) > 0


async def test_fills_that_the_venue_lists_late_are_told_when_they_appear(rig: Rig) -> None:
    gate = await rig.start()
    rig.fault("execution_lag", ms=1_500)
    await rig.order("late-1", "buy", "0.1")
    await gate.until("snapshot", holding("0.1"))
    await gate.until("fills", lambda each: any(fill.client_order_id == "late-1" for fill in each.fills))


async def test_working_orders_are_shown_whole(rig: Rig) -> None:
    gate = await rig.start()
    await rig.order("rest-1", "buy", "0.4", "40000")
    await rig.trader.create_order(BTC, "limit", "sell", "0.2", "60000", {"clientOrderId": "rest-2"})
    snapshot = await gate.until("snapshot", lambda each: len(each.open_orders) == 2)
    orders = {order.client_order_id: order for order in snapshot.open_orders}
    first = orders["rest-1"]
    assert (first.instrument, first.side, first.status) == (BTC, types_pb2.SIDE_BUY, venue_pb2.VENUE_ORDER_STATUS_OPEN)
    assert (first.quantity, first.filled, first.limit_price, first.trigger_price) == ("0.4", "0", "40000", "")
    assert first.venue_order_id
    assert first.created_ms > 0
    assert not first.reduce_only
    assert orders["rest-2"].side == types_pb2.SIDE_SELL


async def test_a_position_carries_its_figures(rig: Rig) -> None:
    gate = await rig.start()
    await rig.order("short-1", "sell", "0.5")
    snapshot = await gate.until("snapshot", holding("-0.5"))
    (held,) = snapshot.positions
    assert abs(Decimal(held.entry_price) - 50_000) < 1_000
    assert held.unrealised_pnl


async def test_without_a_start_time_nothing_older_than_the_first_snapshot_is_told(rig: Rig) -> None:
    await rig.order("old-1", "buy", "0.1")
    gate = await rig.start()
    assert await gate.until("snapshot", holding("0.1"))
    await rig.order("new-1", "buy", "0.1")
    await gate.until("snapshot", holding("0.2"))
    await gate.read_now()  # which looks further back
    assert {fill.client_order_id for fill in gate.fills().values()} == {"new-1"}


async def test_with_a_start_time_every_fill_since_is_told(rig: Rig) -> None:
    rig.gate.fills_since_ms = time.time_ns() // 1_000_000 - 1_000
    await rig.order("old-1", "buy", "0.1")
    gate = await rig.start()
    snapshot = await gate.until("snapshot", holding("0.1"))
    told = gate.fills(before=gate.index("snapshot", snapshot)).values()
    assert {fill.client_order_id for fill in told} == {"old-1"}


async def test_a_liquidation_is_seen_within_one_read_as_what_it_is(rig: Rig) -> None:
    """Lean.Brokerages.InteractiveBrokers#156: a broker's liquidation stayed unseen for hours."""
    gate = await rig.start()
    await rig.order("buy-1", "buy", "0.2")
    await gate.until("snapshot", holding("0.2"))
    await rig.event("liquidation", account="main", symbol="BTCUSDT")
    flat = await gate.until("snapshot", holding("0"), after=gate.mark())
    told = gate.fills(before=gate.index("snapshot", flat)).values()
    forced = [fill for fill in told if fill.kind == venue_pb2.FILL_KIND_LIQUIDATION]
    assert sum(Decimal(fill.quantity) for fill in forced) == Decimal("0.2")


async def test_a_fill_that_no_strategy_asked_for_is_told_without_a_client_id(rig: Rig) -> None:
    gate = await rig.start()
    await rig.event("fill", account="main", symbol="BTCUSDT", side="Buy", qty="0.7")
    await gate.until("snapshot", holding("0.7"))
    (fill,) = gate.fills().values()
    assert (fill.client_order_id, fill.order_unresolved, fill.quantity) == ("", False, "0.7")


async def test_marks_come_for_limited_and_for_held_instruments(rig: Rig) -> None:
    gate = await rig.start()
    marks = await gate.until("marks")
    assert [each.instrument for each in marks.marks] == [BTC]
    assert Decimal(marks.marks[0].bid) <= Decimal(marks.marks[0].mark) <= Decimal(marks.marks[0].ask)
    assert marks.as_of_gate_time_ns in gate.beats
    await rig.event("fill", account="main", symbol="ETHUSDT", side="Sell", qty="1")
    await gate.until("marks", lambda each: {"ETH/USDT:USDT", BTC} == {mark.instrument for mark in each.marks})


async def test_many_marks_are_read_at_once(rig: Rig) -> None:
    names = ("ADA", "BTC", "ETH", "SOL", "XRP")
    rig.gate.mark_instruments = [f"{base}/USDT:USDT" for base in names]
    gate = await rig.start()
    marks = await gate.until("marks")
    assert sorted(each.instrument for each in marks.marks) == sorted(rig.gate.mark_instruments)


async def test_read_now_is_answered_after_a_read_that_began_after_it(rig: Rig) -> None:
    gate = await rig.start(positions_every_ms=60_000)
    await rig.order("buy-1", "buy", "0.1")
    after, before_ns = gate.mark(), time.time_ns()
    result = await gate.read_now()
    assert (result.ok, result.error, result.unknown) == (True, "", False)
    (snapshot,) = gate.all("snapshot", after=after)
    assert position(snapshot) == Decimal("0.1")
    assert snapshot.as_of_gate_time_ns >= before_ns - 200_000_000
    assert gate.index("snapshot", snapshot) < gate.index("command_result", result)


async def test_it_says_hello_again_after_the_gate_was_restarted(rig: Rig) -> None:
    gate = await rig.start()
    await rig.stop_gate()
    await rig.order("while-away", "buy", "0.1")
    gate.fills_since_ms = gate.all("snapshot")[-1].window_end_ms
    await rig.serve_gate()
    snapshot = await gate.until("snapshot", holding("0.1"), after=gate.mark())
    assert len(gate.hellos) == 2
    told = gate.fills(before=gate.index("snapshot", snapshot)).values()
    assert [fill.client_order_id for fill in told] == ["while-away"]


async def test_a_gate_that_falls_silent_is_left_and_called_again(rig: Rig) -> None:
    gate = await rig.start()
    gate.beating = False
    await asyncio.sleep(1.5)
    gate.beating = True
    after = gate.mark()
    await gate.until("snapshot", after=after)
    assert len(gate.hellos) >= 2


async def test_a_refused_feed_keeps_knocking(rig: Rig) -> None:
    """One feed per account: the second one waits for its turn."""
    rig.gate.refuse = (grpc.StatusCode.ALREADY_EXISTS, "account main is fed already")
    starting = asyncio.create_task(rig.start())
    while rig.gate.attempts < 3:  # noqa: ASYNC110 - counted by the server side
        await asyncio.sleep(0.05)
    rig.gate.refuse = None
    await starting


async def test_a_new_listing_fails_the_read_until_the_markets_know_it(rig: Rig) -> None:
    """A row of an unknown instrument is neither dropped nor guessed at."""
    gate = await rig.start()
    await rig.event("listing", base="NEWCOIN", price="10", step="0.1", tick="0.01")
    after = gate.mark()
    await rig.event("fill", account="main", symbol="NEWCOINUSDT", side="Buy", qty="5")
    failure = await gate.until("read_failure", after=after)
    assert "NEWCOIN" in failure.error
    assert not failure.permanent
    snapshot = await gate.until("snapshot", lambda each: position(each, "NEWCOIN/USDT:USDT") == Decimal(5), after=after)
    assert snapshot
    assert any(each.instrument == "NEWCOIN/USDT:USDT" for each in gate.hellos[-1].instruments)
