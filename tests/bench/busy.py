"""A gate that is kept busy with something else while it is asked: markets, limits, or a large read are loading."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from risksvc.v1 import operator_pb2
from tests.bench.gates import MeasuredGate
from tests.integration.gate.gate_process import as_

Work = Callable[[MeasuredGate], None]
PAUSE = 0.1


@dataclass(slots=True)
class Busy:
    """`work` begins anew 0.1 s after it was done, for as long as the gate is asked. `took`: seconds, one for each."""

    gate: MeasuredGate
    work: Work
    took: list[float] = field(default_factory=list)
    _problem: list[BaseException] = field(default_factory=list)

    @property
    def target(self) -> str:
        return self.gate.target

    @property
    def pid(self) -> int:
        return self.gate.pid

    @property
    def words(self) -> tuple[str, ...]:
        return self.gate.words

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Raises what went wrong with the work."""
        ending = threading.Event()
        thread = threading.Thread(target=self._until, args=(ending,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join()
        if self._problem:
            raise self._problem.pop()

    def _until(self, ending: threading.Event) -> None:
        try:
            while not ending.wait(PAUSE):
                began = time.monotonic()
                self.work(self.gate)
                self.took.append(time.monotonic() - began)
        except Exception as error:  # noqa: BLE001 - told where it was started
            self._problem.append(error)


def quiet(_: MeasuredGate) -> None:
    """Nothing."""


def markets(gate: MeasuredGate) -> None:
    """The venue comes back, and lists everything anew."""
    gate.connect(listed=gate.world.listed)
    gate.heard()


def limits(gate: MeasuredGate) -> None:
    """The limits file is read again, with one number changed."""
    text = gate.limits.read_text(encoding="utf-8")
    one, other = "max_order_notional: 1_000_000", "max_order_notional: 1_000_001"
    gate.limits.write_text(text.replace(one, other) if f"{one}\n" in text else text.replace(other, one))
    request = operator_pb2.ReloadLimitsRequest(reason="measured")
    answer = gate.operator().ReloadLimits(request, timeout=60, metadata=as_("alice"))
    if not answer.loaded or not answer.changes:
        raise RuntimeError(f"the limits were not loaded anew: {answer}")


def positions(gate: MeasuredGate) -> None:
    """A complete read with every position."""
    assert gate.venue is not None
    gate.venue.snapshot()
    gate.heard()
