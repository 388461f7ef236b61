"""A look at accounts of every shape: inverse contracts, two legs, spot; and several at once, without a gate."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal

from risksvc.core.incident.assessed import AccountAssessed, Known, assess_account
from risksvc.core.types import ONE
from risksvc.gate.incident.convert_look import venue_look
from risksvc.venue import wire
from risksvc.venue.assessing import Assessor
from risksvc.venue.config import VenueConfig
from risksvc.venue.connection import VenueConnection
from risksvc.venue.direct import look_directly
from risksvc.venue.paper.server import PaperServer
from tests.integration.venue.shapes import BTC, BTC_SPOT, BTC_USD, COINS, Desk, spot_desk

D = Decimal
RATES = {"USDT": ONE, "USDC": ONE, "USD": ONE}


async def assessed(connection: VenueConnection, baseline: Mapping[str, Decimal] | None = None) -> AccountAssessed:
    """From the venue to the page's figures, over the wire."""
    told = wire.assessment("", await Assessor(connection).look()).assessment
    beside = Known("main", "USD", connection.instruments, None, RATES, baseline=baseline or {})
    return assess_account(venue_look(told), beside)


async def test_an_inverse_position_is_valued_in_dollars_and_left_through_its_book(paper: PaperServer) -> None:
    async with Desk(paper, "one-way", "bybit") as desk:
        await desk.order(BTC_USD, "buy", "30000")
        found = await assessed(desk.connection)
        assert found.complete, found.problems
        (one,) = found.instruments
        assert (one.symbol, one.quantity, one.value) == (BTC_USD, D(30_000), D(30_000))
        assert one.whole_exit_now is not None
        assert 0 < one.whole_exit_now < 30, "half the spread of 30,000 dollars, and not of 30,000 coins"
        assert one.unrealised_pnl is not None
        assert abs(one.unrealised_pnl) < 100


async def test_both_legs_of_a_hedge_are_left(paper: PaperServer, listing: str) -> None:
    async with Desk(paper, "hedged", listing) as desk:
        await desk.order(BTC, "buy", "0.5", positionIdx=1)
        await desk.order(BTC, "sell", "0.5", positionIdx=2)
        (one,) = (await assessed(desk.connection)).instruments
        assert one.position is not None
        assert (one.quantity, one.position.long, one.position.short) == (D(0), D("0.5"), D("0.5"))
        assert one.exit_now is not None
        assert (one.exit_now.taken, one.exit_now.orders) == (ONE, 2)
        assert one.exit_now.cost > 0


async def test_a_spot_account_is_its_assets_less_the_baseline(paper: PaperServer, listing: str) -> None:
    async with spot_desk(paper, listing) as desk:
        await desk.limit(BTC_SPOT, "buy", "0.1", "40000")
        found = await assessed(desk.connection, baseline={"BTC": COINS["BTC"] - 1, "ETH": COINS["ETH"]})
        assert found.complete, found.problems
        rows = {one.symbol: one for one in found.instruments}
        btc = rows[BTC_SPOT]
        assert (btc.quantity, btc.value) == (ONE, D(50_000))
        assert btc.whole_exit_now is not None
        assert [order.instrument for order in found.open_orders] == [BTC_SPOT]


async def test_several_accounts_are_read_at_once_without_a_gate(paper: PaperServer) -> None:
    async with Desk(paper, "one-way", "bybit") as desk:
        await desk.order(BTC, "buy", "0.5")
        configs = [
            VenueConfig(account=name, gate_target="none", api_key=key, api_secret=secret, base_url=paper.base_url)
            for name, key, secret in (("one", "one-way", "one-way-s"), ("two", "hedged", "hedged-s"), ("x", "x", "x"))
        ]
        one, two, wrong = await asyncio.to_thread(look_directly, configs)
        assert (one.account, one.found.complete, [row.quantity for row in one.found.positions]) == (
            "one",
            True,
            ["0.5"],
        )
        assert (two.account, two.found.complete, len(two.found.positions)) == ("two", True, 0)
        assert (wrong.account, wrong.found.complete) == ("x", False)
        assert any("positions: " in problem for problem in wrong.found.problems)
