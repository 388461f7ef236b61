"""One session with the gate: after the welcome, several loops that read the venue and put messages into one queue.

Order is kept where it matters: fills are queued as soon as they are read, so before the snapshot and the order states
that rest on them; a command's result follows what it caused. The session ends when the stream ends, when the gate falls
silent, or when the venue's instruments have changed (only a new hello can say so).
"""

import asyncio
import logging
from collections.abc import Awaitable, Iterator, Sequence

from risksvc.v1 import venue_pb2
from risksvc.venue import wire
from risksvc.venue.assessing import Assessor
from risksvc.venue.balances import BalanceReader
from risksvc.venue.commands import Canceller, CommandOutcome
from risksvc.venue.connection import VenueConnection
from risksvc.venue.dead_man import DeadMan
from risksvc.venue.desk import AssessDesk, CancelDesk, LookUpDesk, OrderDesk
from risksvc.venue.failures import ReadFailure
from risksvc.venue.fills import FillCursor, OrderIds, Reach
from risksvc.venue.gate_link import GateClock, GateLink, SessionEndedError
from risksvc.venue.live_fills import LiveFills
from risksvc.venue.live_orders import LiveOrders
from risksvc.venue.lookup import OrderLookUp
from risksvc.venue.marks import MarkReader
from risksvc.venue.placing import Placer
from risksvc.venue.polls import AccountPoll, ReadOnce, SteadyPoll, either
from risksvc.venue.reader import AccountReader
from risksvc.venue.reports import FailureReports
from risksvc.venue.rows import FillRow, OrderRow
from risksvc.venue.streams import PrivateStream
from risksvc.venue.sweeping import Sweeper
from risksvc.venue.tasks import TaskGroup

_LOG = logging.getLogger("risksvc.venue")

_SHORT_OVERLAP_MS = 2_000
_RESOLVE_EVERY_S = 0.5
_WATCH_EVERY_S = 0.1
_MARKETS_PAUSE_S = 5.0  # between loads that unknown instruments cause


class Session:
    """Feeds one gate over one stream."""

    def __init__(self, connection: VenueConnection, *, link: GateLink, welcome: venue_pb2.FeedWelcome) -> None:
        config = connection.config
        self._connection = connection
        self._link = link
        self._clock = GateClock()
        self._reports = FailureReports(link.send)
        orders = OrderIds()
        since_ms = _since_ms(connection, welcome.fills_since_ms, link)
        self._cursor = _cursor(connection, since_ms, orders)
        self._balances = BalanceReader(connection, since_ms=since_ms or connection.venue_now_ms())
        self._reader = AccountReader(connection, cursor=self._cursor, orders=orders, pass_on=self._pass_on_read)
        self._marks = MarkReader(connection, welcome.mark_instruments)
        self._poll = AccountPoll(
            config, reader=self._reader, marks=self._marks, clock=self._clock, send=link.send, reports=self._reports
        )
        look_up = OrderLookUp(connection, reader=self._reader, orders=orders)
        self._look_ups = LookUpDesk(
            look_up, window_ms=config.look_up_window_ms, clock=self._clock, send=link.send, reports=self._reports
        )
        canceller = Canceller(connection)
        self._cancels = CancelDesk(canceller, Sweeper(connection, canceller), send=link.send)
        self._orders = OrderDesk(Placer(connection, self._clock), send=link.send)
        self._dead_man = DeadMan(connection)
        self._assessments = AssessDesk(Assessor(connection), send=link.send)
        self._live_fills = LiveFills(
            reader=self._reader,
            cursor=self._cursor,
            pass_on=self._pass_on,
            known_alike=connection.quirks.listing == "bybit",
            wait_ms=config.stream_fill_wait_ms,
        )
        self._live_orders = LiveOrders(
            connection, orders=orders, look_up=look_up, clock=self._clock, tell=self._tell_orders
        )
        self._stream = PrivateStream(
            connection, fills=self._live_fills, orders=self._live_orders, poll=self._poll, tell_state=self._tell_stream
        )

    async def run(self) -> None:
        """Feed until the session ends; raises SessionEndedError with the reason."""
        try:
            async with TaskGroup() as group:
                for loop in (
                    self._link.write_queued(),
                    self._listen(group),
                    self._watch_gate(),
                    self._poll.run(),
                    *(poll.run() for poll in self._steady_polls()),
                    self._look_ups.run(),
                    self._live_orders.run(),
                    self._stream.run(),
                    self._resolve_fills(),
                    self._keep_clock(),
                    self._keep_markets(),
                    *([self._dead_man.run()] if self._dead_man.is_wanted else []),
                ):
                    group.create_task(loop)
        except ExceptionGroup as ends:
            reasons = [end for end in ends.exceptions if isinstance(end, SessionEndedError)]
            raise (reasons or ends.exceptions)[0] from ends

    def _steady_polls(self) -> Iterator[SteadyPoll]:
        """Make the loops that read one kind of thing each."""
        config = self._connection.config
        reads: tuple[tuple[str, int, ReadOnce], ...] = (
            ("marks", config.marks_every_ms, self._read_marks),
            ("fills", config.fills_every_ms, self._read_fills),
            ("balances", config.balances_every_ms if self._connection.reads_equity else 0, self._read_balances),
        )
        for what, every_ms, read in reads:
            if every_ms:
                yield SteadyPoll(
                    what, every_ms, read=read, clock=self._clock, send=self._link.send, reports=self._reports
                )

    async def _read_marks(self, as_of_ns: int) -> venue_pb2.FeedRequest | None:
        marks = await self._marks.read()
        return wire.marks(marks, as_of_ns=as_of_ns) if marks else None

    async def _read_fills(self, _as_of_ns: int) -> None:
        """Read fills alone, while no stream tells of them; they are passed on by the reader."""
        if not self._stream.is_up:
            await self._reader.read_fills(self._connection.poll_listing, Reach.SHORT)

    async def _read_balances(self, as_of_ns: int) -> venue_pb2.FeedRequest:
        return wire.balances(await self._balances.read(), as_of_ns=as_of_ns)

    async def _listen(self, group: TaskGroup) -> None:
        while True:
            answer = await self._link.read()
            match answer.WhichOneof("message"):
                case "heartbeat":
                    self._clock.beat(answer.heartbeat.gate_time_ns)
                case "command":
                    self._obey(answer.command, group)
                case "welcome":  # again: other instruments need marks now
                    self._marks.limited = frozenset(answer.welcome.mark_instruments)
                case _:
                    _LOG.warning("the gate sent a message that this feed does not know: it may be newer than the feed")

    def _obey(self, command: venue_pb2.FeedCommand, group: TaskGroup) -> None:
        match command.WhichOneof("command"):
            case "read_now":
                self._poll.read_now(command.command_id)
            case "look_up_orders":
                self._look_ups.ask(command.command_id, wire.references(command.look_up_orders.orders))
            case "cancel_orders":
                references = wire.references(command.cancel_orders.orders)
                group.create_task(self._cancels.answer(command.command_id, references))
            case "cancel_everything":
                group.create_task(self._cancels.sweep(command.command_id, command.cancel_everything.instruments))
            case "place_order":
                group.create_task(self._orders.answer(command.command_id, command.place_order))
            case "assess_now":
                group.create_task(self._assessments.answer(command.command_id, command.assess_now.instruments))
            case _:
                outcome = CommandOutcome(ok=False, error="this feed does not know the command")
                self._link.send(wire.command_result(command.command_id, outcome))

    async def _watch_gate(self) -> None:
        limit_ms = self._connection.config.gate_silence_ms
        while self._clock.silent_ms() <= limit_ms:  # noqa: ASYNC110 - silence is no event that could be awaited
            await asyncio.sleep(_WATCH_EVERY_S)
        raise SessionEndedError(f"the gate has sent no heartbeat for {limit_ms} ms")

    def _tell_stream(self, connected: bool, error: str) -> None:  # noqa: FBT001 - the contract's flag
        self._link.send(wire.stream_state(connected=connected, error=error))

    def _tell_orders(self, orders: Sequence[OrderRow], as_of_ns: int) -> None:
        self._link.send(wire.order_states(orders, as_of_ns=as_of_ns))

    def _pass_on_read(self, fills: Sequence[FillRow]) -> None:
        self._live_fills.read(fills)
        self._pass_on(fills)

    def _pass_on(self, fills: Sequence[FillRow]) -> None:
        for message in wire.fills(fills):
            self._link.send(message)

    async def _resolve_fills(self) -> None:
        while True:
            await asyncio.sleep(_RESOLVE_EVERY_S)
            await self._telling(self._reader.resolve_fills())

    async def _keep_clock(self) -> None:
        """Measure the venue's clock now and then, and at once when the venue refused a time stamp."""
        while True:
            await either(self._reports.clock_off, self._connection.config.time_offset_every_ms / 1_000)
            self._reports.clock_off.clear()
            await self._telling(self._connection.measure_clock())

    async def _keep_markets(self) -> None:
        """Load the markets now and then, and when a row names an instrument that they lack."""
        while True:
            await either(self._reports.markets_stale, self._connection.config.markets_every_ms / 1_000)
            if await self._telling(self._connection.load_markets(self._reports.unlisted)):
                raise SessionEndedError("the venue's instruments have changed")
            self._reports.markets_stale.clear()
            await asyncio.sleep(_MARKETS_PAUSE_S)

    async def _telling(self, work: Awaitable[bool | None]) -> bool:
        """Do something that may fail as a read does; tell it then."""
        try:
            return bool(await work)
        except ReadFailure as failure:
            self._reports.tell(failure)
            return False


def _cursor(connection: VenueConnection, since_ms: int, orders: OrderIds) -> FillCursor:
    config = connection.config
    overlaps = {
        Reach.SHORT: min(_SHORT_OVERLAP_MS, config.fills_overlap_ms),
        Reach.USUAL: config.fills_overlap_ms,
        Reach.DEEP: config.deep_fills_overlap_ms,
    }
    return FillCursor(since_ms=since_ms, now_ms=connection.venue_now_ms(), overlaps=overlaps, orders=orders)


def _since_ms(connection: VenueConnection, wanted_ms: int, link: GateLink) -> int:
    """Say from when fills can be read; tell the gate of a time that the venue does not list any more."""
    reach_ms = connection.venue_now_ms() - connection.quirks.fill_history_ms
    if not wanted_ms or wanted_ms >= reach_ms:
        return wanted_ms
    begins_ms = reach_ms + connection.config.deep_fills_overlap_ms  # a read starts by an overlap earlier
    link.send(wire.history_gap(wanted_ms, begins_ms))
    return begins_ms
