"""What the blocking and the asyncio gate have in common: one strategy's questions, answers and reports.

No I/O and no thread: `RiskGate` and `AsyncRiskGate` carry the messages. Rules: a check that left this process and did
not come back as a clear denial or a usable approval is reported NEVER_SENT; that is never said of an id which this
object has asked about before (its first order may be working), nor of an amendment (the order it changes is working).
"""

import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal

import grpc

from risksvc.client import clock
from risksvc.client.channel import checked_deadline, checked_endpoint, status_of
from risksvc.client.decision import Decision
from risksvc.client.following import Follower, Halt
from risksvc.client.judgement import NOTHING_DECIDED, Question, failed, judge, refused, unclear
from risksvc.client.orders import Number, OrderArguments, build_request, required_text, version_text
from risksvc.client.reports import Report, Reporter, ReportQueue, fill_request, position_line
from risksvc.client.telling import OnState, Teller
from risksvc.core.types import SECOND, MalformedInputError, Side, TradingState, parse_decimal
from risksvc.tls.channels import secured
from risksvc.tls.endpoint import Tls
from risksvc.v1 import strategy_pb2

_IDS_REMEMBERED = 16_384


@dataclass(frozen=True, slots=True)
class PositionAnswer:
    """What the gate says to a believed position.

    `agrees`: belief and the strategy's ledger position agree within what fills in flight explain; False also when the
    gate did not answer, and then `problem` says why and `ledger_position` is None.
    """

    agrees: bool
    ledger_position: Decimal | None
    problem: str = ""


class StrategySession(ABC):
    """One strategy's side of the conversation with the gate.

    Reports are queued: they never block and never raise for gate trouble; each returns False when it was not even
    queued (closed, or 10,000 are waiting).

    Lost when the process dies: every report not yet delivered (`flush` waits for them). The gate then learns of orders
    and fills from the venue's own feed, later; until then what it has approved stays counted.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each thing that a strategy may say of itself
        self,
        target: str,
        *,
        account: str,
        strategy: str,
        strategy_version: str,
        deadline: float,
        on_state: OnState | None,
        tls: Tls | None,
    ) -> None:
        self._target = target
        self._secured = secured(checked_endpoint(target, tls))
        self._account = required_text(account, field="account")
        self._strategy = required_text(strategy, field="strategy")
        self._strategy_version = version_text(strategy_version)
        self._deadline = checked_deadline(deadline)
        self._deadline_ns = int(self._deadline * SECOND)
        self._follower = Follower(account=account, strategy=strategy)
        self._teller = Teller(on_state, follower=self._follower)
        self._reporter = Reporter(account, strategy)
        self._queue = ReportQueue()
        self._asked_about: OrderedDict[str, None] = OrderedDict()
        self._closed = False

    # -- the trading state ----------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """The trading state is known now. Says nothing about what it is."""
        return self._follower.standing(clock.now()) is not None

    @property
    def trading_state(self) -> TradingState | None:
        """The strictest state over the strategy, its account and everything; None: not known, treat as HALTED."""
        standing = self._follower.standing(clock.now())
        return None if standing is None else standing.state

    @property
    def halts(self) -> tuple[Halt, ...]:
        """The halts in force that touch this strategy; empty when none, or when the state is not known."""
        standing = self._follower.standing(clock.now())
        return () if standing is None else standing.halts

    @property
    def closed_because(self) -> tuple[str, ...]:
        """Why the gate would approve nothing now apart from halts, e.g. "SNAPSHOT_STALE"."""
        standing = self._follower.standing(clock.now())
        return () if standing is None else standing.closed_because

    @property
    def reports_lost(self) -> int:
        """Reports that were given up: refused by the gate, older than a minute, or more than the queue holds."""
        return self._queue.lost

    # -- reports --------------------------------------------------------------------------------------------------

    def sent(self, client_order_id: str) -> bool:
        """Report, before sending, that the approved order is being sent to the venue."""
        return self._report_order(client_order_id, strategy_pb2.ORDER_REPORT_SENT)

    def never_sent(self, client_order_id: str) -> bool:
        """Report that the approved order was not and will not be sent. Only when certain: it gives headroom back."""
        return self._report_order(client_order_id, strategy_pb2.ORDER_REPORT_NEVER_SENT)

    def acknowledged(self, client_order_id: str, venue_order_id: str) -> bool:
        """Report that the venue accepted the order and gave it this id."""
        venue_order_id = required_text(venue_order_id, field="venue_order_id")
        kind = strategy_pb2.ORDER_REPORT_ACKNOWLEDGED
        return self._report_order(client_order_id, kind, venue_order_id=venue_order_id)

    def cancelled(self, client_order_id: str) -> bool:
        """Report that the venue confirmed a cancel. Cancelling needs no approval."""
        return self._report_order(client_order_id, strategy_pb2.ORDER_REPORT_CANCELLED)

    def rejected(self, client_order_id: str) -> bool:
        """Report that the venue rejected the order: definitely, not a timeout or an error that leaves it open."""
        return self._report_order(client_order_id, strategy_pb2.ORDER_REPORT_REJECTED)

    def fill(  # noqa: PLR0913 - the contract's fields, all by keyword
        self,
        client_order_id: str,
        *,
        instrument: str,
        side: str | Side,
        quantity: Number,
        price: Number,
        trade_id: str,
        venue_time_ms: int,
    ) -> bool:
        """Report an execution of an approved order. The same trade id from the venue's own feed counts once.

        Quantity in the venue's order unit; `venue_time_ms`: the venue's time, milliseconds since the epoch.
        """
        request = fill_request(
            client_order_id=client_order_id,
            instrument=instrument,
            side=side,
            quantity=quantity,
            price=price,
            trade_id=trade_id,
            venue_time_ms=venue_time_ms,
        )
        return self._submit(self._reporter.fill(request, time.monotonic_ns()))

    def position(self, instrument: str, quantity: Number) -> bool:
        """Report what the strategy's own tracker believes it holds now, signed.

        Needed every 30 s while it holds a position and sends no order. Only the newest belief of an instrument waits,
        for one second at most: a late one would look like a wrong one.
        """
        return self._submit(self._reporter.position(instrument, quantity, time.monotonic_ns()))

    def _report_order(
        self, client_order_id: str, report: strategy_pb2.OrderReport.ValueType, *, venue_order_id: str = ""
    ) -> bool:
        now_ns = time.monotonic_ns()
        return self._submit(self._reporter.order(client_order_id, report, now_ns, venue_order_id=venue_order_id))

    @abstractmethod
    def _submit(self, report: Report) -> bool:
        """Queue a report for the background; False: not queued."""

    @abstractmethod
    def _forget_beliefs(self, line: str) -> None:
        """Drop what waits in this line of the queue."""

    # -- one check ------------------------------------------------------------------------------------------------

    def _question(self, order: OrderArguments) -> Question:
        request = build_request(
            account=self._account, strategy=self._strategy, strategy_version=self._strategy_version, order=order
        )
        may_report = not self._seen_before(request.client_order_id, order)
        if request.replace_mode == strategy_pb2.REPLACE_MODE_AMEND:
            may_report = False
        return Question(request, clock.now(), self._follower.generation, may_report)

    def _refusal(self, question: Question) -> Decision | None:
        """Return a denial that needs no call; None: ask."""
        refusal = self._heard_against(question)
        if refusal is None:
            self._leaves(question)
        return refusal

    def _heard_against(self, question: Question) -> Decision | None:
        """Return a denial by what was heard of the trading state; None: nothing speaks against asking."""
        request = question.request
        denial = self._follower.denial(request.instrument, reduce_only=request.reduce_only, now=question.asked)
        return None if denial is None else refused(question, denial)

    def _leaves(self, question: Question) -> None:
        """Note that the gate is asked now."""
        request = question.request
        if request.client_order_id not in self._asked_about:
            self._remember(request.client_order_id)
        if request.HasField("believed_position"):
            self._forget_beliefs(position_line(request.instrument))

    def _judge(self, question: Question, answer: object) -> Decision:
        decision = judge(question, answer, follower=self._follower, now=clock.now())
        denied = isinstance(answer, strategy_pb2.CheckOrderResponse) and (
            answer.outcome == strategy_pb2.OUTCOME_DENIED and answer.client_order_id == question.client_order_id
        )
        if not decision.approved and not denied:
            self._give_up(question)
        return decision

    def _failed(self, question: Question, code: grpc.StatusCode | None, details: str) -> Decision:
        if code not in NOTHING_DECIDED:
            self._give_up(question)
        return failed(
            question,
            code=code,
            details=details,
            target=self._target,
            deadline=self._deadline,
            closed=self._closed,
        )

    def _broke(self, question: Question, error: Exception) -> Decision:
        """Deny for something unforeseen in this library or below it."""
        self._give_up(question)
        return unclear(question, f"asking failed with {type(error).__name__}: {error}")

    def _give_up(self, question: Question) -> None:
        """Tell the gate that this order will not be sent, in case it was approved."""
        if question.may_report_never_sent:
            self.never_sent(question.client_order_id)

    def _may_ask_again(self, question: Question, error: grpc.RpcError) -> bool:
        """Once more, with the same id and in the same deadline, when the connection broke."""
        code, _ = status_of(error)
        return code is grpc.StatusCode.UNAVAILABLE and self._left(question) > 0 and not self._closed

    def _left(self, question: Question) -> float:
        """Return the seconds of the deadline that are left."""
        return max(0, self._deadline_ns - clock.elapsed(question.asked, clock.now())) / SECOND

    def _seen_before(self, client_order_id: str, order: OrderArguments) -> bool:
        return order.get("client_order_id") is not None and client_order_id in self._asked_about

    def _remember(self, client_order_id: str) -> None:
        self._asked_about[client_order_id] = None
        while len(self._asked_about) > _IDS_REMEMBERED:
            self._asked_about.popitem(last=False)

    # -- answers to reports ---------------------------------------------------------------------------------------

    def _watch_request(self) -> strategy_pb2.WatchTradingStateRequest:
        return strategy_pb2.WatchTradingStateRequest(account=self._account, strategy=self._strategy)

    @staticmethod
    def _position_answer(response: strategy_pb2.ReportPositionResponse) -> PositionAnswer:
        if not response.ledger_position:
            unknown = "the gate has no ledger position to compare with: `risksvc status` says what it is missing"
            return PositionAnswer(agrees=False, ledger_position=None, problem=unknown)
        try:
            ledger = parse_decimal(response.ledger_position, field="ledger_position")
        except MalformedInputError as unreadable:
            return PositionAnswer(
                agrees=False, ledger_position=None, problem=f"the gate's answer is unclear: {unreadable}"
            )
        return PositionAnswer(agrees=response.agrees, ledger_position=ledger)
