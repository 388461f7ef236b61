"""The venue process: connects the exchange, then feeds the gate session after session until it is told to stop.

What can never work ends it at the start with one clear line and an exit code (a class that does not exist, a key that
the venue refuses); once it has begun it never gives up. Keys never reach a log.
"""

import asyncio
import logging
import random
import signal
import sys

from risksvc.core.types import MalformedInputError, use_exact_arithmetic
from risksvc.tls.endpoint import Endpoint
from risksvc.v1 import venue_pb2
from risksvc.venue import wire
from risksvc.venue.abilities import Finding, abilities_of
from risksvc.venue.capability import findings, shortcomings
from risksvc.venue.config import VenueConfig
from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import ReadFailure, StartError
from risksvc.venue.gate_link import GateLink, SessionEndedError
from risksvc.venue.polls import Backoff
from risksvc.venue.session import Session

_LOG = logging.getLogger("risksvc.venue")

# The numbers mean what they mean for every risksvc command.
EXIT_OK, EXIT_UNUSABLE, EXIT_PERMISSION = 0, 2, 4
_REPEAT_S = 30.0  # the same end of a session is logged again after so long
_LONG_SESSION_S = 5.0  # after a session of that length the next attempt is made at once


def run_venue(config: VenueConfig) -> int:
    """Run until SIGTERM or SIGINT; gives the exit code: 0 stopped, 2 the settings can't work, 4 the key is refused."""
    use_exact_arithmetic()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return asyncio.run(_run_until_signalled(config))


async def _run_until_signalled(config: VenueConfig) -> int:
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    return await feed_until(told, config)


async def feed_until(told: asyncio.Event, config: VenueConfig) -> int:
    """Run in the current event loop until told to stop; the exit code is run_venue's."""
    try:
        connection = VenueConnection(config)
    except (StartError, MalformedInputError) as error:
        _LOG.critical("the venue process can't start: %s", error)
        return EXIT_UNUSABLE
    for row in _shortcomings(connection):
        _LOG.info("%s: %s", connection.exchange_id, row.line)
    feeding = asyncio.create_task(_feed(connection))
    stopping = asyncio.create_task(told.wait())
    try:
        await asyncio.wait((feeding, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not feeding.done():
            _LOG.info("stopping")
            return EXIT_OK
        return feeding.result()
    finally:
        for task in (feeding, stopping):
            task.cancel()
        await asyncio.gather(feeding, stopping, return_exceptions=True)
        await connection.close()


async def _feed(connection: VenueConnection) -> int:
    """Connect the exchange, then feed for ever; gives an exit code only when starting is pointless."""
    try:
        await _connect_exchange(connection)
    except ReadFailure as failure:
        _LOG.critical("%s refuses this key, or can't be read: %s", connection.exchange_id, failure)
        return EXIT_PERMISSION
    pause, ends = _ReconnectPause(connection.config), _SessionEnds()
    while True:
        began = asyncio.get_running_loop().time()
        await _feed_once(connection, ends)
        await asyncio.sleep(pause.next_s(lasted_s=asyncio.get_running_loop().time() - began))


async def _connect_exchange(connection: VenueConnection) -> None:
    """Measure the clock, load the markets, try the key; retry for ever, but raise what no retry can help."""
    backoff = Backoff()
    while True:
        try:
            await connection.measure_clock()
            await connection.load_markets()
            await connection.check_key()
        except ReadFailure as failure:
            if failure.permanent:
                raise
            _LOG.warning("%s can't be reached yet: %s", connection.exchange_id, failure)
            await asyncio.sleep(backoff.next_s(failure.pause_ms))
        else:
            return


async def _feed_once(connection: VenueConnection, ends: "_SessionEnds") -> None:
    config = connection.config
    try:
        async with GateLink(Endpoint(config.gate_target, config.gate_tls)) as link:
            welcome = await link.introduce(_hello(connection))
            _LOG.info(
                "feeding gate %s with account %s at %s: %d instruments, %s, %s",
                welcome.gate_id,
                config.account,
                connection.exchange_id,
                len(connection.announced()),
                _may(connection),
                "private stream" if connection.stream_calls else _without_stream(config),
            )
            await Session(connection, link=link, welcome=welcome).run()
    except SessionEndedError as end:
        ends.log(str(end), now_s=asyncio.get_running_loop().time())
    except Exception:  # noqa: BLE001 - a bug: the gate sees its snapshots grow stale; giving up would not help
        _LOG.exception("session ended by an internal error")


def _shortcomings(connection: VenueConnection) -> tuple[Finding, ...]:
    """What this venue can't do, or does in part: said at the start, to the log and to the gate."""
    return shortcomings(findings(abilities_of(connection.poll, connection.config, connection.quirks)))


def _hello(connection: VenueConnection) -> venue_pb2.FeedRequest:
    hello = wire.hello(
        connection.config.account,
        venue=connection.exchange_id,
        quirks=connection.quirks,
        instruments=connection.announced(),
        can_cancel=connection.can_cancel,
        software=connection.software,
    )
    hello.hello.limitations.extend(row.line for row in _shortcomings(connection))
    hello.hello.can_place = connection.can_place
    hello.hello.hedge_mode = connection.hedge_mode
    hello.hello.enforces_reduce_only = connection.enforces_reduce_only
    hello.hello.reads_equity = connection.reads_equity
    hello.hello.has_stream = bool(connection.stream_calls)
    return hello


def _may(connection: VenueConnection) -> str:
    if connection.can_place:
        return "may cancel and place reducing orders"
    return "may cancel" if connection.can_cancel else "reads only"


def _without_stream(config: VenueConfig) -> str:
    why = "ccxt offers none that could be used here" if config.stream else "switched off by the settings"
    return f"no private stream ({why}): changes are seen when they are read"


class _SessionEnds:
    """Logs why sessions end: the same reason again only after a while, for a gate that is down all night."""

    def __init__(self) -> None:
        self._logged, self._at_s = "", 0.0

    def log(self, end: str, *, now_s: float) -> None:
        """Log an end, unless it was said just now."""
        if end != self._logged or now_s - self._at_s >= _REPEAT_S:
            self._logged, self._at_s = end, now_s
            _LOG.warning("session with the gate ended: %s", end)


class _ReconnectPause:
    """Pauses between sessions: short after a long session, doubling while none comes about, never over the maximum."""

    def __init__(self, config: VenueConfig) -> None:
        self._min_ms, self._max_ms = config.reconnect_min_ms, config.reconnect_max_ms
        self._ms = 0

    def next_s(self, *, lasted_s: float) -> float:
        """Give the pause after a session that lasted so long."""
        self._ms = self._min_ms if lasted_s >= _LONG_SESSION_S else min(max(self._ms * 2, self._min_ms), self._max_ms)
        # Spread, so that several feeds do not knock at a restarted gate together. No secret: any randomness will do.
        return self._ms * random.uniform(0.75, 1.0) / 1_000  # noqa: S311
