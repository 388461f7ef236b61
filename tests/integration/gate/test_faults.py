"""What goes wrong inside: a disk that is full, a failed assertion, a journal that can't be trusted, a bad start."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from risksvc.v1 import operator_pb2, strategy_pb2, types_pb2
from tests.integration.gate.conftest import Order, connect_feed, open_gate
from tests.integration.gate.gate_process import LIMITS, RUN, GateProcess, as_
from tests.integration.gate.test_serve import reasons

# The journal refuses while the file `full` is there, as a full disk would.
FULL_DISK = """
import sys
from pathlib import Path
from risksvc.gate.journal import JournalWriteError
from risksvc.gate.serve import run_gate

class FullDisk:
    def __init__(self, journal):
        self.journal = journal
    def recover(self):
        return self.journal.recover()
    def append(self, payload):
        if (Path(sys.argv[1]).parent / "full").exists():
            raise JournalWriteError("no space left on device")
        self.journal.append(payload)
    async def durable(self):
        await self.journal.durable()
    def commit(self):
        self.journal.commit()
    @property
    def stats(self):
        return self.journal.stats

sys.exit(run_gate(Path(sys.argv[1]), wrap_journal=FullDisk))
"""
# An order named `bug` fails an assertion in the core, one named `oops` raises.
BUG = """
import sys
from pathlib import Path
from risksvc.core import gate, events
from risksvc.gate.serve import run_gate

check = gate.HANDLERS[events.OrderChecked]

def buggy(state, event, now):
    assert event.order.client_order_id != "bug", "I2: approved over a limit"
    if event.order.client_order_id == "oops":
        raise ZeroDivisionError
    return check(state, event, now)

gate.HANDLERS[events.OrderChecked] = buggy
sys.exit(run_gate(Path(sys.argv[1])))
"""


def triggers(gate: GateProcess) -> list[str]:
    return [one.trigger for one in gate.status().halts]


def started(folder: Path, run: str) -> GateProcess:
    gate = GateProcess(folder, run=run)
    gate.start()
    return gate


# -- while it runs ------------------------------------------------------------------------------------------------


def test_a_full_disk_approves_nothing_and_halts(folder: Path, order: Order) -> None:
    gate = started(folder, FULL_DISK)
    feed = open_gate(gate)
    assert gate.strategy.CheckOrder(order(), timeout=5).outcome == strategy_pb2.OUTCOME_APPROVED
    (folder / "full").touch()
    with pytest.raises(grpc.RpcError) as unanswered:
        gate.strategy.CheckOrder(order(), timeout=5)
    assert unanswered.value.code() is grpc.StatusCode.INTERNAL
    answer = gate.strategy.CheckOrder(order(), timeout=5)
    assert reasons(answer) == ["GATE_FAULT"]
    # A halt is taken even now: it goes to the latch and the store.
    request = operator_pb2.HaltRequest(reason="the disk is full", halt_id="mine")
    assert gate.operator().Halt(request, timeout=5, metadata=as_("alice")).halt_id == "mine"

    (folder / "full").unlink()
    gate.wait_for(lambda: "mine" in [one.halt_id for one in gate.status().halts], "the gate takes Inputs again")
    assert sorted(triggers(gate)) == ["GATE_FAULT", "OPERATOR"]
    assert "GATE_FAULT" in reasons(gate.strategy.CheckOrder(order(), timeout=5))
    listed = gate.operator().ListReservations(operator_pb2.ListReservationsRequest(), metadata=as_("alice"))
    assert [one.order.client_order_id for one in listed.reservations] == ["order-1"]
    feed.close()
    gate.kill()
    gate.start()
    assert sorted(triggers(gate)) == ["GATE_FAULT", "OPERATOR"]
    gate.stop()


def test_an_exception_halts_until_people_resume(folder: Path, order: Order) -> None:
    gate = started(folder, BUG)
    feed = open_gate(gate)
    with pytest.raises(grpc.RpcError, match="internal error") as unanswered:
        gate.strategy.CheckOrder(order(client_order_id="oops"), timeout=5)
    assert unanswered.value.code() is grpc.StatusCode.INTERNAL
    gate.wait_for(lambda: triggers(gate) == ["GATE_FAULT"], "the fault is latched")
    assert not gate.status().ready
    halt_id = gate.status().halts[0].halt_id
    feed.close()
    feed = connect_feed(gate)
    propose = operator_pb2.ResumeRequest(propose=operator_pb2.ProposeResume(halt_ids=[halt_id], reason="fixed"))
    gate.wait_for(
        lambda: (
            gate.operator().Resume(propose, timeout=5, metadata=as_("alice")).outcome
            == operator_pb2.RESUME_OUTCOME_PROPOSED
        ),
        "the resume is proposed",
    )
    proposal = gate.status().proposals[0].proposal_id
    confirm = operator_pb2.ResumeRequest(confirm=operator_pb2.ConfirmResume(proposal_id=proposal))
    done = gate.operator().Resume(confirm, timeout=5, metadata=as_("bob"))
    assert done.outcome == operator_pb2.RESUME_OUTCOME_CLEARED, done
    feed.marks()
    assert gate.strategy.CheckOrder(order(), timeout=5).outcome == strategy_pb2.OUTCOME_APPROVED
    feed.close()
    gate.stop()


def test_a_failed_assertion_ends_the_process_and_it_comes_back_halted(folder: Path, order: Order) -> None:
    gate = started(folder, BUG)
    feed = open_gate(gate)
    with pytest.raises(grpc.RpcError):
        gate.strategy.CheckOrder(order(client_order_id="bug"), timeout=5)
    assert gate.process is not None
    assert gate.process.wait(30) == 70
    feed.close()
    gate.process = None
    gate.start()
    assert triggers(gate) == ["GATE_FAULT"]
    assert gate.status().trading_state == types_pb2.TRADING_STATE_ACTIVE  # the halt is the account's
    assert gate.status().accounts[0].trading_state == types_pb2.TRADING_STATE_HALTED
    gate.stop()


# -- at the start -------------------------------------------------------------------------------------------------


def refused(gate: GateProcess) -> str:
    """What a start says that does not come about."""
    gate.log.unlink(missing_ok=True)
    code = gate.spawn().wait(30)
    gate.process = None
    assert code == 2, gate.log_text()
    text = gate.log_text()
    assert "Traceback" not in text
    return text


def test_settings_with_a_mistake(folder: Path) -> None:
    gate = GateProcess(folder, extra="second_persn: none")
    assert "risksvc.yaml:" in refused(gate)


def test_limits_with_a_mistake_and_none_of_before(folder: Path) -> None:
    gate = GateProcess(folder)
    gate.limits.write_text("version: 1\nacounts: {}\n")
    assert "limits.yaml:2: acounts" in refused(gate)


def test_limits_with_a_mistake_keep_those_of_the_journal(folder: Path) -> None:
    gate = GateProcess(folder)
    gate.start()
    hash_ = gate.status().limits.hash
    gate.stop()
    gate.limits.write_text("version: 1\nacounts: {}\n")
    gate.start()
    status = gate.status()
    assert status.limits.hash == hash_
    assert "acounts" in status.limits.last_error
    assert status.limits.failures == 1
    assert any("old limits stand" in one for one in status.warnings)
    gate.limits.write_text(LIMITS)
    request = operator_pb2.ReloadLimitsRequest(reason="repaired")
    assert gate.operator().ReloadLimits(request, metadata=as_("bob")).loaded
    assert not gate.status().limits.last_error
    gate.stop()


def test_a_second_gate_on_one_state_folder(gate: GateProcess) -> None:
    other = GateProcess(gate.folder)
    other.log = gate.folder / "other.log"
    assert "uses this folder" in refused(other)
    assert gate.status().gate_id == "gate-1"


def test_a_journal_that_was_tampered_with(folder: Path) -> None:
    gate = GateProcess(folder)
    gate.start()
    gate.stop()
    segment = next((folder / "s" / "journal").glob("*.rsj"))
    data = bytearray(segment.read_bytes())
    data[200] ^= 0xFF
    segment.write_bytes(data)
    assert "corrupt at byte" in refused(gate)


def test_a_lost_latch_comes_back_halted(folder: Path) -> None:
    gate = GateProcess(folder)
    gate.start()
    gate.stop()
    (folder / "s" / "latch").unlink()
    gate.start()
    assert triggers(gate) == ["LATCH_MISSING"]
    gate.stop()


def test_a_socket_that_is_left_behind_is_replaced_and_one_in_use_is_not(folder: Path) -> None:
    gate = GateProcess(folder)
    gate.start()
    gate.kill()
    assert (folder / "s" / "strategy.sock").exists(), "kill -9 leaves it"
    gate.start()
    gate.stop()
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(folder / "s" / "strategy.sock"))
        stranger.listen()
        assert "another process listens there" in refused(gate)
    (folder / "s" / "strategy.sock").unlink()
    (folder / "s" / "strategy.sock").write_text("precious")
    assert "is not a socket" in refused(gate)
    assert (folder / "s" / "strategy.sock").read_text() == "precious"


def test_without_assertions_it_does_not_run(folder: Path) -> None:
    gate = GateProcess(folder)
    done = subprocess.run(
        [sys.executable, "-O", "-c", RUN, str(gate.settings)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert "python -O" in done.stderr


def test_a_start_without_its_settings(folder: Path) -> None:
    gate = GateProcess(folder)
    shutil.move(gate.settings, folder / "elsewhere")
    assert "risksvc.yaml" in refused(gate)
