"""A gate of which only the state is real, its metrics, and a way to read them."""

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from prometheus_client.parser import text_string_to_metric_families

from risksvc.core.denials import DenialReason
from risksvc.core.events import Input
from risksvc.core.types import MILLISECOND
from risksvc.gate.app import Counters, GateApp
from risksvc.gate.journal import JournalStats
from risksvc.gate.metrics import Metrics
from risksvc.gate.snapshot_keeper import SnapshotStats
from risksvc.gate.telling.contacts_keeper import ContactsKeeper
from risksvc.gate.telling.notifying import Notifying
from tests.unit.core.builders import World
from tests.unit.core.catalogue import ACCOUNT

if TYPE_CHECKING:
    from risksvc.gate.feeds import FeedLink
    from risksvc.gate.kill_switch.follower import NamespaceStatus
    from risksvc.gate.kill_switch.soundness import Inspection

Labels = frozenset[tuple[str, str]]


class Scraped:
    """A gate of which only the state is real, its metrics, and a way to read them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lease_left_ns = 200 * MILLISECOND
        self.namespaces: tuple[NamespaceStatus, ...] = ()
        self.inspection: Inspection | None = None
        self.link: FeedLink | None = None
        state, kill_switch = world.gate.state, SimpleNamespace(status=self._kill_switch)
        self.owner = SimpleNamespace(
            state=state,
            fault=None,
            journal_stats=JournalStats(7, 900, 1, "/j", "process", 0, 0, ""),
            closed_because=self._closed_because,
        )
        parts = {
            "gate_id": "g1",
            "version": "1.0",
            "settings": SimpleNamespace(accounts={ACCOUNT: None}),
            "clock": SimpleNamespace(now=lambda: world.now),
            "owner": self.owner,
            "kill_switch": kill_switch,
            "limits": SimpleNamespace(reloads=2, failures=1, last_error="limits.yaml:3: a mistake"),
            "watchers": [None, None],
            "certificates": {},
            "feeds": SimpleNamespace(link=lambda _: self.link),
            "counters": Counters(malformed=3, late_loops=1),
            "snapshots": SnapshotStats(),
            "notifying": Notifying(
                cast("Any", self.owner), cast("Any", None), gate_id="g1", keeper=ContactsKeeper(None)
            ),
        }
        self.metrics = Metrics(cast("GateApp", SimpleNamespace(**parts)))
        self._apply = world.apply
        world.apply = self._heard  # type: ignore[method-assign]  # the world's Inputs go by the listener

    def _heard(self, event: Input) -> tuple[Any, ...]:
        outputs = self._apply(event)
        self.metrics.heard(event, outputs, self.world.now)
        return outputs

    def _closed_because(self, account: str, now: int) -> tuple[DenialReason, ...]:
        fault = (DenialReason.GATE_FAULT,)
        return fault if self.owner.fault else self.world.gate.closed_because(account, now)

    def _kill_switch(self) -> SimpleNamespace:
        return SimpleNamespace(
            lease_left_ns=self.lease_left_ns,
            bound_ns=400 * MILLISECOND,
            namespaces=self.namespaces,
            inspection=self.inspection,
        )

    def text(self) -> str:
        return asyncio.run(self.metrics.text())[0].decode()

    def read(self) -> dict[str, dict[Labels, float]]:
        found: dict[str, dict[Labels, float]] = {}
        for family in text_string_to_metric_families(self.text()):
            for sample in family.samples:
                found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
        return found

    def one(self, name: str, **labels: str) -> float:
        rows = self.read()[name]
        return rows[frozenset(labels.items())]
