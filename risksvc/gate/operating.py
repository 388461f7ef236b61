"""What every operator's step shares: who may be named, and how a step's refusals are told."""

from collections.abc import Sequence

from risksvc.core.outputs import Output, Refusal, StepRefused
from risksvc.core.state import GateState
from risksvc.core.types import MalformedInputError, Scope
from risksvc.gate.app import GateApp
from risksvc.gate.convert import shown
from risksvc.v1 import operator_pb2


def known_accounts(app: GateApp, account: str, *, field: str = "account") -> list[str]:
    """The account, or all where none is named. A misspelled one must not silently mean nothing."""
    if not account:
        return list(app.settings.accounts)
    if account not in app.settings.accounts:
        known = ", ".join(app.settings.accounts)
        raise MalformedInputError(field, f"{shown(account)} is not an account of the settings file; allowed: {known}")
    return [account]


def check_scope(app: GateApp, scope: Scope) -> None:
    """Refuses a scope that covers nothing that this gate knows of."""
    if scope.is_global:
        return
    known_accounts(app, scope.account, field="scope.account")
    state = app.owner.state
    strategies, instruments = _strategies(state, scope.account), _instruments(state, scope.account)
    if scope.strategy and scope.strategy not in strategies:
        raise MalformedInputError("scope.strategy", _unknown("strategy", scope.strategy, strategies))
    if scope.instrument and scope.instrument not in instruments:
        raise MalformedInputError("scope.instrument", _unknown("instrument", scope.instrument, instruments))


def _strategies(state: GateState, account: str) -> dict[str, None]:
    book = state.accounts.get(account)
    if book is None:
        return {}
    listed = {} if book.limits is None else book.limits.strategies
    return dict.fromkeys([*listed, *(name for name in book.strategies if name)])


def _instruments(state: GateState, account: str) -> dict[str, None]:
    book = state.accounts.get(account)
    if book is None:
        return {}
    listed = {} if book.limits is None else book.limits.instruments
    return dict.fromkeys([*listed, *(line.symbol for line in book.lines.values()), *book.instruments])


def _unknown(what: str, name: str, known: dict[str, None]) -> str:
    few = ", ".join(list(known)[:10]) or "none"
    return f"{shown(name)} is not a {what} of this account; known: {few}{', …' if len(known) > 10 else ''}"  # noqa: PLR2004


def refused_by(outputs: Sequence[Output]) -> list[operator_pb2.Refusal]:
    """Why the core refused a step; empty: it did not."""
    first = outputs[0] if outputs else None
    return [refusal_message(one) for one in first.refusals] if isinstance(first, StepRefused) else []


def refusal_message(refusal: Refusal) -> operator_pb2.Refusal:
    """One reason."""
    number = operator_pb2.RefusalReason.Value(f"REFUSAL_REASON_{refusal.reason.value}")
    return operator_pb2.Refusal(reason=number, message=refusal.message)
