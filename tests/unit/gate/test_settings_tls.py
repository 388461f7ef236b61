"""TLS in the settings file: what a listener shows, whom it lets in, and how the file's own commands reach it."""

from pathlib import Path

import pytest

from risksvc.gate.listeners import Listener, ListenerTls
from risksvc.tls.endpoint import Endpoint, Tls
from tests.unit.gate.test_settings import ALICE, SMALL, load

ETC = Path("/etc/risksvc")
SHOWN = "tls: {certificate: tls/gate.crt, key: /run/gate.key}"
ASKING = "tls: {certificate: tls/gate.crt, key: /run/gate.key, client_ca: tls/clients.crt}"


def files(name: str, client_ca: Path | None = None) -> ListenerTls:
    return ListenerTls(f"listen.{name}.tls", ETC / "tls/gate.crt", Path("/run/gate.key"), client_ca)


def test_a_port_may_have_tls_and_a_socket_has_none() -> None:
    settings = load(f"{SMALL}listen: {{operator: {{address: '127.0.0.1:7444', {SHOWN}}}}}\n")
    assert settings.operator == Listener(host="127.0.0.1", port=7444, tls=files("operator"))
    assert settings.strategy.tls is None


@pytest.mark.parametrize("address", ["0.0.0.0:7443", "[::]:7443", "10.1.2.3:7443", "127.0.0.1:7443"])
@pytest.mark.parametrize("name", ["strategy", "venue", "operator"])
def test_beyond_this_machine_a_listener_asks_for_a_certificate(name: str, address: str) -> None:
    settings = load(f"{SMALL}listen: {{{name}: {{address: '{address}', {ASKING}}}}}\n")
    listener: Listener = getattr(settings, name)
    assert (listener.target, listener.tls) == (address, files(name, ETC / "tls/clients.crt"))


def test_operators_are_known_by_a_token_beyond_this_machine_too() -> None:
    settings = load(f"{SMALL}listen: {{operator: {{address: '0.0.0.0:7444', {SHOWN}}}}}\n")
    assert settings.operator.tls == files("operator")


# -- how it is reached --------------------------------------------------------------------------------------------


def test_without_tls_the_gate_is_reached_where_it_listens() -> None:
    settings = load(SMALL)
    assert settings.operator_endpoint == Endpoint("unix:/etc/risksvc/state/operator.sock")
    assert settings.venue_endpoint == Endpoint("unix:/etc/risksvc/state/venue.sock")


@pytest.mark.parametrize(
    ("address", "target"),
    [("0.0.0.0:7444", "127.0.0.1:7444"), ("[::]:7444", "[::1]:7444"), ("10.1.2.3:7444", "10.1.2.3:7444")],
)
def test_its_own_certificate_is_trusted_where_nothing_else_is_written(address: str, target: str) -> None:
    settings = load(f"{SMALL}listen: {{operator: {{address: '{address}', {SHOWN}}}}}\n")
    assert settings.operator_endpoint == Endpoint(target, Tls(ETC / "tls/gate.crt"))


def test_what_is_written_is_how_the_gate_is_reached() -> None:
    tls = "{ca: ca.crt, certificate: me.crt, key: me.key, server_name: gate-1}"
    text = f"connect: {{operator: {{address: 'gate:7444', tls: {tls}}}, venue: {{address: 'unix:/run/v.sock'}}}}\n"
    settings = load(SMALL + text)
    trusted = Tls(ETC / "ca.crt", ETC / "me.crt", ETC / "me.key", "gate-1")
    assert settings.operator_endpoint == Endpoint("gate:7444", trusted)
    assert settings.venue_endpoint == Endpoint("unix:/run/v.sock")


def test_tls_without_an_address_is_for_the_gates_own_listener() -> None:
    listen = f"listen: {{venue: {{address: '0.0.0.0:7445', {ASKING}}}}}\n"
    settings = load(f"{SMALL}{listen}connect: {{venue: {{tls: {{ca: ca.crt, certificate: v.crt, key: v.key}}}}}}\n")
    assert settings.venue_endpoint == Endpoint("127.0.0.1:7445", Tls(ETC / "ca.crt", ETC / "v.crt", ETC / "v.key"))


def test_other_gates_may_be_on_other_machines() -> None:
    settings = load(f"{SMALL}gates: {{g2: {{address: 'gate-2.example.com:7444', tls: {{ca: ca.crt}}}}}}\n")
    assert settings.gates == {"g2": Endpoint("gate-2.example.com:7444", Tls(ETC / "ca.crt"))}


# -- what is allowed and worth a thought --------------------------------------------------------------------------

STRATEGY = f"strategy: {{address: '127.0.0.1:7443', {ASKING}}}"
VENUE = f"venue: {{address: '127.0.0.1:7445', {ASKING}}}"
OPERATOR = f"operator: {{address: '127.0.0.1:7444', {ASKING}}}"
MINE = "connect: {operator: {tls: {ca: ca.crt, certificate: me.crt, key: me.key}}}\n"


@pytest.mark.parametrize(
    ("listen", "connect", "warning"),
    [
        (STRATEGY, "", ""),
        (STRATEGY.replace(ASKING, SHOWN), "", "listen.strategy: a port: every user of this machine can connect"),
        (f"{STRATEGY}, {VENUE}", "", "listen.venue.tls.client_ca: is that of listen.strategy too: every strategy's"),
        (f"{STRATEGY}, {VENUE.replace('clients.crt', 'venues.crt')}", "", ""),
        (OPERATOR, "", "listen.operator.tls.client_ca: asks for what connect.operator.tls does not name: no command"),
        (OPERATOR, "connect: {operator: {tls: {ca: ca.crt}}}\n", "asks for what connect.operator.tls does not name"),
        (OPERATOR, MINE, ""),
        (OPERATOR.replace(ASKING, SHOWN), "", ""),
    ],
)
def test_warnings(listen: str, connect: str, warning: str) -> None:
    found = load(f"{SMALL}{ALICE}listen: {{{listen}}}\n{connect}").warnings
    assert len(found) == bool(warning)
    assert not warning or warning in found[0]
