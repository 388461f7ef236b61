"""The gate for strategies that are asyncio programs. The same shape as `RiskGate`; what waits is awaited.

Never blocks the event loop, never raises because of the gate. Belongs to one event loop, the one it is first used in;
not thread-safe. A loop that is blocked for three heartbeats hears nothing, and is denied until it has listened again.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self, Unpack

import grpc
import grpc.aio

from risksvc.client import clock
from risksvc.client.batches import Batch, BatchSession
from risksvc.client.channel import (
    CHANNEL_OPTIONS,
    DEFAULT_DEADLINE,
    RECONNECT_FIRST,
    RECONNECT_MOST,
    REPORT_DEADLINE,
    problem_text,
    status_of,
)
from risksvc.client.decision import Decision
from risksvc.client.judgement import Question
from risksvc.client.orders import Number, OrderArguments
from risksvc.client.reports import HOPELESS, Report
from risksvc.client.session import PositionAnswer
from risksvc.client.telling import OnState
from risksvc.core.types import SECOND
from risksvc.tls.endpoint import Tls
from risksvc.v1.strategy_pb2_grpc import StrategyServiceStub

if TYPE_CHECKING:  # it exists in the types only
    from risksvc.v1.strategy_pb2_grpc import StrategyServiceAsyncStub

logger = logging.getLogger("risksvc.client")

# How long calls that were cancelled may take to come back.
_DRAIN = 0.02


class AsyncRiskGate(BatchSession):
    """Asks the gate before every order. Follows the trading state from its first use in an event loop.

    The arguments are RiskGate's. `on_state` is a plain function, called in the event loop.

    Use it as `async with AsyncRiskGate(...) as gate`, or await `close()`: that delivers what is still to be reported.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each thing that a strategy may say of itself
        self,
        target: str,
        *,
        account: str,
        strategy: str,
        strategy_version: str = "",
        deadline: float = DEFAULT_DEADLINE,
        on_state: OnState | None = None,
        tls: Tls | None = None,
    ) -> None:
        super().__init__(
            target,
            account=account,
            strategy=strategy,
            strategy_version=strategy_version,
            deadline=deadline,
            on_state=on_state,
            tls=tls,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        # Set when there is something to deliver; when everything was answered; when the state was heard.
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._heard = asyncio.Event()
        self._messages = 0

    async def check(self, **order: Unpack[OrderArguments]) -> Decision:
        """Ask whether this order may be sent. See `OrderArguments` for the keyword arguments.

        Returns within the deadline. Anything but a clear, timely approval is a denial: an unreachable or hung gate, a
        halt, an answer that can't be read. Raises only what the caller got wrong: TypeError (a float, an unknown or
        missing argument) and MalformedInputError (a value that is not allowed). Send the order only `if decision:`.
        When the awaiting task is cancelled, the order is reported never sent.
        """
        stub = self._start()
        question = self._question(order)
        refusal = self._refusal(question)
        if refusal is not None:
            return refusal
        try:
            return self._judge(question, await self._ask(stub, question))
        except grpc.RpcError as error:
            return self._failed(question, *status_of(error))
        except asyncio.CancelledError:
            if _cancelling():
                self._give_up(question)  # Whoever asked will not send.
                raise
            # grpc cancels calls of a channel that is closed; the caller was not cancelled.
            return self._failed(question, grpc.StatusCode.CANCELLED, "the channel was closed")
        except Exception as error:  # noqa: BLE001 - a check never raises for trouble on the way: it denies
            return self._broke(question, error)

    async def check_batch(self, orders: Iterable[OrderArguments], *, all_or_none: bool = False) -> list[Decision]:
        """Ask about up to 100 orders in one call: each by itself, in order, or (`all_or_none`) as one decision.

        orders: the keyword arguments of `check`, one mapping for each order. Returns one decision for each, in order.
        An approved order counts for those after it. Under `all_or_none` one that may not be sent leaves none that may.
        Returns and raises as `check` does. When the awaiting task is cancelled, the orders are
        reported never sent. Send an order only `if decision:`.
        """
        stub = self._start()
        batch = self._batch(orders, all_or_none=all_or_none)
        if not batch.asked:
            return self._together(batch, [])
        try:
            return self._decided(batch, await self._ask_batch(stub, batch))
        except grpc.RpcError as error:
            return self._batch_failed(batch, *status_of(error))
        except asyncio.CancelledError:
            if _cancelling():
                self._batch_given_up(batch)  # Whoever asked will not send.
                raise
            return self._batch_failed(batch, grpc.StatusCode.CANCELLED, "the channel was closed")
        except Exception as error:  # noqa: BLE001 - a check never raises for trouble on the way: it denies
            return self._batch_broke(batch, error)

    async def compare_position(self, instrument: str, quantity: Number) -> PositionAnswer:
        """Tell the position at once and wait for the answer, at most the deadline.

        Never raises for gate trouble: that is told in the answer's `problem`.
        """
        request = self._reporter.position_request(instrument, quantity)
        try:
            return self._position_answer(
                await self._start().ReportPosition(request, timeout=self._deadline, wait_for_ready=False)
            )
        except asyncio.CancelledError:
            if _cancelling():
                raise
            problem = "the channel was closed"
        except Exception as error:  # noqa: BLE001 - told in the answer
            problem = problem_text(error)
        return PositionAnswer(agrees=False, ledger_position=None, problem=problem)

    async def wait_ready(self, timeout: float) -> bool:  # noqa: ASYNC109 - the same shape as RiskGate's
        """Wait until the trading state is known, at most `timeout` seconds; False: it is not."""
        self._start()
        try:
            async with asyncio.timeout(timeout):
                while not self.ready and not self._closed:
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            return self.ready
        return self.ready

    async def flush(self, timeout: float) -> bool:  # noqa: ASYNC109 - the same shape as RiskGate's
        """Wait until every report was answered, at most `timeout` seconds; False: some still wait."""
        if not self._closed:
            self._start()
        try:
            async with asyncio.timeout(timeout):
                while not self._queue.idle and self._tasks:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            return self._queue.idle
        return self._queue.idle

    async def close(self, timeout: float = 1.0) -> None:  # noqa: ASYNC109 - the same shape as RiskGate's
        """Deliver what is still to be reported, for at most `timeout` seconds, and end. Denies from then on."""
        if self._closed:
            return
        self._closed = True
        self._follower.close()
        try:
            await self.flush(timeout)
        finally:
            await self._end()

    async def __aenter__(self) -> Self:
        self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _start(self) -> "StrategyServiceAsyncStub":
        """Start listening and reporting in the running loop; only the first call does."""
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
            channel = self._secured.aio_channel(CHANNEL_OPTIONS)
            self._stub = StrategyServiceStub(channel)
            self._tasks = [loop.create_task(self._listen(channel)), loop.create_task(self._deliver())]
        if loop is not self._loop:
            raise RuntimeError("this AsyncRiskGate belongs to another event loop; make one gate for each loop")
        return self._stub

    async def _end(self) -> None:
        left = len(self._queue)
        if left:
            logger.warning("closed with %d reports undelivered; the gate learns of them from the venue's feed", left)
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._heard.set()

    async def _ask(self, stub: "StrategyServiceAsyncStub", question: Question) -> object:
        try:
            return await stub.CheckOrder(question.request, timeout=self._left(question), wait_for_ready=False)
        except grpc.RpcError as error:
            if not self._may_ask_again(question, error):
                raise
        # The same id in what is left of the same deadline: if the first was decided, this gets the same decision.
        return await stub.CheckOrder(question.request, timeout=self._left(question), wait_for_ready=False)

    async def _ask_batch(self, stub: "StrategyServiceAsyncStub", batch: Batch) -> object:
        request, first = batch.request(), batch.asked[0]
        try:
            return await stub.CheckBatch(request, timeout=self._left(first), wait_for_ready=False)
        except grpc.RpcError as error:
            if not self._may_ask_again(first, error):
                raise
        # The same ids in what is left of the same deadline: what was decided gets the same decisions.
        return await stub.CheckBatch(request, timeout=self._left(first), wait_for_ready=False)

    def _submit(self, report: Report) -> bool:
        if self._closed:
            return False
        if _in_a_loop():
            self._start()
        queued = self._queue.put(report)
        if not queued:
            logger.warning("the report queue is full: %s is lost", report)
        self._work.set()
        return queued

    def _forget_beliefs(self, line: str) -> None:
        self._queue.drop_line(line)

    # -- listening ------------------------------------------------------------------------------------------------

    async def _listen(self, channel: grpc.aio.Channel) -> None:
        try:
            await self._listen_on()
        finally:
            # Here, because an event loop that ends cancels its tasks and nothing else. What grpc still has under way
            # has to come back while the loop lives: else the process's next loop logs "Event loop is closed" for it.
            self._closed = True
            self._follower.close()
            await channel.close()
            await asyncio.sleep(_DRAIN)

    async def _listen_on(self) -> None:
        pause = RECONNECT_FIRST
        while True:
            before = self._messages
            await self._listen_once()
            self._teller.tell(clock.now())
            pause = RECONNECT_FIRST if self._messages > before else min(2 * pause, RECONNECT_MOST)
            await asyncio.sleep(pause)

    async def _listen_once(self) -> None:
        """Follow one stream to its end."""
        self._follower.stream_opened()
        stream = self._stub.WatchTradingState(self._watch_request(), wait_for_ready=False)
        try:
            await self._follow(stream)
            self._follower.lost("the gate ended the stream")
        except asyncio.CancelledError:
            if _cancelling():
                raise
            self._follower.lost("the stream was cancelled")
        except Exception as error:  # noqa: BLE001 - whatever it is, silence denies; and the log must not flood
            self._follower.lost(problem_text(error))
        finally:
            stream.cancel()

    async def _follow(self, stream: "grpc.aio.UnaryStreamCall[Any, Any]") -> None:
        while True:
            async with asyncio.timeout(self._follower.patience_ns() / SECOND):
                message = await stream.read()
            if message is grpc.aio.EOF:
                return
            self._follower.hear(message, clock.now())
            self._messages += 1
            self._heard.set()
            self._teller.tell(clock.now())

    # -- reporting ------------------------------------------------------------------------------------------------

    async def _deliver(self) -> None:
        while True:
            report = self._queue.take(time.monotonic_ns())
            if report is not None:
                await self._deliver_one(report)
            if self._queue.idle:
                self._idle.set()
            if report is None:
                await self._wait_for_work()

    async def _wait_for_work(self) -> None:
        self._work.clear()
        due = self._queue.due_in(time.monotonic_ns())
        try:
            async with asyncio.timeout(None if due is None else due / SECOND):
                await self._work.wait()
        except TimeoutError:
            return

    async def _deliver_one(self, report: Report) -> None:
        try:
            response = await getattr(self._stub, report.kind.value)(
                report.request, timeout=REPORT_DEADLINE, wait_for_ready=False
            )
        except grpc.RpcError as error:
            code, details = status_of(error)
            if code in HOPELESS:
                logger.warning("the gate refused a report, which is lost: %s: %s", report, details)
                self._queue.refused()
            else:
                self._queue.failed(time.monotonic_ns())
        except asyncio.CancelledError:
            self._queue.failed(time.monotonic_ns())
            if _cancelling():
                raise
        except Exception as error:  # noqa: BLE001 - e.g. UsageError when the channel was closed meanwhile
            logger.debug("a report failed: %s: %r", report, error)
            self._queue.failed(time.monotonic_ns())
        else:
            self._queue.answered(response, time.monotonic_ns())


def _cancelling() -> bool:
    """Tell whether the running task itself is being cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
