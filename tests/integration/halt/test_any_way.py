"""`risksvc halt`, as a process, against real gates and a real Redis: any way is enough, and none that hangs stops it.

What is timed is told to the reader of a failure, and bounded far above what the command promises: this machine is slow.
"""

import shutil
import signal
from pathlib import Path

import pytest

from risksvc.gate.latch import read_latch
from tests.integration.gate.gate_process import RUN
from tests.integration.halt.fleet import Fleet
from tests.integration.kill_switch.real_server import RealServer

HANGS = 20.0

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
    done = pair.halt(gate="g1")
    redis.wake()
    assert done.code == 5, done
    assert done.seconds < HANGS
    assert done.document["effect"] == "HALT_EFFECT_LATCHED"
    assert done.document["missing"] == ["redis"]
    assert done.paths() == {"gate g1": "taken", "gate g2": "taken", "redis": "failed", "latch": "not needed"}
    pair.gates["g1"].wait_for(
        lambda: pair.halt("--halt-id", done.document["halt_id"], gate="g1").code == 0, "effective when Redis is back"
    )


def test_a_gate_hangs_and_redis_is_dead(pair: Fleet, redis: RealServer) -> None:
    process = pair.gates["g2"].process
    assert process is not None
    redis.kill()
    process.send_signal(signal.SIGSTOP)
    done = pair.halt(gate="g1")
    assert done.code == 5, done
    assert done.seconds < HANGS
    assert done.document["missing"] == ["redis", "g2"]
    assert done.paths()["gate g1"] == "taken"


def test_everything_is_dead_and_the_latch_remembers(pair: Fleet, redis: RealServer) -> None:
    redis.kill()
    for gate in pair.gates.values():
        gate.kill()
    done = pair.halt(gate="g1")
    assert done.code == 5, done
    assert done.paths() == {"gate g1": "failed", "gate g2": "failed", "redis": "failed", "latch": "taken"}
    assert set(done.document["missing"]) == {"redis", "g2"}
    assert not done.document["can_still_fill_known"]
    halt_id = done.document["halt_id"]
    assert halt_id in read_latch(pair.gates["g1"].folder / "s" / "latch")[0].uncleared
    redis.start()
    for gate in pair.gates.values():
        gate.start()
    pair.wait_for_halts({"g1": [halt_id], "g2": [halt_id]})


def test_a_dead_gate_with_a_store_of_its_own(folder: Path) -> None:
    fleet = Fleet(folder, None, size=1)
    fleet.start()
    try:
        fleet.gates["g1"].stop()
        done = fleet.halt(gate="g1")
        assert done.code == 0, done
        assert done.paths() == {"gate g1": "failed", "redis": "failed", "latch": "taken"}
        fleet.gates["g1"].start()
        assert fleet.halted() == {"g1": [done.document["halt_id"]]}
    finally:
        fleet.stop()


@pytest.mark.parametrize("token", ["not-the-token", None])
def test_a_token_that_no_gate_accepts_still_halts_by_the_store(pair: Fleet, token: str | None) -> None:
    done = pair.halt(gate="g1", token=token)
    assert (done.code, done.document["missing"]) == (0, []), done
    assert done.paths() == {"gate g1": "failed", "gate g2": "failed", "redis": "taken", "latch": "not needed"}
    [halt] = pair.gates["g2"].status().halts
    assert halt.by.startswith("cli:")


def test_a_gate_that_is_closed_by_a_fault(folder: Path, redis: RealServer) -> None:
    fleet = Fleet(folder, redis, size=1)
    gate = fleet.gates["g1"]
    gate._run = CRASHING
    fleet.start()
    try:
        (gate.folder / "full").touch()
        first = fleet.halt("--account", "a1", gate="g1")  # its own journal entry is the one that can't be written
        second = fleet.halt(gate="g1")
        for done in (first, second):
            assert done.code == 0, done
            assert done.paths()["gate g1"] == "taken"
        assert "the gate is closed" in gate.log_text()
        (gate.folder / "full").unlink()
        ids = {first.document["halt_id"], second.document["halt_id"]}
        gate.wait_for(lambda: ids <= set(fleet.halted()["g1"]), "the core has them")
    finally:
        fleet.stop()


def test_no_way_at_all(pair: Fleet, redis: RealServer) -> None:
    redis.kill()
    for gate in pair.gates.values():
        gate.kill()
    home = pair.gates["g1"].folder
    shutil.rmtree(home / "s")
    done = pair.halt(gate="g1")
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
    assert done.seconds < HANGS
    assert not (home / "s").exists(), "nothing was made where nothing was"
