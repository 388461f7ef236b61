"""What strategies may ask: only converts and asks the owner. Decides nothing, holds nothing.

A denial is an answer; a status means that the gate could not decide. Whatever goes wrong here ends in a status or in a
denial, never in an approval.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from grpc import StatusCode

from risksvc.core.denials import Denial, DenialReason
from risksvc.core.events import Input
from risksvc.core.outputs import Decision, ExposureUse, Output, ReportTaken
from risksvc.core.types import MILLISECOND, SECOND, MalformedInputError, Scope, TradingState
from risksvc.gate import convert
from risksvc.gate.app import GateApp
from risksvc.gate.convert_strategy import (
    decision_message,
    fill_reported,
    number,
    order_checked,
    order_reported,
    position_reported,
)
from risksvc.gate.rpc_guard import Context, end, errors_as_statuses, refuse_late
from risksvc.gate.watching import TooManyWatchersError, Watcher, state_message
from risksvc.v1 import strategy_pb2, strategy_pb2_grpc, types_pb2

_LOOK_AGAIN_SECONDS = 0.02  # a disk that hangs must not keep a halt from those who wait for it


class StrategyService(strategy_pb2_grpc.StrategyServiceServicer):
    """risksvc.v1.StrategyService over the owner."""

    def __init__(self, app: GateApp) -> None:
        self._app = app

    async def CheckOrder(  # noqa: N802 - gRPC's name
        self, request: strategy_pb2.CheckOrderRequest, context: Context
    ) -> strategy_pb2.CheckOrderResponse:
        """Decides one order."""
        async with errors_as_statuses(self._app, context):
            await refuse_late(self._app, context)
            return await self._check(request)

    async def CheckOrders(  # noqa: N802
        self, request_iterator: AsyncIterator[strategy_pb2.CheckOrderRequest], context: Context
    ) -> AsyncIterator[strategy_pb2.CheckOrderResponse]:
        """Decides orders one after the other; a malformed one is denied and the stream goes on."""
        async with errors_as_statuses(self._app, context):
            async for request in request_iterator:
                await refuse_late(self._app, context)
                yield await self._check_or_deny(request)

    async def ReportOrder(  # noqa: N802
        self, request: strategy_pb2.ReportOrderRequest, context: Context
    ) -> strategy_pb2.ReportOrderResponse:
        """What became of an order."""
        async with errors_as_statuses(self._app, context):
            taken = await self._report(order_reported(request))
            return strategy_pb2.ReportOrderResponse(known=taken.known)

    async def ReportFill(  # noqa: N802
        self, request: strategy_pb2.ReportFillRequest, context: Context
    ) -> strategy_pb2.ReportFillResponse:
        """A fill."""
        async with errors_as_statuses(self._app, context):
            taken = await self._report(fill_reported(request))
            return strategy_pb2.ReportFillResponse(recorded=taken.known)

    async def ReportPosition(  # noqa: N802
        self, request: strategy_pb2.ReportPositionRequest, context: Context
    ) -> strategy_pb2.ReportPositionResponse:
        """A belief."""
        async with errors_as_statuses(self._app, context):
            taken = await self._report(position_reported(request))
            ledger = number(taken.ledger_position)
            return strategy_pb2.ReportPositionResponse(agrees=taken.agrees, ledger_position=ledger)

    async def WatchTradingState(  # noqa: N802
        self, request: strategy_pb2.WatchTradingStateRequest, context: Context
    ) -> AsyncIterator[strategy_pb2.WatchTradingStateResponse]:
        """The state at once, on every change, and with every heartbeat."""
        async with errors_as_statuses(self._app, context):
            account = convert.name(request.account, field="account")
            strategy = convert.name(request.strategy, field="strategy")
            try:
                with self._app.watchers.following(account, strategy) as watcher:
                    async for message in self._follow(watcher):
                        yield message
            except TooManyWatchersError:
                text = f"{len(self._app.watchers)} streams are open; one per strategy is enough"
                await end(context, StatusCode.RESOURCE_EXHAUSTED, text)

    async def _follow(self, watcher: Watcher) -> AsyncIterator[strategy_pb2.WatchTradingStateResponse]:
        app = self._app
        sequence = 0
        while True:
            sequence += 1
            last = app.watchers.ended
            yield await self._told(watcher, sequence)
            if last:
                return
            await watcher.wait(app.settings.heartbeat_ns / SECOND)

    async def _told(self, watcher: Watcher, sequence: int) -> strategy_pb2.WatchTradingStateResponse:
        """The state as it is. What lets a strategy trade is told once it is durable; what stops it, at once."""
        app = self._app
        while True:
            watcher.changed.clear()
            heartbeat_ms = app.settings.heartbeat_ns // MILLISECOND
            message = state_message(
                app.owner, watcher, sequence=sequence, heartbeat_ms=heartbeat_ms, now=app.clock.now()
            )
            if message.trading_state == types_pb2.TRADING_STATE_HALTED or message.closed_because:
                return message
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_SECONDS):
                    await app.owner.durable()
                if not watcher.changed.is_set():
                    return message

    async def _check_or_deny(self, request: strategy_pb2.CheckOrderRequest) -> strategy_pb2.CheckOrderResponse:
        try:
            return await self._check(request)
        except MalformedInputError as error:
            self._app.counters.malformed += 1
            return self._denial(request, DenialReason.INVALID_REQUEST, str(error))

    async def _check(self, request: strategy_pb2.CheckOrderRequest) -> strategy_pb2.CheckOrderResponse:
        event = order_checked(request)
        if self._app.owner.fault is not None:
            return self._denial(request, DenialReason.GATE_FAULT, "the gate met an internal error and is closed")
        decision = (await self._submit(event))[0]
        if not isinstance(decision, Decision):
            raise TypeError(f"a check gave {type(decision).__name__}")
        return decision_message(decision)

    async def _report(self, event: Input) -> ReportTaken:
        taken = (await self._submit(event))[0]
        if not isinstance(taken, ReportTaken):
            raise TypeError(f"a report gave {type(taken).__name__}")
        return taken

    async def _submit(self, event: Input) -> tuple[Output, ...]:
        """What came of it, once that is durable."""
        outputs = self._app.owner.submit(event)
        await self._app.owner.durable()
        if not outputs:
            raise TypeError(f"{type(event).__name__} got no answer")
        return outputs

    def _denial(
        self, request: strategy_pb2.CheckOrderRequest, reason: DenialReason, text: str
    ) -> strategy_pb2.CheckOrderResponse:
        """An answer that the core was not asked for."""
        app = self._app
        decision = Decision(
            client_order_id=request.client_order_id[: convert.MAX_NAME],
            denials=(Denial(reason, Scope(), text),),
            instrument_exposure=ExposureUse(),
            total_exposure=ExposureUse(),
            trading_state=TradingState.HALTED if app.owner.fault else app.owner.state.state_of(request.account),
            valid_until=0,
            decided_at=app.clock.now(),
            limits_hash=app.owner.state.limits_hash,
        )
        return decision_message(decision)
