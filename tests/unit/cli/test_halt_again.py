"""What a person types after a halt: the same halt by the same ways, no password, and what works without a gate."""

import shlex
from pathlib import Path

import pytest

from risksvc.cli.halt_again import again, again_elsewhere, url_without_password
from risksvc.cli.halt_ways import Told
from risksvc.v1 import types_pb2
from risksvc.v1.operator_pb2 import HALT_EFFECT_EFFECTIVE, HALT_EFFECT_LATCHED, HaltRequest, HaltResponse
from tests.unit.cli.fake_gate import TOKEN, Cli, FakeGate
from tests.unit.cli.test_halt_ways import prepared, write

REQUEST = HaltRequest(reason="it's odd", halt_id="h-1", state=types_pb2.TRADING_STATE_HALTED)
BROKEN = 'version: 1\nlisten: {{operator: "unix:{folder}/op.sock"}}\nacounts: {{}}\n'


# -- the same halt --------------------------------------------------------------------------------------------------


def test_every_way_is_repeated() -> None:
    told = Told("unix:/op", Path("a.yaml"), Path("token"), ("unix:/g2", "unix:/g3"), "redis://127.0.0.1:1/3")
    hint = again(REQUEST, told, "again")
    assert hint.purpose == "again"
    assert shlex.split(hint.command) == [
        *["risksvc", "halt", "--reason", "it's odd", "--halt-id", "h-1"],
        *["--gate", "unix:/g2", "--gate", "unix:/g3", "--redis-url", "redis://127.0.0.1:1/3"],
        *["--operator-address", "unix:/op", "--settings", "a.yaml", "--token-file", "token"],
    ]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://127.0.0.1:1/0?replicas=1", "redis://127.0.0.1:1/0?replicas=1"),
        ("redis://me@127.0.0.1", "redis://me@127.0.0.1"),
        ("redis://me:hunter2@127.0.0.1:1/0?replicas=1", "redis://me@127.0.0.1:1/0?replicas=1"),
        ("redis://:hunter2@127.0.0.1", "redis://127.0.0.1"),
        ("redis://me:p@hunter2@127.0.0.1", "redis://me@127.0.0.1"),
        ("unix:///run/redis.sock?db=1&password=hunter2", "unix:///run/redis.sock?db=1"),
        ("redis+sentinel://me:hunter2@a:1,b:2,c:3/main", "redis+sentinel://me@a:1,b:2,c:3/main"),
    ],
)
def test_a_password_is_left_out_and_that_is_said(url: str, shown: str) -> None:
    assert url_without_password(url) == shown
    hint = again(REQUEST, Told(redis_url=url), "again")
    assert shlex.quote(shown) in hint.command
    assert "hunter2" not in f"{hint}"
    assert ("put the password back" in hint.purpose) == (url != shown)


def test_what_is_no_url_is_not_repeated(cli_alone: Cli) -> None:
    hint = again(REQUEST, Told(redis_url="redis://[hunter2"), "again")
    assert "--redis-url" not in hint.command
    assert "is no URL" in hint.purpose
    words = ("--redis-url", "redis://[hunter2", "--operator-address", "unix:/nowhere/op.sock")
    result = cli_alone("halt", "--reason", "drill", *words)
    assert result.exit_code in (2, 3)
    assert "NOT KNOWN TO BE HALTED" in result.stderr


def test_elsewhere_names_no_settings_that_are_broken() -> None:
    commands = [hint.command for hint in again_elsewhere(REQUEST, Told(settings=Path("broken.yaml")))]
    assert [command.split()[-2:] for command in commands] == [["--settings", "PATH"], ["--redis-url", "URL"]]
    assert not any("broken.yaml" in command for command in commands)


def test_nobody_took_it(cli_alone: Cli) -> None:
    words = ("--gate", "unix:/nowhere/g2.sock", "--redis-url", "redis://me:hunter2@127.0.0.1:1/0")
    result = cli_alone("halt", "--reason", "drill", "--operator-address", "unix:/nowhere/op.sock", *words)
    [line] = [line for line in result.stderr.splitlines() if "--halt-id" in line]
    assert "--gate unix:/nowhere/g2.sock --redis-url redis://me@127.0.0.1:1/0" in line
    assert "--operator-address unix:/nowhere/op.sock" in line
    assert "repeats this halt" in line
    assert "put the password back" in line
    assert "hunter2" not in result.output


def test_latched_repeats_every_way_too(cli: Cli, gate: FakeGate) -> None:
    gate.script("Halt", HaltResponse(effect=HALT_EFFECT_LATCHED, missing=["g2"]))
    result = cli("halt", "--reason", "drill", "--gate", "unix:/nowhere/g2.sock")
    [line] = [line for line in result.stdout.splitlines() if "says who still lacks it" in line]
    assert "--gate unix:/nowhere/g2.sock" in line
    assert "risksvc serve" not in result.stdout, "a gate answers"


def test_the_same_halt_asks_its_own_gate_again_not_the_one_that_answered(cli: Cli, gate: FakeGate) -> None:
    gate.script("Halt", HaltResponse(effect=HALT_EFFECT_LATCHED, missing=["g1"]))
    words = ("--operator-address", "unix:/nowhere/g1.sock", "--gate", gate.address)
    lines = cli("halt", "--reason", "drill", *words).stdout.splitlines()
    [again_line] = [line for line in lines if "says who still lacks it" in line]
    [status] = [line for line in lines if "risksvc status" in line]
    assert "--operator-address unix:/nowhere/g1.sock" in again_line
    assert f"--operator-address {gate.address}" in status


def test_a_misspelled_gate_stops_no_other_way(cli: Cli, gate: FakeGate) -> None:
    gate.script("Halt", HaltResponse(gate_id="g1", effect=HALT_EFFECT_EFFECTIVE))
    document = cli.json("halt", "--reason", "drill", "--gate", "g2.example:1", code=5)
    assert document["missing"] == ["g2.example:1"]
    assert "is not on this machine" in document["paths"][1]["detail"]


# -- no gate answered -----------------------------------------------------------------------------------------------


def test_after_the_latch_alone_the_gate_is_started_first(cli_alone: Cli, socket_folder: Path) -> None:
    write(socket_folder)
    prepared()
    result = cli_alone("halt", "--reason", "drill", "--settings", "risksvc.yaml")
    lines = result.stdout.partition("Next:")[2].splitlines()
    suggested = [line for line in lines if line.strip()]
    assert "look there, and cancel there" in suggested[0]
    assert "risksvc serve --settings risksvc.yaml" in suggested[1]
    assert "comes back halted" in suggested[1]
    assert "risksvc assess --direct" in suggested[2]


# -- no settings file, or a broken one ------------------------------------------------------------------------------


def test_without_a_settings_file_nothing_is_halted(cli_alone: Cli) -> None:
    result = cli_alone("halt", "--reason", "drill", RISKSVC_TOKEN=TOKEN)
    assert result.exit_code == 2
    assert "NOT KNOWN TO BE HALTED: halt op-" in result.stderr
    for words in ("there is no settings file", "--settings PATH", "--redis-url URL", "not Redis, not the latch"):
        assert words in result.stderr, words


def test_a_settings_file_that_says_nothing_is_told_with_its_mistakes(cli_alone: Cli) -> None:
    Path("risksvc.yaml").write_text("version: [\n")
    result = cli_alone("halt", "--reason", "drill", RISKSVC_TOKEN=TOKEN)
    assert result.exit_code == 2
    assert "NOT KNOWN TO BE HALTED" in result.stderr
    assert "risksvc.yaml:" in result.stderr, "where the mistake is"
    assert "not Redis, not the latch" in result.stderr


def test_a_broken_settings_file_is_told_where_its_gate_still_takes_the_halt(
    cli: Cli, gate: FakeGate, socket_folder: Path
) -> None:
    gate.script("Halt", HaltResponse(effect=HALT_EFFECT_LATCHED, missing=["redis"]))
    Path("risksvc.yaml").write_text(BROKEN.format(folder=socket_folder))
    result = cli("halt", "--reason", "drill", RISKSVC_OPERATOR_ADDRESS=None)
    assert result.exit_code == 5
    assert "acounts" in result.stderr, "the mistake itself"
    assert result.stdout.count("not tried: the settings file risksvc.yaml can't be used") == 2
    by_environment = cli("halt", "--reason", "drill", RISKSVC_SETTINGS="risksvc.yaml")
    assert "acounts" in by_environment.stderr
    by_hand = cli("halt", "--reason", "drill", "--operator-address", gate.address, "--settings", "risksvc.yaml")
    assert "acounts" in by_hand.stderr


# -- for programs ---------------------------------------------------------------------------------------------------


def test_a_failure_is_a_document_too(cli: Cli) -> None:
    halt = ("halt", "--reason", "drill", "--halt-id", "h-1")
    words = (*halt, "--operator-address", "unix:/nowhere/op.sock")
    document = cli.json(*words, code=3)
    assert (document["halt_id"], document["effect"]) == ("h-1", None)
    assert document["can_still_fill_known"] is False
    assert [path["result"] for path in document["paths"]] == ["failed"]
    assert cli.json(*words, "--cancel", code=3) == {"halt": document, "cancel_all": None}
    nowhere = cli.json(*halt, code=2, RISKSVC_OPERATOR_ADDRESS=None)
    assert (nowhere["halt_id"], nowhere["effect"], nowhere["paths"]) == ("h-1", None, [])
