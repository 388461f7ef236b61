"""The venue's private stream: a trigger that makes reads come sooner, and never what anything is concluded from alone.

One connection after another, each with a ccxt instance of its own. ccxt notices a silent socket late or never, and
catches nothing up after a break; so silence is judged here (by pings, and by fills that a read shows and the stream
does not tell), and each time it comes up the account is read deep. Invariants: whatever happens to the stream, polling
goes on; a refused log-in is said once and tried again slowly; the pauses between connections grow and are spread.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from ccxt.base import errors as ccxt_errors

from risksvc.core.types import RiskError
from risksvc.venue.config import VenueConfig
from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import redacted
from risksvc.venue.gate_link import SessionEndedError
from risksvc.venue.guarded import CcxtExchange
from risksvc.venue.live_fills import LiveFills
from risksvc.venue.live_orders import LiveOrders
from risksvc.venue.polls import AccountPoll
from risksvc.venue.rows import Row
from risksvc.venue.streamed import CALLS, POSITIONS
from risksvc.venue.tasks import TaskGroup

_LOG = logging.getLogger("risksvc.venue")

_LOOK_EVERY_S = 0.05
# Where ccxt shows no acknowledgement: connected and logged in for so long, with no subscription refused.
_SETTLED_S = 1.0
_UP_WITHIN_S = 10.0
_LOG_IN = "authenticated"  # the name under which ccxt waits for the answer to a log-in, where there is one
_LONG_S = 30.0  # a connection of that length was a good one: the next is made soon

# Trying again soon can't help: the key is not wanted, or the call is not to be had like this.
_REFUSED = (ccxt_errors.AuthenticationError, ccxt_errors.NotSupported, ccxt_errors.ArgumentsRequired)

TellState = Callable[[bool, str], None]  # connected; else why not


class StreamEndedError(RiskError):
    """One connection is over; the text says why. `refused`: trying again soon can't help."""

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.refused = refused


class StreamPause:
    """Pauses between connections: doubling while none lasts, spread, bounded; long ones after a refusal."""

    def __init__(self, config: VenueConfig) -> None:
        self._min_ms, self._max_ms = config.stream_retry_min_ms, config.stream_retry_max_ms
        self._refused_ms = config.stream_refused_ms
        self._ms = 0

    def next_s(self, *, up_s: float, refused: bool) -> float:
        """Give the pause after a connection that was up for so long."""
        self._ms = self._min_ms if up_s >= _LONG_S else min(max(self._ms * 2, self._min_ms), self._max_ms)
        # No secret: any randomness will do.
        return (self._refused_ms if refused else self._ms) * random.uniform(0.5, 1.0) / 1_000  # noqa: S311


class _Signs:
    """Signs of life of one ccxt instance: connected, logged in, when it was heard last."""

    def __init__(self, exchange: CcxtExchange, *, calls: int) -> None:
        self._exchange = exchange
        self._calls = calls
        self._last: object = None
        self._heard_s = asyncio.get_running_loop().time()

    @property
    def shows_acknowledged(self) -> bool:
        """Say whether it is known which subscriptions the venue has acknowledged."""
        return getattr(self._exchange, "acknowledged", None) is not None

    def ready(self) -> bool:
        """Say whether there is a connection, and no answer to a log-in or a subscription outstanding."""
        if self.shows_acknowledged and self._exchange.acknowledged < self._calls:
            return False
        clients = list((self._exchange.clients or {}).values())
        waiting = [each.futures[_LOG_IN] for each in clients if _LOG_IN in each.futures]
        return bool(clients) and not any(each.closed() for each in clients) and all(each.done() for each in waiting)

    def silent_s(self) -> float:
        """Give for how long nothing at all has come, pongs included."""
        last = [each.last_message_at for each in (self._exchange.clients or {}).values()]
        now = asyncio.get_running_loop().time()
        if last != self._last:
            self._last, self._heard_s = last, now
        return now - self._heard_s


class PrivateStream:
    """Keeps one session's stream up."""

    def __init__(
        self,
        connection: VenueConnection,
        *,
        fills: LiveFills,
        orders: LiveOrders,
        poll: AccountPoll,
        tell_state: TellState,
    ) -> None:
        self._connection = connection
        self._fills = fills
        self._orders = orders
        self._poll = poll
        self._tell_state = tell_state
        self._broken: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self._said: str | None = None
        self._up_since_s: float | None = None

    @property
    def is_up(self) -> bool:
        """Say whether it tells of changes now."""
        return self._up_since_s is not None

    async def run(self) -> None:
        """Follow for ever; where there is nothing to follow, do nothing."""
        if not self._connection.stream_calls:
            return
        pause = StreamPause(self._connection.config)
        while True:
            try:
                await self._follow()
            except SessionEndedError:
                raise
            except StreamEndedError as end:
                await self._went(end, pause)
            except Exception as error:  # noqa: BLE001 - a bug: reads go on without the stream
                _LOG.exception("the private stream ended by an internal error")
                await self._went(StreamEndedError(f"internal error: {type(error).__name__}"), pause)

    # -- what it says ----------------------------------------------------------------------------------------------

    def hear(self, trades: Sequence[Row], orders: Sequence[Row]) -> None:
        """Take in one message: fills first, then what rests on them, then a read soon."""
        if not trades and not orders:
            return
        self._fills.hear(trades)
        self._orders.hear(orders)
        self._fills.resolve_known()
        self._orders.settle()
        self._poll.trigger()

    def broke(self, error: Exception) -> None:
        """Take in that a message could not be handled: ccxt may be deaf from here on."""
        if not self._broken.done():
            self._broken.set_result(error)

    # -- one connection --------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        self._broken = asyncio.get_running_loop().create_future()
        await self._orders.opening()
        exchange = self._connection.open_stream(self)
        try:
            async with TaskGroup() as group:
                for name in self._connection.stream_calls:
                    group.create_task(self._watch(exchange, name))
                group.create_task(self._guard(_Signs(exchange, calls=len(self._connection.stream_calls))))
        except ExceptionGroup as ends:
            raise _first(ends) from ends
        finally:
            self._connection.retire(exchange)

    async def _watch(self, exchange: CcxtExchange, name: str) -> None:
        """Await events for ever. What a call returns is incomplete: `hear` has had all of it by then."""
        call = getattr(exchange, CALLS[name])
        while True:
            try:
                await call()
            except Exception as error:
                text = redacted(f"{type(error).__name__}: {error}", self._connection.config.secrets())
                raise StreamEndedError(text, refused=isinstance(error, _REFUSED)) from error
            if name == POSITIONS:
                self._poll.trigger()
            await asyncio.sleep(0)  # an answer that is there already would not let others run

    async def _guard(self, signs: _Signs) -> None:
        """Say when it is up, and end it when it has gone silent or can't be understood."""
        await self._until_settled(signs)
        self._came()
        limit_ms = self._connection.config.stream_silence_ms
        while True:
            await self._look_again()
            if signs.silent_s() > limit_ms / 1_000:
                raise StreamEndedError(f"nothing came for {limit_ms} ms, not even the answer to a ping")
            if not signs.ready():
                raise StreamEndedError("the connection was closed")
            missed = self._fills.overdue()
            if missed is not None:
                raise StreamEndedError(f"silent: a read shows fill {missed.trade_id} in {missed.symbol}, it did not")

    async def _until_settled(self, signs: _Signs) -> None:
        began = settled_s = self._now()
        wait_s = 0.0 if signs.shows_acknowledged else _SETTLED_S
        while not signs.ready() or self._now() - settled_s < wait_s:
            await self._look_again()
            if not signs.ready():
                settled_s = self._now()
            if self._now() - began > _UP_WITHIN_S:
                raise StreamEndedError(f"not connected, logged in and subscribed within {_UP_WITHIN_S:.0f} s")

    async def _look_again(self) -> None:
        """Wait a moment, or until a message could not be handled, which is raised."""
        done, _ = await asyncio.wait((self._broken,), timeout=_LOOK_EVERY_S)
        if done:
            error = self._broken.result()
            if isinstance(error, SessionEndedError):
                raise error
            raise StreamEndedError(f"a message can't be read: {type(error).__name__}: {error}") from error

    # -- up and down -----------------------------------------------------------------------------------------------

    def _came(self) -> None:
        self._up_since_s = self._now()
        self._said = None
        _LOG.info("the private stream is up: %s", ", ".join(self._connection.stream_calls))
        self._fills.up(self._connection.venue_now_ms())
        self._tell_state(True, "")
        self._poll.read_deep()

    async def _went(self, end: StreamEndedError, pause: StreamPause) -> None:
        up_s = 0.0 if self._up_since_s is None else self._now() - self._up_since_s
        self._up_since_s = None
        self._fills.down()
        reason = str(end)
        if reason != self._said:
            self._said = reason
            slowly = ", tried again slowly" if end.refused else ""
            _LOG.warning("the private stream is down%s; reads go on by the clock: %s", slowly, reason)
            self._tell_state(False, reason)
        await asyncio.sleep(pause.next_s(up_s=up_s, refused=end.refused))

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _first(ends: ExceptionGroup[Exception]) -> Exception:
    """Give the end that says most: what is not the stream's own first, a refusal before what followed from it."""
    return min(ends.exceptions, key=lambda end: (isinstance(end, StreamEndedError), not getattr(end, "refused", False)))
