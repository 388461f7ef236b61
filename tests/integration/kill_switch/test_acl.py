"""The deployed ACL file on real servers: all works under its users, and the gate's user can't un-halt anything."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from risksvc.gate.kill_switch.address import Credentials, StoreAddress
from risksvc.gate.kill_switch.hints import Hints
from risksvc.gate.kill_switch.records import Heartbeat, clear_text, halt_text
from risksvc.gate.kill_switch.scripts import keys_of
from risksvc.gate.kill_switch.store import KillSwitchStore
from risksvc.gate.kill_switch.view import Beginning, ClearGuard, ClearOutcome, StoreForbiddenError
from tests.integration.kill_switch.acl_file import password_of, write_users
from tests.integration.kill_switch.conftest import until
from tests.integration.kill_switch.real_server import RealServer
from tests.unit.gate.halts import clear, halt

KEYS = keys_of("main")
GATE = Credentials("risksvc-gate", password_of("gate"))
CLEAR = Credentials("risksvc-clear", password_of("clear"))
INIT = Credentials("risksvc-init", password_of("init"))
HEARTBEAT = Heartbeat("g1", "i1", "d", 400_000_000)
DENIED = r"(?i)no permissions|NOPERM|ACL failure|can't run this command|can't access|DEBUG command not allowed"


@pytest.fixture
def server(binary: Path, short_folder: Path) -> Iterator[RealServer]:
    users = write_users(short_folder)
    running = RealServer(binary, short_folder / "a", credentials=("admin", password_of("admin")), aclfile=str(users))
    running.start()
    yield running
    running.stop()


@pytest.fixture
async def stores(server: RealServer, patient: None) -> AsyncIterator[dict[str, KillSwitchStore]]:
    """As each user; "split": the gate's, with the other's clears. A store that was begun and holds one halt."""
    opened = {
        "gate": KillSwitchStore(StoreAddress.of(server.url, user=GATE)),
        "split": KillSwitchStore(StoreAddress.of(server.url, user=GATE, clears=CLEAR)),
        "init": KillSwitchStore(StoreAddress.of(server.url, user=INIT)),
    }
    assert (await opened["init"].initialise("main", Beginning("G"))).created
    assert (await opened["gate"].add_halts("main", [halt("h1")])).new == 1
    yield opened
    for store in opened.values():
        await store.close()


def as_user(server: RealServer, user: Credentials) -> Any:  # noqa: ANN401 - redis-py's sync client
    return redis.Redis(
        unix_socket_path=str(server.socket), username=user.username, password=user.password, decode_responses=True
    )


async def guard_of(store: KillSwitchStore) -> ClearGuard:
    view = await store.poll("main", gate_id="g1", heartbeat=HEARTBEAT)
    assert view.seen["g1"].heartbeat == HEARTBEAT
    return ClearGuard(view.generation, view.epoch, view.redis_ms + 600_000)


async def test_everything_works_under_its_user(stores: dict[str, KillSwitchStore]) -> None:
    split = stores["split"]
    written = await split.add_clears("main", [clear("h1")], guard=await guard_of(split))
    assert written.outcome is ClearOutcome.WRITTEN
    view = await stores["gate"].poll("main", gate_id="g2", heartbeat=None)
    assert (set(view.halts), set(view.clears)) == ({"h1"}, {"h1"})
    inspection = await stores["gate"].inspect(("main",))
    assert (inspection.problems, inspection.unchecked) == ((), ())
    anchors = keys_of("*").meta.removesuffix("meta") + "anchors"
    await stores["gate"].command("XADD", anchors, "MAXLEN", "~", "9", "*", "gate", "g1")
    assert await stores["gate"].command("XLEN", anchors) == 1
    restored = Beginning("H", clears=(clear("h9"),), halts=(halt("h9"),))
    assert (await stores["init"].initialise("other", restored)).created


async def test_the_gates_user_hears_of_halts(stores: dict[str, KillSwitchStore], server: RealServer) -> None:
    heard: list[str] = []
    hints = asyncio.create_task(Hints(StoreAddress.of(server.url, user=GATE), [KEYS.channel], take=heard.append).run())
    with server.client() as admin:
        await until(lambda: admin.pubsub_numsub(KEYS.channel)[0][1] == 1, lambda: heard)
    await stores["gate"].add_halts("main", [halt("h2")])
    await until(lambda: heard == [halt_text(halt("h2"))], lambda: heard)
    hints.cancel()
    await asyncio.gather(hints, return_exceptions=True)


async def test_a_clear_without_the_second_user_is_refused_and_nothing_is_written(
    stores: dict[str, KillSwitchStore],
) -> None:
    with pytest.raises(StoreForbiddenError, match=DENIED):
        await stores["gate"].add_clears("main", [clear("h1")], guard=await guard_of(stores["gate"]))
    assert (await stores["gate"].poll("main", gate_id="g2", heartbeat=None)).clears == {}


FORGED = clear_text(clear("h1"))
_EVAL_HSET = "return redis.call('HSET', '{risksvc:main}:clears', 'h1', 'x')"
_FORGERIES: tuple[tuple[str | int | bytes, ...], ...] = (
    ("HSET", KEYS.clears, "h1", FORGED),
    ("HSETNX", KEYS.clears, "h1", FORGED),
    ("HMSET", KEYS.clears, "h1", FORGED),
    ("HINCRBY", KEYS.clears, "h1", 1),
    ("EVAL", _EVAL_HSET, 0),
    ("EVAL", _EVAL_HSET, 1, KEYS.clears),
    ("EVAL", "return redis.call('HSETNX', ARGV[1], 'h1', 'x')", 0, KEYS.clears),
    ("EVAL", "redis.setresp(3); return redis.call('COPY', ARGV[1], ARGV[2])", 0, KEYS.halts, KEYS.clears),
    ("EVAL", "redis.call('RENAME', KEYS[1], ARGV[1])", 1, KEYS.halts, KEYS.clears),
    ("FCALL", "f", 1, KEYS.clears),
    ("FUNCTION", "LOAD", "#!lua name=x\nredis.register_function('f', function() return 1 end)"),
    ("RENAME", KEYS.halts, KEYS.clears),
    ("RENAMENX", KEYS.seen, KEYS.clears),
    ("COPY", KEYS.halts, KEYS.clears),
    ("RESTORE", KEYS.clears, 0, b"\x00"),
    ("MOVE", KEYS.halts, 1),
    ("SWAPDB", 0, 1),
    ("MIGRATE", "127.0.0.1", 1, KEYS.clears, 0, 100),
    ("SORT", KEYS.halts, "STORE", KEYS.clears),
    ("XADD", KEYS.clears, "*", "a", "b"),
    # taking a halt away, or into another scope
    ("DEL", KEYS.halts),
    ("UNLINK", KEYS.halts),
    ("HDEL", KEYS.halts, "h1"),
    ("HSET", KEYS.halts, "h1", halt_text(halt("h1", account="elsewhere"))),
    ("EVAL", "return redis.call('HSET', KEYS[1], 'h1', 'x')", 1, KEYS.halts),
    ("EVAL", "return redis.call('HDEL', KEYS[1], 'h1')", 1, KEYS.halts),
    ("DEL", KEYS.clears),
    ("EXPIRE", KEYS.halts, 1),
    ("PEXPIREAT", KEYS.meta, 1),
    ("EVAL", "return redis.call('PEXPIRE', KEYS[1], 1)", 1, KEYS.halts),
    ("SET", KEYS.halts, "x"),
    # the server itself
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("CONFIG", "SET", "appendonly", "no"),
    ("CONFIG", "GET", "*"),
    ("CONFIG", "REWRITE"),
    ("REPLICAOF", "127.0.0.1", 1),
    ("SLAVEOF", "NO", "ONE"),
    ("FAILOVER",),
    ("DEBUG", "SLEEP", 0),
    ("SHUTDOWN",),
    ("ACL", "SETUSER", "risksvc-gate", "+@all"),
    ("ACL", "LIST"),
    ("SCRIPT", "FLUSH"),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("CLIENT", "PAUSE", 1000),
    ("MONITOR",),
    ("MULTI",),
    ("PSYNC", "?", -1),
    ("PUBLISH", "another", "x"),
    ("SUBSCRIBE", "another"),
    ("KEYS", "*"),
)


@pytest.mark.usefixtures("stores")
async def test_the_gates_user_can_forge_no_clear_and_take_no_halt_away(server: RealServer) -> None:
    """Each really tried, as whoever has stolen the gate's password would."""
    with server.client() as admin:
        before = admin.hgetall(KEYS.halts)
        taken = [words for words in _FORGERIES if not _refused(server, words)]
        assert not taken
        assert admin.exists(KEYS.clears) == 0
        assert admin.hgetall(KEYS.halts) == before
        assert admin.ttl(KEYS.halts) == -1


@pytest.mark.usefixtures("stores")
async def test_no_command_at_all_lets_the_gates_user_write_clears(server: RealServer) -> None:
    """Every command that this server has, its subcommands too, tried dry with the clears' key in every place."""
    with server.client() as admin:
        names = [name.split("|") for name in admin.execute_command("COMMAND LIST")]
        names += [name.split("|") for name in _subcommands(admin)]
        assert len(names) > 250
        allowed = {" ".join(words) for words in names if _dry(admin, words)}
    assert allowed == _READING


@pytest.mark.usefixtures("stores")
async def test_who_may_clear_may_not_halt_and_may_not_take_a_halt_away(server: RealServer) -> None:
    for words in (("HSET", KEYS.halts, "h1", "x"), ("DEL", KEYS.halts), ("DEL", KEYS.clears), ("FLUSHALL",)):
        with as_user(server, CLEAR) as thief, pytest.raises(redis.ResponseError, match=DENIED):
            thief.execute_command(*words)


@pytest.mark.usefixtures("stores")
async def test_nobody_gets_in_without_a_name(server: RealServer) -> None:
    with (
        redis.Redis(unix_socket_path=str(server.socket)) as nobody,
        pytest.raises(redis.RedisError, match=r"NOAUTH|(?i:auth)"),
    ):
        nobody.ping()


def _refused(server: RealServer, words: tuple[str | int | bytes, ...]) -> bool:
    with as_user(server, GATE) as thief:
        try:
            thief.execute_command(*words)
        except redis.ResponseError as error:
            return re.search(DENIED, str(error)) is not None
    return False


def _subcommands(admin: Any) -> list[str]:  # noqa: ANN401
    return [str(sub[0]) for row in admin.execute_command("COMMAND INFO") for sub in row[9]]


_READING = {"hget", "hmget", "hlen", "hkeys", "hgetall", "hexists", "pttl"}
# They take no key. And everybody may log in, and leave.
_KEYLESS = {"time", "info", "wait", "ping", "select", "publish", "subscribe", "unsubscribe"}
_KEYLESS |= {"auth", "hello", "quit", "reset"}


def _dry(admin: Any, words: list[str]) -> bool:  # noqa: ANN401
    """True when some form of it is allowed with the clears' key in it."""
    name = words[0]
    if name in _KEYLESS:
        return False
    forms: list[list[str]] = [[KEYS.clears] * count for count in range(1, 6)]
    if name in {"eval", "evalsha", "fcall", "eval_ro", "evalsha_ro", "fcall_ro"}:
        forms = [["x", "1", KEYS.clears]]
    return any(_allows(admin, [*words, *form]) for form in forms)


def _allows(admin: Any, command: list[str]) -> bool:  # noqa: ANN401
    try:
        return admin.execute_command("ACL", "DRYRUN", GATE.username, *command) in {"OK", b"OK", True}
    except redis.ResponseError:
        return False  # not a form of this command
