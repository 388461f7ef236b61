"""Mutual TLS on all three gRPC listeners, with everybody who speaks to them, and everybody who must not."""

import asyncio
import contextlib
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner, Result

from risksvc.cli.app import app
from risksvc.client import AsyncRiskGate, LocalReason, RiskGate, Tls
from risksvc.gate.sockets import ListenError
from risksvc.gate.starting import Start, found
from risksvc.tls.channels import secured
from risksvc.tls.endpoint import Endpoint
from risksvc.v1 import strategy_pb2, venue_pb2
from risksvc.venue.gate_link import GateLink, SessionEndedError
from tests.certificates import Authority
from tests.integration.gate.conftest import Order, connect_feed
from tests.integration.gate.gate_process import PATIENCE, TOKENS
from tests.integration.gate.scripted_feed import ScriptedFeed, hello
from tests.integration.gate.tls_gate import OPTIONS, TlsGate

# How the strategy listener is served, as the settings say it.
ENGINES = {"public": "engine: {kind: public}", "direct": "engine: {kind: direct}"}
ORDER = {"instrument": "BTC/USDT:USDT", "side": "buy", "type": "limit", "quantity": "0.1", "limit_price": "50000"}
INTENT = {"intended_position": "1", "believed_position": "0"}
NOT_LET_IN = "wants a certificate that its `client_ca` has signed"


@pytest.fixture(scope="module", params=ENGINES)
def gate(request: pytest.FixtureRequest) -> Iterator[TlsGate]:
    with tempfile.TemporaryDirectory(prefix="rs") as folder:
        process = TlsGate(Path(folder), extra=ENGINES[request.param])
        process.start()
        yield process
        process.stop()


@pytest.fixture
def feed(gate: TlsGate) -> Iterator[ScriptedFeed]:
    connected = connect_feed(gate)
    gate.wait_for(lambda: gate.status().ready, "the gate is open")
    yield connected
    connected.close()
    gate.wait_for(lambda: not gate.status().accounts[0].feed_connected, "the gate misses its feed")


def tls_of(endpoint: Endpoint) -> Tls:
    assert endpoint.tls is not None
    return endpoint.tls


# -- everybody who may --------------------------------------------------------------------------------------------


def test_a_strategy_asks_in_bare_grpc(gate: TlsGate, feed: ScriptedFeed, order: Order) -> None:
    approved = strategy_pb2.OUTCOME_APPROVED
    gate.wait_for(lambda: gate.strategy.CheckOrder(order(), timeout=5).outcome == approved, "an approval")


def test_a_strategy_asks_by_the_library(gate: TlsGate, feed: ScriptedFeed) -> None:
    target, tls = f"127.0.0.1:{gate.ports['strategy']}", tls_of(gate.endpoint("strategy"))
    with RiskGate(target, account="main", strategy="mm", deadline=5, tls=tls) as asked:
        assert asked.wait_ready(10)
        gate.wait_for(lambda: bool(asked.check(**ORDER, **INTENT)), "an approval")  # type: ignore[arg-type]
        assert asked.flush(10)


async def test_a_strategy_asks_on_an_event_loop(gate: TlsGate, feed: ScriptedFeed) -> None:
    target, tls = f"127.0.0.1:{gate.ports['strategy']}", tls_of(gate.endpoint("strategy"))
    async with AsyncRiskGate(target, account="main", strategy="mm", deadline=5, tls=tls) as asked:
        assert await asked.wait_ready(10)
        async with asyncio.timeout(PATIENCE):
            while not await asked.check(**ORDER, **INTENT):  # type: ignore[arg-type]  # text in every field
                await asked.wait_ready(1)  # a busy machine: the gate's lease ended for a moment


async def test_a_venue_process_introduces_itself(gate: TlsGate) -> None:
    async with GateLink(gate.endpoint("venue")) as link:
        welcome = await link.introduce(venue_pb2.FeedRequest(hello=hello()))
        assert welcome.gate_id == "gate-1"


def risksvc(gate: TlsGate, *words: str) -> Result:
    environment = {**dict.fromkeys(name for name in os.environ if name.startswith("RISKSVC_"))}
    token = {"RISKSVC_TOKEN": TOKENS["alice"], "RISKSVC_SETTINGS": None, "RISKSVC_OPERATOR_ADDRESS": None}
    return CliRunner(env={**environment, **token}).invoke(app, list(words), prog_name="risksvc")


def test_an_operator_asks_by_the_settings_file(gate: TlsGate) -> None:
    result = risksvc(gate, "status", "--json", "--settings", str(gate.settings))
    assert '"gate-1"' in result.stdout, result.output


def test_an_operator_halts_a_gate_that_is_given_by_address(gate: TlsGate) -> None:
    target, tls = gate.endpoint("operator").target, tls_of(gate.endpoint("operator"))
    given = ("--tls-ca", str(tls.ca), "--tls-certificate", str(tls.certificate), "--tls-key", str(tls.key))
    words = ("-r", "a test", "--account", "main", "--strategy", "trend", "--gate", target)
    result = risksvc(gate, "halt", *words, "--operator-address", target, *given)
    assert result.exit_code == 0, result.output
    assert f"--operator-address {target} --tls-ca {tls.ca} --tls-certificate {tls.certificate}" in result.output
    assert [one.reason for one in gate.status().halts] == ["a test"]


# -- everybody who must not ---------------------------------------------------------------------------------------


def test_a_strategy_is_no_venue_process_and_no_operator(gate: TlsGate, order: Order) -> None:
    """Each listener lets in whom its own authority signed."""
    assert gate.answers(gate.endpoint("operator"))
    assert not gate.answers(gate.endpoint("operator", gate.own["strategy"]))


async def test_a_venue_process_with_a_strategys_certificate(gate: TlsGate) -> None:
    async with GateLink(gate.endpoint("venue", gate.own["strategy"])) as link:
        with pytest.raises(SessionEndedError, match=NOT_LET_IN):
            await link.introduce(venue_pb2.FeedRequest(hello=hello()))


async def test_a_venue_process_whose_files_are_spoilt(gate: TlsGate, tmp_path: Path) -> None:
    with pytest.raises(SessionEndedError, match=r"nothing can't be read"):
        GateLink(Endpoint(gate.endpoint("venue").target, Tls(tmp_path / "nothing")))


@pytest.mark.parametrize("tls", ["none", "without a certificate", "a stranger's", "another gate's authority"])
def test_a_strategy_that_is_not_let_in_is_denied_with_what_to_do(gate: TlsGate, tls: str, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")
    pair, trusted = stranger.sign("me"), gate.authority.file
    by = {
        "none": None,
        "without a certificate": Tls(trusted),
        "a stranger's": Tls(trusted, pair.certificate, pair.key),
        "another gate's authority": Tls(stranger.file, gate.own["strategy"].certificate, gate.own["strategy"].key),
    }[tls]
    words = "not signed by the authority that is trusted here" if "authority" in tls else NOT_LET_IN
    with RiskGate(f"127.0.0.1:{gate.ports['strategy']}", account="main", strategy="mm", tls=by) as asked:
        gate.wait_for(lambda: words in str(asked.check(**ORDER, **INTENT).denials), words)  # type: ignore[arg-type]
        decision = asked.check(**ORDER, **INTENT)  # type: ignore[arg-type]  # text in every field
    assert not decision
    assert decision.denials[0].reason in set(LocalReason)


def test_connections_that_say_nothing_or_nonsense_hold_nobody_up(
    gate: TlsGate, feed: ScriptedFeed, order: Order
) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(60):
            other = stack.enter_context(socket.create_connection(("127.0.0.1", gate.ports["strategy"]), PATIENCE))
            if number % 2:
                other.sendall(b"GET / HTTP/1.1\r\n\r\n" if number % 3 else b"\x16\x03\x01\xff\xff" + bytes(64))
        approved = strategy_pb2.OUTCOME_APPROVED
        gate.wait_for(lambda: gate.strategy.CheckOrder(order(), timeout=5).outcome == approved, "an approval")
        with secured(gate.endpoint("strategy")).channel(OPTIONS) as channel:
            grpc.channel_ready_future(channel).result(timeout=PATIENCE)


def test_an_operator_without_a_certificate_is_told_how_to_show_one(gate: TlsGate) -> None:
    target = gate.endpoint("operator").target
    result = risksvc(gate, "status", "--operator-address", target, "--tls-ca", str(gate.authority.file))
    assert result.exit_code == 3
    assert NOT_LET_IN in result.output
    assert "--tls-certificate FILE" in result.output
    spoilt = risksvc(gate, "status", "--operator-address", target, "--tls-ca", str(gate.certificate.key))
    assert spoilt.exit_code == 2
    assert "holds no certificate as PEM" in spoilt.output


# -- renewal ------------------------------------------------------------------------------------------------------


def test_a_certificate_is_renewed_while_the_gate_runs(gate: TlsGate, tmp_path: Path) -> None:
    others = Authority(tmp_path, "others")
    new, before = others.sign("new", days=30), gate.status().gate_id
    old_endpoint, new_endpoint = gate.endpoint("operator"), gate.endpoint("operator", ca=others.file)
    assert gate.answers(old_endpoint)
    gate.renew(new)
    assert gate.answers(new_endpoint)
    assert not gate.answers(old_endpoint)
    with secured(gate.endpoint("strategy", ca=others.file)).channel(OPTIONS) as channel:
        grpc.channel_ready_future(channel).result(timeout=PATIENCE)
    assert gate.status().gate_id == before  # the connection that stood, stands
    assert "listen.operator.tls: the certificate was renewed" in gate.log_text()
    # A bad file never replaces a good certificate.
    gate.certificate.key.write_text("spoilt")
    assert gate.answers(new_endpoint)
    assert "the new files are not used, the last good certificate is: " in gate.log_text()
    gate.renew(gate.authority.sign("again", days=30))
    assert gate.answers(old_endpoint)


def test_a_gate_whose_files_do_not_belong_together_does_not_start(folder: Path) -> None:
    gate = TlsGate(folder)
    gate.certificate.key.write_bytes(gate.own["venue"].key.read_bytes())
    with pytest.raises(ListenError, match=r"^listen.strategy.tls: .*gate.key is not the key of .*gate.crt; renew both"):
        found(Start(gate.settings))
    assert not (folder / "s").exists()  # nothing was begun
