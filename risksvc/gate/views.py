"""The gate's status as operators see it. Only reads."""

from collections.abc import Iterator

from risksvc.core.adoption import describe
from risksvc.core.book import AccountBook
from risksvc.core.denials import DenialReason
from risksvc.core.events import ResumeProposed
from risksvc.core.flatten.events import FlattenRequested
from risksvc.core.limits import StrategyLimits
from risksvc.core.positions import flatten_required
from risksvc.core.proposals import Proposal
from risksvc.core.resume import is_unknown
from risksvc.core.types import MILLISECOND, Nanoseconds, TradingState
from risksvc.gate.app import GateApp
from risksvc.gate.convert_strategy import halt_message
from risksvc.gate.exposure_view import age_ms, divergences
from risksvc.gate.registered import RegisteredGate, registered_gates
from risksvc.gate.telling import contacts
from risksvc.v1 import operator_pb2, types_pb2


def status(app: GateApp, *, now: Nanoseconds) -> operator_pb2.GetStatusResponse:
    """Everything an operator wants to know first."""
    owner, state = app.owner, app.owner.state
    closed = whole_gate_closed(app, now)
    trading = TradingState.HALTED if owner.fault else state.state_of("")
    return operator_pb2.GetStatusResponse(
        gate_id=app.gate_id,
        version=app.version,
        now_ns=now,
        started_at_ns=app.started_at,
        ready=is_ready(app, now),
        trading_state=types_pb2.TradingState.ValueType(trading),
        closed_because=[types_pb2.DenialReason.ValueType(reason) for reason in closed],
        halts=[halt_message(halt) for halt in state.halts.active()],
        proposals=[_proposal(one) for one in state.proposals.waiting.values() if one.expires_at > now],
        accounts=[account_status(app, book, now=now) for book in _served(app)],
        limits=limits_status(app),
        kill_switch=kill_switch_status(app),
        journal=journal_status(app),
        warnings=list(warnings(app)),
    )


def whole_gate_closed(app: GateApp, now: Nanoseconds) -> tuple[DenialReason, ...]:
    """Why nothing at all would be approved, apart from halts."""
    if app.owner.fault is not None:
        return (DenialReason.GATE_FAULT,)
    return tuple(reason for reason, _ in app.owner.state.closed(now))


def is_ready(app: GateApp, now: Nanoseconds) -> bool:
    """True when some account could get an approval."""
    return any(
        not app.owner.closed_because(book.name, now) and app.owner.state.state_of(book.name) is not TradingState.HALTED
        for book in _served(app)
    )


def _served(app: GateApp) -> list[AccountBook]:
    """The accounts of the settings file (a journal may hold others)."""
    books = app.owner.state.accounts
    return [books[name] for name in app.settings.accounts if name in books]


def _proposal(proposal: Proposal) -> operator_pb2.Proposal:
    step = proposal.step
    if isinstance(step, FlattenRequested):
        items = [f"{step.scope} to the authorised size"]
    else:
        items = list(step.halt_ids) if isinstance(step, ResumeProposed) else [describe(item) for item in step.items]
    return operator_pb2.Proposal(
        proposal_id=proposal.proposal_id,
        kind=proposal.kind,
        by=step.by,
        reason=step.reason,
        items=items,
        expires_at_ns=proposal.expires_at,
    )


def account_status(app: GateApp, book: AccountBook, *, now: Nanoseconds) -> operator_pb2.AccountStatus:
    """One account."""
    state = app.owner.state
    whole = whole_gate_closed(app, now)
    closed = [reason for reason in app.owner.closed_because(book.name, now) if reason not in whole]
    link = app.feeds.link(book.name)
    window = book.config.venue_window_ns
    strategies = {} if book.limits is None else book.limits.strategies
    return operator_pb2.AccountStatus(
        account=book.name,
        trading_state=types_pb2.TradingState.ValueType(state.state_of(book.name)),
        closed_because=[types_pb2.DenialReason.ValueType(reason) for reason in closed],
        feed_connected=link is not None,
        feed_software="" if link is None else link.software,
        snapshot_age_ms=age_ms(book.snapshot_as_of, now),
        adopted=book.adopted,
        strategies=[_strategy(app, book, name, limits) for name, limits in strategies.items()],
        divergences=divergences(book),
        last_read_failure=book.last_read_failure,
        flatten_required=flatten_required(book),
        unknown_orders=sum(is_unknown(one, now=now, venue_window=window) for one in book.live()),
    )


def _strategy(app: GateApp, book: AccountBook, name: str, limits: StrategyLimits) -> operator_pb2.StrategyStatus:
    known = book.strategies.get(name)
    return operator_pb2.StrategyStatus(
        strategy=name,
        trading_state=types_pb2.TradingState.ValueType(app.owner.state.state_of(book.name, name)),
        watching=app.watchers.watches(book.name, name),
        version="" if known is None else known.version,
        belief_required=limits.belief_required,
    )


def limits_status(app: GateApp) -> operator_pb2.LimitsStatus:
    """The limits file in force."""
    keeper = app.limits
    return operator_pb2.LimitsStatus(
        hash=app.owner.state.limits_hash,
        path=str(keeper.path),
        loaded_at_ns=keeper.loaded_at,
        loaded_by=keeper.loaded_by,
        reloads=keeper.reloads,
        failures=keeper.failures,
        last_error=keeper.last_error,
    )


def kill_switch_status(app: GateApp) -> operator_pb2.KillSwitchStatus:
    """The kill switch."""
    found = app.kill_switch.status()
    return operator_pb2.KillSwitchStatus(
        connected=found.connected,
        lease_ms=found.lease_left_ns // MILLISECOND,
        lease_length_ms=found.lease_length_ns // MILLISECOND,
        approval_validity_ms=found.approval_validity_ns // MILLISECOND,
        bound_ms=found.bound_ns // MILLISECOND,
        epoch=found.epoch,
        generation=found.generation,
        problem=found.problem,
        store=found.store,
        gates=[_registered(gate) for gate in registered_gates(app)],
    )


def _registered(gate: RegisteredGate) -> operator_pb2.RegisteredGate:
    return operator_pb2.RegisteredGate(
        gate_id=gate.gate_id,
        accounts=gate.accounts,
        version=gate.seen.version,
        limits_hash=gate.seen.limits_hash,
        incarnation=gate.seen.incarnation,
        age_ms=max(0, gate.seen.age_ms),
        bound_ms=gate.seen.bound_ms,
        live=gate.live,
        skewed=gate.skewed,
    )


def journal_status(app: GateApp) -> operator_pb2.JournalStatus:
    """The journal."""
    found, snapshots = app.owner.journal_stats, app.snapshots
    age = max(0, app.clock.now() // MILLISECOND - int(snapshots.made_at * 1000)) if snapshots.number else None
    return operator_pb2.JournalStatus(
        entries=found.entries,
        bytes=found.bytes,
        durability=found.durability,
        path=found.path,
        recovered=found.recovered,
        torn_bytes=found.torn_bytes,
        snapshot_entries=snapshots.entries,
        snapshot_age_ms=age,
        snapshot_failed=snapshots.failed,
        replayed=snapshots.started_tail,
    )


def warnings(app: GateApp) -> Iterator[str]:
    """What an operator should be worried by, one line each."""
    if app.owner.fault is not None:
        yield f"the gate is closed by a fault: {app.owner.fault.what}"
    if app.snapshots.failed:
        yield f"no snapshot of the state can be made, the next start may be refused: {app.snapshots.failed}"
    yield from app.settings.warnings
    yield from filter(None, (app.engine.problem,))
    for book in _served(app):
        for name, limits in ({} if book.limits is None else book.limits.strategies).items():
            if not limits.belief_required:
                yield f"account {book.name}: strategy {name} need not say what it believes it holds (belief: optional)"
        if book.limits is None:
            yield f"account {book.name} is not in the limits file: every order is denied"
    if app.limits.last_error:
        yield f"the limits file was refused, the old limits stand: {app.limits.last_error}"
    yield from app.limits.warnings
    yield from _store(app)
    yield from _skew(app)
    yield from contacts.warnings(app.notifying, now=app.clock.now())


def _store(app: GateApp) -> Iterator[str]:
    """The configuration of the kill switch's server."""
    inspection = app.kill_switch.status().inspection
    if inspection is None:
        return
    yield from (f"the kill switch's store: {problem}" for problem in inspection.problems)
    if inspection.unchecked:
        names = ", ".join(check.value for check in inspection.unchecked)
        yield f"the kill switch's store does not tell how it is configured, so this can't be checked: {names}"


def _skew(app: GateApp) -> Iterator[str]:
    """Other gates of the same accounts that run other code or other limits."""
    for gate in registered_gates(app):
        if gate.skewed:
            where, seen = ", ".join(gate.accounts), gate.seen
            yield (
                f"gate {gate.gate_id} also serves account {where} and is not like this one: version {seen.version}, "
                f"limits {seen.limits_hash[:12] or 'none'}; here version {app.version}, "
                f"limits {app.owner.state.limits_hash[:12] or 'none'}"
            )
