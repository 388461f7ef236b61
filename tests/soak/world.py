"""The world of the soak: the scenario tests' real processes, over as many instruments as are asked for.

The paper venue lists `listed` instruments; the limits file names `traded` of them: five that the market maker quotes,
then synthetic ones. Metrics are read where Prometheus reads them, the truth where only the paper venue knows it.
"""

import re
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from risksvc.venue.paper import DEFAULT_INSTRUMENTS
from tests.scenario.world import BTC, DOGE, ETH, SOL, XRP, ScenarioWorld

QUOTED = (BTC, ETH, SOL, XRP, DOGE)
DEFAULT_LISTED = len(DEFAULT_INSTRUMENTS)
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
    """What a world is like. `settings`: lines of its account; `positions`: cadence; `most`, `total`: limits in USD.

    `stream`: the venue process follows the private stream.
    """

    traded: int = 3
    stream: bool = True
    listed: int = DEFAULT_LISTED
    positions: str = "1s"
    settings: str = ""
    most: int = 60_000
    total: int = 900_000

    @property
    def symbols(self) -> tuple[str, ...]:
        """The instruments that the taker trades."""
        synthetic = (f"X{number:04}/USDT:USDT" for number in range(self.traded - len(QUOTED)))
        return (*QUOTED[: self.traded], *synthetic)


class SoakWorld(ScenarioWorld):
    """The scenario's world in another shape."""

    def __init__(self, folder: Path, shape: Shape) -> None:
        named = "\n".join(f"      {one}:" for one in dict.fromkeys((*QUOTED, *shape.symbols)))
        limits = LIMITS.format(instruments=named, most=shape.most, total=shape.total)
        super().__init__(folder, settings=shape.settings, limits=limits)
        self.shape = shape
        listed = max(shape.listed, DEFAULT_LISTED + shape.traded - len(QUOTED))
        self.paper_options = ("--synthetic", str(listed - DEFAULT_LISTED))

    def _write_files(self) -> None:
        super()._write_files()
        text = self.settings.read_text()
        text = text.replace("positions: 1s", f"positions: {self.shape.positions}")
        if not self.shape.stream:
            text = text.replace("exchange: bybit\n", "exchange: bybit\n      stream: false\n")
        self.settings.write_text(text)

    def pid(self, name: str) -> int:
        """The process that was started under a name."""
        return self._running[name].pid

    def metrics(self) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
        """Every sample of /metrics, by name, then by labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        for line in text.splitlines():
            sample = _SAMPLE.match(line)
            if sample is not None:
                labels = tuple(_LABEL.findall(sample[2] or ""))
                found.setdefault(sample[1], {})[labels] = float(sample[3])
        return found

    def notices(self) -> Counter[str]:
        """How often what was told, as "KIND CLASS"."""
        samples = self.metrics().get("risksvc_notices_total", {})
        return Counter(
            {f"{dict(labels)['kind']} {dict(labels)['name']}": int(count) for labels, count in samples.items()}
        )

    def truth(self) -> dict[str, Decimal]:
        """What is really held, by instrument, as nobody but the venue knows it."""
        return {
            unified(symbol): Decimal(size) for symbol, size in self.at_venue()["positions"].items() if Decimal(size)
        }


def unified(symbol: str) -> str:
    """The paper venue's name for a USDT perpetual, as strategies write it."""
    return f"{symbol.removesuffix('USDT')}/USDT:USDT"


@contextmanager
def soak_world(shape: Shape) -> Iterator[SoakWorld]:
    """A world in a folder of its own, open for orders; everything in it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="rs") as folder, SoakWorld(Path(folder), shape) as world:
        try:
            world.begin_open()
            yield world
        except Exception as error:
            error.add_note(world.last_words()[-3_000:])
            raise
