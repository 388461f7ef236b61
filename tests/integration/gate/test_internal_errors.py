"""What fails inside, wherever it fails, ends in a denial or in a halt, and never in an approval."""

from pathlib import Path

import grpc
import pytest

from risksvc.v1 import operator_pb2, strategy_pb2
from tests.integration.gate.conftest import Order, open_gate
from tests.integration.gate.gate_process import GateProcess, as_

# From the moment when the file `inject` is there, the function that it names fails.
INJECT = """
import importlib, inspect, sys
from pathlib import Path
from risksvc.gate import serve

folder = Path(sys.argv[1]).parent

def failing(what):
    module, _, path = what.partition(":")
    owner = importlib.import_module(module)
    *outer, name = path.split(".")
    for one in outer:
        owner = getattr(owner, one)
    real = getattr(owner, name)

    def now():
        if (folder / "inject").exists():
            raise {"OSError": OSError, "AssertionError": AssertionError}.get(sys.argv[3], RuntimeError)("injected")

    async def later(*args, **options):
        now()
        return await real(*args, **options)

    def at_once(*args, **options):
        now()
        return real(*args, **options)

    setattr(owner, name, later if inspect.iscoroutinefunction(real) else at_once)

failing(sys.argv[2])
sys.exit(serve.run_gate(Path(sys.argv[1])))
"""
# What fails, with what; what becomes of the process: it goes on (None), or ends with this code and comes back halted.
FATAL = 70
PLACES: dict[str, tuple[str, int | None]] = {
    "risksvc.core.gate:RiskGate.apply RuntimeError": ("a fault", FATAL),  # nor can the journal be replayed
    "risksvc.core.gate:RiskGate.apply AssertionError": ("a fault", FATAL),
    "risksvc.gate.owner:encode RuntimeError": ("a fault", None),
    "risksvc.gate.journal:Journal.append OSError": ("a fault", None),
    "risksvc.gate.journal:Journal.durable OSError": ("a fault", FATAL),
    "risksvc.gate.strategy_service:order_checked RuntimeError": ("no answer", None),
    "risksvc.gate.strategy_service:decision_bytes RuntimeError": ("no answer", None),
    "risksvc.gate.strategy_service:StrategyService.check_order RuntimeError": ("no answer", None),
    "risksvc.gate.watching:Watchers.look RuntimeError": ("a fault", FATAL),
    "risksvc.gate.kill_switch.rounds:Rounds.run_one RuntimeError": ("a fault", FATAL),
    "risksvc.gate.kill_switch.store:KillSwitchStore.poll OSError": ("a fault", FATAL),
    "risksvc.gate.state_metrics:StateMetrics.steps RuntimeError": ("nothing", None),
}


def start(folder: Path, place: str) -> GateProcess:
    where, _, error = place.partition(" ")
    gate = GateProcess(folder, run=INJECT.replace("sys.argv[2]", repr(where)).replace("sys.argv[3]", repr(error)))
    gate.start()
    return gate


def approved(gate: GateProcess, order: Order) -> bool:
    try:
        answer = gate.strategy.CheckOrder(order(quantity="0.001"), timeout=5)
    except grpc.RpcError:
        return False
    return bool(answer.outcome == strategy_pb2.OUTCOME_APPROVED)


@pytest.mark.parametrize("place", PLACES)
def test_a_failure_inside(folder: Path, order: Order, place: str) -> None:
    gate = start(folder, place)
    feed = open_gate(gate)
    assert approved(gate, order)
    (folder / "inject").touch()
    what, code = PLACES[place]
    if code is None:
        if what != "nothing":
            for _ in range(5):
                assert not approved(gate, order)
    else:
        approved(gate, order)  # it may be decided before the task beside it fails
        assert gate.process is not None
        assert gate.process.wait(30) == code, gate.log_text()
        gate.process = None
    (folder / "inject").unlink()
    feed.close()
    if code is None and what == "a fault":
        gate.wait_for(lambda: halted(gate), "the fault is halted")
    gate.kill()
    gate.start()
    assert halted(gate) is (what == "a fault"), gate.log_text()
    gate.stop()


def halted(gate: GateProcess) -> bool:
    answer = gate.operator().GetStatus(operator_pb2.GetStatusRequest(), timeout=5, metadata=as_("alice"))
    return "GATE_FAULT" in [one.trigger for one in answer.halts]
