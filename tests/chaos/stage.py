"""One scenario on its stage: a world that trades, operators, an oracle, and a verdict however it ends."""

import random
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from risksvc.gate.redis_server import bundled_server
from tests.chaos.halts import Operators
from tests.chaos.journals import verify_journals
from tests.chaos.oracle import BOUND_NS, Oracle, Verdict
from tests.chaos.world import World


@dataclass(frozen=True, slots=True)
class Options:
    """What `make chaos` was told. `long`: everything that takes minutes as well."""

    cycles: int = 100
    halts: int = 40
    outages: int = 3
    seed: int = 1
    long: bool = False
    server: str = ""
    bars: bool = True

    @property
    def binary(self) -> Path | None:
        """The server to run as Redis; None: the one that the product itself would choose."""
        return bundled_server() if self.server == "valkey" else None


@dataclass(slots=True)
class Stage:
    """What a scenario works with."""

    options: Options
    world: World
    operators: Operators
    oracle: Oracle
    verdict: Verdict
    random: random.Random
    bound_ns: int = BOUND_NS


Scenario = Callable[[Options], Verdict]


@contextmanager
def stage(options: Options, name: str, *, per_second: float = 50.0, begin: bool = True) -> Iterator[Stage]:
    """A scenario's body runs inside. Whatever goes wrong is a violation, told in its verdict, with the folder kept."""
    began = time.monotonic()
    verdict = Verdict(name)
    with World(per_second=per_second, server=options.binary) as world:
        operators = Operators(world)
        set_up = Stage(
            options,
            world,
            operators,
            Oracle(world, operators, verdict),
            verdict,
            random.Random(f"{options.seed} {name}"),
        )
        if begin:
            world.begin()
        try:
            yield set_up
        except Exception as error:  # noqa: BLE001 - a violation, whatever it was
            world.keep().joinpath("driver.log").write_text(traceback.format_exc())
            verdict.violate(f"stuck: {type(error).__name__}: {error}")
        set_up.oracle.judge(bound_ns=set_up.bound_ns)
        world.stop_gates()
        verify_journals(world, verdict)
        if verdict.violations:
            verdict.folder = str(world.keep())
            world.folder.joinpath("violations.log").write_text("\n".join(verdict.violations) + "\n")
    verdict.seconds = time.monotonic() - began
