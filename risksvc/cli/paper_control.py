"""How the command line talks to a paper venue that runs: its control API over HTTP on this machine.

Nothing is retried. What the venue refuses becomes one sentence and an exit code: USAGE when it could not be
understood, NO when it could and was refused, UNDECIDED when the venue can't be reached.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from functools import wraps
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import click

from risksvc.cli.errors import CliError, Hint
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.options import json_option
from risksvc.cli.output import Output

PAPER_PORT: Final = 8780
DEFAULT_URL: Final = f"http://127.0.0.1:{PAPER_PORT}"
TIMEOUT_S: Final = 10.0

# Bybit's code for a request that is malformed; any other says that the venue understood and refused.
_MALFORMED: Final = 10001

# What the venue answers: decoded JSON.
Answer = dict[str, Any]


class PaperControl:
    """The control API of the venue at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        # Never through a proxy: the venue is on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Answer:
        """Give the answer to a control request; CliError when there is none or it is a refusal."""
        request = urllib.request.Request(  # noqa: S310 - the address is http, which `checked_url` has seen to
            f"{self.url}/paper/{path}", method=method, data=None if body is None else json.dumps(body).encode()
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as response:
                return self._decoded(response.read())
        except urllib.error.HTTPError as error:
            raise self._refusal(error.code, error.read()) from error
        except OSError as error:
            why = getattr(error, "reason", error)
            hint = Hint("risksvc paper", "starts one there" if self.url == DEFAULT_URL else "starts one; then --url")
            sentence = f"no paper venue answers at {self.url}: {why}"
            raise CliError(sentence, code=ExitCode.UNDECIDED, hints=[hint]) from error

    def command(self, *words: str) -> tuple[str, ...]:
        """Give the words of a command that reaches the same venue."""
        return ("paper", *words, *(() if self.url == DEFAULT_URL else ("--url", self.url)))

    def _decoded(self, body: bytes) -> Answer:
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise self._stranger()
        return found

    def _refusal(self, status: int, body: bytes) -> CliError:
        if status == HTTPStatus.FORBIDDEN:
            return CliError("the control API answers loopback only", code=ExitCode.PERMISSION)
        if status != HTTPStatus.BAD_REQUEST:
            return self._stranger()
        answer = self._decoded(body)
        code = ExitCode.USAGE if answer.get("retCode", _MALFORMED) == _MALFORMED else ExitCode.NO
        return CliError(str(answer.get("error", "the venue refused and didn't say why")), code=code)

    def _stranger(self) -> CliError:
        return CliError(f"what answers at {self.url} is not this version's paper venue", code=ExitCode.UNDECIDED)


def checked_url(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Refuse an address that isn't one of HTTP; give it without a trailing slash."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme == "http" and bool(parts.hostname) and parts.path in ("", "/") and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise click.BadParameter(f"http://HOST:PORT is expected, not {value!r}")
    return value.rstrip("/")


def control_command(function: Callable[..., None]) -> Callable[..., None]:
    """Make a function `(control, out, **options)` a command's body that steers a paper venue; adds --url, --json."""

    @wraps(function)
    def run(*, url: str, as_json: bool, **options: object) -> None:
        function(PaperControl(url), Output(as_json=as_json), **options)

    text = "Where the paper venue listens."
    option = click.option("--url", default=DEFAULT_URL, show_default=True, callback=checked_url, help=text)
    return option(json_option(run))
