"""The gate's side of a venue feed: reads in, commands and the gate's clock out.

Rule 1: one feed per account; a second is refused while the first is connected. Rule 2: a message that can't be read
whole changes nothing but counts as a failed read, which is shown. Rule 3: large messages are taken in parts, and the
loop runs in between, so that no check waits long.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TypeVar

from grpc import StatusCode

from risksvc.core.events import Input, LimitsLoaded
from risksvc.core.outputs import Output
from risksvc.core.types import MILLISECOND, SECOND, MalformedInputError, Nanoseconds
from risksvc.core.venue_events import FeedDisconnected, FillsReceived, ReadFailed
from risksvc.gate import convert, convert_feed
from risksvc.gate.app import GateApp
from risksvc.gate.feeds import FeedError, FeedLink, marks_needed
from risksvc.gate.rpc_guard import Context, errors_as_statuses
from risksvc.v1 import venue_pb2, venue_pb2_grpc

HEARTBEAT_NS = 100 * MILLISECOND
HELLO_SECONDS = 10.0
_MAX_ERROR = 500
_Read = TypeVar("_Read")

_log = logging.getLogger(__name__)


class VenueFeedService(venue_pb2_grpc.VenueFeedServiceServicer):
    """risksvc.v1.VenueFeedService over the owner."""

    def __init__(self, app: GateApp) -> None:
        self._app = app

    # Reads and writes at once, so it is a coroutine that uses the context's own write, not a generator.
    async def Feed(  # type: ignore[override]  # noqa: N802 - gRPC's name
        self, request_iterator: AsyncIterator[venue_pb2.FeedRequest], context: Context
    ) -> None:
        """One feed, from its hello to its end."""
        async with errors_as_statuses(self._app, context):
            link = await self._welcome(request_iterator, context)
            try:
                await self._exchange(link, request_iterator, context)
            finally:
                self._goodbye(link)

    async def _exchange(self, link: FeedLink, requests: AsyncIterator[venue_pb2.FeedRequest], context: Context) -> None:
        """Reads and writes until either side ends, or the gate shuts down."""
        tasks = [
            asyncio.ensure_future(self._read_all(link, requests)),
            asyncio.ensure_future(self._write(link, context)),
            asyncio.ensure_future(link.closed.wait()),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read_all(self, link: FeedLink, requests: AsyncIterator[venue_pb2.FeedRequest]) -> None:
        async for request in requests:
            await self._take(link, request)

    # -- hello and goodbye ---------------------------------------------------------------------------------------

    async def _welcome(self, requests: AsyncIterator[venue_pb2.FeedRequest], context: Context) -> FeedLink:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                first = await anext(requests)
        except (TimeoutError, StopAsyncIteration):
            await context.abort(StatusCode.INVALID_ARGUMENT, "hello: must be the first message of the stream")
            raise
        if first.WhichOneof("message") != "hello":
            raise MalformedInputError("hello", "must be the first message of the stream")
        connected = await in_portions(convert_feed.feed_connected(first.hello))
        account = connected.account
        if account not in self._app.settings.accounts:
            known = ", ".join(self._app.settings.accounts)
            await context.abort(StatusCode.NOT_FOUND, f"hello.account: {account!r} is not one of: {known}")
        link = FeedLink(account, connected.software, connected.can_cancel, self._app.clock.now())
        link.can_place = first.hello.can_place
        try:
            self._app.feeds.connect(link)
        except FeedError as error:
            await context.abort(StatusCode.ALREADY_EXISTS, str(error))
        try:
            self._app.owner.submit(connected)
        except Exception:
            self._app.feeds.disconnect(link)
            raise
        link.send(venue_pb2.FeedResponse(welcome=welcome(self._app, account)))
        return link

    def _goodbye(self, link: FeedLink) -> None:
        self._app.feeds.disconnect(link)
        self._app.owner.submit_or_keep(FeedDisconnected(link.account))

    # -- out -----------------------------------------------------------------------------------------------------

    async def _write(self, link: FeedLink, context: Context) -> None:
        """Commands as they come, and the gate's clock at least every heartbeat."""
        next_beat = self._app.clock.now()
        while True:
            wait = max(0, next_beat - self._app.clock.now()) / SECOND
            try:
                async with asyncio.timeout(wait):
                    message = await link.outgoing.get()
            except TimeoutError:
                now = self._app.clock.now()
                next_beat = now + HEARTBEAT_NS
                message = venue_pb2.FeedResponse(heartbeat=venue_pb2.FeedHeartbeat(gate_time_ns=now))
            await context.write(message)

    # -- in ------------------------------------------------------------------------------------------------------

    async def _take(self, link: FeedLink, request: venue_pb2.FeedRequest) -> None:
        kind = request.WhichOneof("message")
        try:
            if kind == "command_result":
                link.answered(request.command_result)
                return
            if kind == "assessment":
                link.assessed(request.assessment)
                return
            if kind == "stream_state":
                link.stream_connected = request.stream_state.connected
                link.stream_error = _line(request.stream_state.error, _MAX_ERROR)
                return
            inputs = await in_portions(self._read(link.account, kind, request))
        except MalformedInputError as error:
            self._app.counters.feed_messages_refused += 1
            _log.warning("account %s: a feed message was refused: %s", link.account, error)
            inputs = [ReadFailed(link.account, _WHAT.get(kind or "", "message"), f"refused by the gate: {error}")]
        for index, event in enumerate(inputs):
            if index:
                await asyncio.sleep(0)
            self._app.owner.submit(event)

    def _read(
        self, account: str, kind: str | None, request: venue_pb2.FeedRequest
    ) -> convert_feed.Steps[Sequence[Input]]:
        read = _READERS.get(kind or "")
        if read is None:
            raise MalformedInputError("message", f"{kind or 'nothing'} is not expected here")
        return read(request, account, self._app.clock.now())


def _fills(message: venue_pb2.FeedFills, account: str) -> convert_feed.Steps[Sequence[Input]]:
    parts = yield from convert_feed.fills(message)
    return [FillsReceived(account, part) for part in parts]


def _snapshot(message: venue_pb2.FeedSnapshot, account: str, now: Nanoseconds) -> convert_feed.Steps[Sequence[Input]]:
    """A complete read is one Input: compared in parts it would be no complete read."""
    return [(yield from convert_feed.snapshot(message, account, now=now))]


def _one(event: Input) -> convert_feed.Steps[Sequence[Input]]:
    yield from ()
    return [event]


_Reader = Callable[[venue_pb2.FeedRequest, str, Nanoseconds], convert_feed.Steps[Sequence[Input]]]
_READERS: Mapping[str, _Reader] = {
    "fills": lambda told, account, _now: _fills(told.fills, account),
    "snapshot": lambda told, account, now: _snapshot(told.snapshot, account, now),
    "marks": lambda told, account, now: convert_feed.marks(told.marks, account, now=now),
    "order_states": lambda told, account, now: convert_feed.order_states(told.order_states, account, now=now),
    "read_failure": lambda told, account, _now: _one(_read_failure(account, told.read_failure)),
    "balances": lambda told, account, now: _one(convert_feed.balances(told.balances, account, now=now)),
    "history_gap": lambda told, account, _now: _one(convert_feed.history_gap(told.history_gap, account)),
}
_WHAT = {"snapshot": "positions", "fills": "fills", "marks": "marks", "order_states": "order"}


async def in_portions(steps: convert_feed.Steps[_Read]) -> _Read:
    """Takes every step, and lets the loop run in between."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            read: _Read = done.value
            return read
        await asyncio.sleep(0)


def _read_failure(account: str, failure: venue_pb2.FeedReadFailure) -> ReadFailed:
    """What went wrong is for people: cut and cleaned rather than refused."""
    permanent = " (retrying can't help)" if failure.permanent else ""
    error = _line(failure.error, _MAX_ERROR) + permanent
    return ReadFailed(account, _line(failure.what, 40) or "read", error, _line(failure.unknown_instrument, 64))


def _line(text: str, longest: int) -> str:
    return convert.one_line(text)[:longest]


def welcome(app: GateApp, account: str) -> venue_pb2.FeedWelcome:
    """What a feed needs to know to begin."""
    state = app.owner.state
    book = state.accounts[account]
    return venue_pb2.FeedWelcome(
        gate_id=app.gate_id,
        fills_since_ms=app.feeds.fills_since_ms(book),
        mark_instruments=marks_needed(state, book),
    )


def tell_new_marks(app: GateApp, event: Input, _outputs: tuple[Output, ...], _now: Nanoseconds) -> None:
    """An owner's listener: after a reload, connected feeds are welcomed anew, with the marks that are needed now."""
    if isinstance(event, LimitsLoaded):  # in a turn of its own: the list may be long, and checks wait behind this one
        asyncio.get_running_loop().call_soon(_welcome_anew, app)


def _welcome_anew(app: GateApp) -> None:
    for account in app.settings.accounts:
        link = app.feeds.link(account)
        if link is not None:
            link.send(venue_pb2.FeedResponse(welcome=welcome(app, account)))
