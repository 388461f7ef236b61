"""What Prometheus sees of incidents."""

from risksvc.core.incident import events as incident_events
from risksvc.core.incident.record import Incidents
from risksvc.core.types import SECOND, Scope, Severity
from risksvc.gate.incident.metrics import incident_metrics
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT

HOUR = 3600 * SECOND


def scraped(world: World) -> dict[str, float]:
    """Every series that is not 0, by name and label values."""
    families = incident_metrics(world.gate.state.incidents, [ACCOUNT], now=world.now)
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
        if sample.value
    }


def test_without_an_incident_every_series_is_there_and_zero() -> None:
    samples = [one for family in incident_metrics(Incidents(), [ACCOUNT], now=1) for one in family.samples]
    assert {one.value for one in samples} == {0}
    assert len(samples) == 3 + 3 + 1 + 6 + 5


def test_open_owned_old_and_overdue() -> None:
    world = given()
    world.apply(incident_events.IncidentOpened(Scope(ACCOUNT), Severity.P0, "odd", "olga"))
    world.now += HOUR - 1_000_000
    world.tick()
    assert scraped(world) == {
        "risksvc_incidents_open P0": 1,
        "risksvc_incidents_unowned P0": 1,
        "risksvc_incident_oldest_open_seconds": 3600,
        "risksvc_incident_clocks_overdue HALT": 1,
        "risksvc_incident_clocks_overdue ASSESS": 1,
        "risksvc_incident_clocks_overdue ROOT_CAUSE": 1,
    }
    world.apply(incident_events.IncidentTaken("g1-i1", "olga"))
    world.apply(incident_events.CauseNamed("g1-i1", "tracker", fixed=True, by="olga"))
    world.halt()
    assert "risksvc_incidents_unowned P0" not in scraped(world)
    assert {name for name in scraped(world) if "overdue" in name} == {"risksvc_incident_clocks_overdue ASSESS"}
    world.cleared_elsewhere()
    world.apply(incident_events.IncidentClosed("g1-i1", "over", "olga"))
    assert scraped(world) == {}
    world.now += 48 * HOUR
    world.tick()
    assert scraped(world) == {"risksvc_incident_clocks_overdue REVIEW": 1}


def test_what_endangers_now_is_told_by_account() -> None:
    world = given()
    world.hold("a1", "0.1")
    world.now += 31 * SECOND
    world.lease()
    world.tick()
    assert {name: value for name, value in scraped(world).items() if "endangered" in name} == {
        "risksvc_endangered main MONITORING_LOST": 1,
        "risksvc_endangered main STRATEGY_SILENT": 1,
    }
