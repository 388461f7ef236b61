"""A listener as it is used: its address and permissions, or its port and TLS; and how it is reached.

Values only: paths are absolute, nothing is opened. Certificates are read by `risksvc.gate.tls`.
"""

from dataclasses import dataclass
from pathlib import Path

from risksvc.gate.listen_schema import (
    LISTENERS,
    ConnectTlsSection,
    GateAddressSection,
    ListenerSection,
    ListenerTlsSection,
    PathSection,
)
from risksvc.gate.settings_values import Address
from risksvc.tls.endpoint import Endpoint, Tls

# Who listens on every address of a machine is reached from there by its loopback address.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True, slots=True)
class ListenerTls:
    """The files of one port. `place` is theirs in the settings file, for errors. `client_ca` None: nobody is asked."""

    place: str
    certificate: Path
    key: Path
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """Where something listens: a unix socket (absolute path, permissions, group), or a host and port.

    Beyond loopback only with `tls`: the settings see to that, and the servers again.
    """

    path: Path | None = None
    mode: int = 0o600
    group: str | None = None
    host: str = ""
    port: int = 0
    tls: ListenerTls | None = None

    @property
    def target(self) -> str:
        """As gRPC writes it: unix:/path or host:port."""
        if self.path is not None:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def listener_of(name: str, written: ListenerSection, *, folder: Path, state_dir: Path) -> Listener:
    """What is written, paths made absolute: sockets from the state folder, certificates from the settings' `folder`."""
    address = written.address
    if not address.socket:
        tls = _listener_tls(written.tls, folder, f"listen.{name}.tls")
        return Listener(host=address.host, port=address.port, tls=tls)
    mode = LISTENERS[name] if written.mode is None else written.mode
    return Listener(path=state_dir / address.socket, mode=mode, group=written.group)


def _listener_tls(written: ListenerTlsSection | None, folder: Path, place: str) -> ListenerTls | None:
    if written is None:
        return None
    ca = None if written.client_ca is None else folder / written.client_ca
    return ListenerTls(place, folder / written.certificate, folder / written.key, ca)


def endpoint_of(listener: Listener, path: PathSection, folder: Path) -> Endpoint:
    """How this file's commands reach its own gate.

    Where `connect` does not say whom to trust, it is the very certificate that `listen` names: nobody else has its key.
    """
    if path.address is not None:
        target = _target(path.address, folder)
    else:
        host = _EVERYWHERE.get(listener.host, listener.host)
        target = Listener(path=listener.path, host=host, port=listener.port).target
    tls = _tls(path.tls, folder)
    if tls is None and listener.tls is not None and not target.startswith("unix:"):
        tls = Tls(ca=listener.tls.certificate)
    return Endpoint(target, tls)


def other_gate(written: GateAddressSection, folder: Path) -> Endpoint:
    """Where another gate listens; a socket's path is relative to the settings file."""
    return Endpoint(_target(written.address, folder), _tls(written.tls, folder))


def _target(address: Address, folder: Path) -> str:
    return Listener(
        path=folder / address.socket if address.socket else None, host=address.host, port=address.port
    ).target


def _tls(written: ConnectTlsSection | None, folder: Path) -> Tls | None:
    if written is None:
        return None
    return Tls(
        ca=folder / written.ca,
        certificate=None if written.certificate is None else folder / written.certificate,
        key=None if written.key is None else folder / written.key,
        server_name=written.server_name or "",
    )
