"""`risksvc paper …` against a paper venue that runs: what it does there, what it says, how it ends."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from risksvc.cli.paper_events import EVENT_COMMANDS, OPTIONS
from risksvc.venue.paper import PaperConfig, PaperServer, Rules
from risksvc.venue.paper.events import EVENTS
from risksvc.venue.paper.faults import FAULTS
from tests.unit.cli.fake_gate import Cli, operator_cli

CONFIG = PaperConfig(
    prices={"BTCUSDT": Decimal(50_000)},
    # One endless step: nothing moves unless a command says so.
    rules=Rules(step_ms=24 * 3_600_000),
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A paper venue in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = PaperServer(CONFIG)
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(timeout=30)
    try:
        yield server.base_url
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(timeout=30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=30)
        loop.close()


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    return operator_cli(tmp_path, monkeypatch, address=None)


def test_a_fault_is_switched_on_shown_and_cleared(cli: Cli, url: str) -> None:
    done = cli("paper", "fault", "set", "delay", "ms=5", "--path", "/v5/order/*", "--times", "3", "--url", url)
    assert done.exit_code == 0, done.output
    assert "/v5/order/*" in done.stdout
    assert "ms=5" in done.stdout
    shown = json.loads(cli("paper", "fault", "list", "--json", "--url", url).stdout)
    (fault,) = shown["on"]
    assert (fault["name"], fault["remaining"], fault["ms"]) == ("delay", 3, 5)
    assert f"risksvc paper fault clear {fault['id']} --url {url}" in done.stdout
    assert set(shown["known"]) == set(FAULTS)
    cleared = cli("paper", "fault", "clear", str(fault["id"]), "--url", url)
    assert (cleared.exit_code, cleared.stdout) == (0, "no fault is on\n")


def test_all_faults_are_cleared_at_once(cli: Cli, url: str) -> None:
    for name in ("ws_silent", "http_error"):
        assert cli("paper", "fault", "set", name, "--account", "main", "--url", url).exit_code == 0
    assert json.loads(cli("paper", "fault", "clear", "--all", "--json", "--url", url).stdout) == {"on": []}


def test_the_list_says_what_each_fault_does(cli: Cli, url: str) -> None:
    listed = cli("paper", "fault", "list", "--url", url).stdout
    assert all(f"{name} " in listed and kind.says in listed for name, kind in FAULTS.items())


def test_a_price_is_held_moved_and_let_go(cli: Cli, url: str) -> None:
    held = cli("paper", "price", "BTCUSDT", "43210.5", "--json", "--url", url)
    assert (held.exit_code, json.loads(held.stdout)["mid"]) == (0, "43210.5")
    moving = json.loads(cli("paper", "price", "BTCUSDT", "44000", "--moving", "--json", "--url", url).stdout)
    assert (moving["mid"], moving["held"]) == ("44000", False)
    assert "held False" in cli("paper", "price", "BTCUSDT", "--let-go", "--url", url).stdout
    assert cli("paper", "price", "BTCUSDT", "50000", "--url", url).exit_code == 0


def test_the_depth_is_reshaped(cli: Cli, url: str) -> None:
    shaped = cli("paper", "depth", "ETHUSDT", "--levels", "3", "--first-notional", "1000", "--json", "--url", url)
    assert json.loads(shaped.stdout)["levels"] == {"Buy": 3, "Sell": 3}


# Each event once, in an order in which each can happen: the event, its command line, what it says.
HAPPENINGS: list[tuple[str, list[str], str]] = [
    ("fill", ["fill", "BTCUSDT", "Buy", "3", "--price", "50001"], "orderId"),
    ("order", ["order", "BTCUSDT", "Buy", "1", "--price", "30000", "--link-id", "cli"], "orderLinkId cli"),
    ("order", ["order", "BTCUSDT", "Buy", "0.01"], "orderId"),
    ("drift", ["drift", "BTCUSDT", "0.5"], "BTCUSDT"),
    ("liquidation", ["liquidate", "BTCUSDT", "--qty", "1"], "orderId"),
    ("adl", ["adl", "BTCUSDT", "--qty", "0.5", "--price", "50100"], "orderId"),
    ("funding", ["funding", "BTCUSDT", "--rate", "-0.0001"], "execType Funding"),
    ("stops", ["stops", "BTCUSDT", "--stop-loss", "30000", "--take-profit", "90000"], "orderId"),
    ("transfer", ["transfer", "USDT", "-100"], "change -100"),
    ("delivery", ["delivery", "BTCUSDT"], "orderId"),
    ("delisting", ["delisting", "ETHUSDT"], "nobody"),
    ("listing", ["listing", "NEW", "--price", "2"], "symbol NEWUSDT"),
    ("hedge", ["hedge", "true"], "hedge True"),
    ("hedge", ["hedge", "false"], "hedge False"),
]


def test_every_event_happens_by_its_command(cli: Cli, url: str) -> None:
    for event, words, says in HAPPENINGS:
        done = cli("paper", *words, "--url", url)
        assert done.exit_code == 0, f"{event}: {done.output}"
        assert says in done.stdout, event
    state = cli("paper", "state", "--url", url).stdout
    assert "flat" in state
    assert "No socket is open." in state


def test_every_event_of_the_control_api_has_a_command_that_is_tried_here() -> None:
    assert {row.event for row in EVENT_COMMANDS} == set(EVENTS) == {event for event, _, _ in HAPPENINGS}
    for row in EVENT_COMMANDS:
        assert all(field in EVENTS[row.event].says for field in row.arguments), row.event
        assert set(row.options) <= set(OPTIONS), row.event


# What is refused: the words, the exit code, what is said.
REFUSED: list[tuple[list[str], int, str]] = [
    (["fault", "set", "nothing"], 2, "known are clock_skew"),
    (["fault", "set", "delay", "ms=soon"], 2, "ms must be a whole number"),
    (["fault", "set", "delay", "ms"], 2, "'ms' is not PARAMETER=VALUE"),
    (["fault", "set", "delay", "count=1"], 2, "--times"),
    (["fault", "set", "delay", "seconds=1"], 2, "it takes ms"),
    (["fault", "set", "delay", "--times", "0"], 2, "--times"),
    (["fault", "clear"], 2, "Give their ids, or --all"),
    (["fault", "clear", "1", "--all"], 2, "Give their ids, or --all"),
    (["fault", "clear", "4711"], 2, "no fault has the id 4711"),
    (["price", "BTCUSDT"], 2, "give a VALUE, or --let-go"),
    (["price", "BTCUSDT", "1.23"], 2, "multiple of 0.1"),
    (["price", "NOSUCH", "1"], 2, "Not supported symbols"),
    (["fill", "BTCUSDT", "Up", "1"], 2, "Buy, Sell"),
    (["fill", "BTCUSDT", "Buy", "1", "--account", "nobody"], 2, "known are main"),
    (["liquidate", "LTCUSDT"], 1, "holds no LTCUSDT"),
    (["transfer", "USDT", "-99999999"], 1, "can be transferred out"),
    (["--port", "1", "state"], 2, "use --url"),
]


@pytest.mark.parametrize(("words", "code", "says"), REFUSED, ids=[" ".join(row[0]) for row in REFUSED])
def test_what_is_refused_is_one_sentence_and_an_exit_code(
    cli: Cli, url: str, *, words: list[str], code: int, says: str
) -> None:
    result = cli("paper", *words, "--url", url)
    assert (result.exit_code, result.stdout) == (code, "")
    assert says in result.stderr


@pytest.mark.parametrize("address", ["127.0.0.1:8780", "https://127.0.0.1:8780", "http://", "http://h/x", "http://h:x"])
def test_an_address_must_be_one_of_http(cli: Cli, address: str) -> None:
    result = cli("paper", "state", "--url", address)
    assert result.exit_code == 2
    assert "http://HOST:PORT is expected" in result.stderr


def test_a_venue_that_is_not_there_is_told(cli: Cli) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        result = cli("paper", "state", "--url", f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert result.exit_code == 3
    assert "no paper venue answers at" in result.stderr


def test_something_else_that_answers_is_no_paper_venue(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        answering = threading.Thread(target=answer_once, args=(listening,))
        answering.start()
        result = cli("paper", "state", "--url", f"http://127.0.0.1:{listening.getsockname()[1]}")
        answering.join(timeout=30)
    assert result.exit_code == 3
    assert "not this version's paper venue" in result.stderr


def answer_once(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
