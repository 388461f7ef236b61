"""Channels to a gate's listener, encrypted wherever its endpoint says so; and a failed connection in plain words.

The files are read by `secured`, before anything is connected: who calls it anew takes renewed certificates up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import grpc.aio

from risksvc.tls.endpoint import Endpoint, Tls
from risksvc.tls.pem import read_authorities, read_identity

Options = Sequence[tuple[str, int | str]]

_NOT_CONNECTED = "failed to connect to all addresses"
_OTHER_AUTHORITY = (
    "the gate's certificate is not signed by the authority that is trusted here: is it the right gate, and the right "
    "`ca` file?"
)
_OTHER_NAME = (
    "the gate's certificate is for another name than the address: give the name that is in it as the server name, or "
    "make one whose subjectAltName has the address"
)
_NO_CERTIFICATE = (
    "the connection was closed before anything was asked: what listens there speaks TLS and this side does not, or it "
    "wants a certificate that its `client_ca` has signed, and got none, another's, or an expired one"
)
# What gRPC says of a connection that came to nothing, and what it means; the first that fits is told.
_IN_WORDS = (
    ("WRONG_VERSION_NUMBER", "what listens there does not speak TLS: is it the right port, has its listener `tls`?"),
    ("certificate has expired", "the gate's certificate has expired: renew it; the gate needs no restart for that"),
    ("certificate is not yet valid", "the gate's certificate is not valid yet: is this machine's clock right?"),
    ("CERTIFICATE_VERIFY_FAILED", _OTHER_AUTHORITY),
    ("Hostname Verification Check failed", _OTHER_NAME),
    ("Socket closed", _NO_CERTIFICATE),
)


@dataclass(frozen=True, slots=True)
class Secured:
    """An endpoint whose files were read: channels to it can be opened without a further thought."""

    target: str
    credentials: grpc.ChannelCredentials | None = field(repr=False)
    named: tuple[tuple[str, str], ...] = ()

    def channel(self, options: Options) -> grpc.Channel:
        """Connects at its first call."""
        if self.credentials is None:
            return grpc.insecure_channel(self.target, options=options)
        return grpc.secure_channel(self.target, self.credentials, options=(*options, *self.named))

    def aio_channel(self, options: Options) -> grpc.aio.Channel:
        """The same for the running event loop."""
        if self.credentials is None:
            return grpc.aio.insecure_channel(self.target, options=options)
        return grpc.aio.secure_channel(self.target, self.credentials, options=(*options, *self.named))


def secured(endpoint: Endpoint) -> Secured:
    """Reads whom this side trusts, and who it is. Raises TlsError."""
    tls = endpoint.tls
    if tls is None:
        return Secured(endpoint.target, None)
    named = (("grpc.ssl_target_name_override", tls.server_name),) if tls.server_name else ()
    return Secured(endpoint.target, _credentials(tls), named)


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    authorities = read_authorities(Path(tls.ca))
    if tls.certificate is None or tls.key is None:
        return grpc.ssl_channel_credentials(authorities)
    own = read_identity(Path(tls.certificate), Path(tls.key), of_server=False)
    return grpc.ssl_channel_credentials(authorities, own.key, own.certificate)


def in_words(details: str) -> str:
    """What gRPC says about a failed call; where TLS made a connection impossible, a sentence that says what to do."""
    if _NOT_CONNECTED not in details:
        return details
    return next((f"{meaning} ({_short(details)})" for words, meaning in _IN_WORDS if words in details), details)


def _short(details: str) -> str:
    return details.rpartition("last error: ")[2]
