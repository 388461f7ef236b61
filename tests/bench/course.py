"""One measurement in Python: warm-up, then as long or as many as was asked for; told as the C++ generator tells it."""

import json
import time
from dataclasses import dataclass, field
from typing import Self

from tests.bench.histogram import Histogram


@dataclass(slots=True)
class Course:
    """What a generator is asked for, and what came back so far."""

    words: dict[str, str]
    warm: int
    most: int
    seconds: float
    asked: int = 0
    answered: int = 0
    denied: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    problem: str = ""
    histogram: Histogram = field(default_factory=Histogram)
    _seen: int = 0
    _began: float = 0.0
    _ended: float = 0.0
    _cpu: float = 0.0

    @classmethod
    def of(cls, words: list[str]) -> Self:
        """From KEY=VALUE words."""
        said = dict(word.split("=", 1) for word in words)
        course = cls(said, int(said["warm"]), int(said["most"]), float(said["seconds"]))
        course._start_if_due()
        return course

    def number(self, key: str) -> int:
        return int(self.words.get(key, "0"))

    def more(self) -> bool:
        """True while more is to be asked; counts what is asked now."""
        over = self._began and (
            self.asked >= self.warm + self.most or time.perf_counter() >= self._began + self.seconds
        )
        self.asked += not over
        return not over

    def took(self, since: int, *, approved: bool, problem: str = "", failed: bool = False) -> None:
        """An answer to what was asked at `since` (perf_counter_ns)."""
        now = time.perf_counter_ns()
        counts = self._began > 0
        self._seen += 1
        self._start_if_due()
        self.denied += not approved and not failed
        if failed:
            self.failed["status"] = self.failed.get("status", 0) + 1
        if problem and not approved and not self.problem:
            self.problem = problem
        if counts and not failed:
            self.answered += 1
            self.histogram.add(now - since)
            self._ended = time.perf_counter()

    def _start_if_due(self) -> None:
        if not self._began and self._seen >= self.warm:
            self._began = self._ended = time.perf_counter()
            self._cpu = time.process_time()

    def tell(self) -> None:
        """Prints it."""
        said = {
            "asked": self.asked,
            "answered": self.answered,
            "denied": self.denied,
            "failed": self.failed,
            "seconds": self._ended - self._began,
            "cpu": time.process_time() - self._cpu,
            "problem": self.problem,
            "histogram": sorted(self.histogram.counts.items()),
        }
        print(json.dumps(said))
