"""Where the gate listens, and how the commands of the same file reach it: the sections as they are written.

Rule 1: beyond this machine nothing is listened to without TLS. Rule 2: strategies and venue processes carry no token,
so there a certificate is all that says who may speak: beyond this machine they must show one (`client_ca`). An operator
is known by a token, whatever the connection; a certificate besides is the file's choice. Rule 3: a unix socket has no
TLS: nothing of it leaves the machine, and its permissions say who may connect. HTTP has none either, and stays here.
"""

import ipaddress
from collections.abc import Iterator
from typing import Any

from risksvc.gate.config_problems import shown
from risksvc.gate.config_schema import Section, raw_mapping, raw_value
from risksvc.gate.config_values import Name
from risksvc.gate.loopback import is_loopback
from risksvc.gate.settings_values import ADDRESSES, Address, FilePath, SocketMode, Text, WrittenAddress, address
from risksvc.gate.yaml_lines import KeyPath
from risksvc.tls.endpoint import is_host

# Who connects, and a socket's permissions where the file names none.
LISTENERS = {"strategy": 0o660, "operator": 0o660, "venue": 0o600, "http": 0}
_HTTP = "http"
# Who is known by nothing but a certificate.
_TOKENLESS = ("strategy", "venue")
_WITHOUT_TLS = (
    f"without TLS only loopback is listened to, {ADDRESSES}; beyond: {{address: IP:PORT, tls: {{certificate: FILE, "
    "key: FILE, client_ca: FILE}}"
)
_ONLY_HERE = {_HTTP: "HTTP has no TLS and stays here, allowed: 127.0.0.1:PORT"}
_OF_A_PORT = "belongs to a port; a unix socket has permissions, and nothing of it leaves this machine"


class ListenerTlsSection(Section):
    """The gate's certificate and key for one port, and who signs those that connect; left out: nobody is asked."""

    certificate: FilePath
    key: FilePath
    client_ca: FilePath | None = None


class ListenerSection(Section):
    """Where one kind of caller is listened to: an address, or a mapping with a socket's permissions or a port's TLS."""

    address: WrittenAddress
    mode: SocketMode | None = None
    group: Name | None = None
    tls: ListenerTlsSection | None = None

    @classmethod
    def written(cls, value: object) -> object:
        """An address alone."""
        return {"address": value} if isinstance(value, str) else value

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """Permissions are a socket's, TLS is a port's."""
        written = section.get("address")
        if not isinstance(written, str):
            return
        if written.startswith("unix:"):
            if "tls" in section:
                yield ("tls",), _OF_A_PORT
            return
        for key in ("mode", "group"):
            if key in section:
                yield (key,), "belongs to a unix socket; a port has no permissions"


class ListenSection(Section):
    """Where each kind of caller is listened to. Sockets are relative to the state folder."""

    strategy: ListenerSection = ListenerSection.model_validate("unix:strategy.sock")
    operator: ListenerSection = ListenerSection.model_validate("unix:operator.sock")
    venue: ListenerSection = ListenerSection.model_validate("unix:venue.sock")
    http: ListenerSection = ListenerSection.model_validate("127.0.0.1:9464")

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """Prometheus and curl want a port of this machine; what is beyond it needs TLS."""
        for name in LISTENERS:
            written = section.get(name)
            text = written.get("address") if isinstance(written, dict) else written
            tls = raw_mapping(written).get("tls")
            if name == _HTTP and isinstance(text, str) and text.startswith("unix:"):
                yield (name,), "must be a port for Prometheus and curl; allowed: 127.0.0.1:PORT"
            elif name == _HTTP and tls is not None:
                yield (name, "tls"), "is not there for HTTP, which stays on this machine; put a proxy in front of it"
            else:
                yield from _beyond(name, text, tls)


def _beyond(name: str, text: object, tls: object) -> Iterator[tuple[KeyPath, str]]:
    """What a listener lacks that others than this machine can reach."""
    read = raw_value(address, text)
    if read is None or read.socket or is_loopback(read.host):
        return
    if tls is None:
        yield (name,), f"{shown(text)} is not on this machine; {_ONLY_HERE.get(name, _WITHOUT_TLS)}"
    elif not _is_ip(read.host):
        yield (name, "address"), f"{shown(text)} is a name, and names move; write an IP address; 0.0.0.0:PORT is all"
    elif name in _TOKENLESS and "client_ca" not in raw_mapping(tls):
        why = "who connects shows no token, and any machine could"
        yield (name, "tls"), f"needs client_ca, since {shown(text)} is not on this machine: {why}"


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


# -- how they are reached -----------------------------------------------------------------------------------------


def _unreachable(section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    text, tls = section.get("address"), section.get("tls")
    read = raw_value(address, text)
    if read is None:
        return
    if read.socket:
        if tls is not None:
            yield ("tls",), _OF_A_PORT
        return
    if problem := _no_place(read, text, tls):
        yield ("address",), problem


def _no_place(read: Address, text: object, tls: object) -> str:
    if not read.port:
        return "port 0 is any free port; write the one that the gate listens on"
    if _is_ip(read.host) and ipaddress.ip_address(read.host).is_unspecified:
        return f"{shown(text)} is every address of a machine that listens; write the one to connect to"
    if tls is None and not is_loopback(read.host):
        beyond = "beyond: {address: HOST:PORT, tls: {ca: FILE}}"
        return f"{shown(text)} is not on this machine; without TLS only loopback is connected to, {ADDRESSES}; {beyond}"
    return ""


class ConnectTlsSection(Section):
    """Whom to trust (who signed the gate's certificate), and the certificate to show where the gate asks for one."""

    ca: FilePath
    certificate: FilePath | None = None
    key: FilePath | None = None
    server_name: Text | None = None

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """A certificate and its key go together."""
        for key, other in (("certificate", "key"), ("key", "certificate")):
            if key in section and other not in section:
                yield (key,), f"needs {other} beside it"
        name = section.get("server_name")
        if isinstance(name, str) and name and not is_host(name):
            yield ("server_name",), f"{shown(name)} is neither a host's name nor an address"


class GateAddressSection(Section):
    """Where a gate is reached: an address, or a mapping with what a TLS port needs."""

    address: WrittenAddress
    tls: ConnectTlsSection | None = None

    @classmethod
    def written(cls, value: object) -> object:
        """An address alone."""
        return {"address": value} if isinstance(value, str) else value

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """A place that can be connected to, and nothing in clear text beyond this machine."""
        yield from _unreachable(section)


class PathSection(Section):
    """How one listener of this file's gate is reached, where its own address does not say so."""

    address: WrittenAddress | None = None
    tls: ConnectTlsSection | None = None

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """As for any gate."""
        yield from _unreachable(section)


class ConnectSection(Section):
    """How the commands and the venue processes of this file reach the gate, where `listen` does not say it all."""

    operator: PathSection = PathSection.model_validate(None)
    venue: PathSection = PathSection.model_validate(None)
