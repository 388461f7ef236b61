"""Gates behind TLS: by options, by the environment, by the settings file; and what is said when it can't work."""

from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc
import pytest

from risksvc.cli.tls_options import tls_words
from risksvc.gate.operator_tokens import hash_token
from risksvc.tls.endpoint import Tls
from risksvc.v1 import operator_pb2
from tests.certificates import Authority, Certificate
from tests.unit.cli.fake_gate import TOKEN, Cli, FakeGate, handlers
from tests.unit.cli.test_processes import SETTINGS, stand_in

OK = operator_pb2.GetStatusResponse(ready=True)
TAKEN = operator_pb2.HaltResponse(gate_id="g1", effect=operator_pb2.HALT_EFFECT_EFFECTIVE)
FILE = """
version: 1
gate: {{id: g1, state_dir: s}}
listen: {{operator: {{address: "{gate}", tls: {{certificate: gate.crt, key: gate.key}}}}}}
accounts: {{main: {{venue: {{exchange: bybit, key: {{api_key_env: K, secret_env: S}}}}}}}}
operators: [{{name: alice, token_sha256: {alice}}}]
{extra}
"""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ca")


@pytest.fixture
def pair(authority: Authority) -> Certificate:
    return authority.sign("gate")


@pytest.fixture
def gate(pair: Certificate) -> Iterator[FakeGate]:
    """A gate on a port with TLS; its operators need no certificate."""
    with futures.ThreadPoolExecutor(max_workers=4) as pool:
        server = grpc.server(pool, options=(("grpc.so_reuseport", 0),))
        own = [(pair.key.read_bytes(), pair.certificate.read_bytes())]
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(own))
        fake = FakeGate(f"127.0.0.1:{port}")
        server.add_generic_rpc_handlers(handlers(fake))
        server.start()
        fake.script("GetStatus", OK)
        fake.script("Halt", TAKEN)
        yield fake
        server.stop(grace=0).wait()


def write(gate: FakeGate, pair: Certificate, extra: str = "") -> None:
    """A settings file whose operators' listener is this gate's port."""
    for name, path in (("gate.crt", pair.certificate), ("gate.key", pair.key)):
        Path(name).symlink_to(path)
    Path("limits.yaml").write_text("version: 1\naccounts: {main: {}}\n")
    Path("risksvc.yaml").write_text(FILE.format(gate=gate.address, alice=hash_token(TOKEN), extra=extra))


# -- by options and by the environment ----------------------------------------------------------------------------


def test_a_gate_is_asked_by_options(cli: Cli, gate: FakeGate, authority: Authority) -> None:
    result = cli("status", "--operator-address", gate.address, "--tls-ca", str(authority.file))
    assert result.exit_code == 0, result.output
    assert gate.credentials == [f"Bearer {TOKEN}"] * len(gate.credentials)


def test_a_gate_is_asked_by_the_environment(cli: Cli, authority: Authority) -> None:
    assert cli("status", RISKSVC_TLS_CA=str(authority.file)).exit_code == 0


def test_what_is_suggested_reaches_the_same_gate(cli: Cli, gate: FakeGate, authority: Authority) -> None:
    gate.script("GetStatus", operator_pb2.GetStatusResponse(ready=False))
    words = ("--operator-address", gate.address, "--tls-ca", str(authority.file), "--tls-server-name", "127.0.0.1")
    halted = cli("halt", "--reason", "drill", *words)
    assert f"risksvc status {' '.join(words)}" in halted.output


def test_a_token_is_never_sent_in_clear_text(cli: Cli, gate: FakeGate) -> None:
    asked = cli("status")
    assert asked.exit_code == 3
    assert "what listens there speaks TLS and this side does not" in asked.stderr
    assert not gate.credentials
    away = cli("status", "--operator-address", "gate.example:5000")
    assert away.exit_code == 2
    assert "the token would travel in clear text. Allowed: a unix socket, a loopback address, or TLS" in away.stderr
    assert "--tls-ca FILE" in away.stderr


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--tls-certificate", "a", "--tls-key", "b"), "--tls-certificate, --tls-key needs --tls-ca"),
        (("--tls-ca", "ca", "--tls-key", "b"), "tls.key: needs tls.certificate beside it"),
        (("--tls-ca", "ca", "--tls-server-name", "a b"), "tls.server_name: 'a b' is neither a host's name"),
        (("--tls-ca", "nothing"), "can't be asked: nothing can't be read: No such file or directory"),
    ],
)
def test_what_can_not_be_meant(cli: Cli, words: tuple[str, ...], problem: str) -> None:
    result = cli("status", *words)
    assert result.exit_code == 2
    assert problem in result.stderr


def test_the_options_of_a_gate_that_the_settings_name() -> None:
    assert tls_words(Tls("ca", server_name="gate-1")) == ("--tls-ca", "ca", "--tls-server-name", "gate-1")
    assert tls_words(Tls("ca", "c", "k")) == ("--tls-ca", "ca", "--tls-certificate", "c", "--tls-key", "k")
    assert tls_words() == ()


# -- by the settings file -----------------------------------------------------------------------------------------


def test_on_its_own_machine_a_gate_is_trusted_by_its_certificate(cli: Cli, gate: FakeGate, pair: Certificate) -> None:
    write(gate, pair)
    assert cli("status", RISKSVC_OPERATOR_ADDRESS=None).exit_code == 0


def test_a_file_with_mistakes_still_says_how_to_reach_its_gate(cli: Cli, gate: FakeGate, pair: Certificate) -> None:
    write(gate, pair, extra="nonsense: 1")
    result = cli("status", RISKSVC_OPERATOR_ADDRESS=None)
    assert result.exit_code == 0
    assert f"asking the gate at {gate.address}, which it names" in result.stderr


def test_a_halt_goes_to_the_other_gates_of_the_settings_by_tls(
    cli: Cli, gate: FakeGate, pair: Certificate, authority: Authority
) -> None:
    port = gate.address.rpartition(":")[2]
    other = f"gates: {{g2: {{address: 'localhost:{port}', tls: {{ca: {authority.file}, server_name: 127.0.0.1}}}}}}"
    write(gate, pair, extra=other)
    document = cli.json("halt", "--reason", "drill", RISKSVC_OPERATOR_ADDRESS=None)
    assert [one["result"] for one in document["paths"]][:2] == ["taken", "taken"]
    assert len(gate.asked("Halt")) == 2


def test_an_option_that_is_wrong_stops_no_other_way_of_a_halt(cli: Cli, gate: FakeGate, pair: Certificate) -> None:
    port = gate.address.rpartition(":")[2]
    write(
        gate,
        pair,
        extra=f"gates: {{g2: {{address: 'localhost:{port}', tls: {{ca: gate.crt, server_name: 127.0.0.1}}}}}}",
    )
    document = cli.json("halt", "--reason", "drill", "--tls-key", "k", code=5, RISKSVC_OPERATOR_ADDRESS=None)
    assert [one["result"] for one in document["paths"]][:2] == ["failed", "taken"]
    assert "needs --tls-ca" in document["paths"][0]["detail"]


# -- the venue process --------------------------------------------------------------------------------------------


def test_the_venue_process_gets_what_the_settings_say(
    cli_alone: Cli, monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    entry = stand_in(monkeypatch, "risksvc.venue.feed", "run_venue")
    own = authority.sign("venue")
    files = f"{{ca: {authority.file}, certificate: {own.certificate}, key: {own.key}, server_name: gate-1}}"
    Path("risksvc.yaml").write_text(f"{SETTINGS}connect: {{venue: {{address: 'gate-1:7445', tls: {files}}}}}\n")
    key = Path("key")
    key.write_text("the-key\n")
    key.chmod(0o600)
    assert cli_alone("venue", THE_SECRET="hush", THE_UID="7").exit_code == 0
    [((config,), _)] = entry.calls
    assert config.gate_target == "gate-1:7445"
    assert config.gate_tls == Tls(authority.file, own.certificate, own.key, "gate-1")
    own.key.chmod(0o644)
    refused = cli_alone("venue", THE_SECRET="hush", THE_UID="7")
    assert refused.exit_code == 2
    assert "risksvc.yaml: connect.venue.tls: every user of this machine has access to" in refused.stderr
