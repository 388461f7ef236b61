"""How far a halt has reached, told from what the gates' heartbeats say; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from risksvc.core.types import MILLISECOND, Nanoseconds
from risksvc.gate.kill_switch.view import StoreView

REDIS = "redis"
LATCH = "latch"  # this gate's own disk


@dataclass(frozen=True, slots=True)
class HaltPaths:
    """Which ways a halt was made to last. Either is enough; `problem` says what failed, and is told to people."""

    latched: bool
    stored: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """EFFECTIVE exactly when `missing` is empty; else who has not confirmed ("redis", "latch", or gate ids).

    `confirmed`: the gates that have it, or can provably approve nothing before they have read it.
    """

    missing: tuple[str, ...]
    confirmed: tuple[str, ...] = ()

    @property
    def effective(self) -> bool:
        """No gate of the halt's namespace can approve against it any more."""
        return not self.missing


def judge_effect(
    view: StoreView, halt_id: str, *, own_id: str, silent_ns: Mapping[str, Nanoseconds] | None = None
) -> Effect:
    """Who does not have the halt yet, by a view of its namespace; this gate itself has latched it.

    A gate has it when it has applied exactly this content. A gate whose last heartbeat is older than its lease and its
    approvals last can use no approval any more, and reads the halt before it gets another lease: it counts as well,
    unless the store's replicas may lack the halt: after a failover it might be read from nowhere. `silent_ns`: for how
    long the asker itself, by its own clock, has seen each gate's heartbeat unchanged; it must be beyond the bound, too,
    since the store's clock may jump. None: for who has no clock of its own there (the store's is believed).
    """
    others = sorted(gate_id for gate_id in view.seen if gate_id != own_id)
    stored = halt_id in view.halts and halt_id not in view.clears
    missing = [gate_id for gate_id in others if not _confirmed(view, gate_id, stored=stored, silent_ns=silent_ns)]
    confirmed = tuple(gate_id for gate_id in others if stored and gate_id not in missing)
    return Effect((*([] if stored else [REDIS]), *missing), confirmed)


def _confirmed(view: StoreView, gate_id: str, *, stored: bool, silent_ns: Mapping[str, Nanoseconds] | None) -> bool:
    seen = view.seen[gate_id]
    if stored and seen.heartbeat.digest == view.digest:
        return True
    unheard = silent_ns is None or silent_ns.get(gate_id, 0) > seen.heartbeat.bound_ns
    return unheard and view.quorum and (view.redis_ms - seen.at_ms) * MILLISECOND > seen.heartbeat.bound_ns
