"""PEM files: a certificate with its key, and authorities; read whole, and judged before anything is done with them.

What would fail at the first handshake, on another machine and in a library's words, is told here in one sentence: a
file that is missing or is something else, a key that everybody can read or that belongs to another certificate, a date
that has passed, a kind of key that gRPC does not speak. No error shows a key. Rule: what was judged is what is given; a
file that changes meanwhile, as it does while certificates are renewed, is read again.
"""

import base64
import binascii
import os
import re
import ssl
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from risksvc.core.types import RiskError

MAX_BYTES = 256 * 1024
_READS = 3
_CERTIFICATE, _KEY = "CERTIFICATE", "PRIVATE KEY"
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.+?)-----END \1-----", re.DOTALL)
# OpenSSL's numbers for what can be wrong with a certificate that is judged by itself.
_NOT_YET, _EXPIRED, _PURPOSE = 9, 10, 26
# Edwards curves (Ed25519, Ed448), as a PKCS #8 key names its kind; gRPC's TLS has no signatures by them.
_EDWARDS = (b"\x06\x03\x2b\x65\x70", b"\x06\x03\x2b\x65\x71")
_NAMED_WITHIN = 32
_ROUNDS = 10


class TlsError(RiskError):
    """A certificate, key or authority can't be used; the text says which file, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate (with what stands between it and its authority) and its key, as PEM. `ends`: seconds since 1970."""

    certificate: bytes
    key: bytes
    ends: float

    def __repr__(self) -> str:
        return f"Identity(ends={self.ends:.0f})"


def read_identity(certificate: Path, key: Path, *, of_server: bool) -> Identity:
    """A pair that a handshake succeeds with today. Raises TlsError."""
    for _ in range(_READS):
        chain, secret = _read(certificate), _read(key, private=True)
        _must_be_certificates(chain, certificate)
        _must_be_speakable(secret, key)
        try:
            ends = _tried(certificate, key, of_server=of_server)
        except TlsError:
            if (chain, secret) == (_read(certificate), _read(key, private=True)):
                raise
        else:
            if (chain, secret) == (_read(certificate), _read(key, private=True)):
                return Identity(chain, secret, ends)
    raise TlsError(f"{certificate} and {key} change while they are read; write new files and rename them over the old")


def read_authorities(path: Path) -> bytes:
    """Certificates of who is trusted; one at least is valid today. Raises TlsError."""
    content = _read(path)
    _must_be_certificates(content, path)
    if _KEY.encode() in content:
        raise TlsError(f"{path} holds a private key; who is trusted is told by certificates alone")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=content.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise TlsError(f"{path} is not PEM with certificates{_reason(error)}") from error
    # Only authorities are listed; a certificate that is trusted by itself is judged by who connects.
    ends = [str(each["notAfter"]) for each in context.get_ca_certs()]
    if ends and all(ssl.cert_time_to_seconds(each) < time.time() for each in ends):
        raise TlsError(f"{path} has expired ({ends[-1]}): nobody whom it signed is trusted any more; make a new one")
    return content


def _read(path: Path, *, private: bool = False) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            content = file.read(MAX_BYTES + 1) if stat.S_ISREG(mode) else b""
    except (OSError, ValueError) as error:
        raise TlsError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(mode):
        raise TlsError(f"{path} is not a regular file")
    if len(content) > MAX_BYTES:
        raise TlsError(f"{path} is larger than {MAX_BYTES // 1024} KB; is it the right file?")
    if private and mode & stat.S_IRWXO:
        cure = f"`chmod o= {path}`, or `defaultMode: 0440` for a Kubernetes secret"
        raise TlsError(f"every user of this machine has access to {path} (mode {stat.S_IMODE(mode):04o}); {cure}")
    return content


def _must_be_certificates(content: bytes, path: Path) -> None:
    found = [label.decode("ascii") for label, _ in _BLOCK.findall(content)]
    if _CERTIFICATE not in found:
        raise TlsError(f"{path} holds no certificate as PEM ({_listed(found)}); is it the right file?")


def _listed(found: list[str]) -> str:
    return f"it holds: {', '.join(found)}" if found else "it has no -----BEGIN ...----- line, or no end to it"


def _must_be_speakable(content: bytes, path: Path) -> None:
    """A key that gRPC can sign with, without asking anybody for a passphrase."""
    keys = [(label, body) for label, body in _BLOCK.findall(content) if label.endswith(_KEY.encode())]
    if not keys:
        found = [label.decode("ascii") for label, _ in _BLOCK.findall(content)]
        raise TlsError(f"{path} holds no private key as PEM ({_listed(found)}); is it the right file?")
    label, body = keys[0]
    if b"ENCRYPTED" in label + body:
        cure = f"`openssl pkey -in {path} -out NEW` writes it without"
        raise TlsError(f"{path} is encrypted, and nobody is there to type its passphrase; {cure}")
    try:
        start = base64.b64decode(b"".join(body.split()), validate=True)[:_NAMED_WITHIN]
    except binascii.Error as error:
        raise TlsError(f"{path} holds no private key that can be read; is it whole?") from error
    if any(name in start for name in _EDWARDS):
        raise TlsError(f"{path} is an Ed25519 or Ed448 key, which gRPC does not speak; make an EC (P-256) or RSA key")


# -- a handshake with itself --------------------------------------------------------------------------------------


def _tried(certificate: Path, key: Path, *, of_server: bool) -> float:
    """Lets the pair shake hands with itself in memory, one side trusting that certificate alone; gives when it ends."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    for context in (server, client):
        _load(context, certificate, key)
    looking = client if of_server else server
    try:
        looking.load_verify_locations(cafile=certificate)
    except ssl.SSLError as error:
        raise TlsError(f"{certificate} is not PEM with certificates{_reason(error)}") from error
    looking.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    looking.verify_mode = ssl.CERT_REQUIRED
    seen = _shake_hands(server, client, certificate=certificate, of_server=of_server)
    return ssl.cert_time_to_seconds(str(seen["notAfter"]))


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            cure = "renew both together, or name the pair that belongs together"
            raise TlsError(f"{key} is not the key of {certificate}; {cure}") from error
        raise TlsError(f"{certificate} and {key} can't be used{_reason(error)}") from error


def _shake_hands(
    server: ssl.SSLContext, client: ssl.SSLContext, *, certificate: Path, of_server: bool
) -> dict[str, object]:
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking, answering = client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True)
    for _ in range(_ROUNDS):
        try:
            done = [_step(side) for side in (asking, answering)]
        except ssl.SSLCertVerificationError as error:
            raise TlsError(_verdict(error, certificate, of_server=of_server)) from error
        except ssl.SSLError as error:
            raise TlsError(f"{certificate} can't be used in a handshake{_reason(error)}") from error
        if all(done):
            break
    return dict((asking if of_server else answering).getpeercert() or {})


def _step(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _verdict(error: ssl.SSLCertVerificationError, certificate: Path, *, of_server: bool) -> str:
    use = "serverAuth" if of_server else "clientAuth"
    sentences = {
        _EXPIRED: f"has expired (`openssl x509 -enddate -noout -in {certificate}` shows when); renew it",
        _NOT_YET: "is not valid yet; is this machine's clock right?",
        _PURPOSE: f"was not made for this use: its extendedKeyUsage must have {use}, or be left out",
    }
    return f"{certificate} {sentences.get(error.verify_code, f'is not valid: {error.verify_message}')}"


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return f" ({reason.replace('_', ' ').lower()})" if isinstance(reason, str) else ""
