"""The gate's certificates: judged at the start, served by gRPC, taken up anew when their files change.

Rule 1: a listener whose files can't be used does not start; its neighbours in the settings are told which and why.
Rule 2: a running gate never loses a good certificate to a bad file: what is on disk is judged at the next connection
after it changed, and until it is good the last good one is shown, and the log says why. Rule 3: whom a listener trusts
(`client_ca`) is renewed the same way. Connections that stand are never looked at again: one that should end, because
its certificate has or because nobody trusts its authority any more, ends when the gate is started again.

gRPC asks for the certificate at each connection, on a thread of its own: nothing of the gate is touched there.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc

from risksvc.gate.listeners import ListenerTls
from risksvc.gate.sockets import ListenError
from risksvc.tls.pem import Identity, TlsError, read_authorities, read_identity

_log = logging.getLogger(__name__)

DAY_S = 86_400
WARN_DAYS = 14

# What tells one version of the files from another, without reading them: which file, how long, when changed.
_Version = tuple[tuple[int, int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class CertificateStanding:
    """The certificate that a listener shows. `ends`: seconds since 1970. `refused`: the files on disk are worse."""

    ends: float
    refused: bool = False


Tell = Callable[[CertificateStanding], None]


def server_credentials(tls: ListenerTls | None, tell: Tell = lambda _: None) -> grpc.ServerCredentials | None:
    """For `add_secure_port`; None: the listener has no TLS. Raises ListenError.

    `tell` hears how the certificate stands, now and whenever that changes; from a thread of gRPC's.
    """
    if tls is None:
        return None
    files = CertificateFiles(tls, tell)
    try:
        first = files.read()
    except TlsError as error:
        raise ListenError(f"{tls.place}: {error}") from error
    return grpc.dynamic_ssl_server_credentials(
        first,
        files.renewed,  # type: ignore[arg-type]  # None, which means no change, is missing in the stubs
        require_client_authentication=tls.client_ca is not None,
    )


def check_files(tls: ListenerTls | None) -> None:
    """Whether a listener could be served, before anything is started. Raises ListenError."""
    if tls is None:
        return
    try:
        _judge(tls)
    except TlsError as error:
        raise ListenError(f"{tls.place}: {error}") from error


def _judge(tls: ListenerTls) -> tuple[Identity, bytes | None]:
    own = read_identity(tls.certificate, tls.key, of_server=True)
    return own, None if tls.client_ca is None else read_authorities(tls.client_ca)


class CertificateFiles:
    """The files of one listener, and the version of them that was judged last."""

    def __init__(self, tls: ListenerTls, tell: Tell = lambda _: None) -> None:
        self._tls = tls
        self._tell = tell
        self._ends = 0.0
        self._paths = [path for path in (tls.certificate, tls.key, tls.client_ca) if path is not None]
        self._judged: _Version = ()
        self._lock = threading.Lock()

    def read(self) -> grpc.ServerCertificateConfiguration:
        """What is on disk now. Raises TlsError."""
        version = self._version()
        own, trusted = _judge(self._tls)
        self._judged, self._ends = version, own.ends
        _warn_of_the_end(self._tls, own.ends)
        self._tell(CertificateStanding(own.ends))
        return grpc.ssl_server_certificate_configuration([(own.key, own.certificate)], root_certificates=trusted)

    def renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """What is on disk, if it changed since it was last judged and is good; None: go on as before. Never raises."""
        with self._lock:
            version = self._version()
            if version == self._judged:
                return None
            try:
                found = self.read()
            except TlsError as error:
                # Files that are renewed one after the other are wrong together for a moment; told once for each state.
                self._judged = version
                self._tell(CertificateStanding(self._ends, refused=True))
                _log.error("%s: the new files are not used, the last good certificate is: %s", self._tls.place, error)
                return None
            _log.info("%s: the certificate was renewed from %s", self._tls.place, self._tls.certificate)
            return found

    def _version(self) -> _Version:
        return tuple(_version_of(path) for path in self._paths)


def _version_of(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _warn_of_the_end(tls: ListenerTls, ends: float) -> None:
    left = (ends - time.time()) / DAY_S
    if left < WARN_DAYS:
        _log.warning("%s: %s ends in %.1f days; renew it, no restart is needed", tls.place, tls.certificate, left)
