"""A feed's assessment on its way in: kept for whoever waits, read row by row, and never flat where it is not whole."""

import asyncio

import pytest

from risksvc.core.incident.exit_cost import Level
from risksvc.core.types import Side
from risksvc.gate.feeds import FeedError, FeedLink, Feeds
from risksvc.gate.incident.convert_look import venue_look
from risksvc.v1 import types_pb2, venue_pb2
from tests.unit.core.catalogue import BTC, D
from tests.unit.gate.steps import START

SOON = 5.0


def linked() -> tuple[Feeds, FeedLink]:
    feeds = Feeds("gate-1")
    link = FeedLink("main", "test feed", can_cancel=True, connected_at=START)
    feeds.connect(link)
    return feeds, link


async def asked(link: FeedLink) -> venue_pb2.FeedCommand:
    return (await link.outgoing.get()).command


def done(command: venue_pb2.FeedCommand, *, ok: bool = True, error: str = "") -> venue_pb2.FeedCommandResult:
    return venue_pb2.FeedCommandResult(command_id=command.command_id, ok=ok, error=error)


async def test_an_assessment_comes_before_its_commands_result() -> None:
    feeds, link = linked()
    waiting = asyncio.ensure_future(feeds.assess("main", [BTC], within_seconds=SOON))
    command = await asked(link)
    assert list(command.assess_now.instruments) == [BTC]
    link.assessed(venue_pb2.FeedAssessment(command_id=command.command_id, complete=True))
    link.answered(done(command))
    assert (await waiting).complete
    assert not link.assessments


async def test_an_assessment_that_nobody_waits_for_is_not_kept() -> None:
    _, link = linked()
    link.assessed(venue_pb2.FeedAssessment(command_id="gate-1-c9", complete=True))
    assert not link.assessments


@pytest.mark.parametrize(
    ("ok", "error", "says"),
    [(False, "this feed does not know the command", "does not know the command"), (True, "", "holds no assessment")],
)
async def test_a_feed_that_can_not_assess_is_told(ok: bool, error: str, says: str) -> None:  # noqa: FBT001
    feeds, link = linked()
    waiting = asyncio.ensure_future(feeds.assess("main", [], within_seconds=SOON))
    link.answered(done(await asked(link), ok=ok, error=error))
    with pytest.raises(FeedError, match=says):
        await waiting


async def test_a_feed_that_hangs_or_goes_is_told() -> None:
    feeds, link = linked()
    with pytest.raises(FeedError, match="gave no answer"):
        await feeds.assess("main", [], within_seconds=0.01)
    await asked(link)
    waiting = asyncio.ensure_future(feeds.assess("main", [], within_seconds=SOON))
    link.assessed(venue_pb2.FeedAssessment(command_id=(await asked(link)).command_id))
    feeds.disconnect(link)
    with pytest.raises(FeedError, match="disconnected"):
        await waiting
    assert not link.assessments
    with pytest.raises(FeedError, match="no venue feed is connected"):
        await feeds.assess("main", [], within_seconds=SOON)


def message(**changes: object) -> venue_pb2.FeedAssessment:
    found = venue_pb2.FeedAssessment(
        positions=[venue_pb2.FeedPosition(instrument=BTC, quantity="-2", liquidation_price="70000")],
        open_orders=[
            venue_pb2.FeedOrder(
                instrument=BTC,
                venue_order_id="v-1",
                side=types_pb2.SIDE_SELL,
                quantity="1",
                trigger_price="40000",
                status=venue_pb2.VENUE_ORDER_STATUS_OPEN,
            )
        ],
        books=[
            venue_pb2.FeedBook(
                instrument=BTC,
                bids=[venue_pb2.BookLevel(price="49990", quantity="3")],
                asks=[venue_pb2.BookLevel(price="50010", quantity="4")],
                mark="50001",
                mark_age_ms=12,
            )
        ],
        complete=True,
    )
    found.MergeFrom(venue_pb2.FeedAssessment(**changes))  # type: ignore[arg-type]
    return found


def test_it_is_read_whole() -> None:
    look = venue_look(message())
    assert look.complete
    assert look.problems == ()
    assert [(one.key, one.quantity, one.liquidation_price) for one in look.positions] == [(BTC, D(-2), D(70000))]
    assert [(one.side, one.trigger_price) for one in look.open_orders] == [(Side.SELL, D(40000))]
    market = look.markets[BTC]
    assert market.book is not None
    assert (market.book.asks, market.mark, market.mark_age_ms) == ((Level(D(50010), D(4)),), D(50001), 12)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"positions": [venue_pb2.FeedPosition(instrument="ETH/USDT:USDT", quantity="much")]}, "positions[1].quantity"),
        ({"positions": [venue_pb2.FeedPosition(instrument=BTC, quantity="1")]}, "1 instruments are listed twice"),
        ({"open_orders": [venue_pb2.FeedOrder(instrument=BTC)]}, "open_orders[1].status"),
    ],
)
def test_rows_that_can_not_be_read_leave_the_others_and_make_it_incomplete(
    changes: dict[str, object], says: str
) -> None:
    look = venue_look(message(**changes))
    assert not look.complete
    assert any(says in problem for problem in look.problems)
    assert look.positions[0].quantity == D(-2)


def test_a_book_that_can_not_be_is_a_problem_and_the_account_is_known() -> None:
    crossed = venue_pb2.FeedBook(
        instrument="ETH/USDT:USDT",
        bids=[venue_pb2.BookLevel(price="11", quantity="1")],
        asks=[venue_pb2.BookLevel(price="10", quantity="1")],
    )
    look = venue_look(message(books=[crossed, venue_pb2.FeedBook(instrument="SOL/USDT:USDT", mark_age_ms=-1)]))
    assert look.complete
    assert list(look.markets) == [BTC, "SOL/USDT:USDT"]
    assert "crossed" in look.problems[0]
    assert (look.markets["SOL/USDT:USDT"].book, look.markets["SOL/USDT:USDT"].mark) == (None, None)


def test_words_from_outside_are_cut_to_a_line() -> None:
    look = venue_look(venue_pb2.FeedAssessment(problems=["positions:\nno\x1b[31m" + "x" * 900] * 200))
    assert len(look.problems) == 100
    assert all(len(problem) <= 500 and problem.isprintable() for problem in look.problems)
    assert not look.complete
