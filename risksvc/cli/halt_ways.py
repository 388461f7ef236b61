"""Which ways there are to halt: from the settings file, however broken it is, and from the command line.

Who names an address by hand or in the environment names everything: the settings file is read only when it is meant
(--settings, RISKSVC_SETTINGS) or when nothing else says where the gate is. Addresses come from files and from the
person, never from a heartbeat in the store: a forged one could have the operator's token sent to it.
"""

import getpass
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from risksvc.cli.environment import Environment
from risksvc.cli.errors import CliError
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.halt_paths import ToGate, ToLatch, ToStore, Tried, Way
from risksvc.cli.settings_file import (
    BrokenSettingsError,
    operator_endpoint,
    operator_endpoint_of,
    read_settings,
    spoken_to,
    warn_of_mistakes,
)
from risksvc.cli.target import Token, find_token, parse_endpoint
from risksvc.cli.tls_options import given_tls
from risksvc.tls.endpoint import Endpoint
from risksvc.v1 import types_pb2
from risksvc.v1.operator_pb2 import HaltRequest

if TYPE_CHECKING:
    from risksvc.core.trading_state import Halt
    from risksvc.gate.kill_switch.address import StoreAddress
    from risksvc.gate.settings import Settings


@dataclass(frozen=True, slots=True)
class Told:
    """What the command line says about where to go. None and empty: nothing."""

    operator_address: str | None = None
    settings: Path | None = None
    token_file: Path | None = None
    gates: tuple[str, ...] = ()
    redis_url: str | None = None


@dataclass(slots=True)
class Ways:
    """Every way, and what is known of where they lead. `private`: the store is that of the settings' gate alone."""

    ways: list[Way] = field(default_factory=list)
    token: Token | None = None
    private: bool = False


def find_ways(told: Told, environment: Environment, request: HaltRequest) -> Ways:
    """Every way to halt. Raises CliError when there is none at all, saying where one was looked for."""
    settings, problem = _settings(told, environment)
    found = Ways(token=_token(told, environment))
    try:
        own = _own(told, environment, settings)
    except CliError as error:
        if not (told.gates or told.redis_url or settings):
            raise
        _warn(problem)
        found.ways.append(_hopeless("gate", str(settings.path) if settings else "", error))
    else:
        if told.operator_address or (told.settings is None and environment.operator_address):
            _warn(problem)  # else it was told when the address was sought in the file
        found.ways.append(_to_gate(own, request, _own_id(settings), token=found.token))
    tried = {way.address for way in found.ways}
    for gate_id, other in _other_gates(told, settings, environment, but=tried):
        found.ways.append(other if isinstance(other, Way) else _to_gate(other, request, gate_id, token=found.token))
    halt = _halt(request, by=_by(found.token, settings))
    found.private = _is_private(told, settings)
    found.ways += _without_a_gate(told, settings, halt)
    found.ways += _not_tried(told, problem)
    return found


def _without_a_gate(told: Told, settings: "Settings | None", halt: "Halt") -> Iterator[Way]:
    """The ways that need no gate: nobody there knows which names mean something, so that is looked up before."""
    account = halt.scope.account
    known = not account or (settings is not None and account in settings.accounts)
    store = _store(told, settings, ToStore(halt, known, lambda: _store_url(told, settings)))
    ways = [*([store] if store else []), *([_latch(settings, halt)] if settings else [])]
    unknown = _unknown_name(halt, settings)
    for way in ways:
        error = CliError(f"not written there: {unknown}", code=ExitCode.USAGE)
        yield _hopeless(way.path, way.address, error, way.gate_id) if unknown else way


def _not_tried(told: Told, problem: CliError | None) -> Iterator[Way]:
    """The ways that only the settings file could have named: that they were not gone must be seen."""
    if problem is None:
        return
    error = CliError(f"not tried: {problem.message}", code=ExitCode.USAGE)
    if told.redis_url is None:
        yield _hopeless("redis", "", error)
    yield _hopeless("latch", "", error)


def _warn(problem: CliError | None) -> None:
    if isinstance(problem, BrokenSettingsError):
        warn_of_mistakes(problem, "what only it names is not tried")


def _settings(told: Told, environment: Environment) -> "tuple[Settings | None, CliError | None]":
    """The settings file, if it is meant and can be read whole; else what is wrong with it."""
    meant = told.settings or environment.settings or not (told.operator_address or environment.operator_address)
    if not meant:
        return None, None
    try:
        return read_settings(told.settings, environment), None
    except CliError as error:
        return None, error


def _own(told: Told, environment: Environment, settings: "Settings | None") -> Endpoint:
    given = told.operator_address or ("" if told.settings is not None else environment.operator_address)
    if given:
        return parse_endpoint(given, given_tls(environment))
    found = operator_endpoint_of(told.settings, environment) if settings is None else operator_endpoint(settings)
    return spoken_to(found, given_tls(environment))


def _token(told: Told, environment: Environment) -> Token | None:
    try:
        return find_token(told.token_file, environment)
    except CliError as error:
        click.secho(
            f"risksvc: {error.message}; no gate takes the halt, only what needs no token", err=True, fg="yellow"
        )
        return None


# -- gates --------------------------------------------------------------------------------------------------------


def _to_gate(gate: Endpoint, request: HaltRequest, gate_id: str, *, token: Token | None) -> Way:
    path = f"gate {gate_id}" if gate_id else "gate"
    if token is None:
        return _hopeless(path, gate.target, CliError("there is no operator token", code=ExitCode.PERMISSION), gate_id)
    return Way(path, gate.target, ToGate(request, token), gate_id=gate_id, tls=gate.tls)


def _other_gates(
    told: Told, settings: "Settings | None", environment: Environment, *, but: set[str]
) -> Iterator[tuple[str, Endpoint | Way]]:
    """Each with its id, where that is known; a way that ends before it begins where an address is none."""
    named = dict(settings.gates) if settings is not None else {}
    own = _own_id(settings)
    for gate_id, gate in named.items():
        if gate.target not in but and gate_id != own:
            yield gate_id, gate
    known = but | {gate.target for gate in named.values()}
    for text in told.gates:
        try:
            gate = parse_endpoint(text, given_tls(environment))
        except CliError as error:  # a slip of the pen stops no other way
            yield "", _hopeless("gate", text, error)
            continue
        if gate.target not in known:
            yield "", gate


def _own_id(settings: "Settings | None") -> str:
    """The settings' gate, if it has ever run; nothing is made here."""
    if settings is None:
        return ""
    if settings.gate_id is not None:
        return settings.gate_id
    from risksvc.core.types import RiskError  # noqa: PLC0415 - the gate's code
    from risksvc.gate.gate_id_file import read_gate_id  # noqa: PLC0415

    try:
        return read_gate_id(settings.state_dir) or ""
    except (OSError, RiskError):
        return ""


def _not_needed(why: str) -> Callable[[Way], Tried]:
    return lambda way: way.not_needed(why)


def _hopeless(path: str, address: str, error: CliError, gate_id: str = "") -> Way:
    """A way that ends before it begins; told with the others."""

    def go(way: Way) -> Tried:
        return way.failed(error.message, ExitCode(error.exit_code))

    return Way(path, address, go, gate_id=gate_id)


# -- store and latch ----------------------------------------------------------------------------------------------


def _is_private(told: Told, settings: "Settings | None") -> bool:
    from risksvc.gate.store_place import is_private  # noqa: PLC0415 - the gate's code

    return settings is not None and is_private(settings, told.redis_url)


def _store(told: Told, settings: "Settings | None", go: ToStore) -> Way | None:
    if told.redis_url is not None:
        return Way("redis", _without_password(told.redis_url), go)
    if settings is None:
        return None
    if settings.redis is not None:
        return Way("redis", _without_password(settings.redis.url), go)
    from risksvc.gate.store_place import private_store  # noqa: PLC0415 - the gate's code

    folder = private_store(settings)
    if not folder.is_dir():
        return Way("redis", str(folder), _not_needed("no private store was ever started with this state folder"))
    return Way("redis", str(folder), go)


def _store_url(told: Told, settings: "Settings | None") -> "str | StoreAddress":
    """The store's address, with the password. Called on the way, so that nothing waits for it."""
    if told.redis_url is not None or settings is None:
        return told.redis_url or ""
    from risksvc.gate.store_place import store_address  # noqa: PLC0415 - the gate's code

    return store_address(settings, None)


def _without_password(url: str) -> str:
    from risksvc.gate.kill_switch.address import shown_address  # noqa: PLC0415 - the gate's code

    try:
        return shown_address(url)
    except ValueError:  # told on the way
        return ""


def _latch(settings: "Settings", halt: "Halt") -> Way:
    account = halt.scope.account
    served = not account or account in settings.accounts
    go = ToLatch(halt) if served else _not_needed(f"its gate does not serve account {account}")
    return Way("latch", str(settings.state_dir / "latch"), go, gate_id=_own_id(settings))


def _halt(request: HaltRequest, *, by: str) -> "Halt":
    """The halt as the store and the latch hold it."""
    from risksvc.core.trading_state import BY_COMMAND_LINE, Halt  # noqa: PLC0415
    from risksvc.core.trips import Trigger  # noqa: PLC0415
    from risksvc.core.types import Scope, Severity, TradingState  # noqa: PLC0415

    reducing = request.state == types_pb2.TRADING_STATE_REDUCING
    return Halt(
        halt_id=request.halt_id,
        scope=Scope(request.scope.account, request.scope.strategy, request.scope.instrument),
        state=TradingState.REDUCING if reducing else TradingState.HALTED,
        severity=Severity.P1,
        trigger=Trigger.OPERATOR.value,
        reason=request.reason,
        by=by,
        at=time.time_ns(),
        origin=BY_COMMAND_LINE,
    )


def _by(token: Token | None, settings: "Settings | None") -> str:
    """Whose token it is, where the settings say so; else the user and the machine."""
    from risksvc.gate.operator_tokens import find_operator  # noqa: PLC0415

    operator = find_operator(settings.operators, token.value) if token is not None and settings is not None else None
    if operator is not None:
        return operator.name
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return f"cli:{user}@{socket.gethostname()}"


def _unknown_name(halt: "Halt", settings: "Settings | None") -> str:
    """What is wrong with the scope's names, by the limits file: a misspelled one must not halt nothing in silence."""
    if settings is None or not (halt.scope.strategy or halt.scope.instrument):
        return ""
    from risksvc.gate.config_problems import LimitsFileError  # noqa: PLC0415
    from risksvc.gate.limits_file import load_limits  # noqa: PLC0415

    try:
        listed = load_limits(settings.limits_path).limits.accounts.get(halt.scope.account)
    except (LimitsFileError, OSError):
        return ""
    if listed is None:
        return ""
    for what, name, known in (
        ("strategy", halt.scope.strategy, listed.strategies),
        ("instrument", halt.scope.instrument, listed.instruments),
    ):
        if name and name not in known:
            there = ", ".join(known) or "none"
            return f"{name!r} is no {what} of account {halt.scope.account} in {settings.limits_path}; there: {there}"
    return ""
