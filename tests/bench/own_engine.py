"""A bare echo on the gate's own engine, with the options and the budget of the gate's strategy listener."""

import asyncio
import sys
from dataclasses import dataclass

from risksvc.gate.engine.choosing import choose, make_engine
from risksvc.gate.engine.methods import Handle, Served, Session, Unary
from risksvc.gate.engine.settings import EngineKind, EngineSettings
from risksvc.gate.engine.shared_loop import SharedLoop
from risksvc.gate.servers import STRATEGY_BUDGET, channel_options

_SERVICE = "/risksvc.v1.StrategyService"


class Nothing:
    """An owner that never takes anything, so that no reply waits."""

    taken = 0

    async def durable(self) -> None:
        return

    def commit(self) -> None:
        return

    def not_durable(self, error: Exception) -> Exception:
        return error


@dataclass(slots=True)
class Counts:
    malformed: int = 0
    expired: int = 0
    internal_errors: int = 0


def serve(handle: Handle, *, address: str, kind: str) -> None:
    """Until standard input ends. Refuses when this grpcio can't carry that engine: another one would be measured."""
    standing = choose(EngineKind(kind))
    if standing.problem:
        raise SystemExit(standing.problem)
    with asyncio.Runner(loop_factory=SharedLoop) as runner:
        runner.run(_serve(handle, address=address, kind=EngineKind(kind)))


async def _serve(handle: Handle, *, address: str, kind: EngineKind) -> None:
    served = Served(
        methods=(Unary(f"{_SERVICE}/CheckOrder", handle), Session(f"{_SERVICE}/CheckOrders", handle)),
        behind=Nothing(),
        tallies=Counts(),
        options=tuple(channel_options(STRATEGY_BUDGET)),
        rpcs=STRATEGY_BUDGET.rpcs,
    )
    engine = make_engine(choose(kind), EngineSettings(kind), served)
    engine.add_insecure_port(address)
    await engine.start()
    print("ready", flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    await engine.stop(0)
