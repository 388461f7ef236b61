"""One measurement: how CheckOrder is asked, what came back. The C++ generator where it is built, else one in Python."""

import itertools
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.bench.histogram import Histogram
from tests.bench.processes import module, processor_seconds, told

MOST_PER_SECOND = 20_000
TOOLS = Path(__file__).resolve().parents[2] / ".bench"


class Target(Protocol):
    """What can be asked."""

    @property
    def target(self) -> str: ...

    @property
    def pid(self) -> int: ...

    @property
    def words(self) -> tuple[str, ...]:
        """What a generator must be told besides: whose certificate to trust."""
        ...


@dataclass(frozen=True, slots=True)
class Load:
    """How it is asked. `rate` 0: as answers come. `most` 0: as many as can soon be proven over."""

    mode: str = "unary"
    inflight: int = 1
    channels: int = 1
    rate: int = 0
    instruments: int = 10
    strategies: int = 1
    most: int = 0
    warm: int = 200
    by: str = "generator"  # or a client of ours: see tests.bench.clients
    words: tuple[str, ...] = field(default=())

    def arguments(self, target: str, *, prefix: str, seconds: float) -> list[str]:
        named = ("mode", "inflight", "channels", "rate", "instruments", "strategies", "warm")
        return [
            f"target={target}",
            f"prefix={prefix}",
            f"seconds={seconds}",
            f"most={self.most or int(MOST_PER_SECOND * seconds)}",
            *(f"{name}={getattr(self, name)}" for name in named),
            *self.words,
        ]


_PREFIXES = itertools.count(1)


def new_prefix() -> str:
    """Of ids that no gate has seen."""
    return f"b{next(_PREFIXES)}-{time.time_ns() // 1_000_000 % 100_000_000}"


ONE = Load()
EIGHT = Load(inflight=8)
SIXTY_FOUR = Load(inflight=64, channels=2, warm=500)  # two connections: a gate takes 32 calls at once on each
PING = Load(mode="stream")
PIPELINE = Load(mode="stream", inflight=64, warm=500)
BATCH = Load(mode="batch", most=200, warm=5)  # counted in batches of 100


@dataclass(frozen=True, slots=True)
class Measured:
    """What one cell gave: latencies in microseconds, orders each second, processor of both sides."""

    p50: float
    p99: float
    p999: float
    longest: float
    rate: float
    server_us: float
    generator_cores: float
    answered: int
    asked: int
    denied: int
    failed: int
    problem: str

    @property
    def good(self) -> bool:
        """Every answer was an approval."""
        return not self.denied and not self.failed


def generator() -> tuple[str, list[str]]:
    """Its name, and how it is started."""
    built = TOOLS / "load"
    return ("C++", [str(built)]) if built.exists() else ("Python", module("tests.bench.generator"))


def ask(server: Target, load: Load, *, prefix: str, seconds: float) -> Measured:
    """Runs one cell. The server's processor time is that of the whole call, warm-up included."""
    words = generator()[1] if load.by == "generator" else module("tests.bench.clients", load.by)
    before = processor_seconds(server.pid)
    said = told([*words, *load.arguments(server.target, prefix=prefix, seconds=seconds), *server.words])
    used = processor_seconds(server.pid) - before
    return _measured(json.loads(said), server_seconds=used)


def _measured(
    said: dict[str, "float | str | dict[str, int] | list[tuple[int, int]]"], *, server_seconds: float
) -> Measured:
    histogram = Histogram(said["histogram"])  # type: ignore[arg-type]  # JSON
    failed, asked = sum(said["failed"].values()), int(said["asked"])  # type: ignore[union-attr,arg-type]
    if not histogram.total:
        raise RuntimeError(f"nothing was answered: {said['problem']}; failed {said['failed']}, denied {said['denied']}")
    seconds = float(said["seconds"])  # type: ignore[arg-type]
    return Measured(
        p50=histogram.percentile(50),
        p99=histogram.percentile(99),
        p999=histogram.percentile(99.9),
        longest=histogram.percentile(100),
        rate=float(said["answered"]) / seconds,  # type: ignore[arg-type]
        server_us=server_seconds / max(1, asked) * 1e6,
        generator_cores=float(said["cpu"]) / seconds,  # type: ignore[arg-type]
        answered=int(said["answered"]),  # type: ignore[arg-type]
        asked=asked,
        denied=int(said["denied"]),  # type: ignore[arg-type]
        failed=failed,
        problem=str(said["problem"]),
    )
