"""Puts the gate in front of the user's own ccxt object: `exchange = guard(ccxt.bybit({...}), gate)`.

Never imports ccxt. Rules: `create_order` and `edit_order` ask first, and send only while the approval is usable;
cancelling is never held up, by anything; methods that would place orders past the gate are refused; everything else
passes through. What became of an order is reported only where it is certain: an exception that proves nothing leaves it
SENT, and it stays counted until the venue shows it.

What it cannot do: stop a program that uses the exchange object itself (the gate detects such orders and halts), or
hurry ccxt's own rate limiter. Calls of one ccxt object queue, so an order behind ten polls leaves a second late: give
orders an object of their own.
"""

import inspect
from typing import overload

from risksvc.client.asynchronous import AsyncRiskGate
from risksvc.client.blocking import RiskGate
from risksvc.client.guard_async import AsyncGuardedExchange
from risksvc.client.guard_blocking import GuardedExchange
from risksvc.client.guarded import Ccxt
from risksvc.client.placing import MAX_RECV_WINDOW_MS


@overload
def guard(exchange: Ccxt, gate: RiskGate, *, venue_window_ms: int = MAX_RECV_WINDOW_MS) -> "GuardedExchange": ...
@overload
def guard(
    exchange: Ccxt, gate: AsyncRiskGate, *, venue_window_ms: int = MAX_RECV_WINDOW_MS
) -> "AsyncGuardedExchange": ...
def guard(
    exchange: Ccxt, gate: RiskGate | AsyncRiskGate, *, venue_window_ms: int = MAX_RECV_WINDOW_MS
) -> "GuardedExchange | AsyncGuardedExchange":
    """Wrap a ccxt object: synchronous with a RiskGate, ccxt.async_support or ccxt.pro with an AsyncRiskGate.

    Makes the venue refuse an order that is older than `venue_window_ms` (1,000; it can only be lowered), each venue in
    its own way (`risksvc.core.request_expiry`); this host's clock must be right to well within that. Where the venue
    has no such thing a warning is logged, and the result's `venue_window_ms` is None: an approved order that hangs on
    its way may be accepted there at any time. Sets `options.maxRetriesOnFailure` to 0. With a RiskGate it waits up to a
    second until the gate is heard, so that the first order needs no waiting of yours.
    """
    if not callable(getattr(exchange, "create_order", None)):
        raise TypeError(f"guard: {type(exchange).__name__} has no create_order; pass a ccxt exchange object")
    is_async = inspect.iscoroutinefunction(exchange.create_order)
    if is_async and isinstance(gate, AsyncRiskGate):
        return AsyncGuardedExchange(exchange, gate, venue_window_ms=venue_window_ms)
    if not is_async and isinstance(gate, RiskGate):
        return GuardedExchange(exchange, gate, venue_window_ms=venue_window_ms)
    kind, wanted = ("an asynchronous", "AsyncRiskGate") if is_async else ("a synchronous", "RiskGate")
    raise TypeError(f"guard: {type(exchange).__name__} is {kind} exchange object; it needs a {wanted}")
