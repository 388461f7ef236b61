"""The gate's log: one line per event on standard error, `time level event key=value ...`, for people and for grep.

Never a secret, never a line break inside a line: a value that is not plain is quoted as JSON does. The journal, not the
log, is the record.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Mapping
from enum import Enum

from risksvc.core import events, venue_events
from risksvc.core.events import Input
from risksvc.core.outputs import (
    Adopted,
    ClearsGranted,
    Decision,
    HaltRaised,
    Notice,
    NoticeKind,
    Output,
    StepProposed,
    StepRefused,
)
from risksvc.core.types import Nanoseconds

_log = logging.getLogger("risksvc.gate.events")
_PLAIN = re.compile(r"[\w.,:;/@+\-%#*()<>|]+", re.ASCII)
_TOLD: tuple[type, ...] = (
    events.GateStarted,
    events.DrainStarted,
    events.FaultLatched,
    events.LimitsLoaded,
    events.LeaseLost,
    events.HaltSeen,
    events.ClearSeen,
    events.HaltRequested,
    events.ResumeProposed,
    events.ResumeConfirmed,
    venue_events.FeedConnected,
    venue_events.FeedDisconnected,
    venue_events.ReadFailed,
    events.AdoptRequested,
    events.AdoptConfirmed,
)
_LOUD = frozenset(
    {
        NoticeKind.SUSPECT,
        NoticeKind.DIVERGED,
        NoticeKind.LATE_FILL,
        NoticeKind.FILL_TOO_OLD,
        NoticeKind.EQUITY_MISMATCH,
    }
)


class LineFormatter(logging.Formatter):
    """`2026-11-22T20:00:00.123Z warning halt_raised ...`; a trace follows on its own lines."""

    def __init__(self) -> None:
        super().__init__()
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        stamp = self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
        text = record.getMessage()
        if record.name != _log.name:
            text = f"{record.name.rpartition('.')[2]} message={shown(text)}"
        line = f"{stamp}.{int(record.msecs):03d}Z {record.levelname.lower()} {text}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure_logging(level: int = logging.INFO) -> None:
    """Everything to standard error. Called once, by `serve`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def log_event(name: str, level: int = logging.INFO, /, **fields: object) -> None:
    """Writes one event."""
    if _log.isEnabledFor(level):
        parts = [name, *(f"{key}={shown(value)}" for key, value in fields.items() if value not in ("", None, False))]
        _log.log(level, "%s", " ".join(parts))


def print_event(name: str, fields: Mapping[str, str], /) -> None:
    """One event for programs: a JSON line on standard output. Raises OSError when nobody can take it."""
    sys.stdout.write(json.dumps({"event": name, **fields}) + "\n")
    sys.stdout.flush()


def shown(value: object) -> str:
    """A value on one line."""
    text = value.name if isinstance(value, Enum) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def log_step(event: Input, outputs: tuple[Output, ...], _now: Nanoseconds) -> None:
    """An owner's listener: what people want to read later, one line each."""
    if isinstance(event, _TOLD):
        _log_input(event)
    if isinstance(event, events.OrdersChecked):
        outputs = _log_decisions(event, outputs)
    for output in outputs:
        _log_output(event, output)


def _log_decisions(event: events.OrdersChecked, outputs: tuple[Output, ...]) -> tuple[Output, ...]:
    """Each order of a batch with its own answer; gives back what else came of it."""
    for asked, answer in zip(event.orders, outputs, strict=False):
        _log_output(asked, answer)
    return outputs[len(event.orders) :]


def _log_input(event: Input) -> None:
    name = _snake(type(event).__name__)
    match event:
        case events.LimitsLoaded():
            log_event(name, hash=event.limits.hash[:16], by=event.by, reason=event.reason)
        case venue_events.FeedConnected():
            count = len(event.instruments)
            log_event(name, account=event.account, venue=event.venue, instruments=count, software=event.software)
        case events.HaltSeen():
            log_event(name, logging.WARNING, **_halt_fields(event))
        case events.ClearSeen():
            log_event(name, logging.WARNING, halt_id=event.clear.halt_id, by="+".join(event.clear.by))
        case events.GateStarted():
            log_event(name, gate=event.config.gate_id, accounts=",".join(event.config.accounts))
        case _:
            fields = {key: getattr(event, key) for key in event.__slots__}
            level = logging.WARNING if isinstance(event, events.LeaseLost | venue_events.ReadFailed) else logging.INFO
            log_event(name, level, **fields)


def _halt_fields(event: events.HaltSeen) -> dict[str, object]:
    halt = event.halt
    return {
        "halt_id": halt.halt_id,
        "state": halt.state.name,
        "scope": halt.scope,
        "by": halt.by,
        "reason": halt.reason,
    }


def _log_output(event: Input, output: Output) -> None:
    match output:
        case Decision():
            _log_decision(event, output)
        case HaltRaised():
            halt = output.halt
            log_event(
                "halt_raised",
                logging.WARNING,
                halt_id=halt.halt_id,
                state=halt.state.name,
                severity=halt.severity.value,
                scope=halt.scope,
                trigger=halt.trigger,
                by=halt.by,
                reason=halt.reason,
                repeated=output.repeated,
            )
        case ClearsGranted():
            log_event("clears_granted", halts=",".join(one.halt_id for one in output.clears))
        case StepProposed():
            log_event("step_proposed", proposal=output.proposal_id)
        case StepRefused():
            log_event("step_refused", why="; ".join(one.message for one in output.refusals))
        case Adopted():
            log_event("adopted", items=output.items)
        case Notice():
            level = logging.WARNING if output.kind in _LOUD else logging.INFO
            log_event(
                _snake(output.kind.value),
                level,
                account=output.account,
                name=output.name,
                instrument=output.instrument,
                strategy=output.strategy,
                message=output.message,
            )
        case _:
            pass


def _log_decision(event: Input, decision: Decision) -> None:
    if not isinstance(event, events.OrderChecked | events.ReducingOrderChecked):
        return
    # Approvals are many, and the reply waits for this: they are in the journal, and here only when asked for.
    routine = decision.approved and isinstance(event, events.OrderChecked)
    level = logging.DEBUG if routine else logging.INFO
    if not _log.isEnabledFor(level):
        return
    order = event.order
    headline = decision.denials[0] if decision.denials else None
    log_event(
        "approved" if headline is None else "denied",
        level,
        account=order.account,
        strategy=order.strategy,
        order=order.client_order_id,
        instrument=order.instrument,
        side=order.side.value,
        quantity=order.quantity,
        price=order.limit_price,
        by=event.by if isinstance(event, events.ReducingOrderChecked) else "",
        why="" if headline is None else headline.reason.name,
        message="" if headline is None else headline.message,
    )


def _snake(name: str) -> str:
    if name.isupper():
        return name.lower()
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
