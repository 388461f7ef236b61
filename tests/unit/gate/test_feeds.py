import asyncio

import pytest

from risksvc.core.events import Ticked
from risksvc.core.gate import RiskGate
from risksvc.core.outputs import LookUp, OrderRef
from risksvc.core.types import ONE, ZERO, Side
from risksvc.core.venue_events import SnapshotReceived, VenueOrder, VenueStatus
from risksvc.gate import feeds as feeds_module
from risksvc.gate.feeds import FeedError, FeedLink, Feeds, marks_needed
from risksvc.v1 import venue_pb2
from tests.unit.gate.steps import START, opening

NOW = START
SOON = 5.0


def link(account: str = "main") -> FeedLink:
    return FeedLink(account, "test feed", can_cancel=True, connected_at=NOW)


def read_now() -> venue_pb2.FeedCommand:
    return venue_pb2.FeedCommand(read_now=venue_pb2.ReadNow())


@pytest.fixture
def feeds() -> Feeds:
    return Feeds("gate-1")


def test_one_feed_for_each_account(feeds: Feeds) -> None:
    first = link()
    feeds.connect(first)
    with pytest.raises(FeedError, match="has a feed already: test feed"):
        feeds.connect(link())
    feeds.connect(link("other"))
    feeds.disconnect(first)
    feeds.connect(link())
    feeds.disconnect(first)  # an old stream that ends late
    assert feeds.link("main") is not None


async def test_a_command_gets_its_own_result(feeds: Feeds) -> None:
    connected = link()
    feeds.connect(connected)
    asked = [asyncio.create_task(feeds.command("main", read_now(), within_seconds=SOON)) for _ in range(2)]
    ids = [(await connected.outgoing.get()).command.command_id for _ in asked]
    assert len(set(ids)) == 2
    connected.answered(venue_pb2.FeedCommandResult(command_id="stranger", ok=True))
    connected.answered(venue_pb2.FeedCommandResult(command_id=ids[1], ok=True))
    connected.answered(venue_pb2.FeedCommandResult(command_id=ids[0], ok=False, error="no", unknown=True))
    first, second = await asyncio.gather(*asked)
    assert (first.ok, first.error, first.unknown, second.ok) == (False, "no", True, True)
    assert not connected.waiting


async def test_what_a_venue_said_of_a_command_is_one_line_without_control_characters(feeds: Feeds) -> None:
    connected = link()
    feeds.connect(connected)
    asked = asyncio.create_task(feeds.command("main", read_now(), within_seconds=SOON))
    id_ = (await connected.outgoing.get()).command.command_id
    connected.answered(venue_pb2.FeedCommandResult(command_id=id_, ok=False, error="no\x1b[2J\nall is FLAT"))
    assert (await asked).error == "no [2J all is FLAT"


async def test_silence_and_a_missing_feed_are_told(feeds: Feeds) -> None:
    with pytest.raises(FeedError, match="risksvc venue"):
        await feeds.command("main", read_now(), within_seconds=SOON)
    connected = link()
    feeds.connect(connected)
    with pytest.raises(FeedError, match="no answer in 0"):
        await feeds.command("main", read_now(), within_seconds=0.001)
    assert not connected.waiting


async def test_a_feed_that_goes_leaves_its_commands_unknown(feeds: Feeds) -> None:
    connected = link()
    feeds.connect(connected)
    asked = asyncio.create_task(feeds.command("main", read_now(), within_seconds=SOON))
    await connected.outgoing.get()
    feeds.disconnect(connected)
    result = await asked
    assert (result.ok, result.unknown) == (False, True)
    assert connected.closed.is_set()


async def test_a_feed_that_does_not_read_is_not_waited_for(feeds: Feeds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds_module, "MAX_QUEUED", 1)
    connected = link()
    feeds.connect(connected)
    look_up = LookUp("main", (OrderRef("B", "c-1"),))
    for _ in range(3):
        feeds.heard(Ticked(), (look_up,), NOW)
    assert connected.outgoing.qsize() == 1
    with pytest.raises(FeedError, match="does not keep up"):
        await feeds.command("main", read_now(), within_seconds=SOON)
    asked = (await connected.outgoing.get()).command.look_up_orders.orders
    assert [(one.instrument, one.client_order_id) for one in asked] == [("B", "c-1")]


def test_fills_are_asked_for_from_a_minute_before_the_last_read(feeds: Feeds) -> None:
    gate = RiskGate()
    for event in opening():
        gate.apply(event, NOW)
    book = gate.state.accounts["main"]
    assert feeds.fills_since_ms(book) == 0, "no read is known"
    order = VenueOrder("B", Side.BUY, ONE, ZERO, VenueStatus.OPEN, "v-1")
    connected = link()
    feeds.connect(connected)
    feeds.heard(SnapshotReceived("main", NOW, 100_000, 100_005, (), (order,)), (), NOW)
    assert feeds.fills_since_ms(book) == 40_000
    assert connected.open_orders == {"v-1": order}
    book.anchored = False
    assert feeds.fills_since_ms(book) == 0, "the account begins anew"
    assert Feeds("g", read_windows={"main": 5}).fills_since_ms(book) == 0


def test_marks_are_needed_for_what_is_limited() -> None:
    gate = RiskGate()
    for event in opening():
        gate.apply(event, NOW)
    assert marks_needed(gate.state, gate.state.accounts["main"]) == ["BTC/USDT:USDT"]
