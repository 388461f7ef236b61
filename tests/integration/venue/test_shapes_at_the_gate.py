"""What the gate makes of every shape of account: its ledger agrees with the venue, whatever moves it.

The core itself, fed with the feed's own messages in the feed's order.
"""

import time
from decimal import Decimal

from risksvc.core import events
from risksvc.core.config import RULES, AccountConfig, GateConfig
from risksvc.core.gate import RiskGate
from risksvc.core.venue_events import FillsReceived
from risksvc.gate import convert_feed
from risksvc.venue import wire
from risksvc.venue.paper.server import PaperServer
from tests.integration.venue.shapes import BTC, BTC_SPOT, BTC_USD, BTC_USDC, ETH_BTC, D, Desk, spot_desk


class Ledger:
    """A gate's core that hears what the feed would send, in the feed's order."""

    def __init__(self, desk: Desk, *, baseline: dict[str, Decimal] | None = None) -> None:
        self.desk = desk
        self.now = time.time_ns()
        self.gate = RiskGate()
        config = AccountConfig(spot_baseline=baseline or {})
        self._apply(events.GateStarted(GateConfig("gate", {desk.name: config}, rules=RULES)))
        hello = wire.hello(
            desk.name,
            venue="bybit",
            quirks=desk.connection.quirks,
            instruments=desk.connection.announced(),
            can_cancel=False,
            software="test",
        ).hello
        hello.hedge_mode = desk.connection.hedge_mode
        self._apply(convert_feed.whole(convert_feed.feed_connected(hello)))

    def _apply(self, event: events.Input) -> None:
        self.now += 1
        self.gate.apply(event, self.now)

    async def read(self) -> dict[str, Decimal]:
        """Read the account and hand it all over; give the ledger of every line, once venue and ledger agree."""
        read = await self.desk.read()
        for message in wire.fills(self.desk.fills):
            for some in convert_feed.whole(convert_feed.fills(message.fills)):
                self._apply(FillsReceived(self.desk.name, some))
        self.desk.fills.clear()
        self.now = time.time_ns()
        shown = wire.snapshot(read, as_of_ns=self.now).snapshot
        self._apply(convert_feed.whole(convert_feed.snapshot(shown, self.desk.name, now=self.now)))
        book = self.gate.state.accounts[self.desk.name]
        assert not any(line.drifting for line in book.lines.values()), book.lines
        return {key: line.ledger for key, line in book.lines.items() if line.ledger}


async def test_the_gates_ledger_agrees_with_a_spot_account_whatever_moves_it(paper: PaperServer, listing: str) -> None:
    async with spot_desk(paper, listing) as desk:
        ledger = Ledger(desk, baseline={"BTC": D(10), "ETH": D(50)})
        assert await ledger.read() == {}
        await desk.order(BTC_SPOT, "buy", "0.5")
        await desk.order(ETH_BTC, "sell", "2")
        await desk.order("ETH/USDT", "buy", "1")
        await desk.event("transfer", coin="ETH", amount="-3")
        held = await ledger.read()
        assert D("0.59") < held["BTC"] < D("0.6"), "half a coin bought, a tenth for the ether, less fees"
        assert D("-4.01") < held["ETH"] < D("-4")


async def test_the_gates_ledger_agrees_with_both_legs_of_a_hedge(paper: PaperServer) -> None:
    async with Desk(paper, "hedged", "bybit") as desk:
        ledger = Ledger(desk)
        assert await ledger.read() == {}
        for side, quantity, leg in (("buy", "0.5", 1), ("sell", "0.7", 2), ("sell", "0.2", 1), ("buy", "0.7", 2)):
            await desk.order(BTC, side, quantity, positionIdx=leg)
            await ledger.read()
        assert await ledger.read() == {BTC: D("0.3")}
        line = ledger.gate.state.accounts["hedged"].lines[BTC]
        assert (line.long, line.short) == (D("0.3"), D(0))


async def test_the_gates_ledger_agrees_with_contracts_of_every_settle_coin(paper: PaperServer) -> None:
    async with Desk(paper, "one-way", "bybit") as desk:
        ledger = Ledger(desk)
        assert await ledger.read() == {}
        for symbol, quantity in ((BTC, "0.3"), (BTC_USDC, "0.2"), (BTC_USD, "5000")):
            await desk.order(symbol, "buy", quantity)
            await desk.order(symbol, "sell", quantity)
            await desk.order(symbol, "sell", quantity)
            await ledger.read()
        await desk.event("adl", symbol="BTCUSD", qty="1000")
        assert await ledger.read() == {BTC: D("-0.3"), BTC_USDC: D("-0.2"), BTC_USD: D(-4000)}
