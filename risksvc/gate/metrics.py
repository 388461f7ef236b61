"""What Prometheus sees: what is counted as it happens, put together with what is read from the state at each scrape.

Names are fixed: alerts, dashboards and the runbook use them. Labels are bounded: an account or strategy that the gate
does not know is counted as "unlisted", so that no caller can make series without end. Never changes the gate's state.
The state is read on the event loop, in one go; turning it into text, which takes longer, happens beside it.
"""

import asyncio
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from risksvc.core.denials import DenialReason
from risksvc.core.events import Input, LimitsLoaded, OrderChecked, OrdersChecked, ReducingOrderChecked
from risksvc.core.incident.record import EntryKind
from risksvc.core.outputs import Decision, HaltRaised, IncidentChanged, Notice, Output
from risksvc.core.state import GateState
from risksvc.core.trips import Trigger
from risksvc.core.types import SECOND, Nanoseconds, Order
from risksvc.gate.app import GateApp
from risksvc.gate.reconciliation_metrics import SightingCounters
from risksvc.gate.state_metrics import StateMetrics

UNLISTED = "unlisted"
APPROVED, DENIED = "approved", "denied"
_CHECKED = (OrderChecked, ReducingOrderChecked)
_BUCKETS = (25e-6, 50e-6, 100e-6, 200e-6, 400e-6, 800e-6, 1.6e-3, 3.2e-3, 6.4e-3, 12.8e-3, 51.2e-3, 0.2, 1.0)


class Metrics:
    """Everything of one gate that Prometheus sees. `heard` is an owner's listener: append it to `owner.listeners`."""

    def __init__(self, app: GateApp) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nothing here uses
        self.registry = CollectorRegistry(auto_describe=True, target_info=None, support_collectors_without_names=False)
        self.heard = CheckMetrics(app, self.registry).heard
        self.registry.register(StateMetrics(app))
        ProcessCollector(namespace="", proc="/proc", registry=self.registry)
        self._turn = asyncio.Lock()  # scrapers wait for each other, so that many of them cost no more than one

    async def text(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition in the format that `accept` asks for, and its content type."""
        encode, content_type = choose_encoder(accept)
        async with self._turn:
            read = _AsRead(list(self.registry.collect()))
            text = await asyncio.get_running_loop().run_in_executor(None, encode, read)
        return text, content_type


class _AsRead(Collector):
    """What was collected, to be encoded on another thread."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


class CheckMetrics:
    """Counts checks, halts and notices. Label children are found once and kept: this is on the path of each check."""

    def __init__(self, app: GateApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._checks = Counter(
            "risksvc_checks",
            "Orders checked. outcome: approved or denied; reason: the first denial, empty when approved; strategy "
            'empty: an operator\'s own reducing order; "unlisted": not in the limits file.',
            ["account", "strategy", "outcome", "reason"],
            registry=registry,
        )
        self._seconds = Histogram(
            "risksvc_check_seconds",
            "Time to decide and journal one check (decoding and the way here are not in it).",
            registry=registry,
            buckets=_BUCKETS,
        )
        self._batch_seconds = Histogram(
            "risksvc_batch_seconds",
            "Time to decide and journal one batch of checks, whatever its size.",
            registry=registry,
            buckets=_BUCKETS,
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
        self._bound: dict[tuple[str, str, DenialReason | None], Counter] = {}
        # A series that begins at 0 shows its first increase; one that begins at 1 hides it.
        for trigger in Trigger:
            self._halts.labels(trigger.value)
        for kind in EntryKind:
            self._lines.labels(kind.value)
        self._begin_checks(app.owner.state)

    def heard(self, event: Input, outputs: tuple[Output, ...], now: Nanoseconds) -> None:
        """Counts one Input and what came of it."""
        order = event.order if isinstance(event, _CHECKED) else None
        if order is not None:
            self._seconds.observe((self._app.clock.now() - now) / SECOND)
        elif isinstance(event, OrdersChecked):
            outputs = self._count_batch(event, outputs, now)
        elif isinstance(event, LimitsLoaded):
            self._begin_checks(self._app.owner.state)
        else:
            self._sightings.took(event)
        for output in outputs:
            if order is not None and isinstance(output, Decision):
                self._count(order, output)
            else:
                self._count_news(output)

    def _count_batch(self, event: OrdersChecked, outputs: tuple[Output, ...], now: Nanoseconds) -> tuple[Output, ...]:
        """Counts each order of a batch, all that are alike at once; gives back what else came of it."""
        self._batch_seconds.observe((self._app.clock.now() - now) / SECOND)
        alike: dict[tuple[str, str, DenialReason | None], int] = {}
        for asked, answer in zip(event.orders, outputs, strict=False):
            if isinstance(answer, Decision):
                reason = answer.denials[0].reason if answer.denials else None
                key = (asked.order.account, asked.order.strategy, reason)
                alike[key] = alike.get(key, 0) + 1
        for (account, strategy, reason), number in alike.items():
            listed = _listed(self._app.owner.state, account, strategy)
            self._child(*listed, reason).inc(number)
        return outputs[len(event.orders) :]

    def _count_news(self, output: Output) -> None:
        if isinstance(output, HaltRaised) and not output.repeated:
            self._halts.labels(output.halt.trigger).inc()
        elif isinstance(output, Notice):
            self._notices.labels(output.kind.value, output.name).inc()
            self._sightings.told(output)
        elif isinstance(output, IncidentChanged):
            self._lines.labels(output.kind).inc()

    def _count(self, order: Order, decision: Decision) -> None:
        account, strategy = _listed(self._app.owner.state, order.account, order.strategy)
        reason = decision.denials[0].reason if decision.denials else None
        self._child(account, strategy, reason).inc()

    def _child(self, account: str, strategy: str, reason: DenialReason | None) -> Counter:
        key = (account, strategy, reason)
        child = self._bound.get(key)
        if child is None:
            outcome, name = (APPROVED, "") if reason is None else (DENIED, reason.name)
            child = self._bound[key] = self._checks.labels(account, strategy, outcome, name)
        return child

    def _begin_checks(self, state: GateState) -> None:
        for book in state.accounts.values():
            for strategy in {} if book.limits is None else book.limits.strategies:
                self._child(book.name, strategy, None)


def _listed(state: GateState, account: str, strategy: str) -> tuple[str, str]:
    """The labels of an order's account and strategy."""
    book = state.accounts.get(account)
    if book is None:
        return UNLISTED, UNLISTED
    known = not strategy or (book.limits is not None and strategy in book.limits.strategies)
    return account, strategy if known else UNLISTED
