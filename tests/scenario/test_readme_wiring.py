"""The five lines of the README, taken out of it and run as they stand against a real gate and a real paper venue."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

from risksvc.cli.demo.files import LIMITS
from tests.scenario.conftest import Begin
from tests.scenario.world import ScenarioWorld

README = Path(__file__).resolve().parents[2] / "README.md"
WIRING = re.compile(r"<!-- wiring -->.*?```python\n(?P<code>.*?)```.*?<!-- /wiring -->", re.DOTALL)
SOCKET = "unix:/run/risksvc/strategy.sock"
EXCHANGE = re.compile(r"ccxt\.(?:async_support\.)?bybit\(\{.*?\}\)", re.DOTALL)
PREPARED = "from risksvc.cli.demo.trader import paper_exchange\n"
STATEMENTS = 5
RETRIES = 2


def code_block() -> str:
    found = WIRING.search(README.read_text())
    assert found is not None, "README.md has no python block between <!-- wiring --> and <!-- /wiring -->"
    return found["code"]


def wired(code: str, world: ScenarioWorld) -> str:
    """The block with this world's addresses: only the socket and the exchange object are replaced."""
    assert code.count(SOCKET) == 1
    exchange = f"paper_exchange({world.venue_url!r}, key='paper-trade', secret='paper-trade-secret')"
    code, replaced = EXCHANGE.subn(lambda _: exchange, code)
    assert replaced == 1, "the block builds no ccxt.bybit({...})"
    return PREPARED + code.replace(SOCKET, world.gate)


def strategy_of(code: str) -> str:
    found = re.search(r"strategy=\"([^\"]+)\"", code)
    assert found is not None
    return found[1]


def run(script: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(README.parent)},
    )


def test_it_is_five_lines() -> None:
    """Not counting the import of ccxt, which the strategy has already."""
    statements = [ast.unparse(one) for one in ast.parse(code_block()).body]
    assert len([one for one in statements if one != "import ccxt"]) <= STATEMENTS


def test_the_readmes_strategy_places_its_order(new_world: Begin) -> None:
    code = code_block()
    strategy = strategy_of(code)
    with new_world(limits=LIMITS.replace("      beta:\n", f"      {strategy}:\n")) as world:
        world.begin_open()
        script = world.folder / "strategy.py"
        script.write_text(wired(code, world))
        done = run(script)
        for _ in range(RETRIES):  # a machine that stalls for longer than the lease is denied for a moment, rightly
            if "KILL_SWITCH_UNREACHABLE" in done.stderr:
                done = run(script)
        assert done.returncode == 0, done.stderr
        seen = world.at_venue()
        assert seen["open_orders"] + seen["closed_orders"] == 1, "one order, sent once"
        world.until(world.agree, "agreement")
        owners = {one.order.strategy for one in world.reservations()}
        held = {part.strategy for one in world.exposures().values() for part in one.strategies}
        assert owners | held == {strategy}
        assert not world.halts()
