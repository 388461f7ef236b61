"""The network of the model: what carries requests and messages, and loses, delays, repeats them.

A link is named by its two ends. Everything random comes from the seed's own generator. Losing a reply is not losing a
request: each way has its own cut.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from risksvc.core.types import MILLISECOND
from tests.simulation.virtual_time import Process, Scheduler


@dataclass(slots=True)
class Link:
    """One way from one end to another; delays in nanoseconds. `loss`: the share of messages that never arrive."""

    shortest: int = 100_000
    longest: int = 2 * MILLISECOND
    cut: bool = False
    loss: float = 0.0
    repeats: float = 0.0


class Network:
    """All links. One that nobody has touched is quick and whole."""

    def __init__(self, scheduler: Scheduler, rng: Random) -> None:
        self.scheduler = scheduler
        self.rng = rng
        self._links: dict[tuple[str, str], Link] = {}

    def link(self, source: str, target: str) -> Link:
        found = self._links.get((source, target))
        if found is None:
            found = self._links[source, target] = Link()
        return found

    def links_to(self, target: str) -> list[Link]:
        return [link for (_, end), link in self._links.items() if end == target]

    def heal(self) -> None:
        self._links.clear()

    def send(
        self, source: str, target: str, act: Callable[..., object], *arguments: object, process: Process | None = None
    ) -> None:
        """Carries one message, or doesn't; `process`: where it is handled."""
        link = self.link(source, target)
        random = self.rng.random
        if link.cut or (link.loss and random() < link.loss):
            return
        now = self.scheduler.now
        delay = link.shortest + int((link.longest - link.shortest) * random())
        self.scheduler.at(now + delay, act, *arguments, process=process)
        if link.repeats and random() < link.repeats:
            again = delay + int(300 * MILLISECOND * random())
            self.scheduler.at(now + again, act, *arguments, process=process)
