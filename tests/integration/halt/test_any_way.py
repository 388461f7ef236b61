"""`risksvc halt`, as a process, with real gates and a real Redis: any way is enough, and none that hangs stops it."""

from pathlib import Path

import pytest

from risksvc.gate.latch import read_latch
from tests.integration.gate.gate_process import RUN
from tests.integration.halt.fleet import Fleet, wait_for
from tests.integration.kill_switch.real_server import RealServer
from tests.stopping import stop

pytestmark = pytest.mark.timeout(300)  # several processes each, on a machine that may be busy

CRASHING = RUN.replace(
    "from risksvc.gate.serve import run_gate",
    """from risksvc.gate import serve
class Full:
    def __init__(self, journal): self._journal = journal
    def __getattr__(self, name): return getattr(self._journal, name)
    def append(self, payload):
        if Path(sys.argv[1]).with_name("full").exists(): raise OSError(28, "No space left on device")
        self._journal.append(payload)
def run_gate(path): return serve.run_gate(path, wrap_journal=Full)""",
)


def test_redis_hangs(pair: Fleet, redis: RealServer) -> None:
    redis.hang()
    ways = {"gate g1": "taken", "gate g2": "taken", "redis": "failed", "latch": "not needed"}
    done = pair.halt(gate="g1", code=5, paths=ways)
    redis.wake()
    assert done.document["effect"] == "HALT_EFFECT_LATCHED"
    assert done.document["missing"] == ["redis"]
    pair.wait_for_halts({"g1": [done.document["halt_id"]], "g2": [done.document["halt_id"]]})
    assert pair.halt(gate="g1", code=0).document["missing"] == []


def test_a_gate_hangs_and_redis_is_dead(pair: Fleet, redis: RealServer) -> None:
    process = pair.gates["g2"].process
    assert process is not None
    redis.kill()
    stop(process.pid)
    done = pair.halt(gate="g1", code=5, paths={"gate g1": "taken", "gate g2": "failed", "redis": "failed"})
    assert done.document["missing"] == ["redis", "g2"]


def test_everything_is_dead_and_the_latch_remembers(pair: Fleet, redis: RealServer) -> None:
    redis.kill()
    for gate in pair.gates.values():
        gate.kill()
    ways = {"gate g1": "failed", "gate g2": "failed", "redis": "failed", "latch": "taken"}
    done = pair.halt(gate="g1", code=5, paths=ways)
    assert set(done.document["missing"]) == {"redis", "g2"}
    assert not done.document["can_still_fill_known"]
    halt_id = done.document["halt_id"]
    assert halt_id in read_latch(pair.gates["g1"].folder / "s" / "latch")[0].uncleared
    redis.start()
    for gate in pair.gates.values():
        gate.spawn()
        wait_for(gate._answers, "the gate answers", gate)
    pair.wait_for_halts({"g1": [halt_id], "g2": [halt_id]})


def test_a_dead_gate_with_a_store_of_its_own(folder: Path) -> None:
    fleet = Fleet(folder, None, size=1)
    fleet.start()
    try:
        gate = fleet.gates["g1"]
        gate.stop()
        done = fleet.halt(gate="g1", code=0, paths={"gate g1": "failed", "redis": "failed", "latch": "taken"})
        gate.spawn()
        wait_for(gate._answers, "the gate answers", gate)
        assert fleet.halted() == {"g1": [done.document["halt_id"]]}
    finally:
        fleet.stop()


@pytest.mark.parametrize("token", ["not-the-token", None])
def test_a_token_that_no_gate_accepts_still_halts_by_the_store(pair: Fleet, token: str | None) -> None:
    ways = {"gate g1": "failed", "gate g2": "failed", "redis": "taken", "latch": "not needed"}
    assert not pair.halt(gate="g1", code=0, paths=ways, token=token).document["missing"]
    [halt] = pair.gates["g2"].status().halts
    assert halt.by.startswith("cli:")


def test_a_gate_that_is_closed_by_a_fault(folder: Path, redis: RealServer) -> None:
    fleet = Fleet(folder, redis, size=1)
    gate = fleet.gates["g1"]
    gate._run = CRASHING
    fleet.start()
    try:
        (gate.folder / "full").touch()
        # Its own journal entry is the one that can't be written; the second comes while the gate is closed.
        first = fleet.halt("--account", "a1", gate="g1", code=0, paths={"gate g1": "taken"})
        second = fleet.halt(gate="g1", code=0, paths={"gate g1": "taken"})
        assert "the gate is closed" in gate.log_text()
        assert "GATE_FAULT" in fleet.run("status", "--json", gate="g1").out
        (gate.folder / "full").unlink()
        ids = {first.document["halt_id"], second.document["halt_id"]}
        wait_for(lambda: ids <= set(fleet.halted()["g1"]), "the core has them", gate)
    finally:
        fleet.stop()


def test_no_way_at_all(folder: Path, redis: RealServer) -> None:
    """Nothing was ever started: no gate, no state folder, and Redis is dead."""
    redis.kill()
    fleet = Fleet(folder, redis, size=2)
    done = fleet.run("halt", "--reason", "drill", gate="g1")
    assert done.code == 3, done
    assert not done.out
    for words in (
        "NOT KNOWN TO BE HALTED: no way took the halt",
        "gate g2",
        "redis unix:",
        "--halt-id op-",
        "approves",
    ):
        assert words in done.error, words
    assert not (folder / "g1" / "s").exists(), "nothing was made where nothing was"
