"""The trading state as this strategy last heard it, and what it forbids.

Pure: messages and moments in, denials out; no I/O, no clock, no thread. One thread (or the event loop) calls `hear`,
`lost` and `close`; any thread may ask, because what is asked is one immutable `Standing`, swapped whole.

Rule 1: before the first message, and after three missed heartbeats, everything is denied. Rule 2: what can't be read is
HALTED. Rule 3: a halt voids every approval that was asked for before it was heard, for good: clearing it doesn't revive
them. Rule 4: an unclear message ends what was known; it never extends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from risksvc.client.clock import Instant, elapsed
from risksvc.client.decision import Denial, LocalReason, local_denial
from risksvc.core.types import MILLISECOND, MalformedInputError, Nanoseconds, RiskError, Scope, TradingState
from risksvc.v1 import strategy_pb2, types_pb2

MISSED_HEARTBEATS = 3
# A gate that announced a longer one would not be missed soon enough to matter.
MAX_HEARTBEAT_MS = 5_000
# How long the first message of a stream may take before the stream is opened anew.
FIRST_MESSAGE_PATIENCE_NS = 2_000 * MILLISECOND
_EVERYTHING = ""

_STATES: dict[int, TradingState] = {
    types_pb2.TRADING_STATE_ACTIVE: TradingState.ACTIVE,
    types_pb2.TRADING_STATE_REDUCING: TradingState.REDUCING,
    types_pb2.TRADING_STATE_HALTED: TradingState.HALTED,
}


class UnclearStreamError(RiskError):
    """A message of the state stream that can't be trusted: the stream must be opened anew."""


@dataclass(frozen=True, slots=True)
class Halt:
    """A halt in force that touches this strategy. `at_ns`: on the gate's clock; `severity`: "P0", "P1", "P2" or ""."""

    halt_id: str
    scope: Scope
    state: TradingState
    severity: str
    trigger: str
    reason: str
    by: str
    at_ns: Nanoseconds

    def __str__(self) -> str:
        why = f"{self.trigger}: {self.reason}" if self.trigger else self.reason
        return f"{self.scope} {self.state.name} by {self.by or 'unknown'}: {why} (halt {self.halt_id})"


@dataclass(frozen=True, slots=True)
class Standing:
    """One message, as heard at one moment. `calm`: trading is ACTIVE and no halt touches the strategy."""

    state: TradingState
    halts: tuple[Halt, ...]
    closed_because: tuple[str, ...]
    heard: Instant
    sent_at_ns: Nanoseconds
    silence_ns: Nanoseconds
    calm: bool
    until: Instant

    def view(self) -> tuple[TradingState, tuple[Halt, ...]]:
        """Return what a person would call the state: it changes exactly when it is worth telling."""
        return self.state, self.halts


class Follower:
    """Follows one strategy's trading state."""

    def __init__(self, *, account: str, strategy: str) -> None:
        self._account = account
        self._strategy = strategy
        self._standing: Standing | None = None
        self._sequence: int | None = None
        self._problem = "nothing was heard yet"
        self._closed = False
        # Halt ids of the last message; kept over reconnects, so that a halt met while away counts as new.
        self._known: frozenset[str] = frozenset()
        self._state = TradingState.ACTIVE
        self.generation = 0
        """Grows with every halt heard: an approval remembers the one it was asked for in."""
        # Instrument (or everything) -> generation in which orders there were last halted, or held to reducing.
        self._voided: dict[TradingState, dict[str, int]] = {TradingState.HALTED: {}, TradingState.REDUCING: {}}

    # -- what is heard --------------------------------------------------------------------------------------------

    def stream_opened(self) -> None:
        """Expect a new count: each stream numbers its messages by itself."""
        self._sequence = None

    def hear(self, message: object, now: Instant) -> None:
        """Take a message in. UnclearStreamError: open the stream anew."""
        try:
            standing = self._read(message, now)
        except UnclearStreamError as unclear:
            self._standing = None
            self._problem = str(unclear)
            raise
        self._void(standing)
        self._standing = standing

    def lost(self, problem: str) -> None:
        """Note that the stream ended. What was heard stands until it is too old."""
        self._problem = problem

    def close(self) -> None:
        """Permit nothing any more."""
        self._closed = True

    def _read(self, message: object, now: Instant) -> Standing:
        if not isinstance(message, strategy_pb2.WatchTradingStateResponse):
            raise UnclearStreamError("the gate sent a trading state that can't be read")
        if self._sequence is not None and message.sequence != self._sequence + 1:
            raise UnclearStreamError(f"trading state {message.sequence} followed {self._sequence}: some were lost")
        self._sequence = message.sequence
        if not 0 < message.heartbeat_ms <= MAX_HEARTBEAT_MS:
            allowed = f"allowed: 1 to {MAX_HEARTBEAT_MS}"
            raise UnclearStreamError(f"the gate announced a heartbeat of {message.heartbeat_ms} ms; {allowed}")
        if message.sent_at_ns <= 0:
            raise UnclearStreamError("the gate sent a trading state without its time")
        state = _STATES.get(message.trading_state, TradingState.HALTED)
        halts = tuple(halt for halt in map(_halt, message.halts) if self._touches(halt.scope))
        silence_ns = MISSED_HEARTBEATS * message.heartbeat_ms * MILLISECOND
        return Standing(
            state=state,
            halts=halts,
            closed_because=tuple(_reason_name(reason) for reason in message.closed_because),
            heard=now,
            sent_at_ns=message.sent_at_ns,
            silence_ns=silence_ns,
            calm=state is TradingState.ACTIVE and not halts,
            until=Instant(now.monotonic_ns + silence_ns, now.boottime_ns + silence_ns),
        )

    def _touches(self, scope: Scope) -> bool:
        return scope.covers(self._account, self._strategy, scope.instrument)

    def _void(self, standing: Standing) -> None:
        new = [halt for halt in standing.halts if halt.halt_id not in self._known]
        stricter = standing.state > self._state
        if new or stricter:
            # The tables first: whoever reads the new generation must find them complete.
            generation = self.generation + 1
            for halt in new:
                self._voided[halt.state][halt.scope.instrument or _EVERYTHING] = generation
            if stricter:
                self._voided[standing.state][_EVERYTHING] = generation
            self.generation = generation
        self._known = frozenset(halt.halt_id for halt in standing.halts)
        self._state = standing.state

    # -- what follows ---------------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Nothing will be permitted any more."""
        return self._closed

    def standing(self, now: Instant) -> Standing | None:
        """Return what is known now; None: silent, nothing heard yet, or closed."""
        standing = self._standing
        if self._closed or standing is None or now[0] > standing.until[0] or now[1] > standing.until[1]:
            return None
        return standing

    def patience_ns(self) -> Nanoseconds:
        """Return how long the next message may take."""
        standing = self._standing
        return FIRST_MESSAGE_PATIENCE_NS if standing is None else standing.silence_ns

    def denial(self, instrument: str, *, reduce_only: bool, now: Instant) -> Denial | None:
        """Tell why an order may not even be asked for; None: ask the gate."""
        standing = self._standing
        if standing is None or self._closed or now[0] > standing.until[0] or now[1] > standing.until[1]:
            return self._unknown(now)
        if standing.calm:
            return None  # the usual case, on every order's way
        halts = [halt for halt in standing.halts if halt.scope.covers(self._account, self._strategy, instrument)]
        state = max([standing.state, *(halt.state for halt in halts)])
        if state is TradingState.ACTIVE or (state is TradingState.REDUCING and reduce_only):
            return None
        named = [halt for halt in halts if halt.state is state]
        return _forbidden(state, named, otherwise=f"the gate says {state.name} without naming a halt")

    def voided(self, instrument: str, *, reduce_only: bool, since: int) -> Denial | None:
        """Tell why an approval asked for in generation `since` is void for good; None: it is not."""
        states = (TradingState.HALTED,) if reduce_only else (TradingState.HALTED, TradingState.REDUCING)
        for state in states:
            table = self._voided[state]
            if max(table.get(_EVERYTHING, 0), table.get(instrument, 0)) > since:
                return _forbidden(state, [], otherwise=f"{state.name} was heard after the order was asked for")
        return None

    def left_ns(self, gate_time_ns: Nanoseconds, now: Instant) -> Nanoseconds:
        """Return how long it is, at most, until the gate's clock shows this time.

        The gate's clock is now at least what it was when the last message left plus the time since that was heard.
        """
        standing = self._standing
        if standing is None:
            return 0
        return gate_time_ns - standing.sent_at_ns - elapsed(standing.heard, now)

    def _unknown(self, now: Instant) -> Denial:
        if self._closed:
            return local_denial(LocalReason.CLOSED, "this gate object was closed; make a new one to trade on")
        standing = self._standing
        if standing is None:
            what = f"the trading state is not known: {self._problem}"
        else:
            silent_ms = elapsed(standing.heard, now) // MILLISECOND
            allowed_ms = standing.silence_ns // MILLISECOND
            what = f"no heartbeat for {silent_ms} ms, {allowed_ms} ms are allowed: {self._problem}"
        todo = "is the gate running and reachable? Trading goes on by itself when it is heard again"
        return local_denial(LocalReason.STATE_SILENT, f"{what}; {todo}")


def _forbidden(state: TradingState, halts: Sequence[Halt], *, otherwise: str) -> Denial:
    what = "; ".join(str(halt) for halt in halts) or otherwise
    scope = halts[0].scope if halts else Scope()
    if state is TradingState.REDUCING:
        todo = "send reduce_only orders only, until an operator resumes"
        return local_denial(LocalReason.STATE_REDUCING, f"{what}; {todo}", scope=scope)
    return local_denial(LocalReason.STATE_HALTED, f"{what}; send nothing until an operator resumes", scope=scope)


def _halt(halt: types_pb2.ActiveHalt) -> Halt:
    state = _STATES.get(halt.state, TradingState.HALTED)
    severity = types_pb2.Severity.Name(halt.severity) if halt.severity in types_pb2.Severity.values() else ""
    return Halt(
        halt_id=halt.halt_id,
        scope=_scope(halt.scope),
        state=TradingState.HALTED if state is TradingState.ACTIVE else state,
        severity=severity.removeprefix("SEVERITY_").replace("UNSPECIFIED", ""),
        trigger=halt.trigger,
        reason=halt.reason,
        by=halt.by,
        at_ns=halt.at_ns,
    )


def _scope(scope: types_pb2.Scope) -> Scope:
    try:
        return Scope(scope.account, scope.strategy, scope.instrument)
    except MalformedInputError:
        return Scope()  # A scope that makes no sense covers everything.


def _reason_name(reason: int) -> str:
    if reason not in types_pb2.DenialReason.values():
        return f"UNKNOWN_{reason}"
    return types_pb2.DenialReason.Name(reason).removeprefix("DENIAL_REASON_")  # type: ignore[arg-type]
