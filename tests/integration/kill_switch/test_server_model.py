"""The simulator's model of the servers against real ones: one table of calls gives the same answers on both."""

from dataclasses import replace
from typing import Any

from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import Scope, Severity, TradingState
from risksvc.gate.kill_switch.records import Heartbeat
from risksvc.gate.kill_switch.store import KillSwitchStore, Store
from risksvc.gate.kill_switch.view import Added, Beginning, ClearGuard, ClearsWritten, Initialised, StoreView
from tests.simulation.servers import Server

NAMESPACE = "model"
FAR_MS = 10**14


def halt(halt_id: str) -> Halt:
    return Halt(halt_id, Scope(NAMESPACE), TradingState.HALTED, Severity.P1, "OPERATOR", "drill", "olga", 1, "g1")


def clear(halt_id: str) -> Clear:
    return Clear(halt_id, ("ann", "bob"), 2, "over")


def beat(gate_id: str, incarnation: str, digest: str = "", bound_ns: int = 10**13) -> Heartbeat:
    return Heartbeat(gate_id, incarnation, digest, bound_ns)


def guard(generation: str, epoch: int, deadline_ms: int = FAR_MS) -> ClearGuard:
    return ClearGuard(generation, epoch, deadline_ms)


BEGINNING = Beginning("gen", least_epoch=7, clears=(clear("old"),))
# Each: what is called, with what.
TABLE: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("poll", ("g1", None)),
    ("add_halts", ((halt("h0"),), 0)),
    ("poll", ("g1", beat("g1", "a"))),
    ("initialise", (BEGINNING,)),
    ("initialise", (replace(BEGINNING, generation="other"),)),
    ("initialise", (BEGINNING,)),
    ("poll", ("g1", beat("g1", "a", "d1"))),
    ("poll", ("g2", beat("g2", "b"))),
    ("poll", ("g1", beat("g1", "twin"))),
    ("poll", ("g3", beat("g3", "short", bound_ns=-1))),
    ("poll", ("g3", beat("g3", "next"))),
    ("add_halts", ((halt("h1"), halt("h2")), 0)),
    ("add_halts", ((halt("h2"), halt("h3")), 0)),
    ("add_halts", ((), 50)),
    ("add_halts", ((halt("h3"),), 20)),
    ("add_clears", ((clear("h1"),), guard("gen", 3))),
    ("add_clears", ((clear("h1"),), guard("wrong", 50))),
    ("add_clears", ((clear("h1"),), guard("gen", 50, 1))),
    ("add_clears", ((clear("h1"), clear("nobody")), guard("gen", 50))),
    ("poll", ("g1", None)),
    ("add_clears", ((clear("h1"), clear("h2")), guard("gen", 50))),
    ("add_clears", ((clear("h1"),), guard("wrong", 1, 1))),
    ("add_clears", ((clear("h1"), clear("h3")), guard("gen", 52))),
    ("poll", ("g2", beat("g2", "b", "d2"))),
)


def shown(answer: object) -> object:
    """Without what differs between any two servers: clocks and run ids."""
    if isinstance(answer, StoreView):
        seen = {name: one.heartbeat for name, one in answer.seen.items()}
        rival = None if answer.rival is None else answer.rival.heartbeat
        same = (answer.generation, answer.epoch, answer.digest, answer.role, dict(answer.halts), dict(answer.clears))
        return (*same, seen, rival)
    if isinstance(answer, ClearsWritten):
        detail = "" if answer.outcome.value == "LATE" else answer.detail
        return (answer.outcome, answer.epoch, detail)
    assert isinstance(answer, Added | Initialised)
    return answer


async def really(store: Store, name: str, given: tuple[Any, ...]) -> object:
    if name == "poll":
        return await store.poll(NAMESPACE, gate_id=given[0], heartbeat=given[1])
    if name == "add_halts":
        return await store.add_halts(NAMESPACE, given[0], least_epoch=given[1])
    if name == "add_clears":
        return await store.add_clears(NAMESPACE, given[0], guard=given[1])
    return await store.initialise(NAMESPACE, given[0])


async def test_the_model_answers_as_a_server_does(store: KillSwitchStore) -> None:
    model = Server("model", now=lambda: 0)
    for number, (name, given) in enumerate(TABLE):
        expected = shown(getattr(model, name)(NAMESPACE, *given))
        assert shown(await really(store, name, given)) == expected, f"row {number}: {name} {given}"
