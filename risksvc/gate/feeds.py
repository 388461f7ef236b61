"""The connected venue feeds: one per account, with what goes out to it and what is still expected back.

Queues are bounded: a feed that does not read loses what can be asked again (look-ups, heartbeats), and is told so by
nobody; commands that somebody waits for fail at once. Never touches the gate's state.
"""

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from risksvc.core.book import AccountBook
from risksvc.core.events import Input
from risksvc.core.outputs import LookUp, OrderRef, Output, ReadAgain
from risksvc.core.state import GateState
from risksvc.core.types import Nanoseconds, RiskError
from risksvc.core.venue_events import SnapshotReceived, VenueOrder
from risksvc.gate.convert import one_line
from risksvc.v1 import venue_pb2

MAX_QUEUED = 512
MAX_WAITING = 2048
OVERLAP_MS = 60_000
READ_AGAIN_SECONDS = 1.0  # a read that follows at once would ask the same lagging server


class FeedError(RiskError):
    """The feed can't do what is asked: not connected, too busy, or it did not answer in time."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a feed made of a command. `unknown`: nobody knows whether the venue acted.

    `venue_order_id`: of a placed order; empty: none, or not known.
    """

    ok: bool
    error: str = ""
    unknown: bool = False
    venue_order_id: str = ""


@dataclass(slots=True)
class FeedLink:
    """One connected feed. `open_orders`: the rows of the last complete read, by the venue's id.

    `assessments`: what came for commands that are still waited for, by the command's id.
    `stream_connected`: the venue's private stream is up, so that changes arrive before the next read.
    """

    account: str
    software: str
    can_cancel: bool
    connected_at: Nanoseconds
    outgoing: "asyncio.Queue[venue_pb2.FeedResponse]" = field(default_factory=lambda: asyncio.Queue(MAX_QUEUED))
    waiting: "OrderedDict[str, asyncio.Future[CommandResult]]" = field(default_factory=OrderedDict)
    open_orders: Mapping[str, VenueOrder] = field(default_factory=dict)
    assessments: dict[str, venue_pb2.FeedAssessment] = field(default_factory=dict)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    stream_connected: bool = False
    stream_error: str = ""
    can_place: bool = False

    def send(self, message: venue_pb2.FeedResponse) -> bool:
        """Queues a message; False when there is no room."""
        try:
            self.outgoing.put_nowait(message)
        except asyncio.QueueFull:
            return False
        return True

    def answered(self, result: venue_pb2.FeedCommandResult) -> None:
        """Hands a result to whoever waits for it; late and unknown ones are passed over."""
        waiter = self.waiting.pop(result.command_id, None)
        if waiter is not None and not waiter.done():
            error = one_line(result.error)[:500]  # the venue's own words are in it
            waiter.set_result(CommandResult(result.ok, error, result.unknown, result.venue_order_id[:64]))

    def assessed(self, found: venue_pb2.FeedAssessment) -> None:
        """Keeps an assessment for whoever waits for it; late and unknown ones are passed over."""
        if found.command_id in self.waiting:
            self.assessments[found.command_id] = found

    def close(self) -> None:
        """Fails everything that is still waited for."""
        self.closed.set()
        for waiter in self.waiting.values():
            if not waiter.done():
                waiter.set_result(CommandResult(ok=False, error="the venue feed disconnected", unknown=True))
        self.waiting.clear()


class Feeds:
    """Every connected feed. `heard` is an owner's listener.

    `read_windows`: per account, the venue time (ms) at which the last complete read's window began; survives restarts
    through the journal's replay.
    """

    def __init__(self, gate_id: str, *, read_windows: Mapping[str, int] | None = None) -> None:
        self._gate_id = gate_id
        self._links: dict[str, FeedLink] = {}
        self._read_windows = dict(read_windows or {})
        self._numbers = itertools.count(1)

    def link(self, account: str) -> FeedLink | None:
        """The account's feed; None: not connected."""
        return self._links.get(account)

    def connect(self, link: FeedLink) -> None:
        """Takes a feed in. Raises FeedError when the account has one."""
        if link.account in self._links:
            raise FeedError(f"account {link.account} has a feed already: {self._links[link.account].software}")
        self._links[link.account] = link

    def end(self) -> None:
        """Lets every feed go: the gate shuts down."""
        for link in list(self._links.values()):
            link.close()

    def disconnect(self, link: FeedLink) -> None:
        """Lets a feed go."""
        if self._links.get(link.account) is link:
            del self._links[link.account]
        link.close()

    async def command(self, account: str, command: venue_pb2.FeedCommand, *, within_seconds: float) -> CommandResult:
        """Sends a command and waits for its result. Raises FeedError: it can't be asked, or does not answer."""
        link = self._links.get(account)
        if link is None:
            raise FeedError(f"no venue feed is connected for account {account}; start `risksvc venue`")
        command.command_id = self._next_id()
        waiter: asyncio.Future[CommandResult] = asyncio.get_running_loop().create_future()
        if len(link.waiting) >= MAX_WAITING or not link.send(venue_pb2.FeedResponse(command=command)):
            raise FeedError(f"the venue feed of account {account} does not keep up; try again")
        link.waiting[command.command_id] = waiter
        try:
            async with asyncio.timeout(within_seconds):
                return await waiter
        except TimeoutError:
            raise FeedError(f"the venue feed of account {account} gave no answer in {within_seconds:g} s") from None
        finally:
            link.waiting.pop(command.command_id, None)

    async def assess(
        self, account: str, instruments: Sequence[str], *, within_seconds: float
    ) -> venue_pb2.FeedAssessment:
        """Has the feed look at the venue now; `instruments`: books wanted besides what is held. Raises FeedError."""
        link = self._links.get(account)
        command = venue_pb2.FeedCommand(assess_now=venue_pb2.AssessNow(instruments=instruments))
        try:
            result = await self.command(account, command, within_seconds=within_seconds)
        finally:
            found = None if link is None else link.assessments.pop(command.command_id, None)
        if not result.ok or found is None:
            problem = result.error or "its answer holds no assessment"
            raise FeedError(f"the venue feed of account {account} could not assess: {problem}")
        return found

    def heard(self, event: Input, outputs: tuple[Output, ...], _now: Nanoseconds) -> None:
        """Sends look-ups on, and remembers how far complete reads have come."""
        for output in outputs:
            if isinstance(output, LookUp):
                self._look_up(output)
            elif isinstance(output, ReadAgain):
                asyncio.get_running_loop().call_later(READ_AGAIN_SECONDS, self._read_again, output.account)
        if isinstance(event, SnapshotReceived):
            self._read_windows[event.account] = event.window_start_ms
            link = self._links.get(event.account)
            if link is not None:
                link.open_orders = {row.venue_order_id: row for row in event.open_orders if row.venue_order_id}

    def fills_since_ms(self, book: AccountBook) -> int:
        """From which venue time a feed must send fills: 60 s before the last complete read's window; 0: from now on.

        Never from before the very first one: what filled then is in what that showed, and would count twice.
        """
        window = self._read_windows.get(book.name, 0)
        return max(1, book.anchor_ms, window - OVERLAP_MS) if book.anchored and window else 0

    def _read_again(self, account: str) -> None:
        link = self._links.get(account)
        if link is not None:  # else nothing is confirmed either way, and the reads grow old
            command = venue_pb2.FeedCommand(command_id=self._next_id(), read_now=venue_pb2.ReadNow())
            link.send(venue_pb2.FeedResponse(command=command))

    def _look_up(self, wanted: LookUp) -> None:
        link = self._links.get(wanted.account)
        if link is None:
            return  # the core asks again once a feed is connected
        orders = references(wanted.orders)
        command = venue_pb2.FeedCommand(
            command_id=self._next_id(), look_up_orders=venue_pb2.LookUpOrders(orders=orders)
        )
        link.send(venue_pb2.FeedResponse(command=command))  # the core asks again where there is no room

    def _next_id(self) -> str:
        return f"{self._gate_id}-c{next(self._numbers)}"


def references(orders: Sequence[OrderRef]) -> list[venue_pb2.OrderReference]:
    """How the venue knows these orders."""
    return [
        venue_pb2.OrderReference(
            instrument=one.instrument, client_order_id=one.client_order_id, venue_order_id=one.venue_order_id
        )
        for one in orders
    ]


def marks_needed(state: GateState, book: AccountBook) -> list[str]:
    """Instruments that need marks: all in the limits file and all that is held or worked."""
    limits = book.limits if state.limits is not None else None
    wanted = dict.fromkeys(limits.instruments if limits is not None else ())
    wanted.update(dict.fromkeys(sorted(line.symbol for line in book.busy)))
    return list(wanted)
