"""What Prometheus sees of incidents: how many are open, whose clocks were missed, who owns none, what endangers now.

Only reads. Every series is there from the first scrape on, with a 0 where nothing is wrong.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric

from risksvc.core.incident.record import Incidents
from risksvc.core.incident.severity import ClockName, Endangered
from risksvc.core.types import SECOND, Nanoseconds, Severity


def incident_metrics(incidents: Incidents, accounts: Sequence[str], *, now: Nanoseconds) -> Iterator[Metric]:
    """`accounts`: those of the settings file."""
    opened = incidents.open()
    severities = Counter(one.severity for one in opened)
    unowned = Counter(one.severity for one in opened if not one.owner)
    yield _by_severity("risksvc_incidents_open", "Incidents that are open.", severities)
    yield _by_severity("risksvc_incidents_unowned", "Open incidents that nobody has taken.", unowned)
    oldest = min((one.opened_at for one in opened), default=now)
    age = max(0, now - oldest) / SECOND
    yield GaugeMetricFamily("risksvc_incident_oldest_open_seconds", "Age of the oldest open incident; 0: none.", age)
    yield _overdue(incidents)
    yield _endangered(incidents, accounts)


def _by_severity(name: str, text: str, found: Counter[Severity]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["severity"])
    for severity in Severity:
        family.add_metric([severity.value], found[severity])
    return family


def _overdue(incidents: Incidents) -> Metric:
    found = Counter(
        clock.name
        for one in incidents.by_id.values()
        for clock in one.clocks
        if clock.missed_at is not None and clock.met_at is None and (one.is_open or clock.name is ClockName.REVIEW)
    )
    family = GaugeMetricFamily(
        "risksvc_incident_clocks_overdue",
        "Deadlines of incidents that were missed and are still not met.",
        labels=["clock"],
    )
    for name in ClockName:
        family.add_metric([name.value], found[name])
    return family


def _endangered(incidents: Incidents, accounts: Sequence[str]) -> Metric:
    found = Counter((one.scope.account, one.name) for one in incidents.standing.values())
    family = GaugeMetricFamily(
        "risksvc_endangered", "What endangers an open position now, without a halt.", labels=["account", "name"]
    )
    for account in accounts:
        for name in Endangered:
            family.add_metric([account, name.value], found[account, name])
    return family
