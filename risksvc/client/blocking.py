"""The gate for strategies that are plain threads.

Never blocks longer than its deadline, never raises because of the gate. Thread-safe. Not safe to use in a child process
after `fork`: make a new gate there (the child's copy hears no heartbeats, so it denies everything).
"""

import logging
import weakref
from collections.abc import Iterable
from typing import Self, Unpack

import grpc

from risksvc.client.background import Background, Conversation
from risksvc.client.batches import Batch, BatchSession
from risksvc.client.channel import CHANNEL_OPTIONS, DEFAULT_DEADLINE, problem_text, status_of
from risksvc.client.decision import Decision
from risksvc.client.judgement import Question
from risksvc.client.orders import Number, OrderArguments
from risksvc.client.reports import Report
from risksvc.client.session import PositionAnswer
from risksvc.client.telling import OnState
from risksvc.tls.endpoint import Tls
from risksvc.v1 import strategy_pb2
from risksvc.v1.strategy_pb2_grpc import StrategyServiceStub

logger = logging.getLogger("risksvc.client")

_LINGER_AT_EXIT = 0.2


class RiskGate(BatchSession):
    """Asks the gate before every order. Follows the trading state in the background from the first moment.

    target: "unix:/run/risksvc/strategy.sock", a loopback address like "127.0.0.1:7443", or with tls any "host:port".
    account, strategy: as in the limits file. strategy_version: free text up to 64 characters, kept for the review.
    deadline: seconds that a check may take at most, in all; the default is 0.1 and it can't be switched off.
    on_state: called with (state, halts) on every change, from a background thread; it must return at once, and may be
    told None for the state: nothing is known, treat it as HALTED.
    tls: how to speak to a port with TLS: Tls(ca="ca.crt", certificate="me.crt", key="me.key"). The files are read once,
    now; what is wrong with them raises TlsError. A renewed certificate is shown by the next gate object.

    Close it (`with`, or `close()`): that delivers what is still to be reported. A forgotten gate is closed when it is
    collected or the interpreter exits, and then waits 0.2 s at most for reports.
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
        channel = self._secured.channel(CHANNEL_OPTIONS)
        self._stub = StrategyServiceStub(channel)
        self._background = Background(
            Conversation(self._stub, self._follower, self._queue, self._watch_request(), self._teller)
        )
        self._end = weakref.finalize(self, _end, self._background, channel)

    def check(self, **order: Unpack[OrderArguments]) -> Decision:
        """Ask whether this order may be sent. See `OrderArguments` for the keyword arguments.

        Returns within the deadline. Anything but a clear, timely approval is a denial: an unreachable or hung gate, a
        halt, an answer that can't be read. Raises only what the caller got wrong: TypeError (a float, an unknown or
        missing argument) and MalformedInputError (a value that is not allowed). Send the order only `if decision:`.
        """
        question = self._question(order)
        refusal = self._refusal(question)
        if refusal is not None:
            return refusal
        try:
            return self._judge(question, self._ask(question))
        except grpc.RpcError as error:
            return self._failed(question, *status_of(error))
        except Exception as error:  # noqa: BLE001 - a check never raises for trouble on the way: it denies
            return self._broke(question, error)
        except BaseException:
            self._give_up(question)  # Ctrl-C while waiting: whoever asked will not send.
            raise

    def check_batch(self, orders: Iterable[OrderArguments], *, all_or_none: bool = False) -> list[Decision]:
        """Ask about up to 100 orders in one call: each by itself, in order, or (`all_or_none`) as one decision.

        orders: the keyword arguments of `check`, one mapping for each order. Returns one decision for each, in order.
        An approved order counts for those after it. Under `all_or_none` one that may not be sent leaves none that may.
        Returns and raises as `check` does. Send an order only `if decision:`.
        """
        batch = self._batch(orders, all_or_none=all_or_none)
        if not batch.asked:
            return self._together(batch, [])
        try:
            return self._decided(batch, self._ask_batch(batch))
        except grpc.RpcError as error:
            return self._batch_failed(batch, *status_of(error))
        except Exception as error:  # noqa: BLE001 - a check never raises for trouble on the way: it denies
            return self._batch_broke(batch, error)
        except BaseException:
            self._batch_given_up(batch)  # Ctrl-C while waiting: whoever asked will not send.
            raise

    def compare_position(self, instrument: str, quantity: Number) -> PositionAnswer:
        """Tell the position at once and wait for the answer, at most the deadline.

        Never raises for gate trouble: that is told in the answer's `problem`.
        """
        request = self._reporter.position_request(instrument, quantity)
        try:
            return self._position_answer(
                self._stub.ReportPosition(request, timeout=self._deadline, wait_for_ready=False)
            )
        except Exception as error:  # noqa: BLE001 - told in the answer
            return PositionAnswer(agrees=False, ledger_position=None, problem=problem_text(error))

    def wait_ready(self, timeout: float) -> bool:
        """Wait until the trading state is known, at most `timeout` seconds; False: it is not."""
        return self._background.wait_ready(timeout)

    def flush(self, timeout: float) -> bool:
        """Wait until every report was answered, at most `timeout` seconds; False: some still wait."""
        return self._background.flush(timeout)

    def close(self, timeout: float = 1.0) -> None:
        """Deliver what is still to be reported, for at most `timeout` seconds, and end. Denies from then on."""
        self._closed = True
        self._background.stop(timeout)
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, question: Question) -> strategy_pb2.CheckOrderResponse:
        try:
            return self._ask_once(question)
        except grpc.RpcError as error:
            if not self._may_ask_again(question, error):
                raise
        # The same id in what is left of the same deadline: if the first was decided, this gets the same decision.
        return self._ask_once(question)

    def _ask_once(self, question: Question) -> strategy_pb2.CheckOrderResponse:
        return self._stub.CheckOrder(question.request, timeout=self._left(question), wait_for_ready=False)

    def _ask_batch(self, batch: Batch) -> object:
        request, first = batch.request(), batch.asked[0]
        try:
            return self._stub.CheckBatch(request, timeout=self._left(first), wait_for_ready=False)
        except grpc.RpcError as error:
            if not self._may_ask_again(first, error):
                raise
        # The same ids in what is left of the same deadline: what was decided gets the same decisions.
        return self._stub.CheckBatch(request, timeout=self._left(first), wait_for_ready=False)

    def _submit(self, report: Report) -> bool:
        return not self._closed and self._background.submit(report)

    def _forget_beliefs(self, line: str) -> None:
        self._background.forget(line)


def _end(background: Background, channel: grpc.Channel) -> None:
    background.stop(_LINGER_AT_EXIT)
    channel.close()
    background.join()
