"""`risksvc init --store` on a real server: what it begins, restores, and refuses."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from risksvc.cli.app import app
from risksvc.core.trading_state import Halt
from risksvc.core.types import Scope, Severity, TradingState
from risksvc.gate.kill_switch.records import GLOBAL, Mark, Record
from risksvc.gate.latch import open_latch, read_latch
from tests.integration.kill_switch.real_server import KINDS, RealServer, binary_of

SETTINGS = """\
version: 1
gate: {id: gate-a, state_dir: state}
accounts:
  main:
    venue: {exchange: bybit, key: {api_key_env: K, secret_env: S}}
"""
HALT = Halt(
    "h-1",
    Scope("main"),
    TradingState.HALTED,
    Severity.P0,
    "OPERATOR",
    reason="drill",
    by="alice",
    at=1,
    origin="gate-a",
)


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[RealServer]:
    binary = binary_of(request.param)
    folder = Path(tempfile.mkdtemp(prefix="rs"))
    running = RealServer(binary, folder / "a")
    running.start()
    yield running
    running.stop()
    shutil.rmtree(folder)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the settings and the state of a gate are."""
    made = Path(tempfile.mkdtemp(prefix="rs"))
    (made / "risksvc.yaml").write_text(SETTINGS)
    yield made
    shutil.rmtree(made)


def init(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["init", "--store", "--settings", str(folder / "risksvc.yaml"), *words])


def latch(folder: Path, *records: Record) -> None:
    with open_latch(folder / "state" / "latch", gate_id="gate-a", now=1, expected=False) as opened:
        opened.write(records)


def generation(server: RealServer, namespace: str) -> str | None:
    with server.client() as client:
        found = client.hget(f"{{risksvc:{namespace}}}:meta", "generation")
    return None if found is None else str(found)


def halts(server: RealServer, namespace: str) -> list[str]:
    with server.client() as client:
        return sorted(client.hkeys(f"{{risksvc:{namespace}}}:halts"))


def test_a_new_store_begins_once(server: RealServer, folder: Path) -> None:
    first = init(folder, "--redis-url", server.url)
    begun = generation(server, GLOBAL), generation(server, "main")
    again = init(folder, "--redis-url", server.url)
    assert first.exit_code == 0, first.output
    assert first.stdout.count("created") == 2
    assert "account main" in first.stdout
    assert None not in begun
    assert again.exit_code == 0
    assert again.stdout.count("stands, nothing was changed") == 2
    assert (generation(server, GLOBAL), generation(server, "main")) == begun


def test_after_a_loss_every_latched_halt_is_back(server: RealServer, folder: Path) -> None:
    latch(folder, Mark(GLOBAL, "g0", 4), Mark("main", "g0", 7), HALT)
    result = init(folder, "--redis-url", server.url)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("restored, with the halts") == 2
    assert generation(server, "main") == "g0"
    assert halts(server, "main") == ["h-1"]


def test_another_history_is_taken_only_when_somebody_says_so(server: RealServer, folder: Path) -> None:
    init(folder, "--redis-url", server.url)
    latch(folder, Mark("main", "another", 7), HALT)
    refused = init(folder, "--redis-url", server.url)
    assert refused.exit_code == 1
    assert "IS NOT THE STORE THAT THIS GATE HAS SEEN" in refused.stdout
    assert "risksvc init --store --accept-other" in refused.stdout
    accepted = init(folder, "--redis-url", server.url, "--accept-other")
    assert accepted.exit_code == 0
    state, problem = read_latch(folder / "state" / "latch")
    assert not problem
    assert state.marks["main"].generation == generation(server, "main")
    assert list(state.halts) == ["h-1"]


def test_a_running_gate_is_not_taken_over(server: RealServer, folder: Path) -> None:
    init(folder, "--redis-url", server.url)
    latch(folder, Mark("main", "another", 7))
    with open_latch(folder / "state" / "latch", gate_id="gate-a", now=1, expected=True):
        result = init(folder, "--redis-url", server.url, "--accept-other")
    assert result.exit_code == 1
    assert "stop it first" in result.stderr


def test_the_store_of_the_settings(server: RealServer, folder: Path) -> None:
    (folder / "risksvc.yaml").write_text(f"{SETTINGS}redis: {{url: '{server.url}'}}\n")
    assert init(folder).exit_code == 0
    assert generation(server, "main")


def test_a_damaged_latch_restores_nothing(server: RealServer, folder: Path) -> None:
    latch(folder, Mark("main", "g0", 7), HALT)
    path = folder / "state" / "latch"
    path.write_bytes(path.read_bytes()[:-3])
    result = init(folder, "--redis-url", server.url)
    assert result.exit_code == 1
    assert "a halt may be missing in it" in result.stderr
    assert generation(server, "main") is None


def test_a_store_that_can_not_be_reached(folder: Path) -> None:
    result = init(folder, "--redis-url", f"unix://{folder}/none")
    assert result.exit_code == 3
    assert "Traceback" not in result.output
    private = init(folder)
    assert private.exit_code == 3
    assert "the private store runs with its gate" in private.stderr


@pytest.mark.parametrize(
    "words",
    [["--redis-url", "http://x"], ["--no-token"], ["--operator", "bob"], ["--settings", "/none.yaml"]],
    ids=["scheme", "no-token", "operator", "settings"],
)
def test_used_wrongly(folder: Path, words: list[str]) -> None:
    result = init(folder, *words)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_options_of_the_store_need_it(folder: Path) -> None:
    assert CliRunner().invoke(app, ["init", str(folder / "new"), "--redis-url", "redis://127.0.0.1"]).exit_code == 2
    assert not (folder / "new").exists()
