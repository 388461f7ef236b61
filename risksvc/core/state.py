"""Everything that the gate knows, and the two things that every handler needs: what closes it, and how it trips."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from risksvc.core.book import AccountBook
from risksvc.core.config import RULES_3, GateConfig
from risksvc.core.denials import Denial, DenialReason
from risksvc.core.flatten.run import Flattens
from risksvc.core.id_archive import IdArchive
from risksvc.core.incident.record import Incidents
from risksvc.core.limits import Limits
from risksvc.core.outputs import HaltRaised, Output
from risksvc.core.proposals import Proposals
from risksvc.core.trading_state import Halt, HaltSet
from risksvc.core.trips import TRIPS, Trigger, TripScope
from risksvc.core.types import HALTED, Nanoseconds, Order, Scope, TradingState

# An operator's reducing order goes through these; a fault and missing limits stop it, too.
_OPERATOR_PASSES = frozenset(
    {
        DenialReason.STARTING,
        DenialReason.DRAINING,
        DenialReason.KILL_SWITCH_STORE_LOST,
        DenialReason.KILL_SWITCH_UNREACHABLE,
    }
)


@dataclass(slots=True)
class GateState:
    """One gate. `lease_until` 0: no lease. `version` grows with every change that watchers should hear of.

    `lease_lost_at`: when a lease was last given up before its time; `started_at`: when this process started.
    """

    config: GateConfig | None = None
    limits: Limits | None = None
    halts: HaltSet = field(default_factory=HaltSet)
    accounts: dict[str, AccountBook] = field(default_factory=dict)
    proposals: Proposals = field(default_factory=Proposals)
    lease_until: Nanoseconds = 0
    lease_seen: bool = False
    store_lost: str = ""
    draining: bool = False
    fault: str = ""
    clearing: dict[str, None] = field(default_factory=dict)
    halts_made: int = 0
    version: int = 0
    incidents: Incidents = field(default_factory=Incidents)
    flattens: Flattens = field(default_factory=Flattens)
    lease_lost_at: Nanoseconds = 0
    started_at: Nanoseconds = 0

    @property
    def gate_id(self) -> str:
        """The gate's id; empty before the first start."""
        return "" if self.config is None else self.config.gate_id

    @property
    def keeps_incidents(self) -> bool:
        """What was journaled under older rules opened none, and replays as it was."""
        return self.config is not None and self.config.rules >= RULES_3

    @property
    def limits_hash(self) -> str:
        """Hash of the limits in force; empty: none."""
        return "" if self.limits is None else self.limits.hash

    def set_config(self, config: GateConfig) -> None:
        """Takes the settings in; accounts that were there keep their books."""
        self.config = config
        for name, account in config.accounts.items():
            book = self.accounts.get(name)
            if book is None:
                archive = IdArchive(keep=config.ids_kept, keep_ns=config.ids_kept_ns)
                book = self.accounts[name] = AccountBook(name, account, archive)
            book.config, book.rules = account, config.rules

    def state_of(self, account: str, strategy: str = "", instrument: str = "") -> TradingState:
        """The strictest halt over this."""
        return self.halts.state(account, strategy, instrument)

    def has_lease(self, now: Nanoseconds) -> bool:
        """Nobody can have halted unseen."""
        return now < self.lease_until

    def is_open(self, now: Nanoseconds) -> bool:
        """Nothing closes the whole gate: `closed` has nothing to say."""
        return (
            now < self.lease_until
            and self.lease_seen
            and not (self.fault or self.draining or self.store_lost)
            and self.config is not None
            and self.limits is not None
        )

    def closed(self, now: Nanoseconds) -> Iterator[tuple[DenialReason, str]]:
        """What closes the whole gate, apart from halts, in descending precedence."""
        if self.fault:
            yield DenialReason.GATE_FAULT, f"the gate met an internal error: {self.fault}"
        if self.config is None or not self.lease_seen:
            yield DenialReason.STARTING, "the gate has not finished starting: the kill switch has not been read yet"
        if self.draining:
            yield DenialReason.DRAINING, "the gate is shutting down"
        if self.limits is None:
            yield DenialReason.LIMITS_NOT_LOADED, "no valid limits file has been loaded; `risksvc limits check`"
        if self.store_lost:
            text = f"the kill switch's store lost its history: {self.store_lost}; see the runbook"
            yield DenialReason.KILL_SWITCH_STORE_LOST, text
        elif self.lease_seen and not self.has_lease(now):
            text = "the kill switch could not be read lately: nobody knows whether trading is halted"
            yield DenialReason.KILL_SWITCH_UNREACHABLE, text

    def denied_whole(self, order: Order, *, operator: bool, now: Nanoseconds) -> list[Denial]:
        """What denies an order whatever it is. An operator's reducing order passes halts and a lost kill switch."""
        found: list[Denial] = []
        if not self.is_open(now):
            passes = _OPERATOR_PASSES if operator else ()
            found += [Denial(reason, Scope(), text) for reason, text in self.closed(now) if reason not in passes]
        if operator:
            return found
        for halt in self.halts.covering(order.account, order.strategy, order.instrument):
            if halt.state is HALTED:
                text = f"halted by {halt.by}: {halt.reason} (halt {halt.halt_id}, {halt.trigger})"
                found.append(Denial(DenialReason.HALTED, halt.scope, text))
        return found

    def trip(self, trigger: Trigger, scope: Scope, *, text: str, now: Nanoseconds) -> Iterator[Output]:
        """Raises a halt by the table; one that stands for the same cause and scope is joined, not repeated."""
        row = TRIPS[trigger]
        covered = _scope_of(row.scope, scope)
        for halt in self.halts.active():
            # One that is being cleared is not joined: its clear must not cover what its author did not see.
            if halt.trigger == trigger.value and halt.scope == covered and halt.halt_id not in self.clearing:
                return
        self.halts_made += 1
        halt = Halt(
            halt_id=f"{self.gate_id}-{now}-{self.halts_made}",
            scope=covered,
            state=row.state,
            severity=row.severity,
            trigger=trigger.value,
            reason=text,
            by=f"gate:{self.gate_id}",
            at=now,
            origin=self.gate_id,
        )
        self.halts.add_halt(halt)
        self.version += 1
        yield HaltRaised(halt)


def _scope_of(reach: TripScope, scope: Scope) -> Scope:
    if reach is TripScope.STRATEGY:
        return Scope(scope.account, strategy=scope.strategy)
    if reach is TripScope.INSTRUMENT:
        return scope
    return Scope(scope.account)
