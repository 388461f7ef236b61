"""Several gates on one Redis: each halt reaches exactly whom it must, and so does each resume."""

import signal

import pytest

from risksvc.v1 import types_pb2
from tests.integration.gate.scripted_feed import ScriptedFeed, hello
from tests.integration.halt.fleet import Fleet, wait_for
from tests.stopping import stop

pytestmark = pytest.mark.timeout(300)  # several processes each, on a machine that may be busy

HALTED = int(types_pb2.TRADING_STATE_HALTED)
EVERYTHING = {(account, strategy) for account in ("a1", "a2", "a3") for strategy in ("", "mm", "trend")}


def halted_by(fleet: Fleet) -> set[tuple[str, str]]:
    return {scope for scope, state in fleet.states().items() if state == HALTED}


def ids(*halts: object) -> list[str]:
    return [str(halt) for halt in halts]


def test_each_scope_reaches_exactly_whom_it_must(fleet: Fleet) -> None:
    status = fleet.gates["g1"].status()
    told = {gate.gate_id: gate for gate in status.kill_switch.gates}
    assert set(told) == {"g1", "g2", "g3"}
    assert {gate.version for gate in told.values()} == {status.version}
    assert all(gate.limits_hash and gate.incarnation for gate in told.values())
    assert {name: list(gate.accounts) for name, gate in told.items()} == {"g1": ["a1"], "g2": [], "g3": []}
    assert not any(gate.skewed for gate in told.values()), "limits are compared within one account"

    # Whoever's settings are used: the command goes to all of them.
    strategy = fleet.halt("--account", "a2", "--strategy", "mm", gate="g1", code=0)
    instrument = fleet.halt("--account", "a3", "--instrument", "BTC/USDT:USDT", gate="g2", code=0)
    first, second = strategy.document["halt_id"], instrument.document["halt_id"]
    fleet.wait_for_halts({"g1": [], "g2": ids(first), "g3": ids(second)})
    assert halted_by(fleet) == {("a2", "mm")}, "an instrument is halted for every strategy, and no strategy is"

    account = fleet.halt("--account", "a1", gate="g3", code=0).document["halt_id"]
    fleet.wait_for_halts({"g1": ids(account), "g2": ids(first), "g3": ids(second)})
    assert halted_by(fleet) == {("a2", "mm"), ("a1", ""), ("a1", "mm"), ("a1", "trend")}

    everything = fleet.halt(gate="g2", code=0).document["halt_id"]
    fleet.wait_for_halts({"g1": ids(account, everything), "g2": ids(first, everything), "g3": ids(second, everything)})
    assert halted_by(fleet) == EVERYTHING


def test_a_gate_that_was_taken_away_keeps_no_halt_from_being_effective(pair: Fleet) -> None:
    pair.gates.pop("g2").kill()
    done = pair.halt(gate="g1", code=0, paths={"gate g2": "failed"})
    assert not done.document["missing"]
    wait_for(lambda: not seen_live(pair, "g2"), "g2 is shown as silent")
    assert seen_live(pair, "g1")


def seen_live(fleet: Fleet, gate_id: str) -> bool:
    gates = fleet.gates["g1"].status().kill_switch.gates
    return next(gate.live for gate in gates if gate.gate_id == gate_id)


def test_a_resume_reaches_exactly_whom_it_must(pair: Fleet) -> None:
    feeds = [ScriptedFeed(gate.channel("venue"), introduce=hello(f"a{name[1:]}")) for name, gate in pair.gates.items()]
    for feed in feeds:
        feed.ready()
    one = pair.halt("--account", "a1", gate="g1", code=0).document["halt_id"]
    two = pair.halt("--account", "a2", gate="g1", code=0).document["halt_id"]
    everything = pair.halt(gate="g1", code=0).document["halt_id"]
    pair.wait_for_halts({"g1": ids(one, everything), "g2": ids(two, everything)})

    # An account's halt is its own gate's to clear.
    refused = pair.run("resume", two, "--reason", "over", gate="g1")
    assert refused.code == 1, refused

    wait_for(lambda: resumed(pair, everything, gate="g1"), "everything is resumed by g1")
    pair.wait_for_halts({"g1": ids(one), "g2": ids(two)})
    wait_for(lambda: resumed(pair, two, gate="g2"), "a2 is resumed by g2")
    pair.wait_for_halts({"g1": ids(one), "g2": []})
    for feed in feeds:
        feed.close()


def resumed(fleet: Fleet, halt_id: str, *, gate: str) -> bool:
    """Tries, after a complete read; refused for as long as the cool-down lasts."""
    fleet.run("reconcile", gate=gate)
    return fleet.run("resume", halt_id, "--reason", "over", gate=gate).code == 0


def test_a_halt_waits_for_the_lease_of_a_gate_that_is_stopped(pair: Fleet) -> None:
    process = pair.gates["g2"].process
    assert process is not None
    stop(process.pid)
    done = pair.halt(gate="g1", code=0, paths={"gate g1": "taken", "gate g2": "failed", "redis": "taken"})
    assert not done.document["missing"]
    process.send_signal(signal.SIGCONT)
    pair.wait_for_halts({"g1": [done.document["halt_id"]], "g2": [done.document["halt_id"]]})
