"""What a private stream's events are good for: fills once each, proof that an order is finished, and never more."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from risksvc.core.types import ONE, Instrument, InstrumentKind
from risksvc.venue.fills import FillCursor, OrderIds, Reach
from risksvc.venue.gate_link import GateClock
from risksvc.venue.live_fills import LiveFills
from risksvc.venue.live_orders import LiveOrders
from risksvc.venue.lookup import OrderLookUp
from risksvc.venue.quirks import Quirks, quirks_of
from risksvc.venue.reader import AccountReader
from risksvc.venue.rows import FillRow, OrderRow, OrderStatus, Row
from tests.unit.venue.builders import BTC, BYBIT, connection, fill_row, listing_of, order_row

NOW = 1_700_000_000_000
OVERLAPS = {Reach.SHORT: 2_000, Reach.USUAL: 10_000, Reach.DEEP: 120_000}


class Live:
    """The live parts of a session, with what they pass on in `log`, in order."""

    def __init__(
        self,
        script: dict[str, list[object]] | None = None,
        *,
        since_ms: int = NOW,
        alike: bool = True,
        wait_ms: int = 0,
        quirks: Quirks = BYBIT,
        **more: object,
    ) -> None:
        self.log: list[str] = []
        self.told: list[OrderRow] = []
        self.stamps: list[int] = []
        self.connection = connection(script, quirks=quirks, **more)
        self.ids = OrderIds()
        self.cursor = FillCursor(since_ms=since_ms, now_ms=NOW, overlaps=OVERLAPS, orders=self.ids)
        self.reader = AccountReader(self.connection, cursor=self.cursor, orders=self.ids, pass_on=self._read)
        self.fills = LiveFills(
            reader=self.reader, cursor=self.cursor, pass_on=self._live, known_alike=alike, wait_ms=wait_ms
        )
        look_up = OrderLookUp(self.connection, reader=self.reader, orders=self.ids)
        self.clock = GateClock()
        self.orders = LiveOrders(self.connection, orders=self.ids, look_up=look_up, clock=self.clock, tell=self._tell)
        self._changed = asyncio.Event()

    def _live(self, fills: Sequence[FillRow]) -> None:
        self.log += [f"live {each.trade_id} {each.client_order_id or '?'}" for each in fills]

    def _read(self, fills: Sequence[FillRow]) -> None:
        self.fills.read(fills)
        self.log += [f"read {each.trade_id}" for each in fills]

    def _tell(self, orders: Sequence[OrderRow], as_of_ns: int) -> None:
        self.told += orders
        self.stamps.append(as_of_ns)
        self.log += [f"{each.status.value} {each.client_order_id} {each.filled}" for each in orders]
        self._changed.set()

    def hear(self, *, trades: list[Row] = [], orders: list[Row] = []) -> None:  # noqa: B006 - never changed
        """As the stream does with one message."""
        self.fills.hear(trades)
        self.orders.hear(orders)
        self.fills.resolve_known()
        self.orders.settle()

    async def until_told(self) -> None:
        """Run the look-ups until something is told."""
        running = asyncio.create_task(self.orders.run())
        async with asyncio.timeout(20):
            await self._changed.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def at(number: int, **changes: object) -> Row:
    return fill_row(**{"id": f"t-{number}", "timestamp": NOW + number, **changes})


# -- fills ---------------------------------------------------------------------------------------------------------


async def test_a_fill_is_passed_on_once_whoever_tells_it_first() -> None:
    live = Live({"fills": [[at(1), at(2)], [at(1), at(2), at(3)]]})
    live.hear(trades=[at(1)])
    await live.reader.read_fills(live.connection.poll_listing, Reach.USUAL)
    live.hear(trades=[at(2), at(3)])
    await live.reader.read_fills(live.connection.poll_listing, Reach.USUAL)
    assert live.log == ["live t-1 c-1", "read t-2", "live t-3 c-1"]


async def test_nothing_that_a_stream_tells_moves_the_point_up_to_which_fills_have_been_read() -> None:
    live = Live()
    before = live.cursor.start_ms()
    live.hear(trades=[at(600_000)])
    assert live.cursor.start_ms() == before


async def test_from_now_on_a_live_fill_waits_for_the_first_read_and_obeys_it() -> None:
    live = Live(since_ms=0)
    live.hear(trades=[at(1), at(5), at(9)])
    assert live.log == []
    fills = list(live.reader.fills_of([at(1)]))
    told = live.cursor.absorb(fills, NOW + 5)
    assert [each.trade_id for each in told] == ["t-5", "t-9"], "listed, so of the first snapshot; the others are after"
    live.hear(trades=[at(10)])
    assert live.log == ["live t-10 c-1"]


async def test_what_happened_before_the_first_read_stays_the_first_snapshots() -> None:
    live = Live(since_ms=0)
    live.hear(trades=[at(3)])
    assert live.cursor.absorb([], NOW + 5) == []
    live.hear(trades=[at(4)])
    assert live.log == []


async def test_a_fill_without_a_client_id_is_passed_on_again_when_its_order_is_known() -> None:
    live = Live()
    live.hear(trades=[at(1, info={"execType": "Trade"})])
    live.hear(orders=[order_row()])
    assert live.log == ["live t-1 ?", "live t-1 c-1"]


async def test_funding_is_no_fill() -> None:
    live = Live()
    live.hear(trades=[at(1, info={"execType": "Funding"})])
    assert live.log == []


async def test_a_stream_whose_rows_are_not_known_to_be_the_reads_own_only_triggers_until_a_read_shows_it() -> None:
    live = Live({"fills": [[at(1)], [at(1), at(2)]]}, alike=False)
    live.hear(trades=[at(1)])
    assert live.log == []
    await live.reader.read_fills(live.connection.poll_listing, Reach.USUAL)
    live.hear(trades=[at(2)])
    await live.reader.read_fills(live.connection.poll_listing, Reach.USUAL)
    assert live.log == ["read t-1", "live t-2 c-1"]


@pytest.mark.parametrize("change", [{"amount": "2"}, {"price": "1"}, {"order": "v-9"}, {"side": "sell"}], ids=str)
async def test_a_stream_that_tells_a_fill_otherwise_than_a_read_is_never_believed(change: dict[str, object]) -> None:
    live = Live({"fills": [[at(1), at(2)]]}, alike=False)
    live.hear(trades=[at(1, **change), at(2)])
    await live.reader.read_fills(live.connection.poll_listing, Reach.USUAL)
    live.hear(trades=[at(3)])
    assert live.log == ["read t-1", "read t-2"]


async def test_a_fill_read_again_is_no_proof_of_itself() -> None:
    live = Live({"fills": [[at(1)]]}, alike=False)
    await live.reader.read_fills(live.connection.poll_listing, Reach.USUAL)
    live.fills.read(live.reader.fills_of([at(1)]))
    live.hear(trades=[at(2)])
    assert live.log == ["read t-1"]


async def test_a_fill_that_was_read_and_not_told_is_overdue() -> None:
    live = Live({"fills": [[at(1), at(2_000)]]})
    live.fills.up(NOW)
    await live.reader.read_fills(live.connection.poll_listing, Reach.USUAL)
    missed = live.fills.overdue()
    assert missed is not None
    assert missed.trade_id == "t-2000", "the first was while the stream came up"
    live.hear(trades=[at(2_000)])
    assert live.fills.overdue() is None


@pytest.mark.parametrize("kind", ["BustTrade", "AdlTrade"])
async def test_only_trades_are_expected_of_every_stream(kind: str) -> None:
    live = Live({"fills": [[at(2_000, info={"execType": kind})]]})
    live.fills.up(NOW)
    await live.reader.read_fills(live.connection.poll_listing, Reach.USUAL)
    assert live.fills.overdue() is None


async def test_nothing_is_overdue_before_its_time_nor_of_a_stream_that_is_down() -> None:
    live = Live({"fills": [[at(2_000)], [at(3_000)]]}, wait_ms=60_000)
    live.fills.up(NOW)
    await live.reader.read_fills(live.connection.poll_listing, Reach.USUAL)
    assert live.fills.overdue() is None
    late = Live({"fills": [[at(2_000)]]})
    late.fills.up(NOW)
    late.fills.down()
    await late.reader.read_fills(late.connection.poll_listing, Reach.USUAL)
    assert late.fills.overdue() is None


async def test_what_a_spot_trade_moves_is_noted_once_whoever_tells_it() -> None:
    """Balances that lack an asset are refused unless a trade is known to have taken it away."""
    pair = Instrument(symbol="BTC/USDT", kind=InstrumentKind.SPOT, base="BTC", quote="USDT", contract_size=ONE)
    live = Live(quirks=quirks_of("bybit", spot=True), instruments={"BTC/USDT": pair})
    unnamed = {"symbol": "BTC/USDT", "info": {"execType": "Trade"}}
    live.hear(trades=[at(1, **unnamed)])
    live.hear(orders=[order_row(symbol="BTC/USDT")])
    assert [each for each in live.log if "t-1 " in each] == ["live t-1 ?", "live t-1 c-1"]
    assert live.reader._holdings.names() == ["BTC"]
    live.hear(trades=[at(2, side="sell", **unnamed)])
    assert live.reader._holdings.names() == [], "bought one, sold one"


# -- orders --------------------------------------------------------------------------------------------------------


async def test_a_finished_order_is_told_at_once_when_its_fills_add_up() -> None:
    live = Live()
    live.clock.beat(7)
    await live.orders.opening()
    live.clock.beat(9)
    live.hear(trades=[at(1), at(2)])
    live.hear(orders=[order_row(status="closed", filled="2")])
    assert live.log == ["live t-1 c-1", "live t-2 c-1", "FILLED c-1 2"]
    assert live.stamps == [7], "what a stream tells is not older than its connection: no more can be said"
    assert listing_of(live.connection).calls == []


async def test_a_cancel_with_nothing_filled_is_told_at_once() -> None:
    live = Live()
    live.hear(orders=[order_row(status="canceled", filled="0")])
    assert live.log == ["CANCELLED c-1 0"]


async def test_where_the_venues_count_is_not_known_to_be_right_even_that_is_looked_up_first() -> None:
    """ccxt#28210: the fill comes after the event that says that there was none."""
    finished = order_row(status="canceled", filled="0")
    live = Live({"fills": [[at(1)]], "order": [[finished]]}, quirks=Quirks())
    live.clock.beat(9)
    live.hear(orders=[finished])
    assert live.told == []
    await live.until_told()
    assert live.told[0].filled == Decimal(1)


async def test_an_order_that_finished_before_its_fills_came_waits_for_them() -> None:
    live = Live()
    live.hear(orders=[order_row(status="closed", filled="2")])
    live.hear(trades=[at(1)])
    assert live.told == []
    live.hear(trades=[at(2)])
    assert live.log == ["live t-1 c-1", "live t-2 c-1", "FILLED c-1 2"]


async def test_fills_that_do_not_come_are_read_before_the_order_is_told() -> None:
    finished = order_row(status="canceled", filled="1")
    live = Live({"fills": [[at(1)]], "order": [[finished]]})
    live.clock.beat(9)
    live.hear(orders=[finished])
    await live.until_told()
    assert live.log == ["read t-1", "CANCELLED c-1 1"]
    assert live.stamps == [9]


async def test_fills_that_say_more_than_the_order_are_believed() -> None:
    """ccxt#28210: "canceled, filled 0" of an order that was executed."""
    live = Live({"fills": [[at(1)]], "order": [[order_row(status="canceled", filled="0")]]})
    live.clock.beat(9)
    live.hear(trades=[at(1)])
    live.hear(orders=[order_row(status="canceled", filled="0")])
    await live.until_told()
    assert live.told[0].filled == Decimal(1)


@pytest.mark.parametrize(
    "row",
    [
        order_row(),
        order_row(status="canceling"),
        order_row(status="canceled", filled=None, remaining=None),
        order_row(status="odd"),
        order_row(status="canceled", symbol="BTC/USDT"),
        order_row(status="canceled", amount="0"),
    ],
    ids=lambda row: f"{row['status']} {row['symbol']} {row['filled']}",
)
async def test_what_works_or_can_not_be_read_is_not_told(row: Row) -> None:
    live = Live()
    live.hear(orders=[row])
    assert live.log == []


async def test_an_order_event_teaches_which_order_it_is() -> None:
    live = Live()
    live.hear(orders=[order_row(id="v-7", clientOrderId="mine")])
    (fill,) = live.reader.fills_of([at(1, order="v-7", info={"execType": "Trade"})])
    assert live.ids.client_id(fill) == "mine"


async def test_memory_of_orders_that_wait_is_bounded() -> None:
    live = Live()
    live.hear(orders=[order_row(id=f"v-{number}", status="closed", filled="2") for number in range(1_500)])
    assert len(live.orders._finished) == 1_000


async def test_counted_is_what_this_session_has_seen() -> None:
    live = Live()
    live.hear(trades=[at(1)])
    shown = OrderRow(symbol=BTC, client_order_id="c-1", venue_order_id="v-1", status=OrderStatus.OPEN)
    assert live.ids.counted(shown) == Decimal(1)
    assert live.ids.counted(replace(shown, venue_order_id="v-2")) == Decimal(0)
