"""The servers of a run, by name: bare echoes and gates. Each is started when a cell needs it."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.bench.gates import MeasuredGate, World
from tests.bench.loads import TOOLS, Target
from tests.bench.processes import Served, module
from tests.integration.kill_switch.real_server import free_port

DIRECT_ENVIRONMENT = {"GRPC_EXPERIMENTS": "-event_engine_listener"}
OWN_ENGINE = "public"


class NotHereError(Exception):
    """This machine or this tree has no such server; says why."""


def gate_worlds() -> Mapping[str, World]:
    """The gates, apart from those of other sizes."""
    return {
        "gate": World(),
        "gate-tcp": World(tcp=True),
        "gate-power": World(settings="journal: {durability: power}\n"),
    }


def start(names: Iterable[str], stack: ExitStack, folder: Path) -> tuple[dict[str, Target], dict[str, str]]:
    """Starts what the names stand for; what is missing comes back with its reason. The stack ends them."""
    worlds, running, missing = gate_worlds(), dict[str, Target](), dict[str, str]()
    for name in names:
        try:
            running[name] = (
                stack.enter_context(MeasuredGate(worlds[name])) if name in worlds else _echo(name, stack, folder)
            )
        except NotHereError as error:
            missing[name] = str(error)
    return running, missing


def _echo(name: str, stack: ExitStack, folder: Path) -> Target:
    kind, _, carried = name.partition("-")
    address = f"127.0.0.1:{free_port()}" if carried == "tcp" else f"unix:{folder}/{name}"
    words, environment = _ECHOES[kind](address)
    return stack.enter_context(Served(words, address, log=folder / f"{name}.log", environment=environment))


def _native(program: str, package: str) -> Callable[[str], tuple[list[str], dict[str, str]]]:
    def words(address: str) -> tuple[list[str], dict[str, str]]:
        if not (TOOLS / program).exists():
            raise NotHereError(f"{package} is not built here: make bench-tools says why")
        return [str(TOOLS / program), address], {}

    return words


_ECHOES: Mapping[str, Callable[[str], tuple[list[str], dict[str, str]]]] = {
    "aio": lambda address: (module("tests.bench.echoes", "aio", address), {}),
    "engine": lambda address: (module("tests.bench.echoes", OWN_ENGINE, address), DIRECT_ENVIRONMENT),
    "cpp": _native("echo", "the C++ echo"),
    "go": _native("echo-go", "the Go echo"),
}
