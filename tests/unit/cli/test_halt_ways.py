"""Where a halt goes, what it says when nobody takes it, and that nothing that hangs holds it up."""

import os
import threading
import time
from pathlib import Path

import grpc
import pytest

from risksvc.cli.halt_paths import Tried, Way, go_all
from risksvc.gate.file_lock import lock_file
from risksvc.gate.latch import open_latch, read_latch
from risksvc.gate.operator_tokens import hash_token
from risksvc.v1 import operator_pb2
from tests.unit.cli.fake_gate import TOKEN, Cli, FakeGate

SETTINGS = """
version: 1
gate: {{id: g1, state_dir: s}}
listen: {{operator: "unix:{folder}/op.sock"}}
accounts:
  main:
    venue: {{exchange: bybit, key: {{api_key_env: K, secret_env: S}}}}
operators: [{{name: alice, token_sha256: {alice}}}]
{extra}
"""
LIMITS = "version: 1\naccounts: {main: {instruments: {BTC/USDT:USDT: }, strategies: {mm: }}}\n"


def write(folder: Path, extra: str = "") -> None:
    Path("risksvc.yaml").write_text(SETTINGS.format(folder=folder, alice=hash_token(TOKEN), extra=extra))
    Path("limits.yaml").write_text(LIMITS)


def results(document: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {path["path"]: path["result"] for path in document["paths"]}


# -- all at once ----------------------------------------------------------------------------------------------------


def test_a_way_that_hangs_or_fails_spoils_no_other() -> None:
    for_ever = threading.Event()

    def hang(way: Way) -> Tried:
        for_ever.wait()
        return way.not_needed("woken")

    def fail(_way: Way) -> Tried:
        raise ZeroDivisionError

    def take(way: Way) -> Tried:
        return Tried(way.path, way.address, taken=True, detail="")

    ways = [Way("a", "", hang), Way("b", "", fail), Way("c", "", take)]
    started = time.monotonic()
    hung, broken, taken = go_all(ways, soon=0.3, at_last=3600)
    assert time.monotonic() - started < 30
    assert (hung.taken, broken.taken, taken.taken) == (False, False, True)
    assert "no answer within" in hung.detail
    assert broken.detail == "ZeroDivisionError"
    for_ever.set()


def test_while_nobody_has_taken_it_there_is_more_patience() -> None:
    def late(way: Way) -> Tried:
        time.sleep(0.2)
        return Tried(way.path, way.address, taken=True, detail="")

    [taken] = go_all([Way("a", "", late)], soon=0.0, at_last=60)
    assert taken.taken
    [given_up] = go_all([Way("a", "", late)], soon=0.0, at_last=0.01)
    assert not given_up.taken


# -- gates ----------------------------------------------------------------------------------------------------------


def test_other_gates_of_the_settings_and_of_the_command_line(cli: Cli, gate: FakeGate, socket_folder: Path) -> None:
    answer = operator_pb2.HaltResponse(gate_id="g1", effect=operator_pb2.HALT_EFFECT_EFFECTIVE, confirmed=["g2"])
    gate.script("Halt", answer)
    write(socket_folder, extra=f"gates: {{g1: unix:{socket_folder}/op.sock, g2: unix:/nowhere/g2.sock}}")
    document = cli.json("halt", "--reason", "drill", RISKSVC_OPERATOR_ADDRESS=None)
    assert results(document) == {"gate g1": "taken", "gate g2": "failed", "redis": "not needed", "latch": "not needed"}
    assert len(gate.asked("Halt")) == 1, "the gates' own block may list this gate, too"
    named = cli.json(
        "halt", "--reason", "drill", "--gate", "unix:/nowhere/g3.sock", code=5, RISKSVC_OPERATOR_ADDRESS=None
    )
    assert named["missing"] == ["unix:/nowhere/g3.sock"]


def test_an_address_by_hand_reads_no_settings(cli: Cli, gate: FakeGate, socket_folder: Path) -> None:
    gate.script("Halt", operator_pb2.HaltResponse(effect=operator_pb2.HALT_EFFECT_EFFECTIVE))
    write(Path("/nowhere"))
    assert list(results(cli.json("halt", "--reason", "drill"))) == ["gate"]
    told = cli("halt", "--reason", "drill", "--operator-address", gate.address, RISKSVC_OPERATOR_ADDRESS=None)
    assert told.exit_code == 0


def test_a_gate_that_does_not_serve_the_account_says_nothing_against_the_halt(cli: Cli, gate: FakeGate) -> None:
    gate.details = "scope.account: 'other' is not an account of the settings file; allowed: main"
    gate.script("Halt", grpc.StatusCode.INVALID_ARGUMENT)
    result = cli("halt", "--reason", "drill", "--account", "other")
    assert result.exit_code == 2
    assert "does not serve account other" in result.stderr


def test_a_halt_id_of_another_halt_is_told_as_usage(cli: Cli, gate: FakeGate) -> None:
    gate.details = "halt_id: halt h-1 has been cleared; a new halt needs a new id"
    gate.script("Halt", grpc.StatusCode.INVALID_ARGUMENT)
    result = cli("halt", "--reason", "drill", "--halt-id", "h-1")
    assert result.exit_code == 2
    assert "has been cleared" in result.stderr


# -- without a gate -------------------------------------------------------------------------------------------------


def prepared(gate_id: str = "g1") -> Path:
    """The state folder of a gate that has run."""
    latch = Path("s") / "latch"
    open_latch(latch.absolute(), gate_id=gate_id, now=1, expected=False).close()
    return latch


def test_the_latch_of_a_gate_that_is_down_takes_it(cli_alone: Cli, socket_folder: Path) -> None:
    write(socket_folder)
    latch = prepared()
    owner = latch.stat().st_uid
    document = cli_alone.json("halt", "--reason", "drill", "--reducing")
    [halt] = read_latch(latch)[0].uncleared.values()
    assert results(document) == {"gate g1": "failed", "redis": "not needed", "latch": "taken"}
    assert halt.halt_id == document["halt_id"]
    assert (halt.state.name, halt.reason, halt.origin) == ("REDUCING", "drill", "cli")
    assert halt.by.startswith("cli:"), "without a token nobody is known"
    assert latch.stat().st_uid == owner
    named = cli_alone("halt", "--reason", "drill", RISKSVC_TOKEN=TOKEN)
    assert named.exit_code == 0
    assert "WHAT CAN STILL FILL IS NOT KNOWN" in named.stdout
    assert [halt.by for halt in read_latch(latch)[0].uncleared.values()][1:] == ["alice"]


def test_a_latch_that_was_lost_is_not_made_anew_in_silence(cli_alone: Cli, socket_folder: Path) -> None:
    write(socket_folder)
    journal = Path("s") / "journal"
    journal.mkdir(parents=True)
    (journal / "1").write_bytes(b"entries")
    cli_alone.json("halt", "--reason", "drill")
    halts = read_latch(Path("s") / "latch")[0].uncleared.values()
    assert {halt.trigger for halt in halts} == {"LATCH_MISSING", "OPERATOR"}


def test_the_latch_of_a_gate_that_runs_is_left_alone(cli_alone: Cli, socket_folder: Path) -> None:
    write(socket_folder)
    latch = prepared()
    held = lock_file(latch.with_suffix(".lock"))
    result = cli_alone("halt", "--reason", "drill")
    os.close(held)
    assert result.exit_code == 4, "the only thing that went wrong is the token"
    assert "NOT KNOWN TO BE HALTED" in result.stderr
    assert not read_latch(latch)[0].uncleared


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--account", "main", "--strategy", "nm"), "'nm' is no strategy of account main"),
        (("--account", "main", "--instrument", "BTC/USDT"), "'BTC/USDT' is no instrument of account main"),
        (("--account", "mian"), "does not serve account mian"),
    ],
)
def test_a_misspelled_name_halts_nothing_in_silence(
    cli_alone: Cli, socket_folder: Path, words: tuple[str, ...], problem: str
) -> None:
    write(socket_folder)
    latch = prepared()
    result = cli_alone("halt", "--reason", "drill", *words, RISKSVC_TOKEN=TOKEN)
    assert result.exit_code in (2, 3)
    assert problem in result.stderr
    assert not read_latch(latch)[0].uncleared


def test_a_password_in_the_stores_address_is_not_shown(cli_alone: Cli) -> None:
    words = ["--redis-url", "redis://me:hunter2@127.0.0.1:1/0", "--operator-address", "unix:/nowhere/op.sock"]
    result = cli_alone("halt", "--reason", "drill", *words)
    assert result.exit_code == 3
    assert "redis redis://127.0.0.1:1/0" in result.stderr
    assert "hunter2" not in result.output
