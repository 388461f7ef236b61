"""What must hold, told from what strategies really submitted and what gates really answer.

| rule | a violation is |
|---|---|
| effective | a submitted order that was asked for after the answer EFFECTIVE; or that is later than an approval lasts |
| local | the same at a gate that has answered the halt itself, whatever it answered |
| bound | an order submitted later than 500 ms after the halt was issued (400 ms where Redis is away for everybody) |
| lost | after recovery, a gate does not show an acknowledged halt that nobody cleared, or approves against it |
| stuck | what should recover by itself does not |
| open | a gate that must stay shut does not, or gives another reason |
| surprise | a gate halted itself: nothing that is done here is a reason to |

Submitted means: the library had said yes at this moment. An order whose strategy was paused between that yes and the
next instruction is counted as `paused`: no check in the strategy's own process can prevent it (the venue window is for
that).
"""

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import grpc

from tests.chaos.halts import Halted, Operators
from tests.chaos.records import Asked
from tests.chaos.world import VALIDITY_NS, Gate, StuckError, World

BOUND_NS = 500_000_000
_PAUSED_NS = 20_000_000
_FAR = 1 << 62
MS = 1_000_000


@dataclass
class Verdict:
    """What came out of one scenario; `violations` empty: everything held."""

    name: str
    cycles: int = 0
    halts: int = 0
    effective: int = 0
    lost: int = 0
    late: int = 0
    paused: int = 0
    unheard: int = 0
    submits: int = 0
    last_ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0
    folder: str = ""

    def take(self, part: "Verdict") -> None:
        """Adds what came out of a part."""
        for counted in ("cycles", "halts", "effective", "lost", "late", "paused", "unheard", "submits", "seconds"):
            setattr(self, counted, getattr(self, counted) + getattr(part, counted))
        self.last_ms += part.last_ms
        self.refused_ms += part.refused_ms
        self.reasons += part.reasons
        self.notes += part.notes
        self.violations += part.violations
        self.folder = part.folder or self.folder

    def violate(self, text: str) -> None:
        self.violations.append(text)


class Oracle:
    """Judges one scenario in one world."""

    def __init__(self, world: World, operators: Operators, verdict: Verdict) -> None:
        self.world, self.operators, self.verdict = world, operators, verdict

    # -- while it runs -------------------------------------------------------------------------------------------

    def check_in_force(self, gate: Gate) -> bool:
        """Every standing halt that covers a gate is shown there and denies. False: the gate could not be asked."""
        standing = [one for one in self.operators.standing if one.covers(gate)]
        try:
            shown = {one.halt_id for one in gate.status().halts}
            reasons = gate.probe() if standing else []
        except grpc.RpcError:
            return False
        for one in standing:
            if one.stands and one.halt_id not in shown:
                self.verdict.lost += 1
                self.verdict.violate(f"lost: gate {gate.number} does not show halt {one}")
        if any(one.stands for one in standing) and "HALTED" not in reasons:
            self.verdict.lost += 1
            self.verdict.violate(f"lost: gate {gate.number} answers {reasons or 'APPROVED'} against {standing[0]}")
        return True

    def check_everywhere(self, seconds: float = 20.0) -> None:
        """After recovery: every gate follows the store again and has every standing halt."""
        for gate in self.world.gates:
            self.world.until(lambda gate=gate: _connected(gate), f"gate {gate.number} follows the store", seconds)  # type: ignore[misc]
            self.world.until(lambda gate=gate: self._settled(gate), f"gate {gate.number} has every halt", seconds)  # type: ignore[misc]
            self.check_in_force(gate)

    def _settled(self, gate: Gate) -> bool:
        """What is missing is given the time to be published again; what then is still missing is lost."""
        try:
            shown = {one.halt_id for one in gate.status().halts}
        except grpc.RpcError:
            return False
        return all(one.halt_id in shown for one in self.operators.standing if one.covers(gate))

    def recovers(self, seconds: float = 30.0) -> None:
        """Every halt is cleared, and every strategy submits again."""
        try:
            self.operators.resume_all(seconds=seconds)
            took = self.world.until_trading(seconds=seconds)
        except (StuckError, grpc.RpcError) as error:
            self.verdict.violate(f"stuck: {error}")
            return
        self.verdict.notes.append(f"trading again {took:.2f} s after the last resume")

    def stays_shut(self, reason: str, *, gates: Sequence[Gate] | None = None, seconds: float = 1.0) -> None:
        """Closed for this reason, which each gate gives, and closed it stays: nobody submits anything."""
        closed = self.world.gates if gates is None else gates
        for gate in closed:
            self.world.until(lambda gate=gate: reason in gate.reasons(), f"gate {gate.number} says {reason}", 5)  # type: ignore[misc]
        time.sleep(VALIDITY_NS / 1e9)
        for gate in closed:
            gate.records.refresh()
        time.sleep(seconds)
        for gate in closed:
            submitted = sum(one.submitted for one in gate.records.refresh())
            if submitted or reason not in gate.reasons():
                text = f"open: gate {gate.number} let {submitted} orders pass and says {gate.reasons()}, not {reason}"
                self.verdict.violate(text)

    # -- at the end ----------------------------------------------------------------------------------------------

    def judge(self, *, bound_ns: int = BOUND_NS) -> Verdict:
        """Holds every halt against every submit."""
        verdict = self.verdict
        for gate in self.world.gates:
            gate.records.refresh()
        by_gate = {gate: [one for one in gate.records.all if one.submitted] for gate in self.world.gates}
        verdict.submits = sum(map(len, by_gate.values()))
        verdict.reasons = Counter(one.reason for gate in by_gate for one in gate.records.all if not one.submitted)
        verdict.halts = sum(one.promised for one in self.operators.ledger)
        verdict.effective = sum(one.effective is not None for one in self.operators.ledger)
        for one in self.operators.ledger:
            if one.promised:
                covered = [gate for gate in by_gate if one.covers(gate)]
                last = max(self._judge(one, gate, by_gate[gate], bound_ns) for gate in covered)
                verdict.last_ms.append(last / MS)
                verdict.refused_ms.append(max(_refused(one, gate, after=one.issued + last) for gate in covered) / MS)
        self._surprises()
        return verdict

    def _judge(self, halt: Halted, gate: Gate, submits: list[Asked], bound_ns: int) -> int:
        """Nanoseconds from the halt's issue to the last submit before it was cleared; 0: none."""
        until = halt.clearing or _FAR
        first = bisect_right(submits, halt.issued, key=lambda one: one.usable)
        last = 0
        for one in submits[first:]:
            if one.usable >= until:
                break
            last = one.usable - halt.issued
            if one.sent - one.usable > _PAUSED_NS:
                self.verdict.paused += 1
            rule = broken(one, halt, gate=gate.number, bound_ns=bound_ns)
            if rule == "bound" and not halt.strict and _unheard(halt, gate, one.usable):
                self.verdict.unheard += 1
            elif rule:
                self.verdict.late += 1
                self.verdict.violate(f"{rule}: strategy {gate.number} submitted {last / MS:.0f} ms after halt {halt}")
        return last

    def _surprises(self) -> None:
        known = {one.halt_id for one in self.operators.ledger}
        for gate in self.world.gates:
            try:
                found = [one for one in gate.status().halts if one.halt_id not in known]
            except grpc.RpcError:
                continue
            for one in found:
                text = f"surprise: gate {gate.number} has halt {one.halt_id} by {one.by}: {one.trigger} {one.reason}"
                self.verdict.violate(text)


def _refused(halt: Halted, gate: Gate, *, after: int) -> int:
    """Nanoseconds from the issue to the first order refused after the last submit: by then it was certainly halted."""
    asked = gate.records.all
    for one in asked[bisect_right(asked, after, key=lambda each: each.usable) :]:
        if not one.submitted:
            return one.usable - halt.issued
    return 0


def _unheard(halt: Halted, gate: Gate, moment: int) -> bool:
    """At this moment nobody had been promised anything about this gate.

    Neither was the halt EFFECTIVE nor had the gate itself answered: the one that was asked stood still before it had
    published, or had not even got the call. Where the store was away for everybody this is no excuse.
    """
    own = halt.acknowledged.get(gate.number)
    return all(promised is None or promised > moment for promised in (halt.effective, own))


def broken(one: Asked, halt: Halted, *, gate: int, bound_ns: int) -> str:
    """Which rule a submit at a gate breaks; empty: none."""
    if one.usable > halt.issued + bound_ns:
        return "bound"
    for rule, since in (("effective", halt.effective), ("local", halt.acknowledged.get(gate))):
        if since is not None and (one.asked > since or one.usable > since + VALIDITY_NS):
            return rule
    return ""


def _connected(gate: Gate) -> bool:
    try:
        return gate.status().kill_switch.connected
    except grpc.RpcError:
        return False
