"""Several gates on one Redis: each halt reaches exactly whom it must, and so does each resume."""

import signal

from risksvc.v1 import types_pb2
from tests.integration.halt.fleet import Fleet

ACTIVE, HALTED = int(types_pb2.TRADING_STATE_ACTIVE), int(types_pb2.TRADING_STATE_HALTED)
EVERYTHING = {(account, strategy) for account in ("a1", "a2", "a3") for strategy in ("", "mm", "trend")}


def halted_by(fleet: Fleet) -> set[tuple[str, str]]:
    return {scope for scope, state in fleet.states().items() if state == HALTED}


def test_each_scope_reaches_exactly_whom_it_must(fleet: Fleet) -> None:
    status = fleet.gates["g1"].status()
    told = {gate.gate_id: gate for gate in status.kill_switch.gates}
    assert set(told) == {"g1", "g2", "g3"}
    assert {gate.version for gate in told.values()} == {status.version}
    assert all(gate.limits_hash and gate.incarnation and gate.live for gate in told.values())
    assert {name: list(gate.accounts) for name, gate in told.items()} == {"g1": ["a1"], "g2": [], "g3": []}
    assert not any(gate.skewed for gate in told.values()), "limits are compared within one account"

    # Whoever is asked: the command goes to all of them.
    strategy = fleet.halt("--account", "a2", "--strategy", "mm", gate="g1")
    assert (strategy.code, strategy.document["effect"]) == (0, "HALT_EFFECT_EFFECTIVE"), strategy
    instrument = fleet.halt("--account", "a3", "--instrument", "BTC/USDT:USDT", gate="g2")
    assert instrument.code == 0, instrument
    assert halted_by(fleet) == {("a2", "mm")}
    ids = {"g1": [], "g2": [strategy.document["halt_id"]], "g3": [instrument.document["halt_id"]]}
    assert fleet.halted() == ids

    account = fleet.halt("--account", "a1", gate="g3")
    assert account.code == 0, account
    assert halted_by(fleet) == {("a2", "mm"), ("a1", ""), ("a1", "mm"), ("a1", "trend")}

    everything = fleet.halt(gate="g2")
    assert everything.code == 0, everything
    assert halted_by(fleet) == EVERYTHING
    assert set(everything.paths().values()) == {"taken", "not needed"}

    # Through Redis alone it reaches the others as well: g3's own line is cut by a wrong token.
    alone = fleet.halt("--reducing", token="nobody's", gate="g3")  # noqa: S106 - nobody's
    assert alone.code == 0, alone
    assert alone.paths()["redis"] == "taken"
    assert all(alone.document["halt_id"] in halts for halts in fleet.halted().values())


def test_a_gate_that_was_taken_away_keeps_no_halt_from_being_effective(fleet: Fleet) -> None:
    fleet.gates["g3"].kill()
    del fleet.gates["g3"]
    done = fleet.halt(gate="g1")
    assert (done.code, done.document["missing"]) == (0, []), done
    assert done.paths()["gate g3"] == "failed"
    told = {gate.gate_id: gate for gate in fleet.gates["g1"].status().kill_switch.gates}
    assert not told["g3"].live
    assert set(fleet.halted()) == {"g1", "g2"}


def test_a_halt_waits_for_the_lease_of_a_gate_that_is_stopped(pair: Fleet) -> None:
    process = pair.gates["g2"].process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    done = pair.halt(gate="g1")
    assert (done.code, done.document["missing"]) == (0, []), done
    assert done.paths() == {"gate g1": "taken", "gate g2": "failed", "redis": "taken", "latch": "not needed"}
    process.send_signal(signal.SIGCONT)
    pair.wait_for_halts({"g1": [done.document["halt_id"]], "g2": [done.document["halt_id"]]})
