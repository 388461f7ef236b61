"""What a server's own words say about how safe halts are on it, and when that keeps a gate closed."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from risksvc.gate.kill_switch import inspecting
from risksvc.gate.kill_switch.inspecting import StoreWatch
from risksvc.gate.kill_switch.soundness import Check, Finding, Inspection, inspect_server
from risksvc.gate.kill_switch.view import StoreUnreachableError

FIT: dict[str, Any] = {
    "run_id": "r1",
    "maxmemory_policy": "noeviction",
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
    "role": "master",
    "connected_slaves": 2,
    "slave0": {"state": "online"},
    "slave1": {"state": "wait_bgsave"},
}
KEYS = {"{risksvc:*}:meta": -1, "{risksvc:*}:halts": -2}


def test_a_fit_server() -> None:
    found = inspect_server(FIT, KEYS, replicas=1)
    assert (found.run_id, found.problems, found.unchecked) == ("r1", (), ())
    assert {each.check for each in found.findings} == set(Check)


@pytest.mark.parametrize(
    ("said", "check", "told"),
    [
        ({"maxmemory_policy": "allkeys-lru"}, Check.EVICTION, "CONFIG SET maxmemory-policy noeviction"),
        ({"aof_enabled": 0}, Check.APPEND_ONLY, "CONFIG SET appendonly yes"),
        ({"aof_last_write_status": "err"}, Check.AOF_WRITES, "look at the server's disk"),
        ({"role": "slave"}, Check.ROLE, "point redis.url at the primary"),
        ({"slave0": {"state": "send_bulk"}}, Check.REPLICAS, "0 replicas are online and redis.replicas asks for 1"),
        ({"connected_slaves": 0}, Check.REPLICAS, "INFO replication shows them"),
        ({"connected_slaves": 3}, Check.REPLICAS, "no majority, so a primary that was cut off could go on"),
    ],
)
def test_what_is_wrong_says_what_to_type(said: dict[str, Any], check: Check, told: str) -> None:
    found = inspect_server(FIT | said, KEYS, replicas=1)
    (problem,) = found.problems
    assert told in problem
    assert [each.check for each in found.findings if each.wrong] == [check]


def test_what_would_expire() -> None:
    found = inspect_server(FIT, KEYS | {"{risksvc:main}:clears": 5_000}, replicas=0)
    (problem,) = found.problems
    assert "PERSIST {risksvc:main}:clears" in problem


def test_what_a_hosted_server_does_not_tell_is_unchecked_and_no_problem() -> None:
    found = inspect_server({"run_id": "r1"}, KEYS, replicas=1)
    assert found.problems == ()
    assert set(found.unchecked) == set(Check) - {Check.EXPIRY}


class Server:
    """Gives what it is told to."""

    def __init__(self) -> None:
        self.run_id, self.problem, self.down, self.looks = "r1", "", False, 0

    async def inspect(self, namespaces: Sequence[str]) -> Inspection:
        assert namespaces == ("*", "main")
        self.looks += 1
        if self.down:
            raise StoreUnreachableError("down")
        return Inspection(self.run_id, (Finding(Check.EVICTION, self.problem),))


async def test_nothing_opens_before_this_very_start_of_the_server_was_inspected(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server()
    watch = StoreWatch(server, ("*", "main"))
    assert "has not been checked yet" in watch.refusal("r1")
    await watch.look()
    assert watch.refusal("r1") == ""
    assert "has not been checked yet" in watch.refusal("r2")
    server.problem = "evicts"
    with caplog.at_level(logging.WARNING):
        await watch.look()
        await watch.look()
        assert watch.refusal("r1") == "evicts"
        server.problem = ""
        await watch.look()
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert said == [
        ("ERROR", "the kill switch's store is unsound: evicts"),
        ("WARNING", "the kill switch's store is sound again"),
    ]


async def test_it_looks_again_soon_while_something_is_wrong_or_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspecting, "_AGAIN_SECONDS", 0.01)
    server = Server()
    server.down = True
    watch = StoreWatch(server, ("*", "main"))
    running = asyncio.create_task(watch.run())
    await until(lambda: server.looks >= 3)
    server.down = False
    await until(lambda: watch.last is not None)
    server.run_id = "r2"
    await until(lambda: not watch.refusal("r2"))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - another task's doing
            await asyncio.sleep(0.01)
