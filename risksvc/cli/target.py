"""Where the gate is and who asks: address and token, each from the first place that says it.

Never sends a token in clear text off this machine: without TLS an address is a unix socket or a loopback port. Never
prints a token.
"""

import stat
from dataclasses import dataclass
from pathlib import Path

from risksvc.cli.environment import Environment
from risksvc.cli.errors import CliError, Hint
from risksvc.cli.exit_codes import ExitCode
from risksvc.gate.loopback import is_loopback
from risksvc.tls.endpoint import Endpoint, Tls

_MAX_TOKEN_BYTES = 4096
_MAKE_TOKEN = Hint("risksvc operator token NAME", "makes a token and the line for the settings file")


@dataclass(frozen=True, slots=True)
class Token:
    """An operator's token and where it came from. `loose`: others on this machine may read it."""

    value: str
    source: str
    loose: bool = False


def parse_endpoint(text: str, tls: Tls | None = None) -> Endpoint:
    """A gate from `unix:/path`, `/path` or `host:port`; refuses what would leave this machine in clear text."""
    text = text.strip()
    if text.startswith("/"):
        return Endpoint(f"unix:{text}")
    if text.startswith("unix:"):
        return Endpoint(text)
    host, colon, port = text.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()):
        raise CliError(
            f"{text!r} is not an address; allowed: unix:/path/to.sock, 127.0.0.1:PORT, or with TLS HOST:PORT",
            code=ExitCode.USAGE,
        )
    if tls is None and not is_loopback(host.strip("[]")):
        raise CliError(
            f"{text!r} is not on this machine; the token would travel in clear text. Allowed: a unix socket, a "
            "loopback address, or TLS",
            code=ExitCode.USAGE,
            hints=[
                Hint("--tls-ca FILE", "if that gate's listener has TLS: who signed its certificate"),
                Hint(f"ssh -N -L PORT:127.0.0.1:{port} {host}", "then use --operator-address 127.0.0.1:PORT"),
            ],
        )
    return Endpoint(text, tls)


def find_token(token_file: Path | None, environment: Environment) -> Token:
    """The operator's token: --token-file, RISKSVC_TOKEN_FILE, RISKSVC_TOKEN, then the file in the home folder."""
    if token_file is None and environment.token_file:
        token_file = Path(environment.token_file)
    if token_file is not None:
        return read_token(token_file)
    if environment.token:
        return Token(checked_token(environment.token.encode(), source="RISKSVC_TOKEN"), "RISKSVC_TOKEN")
    if environment.default_token_file.exists():
        return read_token(environment.default_token_file)
    raise CliError(
        f"there is no operator token: no --token-file, no RISKSVC_TOKEN_FILE, no RISKSVC_TOKEN, and "
        f"{environment.default_token_file} does not exist",
        code=ExitCode.PERMISSION,
        hints=[_MAKE_TOKEN],
    )


def read_token(path: Path) -> Token:
    """The token of a file: one line of printable ASCII."""
    try:
        with path.open("rb") as handle:
            content = handle.read(_MAX_TOKEN_BYTES + 1)
            mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise CliError(
            f"the token file {path} can't be read: {error.strerror or error}",
            code=ExitCode.PERMISSION,
            hints=[_MAKE_TOKEN],
        ) from error
    return Token(checked_token(content, source=str(path)), str(path), loose=bool(mode & (stat.S_IRGRP | stat.S_IROTH)))


def checked_token(content: bytes, *, source: str) -> str:
    """The token in `content`, or an error that says what is wrong without showing it."""
    value = content.strip()
    if not value:
        problem = "is empty"
    elif len(content) > _MAX_TOKEN_BYTES:
        problem = f"is larger than {_MAX_TOKEN_BYTES} bytes"
    elif not all(0x21 <= byte <= 0x7E for byte in value):  # noqa: PLR2004 - printable ASCII without the blank
        problem = "holds more than one line, blanks, or characters that are not plain ASCII"
    else:
        return value.decode("ascii")
    raise CliError(
        f"the token in {source} {problem}; expected the one line that `risksvc operator token` printed",
        code=ExitCode.PERMISSION,
        hints=[_MAKE_TOKEN],
    )
