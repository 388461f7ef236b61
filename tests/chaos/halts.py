"""Halts and resumes by real operators over the real RPC, and a ledger of what was promised about each.

Rule: what the ledger says was acknowledged is what an operator was told; a halt whose answer never came is repeated at
the other gates with the same id, as the command line advises.
"""

import contextlib
import itertools
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import grpc

from risksvc.v1 import operator_pb2, types_pb2
from tests.chaos.records import boottime
from tests.chaos.world import Gate, StuckError, World, as_

_HALT_SECONDS = 2.0
_CORE_REFUSALS = frozenset({"NO_READ_SINCE_HALT", "ORDER_UNKNOWN", "UNEXPLAINED", "DIVERGED", "HALT_UNKNOWN"})


@dataclass
class Halted:
    """One halt. Times are CLOCK_BOOTTIME nanoseconds; None: not (yet).

    `acknowledged`: when each gate that was asked had answered. `clearing`: from when on it may have been cleared.
    `strict`: the leases alone bound it everywhere, since nobody could read the store as it was issued.
    """

    halt_id: str
    account: str
    issued: int
    acknowledged: dict[int, int] = field(default_factory=dict)
    effective: int | None = None
    missing: tuple[str, ...] = ()
    clearing: int | None = None
    cleared: bool = False
    during: str = ""
    strict: bool = False

    @property
    def promised(self) -> bool:
        return bool(self.acknowledged)

    @property
    def stands(self) -> bool:
        """Nobody has even tried to clear it: it must be in force."""
        return self.promised and self.clearing is None

    def covers(self, gate: Gate) -> bool:
        return self.account in {"", gate.account}

    def __str__(self) -> str:
        return f"{self.halt_id} ({self.account or 'everything'}{', ' + self.during if self.during else ''})"


class Operators:
    """Alice and Bob, who may ask any gate."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ledger: list[Halted] = []
        self.refusals: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self._turn = threading.Lock()

    # -- halting -------------------------------------------------------------------------------------------------

    def note(self, account: str = "", *, during: str = "", strict: bool = False) -> Halted:
        """A halt that is about to be issued."""
        one = Halted(f"chaos-{next(self._numbers)}-{secrets.token_hex(3)}", account, boottime())
        one.during, one.strict = during, strict
        with self._turn:
            self.ledger.append(one)
        return one

    def halt(self, gate: Gate, account: str = "", *, during: str = "", strict: bool = False) -> Halted:
        """Halts by way of one gate; while that gives no answer, by way of any that can take it."""
        one = self.note(account, during=during, strict=strict)
        if not self.ask(one, gate):
            self.insist(one)
        return one

    def insist(self, one: Halted) -> None:
        """Repeats a halt until some gate has answered."""
        gates = [gate for gate in self.world.gates if one.covers(gate)]
        ends = time.monotonic() + 30
        while not any(self.ask(one, gate) for gate in gates):
            if time.monotonic() > ends:
                raise StuckError(f"no gate took halt {one}; {self.world.standing()}")
            time.sleep(0.02)

    def ask(self, one: Halted, gate: Gate) -> bool:
        """One Halt call; True: it was answered."""
        scope = types_pb2.Scope(account=one.account)
        request = operator_pb2.HaltRequest(scope=scope, reason="chaos", halt_id=one.halt_id)
        try:
            answer = gate.operator.Halt(request, timeout=_HALT_SECONDS, metadata=as_("alice"))
        except grpc.RpcError:
            return False
        now = boottime()
        one.acknowledged.setdefault(gate.number, now)
        if answer.effect == operator_pb2.HALT_EFFECT_EFFECTIVE:
            one.effective = one.effective or now
        else:
            one.missing = tuple(answer.missing)
        return True

    def halt_everywhere(self, gate: Gate, account: str = "", *, during: str = "") -> Halted:
        """As `risksvc halt` does it: every gate that the halt concerns is told, whatever the first one answers."""
        one = self.note(account, during=during)
        others = [other for other in self.world.gates if one.covers(other)]
        asking = [threading.Thread(target=self.ask, args=(one, other), daemon=True) for other in {gate, *others}]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        return one

    # -- resuming ------------------------------------------------------------------------------------------------

    def resume(self, halts: Sequence[Halted], *, seconds: float = 30.0) -> None:
        """Clears them, as soon as the product allows it. Raises StuckError."""
        for one in halts:
            self._resume(one, seconds)

    def _resume(self, one: Halted, seconds: float) -> None:
        ends = time.monotonic() + seconds
        gates = itertools.cycle([gate for gate in self.world.gates if one.covers(gate)])
        while not one.cleared:
            gate = next(gates)
            with contextlib.suppress(grpc.RpcError):
                self._try_resume(one, gate)
            if not one.cleared:
                with contextlib.suppress(grpc.RpcError):
                    self._look(one, gate)
                if time.monotonic() > ends:
                    refused = dict(self.refusals)
                    raise StuckError(f"halt {one} could not be cleared ({refused}); {self.world.standing()}")
                time.sleep(0.03)

    def _try_resume(self, one: Halted, gate: Gate) -> None:
        before = one.clearing
        if one.account:  # one person is enough: this clears at once
            one.clearing = before or boottime()
        propose = operator_pb2.ProposeResume(halt_ids=[one.halt_id], reason="chaos")
        answer = self._step(gate, operator_pb2.ResumeRequest(propose=propose), "alice")
        if answer.outcome == operator_pb2.RESUME_OUTCOME_PROPOSED:
            one.clearing = one.clearing or boottime()
            confirm = operator_pb2.ConfirmResume(proposal_id=answer.proposal_id)
            answer = self._step(gate, operator_pb2.ResumeRequest(confirm=confirm), "bob")
        reasons = {operator_pb2.RefusalReason.Name(refusal.reason)[15:] for refusal in answer.refusals}
        self.refusals.update(reasons)
        if one.halt_id in answer.cleared or answer.outcome == operator_pb2.RESUME_OUTCOME_CLEARED:
            one.cleared = True
        elif reasons and reasons <= _CORE_REFUSALS:
            one.clearing = before  # nothing was written

    @staticmethod
    def _step(gate: Gate, request: operator_pb2.ResumeRequest, who: str) -> operator_pb2.ResumeResponse:
        return gate.operator.Resume(request, timeout=5.0, metadata=as_(who))

    def _look(self, one: Halted, gate: Gate) -> None:
        """A clear whose answer was lost: it counts once the gate does not show the halt any more."""
        if one.clearing and one.halt_id not in {each.halt_id for each in gate.status().halts}:
            one.cleared = True

    def resume_all(self, *, seconds: float = 40.0) -> None:
        """Clears every halt, the ones that were never acknowledged as well."""
        self.resume([one for one in self.ledger if not one.cleared and self._known(one)], seconds=seconds)

    def adopt_faults(self, gate: Gate) -> list[Halted]:
        """The halts that a gate raised itself for a fault that was made here: they are to be cleared like any other."""
        known = {one.halt_id for one in self.ledger}
        found = [one for one in gate.status(5).halts if one.trigger == "GATE_FAULT" and one.halt_id not in known]
        adopted = [
            Halted(one.halt_id, one.scope.account, boottime(), acknowledged={gate.number: boottime()}, during="fault")
            for one in found
        ]
        self.ledger += adopted
        return adopted

    def _known(self, one: Halted) -> bool:
        if one.promised:
            return True
        found = [one.halt_id in shown for shown in self._shown()]
        one.cleared = not any(found)
        return any(found)

    def _shown(self) -> Iterator[set[str]]:
        for gate in self.world.gates:
            yield {each.halt_id for each in gate.status(5).halts}

    @property
    def standing(self) -> list[Halted]:
        return [one for one in self.ledger if one.stands]
