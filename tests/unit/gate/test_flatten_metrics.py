"""What Prometheus sees of flattens."""

from risksvc.core.flatten.events import FlattenStopped
from risksvc.core.flatten.run import Flattens
from risksvc.gate.flatten.metrics import flatten_metrics
from tests.unit.core.a_flatten import begin, holding
from tests.unit.core.builders import World
from tests.unit.core.catalogue import ACCOUNT


def seen(flattens: Flattens) -> dict[str, dict[str, float]]:
    families = flatten_metrics(flattens, [ACCOUNT, "other"])
    return {one.name: {sample.labels["account"]: sample.value for sample in one.samples} for one in families}


def stopped(world: World) -> Flattens:
    run = begin(world)
    assert seen(world.gate.state.flattens)["risksvc_flatten_running"] == {ACCOUNT: 1, "other": 0}
    world.apply(FlattenStopped(run.flatten_id, "rita", "enough"))
    return world.gate.state.flattens


def test_nothing_is_wrong_where_none_was_started() -> None:
    nothing = {ACCOUNT: 0, "other": 0}
    assert seen(Flattens()) == {"risksvc_flatten_running": nothing, "risksvc_flatten_gaps": nothing}


def test_the_last_one_of_an_account_counts() -> None:
    world = holding()
    assert seen(stopped(world))["risksvc_flatten_gaps"] == {ACCOUNT: 1, "other": 0}
    begin(world)
    assert seen(world.gate.state.flattens)["risksvc_flatten_gaps"] == {ACCOUNT: 0, "other": 0}
