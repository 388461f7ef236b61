"""Halts and clears for tests: each test names only what it is about."""

from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import Nanoseconds, Scope, Severity, TradingState


def halt(halt_id: str = "h1", *, account: str = "main", strategy: str = "", at: Nanoseconds = 5) -> Halt:
    """Empty `account`: global."""
    return Halt(
        halt_id=halt_id,
        scope=Scope(account, strategy),
        state=TradingState.HALTED,
        severity=Severity.P1,
        trigger="OPERATOR",
        reason="a test halts ünïcode",
        by="op",
        at=at,
        origin="g1",
    )


def clear(halt_id: str = "h1") -> Clear:
    return Clear(halt_id, ("op", "risk"), 6, "it is safe again")
