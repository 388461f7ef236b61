"""One connection to the gate's operator listener, for the length of one command.

Every call has a deadline and is made once: no retries, no proxy, no waiting for a gate to appear. A gRPC status becomes
one plain sentence and an exit code. What was asked of a gate that did not answer is not known to be done, and said so.
"""

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import grpc

from risksvc.cli.errors import DIRECT, CliError, Hint
from risksvc.cli.exit_codes import ExitCode
from risksvc.tls.channels import in_words, secured
from risksvc.tls.endpoint import Endpoint
from risksvc.tls.pem import TlsError
from risksvc.v1.incident_pb2_grpc import IncidentServiceStub
from risksvc.v1.operator_pb2_grpc import OperatorServiceStub

if TYPE_CHECKING:
    from risksvc.cli.target import Token

Request = TypeVar("Request")
Response = TypeVar("Response")

CALL_SECONDS = 5.0
# A complete venue read, or cancels that the venue confirms one by one.
VENUE_CALL_SECONDS = 30.0

_MEBIBYTE = 1024 * 1024
CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_send_message_length", 4 * _MEBIBYTE),
    ("grpc.max_receive_message_length", 64 * _MEBIBYTE),  # ten thousand working orders are about 3 MiB
)

# What gRPC says inside UNAVAILABLE when nothing could be connected: its words, our sentence, the exit code.
_UNREACHABLE: tuple[tuple[str, str, ExitCode], ...] = (
    ("No such file or directory", "there is no socket: it is not running, or the address is wrong", ExitCode.UNDECIDED),
    ("Connection refused", "nothing listens there: it is not running, or the address is wrong", ExitCode.UNDECIDED),
    ("Permission denied", "this user may not open the socket", ExitCode.PERMISSION),
)
_CLOSED_MEANWHILE = Hint(
    "", "A gate that is down approves nothing. Orders already at the venue can still fill: look there too."
)


_SPEAK_TLS = (
    Hint("", "TLS: --tls-ca FILE, --tls-certificate FILE, --tls-key FILE, --tls-server-name NAME, or `connect` in"),
    Hint("", "the settings file. On the gate's own machine `listen` says what it shows and whom it lets in."),
)


def without_a_gate(settings: Sequence[str] = ()) -> tuple[Hint, ...]:
    """What to type where no gate answers. `settings`: the option that names the file, where one was given."""
    return (
        Hint(shlex.join(["risksvc", "serve", *settings]), "starts a gate; it comes back as halted as it was"),
        Hint(shlex.join(["risksvc", "assess", "--direct", *settings]), DIRECT),
    )


WITHOUT_A_GATE = without_a_gate()

_Status = grpc.StatusCode
# Status → exit code and sentence. What is not listed here could not be decided.
_SENTENCES: dict[grpc.StatusCode, tuple[ExitCode, str]] = {
    _Status.UNAUTHENTICATED: (
        ExitCode.PERMISSION,
        "the gate at {address} does not accept the token from {token}: {details}",
    ),
    _Status.PERMISSION_DENIED: (ExitCode.PERMISSION, "the gate at {address} does not allow this: {details}"),
    _Status.INVALID_ARGUMENT: (ExitCode.USAGE, "the gate does not understand the request: {details}"),
    _Status.NOT_FOUND: (ExitCode.NO, "the gate does not know it: {details}"),
    _Status.ALREADY_EXISTS: (ExitCode.NO, "the gate has it already: {details}"),
    _Status.FAILED_PRECONDITION: (ExitCode.NO, "the gate refuses: {details}"),
    _Status.DEADLINE_EXCEEDED: (
        ExitCode.UNDECIDED,
        "the gate at {address} did not answer within {seconds:g} s: whether it did what was asked is not known",
    ),
    _Status.UNIMPLEMENTED: (
        ExitCode.UNDECIDED,
        "what listens at {address} does not serve operators, or is older than this command",
    ),
}
_OTHER = (ExitCode.UNDECIDED, "the gate at {address} could not decide: {details} ({status})")


class Gate:
    """The gate as one command sees it."""

    def __init__(self, channel: grpc.Channel, *, address: str, token: "Token", without: Sequence[Hint]) -> None:
        self.stub = OperatorServiceStub(channel)
        self.flow = IncidentServiceStub(channel)
        self.address = address
        self._token = token
        self._without = tuple(without)

    def ask(
        self,
        method: "Callable[[OperatorServiceStub], grpc.UnaryUnaryMultiCallable[Request, Response]]",
        request: Request,
        *,
        seconds: float = CALL_SECONDS,
    ) -> Response:
        """Make one call. Raises CliError for every status but OK."""
        return self._call(method(self.stub), request, seconds)

    def ask_flow(
        self,
        method: "Callable[[IncidentServiceStub], grpc.UnaryUnaryMultiCallable[Request, Response]]",
        request: Request,
        *,
        seconds: float = CALL_SECONDS,
    ) -> Response:
        """As `ask`, of the incident flow."""
        return self._call(method(self.flow), request, seconds)

    def _call(
        self, method: "grpc.UnaryUnaryMultiCallable[Request, Response]", request: Request, seconds: float
    ) -> Response:
        metadata = (("authorization", f"Bearer {self._token.value}"),)
        try:
            return method(request, timeout=seconds, metadata=metadata, wait_for_ready=False)
        except grpc.RpcError as error:
            raise self._explain(error, seconds) from error

    def _explain(self, error: grpc.RpcError, seconds: float) -> CliError:
        status, details = _status_of(error)
        if status is _Status.UNAVAILABLE:
            return self._unreachable(details)
        code, sentence = _SENTENCES.get(status, _OTHER)
        text = sentence.format(
            address=self.address, token=self._token.source, details=details, seconds=seconds, status=status.name
        )
        return CliError(text, code=code, hints=[_CLOSED_MEANWHILE] if status is _Status.DEADLINE_EXCEEDED else ())

    def _unreachable(self, details: str) -> CliError:
        for words, meaning, code in _UNREACHABLE:
            if words in details:
                sentence = f"the gate at {self.address} can't be reached: {meaning}"
                return CliError(sentence, code=code, hints=[_CLOSED_MEANWHILE, *self._without])
        words = in_words(details)
        if words != details:
            sentence = f"the gate at {self.address} can't be spoken to: {words}"
            return CliError(sentence, code=ExitCode.UNDECIDED, hints=[*_SPEAK_TLS, _CLOSED_MEANWHILE])
        sentence = (
            f"the gate at {self.address} stopped answering ({details}): whether it did what was asked is not known"
        )
        return CliError(sentence, code=ExitCode.UNDECIDED, hints=[_CLOSED_MEANWHILE])


def _status_of(error: grpc.RpcError) -> tuple[grpc.StatusCode, str]:
    """Return what a finished call's error carries; its text as one line."""
    return error.code(), " ".join((error.details() or "no details").split())


@contextmanager
def connect(endpoint: Endpoint, token: "Token", *, without: Sequence[Hint] = WITHOUT_A_GATE) -> Iterator[Gate]:
    """A connection that ends with the block. Connects at the first call. `without`: what to type if nothing answers."""
    try:
        ready = secured(endpoint)
    except TlsError as error:
        raise CliError(f"the gate at {endpoint.target} can't be asked: {error}", code=ExitCode.USAGE) from error
    with ready.channel(CHANNEL_OPTIONS) as channel:
        yield Gate(channel, address=endpoint.target, token=token, without=without)
