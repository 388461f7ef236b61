"""Which engine serves: the one that the settings ask for, where the grpcio that is installed can carry it.

The direct engine is used with tested versions of grpcio only. With any other the public engine serves instead, slower
and otherwise the same, and that is told: in the log, in `risksvc status`, and by the metric `risksvc_engine`.
"""

import asyncio

import grpc

from risksvc.core.types import SECOND, RiskError
from risksvc.gate.engine.methods import Engine, Served
from risksvc.gate.engine.public import PublicEngine
from risksvc.gate.engine.settings import EngineKind, EngineSettings, Standing
from risksvc.gate.engine.shared_loop import SharedLoop

# What the whole test suite has passed on. One more is added by running it with that version.
TESTED = ("1.85.1",)


def choose(wanted: EngineKind, *, grpcio: str = grpc.__version__) -> Standing:
    """Who can serve."""
    if wanted is EngineKind.DIRECT and grpcio not in TESTED:
        problem = (
            f"engine.kind direct is tested with grpcio {', '.join(TESTED)} only and this is {grpcio}: the public "
            "engine serves instead, which is slower. Install a tested version, or write kind: public"
        )
        return Standing(EngineKind.PUBLIC, problem)
    return Standing(wanted)


def make_engine(standing: Standing, settings: EngineSettings, served: Served) -> Engine:
    """That engine, not started; on the event loop."""
    if standing.kind is EngineKind.PUBLIC:
        return PublicEngine(served)
    from risksvc.gate.engine.direct import DirectEngine  # noqa: PLC0415 - an untested grpcio may not even load it

    loop = asyncio.get_running_loop()
    if not isinstance(loop, SharedLoop):
        raise RiskError("the direct engine needs an event loop that shares the gate with it (SharedLoop)")
    return DirectEngine(served, loop, spin_seconds=settings.spin_ns / SECOND)
