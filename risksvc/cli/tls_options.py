"""`--tls-ca` and its companions: how a gate whose address is given by hand is spoken to.

The options belong to the address, not to what a command does, so they travel beside the command's own arguments, in
click's context. Rule: they are never left aside for a port; a unix socket, which never leaves the machine, needs none.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from risksvc.cli.environment import Environment
from risksvc.cli.errors import CliError
from risksvc.cli.exit_codes import ExitCode
from risksvc.core.types import MalformedInputError
from risksvc.tls.endpoint import Tls

_META = "risksvc.cli.tls_options"
_OPTIONS = {
    "tls_ca": "Speak TLS, and trust who signed the gate's certificate: PEM file. Default: `connect` of the settings.",
    "tls_certificate": "Your certificate, where the gate asks for one: PEM file.",
    "tls_key": "The key of --tls-certificate: PEM file.",
    "tls_server_name": "The name in the gate's certificate, where it is not the address.",
}


def tls_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add them; the function does not see them."""
    for name, text in reversed(_OPTIONS.items()):
        metavar = "NAME" if name == "tls_server_name" else "FILE"
        option = click.option(_flag(name), metavar=metavar, help=text, expose_value=False, callback=_keep)
        function = option(function)
    return function


def given_tls(environment: Environment) -> Tls | None:
    """What the options say, else the environment; None: nothing, so what the settings say applies."""
    said = _said() or {name: value for name, value in environment.tls.items() if value}
    if not said:
        return None
    if "tls_ca" not in said:
        wrong = ", ".join(map(_flag, said))
        sentence = f"{wrong} needs --tls-ca: the file with who signed the gate's certificate"
        raise CliError(sentence, code=ExitCode.USAGE)
    try:
        return Tls(
            ca=Path(said["tls_ca"]),
            certificate=_path(said, "tls_certificate"),
            key=_path(said, "tls_key"),
            server_name=said.get("tls_server_name", ""),
        )
    except MalformedInputError as error:
        raise CliError(str(error), code=ExitCode.USAGE) from error


def tls_words(tls: Tls | None = None) -> tuple[str, ...]:
    """The options that a suggested command must repeat: those given, or those that say `tls`."""
    if tls is None:
        return tuple(word for name, value in _said().items() for word in (_flag(name), value))
    values = (tls.ca, tls.certificate, tls.key, tls.server_name)
    said = zip(_OPTIONS, values, strict=True)
    return tuple(word for name, value in said if value for word in (_flag(name), str(value)))


def _said() -> dict[str, str]:
    context = click.get_current_context(silent=True)
    return {} if context is None else context.meta.get(_META, {})


def _keep(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value and parameter.name is not None:
        context.meta.setdefault(_META, {})[parameter.name] = value


def _path(said: dict[str, str], name: str) -> Path | None:
    return Path(said[name]) if name in said else None


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
