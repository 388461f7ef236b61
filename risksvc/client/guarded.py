"""What the synchronous and the asynchronous guard share: what passes through, what is refused, what is reported.

Never imports ccxt. Rules: methods that would place orders past the gate are refused, everything else but the guard's
own methods passes through; what became of an order is reported only where it is certain: an exception that proves
nothing leaves it SENT, and it stays counted until the venue shows it.
"""

from collections.abc import Mapping
from typing import Any

from risksvc.client.decision import Decision, Denial, LocalReason, OrderDenied, local_denial
from risksvc.client.placing import (
    Amount,
    Declared,
    PlacedOrders,
    Placing,
    edits_in_place,
    places_orders,
    plan_edit,
)
from risksvc.client.request_window import RequestWindow
from risksvc.client.session import StrategySession
from risksvc.client.venue_errors import Proof, proof_of
from risksvc.core.types import ReplaceMode, RiskError

Ccxt = Any
"""A ccxt object, or whatever it takes and gives."""

Intent = Amount | tuple[Amount, Amount] | None

# How long the first order may wait for the gate to be heard for the first time.
READY_PATIENCE = 1.0


class PastTheGateError(RiskError, AttributeError):
    """A method of the exchange object that would place orders without asking the gate."""


class Guarded:
    """What both guards share: what passes through, what is refused, what is reported."""

    _OWN = frozenset({"_exchange", "_gate", "_placed", "_sending", "_waited", "_window"})

    def __init__(self, exchange: Ccxt, *, venue_window_ms: int) -> None:
        self._exchange = exchange
        self._placed = PlacedOrders()
        self._window = RequestWindow(exchange, venue_window_ms)

    @property
    def venue_window_ms(self) -> int | None:
        """The venue refuses an order that is older than this; None: it can't be told to, so there is no bound."""
        return self._window.window_ms

    def __getattr__(self, name: str) -> Ccxt:
        if name.startswith("__") or name in self._OWN:
            raise AttributeError(name)
        if places_orders(name):
            todo = "use create_order or edit_order; what only reads, call on the exchange object itself"
            raise PastTheGateError(f"{name} would pass the risk gate by; {todo}")
        return getattr(self._exchange, name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in self._OWN:
            super().__setattr__(name, value)
        else:
            setattr(self._exchange, name, value)

    def __dir__(self) -> list[str]:
        names = {*super().__dir__(), *(name for name in dir(self._exchange) if not places_orders(name))}
        return sorted(names)

    def __repr__(self) -> str:
        return f"<guarded {self._exchange!r}>"

    def _plan_edit(self, order_id: str, declared: Declared, **order: Ccxt) -> Placing:
        before = self._placed.find(order_id, order["params"])
        if before is None:
            raise OrderDenied(*_not_placed_here(order_id))
        if declared.replace_mode is None and not edits_in_place(self._exchange):
            declared = Declared(
                declared.intended_position, declared.believed_position, replace_mode=ReplaceMode.CANCEL_REPLACE
            )
        return plan_edit(before=before, declared=declared, **order)

    def _admit(self, gate: StrategySession, plan: Placing, decision: Decision) -> None:
        """Let an order pass, and report it sent; or raise OrderDenied."""
        if not plan.amends and self._placed.find(plan.client_order_id, {}) is not None:
            # Nothing is reported: the first order of that id may be working.
            raise OrderDenied(decision, _used_before(plan.client_order_id))
        refusal = decision.refusal()
        if refusal is None:
            self._window.begin(plan.params)
            if not plan.amends:
                self._placed.add("", plan.placed)
            gate.sent(plan.client_order_id)
            return
        if decision.approved and not plan.amends:
            gate.never_sent(plan.client_order_id)
        raise OrderDenied(decision, refusal)

    def _failed(self, gate: StrategySession, plan: Placing, error: BaseException) -> None:
        self._window.end()
        proof = proof_of(error, amending=plan.amends)
        if proof is Proof.REJECTED:
            gate.rejected(plan.client_order_id)
        elif proof is Proof.NEVER_SENT and not plan.amends:
            gate.never_sent(plan.client_order_id)

    def _succeeded(self, gate: StrategySession, plan: Placing, result: object) -> None:
        self._window.end()
        # An answer without an id is none: ccxt makes one out of an empty body. The order stays SENT.
        venue_order_id = result.get("id") if isinstance(result, Mapping) else None
        known = venue_order_id if isinstance(venue_order_id, str) else ""
        self._placed.add(known, plan.placed)
        if known:
            gate.acknowledged(plan.client_order_id, known)

    def _cancelled(self, gate: StrategySession, order_id: str | None, params: Mapping[str, Any]) -> None:
        placed = self._placed.find(order_id, params)
        if placed is not None:
            gate.cancelled(placed.client_order_id)


def _used_before(client_order_id: str) -> Denial:
    todo = "look up what became of it, and give a new order a new id"
    message = f"an order {client_order_id!r} was sent before, and sending twice has doubled orders; {todo}"
    return local_denial(LocalReason.INVALID_REQUEST, message)


def _not_placed_here(order_id: str | None) -> tuple[Decision, Denial]:
    message = f"order {order_id!r} was not placed through this guard (or too long ago): cancel it and place a new one"
    denial = local_denial(LocalReason.INVALID_REQUEST, message)
    return Decision(str(order_id), denials=(denial,)), denial
