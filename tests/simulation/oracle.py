"""What must hold, judged from outside: the oracle sees what is answered, approved, submitted and stored, at true time.

It knows nothing of leases, epochs or barriers; only the configured bounds. Rules, by the number that a violation shows:
V1 no approval after a halt was answered EFFECTIVE, and no submission later than an approval lasts after it, unless a
clear was written; V2 a gate that has a halt approves nothing against it, and nothing approved is submitted later than
it lasts; V3 after the last repair every acknowledged halt that nobody cleared is in force at every gate; V4 and nobody
approves against it; V5 a clear is written for what was named, while nothing was halted that its author did not know of,
and not later than its deadline; V6 a restart forgets no halt, and a journal replays to the same state; V7 no exception
escapes, no gate closes by a fault that was not injected; V8 two processes of one gate id never approve at once; V9 in a
store whose history was never touched, nothing is approved later than a lease after the halt stood there; V10 after the
last repair every gate gets its lease back; V11 where only servers fail: a gate that lost its lease in an outage does
not open against a halt that another, living gate took before the outage was over.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from risksvc.core.events import ClearSeen, HaltSeen, Input, LeaseLost, LeaseRenewed
from risksvc.core.outputs import Decision, HaltRaised, Output
from risksvc.core.state import GateState
from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import MILLISECOND, Order, RiskError, Scope
from risksvc.gate.kill_switch.resuming import PATIENCE_MS
from risksvc.gate.replay import replay
from tests.simulation import catalogue
from tests.simulation.gates import GateHost
from tests.simulation.servers import Server
from tests.simulation.stores import ClearAsked

LEASE_NS = catalogue.TIMINGS.lease_ns
VALID_NS = catalogue.TIMINGS.approval_validity_ns
# The store's clock was read at most this long before the answer with it arrived, and leases are counted likewise.
READ_NS = 110 * MILLISECOND


@dataclass(slots=True)
class Watched:
    """One halt. `known`: when each host's gate first had it; times are true ones, None: not yet."""

    halt_id: str
    scope: Scope
    known: dict[str, int] = field(default_factory=dict)
    answered_at: int | None = None
    effective_at: int | None = None
    stored_at: int | None = None
    cleared_at: int | None = None


@dataclass(slots=True)
class Counts:
    """What happened in one run, so that "no violation" is not said of runs in which nothing happened."""

    submits: int = 0
    approvals: int = 0
    denials: int = 0
    halts: int = 0
    effective: int = 0
    latched: int = 0
    clears: int = 0
    faults: int = 0
    crashes: int = 0


class Oracle:
    """Judges one run. `now`: true time. `stable`: nothing ever touches the store's history."""

    def __init__(
        self, now: Callable[[], int], *, stable: bool, servers_only: bool, note: Callable[[str], None]
    ) -> None:
        self.counts = Counts()
        self.violations: list[str] = []
        self.hosts: dict[str, GateHost] = {}
        self.halts: dict[str, Watched] = {}
        self.named: dict[str, None] = {}
        self.settled_at: int | None = None
        self.injected_faults = 0
        self._now = now
        self._stable = stable
        self._servers_only = servers_only
        self._leases: dict[str, int] = {}
        self._opened: dict[str, int] = {}
        self.outages: list[tuple[int, int]] = []
        self._note = note
        self._open: dict[str, Watched] = {}
        self._approved: dict[str, int] = {}

    def violated(self, rule: str, what: str) -> None:
        text = f"{rule}: {what}"
        self._note(f"VIOLATION {text}")
        self.violations.append(text)

    def escaped(self, what: str) -> None:
        self.violated("V7", what)

    # -- what gates do -------------------------------------------------------------------------------------------

    def listen(self, host: str) -> Callable[[Input, tuple[Output, ...], int], None]:
        """An owner's listener."""

        def heard(event: Input, outputs: tuple[Output, ...], now: int) -> None:
            if isinstance(event, HaltSeen):
                self._has(host, event.halt)
            else:
                self._hear_of_lease(host, event, now)
            for output in outputs:
                if isinstance(output, HaltRaised):
                    self._has(host, output.halt)
                elif isinstance(output, Decision):
                    self._decided(host, event, output)

        return heard

    def _hear_of_lease(self, host: str, event: Input, now: int) -> None:
        if isinstance(event, LeaseRenewed):
            if self._leases.get(host, 0) <= now:
                self._opened[host] = self._now()
                self._note(f"{host} has a lease")
            self._leases[host] = event.valid_until
        elif isinstance(event, LeaseLost):
            self._leases[host] = 0
            self._note(f"{host} has no lease: {event.why}")
        elif isinstance(event, ClearSeen):
            self._note(f"{host} takes the clear of {event.clear.halt_id}")

    def _has(self, host: str, halt: Halt) -> None:
        watched = self.halts.get(halt.halt_id)
        if watched is None:
            watched = self.halts[halt.halt_id] = self._open[halt.halt_id] = Watched(halt.halt_id, halt.scope)
            self.counts.halts += 1
        if host not in watched.known:
            self._note(f"{host} has halt {halt.halt_id} ({halt.scope}, {halt.trigger})")
            watched.known[host] = self._now()

    def _decided(self, host: str, event: Input, decision: Decision) -> None:
        if not decision.approved:
            self.counts.denials += 1
            return
        now, order = self._now(), event.order  # type: ignore[union-attr]
        self.counts.approvals += 1
        self._approved[order.client_order_id] = now
        self._note(f"{host} approves {order.client_order_id}")
        for watched in self._covering(order):
            self._judge_approval(host, order, watched, now)
        for other in self.hosts.values():
            if other.name != host and other.gate_id == self.hosts[host].gate_id and other.running is not None:
                running = other.running
                if running.owner.state.has_lease(running.clock.now()):
                    self.violated("V8", f"{host} approves {order.client_order_id} while {other.name} has a lease")

    def _covering(self, order: Order) -> list[Watched]:
        return [one for one in self._open.values() if one.scope.covers(order.account, order.strategy, order.instrument)]

    def _judge_approval(self, host: str, order: Order, watched: Watched, now: int) -> None:
        what = f"{host} approves {order.client_order_id} against halt {watched.halt_id}"
        if watched.effective_at is not None:
            self.violated("V1", f"{what}, EFFECTIVE for {(now - watched.effective_at) / MILLISECOND:.1f} ms")
        if host in watched.known:
            self.violated("V2", f"{what}, which it has had for {(now - watched.known[host]) / MILLISECOND:.1f} ms")
        if self._stable and watched.stored_at is not None and now > watched.stored_at + LEASE_NS:
            self.violated("V9", f"{what}, stored for {(now - watched.stored_at) / MILLISECOND:.1f} ms")
        if self._servers_only and self._opened_over(host, watched):
            self.violated("V11", f"{what}, which another gate took before the outage was over")
        if self.settled_at is not None and self._promised(watched):
            self.violated("V4", f"{what}, after the last repair")

    def _opened_over(self, host: str, watched: Watched) -> bool:
        """Its lease began after an outage that no lease outlasts, and the halt is older than the outage's end."""
        opened, first = self._opened.get(host, 0), min(watched.known.values())
        return any(end - begin > LEASE_NS + READ_NS and first < end < opened for begin, end in self.outages)

    def submitted(self, order: Order, host: str) -> None:
        now = self._now()
        self.counts.submits += 1
        self._note(f"{order.client_order_id} is submitted")
        if now > self._approved[order.client_order_id] + VALID_NS:
            self.violated("V2", f"{order.client_order_id} is submitted after its approval has run out")
        for watched in self._covering(order):
            what = f"{order.client_order_id} (approved by {host}) is submitted against halt {watched.halt_id}"
            if watched.effective_at is not None and now > watched.effective_at + VALID_NS:
                self.violated("V1", f"{what}, EFFECTIVE for {(now - watched.effective_at) / MILLISECOND:.1f} ms")
            if host in watched.known and now > watched.known[host] + VALID_NS:
                self.violated("V2", f"{what}, which {host} had before")

    # -- what operators hear and say -----------------------------------------------------------------------------

    def answered(self, halt_id: str, *, effective: bool, missing: Sequence[str]) -> None:
        watched, now = self.halts[halt_id], self._now()
        watched.answered_at = watched.answered_at or now
        if effective:
            watched.effective_at = watched.effective_at or now
            self.counts.effective += 1
        else:
            self.counts.latched += 1
        self._note(f"halt {halt_id} is answered {'EFFECTIVE' if effective else 'LATCHED'} {list(missing)}")

    # -- what servers execute ------------------------------------------------------------------------------------

    def halts_stored(self, server: Server, halts: Sequence[Halt]) -> None:
        for halt in halts:
            watched = self.halts.get(halt.halt_id)
            if watched is not None and watched.stored_at is None:
                watched.stored_at = self._now()
                self._note(f"{server.name} takes halt {halt.halt_id}")

    def clear_asked(self, who: str) -> ClearAsked:
        running = self.hosts[who].running
        known = frozenset() if running is None else frozenset(running.owner.state.halts._halts)
        return ClearAsked(who, self._now(), known)

    def clears_stored(self, server: Server, namespace: str, clears: Sequence[Clear], asked: ClearAsked) -> None:
        now = self._now()
        ids = [clear.halt_id for clear in clears]
        self._note(f"{server.name} executes the clear of {', '.join(ids)} by {asked.who}")
        for halt_id in ids:
            self.counts.clears += 1
            if halt_id not in self.named:
                self.violated("V5", f"{halt_id} is cleared, and nobody named it")
            self._open.pop(halt_id, None)
            if halt_id in self.halts:
                self.halts[halt_id].cleared_at = now
        unseen = [one for one in server.space(namespace).halts if one not in asked.known]
        if unseen:
            self.violated("V5", f"{ids} cleared by {asked.who}, who did not know of {unseen}")
        if now > asked.at + PATIENCE_MS * MILLISECOND + READ_NS:
            self.violated("V5", f"{ids} cleared {(now - asked.at) / MILLISECOND:.0f} ms after it was asked for")

    # -- restarts and the end ------------------------------------------------------------------------------------

    def restarted(self, host: GateHost) -> None:
        """What a process had when it was killed, it has again; after a power cut, what had reached the disk."""
        assert host.running is not None, "it was just started"
        halts = host.running.owner.state.halts
        for watched in self._open.values():
            forgotten = host.disk.power_lost and watched.halt_id not in host.disk.halt_ids()
            if (
                host.name in watched.known
                and not forgotten
                and (halts.halt(watched.halt_id) is None or halts.is_cleared(watched.halt_id))
            ):
                self.violated("V6", f"{host.name} came back without halt {watched.halt_id}")
            elif forgotten:
                watched.known.pop(host.name, None)

    def replays(self, host: GateHost) -> None:
        """The journal gives the state that stands, decision by decision."""
        if host.running is None or host.running.owner.fault is not None:
            return
        try:
            rebuilt = replay(iter(tuple(host.disk.entries))).gate.state
        except RiskError as error:
            self.violated("V6", f"{host.name}'s journal can't be replayed: {error}")
            return
        if _told(rebuilt) != _told(host.running.owner.state):
            self.violated("V6", f"{host.name}'s journal replays to another state")

    def _promised(self, watched: Watched) -> bool:
        """LATCHED holds as long as one disk does that the halt was written to; EFFECTIVE, whatever happened."""
        if watched.effective_at is not None:
            return True
        kept = any(watched.halt_id in host.disk.halt_ids() for host in self.hosts.values())
        return watched.answered_at is not None and kept

    def settled(self) -> None:
        """Everything was healed long enough ago."""
        self.settled_at = self._now()
        for host in self.hosts.values():
            if host.running is None:
                continue
            owner = host.running.owner
            halts = owner.state.halts
            for watched in self._open.values():
                if not self._promised(watched) or watched.scope.account not in ("", host.account):
                    continue
                if halts.halt(watched.halt_id) is None or halts.is_cleared(watched.halt_id):
                    self.violated("V3", f"{host.name} lacks halt {watched.halt_id} after the last repair")
            if owner.fault is not None:
                self.violated("V7", f"{host.name} is still closed by a fault: {owner.fault.what}")
            elif not owner.state.has_lease(host.clock.now()):
                why = host.running.follower.status().problem
                self.violated("V10", f"{host.name} has no lease after the last repair: {why}")


def _told(state: GateState) -> object:
    """What a state comes to, as far as decisions depend on it."""
    books = {
        name: ([(key, one.status, one.filled) for key, one in book.reservations.items()], book.total)
        for name, book in state.accounts.items()
    }
    return ([halt.halt_id for halt in state.halts.active()], books, state.fault, state.halts_made, state.limits_hash)
