"""What a strategy tells the gate in the background: built here, and queued until the gate has taken it in.

Pure: no I/O, no clock, no thread (whoever shares a queue between threads holds a lock around it). Times are integer
nanoseconds on the monotonic clock. Rules: one line per order id, and within a line the order is kept; the queue is
bounded in number and age, and what it gives up it counts in `lost`; a belief is never delivered after a newer one, and
never late, because a late belief looks like a wrong one.

What is lost when the process dies: whatever is queued. The gate then learns it from the venue's own feed, later.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import Enum

import grpc

from risksvc.client.channel import RECONNECT_FIRST
from risksvc.client.orders import SIDES, Number, client_order_id_text, order_text, positive_text, required_text, word
from risksvc.core.types import SECOND, MalformedInputError, Nanoseconds, Side
from risksvc.v1 import strategy_pb2

MOST_QUEUED = 10_000
KEEP_NS = 60 * SECOND
KEEP_POSITION_NS = 1 * SECOND
# A check that timed out may reach the gate after the report that its order was never sent: asked again this much later.
REPEAT_UNKNOWN_NS = (SECOND // 2, 2 * SECOND)
_RETRY_FIRST_NS = int(RECONNECT_FIRST * SECOND)
_RETRY_MOST_NS = 1 * SECOND

ReportRequest = strategy_pb2.ReportOrderRequest | strategy_pb2.ReportFillRequest | strategy_pb2.ReportPositionRequest
ReportResponse = (
    strategy_pb2.ReportOrderResponse | strategy_pb2.ReportFillResponse | strategy_pb2.ReportPositionResponse
)

# The gate will never take these in, however often they are repeated.
HOPELESS = frozenset(
    {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.PERMISSION_DENIED}
)


class ReportKind(Enum):
    """Which call carries a report."""

    ORDER = "ReportOrder"
    FILL = "ReportFill"
    POSITION = "ReportPosition"


@dataclass(slots=True, eq=False)
class Report:
    """One report. `line`: reports of one line keep their order. `latest_only`: a newer one of its line replaces it."""

    kind: ReportKind
    line: str
    request: ReportRequest
    queued_ns: Nanoseconds
    keep_ns: Nanoseconds = KEEP_NS
    latest_only: bool = False
    repeats: list[Nanoseconds] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.kind.value} {self.line}"


@dataclass(frozen=True, slots=True)
class Reporter:
    """Builds one strategy's reports. Raises TypeError or MalformedInputError for what the gate could not read."""

    account: str
    strategy: str

    def order(
        self,
        client_order_id: str,
        report: strategy_pb2.OrderReport.ValueType,
        now_ns: Nanoseconds,
        *,
        venue_order_id: str = "",
    ) -> Report:
        """Tell what became of an approved order."""
        request = strategy_pb2.ReportOrderRequest(
            account=self.account,
            strategy=self.strategy,
            client_order_id=client_order_id_text(client_order_id),
            report=report,
            venue_order_id=venue_order_id,
        )
        never_sent = report == strategy_pb2.ORDER_REPORT_NEVER_SENT
        repeats = list(REPEAT_UNKNOWN_NS) if never_sent else []
        return Report(ReportKind.ORDER, client_order_id, request, now_ns, repeats=repeats)

    def fill(self, fill: strategy_pb2.ReportFillRequest, now_ns: Nanoseconds) -> Report:
        """Tell of one execution, made by `fill_request`."""
        fill.account = self.account
        fill.strategy = self.strategy
        return Report(ReportKind.FILL, fill.client_order_id, fill, now_ns)

    def position_request(self, instrument: str, quantity: Number) -> strategy_pb2.ReportPositionRequest:
        """Build the belief as it goes on the wire."""
        return strategy_pb2.ReportPositionRequest(
            account=self.account,
            strategy=self.strategy,
            instrument=required_text(instrument, field="instrument"),
            believed_position=order_text(quantity, field="quantity"),
        )

    def position(self, instrument: str, quantity: Number, now_ns: Nanoseconds) -> Report:
        """Tell what the strategy's own tracker believes now."""
        request = self.position_request(instrument, quantity)
        line = position_line(instrument)
        return Report(ReportKind.POSITION, line, request, now_ns, keep_ns=KEEP_POSITION_NS, latest_only=True)


def fill_request(  # noqa: PLR0913 - the contract's fields, all by keyword
    *,
    client_order_id: str,
    instrument: str,
    side: str | Side,
    quantity: Number,
    price: Number,
    trade_id: str,
    venue_time_ms: int,
) -> strategy_pb2.ReportFillRequest:
    """Build one execution, without whose it is."""
    if isinstance(venue_time_ms, bool) or not isinstance(venue_time_ms, int):
        raise TypeError(f"venue_time_ms: {venue_time_ms!r} is not an int; it is milliseconds since the epoch")
    if venue_time_ms <= 0:
        raise MalformedInputError("venue_time_ms", f"{venue_time_ms}; allowed: milliseconds since the epoch, above 0")
    return strategy_pb2.ReportFillRequest(
        client_order_id=client_order_id_text(client_order_id),
        instrument=required_text(instrument, field="instrument"),
        side=SIDES[word(side, Side, field="side")],
        quantity=positive_text(quantity, field="quantity"),
        price=positive_text(price, field="price"),
        trade_id=required_text(trade_id, field="trade_id"),
        venue_time_ms=venue_time_ms,
    )


def position_line(instrument: str) -> str:
    """Name the line of an instrument's beliefs: no client order id contains a blank."""
    return f"position of {instrument}"


class ReportQueue:
    """Reports that wait, line by line. At most one is on its way at any time."""

    def __init__(self, *, most: int = MOST_QUEUED) -> None:
        self._most = most
        self._lines: OrderedDict[str, deque[Report]] = OrderedDict()
        self._aside: list[tuple[Nanoseconds, Report]] = []
        self._underway: Report | None = None
        self._waiting = 0
        self._retry_ns = _RETRY_FIRST_NS
        self._not_before_ns = 0
        self.lost = 0
        """Reports given up: too old, too many, or refused by the gate."""

    def __len__(self) -> int:
        return self._waiting + len(self._aside) + (self._underway is not None)

    @property
    def idle(self) -> bool:
        """Everything was answered at least once."""
        return self._waiting == 0 and self._underway is None

    def put(self, report: Report) -> bool:
        """Queue a report; False: the queue is full, and the report is lost."""
        line = self._lines.get(report.line)
        if line and report.latest_only:
            line[-1] = report
            return True
        if len(self) >= self._most:
            self.lost += 1
            return False
        if line is None:
            line = self._lines[report.line] = deque()
        line.append(report)
        self._waiting += 1
        return True

    def waits_in(self, line: str) -> bool:
        """Tell whether anything waits in a line. Needs no lock."""
        return line in self._lines

    def drop_line(self, line: str) -> None:
        """Forget what waits in a line: something newer is being said another way."""
        self._waiting -= len(self._lines.pop(line, ()))

    def take(self, now_ns: Nanoseconds) -> Report | None:
        """Return the next report; it is under way until `answered`, `failed` or `refused`. None: nothing is due."""
        self._bring_back(now_ns)
        while self._lines and self._underway is None:
            report = self._pop()
            if now_ns - report.queued_ns > report.keep_ns:
                # Beliefs go stale by design: the next one replaces them, nothing is lost.
                self.lost += not report.latest_only
            elif now_ns < self._not_before_ns:
                self._push_back(report)
                return None
            else:
                self._underway = report
        return self._underway

    def answered(self, response: ReportResponse, now_ns: Nanoseconds) -> None:
        """Note that the gate answered. An order it does not know is told of again, a few times, later."""
        report = self._end()
        self._retry_ns = _RETRY_FIRST_NS
        self._not_before_ns = 0
        unknown = isinstance(response, strategy_pb2.ReportOrderResponse) and not response.known
        if report is not None and unknown and report.repeats:
            self._aside.append((now_ns + report.repeats.pop(0), report))

    def failed(self, now_ns: Nanoseconds) -> None:
        """Note that the report did not get through: it stays first, and everything waits a little."""
        report = self._end()
        if report is not None:
            self._push_back(report)
        self._not_before_ns = now_ns + self._retry_ns
        self._retry_ns = min(2 * self._retry_ns, _RETRY_MOST_NS)

    def refused(self) -> None:
        """Note that the gate will never take this report: it is lost."""
        if self._end() is not None:
            self.lost += 1

    def due_in(self, now_ns: Nanoseconds) -> Nanoseconds | None:
        """Return when to look again; None: not before something is put in."""
        due = [at - now_ns for at, _ in self._aside]
        if self._waiting:
            due.append(self._not_before_ns - now_ns)
        return max(0, min(due)) if due else None

    def _end(self) -> Report | None:
        report, self._underway = self._underway, None
        return report

    def _bring_back(self, now_ns: Nanoseconds) -> None:
        due = [report for at, report in self._aside if at <= now_ns]
        if due:
            self._aside = [(at, report) for at, report in self._aside if at > now_ns]
            for report in due:
                self._lines.setdefault(report.line, deque()).append(report)
                self._waiting += 1

    def _pop(self) -> Report:
        name, line = next(iter(self._lines.items()))
        report = line.popleft()
        if not line:
            del self._lines[name]
        self._waiting -= 1
        return report

    def _push_back(self, report: Report) -> None:
        line = self._lines.get(report.line)
        if line is None:
            line = self._lines[report.line] = deque()
            self._lines.move_to_end(report.line, last=False)
        if report.latest_only and line:
            return  # A newer belief came meanwhile.
        line.appendleft(report)
        self._waiting += 1
