"""What a part of the soak found: figures, bars, and what broke a bar.

A bar has a value, what it may be at most (or must be at least), and holds or does not. Figures are for people.
"""

import math
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

Figure = int | float | str

_SHOWN = 12


@dataclass(slots=True)
class Bar:
    """One bar. `at_least`: the limit is from below."""

    name: str
    value: float
    limit: float
    unit: str = ""
    at_least: bool = False

    @property
    def holds(self) -> bool:
        if math.isnan(self.value):
            return False
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        value = f"{self.value:g}" if float(self.value).is_integer() else f"{self.value:.2f}"
        return f"{'ok    ' if self.holds else 'MISSED'} {self.name:<58} {value:>10} {sign} {self.limit:g} {self.unit}"


@dataclass(slots=True)
class Verdict:
    """One part. `broken`: what a bar of 0 counts, in words; `problems`: the part could not be measured."""

    name: str
    bars: list[Bar] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        return not self.problems and bool(self.bars) and all(bar.holds for bar in self.bars)

    def most(self, name: str, value: float, limit: float, unit: str = "") -> None:
        """A bar from above."""
        self.bars.append(Bar(name, float(value), float(limit), unit))

    def least(self, name: str, value: float, limit: float, unit: str = "") -> None:
        """A bar from below."""
        self.bars.append(Bar(name, float(value), float(limit), unit, at_least=True))

    def spread(self, name: str, values: Sequence[float], unit: str = "") -> dict[str, float]:
        """Enters a distribution as a figure."""
        found = percentiles(values)
        text = ", ".join(f"{key} {value:g}" for key, value in found.items())
        self.figures[name] = f"{text}{f' {unit}' if unit else ''} (n {len(values)})"
        return found

    def breaks(self, text: str) -> None:
        """What broke a bar, in words."""
        self.broken.append(text)

    def lines(self) -> Iterator[str]:
        """How it is printed."""
        yield f"{self.name} ({self.seconds:.0f} s)"
        yield from (f"  {bar}" for bar in self.bars)
        yield from (f"         {name}: {value}" for name, value in self.figures.items())
        yield from (f"  BROKEN {text}" for text in self.broken[:_SHOWN])
        if len(self.broken) > _SHOWN:
            yield f"  ...    {len(self.broken) - _SHOWN} more"
        yield from (f"  FAILED {text}" for text in self.problems)


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """min, p50, p95, max, to a hundredth; NaN where there is nothing."""
    if not values:
        return dict.fromkeys(("min", "p50", "p95", "max"), math.nan)
    ordered = sorted(values)
    found = {
        "min": ordered[0],
        "p50": statistics.median(ordered),
        "p95": percentile(ordered, 0.95),
        "max": ordered[-1],
    }
    return {name: round(value, 2) for name, value in found.items()}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


@contextmanager
def timed(verdict: Verdict) -> Iterator[Verdict]:
    """Times a part; whatever goes wrong in it is a problem of the part, and the next one goes on."""
    began = time.monotonic()
    try:
        yield verdict
    except Exception as error:  # noqa: BLE001 - a part that can't be run is a failure like any other
        said = "\n".join((f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())))
        verdict.problems.append(said[:4_000])
    verdict.seconds = time.monotonic() - began
