"""What Prometheus sees: what is counted as it happens, put together with what is read from the state at each scrape.

Names are fixed: alerts, dashboards and the runbook use them. Never changes the gate's state. The state is read on the
event loop, a few rows at a time: ten thousand instruments are fifty thousand rows. Turning it into text, which takes
longer, happens beside it.
"""

import asyncio
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from risksvc.core.events import Input, LimitsLoaded, OrderChecked, OrdersChecked, ReducingOrderChecked
from risksvc.core.incident.record import EntryKind
from risksvc.core.outputs import Decision, HaltRaised, IncidentChanged, Notice, Output
from risksvc.core.trips import Trigger
from risksvc.core.types import SECOND, Nanoseconds, Order
from risksvc.gate.app import GateApp
from risksvc.gate.check_metrics import BOUNDS, CheckTally
from risksvc.gate.reconciliation_metrics import SightingCounters
from risksvc.gate.state_metrics import StateMetrics

_CHECKED = (OrderChecked, ReducingOrderChecked)


class Metrics:
    """Everything of one gate that Prometheus sees. `heard` is an owner's listener: append it to `owner.listeners`."""

    def __init__(self, app: GateApp) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nothing here uses
        self.registry = CollectorRegistry(auto_describe=True, target_info=None, support_collectors_without_names=False)
        self.heard = StepMetrics(app, self.registry).heard
        self._state = StateMetrics(app)
        ProcessCollector(namespace="", proc="/proc", registry=self.registry)
        self._turn = asyncio.Lock()  # scrapers wait for each other, so that many of them cost no more than one

    async def text(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition in the format that `accept` asks for, and its content type."""
        encode, content_type = choose_encoder(accept)
        async with self._turn:
            read = _AsRead([*self.registry.collect()])
            for family in self._state.steps():
                if family is None:
                    await asyncio.sleep(0)
                else:
                    read.families.append(family)
            text = await asyncio.get_running_loop().run_in_executor(None, encode, read)
        return text, content_type


class _AsRead(Collector):
    """What was collected, to be encoded on another thread."""

    def __init__(self, families: list[Metric]) -> None:
        self.families = families

    def collect(self) -> Iterable[Metric]:
        return self.families


class StepMetrics:
    """Counts checks, halts, notices and lines of incidents, step by step."""

    def __init__(self, app: GateApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._now = app.clock.now
        self._checks = CheckTally()
        registry.register(self._checks)
        self._batches = Histogram(
            "risksvc_batch_seconds",
            "Time to decide and journal one batch of checks, whatever its size.",
            registry=registry,
            buckets=[bound / SECOND for bound in BOUNDS],
        )
        self._halts = Counter("risksvc_halts", "Halts raised by this gate.", ["trigger"], registry=registry)
        self._notices = Counter(
            "risksvc_notices",
            "What people were told, by kind and by limit or divergence class.",
            ["kind", "name"],
            registry=registry,
        )
        self._lines = Counter(
            "risksvc_incident_lines",
            "Lines of incidents' timelines, by kind; ESCALATED: a deadline was missed.",
            ["kind"],
            registry=registry,
        )
        self._sightings = SightingCounters(registry, app.settings.accounts)
        # A series that begins at 0 shows its first increase; one that begins at 1 hides it.
        for trigger in Trigger:
            self._halts.labels(trigger.value)
        for kind in EntryKind:
            self._lines.labels(kind.value)
        self._checks.begin(app.owner.state)

    def heard(self, event: Input, outputs: tuple[Output, ...], now: Nanoseconds) -> None:
        """Counts one Input and what came of it."""
        if isinstance(event, _CHECKED):
            self._count(event.order, outputs[0], self._now() - now)
            if len(outputs) == 1:
                return
        elif isinstance(event, OrdersChecked):
            outputs = self._count_batch(event, outputs, now)
        elif isinstance(event, LimitsLoaded):
            self._checks.begin(self._app.owner.state)
        else:
            self._sightings.took(event)
        for output in outputs:
            self._count_news(output)

    def _count(self, order: Order, decision: Output, took: Nanoseconds) -> None:
        """The answer to a check, which comes first of what it gave."""
        if not isinstance(decision, Decision):
            raise TypeError(f"a check gave {type(decision).__name__}")
        state = self._app.owner.state
        if decision.denials:
            self._checks.denied(state, order, reason=decision.denials[0].reason, took=took)
        else:
            self._checks.approved(state, order, took=took)

    def _count_batch(self, event: OrdersChecked, outputs: tuple[Output, ...], now: Nanoseconds) -> tuple[Output, ...]:
        """Counts each order of a batch; gives back what else came of it."""
        self._batches.observe((self._now() - now) / SECOND)
        state, asked = self._app.owner.state, len(event.orders)
        for one, decision in zip(event.orders, outputs[:asked], strict=True):
            if not isinstance(decision, Decision):
                raise TypeError(f"an order of a batch gave {type(decision).__name__}")
            reason = decision.denials[0].reason if decision.denials else None
            self._checks.in_batch(state, one.order, reason=reason)
        return outputs[asked:]

    def _count_news(self, output: Output) -> None:
        if isinstance(output, HaltRaised) and not output.repeated:
            self._halts.labels(output.halt.trigger).inc()
        elif isinstance(output, Notice):
            self._notices.labels(output.kind.value, output.name).inc()
            self._sightings.told(output)
        elif isinstance(output, IncidentChanged):
            self._lines.labels(output.kind).inc()
