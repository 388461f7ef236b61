"""The whole service as one function: `RiskGate.apply(input, now) -> outputs`.

One owner, one synchronous step per Input, nothing awaited between check and reserve, so no lock is needed. Replaying
the same Inputs at the same times gives the same Outputs, bit for bit. The process around it does what the Outputs say:
journal first, then reply, latch, publish, ask the venue, tell people.
"""

from collections.abc import Callable, Iterator
from typing import Any

from risksvc.core import batches, events, operators_in, orders_in, reports_in, venue_events, venue_in
from risksvc.core.denials import DenialReason
from risksvc.core.events import Input
from risksvc.core.flatten import events as flatten_events
from risksvc.core.flatten import handlers as flatten_in
from risksvc.core.flatten.watch import followed
from risksvc.core.incident import assessment, clocks, endangered, telling
from risksvc.core.incident import choosing as courses_in
from risksvc.core.incident import events as incident_events
from risksvc.core.incident import handlers as incidents_in
from risksvc.core.incident.opening import take_halt
from risksvc.core.outputs import HaltRaised, Output
from risksvc.core.state import GateState
from risksvc.core.types import Nanoseconds

Handler = Callable[[GateState, Any, Nanoseconds], Iterator[Output]]


def _ticked(state: GateState, _event: events.Ticked, now: Nanoseconds) -> Iterator[Output]:
    yield from venue_in.tick(state, now)
    if state.keeps_incidents:
        yield from endangered.judge(state, now=now)
        yield from clocks.run(state, now=now)


HANDLERS: dict[type, Handler] = {
    events.GateStarted: operators_in.gate_started,
    events.DrainStarted: operators_in.drain_started,
    events.FaultLatched: operators_in.fault_latched,
    events.Ticked: _ticked,
    events.LimitsLoaded: operators_in.limits_loaded,
    events.LeaseRenewed: operators_in.lease_renewed,
    events.LeaseLost: operators_in.lease_lost,
    events.HaltSeen: operators_in.halt_seen,
    events.ClearSeen: operators_in.clear_seen,
    events.HaltRequested: operators_in.halt_requested,
    events.ResumeProposed: operators_in.resume_proposed,
    events.ResumeConfirmed: operators_in.resume_confirmed,
    venue_events.FeedConnected: venue_in.feed_connected,
    venue_events.FeedDisconnected: venue_in.feed_disconnected,
    venue_events.FillsReceived: venue_in.fills_received,
    venue_events.SnapshotReceived: venue_in.snapshot_received,
    venue_events.MarksReceived: venue_in.marks_received,
    venue_events.OrderStatesReceived: venue_in.order_states_received,
    venue_events.ReadFailed: venue_in.read_failed,
    venue_events.BalancesReceived: venue_in.balances_received,
    venue_events.HistoryGapFound: venue_in.history_gap_found,
    events.OrderChecked: orders_in.check_order,
    events.OrdersChecked: batches.check_orders,
    events.OrderExpected: orders_in.check_order,
    events.ReducingOrderChecked: orders_in.check_order,
    events.OrderReported: reports_in.report_order,
    events.FillReported: reports_in.report_fill,
    events.PositionReported: reports_in.report_position,
    events.StrategyWatched: reports_in.strategy_watched,
    events.AdoptRequested: operators_in.adopt_requested,
    events.AdoptConfirmed: operators_in.adopt_confirmed,
    incident_events.AssessmentTaken: assessment.assessment_taken,
    incident_events.CourseChosen: courses_in.course_chosen,
    incident_events.HoldReminded: courses_in.hold_reminded,
    flatten_events.FlattenRequested: flatten_in.flatten_requested,
    flatten_events.FlattenConfirmed: flatten_in.flatten_confirmed,
    flatten_events.FlattenStopped: flatten_in.flatten_stopped,
    flatten_events.FlattenSliced: flatten_in.flatten_sliced,
    flatten_events.FlattenOrderAnswered: flatten_in.flatten_order_answered,
    incident_events.IncidentOpened: incidents_in.incident_opened,
    incident_events.IncidentNoted: incidents_in.incident_noted,
    incident_events.IncidentTaken: incidents_in.incident_taken,
    incident_events.CauseNamed: incidents_in.cause_named,
    incident_events.IncidentClosed: incidents_in.incident_closed,
    incident_events.ReviewRecorded: incidents_in.review_recorded,
    incident_events.MessageAddressed: telling.message_addressed,
    incident_events.DeliveryRecorded: telling.delivery_recorded,
}
# What may end an order, move a position or pass time: after these, the flattens that run are judged.
_FOLLOWED = (
    events.GateStarted,
    events.Ticked,
    venue_events.FillsReceived,
    venue_events.SnapshotReceived,
    venue_events.OrderStatesReceived,
    events.AdoptRequested,
    events.AdoptConfirmed,
    events.OrderReported,
    events.FillReported,
    flatten_events.FlattenOrderAnswered,
)
HANDLERS.update({kind: followed(HANDLERS[kind]) for kind in _FOLLOWED})


class RiskGate:
    """Owns the state. `state` may be read at any time by the same thread, and is never written from outside.

    `state` and `last` given: a gate that goes on from what another one had become.
    """

    def __init__(self, state: GateState | None = None, *, last: Nanoseconds = 0) -> None:
        self.state = state or GateState()
        self._last = last

    @property
    def last(self) -> Nanoseconds:
        """The time of the last Input."""
        return self._last

    def apply(self, event: Input, now: Nanoseconds) -> tuple[Output, ...]:
        """Takes one Input in. `now` never runs backwards. The first Output is the answer, where one is due.

        An exception means that the state may be half changed: the caller closes the gate and rebuilds from the journal.
        """
        assert now >= self._last, "time runs forwards"
        self._last = now
        outputs = tuple(HANDLERS[type(event)](self.state, event, now))
        return (*outputs, *self._incidents(outputs, now)) if outputs else outputs

    def _incidents(self, outputs: tuple[Output, ...], now: Nanoseconds) -> Iterator[Output]:
        """What a step's Outputs mean for incidents: the one place where a halt opens or joins one."""
        for output in outputs:
            if isinstance(output, HaltRaised) and not output.repeated and self.state.keeps_incidents:
                yield from take_halt(self.state, output.halt, now=now)

    def closed_because(self, account: str, now: Nanoseconds) -> tuple[DenialReason, ...]:
        """Why nothing of an account would be approved, apart from halts, in descending precedence."""
        reasons = [reason for reason, _ in self.state.closed(now)]
        book = self.state.accounts.get(account)
        if book is None or (self.state.limits is not None and book.limits is None):
            reasons.append(DenialReason.ACCOUNT_UNKNOWN)
        elif book.snapshot_as_of is None:
            reasons.append(DenialReason.SNAPSHOT_MISSING)
        elif not book.adopted:
            reasons.append(DenialReason.NOT_ADOPTED)
        elif now - book.snapshot_as_of > book.config.snapshot_max_age_ns:
            reasons.append(DenialReason.SNAPSHOT_STALE)
        return tuple(reasons)
