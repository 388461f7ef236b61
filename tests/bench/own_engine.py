"""A bare echo on the gate's own engine, with the options and the budget of the gate's strategy listener."""

import asyncio
import sys
from dataclasses import dataclass

from risksvc.gate.engine.methods import Engine, Handle, Served, Session, Unary
from risksvc.gate.engine.public import PublicEngine
from risksvc.gate.servers import STRATEGY_BUDGET, channel_options

_SERVICE = "/risksvc.v1.StrategyService"


class Nothing:
    """An owner that never takes anything, so that no reply waits."""

    taken = 0

    async def durable(self) -> None:
        return


@dataclass(slots=True)
class Counts:
    malformed: int = 0
    expired: int = 0
    internal_errors: int = 0


def _engine(kind: str, handle: Handle, *, spin_us: int) -> Engine:
    served = Served(
        methods=(Unary(f"{_SERVICE}/CheckOrder", handle), Session(f"{_SERVICE}/CheckOrders", handle)),
        behind=Nothing(),
        tallies=Counts(),
        options=tuple(channel_options(STRATEGY_BUDGET)),
        rpcs=STRATEGY_BUDGET.rpcs,
    )
    if kind != "public":
        raise SystemExit(f"no engine {kind!r} here")
    return PublicEngine(served)


def serve(handle: Handle, *, address: str, kind: str, spin_us: int) -> None:
    """Until standard input ends."""
    asyncio.run(_serve(handle, address=address, kind=kind, spin_us=spin_us))


async def _serve(handle: Handle, *, address: str, kind: str, spin_us: int) -> None:
    engine = _engine(kind, handle, spin_us=spin_us)
    engine.add_insecure_port(address)
    await engine.start()
    print("ready", flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    await engine.stop(0)
