"""One follower with its latch and its way to a server in memory, and time that tests advance."""

from pathlib import Path

from risksvc.core.events import Input
from risksvc.gate.kill_switch.follower import KillSwitchFollower
from risksvc.gate.kill_switch.rounds import FollowerSettings, GatePorts
from risksvc.gate.latch import open_latch
from tests.unit.gate.kill_switch.fake_store import FakeServer, FakeStore
from tests.unit.gate.manual_clock import ManualClock


class Gate:
    """One follower, its latch, its way to the server, and what its owner was told."""

    def __init__(self, server: FakeServer, folder: Path, gate_id: str, *, private: bool = False) -> None:
        self.server, self.clock, self.folder = server, server.clock, folder
        self.store = FakeStore(server)
        self.told: list[Input] = []
        self.latch = open_latch(folder / gate_id / "latch", gate_id=gate_id, now=self.clock.now(), expected=False)
        self.follower = KillSwitchFollower(
            self.store,
            self.latch,
            settings=FollowerSettings(gate_id, ("main",), private=private),
            ports=GatePorts(self.clock.now, self.told.append, lambda: ("1.0", "hash"), self.clock.wall),
        )
        self.follower.announce_latch()

    async def step(self) -> list[Input]:
        """A round; gives what was told in it."""
        before = len(self.told)
        await self.follower.step()
        return self.told[before:]

    def is_open(self) -> bool:
        return self.follower.status().lease_left_ns > 0

    def kinds(self) -> list[str]:
        return [type(what).__name__ for what in self.told]


async def run_ms(clock: ManualClock, milliseconds: int, *gates: Gate) -> None:
    for _ in range(milliseconds // 100):
        for gate in gates:
            await gate.step()
        clock.pass_ms(100)


async def opened(clock: ManualClock, *gates: Gate) -> None:
    """Initialised by the first gate, every barrier over."""
    await gates[0].follower.initialise()
    await run_ms(clock, 1000, *gates)
    for gate in gates:
        await gate.step()
        assert gate.is_open()
        gate.told.clear()
