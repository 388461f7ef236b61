"""A server that would lose halts opens no gate; one that becomes so later is told, and closes none."""

import asyncio

import pytest

from risksvc.gate.kill_switch import inspecting
from risksvc.gate.kill_switch.scripts import keys_of
from tests.integration.kill_switch.conftest import MakeGate, RunningGate, until
from tests.integration.kill_switch.real_server import RealServer


def problems_of(gate: RunningGate) -> tuple[str, ...]:
    inspection = gate.follower.status().inspection
    return inspection.problems if inspection else ()


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [("maxmemory-policy", "allkeys-lru", "noeviction"), ("appendonly", "no", "yes")],
)
async def test_an_unsound_server_opens_no_gate_until_it_is_repaired(
    server: RealServer, start_gate: MakeGate, name: str, *, wrong: str, right: str
) -> None:
    with server.client() as client:
        client.config_set(name, wrong)
        one = start_gate(server.url)
        await one.begins()
        await until(lambda: f"CONFIG SET {name} {right}" in one.follower.status().problem, one.follower.status)
        await asyncio.sleep(1)
        assert not one.is_open()
        client.config_set(name, right)
    await one.opens()


async def test_what_goes_wrong_while_it_is_open_is_told_and_closes_nothing(
    server: RealServer, start_gate: MakeGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspecting, "EVERY_SECONDS", 0.1)
    one = start_gate(server.url)
    await one.begins()
    await one.opens()
    with server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        await until(lambda: any("allkeys-lru" in problem for problem in problems_of(one)), one.follower.status)
        await asyncio.sleep(1)
        await one.opens()
        client.config_set("maxmemory-policy", "noeviction")
        await until(lambda: problems_of(one) == (), one.follower.status)
        client.hset(keys_of("main").clears, "h9", '{"halt_id":"h9","by":["x"],"reason":"r","at":1}')
        client.expire(keys_of("main").clears, 1000)
        await until(lambda: any("PERSIST" in problem for problem in problems_of(one)), one.follower.status)
