"""What Prometheus sees of decisions: which courses are in force, what is required, which holds wait for somebody."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric

from risksvc.core.incident.choosing import waiting_for
from risksvc.core.incident.record import Course, Incident


def course_metrics(incidents: Sequence[Incident]) -> Iterator[Metric]:
    """`incidents`: the open ones."""
    in_force = GaugeMetricFamily(
        "risksvc_course_in_force", "Open incidents in which this course is in force.", labels=["course"]
    )
    for course in Course:
        in_force.add_metric([course.value], sum(one.course is course for one in incidents))
    yield in_force
    yield GaugeMetricFamily(
        "risksvc_flatten_required_by_assessment",
        "Open incidents in which an assessment found a position outside its band, and none since found all inside.",
        value=sum(bool(one.outside_since) for one in incidents),
    )
    yield GaugeMetricFamily(
        "risksvc_hold_waiting",
        "Open incidents in which a hold is recorded by one person and waits for another, so that it is not in force.",
        value=sum(bool(waiting_for(one)) for one in incidents),
    )
