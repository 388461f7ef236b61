"""The rhythm of reads: steady, at once when asked, soon after an event, and never in a burst."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from risksvc.v1 import venue_pb2
from risksvc.venue.failures import ReadFailure
from risksvc.venue.fills import Reach
from risksvc.venue.gate_link import GateClock
from risksvc.venue.polls import AccountPoll, SteadyPoll
from risksvc.venue.reader import AccountReader, Snapshot
from risksvc.venue.reports import FailureReports
from tests.unit.venue.builders import settings

if TYPE_CHECKING:
    from risksvc.venue.marks import MarkReader


class Reads:
    """A reader that takes its time, and keeps when each read began and how far it reached."""

    def __init__(self, *, takes_s: float = 0.0, fails: bool = False) -> None:
        self.began: list[float] = []
        self.reaches: list[Reach] = []
        self.takes_s, self.fails = takes_s, fails
        self._changed = asyncio.Event()

    async def read(self, reach: Reach) -> Snapshot:
        self.began.append(asyncio.get_running_loop().time())
        self.reaches.append(reach)
        self._changed.set()
        await asyncio.sleep(self.takes_s)
        if self.fails:
            raise ReadFailure("positions", "no")
        return Snapshot((), (), 1, 1, 0)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.began) < count:
                self._changed.clear()
                await self._changed.wait()

    def gaps(self) -> list[float]:
        return [after - before for before, after in zip(self.began, self.began[1:], strict=False)]


@asynccontextmanager
async def polling(reads: Reads, **changes: Any) -> AsyncIterator[tuple[AccountPoll, list[venue_pb2.FeedRequest]]]:  # noqa: ANN401
    sent: list[venue_pb2.FeedRequest] = []
    clock = GateClock()
    clock.beat(1)
    poll = AccountPoll(
        settings(**{"positions_every_ms": 60_000, "stream_debounce_ms": 100, **changes}),
        reader=cast("AccountReader", reads),
        marks=cast("MarkReader", _Marks()),
        clock=clock,
        send=sent.append,
        reports=FailureReports(sent.append),
    )
    task = asyncio.create_task(poll.run())
    try:
        yield poll, sent
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class _Marks:
    held: frozenset[str] = frozenset()


async def for_a_while(seconds: float, act: Callable[[], None], *, every_s: float = 0.002) -> None:
    ends = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < ends:
        act()
        await asyncio.sleep(every_s)


async def test_an_event_causes_one_read_after_the_debounce() -> None:
    reads = Reads()
    async with polling(reads) as (poll, _):
        await reads.until(1)
        for _ in range(20):
            poll.trigger()
        await reads.until(2)
        await asyncio.sleep(0.25)
    assert len(reads.began) == 2
    assert reads.gaps()[0] >= 0.1
    assert reads.reaches == [Reach.USUAL] * 2


async def test_a_storm_of_events_causes_a_bounded_number_of_reads() -> None:
    reads = Reads()
    async with polling(reads) as (poll, _):
        await for_a_while(0.6, poll.trigger)
    assert 2 <= len(reads.began) <= 7
    assert all(gap >= 0.09 for gap in reads.gaps())


async def test_events_do_not_make_slow_reads_follow_each_other_without_a_pause() -> None:
    reads = Reads(takes_s=0.2)
    async with polling(reads) as (poll, _):
        await for_a_while(0.7, poll.trigger)
    assert all(gap >= 0.29 for gap in reads.gaps())


async def test_an_event_during_a_read_causes_another_one() -> None:
    reads = Reads(takes_s=0.1)
    async with polling(reads) as (poll, _):
        await reads.until(1)
        poll.trigger()
        await reads.until(2)


async def test_a_command_is_answered_by_a_deep_read_that_began_after_it() -> None:
    reads = Reads(takes_s=0.15)
    async with polling(reads) as (poll, sent):
        await reads.until(1)
        poll.read_now("c-1")
        await reads.until(2)
        assert not [each for each in sent if each.HasField("command_result")]
        await asyncio.sleep(0.2)
        assert [each.command_result.command_id for each in sent if each.HasField("command_result")] == ["c-1"]
    assert reads.reaches == [Reach.USUAL, Reach.DEEP]


async def test_a_storm_of_commands_is_answered_by_few_reads() -> None:
    reads = Reads()
    numbers = iter(range(10_000))
    async with polling(reads) as (poll, sent):
        await for_a_while(0.5, lambda: poll.read_now(f"c-{next(numbers)}"))
        await asyncio.sleep(0.2)
    answered = [each.command_result.command_id for each in sent if each.HasField("command_result")]
    assert answered == [f"c-{number}" for number in range(next(numbers))], "each is answered, in order"
    assert len(reads.began) <= 9
    assert all(gap >= 0.09 for gap in reads.gaps())


async def test_events_do_not_hurry_a_venue_that_fails() -> None:
    reads = Reads(fails=True)
    async with polling(reads) as (poll, _):
        await for_a_while(0.7, poll.trigger)
    assert len(reads.began) <= 3, "after 0.2 and 0.6 s"


async def test_the_clock_alone_causes_reads_at_its_pace() -> None:
    reads = Reads()
    async with polling(reads, positions_every_ms=50, stream_debounce_ms=400):
        await reads.until(6)
    assert sum(reads.gaps()) / 5 < 0.4, "the debounce is for what events and commands cause"


async def test_now_and_then_a_read_reaches_far_back() -> None:
    reads = Reads()
    async with polling(reads, positions_every_ms=20, deep_fills_every_ms=100):
        await reads.until(12)
    assert reads.reaches[0] is Reach.USUAL
    assert 1 <= reads.reaches.count(Reach.DEEP) <= 6


async def test_a_steady_poll_stamps_sends_and_slows_down_when_it_fails() -> None:
    sent: list[venue_pb2.FeedRequest] = []
    clock = GateClock()
    clock.beat(5)
    stamps: list[int] = []
    failing, four, failed = False, asyncio.Event(), asyncio.Event()

    async def read(as_of_ns: int) -> venue_pb2.FeedRequest | None:
        stamps.append(as_of_ns)
        if len(stamps) == 4:
            four.set()
        if failing:
            failed.set()
            raise ReadFailure("balances", "no")
        return None if len(stamps) == 2 else venue_pb2.FeedRequest(balances=venue_pb2.FeedBalances())

    poll = SteadyPoll("balances", 10, read=read, clock=clock, send=sent.append, reports=FailureReports(sent.append))
    task = asyncio.create_task(poll.run())
    async with asyncio.timeout(20):
        await four.wait()
        failing = True
        began = len(stamps)
        await failed.wait()
    await asyncio.sleep(0.15)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert set(stamps) == {5}
    assert len(stamps) - began <= 2
    assert len([each for each in sent if each.HasField("balances")]) >= began - 1
