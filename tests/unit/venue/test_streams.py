"""The private stream over a session: up, down, silent, refused; and what its messages set off, in which order."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from risksvc.venue.connection import VenueConnection
from risksvc.venue.rows import FillRow, Row
from risksvc.venue.streams import PrivateStream, StreamPause, _Signs
from tests.unit.venue.builders import settings
from tests.unit.venue.private_stream import PrivateServer, execution, order

if TYPE_CHECKING:
    from risksvc.venue.live_fills import LiveFills
    from risksvc.venue.live_orders import LiveOrders
    from risksvc.venue.polls import AccountPoll


class Followed:
    """Stands for the three that a stream sets off, and keeps what it was told, in order."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.states: list[tuple[bool, str]] = []
        self.missed: FillRow | None = None
        self._changed = asyncio.Event()

    def say(self, what: str) -> None:
        self.log.append(what)
        self._changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    # fills

    def up(self, _venue_time_ms: int) -> None:
        self.say("up")

    def down(self) -> None:
        self.missed = None
        self.say("down")

    def resolve_known(self) -> None:
        """Nothing is unresolved here."""

    def overdue(self) -> FillRow | None:
        return self.missed

    # orders

    async def opening(self) -> None:
        self.say("opening")

    def settle(self) -> None:
        self.say("settle")

    # the poll

    def trigger(self) -> None:
        self.say("trigger")

    def read_deep(self) -> None:
        self.say("deep")

    # the session

    def tell(self, connected: bool, error: str) -> None:  # noqa: FBT001 - the contract's flag
        self.states.append((connected, error))
        self.say("state")


class Fills:
    """The fills' part of it, whose `hear` is not the orders'."""

    def __init__(self, followed: Followed) -> None:
        self._followed = followed

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the other has
        return getattr(self._followed, name)

    def hear(self, rows: Sequence[Row]) -> None:
        self._followed.say(f"fills {len(rows)}")


class Orders(Fills):
    def hear(self, rows: Sequence[Row]) -> None:
        self._followed.say(f"orders {len(rows)}")


@asynccontextmanager
async def following(
    server: PrivateServer, **changes: object
) -> AsyncIterator[tuple[PrivateStream, Followed, VenueConnection]]:
    quick = {"stream_retry_min_ms": 20, "stream_retry_max_ms": 100, "stream_refused_ms": 60_000}
    connection = VenueConnection(settings(base_url=server.base_url, **{**quick, **changes}))
    await connection.load_markets()
    followed = Followed()
    stream = PrivateStream(
        connection,
        fills=cast("LiveFills", Fills(followed)),
        orders=cast("LiveOrders", Orders(followed)),
        poll=cast("AccountPoll", followed),
        tell_state=followed.tell,
    )
    task = asyncio.create_task(stream.run())
    try:
        yield stream, followed, connection
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await connection.close()


async def test_when_it_comes_up_the_account_is_read_deep_and_the_gate_is_told() -> None:
    async with PrivateServer() as server, following(server) as (stream, followed, _):
        await followed.until(lambda: "deep" in followed.log)
        assert stream.is_up
        assert followed.log == ["opening", "up", "state", "deep"]
        assert followed.states == [(True, "")]
        assert server.subscribed == {"execution", "order", "position"}


async def test_fills_go_before_orders_and_a_read_follows() -> None:
    async with PrivateServer() as server, following(server) as (_, followed, _):
        await followed.until(lambda: "deep" in followed.log)
        del followed.log[:]
        await server.push("execution", execution(1), execution(2))
        await server.push("order", order())
        await server.push("position", {"symbol": "BTCUSDT", "side": "Buy", "size": "1", "category": "linear"})
        await followed.until(lambda: followed.log.count("trigger") >= 3)
        told = [each for each in followed.log if each != "trigger"]
        assert told == ["fills 2", "orders 0", "settle", "fills 0", "orders 1", "settle"]


async def test_after_a_hang_up_it_comes_back_and_reads_deep_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "risksvc.venue")
    async with PrivateServer() as server, following(server) as (_, followed, _):
        await followed.until(lambda: followed.log.count("deep") == 1)
        await server.hang_up()
        await followed.until(lambda: followed.log.count("deep") == 2)
        assert [up for up, _ in followed.states] == [True, False, True]
        assert "close" in followed.states[1][1].lower()
        await server.push("execution", execution(1))
        await followed.until(lambda: "fills 1" in followed.log)
    assert sum("the private stream is down" in each.getMessage() for each in caplog.records) == 1


async def test_a_silent_socket_is_given_up() -> None:
    async with (
        PrivateServer() as server,
        following(server, stream_ping_ms=100, stream_silence_ms=600) as (_, followed, _),
    ):
        await followed.until(lambda: followed.log.count("deep") == 1)
        server.silent = True
        await followed.until(lambda: len(followed.states) == 2)
        # ccxt counts unanswered pings as well, and closes the connection where it is the first to notice.
        first = ("nothing came for 600 ms", "keepalive", "the connection was closed")
        assert any(reason in followed.states[1][1] for reason in first)
        server.silent = False
        await followed.until(lambda: followed.log.count("deep") == 2)


async def test_a_stream_that_does_not_tell_of_a_fill_that_was_read_is_given_up() -> None:
    """ccxt#27532: a subscription that stops while its pings are answered."""
    async with PrivateServer() as server, following(server) as (_, followed, _):
        await followed.until(lambda: followed.log.count("deep") == 1)
        followed.missed = cast("FillRow", _Missed())
        await followed.until(lambda: followed.log.count("deep") == 2)
        assert followed.states[1] == (False, "silent: a read shows fill e-9 in BTC/USDT:USDT, it did not")


class _Missed:
    trade_id, symbol = "e-9", "BTC/USDT:USDT"


async def test_a_refused_log_in_is_said_once_and_tried_again_slowly(caplog: pytest.LogCaptureFixture) -> None:
    async with PrivateServer() as server:
        server.refuse_log_in = True
        async with following(server, stream_refused_ms=150) as (stream, followed, _):
            await followed.until(lambda: followed.log.count("down") == 3)
            assert not stream.is_up
            assert [up for up, _ in followed.states] == [False]
            assert "AuthenticationError" in followed.states[0][1]
            assert "SECRET" not in followed.states[0][1]
    said = [each.getMessage() for each in caplog.records if "tried again slowly" in each.getMessage()]
    assert len(said) == 1


async def test_a_refused_subscription_is_no_stream() -> None:
    async with PrivateServer() as server:
        server.refuse_subscription = True
        async with following(server) as (stream, followed, _):
            await followed.until(lambda: followed.log.count("down") == 2)
            assert not stream.is_up
            assert "up" not in followed.log


async def test_a_message_that_can_not_be_read_begins_a_new_connection() -> None:
    async with PrivateServer() as server, following(server) as (_, followed, _):
        await followed.until(lambda: followed.log.count("deep") == 1)
        await server.push("execution", execution(1, execQty="much"))
        await followed.until(lambda: followed.log.count("deep") == 2)
        assert "a message can't be read" in followed.states[1][1]


async def test_switched_off_nothing_is_connected() -> None:
    async with PrivateServer() as server, following(server, stream=False) as (stream, followed, connection):
        assert connection.stream_calls == ()
        await stream.run()
        assert server.connections == 0
        assert followed.log == []


async def test_a_goodbye_that_is_not_answered_does_not_hold_up_the_end() -> None:
    loop = asyncio.get_running_loop()
    async with PrivateServer() as server:
        async with following(server) as (_, followed, _):
            await followed.until(lambda: "deep" in followed.log)
            server.deaf = True
            began = loop.time()
        assert loop.time() - began < 5


class Client:
    """One of ccxt's sockets."""

    def __init__(self) -> None:
        self.futures: dict[str, asyncio.Future[bool]] = {}
        self.last_message_at: int | None = None
        self.is_closed = False

    def closed(self) -> bool:
        return self.is_closed


async def test_where_ccxt_shows_no_acknowledgement_a_connection_and_an_answered_log_in_are_the_signs() -> None:
    client, exchange = Client(), SimpleNamespace(clients=None)
    signs = _Signs(exchange, calls=3)
    assert not signs.shows_acknowledged
    assert not signs.ready(), "no socket yet"
    exchange.clients = {"ws://venue": client}
    assert signs.ready(), "some venues log in with the address"
    client.futures["authenticated"] = asyncio.get_running_loop().create_future()
    assert not signs.ready()
    client.futures["authenticated"].set_result(True)
    assert signs.ready()
    client.is_closed = True
    assert not signs.ready()


async def test_a_subscription_that_is_not_acknowledged_is_waited_for() -> None:
    exchange = SimpleNamespace(clients={"ws://venue": Client()}, acknowledged=2)
    signs = _Signs(exchange, calls=3)
    assert signs.shows_acknowledged
    assert not signs.ready()
    exchange.acknowledged = 3
    assert signs.ready()


async def test_whatever_comes_is_a_sign_of_life() -> None:
    client = Client()
    signs = _Signs(SimpleNamespace(clients={"ws://venue": client}), calls=3)
    signs.silent_s()
    await asyncio.sleep(0.02)
    assert signs.silent_s() >= 0.02
    client.last_message_at = 5
    assert signs.silent_s() == 0


def test_pauses_double_are_spread_and_begin_anew_after_a_long_connection() -> None:
    pause = StreamPause(settings(stream_retry_min_ms=200, stream_retry_max_ms=30_000))
    first = [pause.next_s(up_s=0.0, refused=False) for _ in range(12)]
    assert 0.1 <= first[0] <= 0.2
    assert all(15 <= each <= 30 for each in first[-3:])
    assert 60 <= pause.next_s(up_s=0.0, refused=True) <= 120
    assert pause.next_s(up_s=600.0, refused=False) <= 0.2
    assert len({pause.next_s(up_s=0.0, refused=True) for _ in range(5)}) == 5
