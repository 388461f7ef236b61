"""What Prometheus sees of telling people: how much was told, what became of it, whether anybody would be told now.

By role and never by name: a metric is read by many.
"""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from risksvc.core.types import SECOND, Nanoseconds
from risksvc.gate.telling.contacts_schema import ROLES, SUPPORT
from risksvc.gate.telling.notifying import DELIVERED, FAILED, GAVE_UP, Notifying


def notifying_metrics(notifying: Notifying, *, now: Nanoseconds) -> Iterator[Metric]:
    """All of them."""
    told, keeper = notifying.told, notifying.keeper
    messages = CounterMetricFamily(
        "risksvc_messages",
        "Changes of incidents that everybody was to be told of. addressed: everybody, or nobody (no contacts).",
        labels=["addressed"],
    )
    messages.add_metric(["everybody"], told.messages - told.to_nobody)
    messages.add_metric(["nobody"], told.to_nobody)
    yield messages
    deliveries = CounterMetricFamily(
        "risksvc_deliveries",
        "Attempts to tell one recipient by one channel. outcome: delivered, failed (it is tried again), gave_up.",
        labels=["outcome", "role"],
    )
    for outcome in (DELIVERED, FAILED, GAVE_UP):
        for role in (*ROLES, SUPPORT):
            deliveries.add_metric([outcome, role], told.deliveries[outcome, role])
    yield deliveries
    yield from _now(notifying, now=now)
    yield _counter("risksvc_notifier_restarts", "The process that sends was started again.", notifying.process.restarts)
    yield _counter("risksvc_contacts_failures", "Contacts files that were refused.", keeper.failures)
    yield _counter("risksvc_notifying_errors", "Internal errors while telling people.", told.errors)


def _now(notifying: Notifying, *, now: Nanoseconds) -> Iterator[Metric]:
    process = notifying.process
    yield _gauge("risksvc_undelivered", "Deliveries that are still tried.", notifying.undelivered)
    yield _gauge(
        "risksvc_undelivered_oldest_seconds",
        "Age of the oldest message that somebody still has to get; 0: all have.",
        notifying.oldest_undelivered(now) / SECOND,
    )
    yield _gauge("risksvc_notifier_up", "1 while the process that sends can send, or nobody needs it.", process.fine)
    yield _gauge("risksvc_contacts", "Recipients with a channel; 0: nobody is told.", notifying.recipients)
    yield _gauge(
        "risksvc_contacts_last_load_successful",
        "0 while the contacts file can't be used: whoever was told before is told still.",
        not notifying.keeper.last_error,
    )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)
