"""The servers of a run, by name: bare echoes and gates. Each is started when a cell needs it."""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from risksvc.gate.engine.experiments import VARIABLES
from tests.bench.gates import MeasuredGate, World
from tests.bench.loads import TOOLS, Load, Target, ask, new_prefix
from tests.bench.processes import Served, module
from tests.integration.kill_switch.real_server import free_port

PYGRPC_NATIVE = TOOLS / "pygrpc-native"
_TRIES = 10  # a machine that was busy may have cost the gate its lease for a moment


class NotHereError(Exception):
    """This machine or this tree has no such server; says why."""


def start(
    names: Iterable[str], worlds: Mapping[str, World], stack: ExitStack
) -> tuple[dict[str, Target], dict[str, str]]:
    """Starts what the names stand for; what is missing comes back with its reason. The stack ends them."""
    running, missing = dict[str, Target](), dict[str, str]()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rsb")))
    for name in names:
        try:
            running[name] = _gate(worlds[name], stack) if name in worlds else _echo(name, stack, folder)
        except NotHereError as error:
            missing[name] = str(error)
    return running, missing


def _gate(world: World, stack: ExitStack) -> Target:
    gate = stack.enter_context(MeasuredGate(world))
    if world.working:
        let_rest(gate, world.working)
    return gate


def let_rest(gate: MeasuredGate, number: int) -> None:
    """Has so many orders approved, and shows them as working at the venue."""
    left = number
    for _ in range(_TRIES):
        prefix = new_prefix()
        load = Load(mode="stream", inflight=32, most=left, warm=0, instruments=gate.world.instruments)
        made = ask(gate, load, prefix=prefix, seconds=3600)
        gate.rest(prefix, made.asked)
        left -= made.asked - made.denied - made.failed
        if left <= 0:
            return
    raise RuntimeError(f"{left} of {number} orders that were to rest were denied: {made.problem}")


def _echo(name: str, stack: ExitStack, folder: Path) -> Target:
    kind, _, carried = name.partition("-")
    address = f"127.0.0.1:{free_port()}" if carried == "tcp" else f"unix:{folder}/{name}"
    words, environment = _ECHOES[kind](address)
    return stack.enter_context(Served(words, address, log=folder / f"{name}.log", environment=environment))


def _native(program: str, package: str) -> Callable[[str], tuple[list[str], Mapping[str, str]]]:
    def words(address: str) -> tuple[list[str], Mapping[str, str]]:
        if not (TOOLS / program).exists():
            raise NotHereError(f"{package} is not built here: make bench-tools says why")
        return [str(TOOLS / program), address], {}

    return words


def _rust(address: str) -> tuple[list[str], Mapping[str, str]]:
    if not (PYGRPC_NATIVE / "pygrpc_native").is_dir():
        raise NotHereError("pygrpc-native is not installed here: make bench-tools says why")
    return module("tests.bench.echoes", "rust", address), {"PYTHONPATH": str(PYGRPC_NATIVE)}


_ECHOES: Mapping[str, Callable[[str], tuple[list[str], Mapping[str, str]]]] = {
    "rust": _rust,
    "aio": lambda address: (module("tests.bench.echoes", "aio", address), {}),
    "engine": lambda address: (module("tests.bench.echoes", "direct", address), VARIABLES),
    "cpp": _native("echo", "the C++ echo"),
    "go": _native("echo-go", "the Go echo"),
}
