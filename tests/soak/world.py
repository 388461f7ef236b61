"""The world of the soak: the scenario tests' real processes, over as many instruments as are asked for.

The paper venue lists `listed` instruments, the limits file names `traded` of them: five that the market maker quotes,
then synthetic ones. Metrics are read as Prometheus reads them.
"""

import re
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from risksvc.cli.demo import world as demo_world
from risksvc.cli.demo.world import PRICES
from tests.scenario.world import BTC, DOGE, ETH, SOL, XRP, ScenarioWorld

QUOTED = (BTC, ETH, SOL, XRP, DOGE)
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? ([^ ]+)$")
_LABEL = re.compile(r'(\w+)="([^"]*)"')

LIMITS = """\
version: 1
currency: USD
rates: {{USDT: 1}}
defaults: {{max_net_exposure: {most}, max_total_exposure: {total}, band: 150}}
accounts:
  main:
    instruments:
{instruments}
    strategies:
      maker:
        max_orders_per_second: 200
        instruments:
          BTC/USDT:USDT: {{max_intended: 0.4}}
          ETH/USDT:USDT: {{max_intended: 8}}
          SOL/USDT:USDT: {{max_intended: 140}}
          XRP/USDT:USDT: {{max_intended: 40_000}}
          DOGE/USDT:USDT: {{max_intended: 200_000}}
      taker:
        max_orders_per_second: 100
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a world is like. `settings`: lines of the account in the settings file; `most`, `total`: limits in USD."""

    traded: int = 3
    listed: int = 8
    settings: str = ""
    most: int = 60_000
    total: int = 600_000

    @property
    def symbols(self) -> tuple[str, ...]:
        synthetic = tuple(f"X{number:04}/USDT:USDT" for number in range(max(0, self.traded - len(QUOTED))))
        return (*QUOTED, *synthetic)[: max(self.traded, 1)]


class SoakWorld(ScenarioWorld):
    """The scenario's world in another shape."""

    def __init__(self, folder: Path, shape: Shape) -> None:
        instruments = "\n".join(f"      {one}:" for one in dict.fromkeys((*QUOTED, *shape.symbols)))
        limits = LIMITS.format(instruments=instruments, most=shape.most, total=shape.total)
        super().__init__(folder, settings=shape.settings, limits=limits)
        self.shape = shape

    def _start_paper(self) -> None:
        synthetic = max(0, self.shape.listed - len(PRICES) - 2)
        paper = self._start("paper", *demo_world._CLI, "paper", "--port", "0", "--synthetic", str(synthetic), piped=True)
        said = demo_world._piped(paper.stdout)
        self.venue_url = said.readline().split()[-1]
        demo_world.swallow(said)
        for symbol, price in PRICES.items():
            self.paper("price", symbol=symbol, price=price)
