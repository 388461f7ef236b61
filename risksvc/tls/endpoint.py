"""Where a gate listens and how a connection to it is secured. Values only; nothing is opened or read here."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from risksvc.core.types import MalformedInputError

_MAX_PORT = 65_535
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tls:
    """How to connect to a gate's port that speaks TLS. PEM files.

    ca: the authority that signed the gate's certificate, or that very certificate. Nobody else is trusted, no public
    authority either. certificate, key: this side's own, where the gate asks for one (its `client_ca`). server_name: the
    name in the gate's certificate, where it is not the address that is connected to.
    """

    ca: str | Path
    certificate: str | Path | None = None
    key: str | Path | None = None
    server_name: str = ""

    def __post_init__(self) -> None:
        if not str(self.ca):
            raise MalformedInputError("tls.ca", "is missing; it is the file with who signed the gate's certificate")
        if (self.certificate is None) != (self.key is None):
            given, missing = ("certificate", "key") if self.key is None else ("key", "certificate")
            raise MalformedInputError(f"tls.{given}", f"needs tls.{missing} beside it: the two are one pair")
        if self.server_name and not is_host(self.server_name):
            problem = f"{self.server_name!r} is neither a host's name nor an address"
            raise MalformedInputError("tls.server_name", problem)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A gate's listener as gRPC writes it, "unix:/path" or "host:port". `tls` None: it is on this machine."""

    target: str
    tls: Tls | None = None

    @property
    def has_no_port(self) -> bool:
        """The system chose the port when the gate started: it is not known here."""
        return (host_and_port(self.target) or ("", 1))[1] == 0


def is_host(text: str) -> bool:
    """An IP address, without brackets, or a name such as gate-1.example.com. Nothing is looked up."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        # Digits alone, or a name that ends in them, would be an address misspelt.
        return _NAME.fullmatch(text) is not None and not text.rpartition(".")[2].isdigit()
    return True


def host_and_port(target: str) -> tuple[str, int] | None:
    """The parts of host:port or [host]:port; None where it is something else."""
    host, _, port = target.rpartition(":")
    if not _PORT.fullmatch(port) or int(port) > _MAX_PORT:
        return None
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if (":" in bare) != (bare != host) or not is_host(bare):
        return None
    return bare, int(port)
