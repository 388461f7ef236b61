"""How a namespace of the store begins, and begins again after its loss: an operator's step, never a matter of course.

After a loss the old generation is put back, with every halt and clear that the latch holds and an epoch above the
highest seen, so that the other gates recognise their store and add what they hold. A generation that stands is never
replaced: when it is another than the latch's, the operator either has the wrong store or accepts it, with the gate's
own latch open.
"""

import secrets
from dataclasses import dataclass
from enum import Enum

from risksvc.core.trading_state import Halt
from risksvc.gate.kill_switch.records import Mark, namespace_of
from risksvc.gate.kill_switch.store import Store
from risksvc.gate.kill_switch.view import Beginning, StoreView
from risksvc.gate.latch import LatchState


class InitialiseOutcome(Enum):
    """What became of one namespace."""

    CREATED = "CREATED"
    RESTORED = "RESTORED"
    STANDS = "STANDS"
    OTHER_GENERATION = "OTHER_GENERATION"


@dataclass(frozen=True, slots=True)
class NamespaceInitialised:
    """What became of one namespace, and the generation that stands there now."""

    namespace: str
    outcome: InitialiseOutcome
    generation: str


def new_generation() -> str:
    """128 random bits."""
    return secrets.token_hex(16)


async def initialise_namespace(
    store: Store, namespace: str, *, state: LatchState, fresh: str, gate_id: str
) -> NamespaceInitialised:
    """Creates or restores one namespace; OTHER_GENERATION changes nothing. Raises StoreError.

    `state`: what the latch holds (`read_latch` for tools); `fresh`: the generation where the latch knows none.
    """
    mark = state.marks.get(namespace) or Mark(namespace, "", 0)
    view = await store.poll(namespace, gate_id=gate_id, heartbeat=None)
    if view.generation:
        return _standing(view, mark)
    halts = _halts_of(namespace, state)
    beginning = Beginning(
        generation=mark.generation or fresh,
        least_epoch=mark.epoch + 1 if mark.generation else 0,
        clears=tuple(state.clears[halt.halt_id] for halt in halts if halt.halt_id in state.clears),
        halts=halts,
    )
    done = await store.initialise(namespace, beginning)
    if not done.created:
        return _standing(await store.poll(namespace, gate_id=gate_id, heartbeat=None), mark)
    outcome = InitialiseOutcome.RESTORED if mark.generation else InitialiseOutcome.CREATED
    return NamespaceInitialised(namespace, outcome, done.generation)


def _standing(view: StoreView, mark: Mark) -> NamespaceInitialised:
    same = mark.generation in ("", view.generation)
    outcome = InitialiseOutcome.STANDS if same else InitialiseOutcome.OTHER_GENERATION
    return NamespaceInitialised(view.namespace, outcome, view.generation)


def _halts_of(namespace: str, state: LatchState) -> tuple[Halt, ...]:
    return tuple(halt for halt in state.halts.values() if namespace_of(halt.scope) == namespace)
