"""The guard of an asynchronous ccxt object. See `risksvc.client.guard`.

Rule: once sending has begun, no cancellation stops it, because it could not stop the order.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Self

from risksvc.client.asynchronous import AsyncRiskGate
from risksvc.client.decision import Decision
from risksvc.client.guarded import READY_PATIENCE, Ccxt, Guarded, Intent
from risksvc.client.placing import MAX_RECV_WINDOW_MS, Amount, Declared, Placing, plan_create
from risksvc.core.types import ReplaceMode

logger = logging.getLogger("risksvc.client")


class AsyncGuardedExchange(Guarded):
    """An asynchronous ccxt object behind the gate. Made by `guard`."""

    def __init__(self, exchange: Ccxt, gate: AsyncRiskGate, *, venue_window_ms: int = MAX_RECV_WINDOW_MS) -> None:
        super().__init__(exchange, venue_window_ms=venue_window_ms)
        self._gate = gate
        self._waited = False
        self._sending: set[asyncio.Task[Any]] = set()

    async def create_order(  # noqa: PLR0913, PLR0917 - ccxt's own signature
        self,
        symbol: str,
        type: str,  # noqa: A002 - ccxt's own signature
        side: str,
        amount: Amount,
        price: Amount | None = None,
        params: Mapping[str, Any] | None = None,
        *,
        intended_position: Intent = None,
        believed_position: Amount | None = None,
        replaces: str | None = None,
    ) -> Ccxt:
        """Ask the gate, then place the order; as GuardedExchange.create_order.

        Once sending has begun, cancelling the awaiting task no longer stops it (the order could be at the venue all the
        same): it goes on in the background, and what becomes of it is reported.
        """
        declared = Declared(intended_position, believed_position, replaces=replaces)
        plan = plan_create(
            symbol=symbol,
            order_type=type,
            side=side,
            amount=amount,
            price=price,
            params=params or {},
            declared=declared,
        )
        arguments = (symbol, type, side, amount, price, plan.params)
        return await self._place(plan, "create_order", arguments)

    async def edit_order(  # noqa: PLR0913, PLR0917 - ccxt's own signature
        self,
        id: str,  # noqa: A002 - ccxt's own signature
        symbol: str,
        type: str,  # noqa: A002 - ccxt's own signature
        side: str,
        amount: Amount | None = None,
        price: Amount | None = None,
        params: Mapping[str, Any] | None = None,
        *,
        intended_position: Intent = None,
        believed_position: Amount | None = None,
        replace_mode: str | ReplaceMode | None = None,
    ) -> Ccxt:
        """Ask the gate, then change an order; as GuardedExchange.edit_order, shielded as create_order."""
        declared = Declared(intended_position, believed_position, replace_mode=replace_mode)
        plan = self._plan_edit(
            id,
            declared,
            symbol=symbol,
            order_type=type,
            side=side,
            amount=amount,
            price=price,
            params=params or {},
        )
        arguments = (id, symbol, type, side, plan.placed.amount, plan.placed.price, plan.params)
        return await self._place(plan, "edit_order", arguments)

    async def cancel_order(
        self,
        id: str | None,  # noqa: A002 - ccxt's own signature
        symbol: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Ccxt:
        """Cancel as ccxt does: never held up, in no state of the gate. A success is reported in the background."""
        params = dict(params or {})
        result = await self._exchange.cancel_order(id, symbol, params)
        self._cancelled(self._gate, id, params)
        return result

    createOrder = create_order  # noqa: N815 - ccxt offers both spellings
    editOrder = edit_order  # noqa: N815 - the same
    cancelOrder = cancel_order  # noqa: N815 - the same

    async def __aenter__(self) -> Self:
        if hasattr(self._exchange, "__aenter__"):
            await self._exchange.__aenter__()
        return self

    async def __aexit__(self, *failure: object) -> None:
        if hasattr(self._exchange, "__aexit__"):
            await self._exchange.__aexit__(*failure)

    async def _place(self, plan: Placing, method: str, arguments: tuple[Any, ...]) -> Ccxt:
        await self._prepare()
        decision = await self._gate.check(**plan.check)
        sending = asyncio.create_task(self._send(plan, decision, method, arguments))
        self._sending.add(sending)
        sending.add_done_callback(self._sent)
        return await asyncio.shield(sending)

    async def _prepare(self) -> None:
        """Do beforehand what would use up an approval: load the markets, and once wait for the gate to be heard."""
        if getattr(self._exchange, "markets", True) is None:
            # One task loads for all who wait: cancelling it would fail them all.
            await asyncio.shield(self._exchange.load_markets())
        if not self._waited:
            await self._gate.wait_ready(READY_PATIENCE)
            self._waited = True

    async def _send(self, plan: Placing, decision: Decision, method: str, arguments: tuple[Any, ...]) -> Ccxt:
        self._admit(self._gate, plan, decision)
        try:
            result = await getattr(self._exchange, method)(*arguments)
        except BaseException as error:
            self._failed(self._gate, plan, error)
            raise
        self._succeeded(self._gate, plan, result)
        return result

    def _sent(self, sending: "asyncio.Task[Any]") -> None:
        self._sending.discard(sending)
        # Retrieved here, so that asyncio doesn't log it as lost when whoever awaited it was cancelled.
        if not sending.cancelled() and sending.exception() is not None:
            logger.debug("an order ended with %r", sending.exception())
