"""What endangers an open position without any halt: found as time passes, told once, and told again when it is over.

Rule 1: each opens an incident, or joins the open one of its account. Rule 2: it stands until what caused it is gone by
what was seen, never because the gate was started again. Rule 3: one that still stands an hour after its incident was
closed begins anew: a person may close the record, not the danger. Never changes a position, and closes nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from risksvc.core.book import AccountBook
from risksvc.core.divergences import DivergenceClass
from risksvc.core.incident.opening import Opening, open_incident, raise_severity
from risksvc.core.incident.record import EntryKind, Standing, record
from risksvc.core.incident.severity import ENDANGERED, HOUR, SILENT_AFTER, Endangered
from risksvc.core.outputs import Notice, NoticeKind, Output
from risksvc.core.state import GateState
from risksvc.core.types import SECOND, Nanoseconds, Scope

AGAIN_AFTER = HOUR


@dataclass(frozen=True, slots=True)
class _Danger:
    """One that is found now."""

    name: Endangered
    scope: Scope
    text: str

    @property
    def key(self) -> str:
        return _key(self.name, self.scope)


def _key(name: Endangered, scope: Scope) -> str:
    return f"{name.value} {scope.account} {scope.strategy}".rstrip()


def judge(state: GateState, *, now: Nanoseconds) -> Iterator[Output]:
    """Tells what begins and what is over."""
    standing = state.incidents.standing
    found: dict[str, _Danger] = {}
    for book in state.accounts.values():
        for danger in _of_account(state, book, now=now):
            found[danger.key] = danger
    for key, danger in found.items():
        if key not in standing or _is_forgotten(state, standing[key], now=now):
            yield from _begin(state, danger, now=now)
    for key in [key for key in standing if key not in found]:
        yield from _end(state, standing.pop(key), now=now)


def _is_forgotten(state: GateState, stands: Standing, *, now: Nanoseconds) -> bool:
    """Its incident was closed long ago, and it stands all the same."""
    incident = state.incidents.by_id.get(stands.incident_id)
    return incident is None or (incident.closed_at is not None and now - incident.closed_at >= AGAIN_AFTER)


def _begin(state: GateState, danger: _Danger, *, now: Nanoseconds) -> Iterator[Output]:
    severity, by = ENDANGERED[danger.name].severity, f"gate:{state.gate_id}"
    text = f"{danger.name.value} {danger.scope}: {danger.text}"
    incident = state.incidents.covering(danger.scope)
    if incident is None:
        opening = Opening(danger.scope, severity, danger.name.value, danger.text, by)
        incident = open_incident(state, opening, now=now)
        yield from record(incident, EntryKind.OPENED, f"{severity.value}: {text}", by=by, now=now)
    else:
        yield from record(incident, EntryKind.ENDANGERED, text, by=by, now=now)
        yield from raise_severity(state, incident, severity, by=by, now=now)
    state.incidents.standing[danger.key] = Standing(danger.name, danger.scope, now, incident.incident_id)


def _end(state: GateState, over: Standing, *, now: Nanoseconds) -> Iterator[Output]:
    incident = state.incidents.by_id.get(over.incident_id)
    text = f"{over.name.value} {over.scope}: over after {(now - over.since) // SECOND} s"
    if incident is None:  # closed so long ago that it is forgotten: a tick that changes state must say so all the same
        scope = over.scope
        yield Notice(NoticeKind.CONDITION_CLEARED, scope.account, over.name.value, text, strategy=scope.strategy)
    else:
        yield from record(incident, EntryKind.ENDANGERED_OVER, text, by=f"gate:{state.gate_id}", now=now)


# -- what there is -------------------------------------------------------------------------------------------------


def _of_account(state: GateState, book: AccountBook, *, now: Nanoseconds) -> Iterator[_Danger]:
    scope, unread = Scope(book.name), False
    for name, find in _FINDERS.items():
        text = find(state, book, now)
        if not text or all(line.idle for line in book.lines.values()):
            continue
        if unread and _key(name, scope) not in state.incidents.standing:
            continue  # what is not read is not valued either: that says nothing new
        unread = name is Endangered.MONITORING_LOST or unread
        yield _Danger(name, scope, text)
    for strategy in book.strategies:
        text = _silent(state, book, strategy, now=now)
        if text:
            yield _Danger(Endangered.STRATEGY_SILENT, Scope(book.name, strategy=strategy), text)


def _grace(state: GateState, name: Endangered, scope: Scope) -> Nanoseconds:
    """What has not begun is counted from the start of this process at the earliest."""
    return 0 if _key(name, scope) in state.incidents.standing else state.started_at


def _monitoring_lost(state: GateState, book: AccountBook, now: Nanoseconds) -> str:
    seen = max(book.snapshot_as_of or 0, _grace(state, Endangered.MONITORING_LOST, Scope(book.name)))
    if now - seen <= book.config.stale_denied_after_ns:
        return ""
    why = book.last_read_failure or "none came"
    return f"no complete read ({why})" if book.feed_connected else "the venue feed is not connected"


def _kill_switch_lost(state: GateState, book: AccountBook, now: Nanoseconds) -> str:
    grace = _grace(state, Endangered.KILL_SWITCH_LOST, Scope(book.name))
    lost = max(state.lease_until, state.lease_lost_at, grace)
    return "the kill switch's store can't be read: every order is denied" if now - lost > SILENT_AFTER else ""


def _equity_mismatch(_state: GateState, book: AccountBook, _now: Nanoseconds) -> str:
    found = book.conditions.get(DivergenceClass.EQUITY_MISMATCH.value)
    return found.message if found is not None and found.diverged else ""


def _marks_stale(state: GateState, book: AccountBook, now: Nanoseconds) -> str:
    if book.oldest_mark is None:
        return ""
    seen = max(book.oldest_mark, _grace(state, Endangered.MARKS_STALE, Scope(book.name)))
    return "the mark of something held is stale" if now - seen > book.config.stale_denied_after_ns else ""


_FINDERS: Mapping[Endangered, Callable[[GateState, AccountBook, Nanoseconds], str]] = {
    Endangered.MONITORING_LOST: _monitoring_lost,
    Endangered.MARKS_STALE: _marks_stale,
    Endangered.KILL_SWITCH_LOST: _kill_switch_lost,
    Endangered.EQUITY_MISMATCH: _equity_mismatch,
}


def _silent(state: GateState, book: AccountBook, name: str, *, now: Nanoseconds) -> str:
    strategy = book.strategies[name]
    if strategy.watched or strategy.beliefs.oldest() is None:
        return ""
    grace = _grace(state, Endangered.STRATEGY_SILENT, Scope(book.name, strategy=name))
    heard = max(
        grace, strategy.heard_at, strategy.beliefs.newest(), strategy.approvals[-1] if strategy.approvals else 0
    )
    if now - heard <= SILENT_AFTER:
        return ""
    parts = (line.strategies.get(name) for line in book.lines.values())
    heard = max((part.belief.at for part in parts if part is not None and part.belief is not None), default=heard)
    return "it holds a position, and neither asks, reports nor watches" if now - heard > SILENT_AFTER else ""
