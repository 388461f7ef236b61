"""Options that many commands share, and the decorator that turns a function into a command that asks the gate.

A gate command is a function `(gate, out, **options) -> ExitCode`. The decorator finds address and token, opens one
connection for the length of the command, and makes the returned code the exit code.
"""

import functools
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from risksvc.cli.environment import read_environment
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.output import Output
from risksvc.cli.tls_options import given_tls, tls_options, tls_words
from risksvc.v1 import types_pb2

if TYPE_CHECKING:
    from risksvc.cli.connection import Gate
    from risksvc.cli.target import Token
    from risksvc.tls.endpoint import Endpoint, Tls

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

# A suggested command carries `<why ...>` where only a person can say why: pasted as it stands it must not be a reason.
_PLACEHOLDER = re.compile(r"<.*>")
PathOption = click.Path(path_type=Path)


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document for programs.")(function)


def settings_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --settings."""
    text = "Settings file. Default: RISKSVC_SETTINGS, ./risksvc.yaml, /etc/risksvc/risksvc.yaml."
    return click.option("--settings", type=PathOption, help=text)(function)


def account_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --account, which narrows a query."""
    return click.option("--account", default="", metavar="NAME", help="Only this account. Default: all.")(function)


def reason_option(*, required: bool = True) -> Decorator:
    """Add --reason: words of a person."""
    return click.option("-r", "--reason", required=required, callback=_reason, metavar="WORDS", help="Why, in words.")


def _reason(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    if value is not None and not value.strip():
        raise click.BadParameter("say why, in words of your own")
    return refuse_placeholder(context, parameter, value or "")


def refuse_placeholder(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """The value without blanks around it; `<...>` of a suggested command is no value."""
    if _PLACEHOLDER.fullmatch(value.strip()):
        raise click.BadParameter(f"put your own words in place of {value.strip()}")
    return value.strip()


def scope_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --account, --strategy, --instrument; nothing given means everything."""
    for name, what in (
        ("instrument", "Only this instrument, e.g. BTC/USDT:USDT (needs --account)."),
        ("strategy", "Only this strategy (needs --account)."),
        ("account", "Only this account. Default: everything."),
    ):
        function = click.option(f"--{name}", default="", metavar="NAME", help=what)(function)
    return function


def scope_from(account: str, strategy: str, instrument: str) -> types_pb2.Scope:
    """The scope that the options name."""
    if (strategy or instrument) and not account:
        raise click.UsageError("--strategy and --instrument need --account: which account's?")
    return types_pb2.Scope(account=account, strategy=strategy, instrument=instrument)


def scope_words_of(scope: types_pb2.Scope) -> tuple[str, ...]:
    """The options that name this scope again."""
    named = (("--account", scope.account), ("--strategy", scope.strategy), ("--instrument", scope.instrument))
    return tuple(word for option, value in named if value for word in (option, value))


def exit_with(code: int) -> None:
    """End the command with this code."""
    click.get_current_context().exit(code)


def gate_command(function: Callable[..., ExitCode]) -> Callable[..., None]:
    """Make a function a command's body that asks the gate, with all connection options."""

    @functools.wraps(function)
    def run(
        *,
        operator_address: str | None,
        settings: Path | None,
        token_file: Path | None,
        as_json: bool,
        **options: object,
    ) -> None:
        with gate_session(operator_address, settings, token_file) as (gate, repeat):
            code = function(gate, Output(as_json=as_json, repeat=repeat), **options)
        exit_with(code)

    return connection_options(json_option(run))


def connection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what says where the gate is and who asks."""
    address = (
        "unix:/path, 127.0.0.1:PORT, or with --tls-ca HOST:PORT. Default: the file of --settings, "
        "RISKSVC_OPERATOR_ADDRESS, the settings file."
    )
    token = "File with your token. Default: RISKSVC_TOKEN_FILE, RISKSVC_TOKEN, ~/.config/risksvc/token."  # noqa: S105
    function = click.option("--token-file", type=PathOption, help=token)(function)
    function = settings_option(function)
    function = tls_options(function)
    return click.option("--operator-address", metavar="ADDRESS", help=address)(function)


@contextmanager
def gate_session(
    operator_address: str | None, settings: Path | None, token_file: Path | None
) -> Iterator[tuple["Gate", tuple[str, ...]]]:
    """A connection to the gate, and the options that a suggested command must repeat to reach it again."""
    from risksvc.cli.connection import connect, without_a_gate  # noqa: PLC0415 - gRPC only where a gate is asked
    from risksvc.cli.target import find_token  # noqa: PLC0415

    endpoint = gate_endpoint(operator_address, settings)
    token = find_token(token_file, read_environment())
    warn_of_loose_token(token)
    with connect(endpoint, token, without=without_a_gate(repeated(None, settings, None, tls=False))) as gate:
        yield gate, repeated(operator_address, settings, token_file)


def gate_endpoint(operator_address: str | None, settings: Path | None) -> "Endpoint":
    """Where the gate listens for operators, and how it is spoken to."""
    from risksvc.cli.settings_file import operator_endpoint_of, spoken_to  # noqa: PLC0415
    from risksvc.cli.target import parse_endpoint  # noqa: PLC0415

    environment = read_environment()
    given = operator_address or ("" if settings is not None else environment.operator_address)
    if given:
        return parse_endpoint(given, given_tls(environment))
    return spoken_to(operator_endpoint_of(settings, environment), given_tls(environment))


def warn_of_loose_token(token: "Token | None") -> None:
    """Tell a person whose token others may read."""
    if token is not None and token.loose:
        warning = f"risksvc: others on this machine may read your token: {shlex.join(['chmod', '600', token.source])}"
        click.secho(warning, err=True, fg="yellow")


def repeated(
    operator_address: str | None, settings: Path | None, token_file: Path | None, *, tls: "bool | Tls" = True
) -> tuple[str, ...]:
    """The options that a suggested command must repeat to reach the same gate. `tls` False: it speaks to none."""
    given = (("--operator-address", operator_address), ("--settings", settings), ("--token-file", token_file))
    words = tuple(word for option, value in given if value for word in (option, str(value)))
    if tls is False:
        return words
    return (*words, *tls_words(None if tls is True else tls))
