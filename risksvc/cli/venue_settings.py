"""From the gate's settings to what the venue process is started with: gate and venue must not know each other.

The only place of the command line that reads an exchange key, and only to hand it on; no error shows one.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from risksvc.cli.errors import CliError, Hint
from risksvc.cli.exit_codes import ExitCode
from risksvc.core.types import MILLISECOND, MalformedInputError
from risksvc.tls.channels import secured
from risksvc.tls.endpoint import Endpoint
from risksvc.tls.pem import TlsError
from risksvc.venue.config import AccountKind, VenueConfig

if TYPE_CHECKING:
    from risksvc.gate.settings import Cadence, Settings, VenueSettings

NO_GATE = "none"  # the target of a process that talks to no gate


def venue_config(settings: "Settings", account: str, *, allow_orders: bool = False) -> VenueConfig:
    """What the venue process of one account is started with. `account` empty: the only one.

    `allow_orders`: it may cancel and place, also where the settings don't say so.
    """
    name = account or _only_account(settings)
    config = _config(settings, name, gate=_gate(settings), keys=True)
    return replace(config, allow_orders=config.allow_orders or allow_orders)


def check_config(settings: "Settings", account: str, *, keys: bool) -> VenueConfig:
    """What a check of one account's venue is started with: no gate is asked, and without `keys` no secret is read."""
    return _config(settings, account, gate=Endpoint(NO_GATE), keys=keys)


def _config(settings: "Settings", name: str, *, gate: Endpoint, keys: bool) -> VenueConfig:
    if name not in settings.accounts:
        known = ", ".join(settings.accounts)
        raise CliError(f"account {name!r} is not in {settings.path}; there are: {known}", code=ExitCode.USAGE)
    chosen = settings.accounts[name]
    secrets = _secrets(chosen.venue) if keys else {}
    try:
        return VenueConfig(
            account=name,
            gate_target=gate.target,
            gate_tls=gate.tls,
            exchange=chosen.venue.exchange,
            kind=AccountKind(chosen.venue.kind.value),
            api_key=secrets.pop("apiKey", ""),
            api_secret=secrets.pop("secret", ""),
            credentials=secrets,
            base_url=chosen.venue.base_url,
            sandbox=chosen.venue.sandbox,
            options=chosen.venue.options,
            urls=chosen.venue.urls,
            quirks=chosen.venue.quirks,
            instruments=chosen.venue.instruments,
            allow_orders=chosen.venue.allow_orders,
            dead_man_ms=chosen.venue.dead_man_ns // MILLISECOND,
            stream=chosen.venue.stream,
            **_cadence(chosen.cadence),
        )
    except MalformedInputError as error:
        raise CliError(f"account {name} of {settings.path}: {error}", code=ExitCode.USAGE) from error


def _cadence(cadence: "Cadence") -> dict[str, int]:
    """How often each thing is read, by the venue process's names."""
    return {
        "positions_every_ms": cadence.positions_ns // MILLISECOND,
        "fills_every_ms": cadence.fills_ns // MILLISECOND,
        "marks_every_ms": cadence.marks_ns // MILLISECOND,
        "balances_every_ms": cadence.balances_ns // MILLISECOND,
        "deep_fills_every_ms": cadence.deep_fills_ns // MILLISECOND,
        "markets_every_ms": cadence.markets_ns // MILLISECOND,
        "time_offset_every_ms": cadence.clock_ns // MILLISECOND,
        "stream_debounce_ms": cadence.stream_debounce_ns // MILLISECOND,
    }


def _only_account(settings: "Settings") -> str:
    if len(settings.accounts) > 1:
        names = list(settings.accounts)
        hints = [Hint(f"risksvc venue --account {name}", "one venue process for each account") for name in names]
        raise CliError(f"{settings.path} has several accounts: name one", code=ExitCode.USAGE, hints=hints)
    return next(iter(settings.accounts))


def _gate(settings: "Settings") -> Endpoint:
    """How the venue process reaches the gate; files that it could not use are told here, before it starts."""
    if settings.venue_endpoint.has_no_port:
        sentence = f"{settings.path}: listen.venue lets the system pick a port, which this process can't know: name one"
        raise CliError(sentence, code=ExitCode.USAGE)
    try:
        secured(settings.venue_endpoint)
    except TlsError as error:
        raise CliError(f"{settings.path}: connect.venue.tls: {error}", code=ExitCode.USAGE) from error
    return settings.venue_endpoint


def _secrets(venue: "VenueSettings") -> dict[str, str]:
    """Every key by ccxt's name for it."""
    from risksvc.gate.secret_files import SecretError, read_secret  # noqa: PLC0415 - only the venue process reads keys

    try:
        return {name: read_secret(source) for name, source in venue.key.items()}
    except SecretError as error:
        raise CliError(str(error), code=ExitCode.PERMISSION) from error
