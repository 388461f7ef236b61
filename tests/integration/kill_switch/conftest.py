"""Real servers and real followers; every test runs against Debian's Redis (where there is one) and against Valkey."""

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from risksvc.core.events import Input, LeaseLost, LeaseRenewed
from risksvc.core.trading_state import Clear, Halt
from risksvc.gate.clock import Clock
from risksvc.gate.kill_switch import redis_client, server_link
from risksvc.gate.kill_switch.address import StoreAddress
from risksvc.gate.kill_switch.follower import KillSwitchFollower
from risksvc.gate.kill_switch.records import namespace_of
from risksvc.gate.kill_switch.rounds import FollowerSettings, GatePorts
from risksvc.gate.kill_switch.store import KillSwitchStore
from risksvc.gate.kill_switch.view import StoreError
from risksvc.gate.latch import open_latch
from tests.integration.kill_switch.real_server import KINDS, RealServer, binary_of

PATIENCE_SECONDS = 60.0
GATES_PATIENCE_SECONDS = redis_client.SOCKET_TIMEOUT_SECONDS


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose sockets' paths stay short."""
    folder = Path(tempfile.mkdtemp(prefix="rs"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=KINDS)
def binary(request: pytest.FixtureRequest) -> Path:
    return binary_of(request.param)


@pytest.fixture
def server(binary: Path, short_folder: Path) -> Iterator[RealServer]:
    """A running server."""
    running = RealServer(binary, short_folder / "a")
    running.start()
    yield running
    running.stop()


class RunningGate:
    """A follower with its latch, running, and what its owner was told."""

    def __init__(self, url: str | StoreAddress, folder: Path, gate_id: str, *, hints: bool = True) -> None:
        self.clock = Clock()
        self.told: list[tuple[int, Input]] = []  # when, what
        latch = open_latch(folder / gate_id / "latch", gate_id=gate_id, now=self.clock.now(), expected=False)
        self.follower = KillSwitchFollower(
            KillSwitchStore(url),
            latch,
            settings=FollowerSettings(gate_id, ("main",)),
            ports=GatePorts(self.clock.now, lambda what: self.told.append((self.clock.now(), what))),
        )
        self.follower.announce_latch()
        self.stopped = False
        self._hints_url = url if hints else ""
        self.go_on()

    def go_on(self) -> None:
        self.task = asyncio.create_task(self.follower.run(hints_url=self._hints_url))

    def pause(self) -> None:
        self.task.cancel()

    def is_open(self) -> bool:
        return self.follower.status().lease_left_ns > 0

    def inputs(self) -> list[Input]:
        return [what for _, what in self.told]

    def last_lease(self) -> LeaseRenewed | LeaseLost | None:
        leases = [what for what in self.inputs() if isinstance(what, LeaseRenewed | LeaseLost)]
        return leases[-1] if leases else None

    async def begins(self) -> None:
        """An operator's first step, again and again where a busy machine takes longer than 50 ms for it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                with suppress(StoreError):
                    await self.follower.initialise()
                    return
                await asyncio.sleep(0.01)

    async def opens(self) -> None:
        await until(self.is_open, self.follower.status)

    async def closes(self) -> LeaseLost:
        await until(lambda: isinstance(self.last_lease(), LeaseLost), self.follower.status)
        lost = self.last_lease()
        assert isinstance(lost, LeaseLost)
        return lost

    async def loses_store(self, *, since: int) -> LeaseLost:
        """Told so after the first `since` things that it was told."""

        def lost() -> list[LeaseLost]:
            return [what for what in self.inputs()[since:] if isinstance(what, LeaseLost) and what.store_lost]

        await until(lambda: bool(lost()), self.inputs)
        return lost()[0]

    async def halts(self, *halts: Halt) -> None:
        """Until the store has them, however long a busy machine takes."""
        for halt in halts:
            await self.follower.publish_halt(halt)
            namespace = namespace_of(halt.scope)
            await until(lambda one=halt, at=namespace: one.halt_id in self.seen_halts(at), self.follower.status)  # type: ignore[misc]

    def seen_halts(self, namespace: str) -> Mapping[str, Halt]:
        sight = self.follower._rounds.sights.get(namespace)
        return sight.view.halts if sight else {}

    async def clears(self, *clears: Clear) -> None:
        """Until the store has them: an operator who tries again after each refusal."""
        waiting = {clear.halt_id: clear for clear in clears}
        async with asyncio.timeout(PATIENCE_SECONDS):
            while waiting:
                for halt_id in (await self.follower.write_clears(list(waiting.values()))).written:
                    waiting.pop(halt_id, None)
                await asyncio.sleep(0.01)

    async def hears(self, what: Input) -> None:
        await until(lambda: what in self.inputs(), self.inputs)

    async def stop(self) -> None:
        self.stopped = True
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.follower.close()


async def until(true: Callable[[], bool], shown: Callable[[], object]) -> None:
    """Waits for it, as long as a slow machine may need; says what there was when it never came."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not true():  # noqa: ASYNC110 - it may be another process's doing
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"never came; last: {shown()}") from None


MakeGate = Callable[..., RunningGate]


@pytest.fixture
async def start_gate(short_folder: Path) -> AsyncIterator[MakeGate]:
    """Starts gates; one that is started again under its id finds its latch."""
    gates: list[RunningGate] = []
    names = (f"g{number}" for number in itertools.count(1))

    def start(url: str | StoreAddress, gate_id: str = "", *, hints: bool = True, folder: str = "") -> RunningGate:
        gates.append(RunningGate(url, short_folder / folder, gate_id or next(names), hints=hints))
        return gates[-1]

    yield start
    for gate in gates:
        if not gate.stopped:
            await gate.stop()


@pytest.fixture
async def hasty_store(server: RealServer) -> AsyncIterator[KillSwitchStore]:
    """A store on the running server, as patient as a gate's is, in whatever company."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redis_client, "SOCKET_TIMEOUT_SECONDS", GATES_PATIENCE_SECONDS)
        opened = KillSwitchStore(server.url)
    yield opened
    await opened.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores wait as long as a busy machine may need: for what the scripts do."""
    monkeypatch.setattr(redis_client, "SOCKET_TIMEOUT_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(server_link, "CALL_TIMEOUT_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(server_link, "WAIT_MS", 500)


@pytest.fixture
async def store(server: RealServer, patient: None) -> AsyncIterator[KillSwitchStore]:
    """A patient store on the running server."""
    opened = KillSwitchStore(server.url)
    yield opened
    await opened.close()
