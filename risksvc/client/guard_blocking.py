"""The guard of a synchronous ccxt object. See `risksvc.client.guard`."""

from collections.abc import Mapping
from typing import Any

from risksvc.client.blocking import RiskGate
from risksvc.client.guarded import READY_PATIENCE, Ccxt, Guarded, Intent
from risksvc.client.placing import MAX_RECV_WINDOW_MS, Amount, Declared, Placing, plan_create
from risksvc.core.types import ReplaceMode


class GuardedExchange(Guarded):
    """A synchronous ccxt object behind the gate. Made by `guard`."""

    def __init__(self, exchange: Ccxt, gate: RiskGate, *, venue_window_ms: int = MAX_RECV_WINDOW_MS) -> None:
        super().__init__(exchange, venue_window_ms=venue_window_ms)
        self._gate = gate
        gate.wait_ready(READY_PATIENCE)

    def create_order(  # noqa: PLR0913, PLR0917 - ccxt's own signature
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
        """Ask the gate, then place the order as ccxt does, with the checked client order id.

        Raises OrderDenied when it may not be sent (`error.denial` says why), TypeError or MalformedInputError for
        arguments that would make the venue trade something else, and whatever ccxt raises. Floats are taken as the
        decimal that Python prints for them. `intended_position`, `believed_position` and `replaces` are `check`'s.
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
        return self._place(plan, "create_order", arguments)

    def edit_order(  # noqa: PLR0913, PLR0917 - ccxt's own signature
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
        """Ask the gate, then change an order that was placed through this guard. Raises as create_order.

        What is not given stays as it was. `replace_mode`: "amend" (default) where the venue changes the order in place
        and keeps its client order id; "cancel_replace" where ccxt or the venue cancels it and places another (default
        where ccxt says that it emulates `editOrder`; binance spot needs it said).
        """
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
        return self._place(plan, "edit_order", arguments)

    def cancel_order(self, id: str | None, symbol: str | None = None, params: Mapping[str, Any] | None = None) -> Ccxt:  # noqa: A002 - ccxt's own signature
        """Cancel as ccxt does: never held up, in no state of the gate. A success is reported in the background."""
        params = dict(params or {})
        result = self._exchange.cancel_order(id, symbol, params)
        self._cancelled(self._gate, id, params)
        return result

    createOrder = create_order  # noqa: N815 - ccxt offers both spellings
    editOrder = edit_order  # noqa: N815 - the same
    cancelOrder = cancel_order  # noqa: N815 - the same

    def _place(self, plan: Placing, method: str, arguments: tuple[Any, ...]) -> Ccxt:
        if getattr(self._exchange, "markets", True) is None:
            self._exchange.load_markets()  # Now, and not while an approval runs out.
        decision = self._gate.check(**plan.check)
        self._admit(self._gate, plan, decision)
        try:
            result = getattr(self._exchange, method)(*arguments)
        except BaseException as error:
            self._failed(self._gate, plan, error)
            raise
        self._succeeded(self._gate, plan, result)
        return result
