"""What operators and the kill switch say: halts, clears, resumes, adoption, limits, the process's own life."""

from collections.abc import Iterator

from risksvc.core import adoption, resume
from risksvc.core.book import AccountBook
from risksvc.core.config import SecondPerson
from risksvc.core.divergences import DivergenceClass
from risksvc.core.events import (
    AdoptConfirmed,
    AdoptRequested,
    ClearSeen,
    DrainStarted,
    FaultLatched,
    GateStarted,
    HaltRequested,
    HaltSeen,
    LeaseLost,
    LeaseRenewed,
    LimitsLoaded,
    ResumeConfirmed,
    ResumeProposed,
)
from risksvc.core.incident.opening import take_clear, take_halt
from risksvc.core.outputs import (
    Adopted,
    ClearsGranted,
    HaltRaised,
    Output,
    Refusal,
    RefusalReason,
    StepProposed,
    StepRefused,
)
from risksvc.core.proposals import Step
from risksvc.core.state import GateState
from risksvc.core.trading_state import BY_COMMAND_LINE, Clear, Halt
from risksvc.core.trips import Trigger
from risksvc.core.types import Nanoseconds, Scope
from risksvc.core.venue_in import judge_positions


def gate_started(state: GateState, event: GateStarted, now: Nanoseconds) -> Iterator[Output]:
    """A new process on this state: leases, feeds, watchers and freshness begin anew."""
    state.set_config(event.config)
    state.started_at = now
    state.lease_until, state.lease_seen, state.store_lost, state.draining = 0, False, "", False
    for book in state.accounts.values():
        book.derive()
        book.feed_connected = False
        book.snapshot_as_of = None
        for strategy in book.strategies.values():
            strategy.watched = False
    if state.limits is not None:
        for book in state.accounts.values():
            book.set_limits(state.limits)
    state.version += 1
    yield from ()


def drain_started(state: GateState, _event: DrainStarted, _now: Nanoseconds) -> Iterator[Output]:
    """Nothing more is approved."""
    state.draining = True
    state.version += 1
    yield from ()


def fault_latched(state: GateState, event: FaultLatched, now: Nanoseconds) -> Iterator[Output]:
    """Nothing more is approved until a person resumes."""
    state.fault = event.what
    state.version += 1
    for name in state.accounts:
        yield from state.trip(Trigger.GATE_FAULT, Scope(name), text=event.what, now=now)


def limits_loaded(state: GateState, event: LimitsLoaded, now: Nanoseconds) -> Iterator[Output]:
    """New limits replace the old, whole."""
    state.limits = event.limits
    state.version += 1
    for book in state.accounts.values():
        book.set_limits(event.limits)
        yield from judge_positions(state, book, book.stirring(), now=now)


# -- kill switch --------------------------------------------------------------------------------------------------


def lease_renewed(state: GateState, event: LeaseRenewed, _now: Nanoseconds) -> Iterator[Output]:
    """The kill switch was read whole."""
    if state.store_lost or not state.lease_seen:
        state.version += 1
    state.lease_until = max(state.lease_until, event.valid_until)
    state.lease_seen, state.store_lost = True, ""
    yield from ()


def lease_lost(state: GateState, event: LeaseLost, now: Nanoseconds) -> Iterator[Output]:
    """The lease is given up before its time."""
    if state.has_lease(now):
        state.lease_lost_at = now
    state.lease_until = 0
    state.store_lost = event.why if event.store_lost else state.store_lost
    state.version += 1
    yield from ()


def halt_requested(state: GateState, event: HaltRequested, now: Nanoseconds) -> Iterator[Output]:
    """An operator halts: always taken. Under the id of a halt that is in force it joins that; else it is a new one."""
    known = state.halts.halt(event.halt_id)
    stands = not state.halts.is_cleared(event.halt_id) and event.halt_id not in state.clearing
    if known is not None and stands:
        yield HaltRaised(known, repeated=True)
        return
    state.halts_made += 1
    given = event.halt_id if known is None else ""
    halt = Halt(
        halt_id=given or f"{state.gate_id}-{now}-{state.halts_made}",
        scope=event.scope,
        state=event.state,
        severity=event.severity,
        trigger=Trigger.OPERATOR.value,
        reason=event.reason,
        by=event.by,
        at=now,
        origin=state.gate_id,
    )
    state.halts.add_halt(halt)
    state.version += 1
    yield HaltRaised(halt)


def halt_seen(state: GateState, event: HaltSeen, now: Nanoseconds) -> Iterator[Output]:
    """A halt from elsewhere."""
    if not state.halts.add_halt(event.halt):
        return
    state.version += 1
    if state.keeps_incidents and _has_no_other_gate(state, event.halt):
        yield from take_halt(state, event.halt, now=now)


def _has_no_other_gate(state: GateState, halt: Halt) -> bool:
    """Its incident is kept here: raised beside this gate's core, before its journal was lost, or by no gate at all."""
    by_nobody = halt.origin == BY_COMMAND_LINE and (halt.scope.is_global or halt.scope.account in state.accounts)
    return (halt.origin == state.gate_id or by_nobody) and not state.halts.is_cleared(halt.halt_id)


def clear_seen(state: GateState, event: ClearSeen, now: Nanoseconds) -> Iterator[Output]:
    """A clear, read back from the store: it takes effect now."""
    if not state.halts.add_clear(event.clear):
        return
    state.version += 1
    halt = state.halts.halt(event.clear.halt_id)
    if halt is not None:
        _begin_anew(state, halt, now=now)
        yield from take_clear(state, event.clear, now=now)


def _begin_anew(state: GateState, halt: Halt, *, now: Nanoseconds) -> None:
    """After a resume: breaches count from nothing, and every strategy must first say what it believes."""
    for book in _books(state, halt.scope):
        names = [halt.scope.strategy] if halt.scope.strategy else list(book.strategies)
        for name in names:
            strategy = book.strategy(name)
            strategy.resumed_at = now
            strategy.breaches.clear()
        if not halt.scope.strategy:
            book.equity.begin_anew()  # a person has looked at the account, and takes it as it is
            for line in book.lines.values():
                line.overfilled = False
                for suspicion in line.suspicions.values():
                    suspicion.diverged = False  # what still differs halts again on the next complete read
            residual = book.conditions.get(DivergenceClass.UNATTRIBUTED_RESIDUAL.value)
            if residual is not None:
                residual.diverged = False
    if state.fault and all(one.trigger != Trigger.GATE_FAULT.value for one in state.halts.active()):
        state.fault = ""


def _books(state: GateState, scope: Scope) -> list[AccountBook]:
    if scope.is_global:
        return list(state.accounts.values())
    book = state.accounts.get(scope.account)
    return [] if book is None else [book]


# -- steps that may need two --------------------------------------------------------------------------------------


def resume_proposed(state: GateState, event: ResumeProposed, now: Nanoseconds) -> Iterator[Output]:
    """Clears, or waits for a second person, or says why not."""
    refusals = _resume_refusals(state, event, now=now)
    if refusals:
        yield StepRefused(refusals)
    elif _needs_second(state) and resume.needs_second_person(_named(state, event)):
        yield _propose(state, event, now=now)
    else:
        yield _grant(state, event, by=(event.by,), now=now)


def resume_confirmed(state: GateState, event: ResumeConfirmed, now: Nanoseconds) -> Iterator[Output]:
    """The second person; everything is judged again."""
    step = _confirmed(state, event.proposal_id, by=event.by, now=now)
    if isinstance(step, Refusal):
        yield StepRefused((step,))
    elif isinstance(step, ResumeProposed):
        refusals = _resume_refusals(state, step, now=now)
        if refusals:
            yield StepRefused(refusals)
            return
        del state.proposals.waiting[event.proposal_id]
        yield _grant(state, step, by=(step.by, event.by), now=now)
    else:
        yield StepRefused((_other_kind(state, event.proposal_id),))


def _resume_refusals(state: GateState, step: ResumeProposed, *, now: Nanoseconds) -> tuple[Refusal, ...]:
    unknown = tuple(resume.unknown_halts(state.halts, step.halt_ids))
    if unknown:
        return unknown
    assert state.config is not None, "no halts without a start"
    halts = _named(state, step)
    found = list(resume.cooling(state.config, halts, now=now))
    if not state.has_lease(now):
        text = "the kill switch's store can't be reached: a clear would not be durable; see `risksvc status`"
        found.append(Refusal(RefusalReason.KILL_SWITCH_UNREACHABLE, text))
    for halt in halts:
        books = _books(state, halt.scope)
        if not books:
            text = (
                f"halt {halt.halt_id}: this gate does not read account {halt.scope.account}; resume it where it is read"
            )
            found.append(Refusal(RefusalReason.NO_READ_SINCE_HALT, text))
        for book in books:
            found += resume.refusals(book, halt, now=now)
            found += _flatten_runs(state, book)
    return tuple({(one.reason, one.message): one for one in found}.values())


def _flatten_runs(state: GateState, book: AccountBook) -> Iterator[Refusal]:
    """Strategies that trade again would trade against it."""
    run = state.flattens.of_account(book.name)
    if run is not None:
        text = f"account {book.name}: flatten {run.flatten_id} runs; await its end, or `risksvc flatten --stop`"
        yield Refusal(RefusalReason.FLATTEN_RUNNING, text)


def _named(state: GateState, step: ResumeProposed) -> list[Halt]:
    halts = [state.halts.halt(halt_id) for halt_id in step.halt_ids]
    return [halt for halt in halts if halt is not None]


def _grant(state: GateState, step: ResumeProposed, *, by: tuple[str, ...], now: Nanoseconds) -> ClearsGranted:
    """From here on these halts may be cleared at any moment, even by a write that seemed to fail."""
    state.clearing.update(dict.fromkeys(step.halt_ids))
    return ClearsGranted(tuple(Clear(halt_id, by, now, step.reason) for halt_id in step.halt_ids))


def _needs_second(state: GateState) -> bool:
    assert state.config is not None, "judged before"
    return state.config.second_person is SecondPerson.REQUIRED


def _propose(state: GateState, step: ResumeProposed | AdoptRequested, *, now: Nanoseconds) -> StepProposed:
    assert state.config is not None, "judged before"
    proposal = state.proposals.add(step, expires_at=now + state.config.proposal_validity_ns)
    return StepProposed(proposal.proposal_id, proposal.expires_at)


def _confirmed(state: GateState, proposal_id: str, *, by: str, now: Nanoseconds) -> Step | Refusal:
    refusal = state.proposals.judge(proposal_id, by=by, now=now)
    return refusal or state.proposals.waiting[proposal_id].step


def _other_kind(state: GateState, proposal_id: str) -> Refusal:
    kind = state.proposals.waiting[proposal_id].kind
    return Refusal(RefusalReason.PROPOSAL_UNKNOWN, f"{proposal_id} is a proposal to {kind}; confirm it there")


def adopt_requested(state: GateState, event: AdoptRequested, now: Nanoseconds) -> Iterator[Output]:
    """Adopts, or waits for a second person where exposure grew, or says why not."""
    book = state.accounts.get(event.account)
    refusals = _adopt_refusals(book, event)
    if book is None or refusals:
        yield StepRefused(refusals)
    elif _needs_second(state) and adoption.grows(book, event):
        yield _propose(state, event, now=now)
    else:
        yield from _adopt(state, book, event, now=now)


def adopt_confirmed(state: GateState, event: AdoptConfirmed, now: Nanoseconds) -> Iterator[Output]:
    """The second person; everything is judged again."""
    step = _confirmed(state, event.proposal_id, by=event.by, now=now)
    if isinstance(step, Refusal):
        yield StepRefused((step,))
    elif isinstance(step, AdoptRequested):
        book = state.accounts.get(step.account)
        refusals = _adopt_refusals(book, step)
        if book is None or refusals:
            yield StepRefused(refusals)
            return
        del state.proposals.waiting[event.proposal_id]
        yield from _adopt(state, book, step, now=now)
    else:
        yield StepRefused((_other_kind(state, event.proposal_id),))


def _adopt_refusals(book: AccountBook | None, step: AdoptRequested) -> tuple[Refusal, ...]:
    if book is None:
        text = f"account {step.account!r} is not in the settings file"
        return (Refusal(RefusalReason.ITEM_MISMATCH, text),)
    return tuple(adoption.refusals(book, step))


def _adopt(state: GateState, book: AccountBook, step: AdoptRequested, *, now: Nanoseconds) -> Iterator[Output]:
    adoption.adopt(book, step, now=now)
    book.equity.begin_anew()  # what was adopted came without fills, and without their cash
    state.version += 1
    yield Adopted(len(step.items))
    yield from judge_positions(state, book, book.lines.values(), now=now)
