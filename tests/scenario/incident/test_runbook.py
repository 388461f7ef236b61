"""The runbook's commands, every one as it stands on the page, in order, through one incident with real processes."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType

import pytest

from risksvc.cli.demo.world import TraderHandle
from risksvc.cli.runbook.pages import steps
from risksvc.client import RiskGate
from tests.scenario.incidents import IncidentWorld, an_incident_world
from tests.scenario.world import BTC

D = Decimal
_COMMAND = re.compile(r"`((?:risksvc|curl) [^`]+)`")
_CAPITALS = re.compile(r"(?<![\w$-])(ACCOUNT|INSTRUMENT|QUANTITY|STRATEGY|PROPOSAL|FLATTEN|INCIDENT|LIMITS)(?!\w)")
HELD, ROGUE = D("0.1"), D("0.01")
# Where it is not 0: something differs, or stands in the way, at that place of the story.
EXITS: Mapping[str, int] = MappingProxyType(
    {
        "risksvc reconcile --explain": 1,  # nobody has adopted the rogue fill yet
        "risksvc expect": 1,  # it is an order like any other: denied while HALTED
    }
)
BY_BOB = ("decide --course", "resume --confirm")
WITHOUT_TOKEN = ("journal show", "limits check")


@pytest.fixture(scope="module")
def world() -> Iterator[IncidentWorld]:
    with an_incident_world() as world:
        world.begin()
        world.until_open()
        yield world


class Reader:
    """Types what the page says, fills in what it leaves open, and remembers what was answered."""

    def __init__(self, world: IncidentWorld, alpha: TraderHandle) -> None:
        self.world, self.alpha = world, alpha
        self.typed: list[str] = []
        self.known = {"ACCOUNT": "main", "INSTRUMENT": BTC, "STRATEGY": "alpha", "QUANTITY": str(ROGUE)}

    def type(self, command: str) -> None:
        self.prepare(command)
        words = [_CAPITALS.sub(lambda found: self.known[found[0]], word) for word in shlex.split(command)]
        if words[0] == "curl":
            self.curl(words)
        else:
            self.command(command, words[1:])
        self.typed.append(command)

    def prepare(self, command: str) -> None:
        """What has happened in the world when somebody comes to this line."""
        if "--direct" in command:
            self.world.stop("gate")
        elif command.startswith("risksvc check-reducing"):  # it has bought once more, and the flatten is over
            self.rogue_buys()
        elif command.startswith("risksvc adopt"):
            self.correct_the_tracker()
        elif command.startswith("risksvc review"):
            self.known["INCIDENT"] = self.world.incident()["incident_id"]
        elif command.startswith("risksvc limits check"):
            self.known["LIMITS"] = str(self.world.limits)

    def correct_the_tracker(self) -> None:
        """The venue is flat, so the strategy begins anew, and says so."""
        self.world.until(lambda: not self.world.held(), "a flat venue")
        self.world.stop("alpha")
        with RiskGate(self.world.gate, account="main", strategy="alpha", strategy_version="mended") as strategy:
            strategy.wait_ready(20)
            strategy.position(BTC, 0)
            self.world.until(self.believed_flat, "a belief that is right")

    def believed_flat(self) -> bool:
        parts = self.world.exposures()[BTC].strategies
        return not any(D(one.believed_position or 0) for one in parts)

    def rogue_buys(self) -> None:
        before = self.world.positions(BTC)[0]
        self.world.hold({"BTCUSDT": str(ROGUE)})
        self.world.until(lambda: self.world.positions(BTC)[0] == before + ROGUE, "a fill that the gate has seen")

    def curl(self, words: list[str]) -> None:
        token = self.world.token_of("alice")[1]
        with open(token, encoding="utf-8") as file:  # noqa: PTH123 - a word of the command line
            secret = file.read().strip()
        filled = [
            word.replace("127.0.0.1:9464", f"127.0.0.1:{self.world.http_port}").replace("$TOKEN", secret)
            for word in words
        ]
        done = subprocess.run(
            [*filled, "--silent", "--show-error", "--fail-with-body"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "halt" in json.dumps(json.loads(done.stdout))

    def command(self, command: str, words: list[str]) -> None:
        said = " ".join(words)
        who = "bob" if said.startswith(BY_BOB) else "alice"
        token = () if said.startswith(WITHOUT_TOKEN) else self.world.token_of(who)
        done = self.world.type(*words, "--settings", str(self.world.settings), *token)
        expected = next((code for start, code in EXITS.items() if command.startswith(start)), 0)
        if command == "risksvc status":
            expected = done.returncode if self.world.halts() else 0
        assert done.returncode == expected, f"{command}: exit code {done.returncode}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        self.remember(command, done.stdout)

    def remember(self, command: str, said: str) -> None:
        """What the next lines need, and what the world does meanwhile."""
        if "--direct" in command:
            self.world.start_gate()
            self.world.until(lambda: self.world.account().feed_connected, "the venue process at the new gate")
        elif "--execute" in command:
            assert "CERTIFICATE" in said
            self.known["FLATTEN"] = self.world.flatten_id()
        elif command.startswith("risksvc check-reducing"):
            self.sell_by_hand(said)
        elif (found := re.search(r"--confirm (\S+)", said)) is not None:
            self.known["PROPOSAL"] = found[1]
            if command.startswith("risksvc adopt"):
                self.command("risksvc adopt --confirm", ["adopt", "--confirm", found[1]])

    def sell_by_hand(self, said: str) -> None:
        found = re.search(r"client order id +(\S+)", said)
        assert found is not None, said
        order = {"side": "sell", "type": "market", "quantity": str(ROGUE), "reduce_only": True}
        self.alpha.do("place", instrument=BTC, client_order_id=found[1], **order)


def page() -> list[str]:
    return _COMMAND.findall(steps())


def test_every_command_of_the_page_does_what_the_page_says(world: IncidentWorld) -> None:
    alpha = world.trader("alpha")
    order = {"side": "buy", "type": "market", "quantity": str(HELD), "intended": "0.3"}
    world.trade(alpha, instrument=BTC, **order)
    resting = {"side": "buy", "type": "limit", "quantity": "0.01", "price": "45000", "intended": "0.3"}
    world.trade(alpha, instrument=BTC, wait_fill=False, **resting)
    world.until(lambda: world.positions(BTC) == (HELD, HELD) and world.account_orders(), "a position and an order")
    reader = Reader(world, alpha)
    reader.rogue_buys()
    world.until(world.halts, "the halt that nobody explains")

    for command in page():
        reader.type(command)

    assert reader.typed == page()
    world.until_open()
    incident = world.incident()
    assert int(incident["closed_at_ns"]), "closed"
    assert incident["review"]["cost"] != "", "a number"
    assert not world.held()
    assert (world.folder / "incident.md").read_text().startswith("#")


def test_the_page_has_its_commands() -> None:
    """The pattern finds what is to be run: whatever begins with the program's name, in backquotes."""
    assert len(page()) == steps().count("`risksvc ") + steps().count("`curl ")
    assert len(page()) > 30
