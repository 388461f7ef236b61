"""Every scenario by name, in the order in which they run."""

from collections.abc import Mapping

from tests.chaos.clocks import clocks, redis_clock
from tests.chaos.disks import full_disk
from tests.chaos.flattens import flattens
from tests.chaos.kills import kills
from tests.chaos.network import network
from tests.chaos.pauses import pauses
from tests.chaos.sentinels import failovers
from tests.chaos.stage import Scenario
from tests.chaos.stores import on_valkey, store
from tests.chaos.timing import halts, halts_everywhere, halts_while_dead, halts_while_hung

MEASURED = "timing"  # their names begin so
SCENARIOS: Mapping[str, Scenario] = {
    "kills": kills,
    "pauses": pauses,
    "network": network,
    "store": store,
    "store-valkey": on_valkey(store),
    "sentinel": failovers,
    "sentinel-valkey": on_valkey(failovers),
    "clock": clocks,
    "clock-redis": redis_clock,
    "disk": full_disk,
    "timing": halts,
    "timing-everywhere": halts_everywhere,
    "timing-hung": halts_while_hung,
    "timing-dead": halts_while_dead,
}
# Only where asked for by name: a cycle takes seconds, and the suite has a short version of its own.
BY_NAME: Mapping[str, Scenario] = {"flatten": flattens}
