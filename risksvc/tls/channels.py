"""Channels to a gate's listener, encrypted wherever its endpoint says so; and a failed connection in plain words.

The files are read when a channel is opened, so a process that opens one anew (after every lost connection) takes
renewed certificates up by itself. Raises TlsError before anything is connected.
"""

from collections.abc import Sequence
from pathlib import Path

import grpc
import grpc.aio

from risksvc.tls.endpoint import Endpoint, Tls
from risksvc.tls.pem import read_authorities, read_identity

Options = Sequence[tuple[str, int | str]]

_NOT_CONNECTED = "failed to connect to all addresses"
# What gRPC says of a connection that came to nothing, and what it means; the first that fits is told.
_IN_WORDS = (
    (
        "WRONG_VERSION_NUMBER",
        "what listens there does not speak TLS: is it the right port? If it is the gate's, its listener has no `tls`",
    ),
    (
        "certificate has expired",
        "the gate's certificate has expired: renew it; the gate takes new files up without a restart",
    ),
    ("certificate is not yet valid", "the gate's certificate is not valid yet: is this machine's clock right?"),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "the gate's certificate is not signed by the authority that is trusted here: is it the right gate, and the "
        "right `ca` file?",
    ),
    (
        "Hostname Verification Check failed",
        "the gate's certificate is for another name than the address: give the name that is in it as the server name, "
        "or make one whose subjectAltName has the address",
    ),
    (
        "Socket closed",
        "the connection was closed before anything was asked: what listens there speaks TLS and this side does not, or "
        "it wants a certificate that its `client_ca` has signed and got none, another's, or an expired one",
    ),
)


def open_channel(endpoint: Endpoint, options: Options) -> grpc.Channel:
    """A channel that connects at its first call. Raises TlsError."""
    if endpoint.tls is None:
        return grpc.insecure_channel(endpoint.target, options=options)
    return grpc.secure_channel(endpoint.target, credentials(endpoint.tls), options=(*options, *_named(endpoint.tls)))


def open_aio_channel(endpoint: Endpoint, options: Options) -> grpc.aio.Channel:
    """The same for the running event loop. Raises TlsError."""
    if endpoint.tls is None:
        return grpc.aio.insecure_channel(endpoint.target, options=options)
    return grpc.aio.secure_channel(
        endpoint.target, credentials(endpoint.tls), options=(*options, *_named(endpoint.tls))
    )


def credentials(tls: Tls) -> grpc.ChannelCredentials:
    """Whom this side trusts, and who it is. Raises TlsError."""
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


def _named(tls: Tls) -> tuple[tuple[str, str], ...]:
    return (("grpc.ssl_target_name_override", tls.server_name),) if tls.server_name else ()


